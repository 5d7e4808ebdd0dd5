// Reading: bytes into requests, and what is refused on the way. Answering is in connection_answer.cpp.
#include "http/connection.hpp"

#include "http/server_reply.hpp"
#include "http/web_rules.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace troupe {
namespace {

constexpr size_t read_bytes_min = 1024;
constexpr size_t buffer_bytes_min = 4096;
constexpr size_t body_read_bytes_max = 64 * 1024;
constexpr size_t idle_buffer_bytes_max = 16 * 1024;
constexpr int64_t body_patience = 10;    // times body_ms for a whole body,
constexpr int64_t body_bytes_a_ms = 16;  // and a millisecond more for so many bytes that came
constexpr std::ptrdiff_t credential_bytes_max = 8 * 1024;

/// A header that is too large because of the credential in it has a bad credential, like any other.
refusal too_large_or_bad_credential(refusal why, std::string_view head) {
  constexpr std::string_view wanted = "\r\nauthorization:";
  auto same = [](char have, char want) { return (have >= 'A' && have <= 'Z' ? have - 'A' + 'a' : have) == want; };
  const auto* field = std::search(head.begin(), head.end(), wanted.begin(), wanted.end(), same);
  if (why.status != 431 || field == head.end()) return why;
  auto large = std::find(field + 2, head.end(), '\r') - field > credential_bytes_max;
  return large ? refusal{401, "AUTHENTICATION_REQUIRED", "Invalid or expired token"} : why;
}

}  // namespace

