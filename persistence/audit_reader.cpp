// A statement for each shape of a filter, so that the index of what is asked for is used.
#include "persistence/audit_reader.hpp"

#include <limits>

#include "persistence/audit_book.hpp"
#include "persistence/breaches.hpp"

namespace troupe {

namespace sql {

namespace {

/// The values of a statement whose shape is known only now.
struct values {
  std::vector<std::string> texts;
  std::vector<int64_t> numbers;
  int32_t limit = 0;
};
template <class I>
auto inspect(I& f, values& x) {
  for (auto& t : x.texts) f(t);
  for (auto& n : x.numbers) f(n);
  return f(x.limit);
}

class trail : public audit_reader {
public:
  explicit trail(connection& db) : db_{db} {}

  std::vector<audit_line> list(const audit_filter& f) override {
    std::string where;
    values v;
    auto text = [&](const char* column, const std::string& value) {
      if (value.empty()) return;
      where += std::string{where.empty() ? " WHERE " : " AND "} + column + "=?";
      v.texts.push_back(value);
    };
    auto number = [&](const char* condition, int64_t value) {
      if (value == 0) return;
      where += std::string{where.empty() ? " WHERE " : " AND "} + condition;
      v.numbers.push_back(value);
    };
    text("actor", f.actor);
    text("action", f.action);
    text("subject", f.subject);
    text("outcome", f.outcome);
    number("at_ms>=?", f.from_ms);
    number("at_ms<?", f.to_ms);
    number("seq<?", f.before);
    number("seq>?", f.after);
    v.limit = f.limit;
    std::vector<audit_line> found;
    statement find{db_, std::string{"SELECT "} + audit_columns + " FROM audit_log" + where + " ORDER BY seq " +
                            (f.oldest_first ? "ASC" : "DESC") + " LIMIT ?"};
    find.each([&](row& r) { r(found.emplace_back()); }, v);
    return found;
  }

private:
  connection& db_;
};

class chain_audit {
public:
  explicit chain_audit(audit_verdict& found, const std::optional<audit_mark>& known) : found_{found}, known_{known} {}

  void look_at(const audit_line& x) {
    auto about = "audit line " + std::to_string(x.seq);
    if (x.seq != found_.last.seq + 1) breach(about + ": it follows line " + std::to_string(found_.last.seq));
    if (audit_hash(found_.last.hash, x) != x.hash)
      breach(about + ": the hash does not fit, it or a line before was changed");
    if (known_ && known_->seq == x.seq && known_->hash != x.hash)
      breach(about + ": it is not the line that was there before");
    found_.lines += 1;
    found_.last = {x.seq, x.hash};  // as stored: one change is one breach
  }
  void look_at_end(const audit_mark& end) {
    if (end.seq != found_.last.seq || end.hash != found_.last.hash)
      breach("audit line " + std::to_string(std::max(end.seq, found_.last.seq)) + ": the trail should end with line " +
             std::to_string(end.seq) + ", and ends with line " + std::to_string(found_.last.seq));
    if (known_ && known_->seq > found_.last.seq)
      breach("audit line " + std::to_string(known_->seq) + ": it was there before and is gone");
  }

private:
  void breach(std::string what) {
    if (found_.breaches.size() < breaches_max) found_.breaches.push_back(std::move(what));
  }

  audit_verdict& found_;
  const std::optional<audit_mark>& known_;
};

}  // namespace

std::unique_ptr<audit_reader> open_audit(connection& db) { return std::make_unique<trail>(db); }

audit_verdict verify_audit(connection& db, const std::optional<audit_mark>& known) {
  audit_verdict found;
  chain_audit audit{found, known};
  auto take = [&](row& r) {
    audit_line x;
    r(x);
    audit.look_at(x);
    return x.seq;
  };
  each_row(db, std::string{"SELECT "} + audit_columns + " FROM audit_log WHERE seq>? ORDER BY seq LIMIT ?",
           std::numeric_limits<int64_t>::min(), take);
  audit_mark end;
  statement{db, "SELECT seq,hash FROM audit_end WHERE one=1"}.first([&](row& r) { r(end.seq, end.hash); });
  audit.look_at_end(end);
  return found;
}

}  // namespace sql

audit_verdict verify_audit(store& s, const std::optional<audit_mark>& known) {
  auto db = s.open_snapshot();
  return sql::verify_audit(*db, known);
}

}  // namespace troupe
