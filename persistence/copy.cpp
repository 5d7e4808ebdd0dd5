// Row by row, column by column, whatever the tables are: what there is to copy is asked of the database.
#include "persistence/copy.hpp"

#include <variant>

#include "persistence/audit_reader.hpp"
#include "persistence/breaches.hpp"
#include "persistence/verify.hpp"

namespace troupe {

namespace sql {

namespace {

constexpr int64_t rows_at_once = 2'000;

struct bytes {
  std::string value;
};
using cell = std::variant<int64_t, std::string, bytes>;

/// A row of any table; its cells have the types of the columns.
struct any_row {
  std::vector<cell> cells;
};

template <class I>
auto inspect(I& f, bytes& x) {
  blob b{x.value};
  f(b);
  if constexpr (std::same_as<I, row>) x.value = b.bytes;
}
template <class I>
auto inspect(I& f, any_row& x) {
  for (auto& c : x.cells) std::visit([&](auto& value) { f(value); }, c);
}

struct table {
  std::string name, columns;
  any_row blank;
};

cell blank_of(std::string_view type) {
  if (type.starts_with("BIGINT") || type.starts_with("INTEGER") || type.starts_with("bigint")) return int64_t{0};
  if (type.starts_with("BLOB") || type.starts_with("bytea")) return bytes{};
  return std::string{};
}

std::vector<table> tables_of(connection& db) {
  statement names{db,
                  "<<lite:SELECT name FROM sqlite_schema WHERE type='table' AND name<>'schema_version' ORDER BY name>>"
                  "<<pg:SELECT tablename FROM pg_tables WHERE schemaname=current_schema()"
                  " AND tablename<>'schema_version' ORDER BY tablename>>"};
  statement columns{db,
                    "<<lite:SELECT name,type FROM pragma_table_info(?) ORDER BY cid>>"
                    "<<pg:SELECT column_name,data_type FROM information_schema.columns"
                    " WHERE table_schema=current_schema() AND table_name=? ORDER BY ordinal_position>>"};
  std::vector<table> list;
  names.each([&](row& r) { r(list.emplace_back().name); });
  // Of an installation, not of its books: the copy has gateways and shards of its own.
  std::erase_if(list, [](const table& t) { return t.name == "gateways" || t.name == "shards" || t.name == "writing"; });
  for (auto& t : list) {
    auto take = [&](row& r) {
      std::string name, type;
      r(name, type);
      t.columns += (t.columns.empty() ? "" : ",") + name;
      t.blank.cells.push_back(blank_of(type));
    };
    columns.each(take, t.name);
  }
  return list;
}

/// Calls `take` with each row; PostgreSQL hands them out in portions.
template <class Take>
void read_all(connection& db, const table& t, Take take) {
  auto select = "SELECT " + t.columns + " FROM " + t.name;
  auto read = [&](row& r) {
    auto x = t.blank;
    r(x);
    take(x);
  };
  if (db.kind() == engine::sqlite) return statement{db, select}.each(read);
  db.exec("DECLARE portion CURSOR FOR " + select);
  statement next{db, "FETCH " + std::to_string(rows_at_once) + " FROM portion"};
  for (auto more = true; more;) {
    more = false;
    next.each([&](row& r) {
      more = true;
      read(r);
    });
  }
  db.exec("CLOSE portion");
}

int64_t copy_table(connection& from, connection& to, const table& t) {
  bulk rows{to, "INSERT INTO " + t.name + "(" + t.columns + ") VALUES(" +
                    marks(static_cast<int>(t.blank.cells.size())) + ")"};
  int64_t count = 0;
  auto flush = [&] {
    if (!rows.flush()) throw store_unavailable{"table " + t.name + " could not be written"};
  };
  read_all(from, t, [&](any_row& x) {
    rows.add(x);
    if (++count % rows_at_once == 0) flush();
  });
  flush();
  return count;
}

void refuse_unless_empty(connection& db) {
  for (auto* name : {"users", "accounts", "jobs", "nodes"})
    if (statement{db, std::string{"SELECT 1 FROM "} + name + " LIMIT 1"}.any())
      throw store_unavailable{std::string{"the target is not empty: it has rows in "} + name};
}

void refuse_unless_right(const verdict& found, const std::string& whose) {
  if (!found.breaches.empty())
    throw store_unavailable{"the books of the " + whose + " are not right: " + found.breaches[0]};
}

void refuse_unless_intact(const audit_verdict& found) {
  if (!found.breaches.empty()) throw store_unavailable{"the audit trail is not intact: " + found.breaches[0]};
}

std::string last_hash(connection& db) {
  std::string hash;
  statement{db, "SELECT hash FROM journal ORDER BY seq DESC LIMIT 1"}.first([&](row& r) { r(hash); });
  return hash;
}

/// Rows that come later get numbers above those that were copied.
void renumber(connection& db) {
  if (db.kind() != engine::postgres) return;
  db.exec("SELECT setval(pg_get_serial_sequence('accounts','id'), (SELECT coalesce(max(id),1) FROM accounts))");
}

}  // namespace

}  // namespace sql

verdict copy_store(store& from, store& to, const std::function<void(const std::string&, int64_t)>& tell) {
  auto keep_out = from.open_writer();
  auto keep_out_too = to.open_writer();
  auto source = from.open_snapshot();
  auto target = to.open_for_copy();
  target->begin();
  sql::refuse_unless_empty(*target);
  auto original = sql::verify(*source);
  sql::refuse_unless_right(original, "original");
  target->exec("DELETE FROM audit_end");
  for (const auto& t : sql::tables_of(*source)) tell(t.name, sql::copy_table(*source, *target, t));
  sql::renumber(*target);
  auto copied = sql::verify(*target);
  sql::refuse_unless_right(copied, "copy");
  auto same = original.journal_rows == copied.journal_rows && original.accounts == copied.accounts &&
              original.holds == copied.holds && original.jobs == copied.jobs &&
              sql::last_hash(*source) == sql::last_hash(*target);
  sql::refuse_unless_intact(sql::verify_audit(*target));
  if (!same) throw store_unavailable{"the copy differs from the original"};
  target->commit();
  return copied;
}

}  // namespace troupe
