// troupe ledger verify | export: the books, audited or printed, beside a running server or without one.
#include <algorithm>
#include <iostream>

#include "commands.hpp"
#include "persistence/store.hpp"

namespace troupe {

namespace {

constexpr int bad_usage = 2;
constexpr int runtime_failure = 1;

std::string json_text(const std::string& x) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "\"";
  for (auto c : x) {
    auto code = static_cast<unsigned char>(c);
    if (code < 0x20) {
      text += "\\u00";
      text += digits[code >> 4];
      text += digits[code & 15];
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

void print_json(const verdict& v) {
  std::cout << "{\"right\":" << (v.breaches.empty() ? "true" : "false") << ",\"journal_rows\":" << v.journal_rows
            << ",\"accounts\":" << v.accounts << ",\"holds\":" << v.holds << ",\"jobs\":" << v.jobs
            << ",\"breaches\":[";
  for (size_t i = 0; i < v.breaches.size(); ++i) std::cout << (i > 0 ? "," : "") << json_text(v.breaches[i]);
  std::cout << "]}\n";
}

void print(const verdict& v) {
  std::cout << v.journal_rows << " journal rows, " << v.accounts << " accounts, " << v.holds << " holds, " << v.jobs
            << " jobs\n";
  for (const auto& breach : v.breaches) std::cout << breach << '\n';
  std::cout << (v.breaches.empty() ? "the books are right\n" : "the books are WRONG\n");
}

int verify(store& db, bool json) {
  auto found = db.verify();
  json ? print_json(found) : print(found);
  return found.breaches.empty() ? 0 : runtime_failure;
}

int export_rows(store& db, bool csv) {
  db.export_journal(csv, [](const std::string& line) { std::cout << line << '\n'; });
  std::cout.flush();
  if (std::cout) return 0;
  std::cerr << "troupe: the journal could not be written out\n";
  return runtime_failure;
}

}  // namespace

int ledger_command(const std::string& verb, const config& c, const std::vector<std::string>& args) {
  std::string option = verb == "export" ? "--csv" : "--json";
  for (const auto& arg : args) {
    if (arg == option || arg == "--json") continue;  // JSON lines are what export prints anyway
    std::cerr << "troupe: ledger " << verb << " does not know \"" << arg << "\", only " << option << '\n';
    return bad_usage;
  }
  auto chosen = std::find(args.begin(), args.end(), option) != args.end();
  auto db = open_store(c.data_dir, c.database, true);
  return verb == "export" ? export_rows(*db, chosen) : verify(*db, chosen);
}

}  // namespace troupe
