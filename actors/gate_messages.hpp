// What gateways say to each other, and to themselves: whoever a message is for may live in another process. Messages
// between gateways may be lost: whoever relies on one looks into the store from time to time.
// `passed_on`: it came through a gate. It is not passed on again: two gateways with different views would play with it.
#pragma once

#include <caf/all.hpp>
#include <string>
#include <vector>

#include "actors/cluster_messages.hpp"
#include "actors/market.hpp"
#include "persistence/store.hpp"

namespace troupe {

// --- jobs: to the gateway that owns the job's shard -----------------------------------------------
/// Something happened to a job. Stale and impossible inputs change nothing.
struct tell_job {
  std::string job_id;
  any_job_input input;
  bool passed_on = false;
};
struct cancel_job {
  using reply = job_view;
  std::string job_id, user_id;
  bool passed_on = false;
};
/// Answers once the job is terminal.
struct await_job {
  using reply = job_view;
  std::string job_id, user_id;
  bool passed_on = false;
};

/// Done, and durable.
struct job_changed {
  bool replayed = false;  // it was asked under that key before
  std::string body;       // replayed: the first answer
};
/// Its owner changes it while it waits: errc::conflict when it does not. Negative: as before.
struct amend_job {
  using reply = job_changed;
  std::string job_id, user_id;
  int32_t priority = -1;
  time_ms run_at_ms = -1;
  bool passed_on = false;
};
/// Its owner pays for another life of a job that failed or died.
struct redrive_job {
  using reply = job_changed;
  std::string job_id, user_id;
  std::string key_id;                           // the API key that asks: its ceilings count
  std::string once_scope, once_key, once_hash;  // once_key empty: may happen again
  std::string answer;                           // to be kept under that key
  bool passed_on = false;
};

// --- dispatcher: to the gateway that owns the duty shard ------------------------------------------
/// Committed as queued, scheduled or waiting for a retry.
struct jobs_waiting {
  std::vector<job_brief> jobs;
};
/// A queued job is no longer wanted.
struct job_withdrawn {
  std::string job_id;
};
struct slot_freed {
  std::string node_id, job_id;
};
struct node_joined {
  node_offer offer;
  std::vector<job_brief> busy;
};
/// Its offer is another than before: price, labels, trust, draining.
struct node_changed {
  node_offer offer;
};
struct node_left {
  std::string node_id;
  int64_t session = 0;
};

// --- nodes: to the gateway where the node hangs ---------------------------------------------------
struct send_run {
  std::string node_id;
  int64_t session = 0;
  run_order order;
  bool again = false;  // may have been sent before: a node that is away decides when it is back
  bool passed_on = false;
};
struct send_stop {
  std::string node_id;
  lease_ref lease;
  bool passed_on = false;
};
struct send_ack {
  std::string node_id;
  lease_ref lease;
  bool stale = false;
  bool passed_on = false;
};
/// A new dispatcher: tell me of every node that hangs on you.
struct announce_nodes {};
struct present_node {
  std::string id;
  int64_t session = 0;
};
/// Where nodes hang. `all`: these and no others; else these came.
struct nodes_present {
  std::string gateway;
  std::vector<present_node> nodes;
  bool all = false;
};

// --- everybody ------------------------------------------------------------------------------------
/// A bell, not a parcel: read the rest from the store.
struct committed {
  std::vector<std::string> users;
  bool passed_on = false;
};
/// The credential was revoked or its user changed: forget what is cached.
struct forget_credential {
  std::string credential;
  bool passed_on = false;
};
/// Something about the user changed: whoever knows it from before reads it anew.
struct forget_user {
  std::string user_id;
  bool passed_on = false;
};
/// Shards were handed over: look at the store.
struct shards_moved {};

/// A gateway introduces itself: the proof is of knowing a secret that only the database tells.
struct meet_gateway {
  std::string id;     // who asks
  std::string proof;  // proof_of(secret of the asked, id)
};
struct gateway_met {
  std::string id;     // who was asked
  std::string proof;  // proof_of(secret of who asks, id)
};

// --------------------------------------------------------------------------------------------------

/// Any other alternative than those we know is refused by the reader of the message.
template <class V, size_t I = 0>
bool choose(V& v, uint32_t index) {
  if constexpr (I == std::variant_size_v<V>) {
    return false;
  } else {
    if (index != I) return choose<V, I + 1>(v, index);
    v.template emplace<I>();
    return true;
  }
}

template <class I>
typename I::result_type inspect(I& f, tell_job& x) {
  auto kind = static_cast<uint32_t>(x.input.index());
  if constexpr (std::is_void_v<typename I::result_type>) {
    f(x.job_id, kind);
  } else {
    if (auto bad = f(x.job_id, x.passed_on, kind)) return bad;
    if constexpr (I::writes_state) {
      if (!choose(x.input, kind)) return caf::make_error(caf::sec::invalid_argument);
    }
    return std::visit([&f](auto& y) -> typename I::result_type { return f(y); }, x.input);
  }
}
template <class I>
typename I::result_type inspect(I& f, job_view& x) {
  auto has_result = x.result.has_value();
  auto result = x.result.value_or(run_report{});
  if constexpr (std::is_void_v<typename I::result_type>) {
    f(x.row, x.spec);
  } else {
    if (auto bad = f(x.row, x.spec, has_result, result)) return bad;
    if constexpr (I::writes_state) {
      if (has_result) x.result = std::move(result);
    }
    return typename I::result_type{};
  }
}
template <class I>
auto inspect(I& f, cancel_job& x) {
  return f(x.job_id, x.user_id, x.passed_on);
}
template <class I>
auto inspect(I& f, await_job& x) {
  return f(x.job_id, x.user_id, x.passed_on);
}
template <class I>
auto inspect(I& f, job_changed& x) {
  return f(x.replayed, x.body);
}
template <class I>
auto inspect(I& f, amend_job& x) {
  return f(x.job_id, x.user_id, x.priority, x.run_at_ms, x.passed_on);
}
template <class I>
auto inspect(I& f, redrive_job& x) {
  return f(x.job_id, x.user_id, x.key_id, x.once_scope, x.once_key, x.once_hash, x.answer, x.passed_on);
}
template <class I>
auto inspect(I& f, jobs_waiting& x) {
  return f(x.jobs);
}
template <class I>
auto inspect(I& f, job_withdrawn& x) {
  return f(x.job_id);
}
template <class I>
auto inspect(I& f, slot_freed& x) {
  return f(x.node_id, x.job_id);
}
template <class I>
auto inspect(I& f, node_joined& x) {
  return f(x.offer, x.busy);
}
template <class I>
auto inspect(I& f, node_changed& x) {
  return f(x.offer);
}
template <class I>
auto inspect(I& f, node_left& x) {
  return f(x.node_id, x.session);
}
template <class I>
auto inspect(I& f, read_market&) {
  return f();
}
template <class I>
auto inspect(I& f, device_view& x) {
  return f(x.node_id, x.gpu, x.vram_mb, x.free_mb, x.open);
}
template <class I>
typename I::result_type inspect(I& f, market_view& x) {
  std::vector<std::string> gpus;  // CAF's maps have no transparent order
  std::vector<int64_t> counts;
  for (auto& [gpu, count] : x.waiting) {
    gpus.push_back(gpu);
    counts.push_back(count);
  }
  if constexpr (std::is_void_v<typename I::result_type>) {
    f(x.devices, gpus, counts);
  } else {
    if (auto bad = f(x.devices, gpus, counts)) return bad;
    if constexpr (I::writes_state) {
      for (size_t i = 0; i < gpus.size() && i < counts.size(); ++i) x.waiting[gpus[i]] = counts[i];
    }
    return typename I::result_type{};
  }
}
template <class I>
auto inspect(I& f, send_run& x) {
  return f(x.node_id, x.session, x.order, x.again, x.passed_on);
}
template <class I>
auto inspect(I& f, send_stop& x) {
  return f(x.node_id, x.lease, x.passed_on);
}
template <class I>
auto inspect(I& f, send_ack& x) {
  return f(x.node_id, x.lease, x.stale, x.passed_on);
}
template <class I>
auto inspect(I& f, announce_nodes&) {
  return f();
}
template <class I>
auto inspect(I& f, present_node& x) {
  return f(x.id, x.session);
}
template <class I>
auto inspect(I& f, nodes_present& x) {
  return f(x.gateway, x.nodes, x.all);
}
template <class I>
auto inspect(I& f, committed& x) {
  return f(x.users, x.passed_on);
}
template <class I>
auto inspect(I& f, forget_credential& x) {
  return f(x.credential, x.passed_on);
}
template <class I>
auto inspect(I& f, forget_user& x) {
  return f(x.user_id, x.passed_on);
}
template <class I>
auto inspect(I& f, shards_moved&) {
  return f();
}
template <class I>
auto inspect(I& f, meet_gateway& x) {
  return f(x.id, x.proof);
}
template <class I>
auto inspect(I& f, gateway_met& x) {
  return f(x.id, x.proof);
}

}  // namespace troupe
