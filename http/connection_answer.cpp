// Answering: hands a request over, takes its answer from any thread, writes it, and ends the connection in order.
#include "http/connection.hpp"
#include "http/server_reply.hpp"
#include "http/socket.hpp"
#include "http/web_rules.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>

#include <cassert>

namespace troupe {
namespace {

constexpr size_t joined_bytes_max = 8 * 1024;  // a smaller body is copied behind its head: one buffer, one write
constexpr int linger_ms = 2'000;

using boost::asio::const_buffer;

bool good_socket_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==");  // 16 bytes in base64
}

handshake_request make_handshake(std::string_view head) {
  handshake_request request;
  request.version(11);
  request.method(boost::beast::http::verb::get);
  request.target("/");  // Beast does not look at it
  std::string_view name, value;
  for (auto at = head.find("\r\n") + 2; next_field(head, at, name, value);) {
    request.insert(name, value);
  }
  return request;
}

refusal check_handshake(const http_request& request) {
  if (request.header("Sec-WebSocket-Version") != "13") {
    return {426, "UPGRADE_REQUIRED", "only WebSocket version 13 is spoken here"};
  }
  if (!good_socket_key(request.header("Sec-WebSocket-Key"))) {
    return {400, "VALIDATION_ERROR", "bad Sec-WebSocket-Key"};
  }
  return {};
}

}  // namespace

// An answer comes from any thread and at any time, also when the server has stopped. Behind the gate the strand's
// threads are surely still at work; after close() nothing may be posted any more, as nobody would take it out.
template <class Work>
void connection::from_anywhere(Work work) {
  if (executor_.running_in_this_thread()) return work();
  std::lock_guard lock(gate_);
  if (gate_closed_) return;
  boost::asio::post(executor_, std::move(work));
}

void connection::hand_over() {
  if (upgrade_) return hand_over_upgrade();
  if (!origin_.empty() && request_.method == "OPTIONS" && core_->options.web->speaks_cors() &&
      !header("Access-Control-Request-Method").empty()) {
    return answer_preflight();
  }
  if (!begin_answer()) return refuse_busy();
  core_->handlers.request(take_request(), [self = shared_from_this(), number = request_number_](http_reply reply) {
    self->from_anywhere([self, number, reply = std::move(reply)]() mutable { self->answer(number, std::move(reply)); });
  });
}

/// What a browser asks before it sends a page's request; it sends no credential with it.
void connection::answer_preflight() {
  const auto& web = *core_->options.web;
  request_ = {};  // nobody takes it
  if (!web.allows_origin(origin_)) {
    return write(core_->handlers.refuse(403, "FORBIDDEN", "pages of this origin may not ask", request_id_));
  }
  write(web.preflight(header("Access-Control-Request-Headers")));
}

void connection::hand_over_upgrade() {
  auto request = take_request();
  auto why = check_handshake(request);
  if (!why && !in_.unread().empty()) why = {400, "VALIDATION_ERROR", "frames came before the WebSocket was open"};
  if (why) return refuse(why);
  if (!begin_answer()) return refuse_busy();
  auto number = request_number_;
  core_->handlers.upgrade(std::move(request), [self = shared_from_this(), number](upgrade_answer answer) {
    self->from_anywhere(
        [self, number, answer = std::move(answer)]() mutable { self->answer_upgrade(number, std::move(answer)); });
  });
}

/// False when too many requests are in flight already.
bool connection::begin_answer() {
  assert(!counted_);
  counted_ = core_->in_flight.fetch_add(1) < core_->options.in_flight_max;
  if (!counted_) return --core_->in_flight, false;
  phase_ = phase::answering;
  ++request_number_;
  allow(core_->options.answer_ms);
  return true;
}

void connection::end_answer() {
  if (std::exchange(counted_, false)) --core_->in_flight;
}

void connection::answer(uint64_t number, http_reply reply) {
  if (number != request_number_ || phase_ != phase::answering) return;  // too late: closed or given up
  end_answer();
  write(std::move(reply));
}

void connection::answer_upgrade(uint64_t number, upgrade_answer answer) {
  if (number != request_number_ || phase_ != phase::answering) return;
  end_answer();
  if (!answer.opened) return write(std::move(answer.refusal));
  become_socket(std::move(answer));
}

void connection::become_socket(upgrade_answer answer) {
  auto l = std::move(line_);
  auto handshake = make_handshake(in_.pinned());
  open_socket(core_, std::move(l), std::move(handshake), request_id_, std::move(answer.opened));
  close();
}

void connection::refuse(const refusal& why) {
  if (request_id_.empty()) request_id_ = make_request_id();
  keep_alive_ = false;
  auto reply = core_->handlers.refuse(why.status, why.code, why.message, request_id_);
  if (why.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (why.status == 426) reply.headers.emplace_back("Sec-WebSocket-Version", "13");
  write(std::move(reply));
}

void connection::refuse_busy() {
  request_ = {};  // nobody took it, and what is next must not find its body
  auto reply =
      core_->handlers.refuse(503, "SERVICE_UNAVAILABLE", "too many requests in flight, try again soon", request_id_);
  reply.headers.emplace_back("Retry-After", "1");
  write(std::move(reply));
}

void connection::write(http_reply reply) {
  if (core_->draining) keep_alive_ = false;
  phase_ = phase::writing;
  sent_ = 0;
  out_.clear();
  out_body_.clear();
  std::string cors;
  if (core_->options.web) core_->options.web->append_cors(cors, origin_);
  write_head(out_, reply, {request_id_, http_1_0_, keep_alive_, secure_, cors});
  bool no_body = head_only_ || reply.status == 204 || reply.status == 304;
  if (!no_body && reply.body.size() <= joined_bytes_max)
    out_ += reply.body;
  else if (!no_body)
    out_body_ = std::move(reply.body);
  allow(core_->options.body_ms);
  write_some();
}

void connection::write_some() {
  auto done = [self = shared_from_this()](error_code error, size_t bytes) { self->on_written(error, bytes); };
  auto head = const_buffer(out_.data(), out_.size()) + sent_;
  auto body = const_buffer(out_body_.data(), out_body_.size());
  if (body.size() == 0) return line_.async_write_some(head, std::move(done));
  body += sent_ - (out_.size() - head.size());
  line_.async_write_some(std::array{head, body}, std::move(done));
}

void connection::on_written(error_code error, size_t bytes) {
  if (phase_ != phase::writing) return;
  if (error) return close();
  sent_ += bytes;
  if (sent_ < out_.size() + out_body_.size()) {
    allow(core_->options.body_ms);
    return write_some();
  }
  if (keep_alive_) return next_request();
  linger();
}

void connection::next_request() {
  out_body_ = {};
  request_id_.clear();
  head_only_ = http_1_0_ = false;
  origin_.clear();
  in_.unpin();
  finder_ = {};
  phase_ = phase::idle;
  allow(core_->options.idle_ms);
  if (in_.unread().empty()) return core_->draining ? close() : read();
  advance_head();
}

// Closing with unread bytes sends a reset, which may destroy the reply before the client has read it.
void connection::linger() {
  auto error = line_.end_sending();
  bool all_read = core_->draining && !reading_ && in_.unread().empty();
  if (error || !linger_ || all_read) return close();
  phase_ = phase::lingering;
  allow(linger_ms);
  in_.consume(in_.unread().size());
  if (!reading_) read();
}

void connection::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  end_answer();
  {
    std::lock_guard lock(gate_);
    gate_closed_ = true;
  }
  line_.close();
  core_->remove(this);
}

}  // namespace troupe
