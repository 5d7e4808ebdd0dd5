// One HTTP connection: read a request, hand it over, write the reply, read the next. All of it on one strand.
#pragma once

#include "http/line.hpp"
#include "http/server_core.hpp"
#include "http/server_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>

namespace troupe {

/// The bytes read and not yet used. The header of the request at work stays in place until it is answered.
class input_buffer {
public:
  std::string_view unread() const { return {bytes_.data() + begin_, end_ - begin_}; }
  void consume(size_t n) { begin_ += n; }
  /// At least so much room to read into. May move what is unread and, when it grows, all.
  boost::asio::mutable_buffer prepare(size_t room);
  void commit(size_t n) { end_ += n; }

  void pin(size_t n);  // the first n unread bytes
  std::string_view pinned() const { return {bytes_.data() + pinned_begin_, pinned_end_ - pinned_begin_}; }
  /// Between two requests; gives back the memory that a large one took.
  void unpin();

private:
  std::string bytes_;
  size_t begin_ = 0, end_ = 0, pinned_begin_ = 0, pinned_end_ = 0;
};

class connection final : public session, public std::enable_shared_from_this<connection> {
public:
  connection(std::shared_ptr<server_core>, line, const ip_bytes& remote);

  /// On the strand, once.
  void start();
  void check_deadline() override;
  void drain() override;
  void abort() override;

private:
  enum class phase : uint8_t { handshake, idle, head, body, answering, writing, lingering, closed };
  using error_code = boost::system::error_code;

  // reading
  void shake_hands();
  void begin();
  void read();
  void on_read(error_code, size_t bytes);
  void advance();
  void advance_head();
  void begin_request(size_t head_bytes);
  refusal take_head(const request_head&);
  refusal take_origin(const request_head&);
  http_request take_request();
  template <class Use>
  void for_each_header(std::string_view name, Use) const;
  std::string header(std::string_view name) const;
  void take_forwarded();
  void say_continue();
  void advance_body();
  void allow_body();

  // answering
  void hand_over();
  void hand_over_upgrade();
  bool begin_answer();
  void end_answer();
  template <class Work>
  void from_anywhere(Work);
  void answer_upgrade(uint64_t request, upgrade_answer);
  void become_socket(upgrade_answer);
  void answer(uint64_t request, http_reply);
  void refuse(const refusal&);
  void refuse_busy();
  void answer_preflight();

  // writing
  void write(http_reply);
  void write_some();
  void on_written(error_code, size_t bytes);
  void next_request();
  void linger();
  void close();

  void on_deadline();
  void on_drain();

  const std::shared_ptr<server_core> core_;
  line line_;
  const executor_type executor_;

  phase phase_ = phase::handshake;
  bool reading_ = false;  // a read is under way, whatever the phase
  bool counted_ = false;  // in core_->in_flight
  bool keep_alive_ = true;
  bool head_only_ = false;  // HEAD: the length of the body, but not the body
  bool http_1_0_ = false;
  bool secure_ = false;  // of this request
  bool upgrade_ = false;
  bool linger_ = true;
  uint64_t request_number_ = 0;  // a late answer to an earlier request is known by it

  input_buffer in_;
  head_finder finder_;
  body_reader body_;
  int64_t body_began_ms_ = 0;
  http_request request_;
  const ip_bytes remote_;
  const std::string remote_ip_;
  std::string origin_;  // of the page that asked
  std::string request_id_;

  std::string out_;       // head, and body when that is small
  std::string out_body_;  // else
  size_t sent_ = 0;

  std::mutex gate_;  // from_anywhere() against close()
  bool gate_closed_ = false;
};

}  // namespace troupe
