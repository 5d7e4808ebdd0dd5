// TLS of the public door: when files are read again, and clients that never shake hands.
#include "http/tls.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "config/certificates.hpp"
#include "config/log.hpp"
#include "tests/support/test_server.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

/// A folder with a certificate and its key.
struct pki {
  std::filesystem::path folder;
  pem_pair ca = make_cluster_ca("CA");
  std::string cert, key;

  pki() {
    auto name = (std::filesystem::temp_directory_path() / "troupe-tls-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    cert = folder / "cert.pem";
    key = folder / "key.pem";
    log::open(log::level::off, log::form::json);
    write(fresh());
  }
  pki(const pki&) = delete;
  ~pki() { std::filesystem::remove_all(folder); }

  pem_pair fresh() const { return make_cluster_certificate(ca, "door", {"localhost"}); }
  void write(const pem_pair& pair) {
    put(cert, pair.certificate);
    put(key, pair.key);
  }
  /// In a new file each time, so that it counts as changed within the clock's grain, too.
  static void put(const std::string& path, const std::string& text) {
    std::ofstream{path + ".new"} << text;
    std::filesystem::rename(path + ".new", path);
  }
};

}  // namespace

TEST_CASE("changed files are read once they stay as they are, and only then") {
  pki p;
  tls_files files{p.cert, p.key};
  auto first = files.current();
  for (int i = 0; i < 3; ++i) files.look();
  CHECK(files.current() == first);
  auto pair = p.fresh();
  p.put(p.cert, pair.certificate);
  files.look();  // the key is not there yet
  CHECK(files.current() == first);
  p.put(p.key, pair.key);
  files.look();
  CHECK(files.current() == first);
  files.look();
  auto second = files.current();
  CHECK(second != first);
  files.look();
  CHECK(files.current() == second);
}

TEST_CASE("files that cannot serve leave what was good before, until they can") {
  pki p;
  tls_files files{p.cert, p.key};
  auto first = files.current();
  auto look_twice = [&] { files.look(), files.look(); };
  p.put(p.cert, "rubbish");
  look_twice();
  CHECK(files.current() == first);
  p.put(p.cert, p.fresh().certificate);  // not the one of the key
  look_twice();
  CHECK(files.current() == first);
  std::filesystem::remove(p.key);
  look_twice();
  CHECK(files.current() == first);
  p.write(p.fresh());
  look_twice();
  CHECK(files.current() != first);
}

TEST_CASE("files that cannot serve are refused at the start") {
  pki p;
  CHECK_THROWS_AS(tls_files(p.key, p.key), std::runtime_error);
  CHECK_THROWS_AS(tls_files(p.cert, p.cert), std::runtime_error);
  CHECK_THROWS_AS(tls_files(p.cert, p.folder / "none"), std::runtime_error);
}

TEST_CASE("who never shakes hands is cut, and whoever talks plainly gets nothing") {
  pki p;
  test_server it;
  it.options.tls_cert = p.cert;
  it.options.tls_key = p.key;
  it.options.header_ms = 80;
  it.start();
  raw_socket silent(it.port()), plain(it.port()), half(it.port());
  half.send(std::string{"\x16\x03\x01\x02\x00\x01", 6});  // the beginning of a hello
  CHECK(silent.closed());
  CHECK(half.closed());
  plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  std::string got;
  try {
    got = plain.take_until("\r\n\r\n");
  } catch (const std::runtime_error&) {
  }
  CHECK(got.empty());
  CHECK(it.seen.empty());
  it.server->stop(1'000);
}
