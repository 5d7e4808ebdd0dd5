// The WebSocket session: one read, one write and one ping at a time, and an end that is told exactly once.
#include "http/socket.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <cassert>
#include <optional>

namespace troupe {
namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using error_code = boost::system::error_code;

constexpr size_t read_bytes = 1536;
constexpr size_t message_bytes_max = 64 * 1024;
constexpr size_t queue_bytes_max = 1024 * 1024;
constexpr size_t queue_frames_max = 1024;
constexpr size_t reason_bytes_max = 123;
constexpr int cut_ms = 1'000;    // for operations to end after their socket was closed
constexpr int close_ms = 5'000;  // for a closing handshake, and for what was queued before it
using opened_fn = std::function<socket_events(std::shared_ptr<web_socket>)>;

class socket_session final : public session, public web_socket, public std::enable_shared_from_this<socket_session> {
public:
  socket_session(std::shared_ptr<server_core> core, line socket, opened_fn opened)
      : core_(std::move(core)), executor_(socket.get_executor()), opened_(std::move(opened)) {
    stream_.emplace(std::move(socket));
  }

  void start(handshake_request, std::string request_id);

  bool send(std::string frame) override;
  size_t queued_bytes() const override;
  void close(uint16_t code, std::string reason) override;

  void check_deadline() override;
  void drain() override { close(websocket::close_code::going_away, "the server is stopping"); }
  void abort() override;

private:
  void set_options(std::string request_id);
  void on_accept(error_code);
  void read();
  void on_read(error_code);
  void on_control(websocket::frame_type);
  void write();
  void on_written(error_code);
  void ping();
  void begin_close(uint16_t code, std::string reason);
  void end_for_user();
  void say_close();
  template <class Work>
  void post(Work);
  void cut();
  void give_up();
  bool still_open(error_code);
  void finish();

  const std::shared_ptr<server_core> core_;
  const executor_type executor_;

  // On the strand only.
  std::optional<websocket::stream<line, false>> stream_;
  opened_fn opened_;
  socket_events events_;
  beast::flat_buffer in_;
  handshake_request handshake_;
  websocket::close_reason reason_;
  int pending_ = 0;  // operations under way; the stream must outlive them
  int64_t heard_ms_ = 0;
  bool open_ = false, pinging_ = false, writing_ = false;
  bool closing_ = false;       // the user was told; whoever began
  bool close_wanted_ = false;  // our close frame is to follow the queue
  bool broken_ = false;        // an operation failed: wait for the others, then finish
  bool cut_ = false;           // the socket is closed

  mutable std::mutex mutex_;       // for what follows
  std::deque<std::string> queue_;  // its front is being written
  size_t queue_bytes_ = 0;
  bool shut_ = false;      // takes no more frames
  bool finished_ = false;  // nothing may be posted any more: nobody would take it out
};

void socket_session::set_options(std::string request_id) {
  // No time-out of Beast's: it sets a timer for every message, and pongs do not renew it. The sweep sees to that.
  stream_->control_callback([this](websocket::frame_type kind, beast::string_view) { on_control(kind); });
  stream_->set_option(websocket::stream_base::decorator([id = std::move(request_id)](websocket::response_type& reply) {
    reply.set(beast::http::field::server, "troupe");
    reply.set("X-Request-ID", id);
  }));
  stream_->read_message_max(message_bytes_max);
  stream_->auto_fragment(false);
  stream_->text(true);
}

void socket_session::start(handshake_request request, std::string request_id) {
  set_options(std::move(request_id));
  allow(core_->options.header_ms);
  handshake_ = std::move(request);
  ++pending_;
  stream_->async_accept(handshake_, [self = shared_from_this()](error_code error) { self->on_accept(error); });
  if (core_->draining) drain();
}

void socket_session::on_accept(error_code error) {
  handshake_ = {};
  if (!still_open(error)) return;
  open_ = true;
  if (close_wanted_)
    say_close();
  else {
    heard_ms_ = steady_now_ms();
    allow(core_->options.socket_ping_ms);
    events_ = std::exchange(opened_, nullptr)(shared_from_this());
  }
  read();
}

// Piece by piece, not with Beast's async_read: between two pieces that one trusts a state which a close of ours, that
// reads frames beside it, may have changed, and ends the process by an assertion.
void socket_session::read() {
  ++pending_;
  stream_->async_read_some(in_.prepare(read_bytes), [self = shared_from_this()](error_code error, size_t bytes) {
    self->in_.commit(bytes);
    self->on_read(error);
  });
}

void socket_session::on_read(error_code error) {
  if (!still_open(error)) return;
  heard_ms_ = steady_now_ms();
  if (!stream_->is_message_done()) return read();
  if (!stream_->got_text())
    begin_close(websocket::close_code::unknown_data, "only text is spoken here");
  else if (!closing_ && events_.message)
    events_.message(beast::buffers_to_string(in_.data()));
  in_.consume(in_.size());
  if (in_.capacity() > 4096) in_.shrink_to_fit();  // thousands of sockets are idle
  read();
}

void socket_session::on_control(websocket::frame_type kind) {
  heard_ms_ = steady_now_ms();
  if (kind == websocket::frame_type::close) end_for_user();  // Beast answers it, and waits for the client to hang up
}

bool socket_session::send(std::string frame) {
  std::lock_guard lock(mutex_);
  if (shut_) return false;
  // A frame over the bound may go alone, or its sender would wait for ever.
  bool full = queue_.size() >= queue_frames_max || queue_bytes_ + frame.size() > queue_bytes_max;
  if (full && !queue_.empty()) return false;
  queue_bytes_ += frame.size();
  queue_.push_back(std::move(frame));
  if (queue_.size() == 1) boost::asio::post(executor_, [self = shared_from_this()] { self->write(); });
  return true;
}

size_t socket_session::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return queue_bytes_;
}

