// Matches waiting jobs and nodes, for the whole cluster: one view of all capacity, so that nothing is promised twice.
// Only the gateway that owns the duty shard does it. Its queue is a cache of the store: it may forget and reload at any
// time, because a claim only comes true through the job's own compare-and-set.
#include <queue>
#include <unordered_map>

#include "actors/actors.hpp"
#include "config/log.hpp"
#include "model/placement.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr int32_t scan_page = 1'000;
constexpr int64_t scan_interval_ms = 5'000;
constexpr size_t match_max = 256;          // claims handed out before other messages get their turn
constexpr int64_t claim_lost_ms = 10'000;  // a claim that is neither true nor refused by then got lost
constexpr int64_t recount_interval_ms = 15'000;

struct due_job {
  time_ms at = 0;
  job_brief brief;
  friend bool operator>(const due_job& a, const due_job& b) { return a.at > b.at; }
};

struct dispatcher_state {
  dispatcher_state() = default;
  static inline const char* name = "dispatcher";

  house* h = nullptr;
  placement board;
  std::priority_queue<due_job, std::vector<due_job>, std::greater<>> timed;
  std::unordered_map<std::string, int64_t> claimed;  // placed job -> when, on the monotonic clock
  bool flush_sent = false;
  bool on_duty = false;
  // the safety scan
  bool scanning = false;
  std::string scan_after;
  int64_t next_scan_ms = 0;
  // the count of what runs
  bool counting = false;
  int64_t count_began_ms = 0, next_count_ms = 0;
  std::unordered_map<std::string, std::string> granted;  // job -> node, as read so far
};

using dispatcher_pointer = dispatcher_actor::stateful_pointer<dispatcher_state>;

void match_soon(dispatcher_pointer self) {
  if (std::exchange(self->state.flush_sent, true)) return;
  self->send(self, flush{});
}

void match(dispatcher_pointer self) {
  auto& s = self->state;
  s.flush_sent = false;
  if (!s.on_duty) return;
  auto grants = s.board.match(match_max, s.h->now_ms());
  auto jobs = s.h->actors.jobs.get();
  for (auto& g : grants) {
    auto* n = s.board.find_node(g.node_id);
    s.claimed[g.job_id] = s.h->steady();
    self->send(jobs,
               tell_job{g.job_id, job_input::claim{n->id, n->session, n->user_id, n->rate, format_shares(g.devices)}});
  }
  if (s.board.unfinished()) match_soon(self);
}

void add(dispatcher_pointer self, job_brief& j) {
  auto& s = self->state;
  if (j.state == job_state::queued) {
    if (s.board.waiting() >= limits::ready_max) return;  // the scan finds it again
    auto since_ms = std::max(j.created_ms, j.run_at_ms);
    s.board.add({j.id, j.user_id, j.priority, std::move(j.needs), {}, since_ms}, s.h->now_ms(), j.node_id);
  } else {
    auto at = j.run_at_ms;
    s.timed.push({at, std::move(j)});
  }
}

void free_slot(dispatcher_pointer self, const std::string& node_id, const std::string& job_id) {
  self->state.board.release(node_id, job_id);
  self->state.claimed.erase(job_id);
}

/// Placed here but still queued in the store for long: whoever had the claim crashed.
bool claim_lost(dispatcher_pointer self, const job_brief& j) {
  auto& s = self->state;
  auto found = s.claimed.find(j.id);
  return found == s.claimed.end() || s.h->steady() - found->second >= claim_lost_ms;
}

ready_job running_job(job_brief& j) { return {j.id, j.user_id, j.priority, std::move(j.needs), std::move(j.devices)}; }

void end_count(dispatcher_pointer self) {
  self->state.granted.clear();
  self->state.counting = false;
}

void recount(dispatcher_pointer self, const std::string& after);

