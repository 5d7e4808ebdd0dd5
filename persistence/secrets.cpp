// Rows are found by their key, so that a batch that was interrupted is simply found again.
#include "persistence/secrets.hpp"

#include "persistence/sql.hpp"

namespace troupe {

namespace {

constexpr int32_t batch = 200;
constexpr std::string_view check_name = "encryption_check", check_text = "troupe";

std::string context_of(const std::string& name) { return "secret:" + name; }

/// Inserts unless it is there; what is there now.
std::string kept_value(sql::connection& db, const std::string& name, const std::string& fresh) {
  sql::statement{db, "INSERT INTO cluster_secrets(name,value) VALUES(?,?) ON CONFLICT(name) DO NOTHING"}.run(name,
                                                                                                             fresh);
  std::string value;
  sql::statement{db, "SELECT value FROM cluster_secrets WHERE name=?"}.first([&](sql::row& r) { r(value); }, name);
  return value;
}

struct sealed_row {
  std::string key, text;
};

std::string name_of(const sealed_column& at, const std::string& key) {
  return std::string{at.table} + "." + std::string{at.column} + " of " + key;
}

/// The next rows after `last` that need it, or fewer when there are no more.
std::vector<sealed_row> next_rows(sql::connection& db, const sealed_column& at, const vault& v, std::string& last) {
  auto key = std::string{at.key}, column = std::string{at.column};
  sql::statement page{db, "SELECT " + key + "," + column + " FROM " + std::string{at.table} + " WHERE " + key +
                              ">? ORDER BY " + key + " LIMIT ?"};
  std::vector<sealed_row> found;
  for (int64_t count = batch; count == batch && std::ssize(found) < batch;) {
    count = 0;
    auto after = last;
    page.each(
        [&](sql::row& r) {
          sealed_row x;
          r(x.key, x.text);
          last = x.key;
          ++count;
          if (is_sealed(x.text) && !v.is_newest(x.text)) found.push_back(std::move(x));
        },
        after, batch);
  }
  return found;
}

int64_t reseal_column(sql::connection& db, const sealed_column& at, const vault& v) {
  auto column = std::string{at.column};
  sql::statement put{db, "UPDATE " + std::string{at.table} + " SET " + column + "=? WHERE " + std::string{at.key} +
                             "=? AND " + column + "=?"};
  int64_t done = 0;
  std::string last;
  for (;;) {
    auto rows = next_rows(db, at, v, last);
    if (rows.empty()) return done;
    db.begin();
    for (auto& x : rows) {
      auto context = std::string{at.context} + x.key;
      auto plain = v.open(x.text, context);
      if (!plain) throw store_unavailable{name_of(at, x.key) + " cannot be opened with any of the keys"};
      done += put.run(v.seal(*plain, context), x.key, x.text);
    }
    db.commit();
  }
}

}  // namespace

const std::vector<sealed_column>& sealed_columns() {
  static const std::vector<sealed_column> list{
      {"cluster_secrets", "name", "value", "secret:"},  {"mfa_factors", "id", "secret", "mfa:"},
      {"oidc_logins", "state_hash", "kept", "oidc:"},   {"signing_keys", "kid", "secret", "signing:"},
      {"webhooks", "id", "url", "webhook_url:"},        {"webhooks", "id", "secret", "webhook:"},
      {"webhooks", "id", "old_secret", "webhook_old:"},
  };
  return list;
}

void check_vault(store& s, const vault& v) {
  auto db = s.open_for_copy();
  auto name = std::string{check_name};
  auto there = kept_value(*db, name, v.seal(check_text, context_of(name)));
  if (v.open(there, context_of(name)) == check_text) return;
  throw store_unavailable{
      "the secrets in this database were sealed with another encryption key: give the one of the gateway that came "
      "first (--encryption-key, or its encryption.key in the data folder)"};
}

std::string shared_secret(store& s, const vault& v, const std::string& name, const std::string& fresh) {
  auto db = s.open_for_copy();
  auto there = kept_value(*db, name, v.seal(fresh, context_of(name)));
  if (!is_sealed(there)) {
    sql::statement put{*db, "UPDATE cluster_secrets SET value=? WHERE name=? AND value=?"};
    put.run(v.seal(there, context_of(name)), name, there);
    return there;
  }
  auto plain = v.open(there, context_of(name));
  if (!plain) throw store_unavailable{"the secret \"" + name + "\" cannot be opened with this encryption key"};
  return *plain;
}

int64_t reseal(store& s, const vault& v) {
  auto db = s.open_for_copy();
  int64_t done = 0;
  for (auto& at : sealed_columns()) done += reseal_column(*db, at, v);
  return done;
}

}  // namespace troupe
