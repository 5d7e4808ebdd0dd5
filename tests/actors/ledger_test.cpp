// Group commit: what is in the mailbox together is durable together, and each change is judged alone.
#include "tests/support/house_world.hpp"

using namespace troupe;

namespace {

change gift(const std::string& id, amount value) {
  change c;
  c.transfers.push_back({id,
                         transfer_code::grant,
                         {std::string{platform_owner}, account_kind::issuance, asset::dgpu},
                         {house_world::user, account_kind::available, asset::dgpu},
                         value,
                         ""});
  return c;
}

change too_much() {
  change c;
  c.transfers.push_back({"theft",
                         transfer_code::deposit,
                         {house_world::user, account_kind::available, asset::dgpu},
                         {house_world::provider, account_kind::available, asset::dgpu},
                         1'000'000 * one,
                         ""});
  return c;
}

/// Asks all before anybody runs.
std::vector<commit_results> ask_together(house_world& w, std::vector<commit_changes> all) {
  std::vector<commit_results> answers;
  for (auto& x : all)
    exchange(w.h(), w.actors().ledger.get(), std::move(x), std::chrono::minutes{1},
             [&](outcome<commit_results> a) { answers.push_back(std::get<commit_results>(std::move(a))); });
  w.run();
  return answers;
}

}  // namespace

TEST_CASE("requests that wait together share one commit") {
  house_world w;
  auto before = w.faults.commits;
  std::vector<commit_changes> all;
  for (int i = 0; i < 100; ++i) all.push_back({{gift("g" + std::to_string(i), one)}});
  auto answers = ask_together(w, std::move(all));
  CHECK(answers.size() == 100);
  CHECK(w.faults.commits == before + 1);
  CHECK(w.balance(house_world::user).balance == 200 * one);
  w.books_are_right();
}

TEST_CASE("a group is bounded, and nobody is forgotten beyond the bound") {
  house_world w;
  auto before = w.faults.commits;
  std::vector<commit_changes> all;
  for (size_t i = 0; i < limits::commit_batch_max + 10; ++i) all.push_back({{gift("g" + std::to_string(i), 1)}});
  auto answers = ask_together(w, std::move(all));
  CHECK(answers.size() == limits::commit_batch_max + 10);
  CHECK(w.faults.commits == before + 2);
}

TEST_CASE("a refused change does not disturb those beside it, and its answer stands in its place") {
  house_world w;
  auto answers = ask_together(w, {{{gift("a", one), too_much(), gift("b", one)}}, {{gift("c", one)}}});
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].results[0].why == errc::ok);
  CHECK(answers[0].results[1].why == errc::insufficient_funds);
  CHECK(answers[0].results[2].why == errc::ok);
  CHECK(answers[1].results[0].why == errc::ok);
  CHECK(w.balance(house_world::user).balance == 103 * one);
  w.books_are_right();
}

TEST_CASE("an answer comes only after the commit") {
  house_world w;
  bool answered = false;
  exchange(w.h(), w.actors().ledger.get(), commit_changes{{gift("a", one)}}, std::chrono::minutes{1},
           [&](auto) { answered = true; });
  w.faults.on_apply = [&](const change&) { CHECK_FALSE(answered); };
  w.run();
  CHECK(answered);
}

TEST_CASE("a group that meets a database that is away is refused as a whole") {
  house_world w;
  w.faults.writes_away = true;
  int refused = 0;
  for (int i = 0; i < 5; ++i)
    exchange(w.h(), w.actors().ledger.get(), commit_changes{{gift("g" + std::to_string(i), one)}},
             std::chrono::minutes{1},
             [&](outcome<commit_results> a) { refused += std::get<failure>(a).code == errc::unavailable; });
  w.run();
  CHECK(refused == 5);
  w.faults.writes_away = false;
  CHECK(ask_together(w, {{{gift("g1", one)}}}).at(0).results[0].why == errc::ok);
  CHECK(w.balance(house_world::user).balance == 101 * one);
}
