// What every engine must do about what attempts write.
#pragma once

#include "model/limits.hpp"
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

TEST_CASE_TEMPLATE("streams have one of three kinds of names, and an attempt has only so many", E, STORE_ENGINES) {
  desk<E> d;
  grant_one(d);
  for (const auto& name :
       {std::string{}, std::string{"stdin"}, std::string{"file:"}, "file:" + std::string(5'000, 'n')})
    d.refused(log_of({{name, 0, "", true}}), errc::invalid);
  std::vector<log_piece> many;
  for (int64_t i = 0; i < limits::log_streams_max; ++i) many.push_back({"file:" + std::to_string(i), 0, "", true});
  d.must(log_of(many));
  d.must(log_of(many));
  d.refused(log_of({{"stdout", 0, "x"}}), errc::too_large);
}

TEST_CASE_TEMPLATE("a job's attempts are known without those that their node turned down", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  life l{1, "ann", false};
  auto& logs = d.r->logs();
  CHECK(logs.owner(id_of("job", 1)).user_id == "");
  d.must(l.submit());
  CHECK(logs.owner(id_of("job", 1)).user_id == "ann");
  CHECK(logs.owner(id_of("job", 1)).state == job_state::queued);
  CHECK(logs.attempts(id_of("job", 1)).empty());
  d.must(l.claim("node_1", "bob"));
  d.must(l.step_of(job_input::reject{1, false}, 2));
  d.must(l.claim("node_2", "bob"));
  auto all = logs.attempts(id_of("job", 1));
  REQUIRE(all.size() == 1);
  CHECK(all[0].epoch == 2);
  CHECK(all[0].node_id == "node_2");
  CHECK(all[0].outcome == attempt_outcome::open);
  CHECK(all[0].ended_ms == 0);
  d.must(l.step_of(job_input::lost{2}, 9));
  all = logs.attempts(id_of("job", 1));
  REQUIRE(all.size() == 1);
  CHECK(all[0].outcome == attempt_outcome::lost);
  CHECK(all[0].ended_ms > 0);
}

}  // namespace troupe::lives
