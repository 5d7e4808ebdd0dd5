// CAF's streams behind an acceptor and connections of our own.
#include "actors/cluster_port.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <caf/io/all.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/policy/tcp.hpp>
#include <deque>

#include "actors/tls_line.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

namespace net = caf::io::network;

constexpr auto find_limit = std::chrono::seconds{8};  // a host that is shutting down accepts, and says nothing more
constexpr size_t introduction_bytes_max = 64 * 1024;  // a handshake has some hundred
constexpr int64_t introduction_ms = 5'000;
constexpr size_t guests_max = 1'024;  // of whom we know nothing yet; the oldest makes room

/// What the sweep knows of a connection. Only the multiplexer's thread looks at it.
struct guest {
  int fd = -1;  // -1: gone
  bool introduced = false;
  int64_t until_ms = 0;

  void turn_out() const {
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);  // the next read ends it
  }
};

/// Those who have not introduced themselves yet, in order of their arrival.
struct lobby {
  std::deque<std::shared_ptr<guest>> guests;

  void sweep(int64_t now_ms) {
    std::erase_if(guests, [](auto& g) { return g->fd < 0 || g->introduced; });
    for (auto& g : guests)
      if (g->until_ms <= now_ms) g->turn_out();
  }
  std::shared_ptr<guest> enter(int fd) {
    if (guests.size() >= guests_max) sweep(steady_ms());
    if (guests.size() >= guests_max) {
      guests.front()->turn_out();
      guests.pop_front();
    }
    return guests.emplace_back(std::make_shared<guest>(guest{fd, false, steady_ms() + introduction_ms}));
  }
};
lobby the_lobby;  // of the process, which has one cluster port

template <class Policy>
class wary_scribe : public caf::io::scribe {
public:
  template <class... T>
  wary_scribe(net::default_multiplexer& multiplexer, net::native_socket fd, std::shared_ptr<guest> who, bool greeted,
              T&&... policy)
      : scribe(net::conn_hdl_from_socket(fd)),
        guest_(std::move(who)),
        greeted_(greeted),
        stream_(multiplexer, fd, std::forward<T>(policy)...) {}
  ~wary_scribe() override { guest_->fd = -1; }

