// Who among several gateways does what: jobs are spread over fixed shards, each shard has one owner at a time, and the
// owner's writes carry the shard's epoch. Pure; what the store says comes in, what to do about it comes out.
// Protocol: reference jobs.md 5.4. Safety never depends on time: a removed gateway's writes are refused by the store.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

inline constexpr int32_t job_shards = 64;
/// One more: its owner places jobs on nodes and does what is due by the clock, for the whole cluster.
inline constexpr int32_t duty_shard = 64;
inline constexpr int32_t shard_count = 65;

/// The shard of a job. Fixed for ever: FNV-1a, 64 bits, modulo 64.
int32_t shard_of(std::string_view job_id);

/// A gateway process. A restarted one, or one that was taken for dead and is back, is a new row with a new id.
struct gateway_row {
  std::string id, name;
  std::string address;  // HOST:PORT of its cluster door
  std::string secret;   // only who reads the database knows it: gateways prove themselves with it
  int64_t beat = 0;     // rises while it lives
};

struct shard_row {
  int32_t shard = 0;
  std::string owner;  // a gateway; one that is gone owns nothing
  int64_t epoch = 0;  // rises with every change of the owner
};

struct cluster_view {
  std::vector<gateway_row> gateways;
  std::vector<shard_row> shards;
};

/// What one gateway should do next about what it sees.
struct cluster_plan {
  std::vector<gateway_row> remove;  // dead: remove it if its beat is still this one
  int32_t take = 0;                 // so many shards without an owner; the duty shard comes first
  std::map<int32_t, std::string> give;
};

class cluster_planner {
public:
  /// A gateway whose beat stands still for `ttl_ms` is dead; one whose connection broke, too, after `broken_ms`.
  /// Clocks are not compared: each watches the others' beats by its own.
  cluster_planner(int64_t ttl_ms, int64_t broken_ms) : ttl_ms_{ttl_ms}, broken_ms_{broken_ms} {}

  /// `linked`: the gateways that we can talk to. REQUIRES: now_ms is a monotonic clock.
  cluster_plan look(const cluster_view&, const std::string& me, const std::set<std::string>& linked, int64_t now_ms);

private:
  struct seen {
    int64_t beat = 0;
    int64_t since_ms = 0;
    bool was_linked = false;
  };
  void watch(const cluster_view&, const std::string& me, const std::set<std::string>& linked, int64_t now_ms);

  int64_t ttl_ms_, broken_ms_;
  int64_t looked_ms_ = 0;
  std::map<std::string, seen> others_;
};

template <class I>
auto inspect(I& f, gateway_row& x) {
  return f(x.id, x.name, x.address, x.secret, x.beat);
}
template <class I>
auto inspect(I& f, shard_row& x) {
  return f(x.shard, x.owner, x.epoch);
}

}  // namespace troupe
