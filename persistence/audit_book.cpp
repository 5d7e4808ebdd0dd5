// The end of the chain is a row of its own: the next line's number and what it is chained to.
#include "persistence/audit_book.hpp"

#include "config/world.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

std::string audit_hash(std::string_view previous, const audit_line& x) {
  std::string text;
  auto add = [&](std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
    text += ',';
  };
  const auto& w = x.what;
  add(previous);
  add(std::to_string(x.seq));
  add(std::to_string(x.at_ms));
  for (const auto* part : {&w.actor, &w.credential, &w.action, &w.subject, &w.outcome, &w.ip, &w.request_id, &w.detail})
    add(*part);
  return sha256_hex(text);
}

audit_book::audit_book(connection& db)
    : find_end_{db, "SELECT seq,hash FROM audit_end WHERE one=1"},
      put_end_{db, "UPDATE audit_end SET seq=?, hash=? WHERE one=1"},
      insert_{db, std::string{"INSERT INTO audit_log("} + audit_columns + ") VALUES(" + marks(11) + ")"} {}

void audit_book::write(const change& c, time_ms now_ms) {
  if (!c.audit) return;
  if (!end_) {
    end_.emplace();
    find_end_.first([&](row& r) { r(end_->seq, end_->hash); });
  }
  audit_line line{end_->seq + 1, now_ms, *c.audit, {}};
  line.hash = audit_hash(end_->hash, line);
  insert_.add(line);
  end_ = end{line.seq, line.hash};
}

void audit_book::flush() {
  if (!end_) return;
  auto written = insert_.flush() && put_end_.run(end_->seq, end_->hash) == 1;
  end_.reset();
  if (!written) throw store_unavailable{"the audit trail was written by somebody else"};
}

}  // namespace troupe::sql
