// What browsers are told and whom we believe: hosts we answer for, origins whose pages may ask, proxies. Pure, no I/O.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "http/server.hpp"
#include "model/ip_range.hpp"

namespace troupe {

/// Constant after construction, so for all threads.
class web_rules {
public:
  /// REQUIRES: settings that load_config has checked; what it would refuse is left out here.
  explicit web_rules(const config&);

  /// `host` is the value of the Host header, with or without a port.
  bool answers_for(std::string_view host) const;

  /// True when cross-origin requests are a matter of ours at all.
  bool speaks_cors() const { return any_origin_ || !origins_.empty(); }
  bool allows_origin(std::string_view origin) const;
  /// Appends the header lines that an answer to a page of this origin needs; empty: the request came from no page.
  void append_cors(std::string& head, std::string_view origin) const;
  /// The answer to an OPTIONS request with an Origin and an Access-Control-Request-Method; append_cors does the rest.
  http_reply preflight(std::string_view wanted_headers) const;

  bool is_proxy(const ip_bytes&) const;
  /// Who asked, when a proxy that we trust passed it on: the last address of X-Forwarded-For that is not such a proxy
  /// itself. What is no address ends the search: nobody knows who wrote what stands before it.
  ip_bytes client_behind(const ip_bytes& proxy, std::string_view forwarded_for) const;

private:
  std::vector<std::string> origins_, hosts_, host_tails_;  // tails: ".example.org"
  std::vector<ip_range> proxies_;
  std::string methods_, headers_;
  bool any_origin_ = false, any_host_ = true, any_header_ = false, credentials_ = false;
};

}  // namespace troupe
