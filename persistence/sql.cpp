// Dialects, and rows gathered into arrays.
#include "persistence/sql.hpp"

#include <algorithm>
#include <stdexcept>

#include "persistence/postgres_text.hpp"

namespace troupe::sql {

namespace {

constexpr std::string_view lite_words = "<<lite:";
constexpr std::string_view pg_words = "<<pg:";
constexpr std::string_view words_end = ">>";

void replace(std::string& in, std::string_view what, std::string_view by) {
  auto at = in.find(what);
  if (at == std::string::npos) throw std::logic_error{"no " + std::string{what} + " in: " + in};
  in.replace(at, what.size(), by);
}

std::string_view type_name(char type) { return type == 'i' ? "bigint" : type == 'b' ? "bytea" : "text"; }

/// "unnest($1::bigint[],...) AS v(c1,...)"
std::string unnest(const std::string& types) {
  std::string arrays, names;
  for (size_t i = 0; i < types.size(); ++i) {
    auto number = std::to_string(i + 1);
    arrays += (i ? ",?::" : "?::") + std::string{type_name(types[i])} + "[]";
    names += (i ? ",c" : "c") + number;
  }
  return "unnest(" + arrays + ") AS v(" + names + ")";
}

/// Each `?` as the column of `v` that it stands for.
std::string numbered(std::string_view sql) {
  std::string text;
  int number = 0;
  for (auto c : sql) {
    if (c == '?')
      text += "v.c" + std::to_string(++number);
    else
      text += c;
  }
  return text;
}

std::string for_arrays(std::string sql, const std::string& types) {
  if (sql.starts_with("INSERT")) {
    auto list = "VALUES(" + marks(static_cast<int>(types.size())) + ")";
    replace(sql, list, "SELECT * FROM " + unnest(types));
    return sql;
  }
  auto text = numbered(sql);
  replace(text, " WHERE ", " FROM " + unnest(types) + " WHERE ");
  return text;
}

}  // namespace

std::string dialect(engine kind, std::string_view sql) {
  std::string text;
  while (true) {
    auto begin = std::min(sql.find(lite_words), sql.find(pg_words));
    text += sql.substr(0, begin);
    if (begin == sql.npos) return text;
    sql.remove_prefix(begin);
    auto words = sql.starts_with(lite_words) ? lite_words : pg_words;
    auto end = sql.find(words_end);
    if (end == sql.npos) throw std::logic_error{"<< without >> in: " + std::string{sql}};
    auto ours = (words == lite_words) == (kind == engine::sqlite);
    if (ours) text += sql.substr(words.size(), end - words.size());
    sql.remove_prefix(end + words_end.size());
  }
}

int count_marks(std::string_view sql) {
  int n = 0;
  for (auto c : sql) n += c == '?';
  return n;
}

void statement::wrong_count(int given) const {
  throw std::logic_error{std::to_string(given) + " values for: " + text_};
}

bulk::bulk(connection& db, const std::string& sql) : db_{db}, sql_{dialect(db.kind(), sql)} {
  if (db.kind() == engine::sqlite) one_ = std::make_unique<statement>(db, sql_);
}

bool bulk::flush() {
  if (!one_ && added_ > 0) {
    if (!arrays_) prepare_arrays();
    for (size_t i = 0; i < columns_.size(); ++i) {
      columns_[i].items += '}';
      arrays_->bind(static_cast<int>(i), std::string_view{columns_[i].items});
    }
    while (arrays_->step()) {
    }
    changed_ = arrays_->changes();
    arrays_->reset();
    for (auto& c : columns_) c.items.clear();
  }
  auto right = changed_ == added_;
  added_ = changed_ = 0;
  return right;
}

void bulk::prepare_arrays() {
  std::string types;
  for (auto& c : columns_) types += c.type;
  if (std::ssize(columns_) != count_marks(sql_)) throw std::logic_error{"a wrong number of values for: " + sql_};
  arrays_ = db_.prepare(for_arrays(sql_, types));
}

bulk::column& bulk::gatherer::next(char type) {
  if (at == columns.size()) columns.push_back({type, {}});
  auto& c = columns[at++];
  if (c.type != type) throw std::logic_error{"a column of many rows has two types"};
  c.items += c.items.empty() ? '{' : ',';
  return c;
}

void bulk::gatherer::put(int64_t x) { next('i').items += std::to_string(x); }

void bulk::gatherer::put(std::string_view x) { append_array_item(next('t').items, postgres_text(x)); }

void bulk::gatherer::put(blob x) { append_array_item(next('b').items, postgres_bytes(x.bytes)); }

std::string marks(int n) {
  std::string text = "?";
  for (int i = 1; i < n; ++i) text += ",?";
  return text;
}

std::string marks_of(std::string_view columns) {
  return marks(1 + static_cast<int>(std::count(columns.begin(), columns.end(), ',')));
}

std::string array_of(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& x : list) {
    text += text.empty() ? '{' : ',';
    append_array_item(text, postgres_text(x));
  }
  return (text.empty() ? "{" : text) + "}";
}

}  // namespace troupe::sql