/// What the store does not grant any more gives its room back; what it grants without our knowledge takes it.
void counted(dispatcher_pointer self, brief_page& page) {
  auto& s = self->state;
  if (!s.on_duty) return end_count(self);
  auto full = static_cast<int32_t>(page.jobs.size()) >= scan_page;
  auto after = full ? page.jobs.back().id : std::string{};
  for (auto& j : page.jobs) {
    s.granted[j.id] = j.node_id;
    if (!s.board.knows(j.id) && s.board.adopt(j.node_id, running_job(j))) s.claimed[j.id] = s.h->steady();
  }
  if (full) return recount(self, after);
  std::vector<std::pair<std::string, std::string>> gone;
  s.board.each_placed([&](const std::string& job, const std::string& node) {
    auto claim = s.claimed.find(job);
    auto fresh = claim != s.claimed.end() && claim->second > s.count_began_ms - claim_lost_ms;
    auto store = s.granted.find(job);
    if (!fresh && (store == s.granted.end() || store->second != node)) gone.emplace_back(node, job);
  });
  for (auto& [node, job] : gone) {
    log::warn("a booking without a grant is given back", {{"job_id", job}, {"node_id", node}});
    free_slot(self, node, job);
  }
  std::erase_if(s.claimed, [&](auto& x) { return s.board.node_of(x.first).empty(); });  // of nodes that left
  end_count(self);
  if (!gone.empty()) match_soon(self);
}

/// Messages may be lost, the store is not: so no slot leaks for ever.
void recount(dispatcher_pointer self, const std::string& after) {
  auto& s = self->state;
  if (after.empty()) {
    if (std::exchange(s.counting, true)) return;
    s.count_began_ms = s.h->steady();
  }
  list_live_jobs ask{{job_state::leased, job_state::running, job_state::cancelling}, after, scan_page};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then([self](brief_page& page) { counted(self, page); },
            [self](const caf::error&) { end_count(self); });  // the database is away: next time
}

void wake_due(dispatcher_pointer self) {
  auto& s = self->state;
  auto now = s.h->now_ms();
  auto jobs = s.h->actors.jobs.get();
  while (!s.timed.empty() && s.timed.top().at <= now) {
    self->send(jobs, tell_job{s.timed.top().brief.id, job_input::due{}});
    s.timed.pop();
  }
}

void scan(dispatcher_pointer self);

void scanned(dispatcher_pointer self, brief_page& page) {
  auto& s = self->state;
  s.scanning = false;
  if (!s.on_duty) return;
  auto full = static_cast<int32_t>(page.jobs.size()) >= scan_page;
  s.scan_after = full ? page.jobs.back().id : std::string{};
  auto now = s.h->now_ms();
  for (auto& j : page.jobs) {
    auto overdue = j.state != job_state::queued && j.run_at_ms <= now;
    if (overdue) self->send(s.h->actors.jobs.get(), tell_job{j.id, job_input::due{}});
    if (j.state != job_state::queued) continue;
    auto placed_at = s.board.node_of(j.id);
    if (!placed_at.empty() && claim_lost(self, j)) free_slot(self, placed_at, j.id);
    if (!s.board.knows(j.id)) add(self, j);
  }
  if (!page.jobs.empty()) match_soon(self);
  if (full && s.board.waiting() < limits::ready_max) scan(self);
}

/// Finds what no message told: after a start, and whatever got lost since.
void scan(dispatcher_pointer self) {
  auto& s = self->state;
  if (std::exchange(s.scanning, true)) return;
  list_live_jobs ask{{job_state::queued, job_state::scheduled, job_state::retry_wait}, s.scan_after, scan_page};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then([self](brief_page& page) { scanned(self, page); },
            [self](const caf::error& why) {
              self->state.scanning = false;
              log::warn("the queue could not be read", {{"why", to_failure(why).detail}});
            });
}

void on_tick(dispatcher_pointer self) {
  auto& s = self->state;
  if (s.on_duty) {
    wake_due(self);
    if (s.h->steady() >= s.next_scan_ms) {
      s.next_scan_ms = s.h->steady() + scan_interval_ms;
      scan(self);
    }
    if (s.h->steady() >= s.next_count_ms) {
      s.next_count_ms = s.h->steady() + recount_interval_ms;
      recount(self, {});
    }
  }
  self->delayed_send(self, 100ms, tick{});
}

