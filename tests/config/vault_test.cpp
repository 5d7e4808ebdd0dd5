// Sealed texts: what opens them and what does not; where keys come from.
#include "config/vault.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace troupe;

namespace {

struct folder {
  std::string path = (std::filesystem::temp_directory_path() / "troupe_vault_XXXXXX").string();
  folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~folder() { std::filesystem::remove_all(path); }
  config settings() const {
    config c;
    c.data_dir = path;
    return c;
  }
};

const std::string raw_key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

}  // namespace

TEST_CASE("what is sealed opens again, also nothing and any bytes") {
  vault v{{"a key of any length"}};
  for (auto& text : {std::string{}, std::string{"plain"}, std::string("\0\xff\n", 3), std::string(100'000, 'x')}) {
    auto sealed = v.seal(text, "mfa:user_1");
    CHECK(sealed.starts_with("v1." + v.newest_id() + "."));
    CHECK(v.open(sealed, "mfa:user_1") == text);
  }
  CHECK(v.seal("same", "c") != v.seal("same", "c"));
}

TEST_CASE("a sealed text opens only in its own place, unchanged, with its key") {
  vault v{{"one"}}, other{{"two"}};
  auto sealed = v.seal("plain", "mfa:user_1");
  CHECK_FALSE(v.open(sealed, "mfa:user_2"));
  CHECK_FALSE(other.open(sealed, "mfa:user_1"));
  for (auto i = sealed.find('.', 3) + 1; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = changed[i] == 'A' ? 'Q' : 'A';
    if (i + 1 == sealed.size()) continue;  // bits of the last letter may not count
    INFO(i);
    CHECK_FALSE(v.open(changed, "mfa:user_1"));
  }
  for (auto text : {"", "v1.", "plain", "v1.00000000.", "v2.00000000.AAAA"}) CHECK_FALSE(v.open(text, "mfa:user_1"));
  CHECK_FALSE(v.open(sealed.substr(0, sealed.size() - 4), "mfa:user_1"));
}

TEST_CASE("the first key seals, the others still open") {
  vault before{{"old"}}, both{{"new", "old"}}, after{{"new"}};
  auto sealed = before.seal("plain", "c");
  CHECK(both.open(sealed, "c") == "plain");
  CHECK_FALSE(both.is_newest(sealed));
  auto again = both.seal("plain", "c");
  CHECK(both.is_newest(again));
  CHECK(after.open(again, "c") == "plain");
  CHECK_FALSE(before.open(again, "c"));
}

/// Made by an independent implementation: AES-256-GCM, nonce 12 x 0x07, AAD "secret:jwt".
TEST_CASE("a text that another program sealed opens") {
  vault v{{raw_key}};
  CHECK(v.newest_id() == "5c4c767b");
  CHECK(v.open("v1.5c4c767b.BwcHBwcHBwcHBwcHbkrNMgB4udSy-Gv063BJHDsK0X8XmTng7Pyi6g", "secret:jwt") == "a known text");
}

TEST_CASE("a key that nobody gave is made once and kept for its owner only") {
  folder at;
  auto c = at.settings();
  auto keys = vault_keys(c);
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].size() == 64);
  CHECK(vault_keys(c) == keys);
  struct stat info {};
  REQUIRE(stat(vault_file(c).c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  write_vault_keys(c, {raw_key, keys[0]});
  CHECK(vault_keys(c) == std::vector{raw_key, keys[0]});
  REQUIRE(stat(vault_file(c).c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator{at.path}, {}) == 1);
}

TEST_CASE("a file with something else than keys is refused, and so is an empty one") {
  folder at;
  auto c = at.settings();
  std::ofstream{vault_file(c)} << raw_key << "\nshort\n";
  CHECK_THROWS_AS(vault_keys(c), std::runtime_error);
  std::ofstream{vault_file(c)} << "";
  CHECK_THROWS_AS(vault_keys(c), std::runtime_error);
}

TEST_CASE("keys of the configuration go before the file") {
  folder at;
  auto c = at.settings();
  c.encryption_key = "new,old";
  CHECK(vault_keys(c) == std::vector<std::string>{"new", "old"});
  CHECK_FALSE(std::filesystem::exists(vault_file(c)));
}

TEST_CASE("the secrets of the documents are for development only") {
  config c;
  CHECK_NOTHROW(refuse_examples(c));
  for (auto text : {"your-secret-key", "your-secret-key-here", "production-secret",
                    "your-super-secret-key-32-chars-minimum", "32-byte-key"}) {
    config jwt, key, old, dev;
    jwt.jwt_secret = key.encryption_key = text;
    old.encryption_key = std::string{"a good one,"} + text;
    dev.jwt_secret = dev.encryption_key = text;
    dev.dev = true;
    CHECK_THROWS_AS(refuse_examples(jwt), config_error);
    CHECK_THROWS_AS(refuse_examples(key), config_error);
    CHECK_THROWS_AS(refuse_examples(old), config_error);
    CHECK_NOTHROW(refuse_examples(dev));
  }
  c.jwt_secret = "your-secret-key-of-your-own";
  CHECK_NOTHROW(refuse_examples(c));
}
