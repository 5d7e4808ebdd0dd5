// What is known of nodes beyond what they say themselves: what became of the work they were given, what their owners
// and the operator set, and what follows for the next job.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/amount.hpp"

namespace troupe {

/// What the end of an attempt says about its node.
enum class node_mark_kind : uint8_t {
  succeeded,
  failed,    // the job's own doing: neither praise nor blame
  fault,     // the node's own doing: it said so, or never said anything within the time
  lost,      // it was gone while the job ran
  rejected,  // it did not take what it had room for
  late,      // a success after it had been given up
  forgiven   // the job was poison: what it did to its nodes is taken back
};

/// Goes into the same transaction as the end of the attempt.
struct node_mark {
  std::string node_id, job_id;
  node_mark_kind kind = node_mark_kind::succeeded;
  std::string incident;  // marks of one incident count once; empty: no strike
  int64_t at_ms = 0;
};

struct node_record {
  std::string node_id;
  // what happened, for all time
  int64_t succeeded = 0, failed = 0, faults = 0, lost = 0, rejected = 0, late = 0;
  int64_t good = 0, bad = 0;  // of the recent past; both are halved when they grow large
  int64_t quarantined_ms = 0, quarantined_until_ms = 0;
  int32_t quarantines = 0;  // in a row: each is twice as long
  std::string why;
  // what was set
  amount rate = -1;    // -1: what the node says
  std::string labels;  // "k=v,...", instead of the node's own when `has_labels`
  bool has_labels = false, maintenance = false;
  std::string attestation = "self";  // self | mobile | tpm | tee: by the operator, never by the node
  bool has_tpm = false, has_tee = false, secure_boot = false;
  int64_t changed_ms = 0;  // of all but the counts
};
template <class I>
auto inspect(I& f, node_record& x) {
  return f(x.node_id, x.succeeded, x.failed, x.faults, x.lost, x.rejected, x.late, x.good, x.bad, x.quarantined_ms,
           x.quarantined_until_ms, x.quarantines, x.why, x.rate, x.labels, x.has_labels, x.maintenance, x.attestation,
           x.has_tpm, x.has_tee, x.secure_boot, x.changed_ms);
}

/// What an owner or an admin sets of a node; what is not there stays as it is.
struct node_terms {
  std::string node_id;
  std::optional<amount> rate;         // -1: back to what the node says
  std::optional<std::string> labels;  // "k=v,..."
  std::optional<bool> maintenance;
  std::optional<std::string> attestation;
  std::optional<bool> has_tpm, has_tee, secure_boot;
  bool reinstates = false;  // ends its quarantine
  bool removes = false;     // only one that is offline
  int64_t at_ms = 0;
};

/// A user who brings nodes.
struct provider_row {
  std::string id, user_id, name, hostname, ip_address, location;
  std::string gpus, metadata;  // JSON text, as told
  bool maintenance = false;    // for all of its nodes
  int64_t registered_ms = 0, changed_ms = 0;
};
struct provider_write {
  provider_row row;               // a new one, or in place of the one with this id
  bool removes = false;           // ends its keys, too
  bool sets_maintenance = false;  // of all nodes it has now
};

namespace fleet {

inline constexpr int64_t strike_window_ms = 600'000;
inline constexpr int strikes_max = 3;
inline constexpr int64_t quarantine_ms = 600'000;        // the first one
inline constexpr int64_t quarantine_ms_max = 7'200'000;  // and the quiet time after which it is the first again
inline constexpr int64_t recent_max = 1'000;

/// Contract 2.8: by attestation, plus what is vouched for, at most 1.
int32_t trust_ppm(const node_record&);
/// (good + 9) / (good + bad + 10): a new node has 0.9, and a thousand ends make up the past. A success is good; a fault
/// and a loss are bad; a late success makes up for half of the loss before it.
int32_t reliability_ppm(const node_record&);
bool is_quarantined(const node_record&, int64_t now_ms);
/// Neither in maintenance nor quarantined.
bool takes_work(const node_record&, int64_t now_ms);
/// How long the next quarantine that begins now is, and how many there were in a row then.
struct sentence {
  int64_t until_ms = 0;
  int32_t quarantines = 0;
};
sentence next_quarantine(const node_record&, int64_t now_ms);

bool is_attestation(std::string_view);

}  // namespace fleet

}  // namespace troupe
