// WebSocket streams of a user's events: /v1/stream and /ws. Resume with ?after=N; ?job_id= narrows to one job.
#include "actors/actors.hpp"
#include "config/world.hpp"
#include "http/admission.hpp"
#include "http/job_json.hpp"
#include "http/routes.hpp"
#include "http/second_factor.hpp"

namespace troupe {

namespace {

constexpr uint16_t policy_violation = 1008;

struct stream_ask {
  std::string user_id, job_id;
  int64_t after = 0;
  std::string credential;
  std::shared_ptr<void> place;  // among the user's streams, as long as the socket is open
};

using upgrade_fn = std::function<void(upgrade_answer)>;

upgrade_answer refusal(http_reply reply) {
  upgrade_answer answer;
  answer.refusal = std::move(reply);
  return answer;
}

/// Frames a client may send: ping is answered, everything else is an error frame. Nothing here changes the stream.
std::string reply_frame(const std::string& text, time_ms now_ms) {
  auto frame = json::parse(text, nullptr, false);
  auto type = frame.is_object() && frame.contains("type") ? frame["type"] : json{};
  if (frame.is_discarded())
    return json{{"type", "error"}, {"code", "JSON_DECODE_ERROR"}, {"message", "not JSON"}}.dump();
  if (type == "ping") return json{{"type", "pong"}, {"timestamp", iso_time(now_ms)}}.dump();
  return json{
      {"type", "error"}, {"code", "INVALID_MESSAGE_TYPE"}, {"message", "unknown type"}, {"allowed_types", {"ping"}}}
      .dump();
}

/// Closes the socket soon after its credential has ended, also when that was just before it opened.
int64_t watch_credential(edge& e, const stream_ask& ask, const std::weak_ptr<web_socket>& socket) {
  auto look = [&e, credential = ask.credential, socket] {
    exchange(e.h, e.h.actors.sessions.get(), admit{.credential = credential, .look = true}, no_limit,
             [socket](const outcome<principal>& who) {
               auto* bad = std::get_if<failure>(&who);
               if (bad == nullptr || bad->code != errc::unauthenticated) return;
               if (auto open = socket.lock()) open->close(policy_violation, "the credential has ended");
             });
  };
  auto seat = e.h.streams.add(ask.user_id, ask.credential, look);
  look();
  return seat;
}

socket_events attach(edge& e, const stream_ask& ask, const std::shared_ptr<web_socket>& socket) {
  auto stream = spawn_stream(e.h, ask.user_id, ask.job_id, ask.after,
                             [socket](const event_row& row) { return socket->send(event_frame(row)); });
  auto seat = watch_credential(e, ask, socket);
  socket_events events;
  events.message = [socket, &e](const std::string& text) { socket->send(reply_frame(text, e.h.now_ms())); };
  events.drained = [stream] { tell_drained(stream); };
  events.closed = [stream, seat, &e, place = ask.place]() mutable {
    e.h.streams.remove(seat);
    end_stream(stream);
    place.reset();
  };
  return events;
}

void open(edge& e, const stream_ask& ask, const upgrade_fn& done) {
  upgrade_answer answer;
  answer.opened = [&e, ask](std::shared_ptr<web_socket> socket) { return attach(e, ask, socket); };
  done(std::move(answer));
}

/// "From now on" is decided before the handshake is answered: what the client does afterwards is in the stream.
void admitted(edge& e, const http_request& r, const principal& who, std::shared_ptr<void> place,
              const upgrade_fn& done) {
  stream_ask ask{who->user_id, query_value(r.query, "job_id"), 0, who->credential, std::move(place)};
  auto after = query_integer(r.query, "after", 0, std::numeric_limits<int64_t>::max(), -1);
  if (!after || (*after < 0 && r.query.find("after=") != std::string::npos))
    return done(refusal(error_reply({errc::invalid, "after must be a whole number from 0", {}, {}}, r.request_id)));
  ask.after = *after;
  if (ask.after >= 0) return open(e, ask, done);
  exchange(e.h, e.h.actors.reader(), read_event_head{}, request_limit,
           [&e, ask, done, id = r.request_id](const outcome<event_head>& head) mutable {
             if (auto* bad = std::get_if<failure>(&head)) return done(refusal(error_reply(*bad, id)));
             ask.after = std::get<event_head>(head).seq;
             open(e, ask, done);
           });
}

}  // namespace

void serve_upgrade(edge& e, http_request r, upgrade_fn done) {
  if (r.path != "/v1/stream" && r.path != "/ws")
    return done(refusal(error_reply(404, "RESOURCE_NOT_FOUND", "Endpoint not found", r.request_id)));
  auto request = std::make_shared<http_request>(std::move(r));
  enter_stream(
      e, request, [done](http_reply x) { done(refusal(std::move(x))); },
      [&e, request, done](const principal& who, std::shared_ptr<void> place) {
        auto closed = mfa_gate(e.h.settings, who, request->path);
        if (closed) return done(refusal(error_reply(*closed, request->request_id)));
        admitted(e, *request, who, std::move(place), done);
      });
}

}  // namespace troupe
