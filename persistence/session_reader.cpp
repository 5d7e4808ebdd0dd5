// Statements behind `session_reader`.
#include "persistence/session_reader.hpp"

#include "persistence/columns.hpp"
#include "persistence/identity_reader.hpp"

namespace troupe::sql {

namespace {

class session_lookup : public session_reader {
public:
  explicit session_lookup(connection& db) : db_{db} {}

  std::vector<session_view> sessions(const std::string& user_id, time_ms now_ms) override {
    std::vector<session_view> list;
    auto take = [&](row& r) {
      auto& x = list.emplace_back();
      std::string scopes;
      r(x.row.id, x.row.user_id, x.row.created_ms, x.row.expires_ms, x.row.revoked_ms, x.mfa, x.refreshable, scopes,
        x.label, x.ip, x.agent, x.refreshed_ms);
      x.scopes = words_of(scopes);
    };
    list_.each(take, user_id, now_ms, sessions_max);
    return list;
  }
  std::optional<refreshed_user> find_family(const std::string& family, time_ms now_ms) override {
    refreshed_user x;
    std::string status;
    time_ms expires_ms = 0, revoked_ms = 0;
    auto take = [&](row& r) { r(x.user, x.session_id, x.mfa, expires_ms, revoked_ms, status); };
    if (!find_family_.first(take, family)) return {};
    x.lives = revoked_ms == 0 && expires_ms > now_ms && status == "active";
    return x;
  }
  std::vector<signing_key_row> signing_keys(const std::string& owner) override {
    std::vector<signing_key_row> list;
    auto take = [&](row& r) {
      auto& x = list.emplace_back();
      r(x.kid, x.owner, x.algorithm, x.secret, x.from_ms, x.ends_ms);
    };
    keys_.each(take, owner);
    return list;
  }

private:
  connection& db_;
  statement list_{db_,
                  "SELECT id,user_id,created_ms,expires_ms,revoked_ms,mfa,CASE WHEN family<>'' THEN 1 ELSE 0 END,"
                  "scopes,label,ip,agent,refreshed_ms FROM sessions WHERE user_id=? AND revoked_ms=0 AND expires_ms>?"
                  " ORDER BY created_ms DESC, id DESC LIMIT ?"};
  statement find_family_{db_,
                         "SELECT u.id,email,username,organization,password_hash,role,tier,u.created_ms,"
                         "s.id,mfa,expires_ms,revoked_ms,status FROM sessions s JOIN users u ON u.id=user_id"
                         " WHERE family=? AND family<>''"};
  statement keys_{db_,
                  "SELECT kid,owner,algorithm,secret,from_ms,ends_ms FROM signing_keys WHERE owner=?"
                  " ORDER BY from_ms,kid"};
};

}  // namespace

std::unique_ptr<session_reader> open_sessions(connection& db) { return std::make_unique<session_lookup>(db); }

}  // namespace troupe::sql
