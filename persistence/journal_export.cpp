// JSON lines, or CSV as in RFC 4180 with a head line. Amounts are decimal text.
#include "persistence/journal_export.hpp"

#include <array>
#include <limits>

#include "persistence/breaches.hpp"
#include "persistence/columns.hpp"
#include "persistence/journal.hpp"

namespace troupe::sql {

namespace {

constexpr int columns = 13;
constexpr std::array<std::string_view, columns> names{"seq",   "id",      "kind",   "code", "debit", "credit", "amount",
                                                      "asset", "hold_id", "job_id", "note", "at_ms", "hash"};
using fields = std::array<std::string, columns>;

bool is_number(size_t column) { return names[column] == "seq" || names[column] == "at_ms"; }

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (auto c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string account_text(const account_key& k) { return k.owner + "/" + std::string{to_string(k.kind)}; }

std::string json_text(std::string_view x) {
  std::string text = "\"";
  for (auto c : x) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text += "\\u00" + hex({&c, 1});
    } else {
      text += c;
    }
  }
  return text + '"';
}

std::string csv_text(std::string_view x) {
  if (x.find_first_of(",\"\r\n") == x.npos) return std::string{x};
  std::string text = "\"";
  for (auto c : x) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

std::string json_line(const fields& f) {
  std::string line = "{";
  for (size_t i = 0; i < columns; ++i) {
    if (i > 0) line += ',';
    line += json_text(names[i]) + ":" + (is_number(i) ? f[i] : json_text(f[i]));
  }
  return line + "}";
}

std::string csv_line(const fields& f) {
  std::string line;
  for (size_t i = 0; i < columns; ++i) line += (i > 0 ? "," : "") + csv_text(f[i]);
  return line;
}

std::string head_line() {
  fields f;
  for (size_t i = 0; i < columns; ++i) f[i] = names[i];
  return csv_line(f);
}

fields read(row& r) {
  journal_row j;
  account_key debit, credit;
  blob hash;
  r(j.seq, j.id, j.kind, j.code, debit, credit, j.value, j.currency, j.hold_id, j.job_id, j.note, j.at_ms, hash);
  auto text = [](std::string_view x) { return std::string{x}; };
  return {std::to_string(j.seq),
          text(j.id),
          text(to_string(j.kind)),
          text(to_string(j.code)),
          account_text(debit),
          account_text(credit),
          format_amount(j.value),
          text(to_string(j.currency)),
          text(j.hold_id),
          text(j.job_id),
          text(j.note),
          std::to_string(j.at_ms),
          hex(hash.bytes)};
}

}  // namespace

void export_journal(connection& db, bool csv, const std::function<void(const std::string&)>& line) {
  if (csv) line(head_line());
  auto take = [&](row& r) {
    auto f = read(r);
    line(csv ? csv_line(f) : json_line(f));
    return std::stoll(f[0]);
  };
  each_row(db,
           "SELECT seq,j.id,j.kind,code,d.owner,d.kind,d.asset,c.owner,c.kind,c.asset,amount,j.asset,hold_id,job_id,"
           "note,at_ms,hash FROM journal j JOIN accounts d ON d.id=debit JOIN accounts c ON c.id=credit"
           " WHERE seq>? ORDER BY seq LIMIT ?",
           std::numeric_limits<int64_t>::min(), take);
}

}  // namespace troupe::sql
