// The routes before a whole house: requests in, answers out, no sockets.
#pragma once

#include "http/routes.hpp"
#include "tests/support/house_world.hpp"

namespace troupe {

struct route_desk {
  house_world w;
  edge e{w.h(), "a secret of the tests", 0};

  http_reply send(const std::string& verb, const std::string& path, const json& body = nullptr,
                  const std::string& bearer = {}) {
    http_request r;
    r.method = verb;
    r.target = r.path = path;
    if (!body.is_null()) r.body = body.dump();
    if (!bearer.empty()) r.authorization = "Bearer " + bearer;
    r.request_id = "req-1";
    r.remote_ip = "192.0.2.1";
    r.header = [](std::string_view) { return std::string{}; };
    std::optional<http_reply> got;
    int answers = 0;
    serve_request(e, std::move(r), [&](http_reply x) { got = std::move(x), ++answers; });
    w.run();
    REQUIRE(answers == 1);
    return *got;
  }
  json must(int status, const std::string& verb, const std::string& path, const json& body = nullptr,
            const std::string& bearer = {}) {
    auto r = send(verb, path, body, bearer);
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
