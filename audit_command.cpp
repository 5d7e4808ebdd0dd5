// troupe audit verify: proves that nobody changed the audit trail, beside a running server or without one.
#include <charconv>
#include <iostream>

#include "commands.hpp"
#include "persistence/audit_reader.hpp"

namespace troupe {

namespace {

/// "SEQ:HASH" as an earlier verify printed it.
audit_mark read_mark(const std::string& text) {
  audit_mark m;
  auto colon = text.find(':');
  auto number = std::from_chars(text.data(), text.data() + std::min(colon, text.size()), m.seq);
  if (colon != text.npos) m.hash = text.substr(colon + 1);
  auto good = number.ec == std::errc{} && number.ptr == text.data() + std::min(colon, text.size()) && m.seq > 0 &&
              m.hash.size() == 64 && m.hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good) throw config_error{"--known: \"" + text + "\" is not SEQ:HASH as `troupe audit verify` prints it"};
  return m;
}

}  // namespace

int audit_command(const config& c, const std::string& known) {
  std::optional<audit_mark> mark;
  if (!known.empty()) mark = read_mark(known);
  auto db = open_store(c.data_dir, c.database, true);
  auto found = verify_audit(*db, mark);
  std::cout << found.lines << " lines";
  if (found.lines > 0) std::cout << ", the last is " << found.last.seq << ":" << found.last.hash;
  std::cout << '\n';
  for (const auto& breach : found.breaches) std::cout << breach << '\n';
  std::cout << (found.breaches.empty() ? "the audit trail is intact\n" : "the audit trail is NOT intact\n");
  return found.breaches.empty() ? 0 : 1;
}

}  // namespace troupe
