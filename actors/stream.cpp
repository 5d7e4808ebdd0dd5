// One open stream: reads its user's events behind its own cursor, a page at a time, as fast as the socket takes them.
#include "actors/actors.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

struct stream_state {
  stream_state() = default;
  static inline const char* name = "stream";
  house* h = nullptr;
  std::string user_id, job_id;
  int64_t after = 0;
  write_event write;
  bool reading = false;
  bool more = false;     // the bell rang while we read
  bool blocked = false;  // the socket is full
};

using stream_pointer = stream_actor::stateful_pointer<stream_state>;

void read_on(stream_pointer self);

void got_page(stream_pointer self, const event_page& page) {
  auto& s = self->state;
  s.reading = false;
  for (auto& e : page.events) {
    if (!s.write(e)) {
      s.blocked = true;  // read again from the cursor when there is room
      return;
    }
    s.after = e.seq;
  }
  if (page.events.size() == limits::events_page) s.more = true;
  read_on(self);
}

void read_on(stream_pointer self) {
  auto& s = self->state;
  if (s.reading || s.blocked || !s.more) return;
  s.reading = true;
  s.more = false;
  read_events ask{s.user_id, s.job_id, s.after, static_cast<int32_t>(limits::events_page)};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then([self](const event_page& page) { got_page(self, page); },
            [self](const caf::error&) {  // the database is away: try again
              self->state.reading = false;
              self->delayed_send(self, 500ms, rung{});
            });
}

/// Listens first and reads then: what is committed in between rings. Again when the events actor was replaced.
void begin(stream_pointer self) {
  auto& s = self->state;
  auto events = s.h->actors.events.get();
  self->monitor(events);
  auto me = caf::actor_cast<listener_actor>(caf::actor_cast<caf::strong_actor_ptr>(self));
  self->send(events, listen_events{s.user_id, me});
  s.more = true;
  read_on(self);
}

stream_actor::behavior_type stream(stream_pointer self, house* h, std::string user_id, std::string job_id,
                                   int64_t after, write_event write) {
  auto& s = self->state;
  s.h = h;
  s.user_id = std::move(user_id);
  s.job_id = std::move(job_id);
  s.after = after;
  s.write = std::move(write);
  self->set_down_handler([self](const caf::down_msg&) { self->delayed_send(self, 500ms, tick{}); });
  begin(self);
  return {
      [self](rung) {
        self->state.more = true;
        read_on(self);
      },
      [self](tick) { begin(self); },
      [self](socket_drained) {
        if (std::exchange(self->state.blocked, false)) self->state.more = true;
        read_on(self);
      },
  };
}

}  // namespace

stream_actor spawn_stream(house& h, std::string user_id, std::string job_id, int64_t after, write_event write) {
  return h.system.spawn(stream, &h, std::move(user_id), std::move(job_id), after, std::move(write));
}

void tell_drained(const stream_actor& stream) { caf::anon_send(stream, socket_drained{}); }

void end_stream(const stream_actor& stream) { caf::anon_send_exit(stream, caf::exit_reason::user_shutdown); }

}  // namespace troupe
