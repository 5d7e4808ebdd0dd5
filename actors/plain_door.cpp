// CAF's own acceptor and stream, with one bound more.
#include "actors/plain_door.hpp"

#include <sys/socket.h>

#include <caf/io/all.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/scribe_impl.hpp>

namespace troupe {

namespace {

namespace net = caf::io::network;

constexpr size_t introduction_bytes_max = 64 * 1024;  // a handshake has some hundred

/// CAF asks for a header, then for as much as it promises, then for the next header.
class wary_scribe : public net::scribe_impl {
public:
  using scribe_impl::scribe_impl;

  void configure_read(caf::io::receive_policy::config want) override {
    auto is_payload = want.second != caf::io::basp::header_size;
    if (!introduced_ && is_payload && want.second > introduction_bytes_max) {
      ::shutdown(stream_.fd(), SHUT_RDWR);  // the next read ends it
      want.second = 1;
    }
    introduced_ = introduced_ || payload_asked_;
    payload_asked_ = payload_asked_ || is_payload;
    scribe_impl::configure_read(want);
  }

private:
  bool payload_asked_ = false, introduced_ = false;
};

class wary_doorman : public net::doorman_impl {
public:
  using doorman_impl::doorman_impl;

  bool new_connection() override {
    if (detached()) return false;
    auto& multiplexer = acceptor_.backend();
    auto fd = acceptor_.accepted_socket();
    net::keepalive(fd, true);
    auto line = caf::make_counted<wary_scribe>(multiplexer, fd);
    auto handle = line->hdl();
    parent()->add_scribe(std::move(line));
    return doorman::new_connection(&multiplexer, handle);
  }
};

class wary_middleman : public caf::io::middleman_actor_impl {
public:
  using middleman_actor_impl::middleman_actor_impl;

protected:
  caf::expected<caf::io::doorman_ptr> open(uint16_t port, const char* address, bool reuse) override {
    auto fd = net::new_tcp_acceptor_impl(port, address, reuse);
    if (!fd) return std::move(fd.error());
    auto& multiplexer = static_cast<net::default_multiplexer&>(system().middleman().backend());
    return caf::make_counted<wary_doorman>(multiplexer, *fd);
  }
};

}  // namespace

caf::expected<uint16_t> publish_plainly(caf::actor_system& system, const door_actor& door, uint16_t port,
                                        const std::string& host) {
  auto broker = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  auto middleman = caf::actor_cast<caf::io::middleman_actor>(system.spawn<wary_middleman, caf::hidden>(broker));
  caf::detail::type_list<door_actor> interface;
  caf::expected<uint16_t> result{caf::sec::cannot_open_port};
  caf::scoped_actor self{system, true};
  self->request(middleman, caf::infinite, caf::publish_atom::value, port, caf::actor_cast<caf::strong_actor_ptr>(door),
                system.message_types(interface), host, true)
      .receive([&](uint16_t opened) { result = opened; }, [&](caf::error& why) { result = std::move(why); });
  return result;
}

}  // namespace troupe
