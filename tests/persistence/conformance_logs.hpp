// What every engine must do about what attempts write.
#pragma once

#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline change log_of(std::vector<log_piece> pieces, int64_t epoch = 1, const std::string& node = "node_1") {
  change c;
  c.logs = log_append{id_of("job", 1), epoch, node, 100, 50, std::move(pieces)};
  return c;
}

template <class Desk>
void grant_one(Desk& d) {
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  life l{1, "ann", false};
  d.must(l.submit());
  d.must(l.claim("node_1", "bob"));
}

template <class Desk>
std::string text_of(Desk& d, const std::string& stream = "stdout", int64_t from = 0, int64_t most = 1'000) {
  return d.r->logs().read(id_of("job", 1), 1, stream, from, most);
}

TEST_CASE_TEMPLATE("output is kept in order, whatever comes twice or overlaps, any byte in it", E, STORE_ENGINES) {
  desk<E> d;
  grant_one(d);
  std::string odd{"a\0\xff'", 4};
  d.must(log_of({{"stdout", 0, odd}}));
  d.must(log_of({{"stdout", 0, odd}}));
  d.must(log_of({{"stdout", 2, odd.substr(2) + "bc"}, {"stderr", 0, "no"}}));
  CHECK(text_of(d) == odd + "bc");
  CHECK(text_of(d, "stdout", 3) == "'bc");
  CHECK(text_of(d, "stdout", 3, 1) == "'");
  CHECK(text_of(d, "stdout", 6) == "");
  CHECK(text_of(d, "stderr") == "no");
  auto all = d.r->logs().streams(id_of("job", 1));
  REQUIRE(all.size() == 2);
  CHECK(all[1].size == 6);
  CHECK_FALSE(all[1].closed);
  d.must(log_of({{"stdout", 6, "", true}}));
  d.must(log_of({{"stdout", 6, "", true}}));
  CHECK(d.r->logs().streams(id_of("job", 1))[1].closed);
  d.refused(log_of({{"stdout", 6, "x"}}), errc::stale);
  CHECK(d.must(log_of({{"stdout", 0, odd}})).why == errc::ok);
}

TEST_CASE_TEMPLATE("a gap, another node, another attempt and too much are refused whole", E, STORE_ENGINES) {
  desk<E> d;
  grant_one(d);
  d.refused(log_of({{"stdout", 0, "a"}, {"stdout", 2, "c"}}), errc::conflict);
  d.refused(log_of({{"stdout", -1, "a"}}), errc::conflict);
  d.refused(log_of({{"stdout", 0, "a"}}, 1, "node_2"), errc::stale);
  d.refused(log_of({{"stdout", 0, "a"}}, 2), errc::stale);
  d.refused(log_of({{"stdout", 0, std::string(101, 'x')}}), errc::too_large);
  d.must(log_of({{"file:a", 0, std::string(40, 'x'), true}}));
  d.refused(log_of({{"file:b", 0, std::string(11, 'x'), true}}), errc::too_large);
  d.must(log_of({{"file:b", 0, std::string(10, 'x'), true}, {"file:empty", 0, "", true}}));
  CHECK(d.r->logs().streams(id_of("job", 1)).size() == 3);
}

}  // namespace troupe::lives
