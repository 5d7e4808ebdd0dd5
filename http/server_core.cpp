// The list of open connections, and the questions one asks of all of them.
#include "http/server_core.hpp"

#include <algorithm>
#include <chrono>

namespace troupe {

int64_t steady_now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string ip_text(const ip_bytes& x) {
  namespace ip = boost::asio::ip;
  auto six = ip::make_address_v6(x);
  return is_v4(x) ? ip::make_address_v4(ip::v4_mapped, six).to_string() : six.to_string();
}

server_core::server_core(server_options o, server_handlers h) : options(std::move(o)), handlers(std::move(h)) {
  for (int i = 0; i < std::max(1, options.threads); ++i) contexts.emplace_back(1);  // 1: one thread runs it
  if (!options.tls_cert.empty()) tls.emplace(options.tls_cert, options.tls_key);
}

boost::asio::io_context& server_core::next_context() { return contexts[turn_++ % contexts.size()]; }

void server_core::add(std::shared_ptr<session> one) {
  std::lock_guard lock(mutex_);
  auto key = one.get();
  sessions_.emplace(key, std::move(one));
}

void server_core::remove(const session* one) {
  std::shared_ptr<session> last;  // dies after the lock is released
  std::lock_guard lock(mutex_);
  if (auto at = sessions_.find(one); at != sessions_.end()) {
    last = std::move(at->second);
    sessions_.erase(at);
  }
  if (sessions_.empty()) emptied_.notify_all();
}

size_t server_core::session_count() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

bool server_core::wait_empty(int wait_ms) {
  std::unique_lock lock(mutex_);
  return emptied_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return sessions_.empty(); });
}

std::shared_ptr<const void> server_core::take_place(const ip_bytes& from) {
  std::lock_guard lock(places_->guard);
  auto& count = places_->of[from];
  if (count >= options.connections_per_address_max) return nullptr;  // then it is not zero: no entry was made
  ++count;
  return {places_.get(), [places = places_, from](const void*) {
            std::lock_guard lock(places->guard);
            auto at = places->of.find(from);
            if (--at->second == 0) places->of.erase(at);
          }};
}

// The lock is held while posting: a session in the list has not closed, so its executor is still run.

void server_core::check_deadlines() {
  auto now_ms = steady_now_ms();
  std::lock_guard lock(mutex_);
  for (auto& [key, one] : sessions_) {
    if (one->overdue(now_ms)) one->check_deadline();
  }
}

void server_core::drain_all() {
  std::lock_guard lock(mutex_);
  for (auto& [key, one] : sessions_) one->drain();
}

void server_core::abort_all() {
  std::lock_guard lock(mutex_);
  for (auto& [key, one] : sessions_) one->abort();
}

}  // namespace troupe
