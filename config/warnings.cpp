// Certificates that end soon, or have ended.
#include "config/warnings.hpp"

#include "config/certificates.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

constexpr int64_t day_ms = 24LL * 3600 * 1000;
constexpr int64_t warn_days = 30;

void look_at(const std::string& option, const std::string& path, int64_t now_ms, std::vector<std::string>& found) {
  if (path.empty()) return;
  auto ends = certificate_ends_ms(path);
  if (!ends || *ends - now_ms > warn_days * day_ms) return;
  auto about = option + ": " + path;
  found.push_back(*ends <= now_ms ? about + " has ended: nobody will accept it"
                                  : about + " ends in " + std::to_string((*ends - now_ms) / day_ms) + " days");
}

}  // namespace

std::vector<std::string> config_facts(const config& c) {
  auto ends = certificate_ends_ms(c.cluster_cert);
  if (!ends) return {"cluster door: without TLS, loopback only"};
  return {"cluster door: mutual TLS, the certificate ends on " + iso_time(*ends).substr(0, 10)};
}

std::vector<std::string> config_warnings(const config& c, int64_t now_ms) {
  std::vector<std::string> found;
  look_at("--cluster-cert", c.cluster_cert, now_ms, found);
  look_at("--cluster-ca", c.cluster_ca, now_ms, found);
  return found;
}

}  // namespace troupe
