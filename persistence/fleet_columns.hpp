// The columns of node keys, records and providers, in the order of their `inspect`.
#pragma once

#include <string>

#include "model/change.hpp"
#include "model/fleet.hpp"

namespace troupe {

template <class I>
auto inspect(I& f, node_key_row& x) {
  return f(x.key_id, x.verifier, x.user_id, x.name, x.created_ms, x.ends_ms, x.revoked_ms);
}
template <class I>
auto inspect(I& f, provider_row& x) {
  return f(x.id, x.user_id, x.name, x.hostname, x.ip_address, x.location, x.gpus, x.metadata, x.maintenance,
           x.registered_ms, x.changed_ms);
}

namespace sql {

inline const std::string node_key_columns = "key_id,verifier,user_id,name,created_ms,ends_ms,revoked_ms";
inline const std::string record_columns =
    "node_id,succeeded,failed,faults,lost,rejected,late,good,bad,quarantined_ms,quarantined_until_ms,quarantines,why,"
    "rate,labels,has_labels,maintenance,attestation,has_tpm,has_tee,secure_boot,changed_ms";
inline const std::string provider_columns =
    "id,user_id,name,hostname,ip_address,location,gpus,metadata,maintenance,registered_ms,changed_ms";

}  // namespace sql

}  // namespace troupe
