// The routes before a whole house: requests in, answers out, no sockets.
#pragma once

#include "http/routes.hpp"
#include "tests/support/house_world.hpp"

namespace troupe {

struct route_desk {
  house_world w;
  edge e;

  /// `set`: what the edge shall find when it is made.
  explicit route_desk(const std::function<void(config&)>& set = {})
      : e{(set ? set(w.settings()) : void(), w.h()), "a secret of the tests", 0} {}

  /// From 192.0.2.1, with the text of an Authorization header.
  static http_request request(std::string verb, const std::string& target, std::string body = {},
                              std::string authorization = {}) {
    http_request r;
    r.method = std::move(verb);
    r.target = target;
    r.path = target.substr(0, target.find('?'));
    if (r.path.size() < target.size()) r.query = target.substr(r.path.size() + 1);
    r.body = std::move(body);
    r.authorization = std::move(authorization);
    r.request_id = "req-1";
    r.remote_ip = "192.0.2.1";
    r.header = [](std::string_view) { return std::string{}; };
    return r;
  }
  /// The answer, when there is one after all that follows from the request.
  std::optional<http_reply> begin(http_request r) {
    auto got = std::make_shared<std::vector<http_reply>>();
    serve_request(e, std::move(r), [got](http_reply x) { got->push_back(std::move(x)); });
    w.run();
    REQUIRE(got->size() < 2);
    return got->empty() ? std::nullopt : std::optional{got->front()};
  }
  http_reply send(http_request r) {
    auto got = begin(std::move(r));
    REQUIRE(got);
    return *got;
  }
  http_reply send(const std::string& verb, const std::string& target, const json& body = nullptr,
                  const std::string& bearer = {}) {
    return send(request(verb, target, body.is_null() ? std::string{} : body.dump(),
                        bearer.empty() ? std::string{} : "Bearer " + bearer));
  }
  json must(int status, const std::string& verb, const std::string& target, const json& body = nullptr,
            const std::string& bearer = {}) {
    auto r = send(verb, target, body, bearer);
    INFO(r.body);
    REQUIRE(r.status == status);
    return json::parse(r.body);
  }
};

inline std::string header_of(const http_reply& r, std::string_view name) {
  for (auto& [key, value] : r.headers)
    if (key == name) return value;
  return {};
}

}  // namespace troupe
