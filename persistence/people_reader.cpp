// Ids rise with time, so they are the order of registration.
#include "persistence/people_reader.hpp"

#include "persistence/people_book.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

namespace {

const std::string user_fields =
    "u.id,u.email,u.username,u.organization,u.role,u.tier,u.created_ms,u.status,u.status_ms,"
    "(SELECT count(*) FROM api_keys k WHERE k.user_id=u.id AND k.revoked_ms=0)";
const std::string key_fields = "id,user_id,key_hash,prefix,name,created_ms,expires_ms,revoked_ms";

known_user user_of(row& r) {
  known_user x;
  r(x.row.id, x.row.email, x.row.username, x.row.organization, x.row.role, x.row.tier, x.row.created_ms, x.status,
    x.status_ms, x.keys);
  return x;
}

api_key_row key_of(row& r) {
  api_key_row k;
  r(k.id, k.user_id, k.key_hash, k.prefix, k.name, k.created_ms, k.expires_ms, k.revoked_ms);
  return k;
}

/// The condition of a filter, and its values in the same order.
struct question {
  std::string where;
  std::vector<std::string> texts;
  std::vector<int64_t> numbers;

  void text(const std::string& condition, const std::string& value) {
    if (value.empty()) return;
    add(condition);
    texts.push_back(value);
  }
  void number(const std::string& condition, int64_t value) {
    if (value == 0) return;
    add(condition);
    numbers.push_back(value);
  }
  void add(const std::string& condition) { where += (where.empty() ? " WHERE " : " AND ") + condition; }
};
template <class I>
auto inspect(I& f, question& x) {
  for (auto& t : x.texts) f(t);
  for (auto& n : x.numbers) f(n);
  return true;
}

/// For LIKE with ESCAPE '!': what the text says, letter by letter.
std::string pattern_of(const std::string& part) {
  if (part.empty()) return {};
  std::string pattern = "%";
  for (auto c : lower_case(part)) pattern += c == '%' || c == '_' || c == '!' ? std::string{'!', c} : std::string{c};
  return pattern + "%";
}

question question_of(const user_filter& f) {
  question q;
  q.text("u.email || ' ' || u.username LIKE ? ESCAPE '!'", pattern_of(f.email));
  q.text("u.tier=?", f.tier);
  q.text("u.role=?", f.role);
  q.text("u.status=?", f.status);
  q.number("u.created_ms>=?", f.from_ms);
  q.number("u.created_ms<?", f.to_ms);
  return q;
}

class people : public people_reader {
public:
  explicit people(connection& db) : db_{db} {}

  std::vector<known_user> list(const user_filter& f) override {
    auto q = question_of(f);
    if (!f.before_id.empty()) {  // texts come before numbers
      q.where = " WHERE u.id<?" + (q.where.empty() ? "" : " AND " + q.where.substr(7));
      q.texts.insert(q.texts.begin(), f.before_id);
    }
    std::vector<known_user> found;
    statement find{db_, "SELECT " + user_fields + " FROM users u" + q.where + " ORDER BY u.id DESC LIMIT ?"};
    find.each([&](row& r) { found.push_back(user_of(r)); }, q, f.limit);
    return found;
  }
  int64_t count(const user_filter& f) override {
    auto q = question_of(f);
    int64_t n = 0;
    statement{db_, "SELECT count(*) FROM users u" + q.where}.first([&](row& r) { r(n); }, q);
    return n;
  }
  std::optional<known_user> find(const std::string& user_id) override {
    std::optional<known_user> found;
    find_.first([&](row& r) { found = user_of(r); }, user_id);
    return found;
  }
  std::vector<api_key_row> keys(const std::string& user_id) override {
    std::vector<api_key_row> list;
    keys_.each([&](row& r) { list.push_back(key_of(r)); }, user_id);
    return list;
  }
  std::optional<api_key_row> find_key(const std::string& id) override {
    std::optional<api_key_row> found;
    key_.first([&](row& r) { found = key_of(r); }, id);
    return found;
  }
  people_counts counts() override {
    people_counts x;
    auto take = [&](row& r) {
      std::string role, tier, status;
      int64_t n = 0;
      r(role, tier, status, n);
      x.all += n;
      x.by_role[role] += n;
      x.by_tier[tier] += n;
      if (status == "suspended") x.suspended += n;
    };
    counts_.each(take);
    return x;
  }
  int64_t registered_since(time_ms t) override {
    int64_t n = 0;
    registered_.first([&](row& r) { r(n); }, t);
    return n;
  }
  int64_t active_since(const std::string& day) override {
    int64_t n = 0;
    active_.first([&](row& r) { r(n); }, day);
    return n;
  }

private:
  connection& db_;
  statement find_{db_, "SELECT " + user_fields + " FROM users u WHERE u.id=?"};
  statement keys_{db_, "SELECT " + key_fields + " FROM api_keys WHERE user_id=? ORDER BY id DESC"};
  statement key_{db_, "SELECT " + key_fields + " FROM api_keys WHERE id=?"};
  statement counts_{db_, "SELECT role,tier,status,count(*) FROM users GROUP BY role,tier,status"};
  statement registered_{db_, "SELECT count(*) FROM users WHERE created_ms>=?"};
  statement active_{db_, "SELECT count(DISTINCT user_id) FROM usage_days WHERE day>=?"};
};

}  // namespace

std::unique_ptr<people_reader> open_people(connection& db) { return std::make_unique<people>(db); }

}  // namespace troupe::sql
