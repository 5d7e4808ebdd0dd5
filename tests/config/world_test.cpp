// Clocks, randomness, ids and digests.
#include "config/world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "config/base64.hpp"

using namespace troupe;

TEST_CASE("an id is its prefix and 26 Crockford characters") {
  auto id = new_id("job");
  CHECK(id.size() == 30);
  CHECK(id.substr(0, 4) == "job_");
  CHECK(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 4) == std::string::npos);
  CHECK(id[4] <= '7');  // 128 bits in 26 characters of 5
}

TEST_CASE("an id starts with the time in milliseconds") {
  auto before = wall_ms();
  auto id = new_id("x").substr(2, 10);
  int64_t ms = 0;
  for (auto c : id) ms = ms * 32 + static_cast<int64_t>(std::string{"0123456789ABCDEFGHJKMNPQRSTVWXYZ"}.find(c));
  CHECK(ms >= before);
  CHECK(ms <= wall_ms());
}

TEST_CASE("ids of one thread rise strictly") {
  auto last = new_id("e");
  for (int i = 0; i < 100'000; ++i) {
    auto next = new_id("e");
    REQUIRE(last < next);
    last = std::move(next);
  }
}

TEST_CASE("ids of several threads never repeat") {
  constexpr size_t each = 20'000;
  std::vector<std::vector<std::string>> made(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : made)
      threads.emplace_back([&mine] {
        for (size_t i = 0; i < each; ++i) mine.push_back(new_id("t"));
      });
  }
  std::set<std::string> all;
  for (auto& mine : made) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  CHECK(all.size() == each * made.size());
}

TEST_CASE("random bytes have the asked length and do not repeat") {
  CHECK(random_bytes(0).empty());
  CHECK(random_bytes(33).size() == 33);
  CHECK(random_hex(16).size() == 32);
  CHECK(random_hex(16) != random_hex(16));
}

TEST_CASE("digests and encodings match their published vectors") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(std::string_view{"\x00\x7f\xff", 3}) == "007fff");
  CHECK(base64url("") == "");
  CHECK(base64url("f") == "Zg");
  CHECK(base64url("fo") == "Zm8");
  CHECK(base64url("foo") == "Zm9v");
  CHECK(base64url("foobar") == "Zm9vYmFy");
  CHECK(base64url("\xfb\xff\xfe") == "-__-");
}

TEST_CASE("times are written in UTC with milliseconds") {
  CHECK(iso_time(0) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_time(1'795'343'400'123) == "2026-11-22T10:30:00.123Z");
  CHECK(iso_time(951'782'399'999) == "2000-02-28T23:59:59.999Z");
  CHECK(iso_time(951'782'400'000) == "2000-02-29T00:00:00.000Z");
  CHECK(iso_time(-1) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("the steady clock never falls") {
  auto before = steady_ms();
  CHECK(steady_ms() >= before);
}

TEST_CASE("base64 is that of RFC 4648, and reads back with or without padding") {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"\xfb\xff", "+/8="},
                                                         {"fooba", "Zm9vYmE="}};
  for (auto& [bytes, text] : vectors) {
    CHECK(base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
    CHECK(from_base64(text.substr(0, text.find('='))) == bytes);
  }
  CHECK_FALSE(from_base64("Zm9v!"));
}
