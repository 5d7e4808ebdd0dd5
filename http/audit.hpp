// Lines of the audit trail, from a request.
#pragma once

#include <memory>
#include <string>

#include "http/routes.hpp"
#include "model/audit.hpp"

namespace troupe {

/// Who does what the route says to `subject`, from where. To be put into the change that does it, so that there is
/// neither a change without its line nor a line without its change. Null when the row is not written to the trail.
/// `detail`: an object without secrets, or null.
std::shared_ptr<const audit_entry> audit_of(const call&, const std::string& subject, const json& detail = nullptr);

/// The same with the subject that the path names.
std::shared_ptr<const audit_entry> audit_of(const call&);

/// A line about somebody whom no credential names yet, or never.
std::shared_ptr<const audit_entry> audit_by(const call&, std::string actor, std::string action, std::string subject,
                                            std::string outcome = "ok");

/// The same under another name than the route's.
std::shared_ptr<const audit_entry> audit_named(const call&, std::string action, std::string subject,
                                               std::string outcome = "ok");

/// A row that is written to the trail under this name.
inline route audited(std::string_view act, route row) {
  row.act = act;
  return row;
}

/// Notes a refused request when it is one that the trail should tell of: forbidden, or a login that failed.
void audit_refusal(const call&, const failure&);

}  // namespace troupe
