// Statements behind `identity_reader`.
#include "persistence/identity_reader.hpp"

#include "model/spending.hpp"
#include "persistence/key_book.hpp"

namespace troupe::sql {

namespace {

const std::string key_columns =
    "id,user_id,key_hash,prefix,name,created_ms,expires_ms,revoked_ms,scopes,models,networks,per_minute,must_sign,"
    "used_ms";

class people_lookup : public identity_reader {
public:
  explicit people_lookup(connection& db) : db_{db} {}

  rate_counts counts(const std::string& user_id) override {
    rate_counts c;
    std::string keys;
    auto take = [&](row& r) {
      r(c.minute.start_ms, c.minute.count, c.hour.start_ms, c.hour.count, c.day.start_ms, c.day.count, keys);
    };
    if (counts_.first(take, user_id)) c.keys = windows_of(keys);
    return c;
  }
  std::vector<key_view> keys(const std::string& user_id, int32_t most, time_ms now_ms) override {
    std::vector<key_view> list;
    keys_.each([&](row& r) { list.push_back(view_of(r)); }, user_id, most);
    for (auto& k : list) add_limits(k, now_ms);
    return list;
  }
  std::optional<key_view> key(const std::string& key_id, time_ms now_ms) override {
    std::optional<key_view> found;
    key_.each([&](row& r) { found = view_of(r); }, key_id);
    if (found) add_limits(*found, now_ms);
    return found;
  }
  session_reader& sessions() override { return *sessions_; }
  sign_in_reader& sign_in() override { return *sign_in_; }
  webhook_reader& webhooks() override { return *webhooks_; }

private:
  static key_view view_of(row& r) {
    key_view k;
    std::string scopes, models, networks;
    auto& x = k.row;
    r(x.id, x.user_id, x.key_hash, x.prefix, x.name, x.created_ms, x.expires_ms, x.revoked_ms, scopes, models, networks,
      k.rules.per_minute, k.rules.must_sign, k.used_ms);
    k.rules.scopes = words_of(scopes);
    k.rules.models = words_of(models);
    k.rules.networks = words_of(networks);
    return k;
  }
  void add_limits(key_view& k, time_ms now_ms) {
    auto take = [&](row& r) {
      auto& [limit, spent] = k.limits.emplace_back();
      r(limit.scope, limit.period, limit.currency, limit.limit, spent);
    };
    limits_.each(take, day_of(now_ms), month_of(now_ms), "key:" + k.row.id);
  }

  connection& db_;
  std::unique_ptr<session_reader> sessions_ = open_sessions(db_);
  std::unique_ptr<sign_in_reader> sign_in_ = open_sign_in(db_);
  std::unique_ptr<webhook_reader> webhooks_ = open_webhooks(db_);
  statement counts_{db_,
                    "SELECT minute_start,minute_count,hour_start,hour_count,day_start,day_count,keys FROM rate_counts"
                    " WHERE user_id=?"};
  statement keys_{db_, "SELECT " + key_columns + " FROM api_keys WHERE user_id=? ORDER BY created_ms DESC,id LIMIT ?"};
  statement key_{db_, "SELECT " + key_columns + " FROM api_keys WHERE id=?"};
  statement limits_{db_,
                    "SELECT l.scope,l.period,l.asset,l.ceiling,coalesce(s.committed,0) FROM spend_limits l"
                    " LEFT JOIN spending s ON s.scope=l.scope AND s.asset=l.asset AND s.period="
                    "CASE l.period WHEN 'day' THEN ? WHEN 'month' THEN ? ELSE '' END"
                    " WHERE l.scope=? ORDER BY l.period,l.asset"};
};

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (auto& c : text)
    if (c == ' ')
      words.emplace_back();
    else if (words.empty())
      words.emplace_back(1, c);
    else
      words.back() += c;
  return words;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (auto& x : words) text += (text.empty() ? "" : " ") + x;
  return text;
}

std::unique_ptr<identity_reader> open_identity(connection& db) { return std::make_unique<people_lookup>(db); }

}  // namespace troupe::sql
