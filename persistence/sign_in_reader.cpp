// Statements behind `sign_in_reader`.
#include "persistence/sign_in_reader.hpp"

#include "persistence/sql.hpp"

namespace troupe::sql {

namespace {

class lookup : public sign_in_reader {
public:
  explicit lookup(connection& db) : db_{db} {}

  mfa_view mfa(const std::string& user_id) override {
    mfa_view view;
    auto take = [&](row& r) {
      auto& x = view.factors.emplace_back();
      r(x.user_id, x.method, x.secret, x.enabled_ms, x.last_step);
    };
    factors_.each(take, user_id);
    auto take_code = [&](row& r) {
      auto& x = view.codes.emplace_back();
      r(x.method, x.hash, x.sent_ms);
    };
    codes_.each(take_code, user_id);
    wrong_.first([&](row& r) { r(view.wrong, view.wrong_ms); }, user_id);
    return view;
  }

  std::optional<oauth_client> find_client(const std::string& id) override {
    oauth_client x;
    if (!client_.first([&](row& r) { take_client(r, x); }, id)) return {};
    return x;
  }
  std::vector<oauth_client> list_clients(const std::string& user_id) override {
    std::vector<oauth_client> list;
    clients_.each([&](row& r) { take_client(r, list.emplace_back()); }, user_id);
    return list;
  }
  std::optional<oidc_login> find_oidc_login(const std::string& state_hash) override {
    oidc_login x;
    if (!login_.first([&](row& r) { r(x.state_hash, x.kept, x.user_id, x.expires_ms); }, state_hash)) return {};
    return x;
  }
  std::string oidc_user(const std::string& issuer, const std::string& subject) override {
    std::string user_id;
    link_.first([&](row& r) { r(user_id); }, issuer, subject);
    return user_id;
  }
  std::string user_status(const std::string& user_id) override {
    std::string status;
    status_.first([&](row& r) { r(status); }, user_id);
    return status;
  }

private:
  static void take_client(row& r, oauth_client& x) {
    r(x.id, x.user_id, x.name, x.secret_hash, x.scopes, x.created_ms, x.revoked_ms);
  }

  connection& db_;
  statement factors_{db_, "SELECT user_id,method,secret,enabled_ms,last_step FROM mfa_factors WHERE user_id=?"};
  statement codes_{db_, "SELECT kind,code_hash,sent_ms FROM mfa_codes WHERE user_id=?"};
  statement wrong_{db_, "SELECT wrong,wrong_ms FROM mfa_attempts WHERE user_id=?"};
  statement client_{db_,
                    "SELECT id,user_id,name,secret_hash,scopes,created_ms,revoked_ms FROM oauth_clients WHERE id=?"};
  statement clients_{db_,
                     "SELECT id,user_id,name,secret_hash,scopes,created_ms,revoked_ms FROM oauth_clients"
                     " WHERE user_id=? AND revoked_ms=0 ORDER BY id"};
  statement login_{db_, "SELECT state_hash,kept,user_id,expires_ms FROM oidc_logins WHERE state_hash=?"};
  statement link_{db_, "SELECT user_id FROM oidc_links WHERE issuer=? AND subject=?"};
  statement status_{db_, "SELECT status FROM users WHERE id=?"};
};

}  // namespace

std::unique_ptr<sign_in_reader> open_sign_in(connection& db) { return std::make_unique<lookup>(db); }

}  // namespace troupe::sql
