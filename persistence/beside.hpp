// A change from a command, beside a running server or without one.
#pragma once

#include "persistence/store.hpp"

namespace troupe {

/// Applies what no server remembers of its rows: people, steps of an identity_change, and the line of the audit trail;
/// anything else in the change is a bug (std::logic_error). Durable when it returns. Throws store_unavailable.
change_result apply_beside(store&, const change&, time_ms now_ms);

}  // namespace troupe