boost::asio::mutable_buffer input_buffer::prepare(size_t room) {
  if (begin_ == end_) begin_ = end_ = pinned_end_;
  if (bytes_.size() - end_ < room && begin_ > pinned_end_) {
    std::memmove(bytes_.data() + pinned_end_, bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_ - pinned_end_;
    begin_ = pinned_end_;
  }
  if (bytes_.size() - end_ < room) bytes_.resize(end_ + std::max(room, buffer_bytes_min));
  return {bytes_.data() + end_, bytes_.size() - end_};
}

void input_buffer::pin(size_t n) {
  pinned_begin_ = begin_;
  pinned_end_ = begin_ += n;
}

void input_buffer::unpin() {
  pinned_begin_ = pinned_end_ = 0;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (bytes_.size() > idle_buffer_bytes_max) bytes_ = {};
}

connection::connection(std::shared_ptr<server_core> core, line l, const ip_bytes& remote)
    : core_(std::move(core)),
      line_(std::move(l)),
      executor_(line_.get_executor()),
      remote_(remote),
      remote_ip_(ip_text(remote)) {}

void connection::start() {
  error_code error;
  line_.tcp().set_option(boost::asio::ip::tcp::no_delay(true), error);
  if (!error) line_.tcp().non_blocking(true, error);
  if (error || core_->draining) return close();
  if (core_->tls) return shake_hands();
  begin();
}

void connection::shake_hands() {
  allow(core_->options.header_ms);
  if (!line_.secure_with(core_->tls->current())) return close();
  line_.async_shake_hands([self = shared_from_this()](error_code error) {
    if (error) return self->close();
    if (self->phase_ == phase::handshake) self->begin();
  });
}

void connection::begin() {
  phase_ = phase::idle;
  secure_ = line_.secure();
  if (core_->draining) return close();
  allow(core_->options.idle_ms);
  read();
}

void connection::read() {
  assert(!reading_);
  reading_ = true;
  auto body_bytes = static_cast<size_t>(std::min<uint64_t>(body_.left(), body_read_bytes_max));
  auto room = phase_ == phase::body ? std::max(body_bytes, read_bytes_min) : read_bytes_min;
  auto done = [self = shared_from_this()](error_code error, size_t bytes) { self->on_read(error, bytes); };
  if (phase_ == phase::lingering) return line_.tcp().async_read_some(in_.prepare(room), std::move(done));
  line_.async_read_some(in_.prepare(room), std::move(done));
}

void connection::on_read(error_code error, size_t bytes) {
  reading_ = false;
  switch (phase_) {
    case phase::handshake:
    case phase::closed:
    case phase::answering:
    case phase::writing:  // a time-out was quicker: the reply ends this connection
      return;
    case phase::lingering: return error ? close() : read();
    case phase::idle:
    case phase::head:
    case phase::body:
      if (error) return close();
      in_.commit(bytes);
      return advance();
  }
}

void connection::advance() {
  if (phase_ == phase::body) {
    allow_body();
    return advance_body();
  }
  advance_head();
}

void connection::advance_head() {
  refusal why;
  auto head_bytes = finder_.find(in_.unread(), why);
  if (why) why = too_large_or_bad_credential(why, in_.unread());
  if (why) return refuse(why);
  if (head_bytes > 0) return begin_request(head_bytes);
  if (phase_ == phase::idle) {
    phase_ = phase::head;  // its time runs from the first byte and is not renewed
    allow(core_->options.header_ms);
  }
  read();
}

void connection::begin_request(size_t head_bytes) {
  request_head head;
  auto why = parse_head(in_.unread().substr(0, head_bytes), head);
  request_id_ = good_request_id(head.request_id) ? std::string(head.request_id) : make_request_id();
  http_1_0_ = head.http_1_0;
  head_only_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive;
  secure_ = line_.secure();
  if (!why) why = take_head(head);
  if (why) return refuse(why);
  body_.start(head, core_->handlers.body_bytes_max(request_.method, request_.path));
  in_.pin(head_bytes);
  if (core_->options.web) take_forwarded();
  phase_ = phase::body;
  if (body_.done()) return hand_over();
  bool waits = head.expects_continue && in_.unread().empty();
  if (auto too_large = body_.check_length()) return refuse(too_large);
  body_began_ms_ = steady_now_ms();
  allow_body();
  if (waits) say_continue();
  if (phase_ == phase::body) advance_body();
}

refusal connection::take_head(const request_head& head) {
  auto question = head.target.find('?');
  auto raw_path = head.target.substr(0, question);
  bool whole_server = head.target == "*" && head.method == "OPTIONS";
  if (whole_server)
    request_.path = "*";
  else if (!decode_path(raw_path, request_.path))
    return {400, "VALIDATION_ERROR", "bad path in the request target"};
  request_.query = question == head.target.npos ? std::string_view{} : head.target.substr(question + 1);
  request_.method = head.method;
  request_.target = head.target;
  request_.request_id = request_id_;
  request_.remote_ip = remote_ip_;
  request_.secure = secure_;
  request_.authorization = head.authorization;
  request_.api_key = head.api_key;
  request_.idempotency_key = head.idempotency_key;
  request_.content_type = head.content_type;
  request_.error_dialect = head.error_dialect;
  upgrade_ = head.method == "GET" && has_word(head.upgrade, "websocket");
  if (upgrade_ && (!head.upgrade_wanted || head.http_1_0 || head.chunked || head.length > 0)) {
    return {400, "VALIDATION_ERROR", "bad WebSocket upgrade"};
  }
  return core_->options.web ? take_origin(head) : refusal{};
}

refusal connection::take_origin(const request_head& head) {
  const auto& web = *core_->options.web;
  if (!web.answers_for(head.host)) return {421, "MISDIRECTED_REQUEST", "this server does not answer for that host"};
  origin_ = head.origin;
  // Browsers let any page open a WebSocket and leave it to us to look where it comes from.
  bool own_page = head.origin.substr(std::min(head.origin.find("//") + 2, head.origin.size())) == head.host;
  if (upgrade_ && !origin_.empty() && !own_page && web.speaks_cors() && !web.allows_origin(origin_))
    return {403, "FORBIDDEN", "pages of this origin may not connect"};
  return {};
}

/// REQUIRES: the header is pinned. From anybody but a trusted proxy these headers say nothing.
void connection::take_forwarded() {
  const auto& web = *core_->options.web;
  if (!web.is_proxy(remote_)) return;
  std::string chain;
  for_each_header("X-Forwarded-For", [&](std::string_view value) { (chain += chain.empty() ? "" : ",") += value; });
  request_.remote_ip = ip_text(web.client_behind(remote_, chain));
  secure_ = secure_ || same_word(header("X-Forwarded-Proto"), "https");
  request_.secure = secure_;
}

void connection::say_continue() {
  static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
  error_code error;
  auto sent = line_.write_some(boost::asio::buffer(text.data(), text.size()), error);
  if (error || sent < text.size()) close();  // no room for 25 bytes: this client does not read
}

/// Progress renews the time, but not for ever: a byte now and then would hold a connection for days.
void connection::allow_body() {
  auto earned_ms = static_cast<int64_t>(request_.body.size()) / body_bytes_a_ms;
  auto all_ms = body_patience * core_->options.body_ms + earned_ms;
  allow(std::min<int64_t>(core_->options.body_ms, body_began_ms_ + all_ms - steady_now_ms()));
}

void connection::advance_body() {
  refusal why;
  in_.consume(body_.take(in_.unread(), request_.body, why));
  if (why) return refuse(why);
  if (!body_.done()) return read();
  hand_over();
}

// The header bytes stay pinned until the answer, so a look-up needs no copy of them.
http_request connection::take_request() {
  request_.header = [this](std::string_view name) { return header(name); };
  return std::exchange(request_, {});
}

template <class Use>
void connection::for_each_header(std::string_view wanted, Use use) const {
  auto head = in_.pinned();
  std::string_view name, value;
  for (auto at = head.find("\r\n") + 2; next_field(head, at, name, value);) {
    if (same_word(name, wanted)) use(value);
  }
}

/// The first of that name.
std::string connection::header(std::string_view name) const {
  std::string first;
  bool found = false;
  for_each_header(name, [&](std::string_view value) {
    if (!std::exchange(found, true)) first = value;
  });
  return first;
}

void connection::on_deadline() {
  if (!overdue(steady_now_ms())) return;  // progress came between the look and now
  switch (phase_) {
    case phase::head: return refuse({408, "REQUEST_TIMEOUT", "the request header took too long"});
    case phase::body: return refuse({408, "REQUEST_TIMEOUT", "the request body took too long"});
    case phase::answering:
      end_answer();
      linger_ = false;  // all was read; and the handler may still look at the header bytes
      return refuse({504, "TIMEOUT", "the answer took too long"});
    case phase::handshake:
    case phase::idle:
    case phase::writing:
    case phase::lingering: return close();
    case phase::closed: return;
  }
}

void connection::check_deadline() {
  boost::asio::post(executor_, [self = shared_from_this()] { self->on_deadline(); });
}

void connection::drain() {
  boost::asio::post(executor_, [self = shared_from_this()] {
    if (self->phase_ == phase::idle || self->phase_ == phase::handshake)
      self->close();  // any other phase ends with Connection: close
  });
}

void connection::abort() {
  boost::asio::post(executor_, [self = shared_from_this()] { self->close(); });
}

}  // namespace troupe
