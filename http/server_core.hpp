// What all connections of one server share: options, handlers, threads, counters, and the list of who is open.
#pragma once

#include "http/server.hpp"
#include "http/tls.hpp"
#include "model/ip_range.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace troupe {

// Each thread runs its own io_context and a connection stays on one: that is its strand, without a lock.
using executor_type = boost::asio::io_context::executor_type;
using tcp_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, executor_type>;

int64_t steady_now_ms();

/// "192.0.2.1" also when it came through a socket of version 6.
std::string ip_text(const ip_bytes&);

/// One open connection, of either kind. Its methods are called from any thread and only post to its strand.
class session {
public:
  virtual ~session() = default;
  virtual void check_deadline() = 0;
  /// Close as soon as that loses nothing.
  virtual void drain() = 0;
  /// Close now.
  virtual void abort() = 0;

  bool overdue(int64_t now_ms) const { return now_ms >= deadline_ms_.load(std::memory_order_relaxed); }

protected:
  void allow(int64_t limit_ms) { deadline_ms_.store(steady_now_ms() + limit_ms, std::memory_order_relaxed); }

private:
  // Looked at by a coarse sweep of the server: far cheaper than a timer re-armed for every request.
  std::atomic<int64_t> deadline_ms_ = INT64_MAX;
};

/// Kept alive by its sessions, as an answer may come when the server is long gone.
class server_core {
public:
  server_core(server_options, server_handlers);

  boost::asio::io_context& next_context();

  void add(std::shared_ptr<session>);
  void remove(const session*);
  size_t session_count() const;
  /// False when sessions are still open after so long.
  bool wait_empty(int wait_ms);
  /// A place among the connections of this address, given back when the last holder lets go of it; null: all are taken.
  std::shared_ptr<const void> take_place(const ip_bytes&);
  void check_deadlines();
  void drain_all();
  void abort_all();

  const server_options options;
  server_handlers handlers;
  std::optional<tls_files> tls;  // nothing: in the clear
  std::atomic<size_t> in_flight = 0;
  std::atomic<bool> draining = false;
  std::deque<boost::asio::io_context> contexts;

private:
  size_t turn_ = 0;  // of the accepting thread only
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  std::unordered_map<const session*, std::shared_ptr<session>> sessions_;
  struct address_counts {
    std::mutex guard;
    std::map<ip_bytes, size_t> of;
  };
  const std::shared_ptr<address_counts> places_ = std::make_shared<address_counts>();  // a place may outlive the server
};

}  // namespace troupe