  /// CAF asks for a header, then for as much as that promises, then for the next header.
  void configure_read(caf::io::receive_policy::config want) override {
    auto is_payload = want.second != caf::io::basp::header_size;
    if (!guest_->introduced && is_payload && want.second > introduction_bytes_max) {
      guest_->turn_out();
      want.second = 1;
    }
    guest_->introduced = guest_->introduced || payload_asked_;
    payload_asked_ = payload_asked_ || is_payload;
    stream_.configure_read(want);
    if (!std::exchange(launched_, true)) stream_.start(this);
  }
  /// Nothing is written before the greeting is over: CAF would try again and again.
  void flush() override {
    if (greeted_) stream_.flush(this);
  }
  void greet() {
    greeted_ = true;
    stream_.flush(this);
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  std::string addr() const override {
    auto x = net::remote_addr_of_fd(stream_.fd());
    return x ? *x : std::string{};
  }
  uint16_t port() const override {
    auto x = net::remote_port_of_fd(stream_.fd());
    return x ? *x : uint16_t{0};
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

private:
  std::shared_ptr<guest> guest_;
  bool greeted_ = false, launched_ = false, payload_asked_ = false;
  net::stream_impl<Policy> stream_;
};

class wary_doorman : public net::doorman_impl {
public:
  wary_doorman(net::default_multiplexer& multiplexer, net::native_socket fd, std::shared_ptr<tls_door> tls)
      : doorman_impl(multiplexer, fd), tls_(std::move(tls)) {}

  bool new_connection() override {
    auto fd = acceptor_.accepted_socket();
    auto line = detached() ? nullptr : line_of(fd);
    if (!line) {
      ::close(fd);
      return false;
    }
    auto handle = line->hdl();
    parent()->add_scribe(std::move(line));
    return doorman::new_connection(&acceptor_.backend(), handle);
  }

private:
  caf::io::scribe_ptr line_of(net::native_socket fd) {
    auto& multiplexer = acceptor_.backend();
    net::keepalive(fd, true);
    if (!tls_) return caf::make_counted<wary_scribe<caf::policy::tcp>>(multiplexer, fd, the_lobby.enter(fd), true);
    auto ssl = tls_->greet(fd);
    if (!ssl) return nullptr;
    auto greeted = std::make_shared<std::function<void()>>();
    auto line = caf::make_counted<wary_scribe<tls_line>>(multiplexer, fd, the_lobby.enter(fd), false, ssl, greeted);
    *greeted = [raw = line.get()] { raw->greet(); };  // lives in the line's own policy
    return line;
  }

  std::shared_ptr<tls_door> tls_;
};

class wary_middleman : public caf::io::middleman_actor_impl {
public:
  wary_middleman(caf::actor_config& c, caf::actor broker, std::shared_ptr<tls_door> tls)
      : middleman_actor_impl(c, std::move(broker)), tls_(std::move(tls)) {}

protected:
  caf::expected<caf::io::doorman_ptr> open(uint16_t port, const char* address, bool reuse) override {
    auto fd = net::new_tcp_acceptor_impl(port, address, reuse);
    if (!fd) return std::move(fd.error());
    auto& multiplexer = static_cast<net::default_multiplexer&>(system().middleman().backend());
    return caf::make_counted<wary_doorman>(multiplexer, *fd, tls_);
  }

  /// Whom we call needs no introduction.
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, uint16_t port) override {
    auto fd = net::new_tcp_connection(host, port);
    if (!fd) return std::move(fd.error());
    auto& multiplexer = static_cast<net::default_multiplexer&>(system().middleman().backend());
    auto host_of_ours = std::make_shared<guest>(guest{*fd, true, 0});
    net::keepalive(*fd, true);
    if (!tls_) return caf::make_counted<wary_scribe<caf::policy::tcp>>(multiplexer, *fd, host_of_ours, true);
    if (auto ssl = tls_->reach(*fd)) {
      auto greeted = std::make_shared<std::function<void()>>();
      return caf::make_counted<wary_scribe<tls_line>>(multiplexer, *fd, host_of_ours, true, ssl, greeted);
    }
    ::close(*fd);
    return caf::make_error(caf::sec::cannot_connect_to_node);
  }

private:
  std::shared_ptr<tls_door> tls_;
};

}  // namespace

caf::expected<uint16_t> publish_door(caf::actor_system& system, const door_actor& door, const config& settings) {
  auto tls = settings.cluster_cert.empty() ? nullptr : std::make_shared<tls_door>(settings);
  auto broker = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto middleman = caf::actor_cast<caf::io::middleman_actor>(system.spawn<wary_middleman, caf::hidden>(broker, tls));
  caf::detail::type_list<door_actor> interface;
  caf::expected<uint16_t> result{caf::sec::cannot_open_port};
  caf::scoped_actor self{system, true};
  self->request(middleman, caf::infinite, caf::publish_atom::value, settings.cluster_listen.port,
                caf::actor_cast<caf::strong_actor_ptr>(door), system.message_types(interface),
                settings.cluster_listen.host, true)
      .receive([&](uint16_t opened) { result = opened; }, [&](caf::error& why) { result = std::move(why); });
  return result;
}

caf::expected<door_actor> find_door(caf::actor_system& system, const config& settings, const endpoint& at) {
  auto tls = settings.cluster_cert.empty() ? nullptr : std::make_shared<tls_door>(settings);
  auto broker = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto middleman =
      caf::actor_cast<caf::io::middleman_actor>(system.spawn<wary_middleman, caf::hidden + caf::detached>(broker, tls));
  caf::detail::type_list<door_actor> interface;
  caf::expected<door_actor> result{caf::sec::no_actor_published_at_port};
  caf::scoped_actor self{system, true};
  self->request(middleman, find_limit, caf::connect_atom::value, at.host, at.port)
      .receive(
          [&](const caf::node_id&, caf::strong_actor_ptr& door, const std::set<std::string>& words) {
            if (!system.assignable(words, system.message_types(interface)))
              result = caf::make_error(caf::sec::unexpected_actor_messaging_interface);
            else if (door)
              result = caf::actor_cast<door_actor>(door);
          },
          [&](caf::error& why) { result = std::move(why); });
  return result;
}

void turn_out_strangers(caf::actor_system& system) {
  if (system.has_middleman()) system.middleman().backend().post([] { the_lobby.sweep(steady_ms()); });
}

}  // namespace troupe
