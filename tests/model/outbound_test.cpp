// Which URLs of users we would follow, and which addresses are public.
#include "model/outbound.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

const outbound_rules strict;

std::string refusal(std::string_view url, const outbound_rules& rules = strict) {
  auto parsed = parse_outbound_url(url, rules);
  auto* bad = std::get_if<failure>(&parsed);
  return bad == nullptr ? "accepted" : bad->detail;
}

outbound_url accepted(std::string_view url, const outbound_rules& rules = strict) {
  auto parsed = parse_outbound_url(url, rules);
  INFO(refusal(url, rules));
  REQUIRE(std::holds_alternative<outbound_url>(parsed));
  return std::get<outbound_url>(parsed);
}

}  // namespace

TEST_CASE("a plain address of the Internet is taken as it is meant") {
  auto url = accepted("HTTPS://Hooks.Example.ORG/a/b?c=d#part");
  CHECK(url.text == "https://hooks.example.org:443/a/b?c=d");
  CHECK(url.host == "hooks.example.org");
  CHECK(url.port == 443);
  CHECK(url.tls);
  CHECK(accepted("http://example.org").text == "http://example.org:80/");
  CHECK(accepted("http://example.org?x").text == "http://example.org:80/?x");
  CHECK(accepted("http://8.8.8.8:8080/").port == 8080);
  CHECK(accepted("https://[2606:4700::1111]/x").text == "https://[2606:4700::1111]:443/x");
  CHECK(accepted("https://[2606:4700::1111]:8443/").port == 8443);
  CHECK(accepted("https://xn--bcher-kva.example/").host == "xn--bcher-kva.example");
}

TEST_CASE("addresses that are not public are refused, however they are written") {
  for (auto host : {"127.0.0.1",
                    "127.1.2.3",
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "169.254.169.254",
                    "0.0.0.0",
                    "100.64.0.1",
                    "100.100.100.200",
                    "224.0.0.1",
                    "240.0.0.1",
                    "255.255.255.255",
                    "198.18.0.1",
                    "192.0.2.1",
                    "168.63.129.16",
                    "[::1]",
                    "[::]",
                    "[::ffff:127.0.0.1]",
                    "[::ffff:7f00:1]",
                    "[::ffff:a9fe:a9fe]",
                    "[fe80::1]",
                    "[fc00::1]",
                    "[fd00:ec2::254]",
                    "[ff02::1]",
                    "[64:ff9b::7f00:1]",
                    "[64:ff9b::a9fe:a9fe]",
                    "[2002:7f00:1::]",
                    "[2001::1]",
                    "[2001:db8::1]",
                    "[::127.0.0.1]",
                    "[fec0::1]",
                    "[100::1]",
                    "localhost",
                    "LOCALHOST",
                    "a.localhost",
                    "printer.local",
                    "metadata.google.internal",
                    "intranet",
                    "router.lan"}) {
    CAPTURE(host);
    CHECK(refusal("http://" + std::string{host} + "/").find("is not public") != std::string::npos);
  }
}

TEST_CASE("what two readers could understand differently is refused") {
  for (auto url : {"http://2130706433/",
                   "http://0x7f000001/",
                   "http://0177.0.0.1/",
                   "http://0177.1/",
                   "http://127.1/",
                   "http://127.0.0.1./",
                   "http://127.0.0.01/",
                   "http://0x7f.1/",
                   "http://1.2.3.4.5/",
                   "http://256.1.1.1/",
                   "http://example.0x10/",
                   "http://example.org./",
                   "http://.example.org/",
                   "http://a..b/",
                   "http://-a.org/",
                   "http://user@example.org/",
                   "http://user:word@example.org/",
                   "http://example.org@127.0.0.1/",
                   "http://@/",
                   "http://exa%6dple.org/",
                   "http://example.org\\@127.0.0.1/",
                   "http://example.org /",
                   "http://exam\tple.org/",
                   "http://b\xc3\xbc"
                   "cher.example/",
                   "http://example\xe3\x80\x82org/",
                   "http://\xef\xbc\x91.1.1.1/",
                   "http:///x",
                   "http://",
                   "http:example.org",
                   "//example.org/",
                   "ftp://example.org/",
                   "file:///etc/passwd",
                   "gopher://example.org/",
                   "javascript:alert(1)",
                   "",
                   "example.org",
                   "http://[::1",
                   "http://[::1]x/",
                   "http://[127.0.0.1]/",
                   "http://::1/",
                   "http://[fe80::1%25eth0]/",
                   "http://[]/",
                   "http://example.org:/",
                   "http://example.org:0/",
                   "http://example.org:65536/",
                   "http://example.org:22/",
                   "http://example.org:25/",
                   "http://example.org:080808/",
                   "http://example.org:80:80/",
                   "http://example.org:8o80/",
                   "http://example.org:-80/",
                   "http://example.org/a b",
                   "http://example.org/\r\nX: y",
                   "http://example.org/\xc3\xa9"}) {
    CAPTURE(url);
    CHECK(refusal(url) != "accepted");
  }
  CHECK(refusal("http://example.org/" + std::string(2048, 'x')).find("2048") != std::string::npos);
  CHECK(refusal(std::string{"http://exa\0mple.org/", 20}) != "accepted");
  CHECK(refusal("http://" + std::string(64, 'a') + ".org/") != "accepted");
}

TEST_CASE("a refusal does not repeat the URL, which may hold a secret") {
  CHECK(refusal("https://user:hunter2@example.org/").find("hunter2") == std::string::npos);
}

TEST_CASE("an operator may open ranges of private addresses, and only these") {
  auto rules = outbound_rules_of({"127.0.0.0/8", "fd00:1::/32", "rubbish"});
  CHECK(rules.allowed.size() == 2);
  CHECK(accepted("http://127.0.0.1:9000/", rules).host == "127.0.0.1");
  CHECK(accepted("http://[::ffff:127.0.0.1]:9000/", rules).port == 9000);
  CHECK(accepted("http://[fd00:1::5]/", rules).host == "fd00:1::5");
  CHECK(accepted("http://localhost:9000/", rules).host == "localhost");  // its addresses are judged at the connect
  CHECK(refusal("http://10.0.0.1/", rules) != "accepted");
  CHECK(refusal("http://[fd00:2::5]/", rules) != "accepted");
  CHECK(refusal("http://0x7f000001/", rules) != "accepted");
}
