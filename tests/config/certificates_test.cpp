// What the CA signs, what is refused of given files, and when somebody is warned.
#include "config/certificates.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/warnings.hpp"
#include "config/world.hpp"

using namespace troupe;

namespace {

constexpr int64_t day_ms = 24LL * 3600 * 1000;

struct folder {
  std::string path = (std::filesystem::temp_directory_path() / "troupe_pem_XXXXXX").string();
  folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{path + "/" + name} << text;
    return path + "/" + name;
  }
};

struct signed_files {
  folder at;
  pem_pair ca = make_cluster_ca("ca one"), own = make_cluster_certificate(ca, "gate", {"gate.example", "10.0.0.1"});
  std::string ca_path = at.write("ca", ca.certificate), cert_path = at.write("cert", own.certificate),
              key_path = at.write("key", own.key);
};

}  // namespace

TEST_CASE("a CA lasts ten years and what it signs one") {
  signed_files f;
  auto now = wall_ms();
  CHECK(certificate_ends_ms(f.ca_path).value() > now + 3649 * day_ms);
  CHECK(certificate_ends_ms(f.cert_path).value() > now + 364 * day_ms);
  CHECK(certificate_ends_ms(f.cert_path).value() <= now + 365 * day_ms);
  CHECK_FALSE(certificate_ends_ms(f.key_path));
  CHECK(certificate_problem(f.cert_path, f.key_path, f.ca_path) == "");
}

TEST_CASE("files that do not belong together are told apart") {
  signed_files f, g;
  CHECK(certificate_problem(f.cert_path, g.key_path, f.ca_path).find("is not the key of") != std::string::npos);
  CHECK(certificate_problem(f.cert_path, f.key_path, g.ca_path).find("is not signed by") != std::string::npos);
  CHECK(certificate_problem(f.key_path, f.key_path, f.ca_path).find("no PEM certificate") != std::string::npos);
  CHECK(certificate_problem(f.cert_path, f.cert_path, f.ca_path).find("no PEM key") != std::string::npos);
  CHECK(certificate_problem(f.cert_path, f.key_path, f.key_path).find("no PEM certificate") != std::string::npos);
}

TEST_CASE("only a CA with its own key signs") {
  signed_files f, g;
  CHECK_THROWS(make_cluster_certificate(f.own, "x", {}));
  CHECK_THROWS(make_cluster_certificate({f.ca.certificate, g.ca.key}, "x", {}));
  CHECK_THROWS(make_cluster_certificate({"", ""}, "x", {}));
}

TEST_CASE("a certificate that ends within thirty days is warned of") {
  signed_files f;
  config c;
  c.cluster_cert = f.cert_path;
  c.cluster_ca = f.ca_path;
  auto now = wall_ms();
  CHECK(config_facts(c)[0].starts_with("cluster door: mutual TLS, the certificate ends on 20"));
  CHECK(config_facts({})[0] == "cluster door: without TLS, loopback only");
  c.tls_cert = f.cert_path;
  CHECK(config_facts(c)[1].starts_with("public door: TLS 1.3, the certificate ends on 20"));
  CHECK(config_facts({})[1] == "public door: without TLS");
  c.tls_cert.clear();
  CHECK(config_warnings(c, now).empty());
  CHECK(config_warnings(c, now + 334 * day_ms).empty());
  auto soon = config_warnings(c, now + 336 * day_ms);
  REQUIRE(soon.size() == 1);
  CHECK(soon[0] == "--cluster-cert: " + f.cert_path + " ends in 28 days");
  auto late = config_warnings(c, now + 366 * day_ms);
  REQUIRE(late.size() == 1);
  CHECK(late[0] == "--cluster-cert: " + f.cert_path + " has ended: nobody will accept it");
}

TEST_CASE("hosts are names or addresses and nothing else") {
  for (auto* good : {"gate", "gate-1.example.org", "10.0.0.1", "::1", "2001:db8::7"}) CHECK(is_host_name(good));
  for (auto* bad : {"", "a b", "a/b", ".hidden", "a..b", "-x", "gate:80", "DNS:x", "a,b"})
    CHECK_FALSE(is_host_name(bad));
  CHECK_FALSE(is_host_name(std::string(254, 'a')));
}

TEST_CASE("a public door beyond loopback without TLS is warned of, unless a proxy stands in front") {
  config c;
  CHECK(config_warnings(c, wall_ms()).empty());
  c.listen = {"0.0.0.0", 8080};
  REQUIRE(config_warnings(c, wall_ms()).size() == 1);
  CHECK(config_warnings(c, wall_ms())[0].starts_with("--listen: 0.0.0.0:8080 is not loopback and without TLS"));
  c.trusted_proxies = {"10.0.0.1"};
  CHECK(config_warnings(c, wall_ms()).empty());
}
