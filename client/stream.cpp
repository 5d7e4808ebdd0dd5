// WebSocket frames to events; reconnecting after the last event seen.
#include "client/stream.hpp"

#include <algorithm>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <thread>

#include "client/api.hpp"
#include "client/link.hpp"
#include "client/render.hpp"

namespace troupe::client {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

namespace {

constexpr size_t frame_bytes_max = 16 * 1024 * 1024;
constexpr int handshake_ms = 10'000;
constexpr int silence_ms = 30'000;  // a peer that answers no ping for so long is gone
constexpr int farewell_ms = 1'000;

/// What is known about the job's stream across connections.
struct progress_so_far {
  int64_t after = 0;
  bool ended = false;
  bool connected = false;  // ever
  int in_vain = 0;         // connections in a row that brought nothing
};

struct follower {
  const server& to;
  const std::string& job_id;
  const follow_rules& rules;
  const follow_hooks& hooks;
  progress_so_far so_far;
};

template <class Stream>
using socket = websocket::stream<Stream>;

std::string stream_target(const follower& f) {
  return f.to.prefix + "/v1/stream?after=" + std::to_string(f.so_far.after) + "&job_id=" + percent_encode(f.job_id);
}

[[noreturn]] void throw_declined(const server& to, const websocket::response_type& said) {
  answer got{static_cast<int>(said.result_int()), said.body(), std::string(said[http::field::retry_after])};
  auto why = refusal_text(to, got);
  bool passing = got.status == 429 || (got.status >= 502 && got.status <= 504);
  if (passing) throw away(why, true);
  throw trouble(why);
}

template <class Stream>
void open(boost::asio::io_context& io, socket<Stream>& ws, follower& f) {
  beast::get_lowest_layer(ws).expires_never();  // the WebSocket has its own deadlines
  ws.set_option(websocket::stream_base::timeout{milliseconds(handshake_ms), milliseconds(silence_ms), true});
  ws.read_message_max(frame_bytes_max);
  ws.set_option(websocket::stream_base::decorator([key = f.to.api_key](websocket::request_type& r) {
    r.set(http::field::user_agent, "troupe");
    if (!key.empty()) r.set(http::field::authorization, "Bearer " + key);
  }));
  websocket::response_type said;
  auto target = stream_target(f);
  auto e = finish(io, [&](auto done) { ws.async_handshake(said, f.to.host_header(), target, done); });
  if (e == websocket::error::upgrade_declined) throw_declined(f.to, said);
  if (e.category() == make_error_code(http::error::bad_version).category() && e != http::error::end_of_stream)
    throw trouble(f.to.url() + " does not answer in HTTP: " + e.message());
  if (e) throw away("could not open the event stream of " + f.to.url() + ": " + e.message(), true);
  f.so_far.connected = true;
}

void take(follower& f, std::string text) {
  auto event = parse_event(std::move(text));
  if (!event || event->seq <= f.so_far.after) return;
  if (!event->job_id.empty() && event->job_id != f.job_id) return;
  f.so_far.after = event->seq;
  f.so_far.in_vain = 0;
  f.so_far.ended = event->terminal;
  f.hooks.event(*event);
}

/// Waits for `done` and ticks meanwhile. False: the stream was quiet and the job turned out to be over.
bool wait_for(const bool& done, boost::asio::io_context& io, const follower& f) {
  auto quiet_from = clock::now();
  while (!done) {
    auto deadline = clock::now() + milliseconds(f.rules.tick_ms);
    while (!done && clock::now() < deadline) {
      io.restart();
      io.run_one_until(deadline);
    }
    if (done) break;
    f.hooks.tick();
    if (clock::now() - quiet_from < milliseconds(f.rules.quiet_ms)) continue;
    if (f.hooks.over()) return false;
    quiet_from = clock::now();
  }
  return true;
}

/// Tells the server that we leave, but does not wait long for its answer.
template <class Stream>
void say_goodbye(boost::asio::io_context& io, socket<Stream>& ws) {
  bool done = false;
  ws.async_close(websocket::close_code::normal, [&done](error_code) { done = true; });
  auto deadline = clock::now() + milliseconds(farewell_ms);
  while (!done && clock::now() < deadline) {
    io.restart();
    io.run_one_until(deadline);
  }
}

/// Reads until the job's end; throws away when the connection is lost.
template <class Stream>
void listen(boost::asio::io_context& io, Stream& stream, follower& f) {
  beast::flat_buffer buffer;  // lives longer than the socket, whose pending read may refer to it
  socket<Stream> ws(std::move(stream));
  open(io, ws, f);
  while (!f.so_far.ended) {
    bool done = false;
    error_code e;
    ws.async_read(buffer, [&](error_code result, size_t) {
      e = result;
      done = true;
    });
    if (!wait_for(done, io, f)) {
      f.so_far.ended = true;
      return;
    }
    if (e == websocket::condition::protocol_violation)
      throw trouble(f.to.url() + " does not keep to the WebSocket protocol: " + e.message());
    if (e) throw away("the event stream broke off: " + e.message(), true);
    take(f, beast::buffers_to_string(buffer.data()));
    buffer.consume(buffer.size());
  }
  say_goodbye(io, ws);
}

int wait_before(const follow_rules& rules, int tries) {
  auto wait = rules.first_wait_ms;
  for (int i = 1; i < tries && wait < rules.last_wait_ms; ++i) wait *= 2;
  return std::min(wait, rules.last_wait_ms);
}

}  // namespace

std::optional<job_event> parse_event(std::string text) {
  auto frame = json::parse(text, nullptr, false);
  if (!frame.is_object()) throw trouble("the event stream brought something that is not a JSON object");
  auto& seq = field(frame, "seq");
  if (!seq.is_number_integer()) return {};
  job_event e;
  e.seq = seq.get<int64_t>();
  e.type = text_at(frame, "type");
  e.job_id = text_at(frame, "job_id");
  e.timestamp = text_at(frame, "timestamp");
  e.terminal = field(frame, "terminal") == true;
  auto& data = field(frame, "data");
  e.progress = number_at(data, "progress");
  e.message = text_at(data, "message");
  e.attempt = text_at(data, "attempt");
  e.provider_id = text_at(data, "provider_id");
  e.cost = money(data, "cost");
  auto& error = field(data, "error");
  e.error = error.is_string() ? text_at(data, "error") : text_at(error, "code");
  if (auto why = text_at(error, "message"); !why.empty()) e.error += (e.error.empty() ? "" : ": ") + why;
  e.text = std::move(text);
  return e;
}

void follow(const server& to, const std::string& job_id, const follow_rules& rules, const follow_hooks& hooks) {
  follower f{to, job_id, rules, hooks, {}};
  while (!f.so_far.ended) {
    auto begin = clock::now();
    try {
      with_stream(to, [&](auto& io, auto& stream) { listen(io, stream, f); });
    } catch (const away& lost) {
      if (!f.so_far.connected) throw;
      if (clock::now() - begin > milliseconds(rules.steady_ms)) f.so_far.in_vain = 0;
      if (++f.so_far.in_vain > rules.tries_max) throw;
      hooks.dropped(lost.what());
      std::this_thread::sleep_for(milliseconds(wait_before(rules, f.so_far.in_vain)));
    }
  }
}

}  // namespace troupe::client