void socket_session::write() {
  if (broken_ || writing_) return;
  std::unique_lock lock(mutex_);
  if (queue_.empty()) return;
  const auto& frame = queue_.front();  // stays where it is while others are queued behind it
  lock.unlock();
  writing_ = true;
  ++pending_;
  stream_->async_write(boost::asio::buffer(frame),
                       [self = shared_from_this()](error_code error, size_t) { self->on_written(error); });
}

void socket_session::on_written(error_code error) {
  writing_ = false;
  if (!still_open(error)) return;
  bool empty;
  {
    std::lock_guard lock(mutex_);
    queue_bytes_ -= queue_.front().size();
    queue_.pop_front();
    empty = queue_.empty();
  }
  if (!empty)
    write();
  else if (close_wanted_)
    say_close();
  else if (events_.drained)
    events_.drained();
}

void socket_session::ping() {
  auto left_ms = heard_ms_ + core_->options.socket_idle_ms - steady_now_ms();
  if (left_ms <= 0) return cut();
  allow(std::min<int64_t>(left_ms, core_->options.socket_ping_ms));
  if (std::exchange(pinging_, true)) return;
  ++pending_;
  stream_->async_ping({}, [self = shared_from_this()](error_code error) {
    self->pinging_ = false;
    self->still_open(error);
  });
}

template <class Work>
void socket_session::post(Work work) {
  std::lock_guard lock(mutex_);
  if (!finished_) boost::asio::post(executor_, std::move(work));
}

void socket_session::close(uint16_t code, std::string reason) {
  {
    std::lock_guard lock(mutex_);
    shut_ = true;
  }
  post([self = shared_from_this(), code, reason = std::move(reason)] { self->begin_close(code, reason); });
}

void socket_session::begin_close(uint16_t code, std::string reason) {
  if (broken_ || closing_) return;
  close_wanted_ = true;
  reason.resize(std::min(reason.size(), reason_bytes_max));
  reason_.code = static_cast<websocket::close_code>(code);
  reason_.reason = beast::string_view(reason);
  end_for_user();
  std::unique_lock lock(mutex_);
  bool empty = queue_.empty();
  lock.unlock();
  if (open_ && empty) say_close();  // else after the handshake, or after the last frame
}

/// From here on nothing but the rest of the queue and the closing handshake happens, and that within bounds.
void socket_session::end_for_user() {
  if (std::exchange(closing_, true)) return;
  allow(close_ms);
  {
    std::lock_guard lock(mutex_);
    shut_ = true;
  }
  opened_ = {};
  auto events = std::exchange(events_, {});  // they may hold this socket, and it holds them
  if (events.closed) events.closed();
}

void socket_session::say_close() {
  close_wanted_ = false;
  ++pending_;
  stream_->async_close(reason_, [self = shared_from_this()](error_code error) { self->still_open(error); });
}

void socket_session::check_deadline() {
  post([self = shared_from_this()] {
    if (!self->overdue(steady_now_ms())) return;
    if (self->cut_) return self->give_up();
    if (self->open_ && !self->closing_)
      self->ping();
    else
      self->cut();
  });
}

void socket_session::abort() {
  post([self = shared_from_this()] {
    if (self->cut_) return self->give_up();
    self->cut();
  });
}

/// Ends what is under way with an error; still_open() sees to the rest.
void socket_session::cut() {
  if (std::exchange(cut_, true)) return;
  allow(cut_ms);
  if (stream_) stream_->next_layer().close();
}

/// Beast may wait for itself: our close for the read to end, and a read that met a bad frame for our close. Neither has
/// the socket any more, so both are thrown away with the stream.
void socket_session::give_up() {
  broken_ = true;
  finish();
}

/// Every operation ends here. The session is over when the last one has ended after an error.
bool socket_session::still_open(error_code error) {
  assert(pending_ > 0);
  --pending_;
  if (error && !broken_) {
    broken_ = true;
    cut();
  }
  if (broken_ && pending_ == 0) finish();
  return !broken_;
}

void socket_session::finish() {
  if (!stream_) return;
  end_for_user();
  {
    std::lock_guard lock(mutex_);
    finished_ = true;
    queue_.clear();
    queue_bytes_ = 0;
  }
  stream_.reset();
  core_->remove(this);
}

}  // namespace

void open_socket(std::shared_ptr<server_core> core, line socket, handshake_request request, std::string request_id,
                 std::function<socket_events(std::shared_ptr<web_socket>)> opened) {
  auto one = std::make_shared<socket_session>(core, std::move(socket), std::move(opened));
  core->add(one);
  one->start(std::move(request), std::move(request_id));
}

}  // namespace troupe
