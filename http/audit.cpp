// The credential is told by its id, never by what opens.
#include "http/audit.hpp"

#include "config/world.hpp"
#include "http/login_json.hpp"

namespace troupe {

namespace {

constexpr size_t subject_bytes_max = 256, detail_bytes_max = 4096;

audit_entry entry_of(const call& c, std::string action, std::string subject, std::string outcome) {
  audit_entry x;
  x.actor = c.who->user_id;
  x.credential = c.who->key_id.empty() ? session_of(c) : c.who->key_id;
  x.action = std::move(action);
  x.subject = subject.substr(0, subject_bytes_max);
  x.outcome = std::move(outcome);
  x.ip = c.request.remote_ip;
  x.request_id = c.request.request_id;
  return x;
}

/// The innermost thing of the path.
std::string subject_of(const call& c) {
  if (!c.subject.empty()) return c.subject;
  for (auto name : {"key_id", "id", "user_id"})
    if (auto found = c.params.find(name); found != c.params.end()) return found->second;
  return c.who->user_id;
}

/// People type their password where their name belongs: only what looks like an address is kept as it is.
std::string name_of_unknown(const std::string& login) {
  if (login.empty() || login.find('@') != std::string::npos || login.find('/') != std::string::npos) return login;
  return "name:" + sha256_hex(login).substr(0, 16);
}

}  // namespace

std::shared_ptr<const audit_entry> audit_of(const call& c, const std::string& subject, const json& detail) {
  if (c.row == nullptr || c.row->act.empty()) return nullptr;
  auto x = std::make_shared<audit_entry>(entry_of(c, std::string{c.row->act}, subject, "ok"));
  if (!detail.is_null()) x->detail = detail.dump(-1, ' ', false, json::error_handler_t::replace);
  if (x->detail.size() > detail_bytes_max) x->detail = json{{"too_long", x->detail.size()}}.dump();
  return x;
}

std::shared_ptr<const audit_entry> audit_of(const call& c) { return audit_of(c, subject_of(c)); }

std::shared_ptr<const audit_entry> audit_by(const call& c, std::string actor, std::string action, std::string subject,
                                            std::string outcome) {
  auto x = entry_of(c, std::move(action), std::move(subject), std::move(outcome));
  x.actor = std::move(actor);
  return std::make_shared<const audit_entry>(std::move(x));
}

std::shared_ptr<const audit_entry> audit_named(const call& c, std::string action, std::string subject,
                                               std::string outcome) {
  return audit_by(c, c.who->user_id, std::move(action), std::move(subject), std::move(outcome));
}

void audit_refusal(const call& c, const failure& f) {
  if (c.row == nullptr) return;
  auto at_the_door = f.code == errc::unauthenticated && c.row->needs == access::open && !c.row->act.empty();
  if (f.code != errc::forbidden && !at_the_door) return;
  auto path = std::string{c.row->verb} + " " + std::string{c.row->path};
  auto action = c.row->act.empty() ? "request" : std::string{c.row->act};
  auto subject = at_the_door ? name_of_unknown(c.subject) : c.row->act.empty() ? path : subject_of(c);
  c.e.refusals.note(entry_of(c, std::move(action), std::move(subject), to_string(f.code)));
}

}  // namespace troupe
