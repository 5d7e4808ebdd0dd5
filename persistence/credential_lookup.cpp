// One query each: these are asked for every credential that is new to a gateway.
#include "persistence/credential_lookup.hpp"

#include "persistence/columns.hpp"
#include "persistence/identity_reader.hpp"

namespace troupe::sql {

credential_lookup::credential_lookup(connection& db)
    : find_key_{db,
                "SELECT u.id,email,username,organization,password_hash,role,tier,u.created_ms,"
                "k.id,expires_ms,revoked_ms,status,1," +
                    has_factor +
                    ",scopes,models,networks,per_minute,must_sign FROM api_keys k "
                    "JOIN users u ON u.id=user_id WHERE key_hash=?"},
      // A secret that was replaced ends before its key may.
      find_old_key_{db,
                    "SELECT u.id,email,username,organization,password_hash,role,tier,u.created_ms,k.id,"
                    "CASE WHEN expires_ms=0 OR expires_ms>ends_ms THEN ends_ms ELSE expires_ms END,"
                    "revoked_ms,status,1," +
                        has_factor +
                        ",scopes,models,networks,per_minute,must_sign FROM old_keys o"
                        " JOIN api_keys k ON k.id=o.key_id JOIN users u ON u.id=user_id WHERE o.key_hash=?"},
      find_session_{db,
                    "SELECT u.id,email,username,organization,password_hash,role,tier,u.created_ms,"
                    "s.id,expires_ms,revoked_ms,status,CASE WHEN client_id<>'' THEN 1 ELSE mfa END," +
                        has_factor +
                        ",CASE WHEN client_id<>'' THEN client_scopes ELSE s.scopes END,'','',0,0"
                        " FROM sessions s JOIN users u ON u.id=user_id WHERE s.id=?"} {}

std::optional<credential_row> credential_lookup::key(const std::string& hash) {
  auto found = find(find_key_, hash);
  return found ? found : find(find_old_key_, hash);
}

std::optional<credential_row> credential_lookup::session(const std::string& id) { return find(find_session_, id); }

std::optional<credential_row> credential_lookup::find(statement& find, const std::string& by) {
  credential_row x;
  credential_rules rules;
  std::string scopes, models, networks;
  auto verified = false, factor = false;
  auto take = [&](row& r) {
    r(x.user, x.credential_id, x.expires_ms, x.revoked_ms, x.status, verified, factor, scopes, models, networks,
      rules.per_minute, rules.must_sign);
  };
  if (!find.first(take, by)) return {};
  x.mfa = factor && verified;
  x.mfa_due = factor && !verified;
  rules.scopes = words_of(scopes);
  rules.models = words_of(models);
  rules.networks = words_of(networks);
  if (!(rules == credential_rules{})) x.rules = std::make_shared<const credential_rules>(std::move(rules));
  return x;
}

}  // namespace troupe::sql