void clear_board(dispatcher_pointer self) {
  self->state.board = {};
  self->state.board.limit_tenants(static_cast<int32_t>(self->state.h->settings.tenant_jobs_max));
}

/// The nodes of each gateway are told anew; the queue is read from the store.
void begin_duty(dispatcher_pointer self) {
  auto& s = self->state;
  clear_board(self);
  s.timed = {};
  s.claimed.clear();
  s.scan_after.clear();
  s.next_scan_ms = 0;
  if (auto nodes = s.h->actors.nodes.get()) self->send(nodes, announce_nodes{});
  for (auto& gate : s.h->cluster.others()) self->send(gate, announce_nodes{});
  if (!s.h->cluster.alone()) log::info("on duty: places the jobs of the cluster");
}

void on_changed(dispatcher_pointer self) {
  auto& s = self->state;
  auto before = std::exchange(s.on_duty, s.h->cluster.owns(duty_shard));
  if (s.on_duty && !before) return begin_duty(self);
  if (!s.on_duty) clear_board(self);
  for (auto& [id, gateway] : s.board.homes())
    if (!s.h->cluster.is_alive(gateway)) s.board.remove_node(id);
}

/// A gateway's whole list repairs what a lost message broke.
void on_present(dispatcher_pointer self, const nodes_present& x) {
  auto& s = self->state;
  if (!s.on_duty || !x.all) return;
  std::map<std::string, int64_t> there;
  auto unknown = false;
  for (auto& n : x.nodes) {
    there[n.id] = n.session;
    auto* known = s.board.find_node(n.id);
    unknown = unknown || known == nullptr || known->session < n.session;
  }
  for (auto& [id, gateway] : s.board.homes())
    if (gateway == x.gateway && !there.contains(id)) s.board.remove_node(id);
  if (!unknown) return;
  auto gate = s.h->cluster.gate(x.gateway);
  if (gate)
    self->send(gate, announce_nodes{});
  else if (auto nodes = s.h->actors.nodes.get(); nodes && x.gateway == s.h->cluster.me())
    self->send(nodes, announce_nodes{});
}

void on_joined(dispatcher_pointer self, node_joined& x) {
  auto& s = self->state;
  auto* known = s.board.find_node(x.offer.id);
  if (!s.on_duty || (known != nullptr && known->session > x.offer.session)) return;
  std::vector<ready_job> busy;
  for (auto& j : x.busy) {
    s.claimed[j.id] = s.h->steady();
    busy.push_back(running_job(j));
  }
  s.board.put_node(std::move(x.offer), busy);
  match_soon(self);
}

dispatcher_actor::behavior_type dispatcher(dispatcher_pointer self, house* h) {
  self->state.h = h;
  clear_board(self);
  self->send(self, tick{});
  self->send(self, cluster_changed{});
  return {
      [self](jobs_waiting& x) {
        if (!self->state.on_duty) return;
        for (auto& j : x.jobs) add(self, j);
        match_soon(self);
      },
      [self](const job_withdrawn& x) { self->state.board.remove(x.job_id); },
      [self](const slot_freed& x) {
        free_slot(self, x.node_id, x.job_id);
        match_soon(self);
      },
      [self](read_market) -> caf::result<market_view> {
        if (self->state.on_duty) return self->state.board.market();
        return to_error({errc::unavailable, "nobody has the duty of placing jobs at the moment", {}, {}});
      },
      [self](node_joined& x) { on_joined(self, x); },
      [self](node_changed& x) {
        if (!self->state.on_duty) return;
        self->state.board.change_node(std::move(x.offer));
        match_soon(self);
      },
      [self](const node_left& x) {
        auto* known = self->state.board.find_node(x.node_id);
        if (known != nullptr && known->session <= x.session) self->state.board.remove_node(x.node_id);
      },
      [self](const nodes_present& x) { on_present(self, x); },
      [self](cluster_changed) { on_changed(self); },
      [self](tick) { on_tick(self); },
      [self](flush) { match(self); },
  };
}

}  // namespace

dispatcher_actor spawn_dispatcher(house& h) { return h.system.spawn(dispatcher, &h); }

}  // namespace troupe
