// Certificates that end soon, or have ended, and a public door without one.
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
  auto day = [](int64_t ms) { return iso_time(ms).substr(0, 10); };
  std::vector<std::string> facts;
  auto ends = certificate_ends_ms(c.cluster_cert);
  facts.push_back(ends ? "cluster door: mutual TLS, the certificate ends on " + day(*ends)
                       : "cluster door: without TLS, loopback only");
  ends = certificate_ends_ms(c.tls_cert);
  facts.push_back(ends ? "public door: TLS 1.3, the certificate ends on " + day(*ends) : "public door: without TLS");
  return facts;
}

std::vector<std::string> config_warnings(const config& c, int64_t now_ms) {
  std::vector<std::string> found;
  if (!is_loopback(c.listen.host) && c.tls_cert.empty() && c.trusted_proxies.empty())
    found.push_back("--listen: " + to_string(c.listen) +
                    " is not loopback and without TLS: give --tls-cert and --tls-key, or put a proxy with TLS in front "
                    "and name it with --trusted-proxy");
  look_at("--cluster-cert", c.cluster_cert, now_ms, found);
  look_at("--cluster-ca", c.cluster_ca, now_ms, found);
  look_at("--tls-cert", c.tls_cert, now_ms, found);
  return found;
}

}  // namespace troupe
