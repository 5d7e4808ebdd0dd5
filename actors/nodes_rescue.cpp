// The rescue of the jobs of nodes that are gone: they are lost for the node, and tried elsewhere.
#include <algorithm>

#include "actors/nodes_state.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

constexpr int64_t rescue_again_ms = 5'000;  // until none of its jobs is granted to it any more
constexpr int64_t watch_every_ms = 10'000;
constexpr size_t storm_nodes = 5;  // with fewer nodes there is no brake
constexpr int64_t stalled_ms = 3'000;

/// Its jobs are lost for the node: whoever still holds one may finish it until somebody else has it.
void rescue(nodes_pointer self, const std::string& node_id) {
  auto again = [=](int64_t pause_ms) {
    self->state.awaited.try_emplace(node_id, awaited_node{self->state.h->steady() + pause_ms, true, false});
  };
  self->request(self->state.h->actors.reader(), store_limit, list_granted{node_id})
      .then(
          [=](const brief_page& page) {
            if (page.jobs.empty() || is_somewhere(self->state, node_id)) return;  // back in the meantime
            for (auto& j : page.jobs) lose(self, j.id, j.lease_epoch);
            again(rescue_again_ms);
            log::warn("rescuing jobs of a lost node",
                      {{"node_id", node_id}, {"jobs", std::to_string(page.jobs.size())}});
          },
          [=](const caf::error&) { again(1'000); });
}

/// Storm brake: when many nodes fall silent at once the trouble is more likely ours, or the network's: wait longer. And
/// after a stall of our own everybody gets all the time again. Who said that it leaves is no sign of trouble.
void brake(nodes_state& s, int64_t now) {
  auto stalled = s.ticked_ms != 0 && now - s.ticked_ms >= stalled_ms;
  s.ticked_ms = now;
  auto silent =
      static_cast<size_t>(std::count_if(s.awaited.begin(), s.awaited.end(), [](auto& x) { return x.second.silent; }));
  auto all = s.here.size() + silent;
  auto storm = all >= storm_nodes && silent * 5 > all;
  for (auto& [id, x] : s.awaited) {
    if (stalled) x.rescue_ms = now + limits::lease_ttl_ms;
    if (!storm || std::exchange(x.braked, true)) continue;
    x.rescue_ms += 2 * limits::lease_ttl_ms;
    log::warn("many nodes fell silent at once: no rescue for now", {{"node_id", id}});
  }
}

void learn_absent(nodes_pointer self, const std::vector<node_row>& online) {
  auto& s = self->state;
  decltype(s.absent) now;
  for (auto& n : online) {
    if (is_somewhere(s, n.id)) continue;
    auto known = s.absent.find(n.id);
    auto goes_on = known != s.absent.end() && known->second.row.session_epoch == n.session_epoch;
    now[n.id] = goes_on ? known->second : absent_node{n, s.h->steady() + limits::lease_ttl_ms};
  }
  s.absent = std::move(now);
}

/// Of each what `part_absent` needs.
void watch_online(nodes_pointer self) {
  auto online = std::make_shared<std::vector<node_row>>();
  read_store ask{[online](store_reader& db) {
    for (auto& n : db.list_nodes()) {
      if (n.state != "online") continue;
      auto& x = online->emplace_back();
      x.id = n.id;
      x.session_epoch = n.session_epoch;
      x.seen_ms = n.seen_ms;
      x.metrics = n.metrics;
      x.draining = n.draining;
    }
  }};
  self->request(self->state.h->actors.reader(), store_limit, std::move(ask))
      .then([=](const read_done&) { learn_absent(self, *online); },
            [](const caf::error&) {});  // the database is away: again at the next look
}

}  // namespace

void part_absent(nodes_pointer self, int64_t now_ms) {
  auto& s = self->state;
  commit_changes ask;
  for (auto i = s.absent.begin(); i != s.absent.end();) {
    auto& [id, x] = *i;
    if (x.due_ms > now_ms && !is_somewhere(s, id)) {
      ++i;
      continue;
    }
    if (!is_somewhere(s, id)) {
      x.row.state = "offline";
      ask.changes.emplace_back().node = std::move(x.row);
      log::warn("node did not come back", {{"node_id", id}});
    }
    i = s.absent.erase(i);
  }
  if (ask.changes.empty()) return;
  self->request(s.h->actors.ledger.get(), ledger_limit, std::move(ask))
      .then([](const commit_results&) {}, [](const caf::error&) {});  // a later look finds them again
}

bool is_somewhere(const nodes_state& s, const std::string& node_id) {
  auto far = s.elsewhere.find(node_id);
  return s.here.contains(node_id) || (far != s.elsewhere.end() && s.h->cluster.is_alive(far->second.gateway));
}

void lose(nodes_pointer self, const std::string& job_id, int64_t epoch) {
  self->send(self->state.h->actors.jobs.get(), tell_job{job_id, job_input::lost{epoch}});
}

void on_silent(nodes_pointer self, const node_silent& x) {
  auto& s = self->state;
  auto found = s.here.find(x.node_id);
  if (found == s.here.end() || found->second.session != x.session) return;
  s.here.erase(found);
  s.awaited[x.node_id] = {x.rescue_at_ms, x.said_so, !x.said_so};
  self->send(s.h->actors.dispatcher.get(), node_left{x.node_id, x.session});
}

void rescue_due(nodes_pointer self, int64_t now_ms) {
  auto& s = self->state;
  brake(s, now_ms);
  std::vector<std::string> over;
  for (auto& [id, x] : s.awaited)
    if (x.rescue_ms <= now_ms) over.push_back(id);
  for (auto& id : over) {
    s.awaited.erase(id);
    rescue(self, id);
  }
}

void watch_orphans(nodes_pointer self) {
  auto& s = self->state;
  s.next_watch_ms = s.h->steady() + watch_every_ms;
  if (!s.h->cluster.owns(duty_shard)) return s.absent.clear();
  watch_online(self);
  list_live_jobs ask{{job_state::leased, job_state::running, job_state::cancelling}, {}, 1'000'000};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then(
          [self](const brief_page& page) {
            auto& s = self->state;
            s.watched = true;
            for (auto& j : page.jobs)
              if (!is_somewhere(s, j.node_id))
                s.awaited.try_emplace(j.node_id, awaited_node{s.h->steady() + limits::lease_ttl_ms});
          },
          [self](const caf::error&) { self->state.next_watch_ms = 0; });  // the database is away: at the next tick
}

}  // namespace troupe
