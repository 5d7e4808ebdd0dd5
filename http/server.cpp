// Accepts connections, sweeps for overdue ones once a second, and stops in order.
#include "http/server.hpp"

#include "http/connection.hpp"
#include "http/web_rules.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace troupe {
namespace {

namespace net = boost::asio;
using error_code = boost::system::error_code;
using tcp_acceptor = net::basic_socket_acceptor<net::ip::tcp, executor_type>;
using timer =
    net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, executor_type>;

constexpr int backlog = 4096;
constexpr int sweep_ms_max = 1'000;
constexpr int sweep_ms_min = 10;
constexpr int accept_retry_ms = 50;
constexpr int abort_retry_ms = 100;

int sweep_ms(const server_options& o) {
  auto least = std::min({o.header_ms, o.body_ms, o.idle_ms, o.answer_ms, o.socket_ping_ms});
  return std::clamp(least / 4, sweep_ms_min, sweep_ms_max);  // a limit is kept within a quarter of it, or a second
}

ip_bytes address_of(const net::ip::address& x) {
  return (x.is_v4() ? net::ip::make_address_v6(net::ip::v4_mapped, x.to_v4()) : x.to_v6()).to_bytes();
}

class server final : public http_server {
public:
  server(server_options, server_handlers);
  ~server() override { stop(0); }

  uint16_t port() const override { return port_; }
  void stop(int drain_ms) override;
  size_t in_flight() const override { return core_->in_flight; }

private:
  void listen();
  void accept();
  void on_accept(error_code, tcp_socket);
  void take_in(tcp_socket);
  void sweep();

  const std::shared_ptr<server_core> core_;
  tcp_acceptor acceptor_;
  timer sweep_timer_;
  timer accept_timer_;
  uint16_t port_ = 0;
  bool stopping_ = false;  // on the first context only: a sweep already under way must not set the timer anew
  std::mutex stop_mutex_;  // a second stop waits for the first
  std::vector<net::executor_work_guard<executor_type>> guards_;
  std::vector<std::thread> threads_;
};

server::server(server_options options, server_handlers handlers)
    : core_(std::make_shared<server_core>(std::move(options), std::move(handlers))),
      acceptor_(core_->contexts[0]),
      sweep_timer_(core_->contexts[0]),
      accept_timer_(core_->contexts[0]) {
  listen();
  accept();
  sweep();
  for (auto& context : core_->contexts) guards_.emplace_back(context.get_executor());
  for (auto& context : core_->contexts) threads_.emplace_back([&context] { context.run(); });
}

void server::listen() {
  const auto& host = core_->options.host;
  try {
    net::ip::tcp::resolver resolver(core_->contexts[0]);
    auto found = resolver.resolve(host, std::to_string(core_->options.port), net::ip::tcp::resolver::passive);
    auto endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp_acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(backlog);
    port_ = acceptor_.local_endpoint().port();
  } catch (const boost::system::system_error& error) {
    auto where = host + ":" + std::to_string(core_->options.port);
    throw std::runtime_error("cannot listen on " + where + ": " + error.code().message());
  }
}

void server::accept() {
  acceptor_.async_accept(core_->next_context().get_executor(),
                         [this](error_code error, tcp_socket socket) { on_accept(error, std::move(socket)); });
}

void server::on_accept(error_code error, tcp_socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    // Most likely out of descriptors: asking again at once would only spin.
    accept_timer_.expires_after(std::chrono::milliseconds(accept_retry_ms));
    accept_timer_.async_wait([this](error_code stopped) {
      if (!stopped && acceptor_.is_open()) accept();
    });
    return;
  }
  if (core_->session_count() < core_->options.connections_max) take_in(std::move(socket));
  accept();
}

/// Or hangs up, when it is not there any more or its address has too many.
void server::take_in(tcp_socket socket) {
  error_code gone;
  auto peer = socket.remote_endpoint(gone).address();
  if (gone) return;
  auto address = address_of(peer);
  auto place = core_->take_place(address);
  if (!place && !(core_->options.web && core_->options.web->is_proxy(address))) return;
  auto executor = socket.get_executor();
  auto one = std::make_shared<connection>(core_, line{std::move(socket), std::move(place)}, address);
  core_->add(one);
  net::post(executor, [one] { one->start(); });
}

void server::sweep() {
  sweep_timer_.expires_after(std::chrono::milliseconds(sweep_ms(core_->options)));
  sweep_timer_.async_wait([this](error_code stopped) {
    if (stopped || stopping_) return;
    core_->check_deadlines();
    if (core_->tls) core_->tls->look();
    sweep();
  });
}

void server::stop(int drain_ms) {
  std::lock_guard lock(stop_mutex_);
  if (threads_.empty()) return;
  core_->draining = true;
  net::post(core_->contexts[0], [this] {
    error_code ignored;  // it is closed in any case
    acceptor_.close(ignored);
    accept_timer_.cancel();
  });
  core_->drain_all();
  // A WebSocket may be born of an upgrade in between, so ask until nobody is left.
  for (bool empty = core_->wait_empty(drain_ms); !empty; empty = core_->wait_empty(abort_retry_ms)) core_->abort_all();
  net::post(core_->contexts[0], [this] {
    stopping_ = true;
    sweep_timer_.cancel();
  });
  guards_.clear();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  core_->handlers = {};  // what they hold need not live as long as the last answer
}

}  // namespace

std::unique_ptr<http_server> listen_http(server_options options, server_handlers handlers) {
  return std::make_unique<server>(std::move(options), std::move(handlers));
}

}  // namespace troupe
