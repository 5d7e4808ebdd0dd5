// A store with a writer and a reader at hand, and short words for what the tests of the store say again and again.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "persistence/node_reader.hpp"
#include "persistence/store.hpp"
#include "tests/support/lives.hpp"

namespace troupe::lives {

inline account_key issuance() { return {std::string{platform_owner}, account_kind::issuance, asset::dgpu}; }
inline account_key fees() { return {std::string{platform_owner}, account_kind::fee, asset::dgpu}; }
inline account_key earnings(const std::string& user) { return {user, account_kind::earned, asset::dgpu}; }

inline change grant(const std::string& id, const account_key& to, amount value) {
  change c;
  c.transfers.push_back({id, transfer_code::grant, issuance(), to, value, "a gift"});
  return c;
}

inline change transfer_of(const std::string& id, const account_key& from, const account_key& to, amount value) {
  change c;
  c.transfers.push_back({id, transfer_code::deposit, from, to, value, ""});
  return c;
}

/// A hold with the job that it is for.
inline change hold_of(int64_t n, const std::string& user, amount value) {
  life l{n, user, false};
  auto c = l.submit();
  c.opens->value = value;
  c.submits->row.hold = value;
  return c;
}

/// `Engine` has open(), dump() (the content of every table as text) and edit(sql).
template <class Engine>
struct desk {
  Engine engine;
  std::unique_ptr<store> db = engine.open();
  std::unique_ptr<store_writer> w = db->open_writer();
  std::unique_ptr<store_reader> r = db->open_reader();

  /// In a group of its own.
  change_result apply(const change& c) {
    w->begin();
    auto answer = w->apply(c, begin_ms);
    w->commit();
    return answer;
  }
  change_result must(const change& c) {
    auto answer = apply(c);
    INFO(answer.detail);
    REQUIRE(answer.why == errc::ok);
    return answer;
  }
  /// Refused, and not a byte of any table is different.
  change_result refused(const change& c, errc why) {
    auto before = engine.dump();
    auto answer = apply(c);
    INFO(answer.detail);
    CHECK(answer.why == why);
    CHECK_FALSE(answer.detail.empty());
    CHECK(engine.dump() == before);
    return answer;
  }
  balance_row balance(const account_key& key) {
    for (const auto& x : r->balances(key.owner))
      if (x.account == key) return x;
    return {key, 0, 0};
  }
  void books_are_right() {
    auto found = db->verify();
    for (const auto& b : found.breaches) FAIL_CHECK(b);
  }
  /// A job of `user` taken through its whole life.
  life run(int64_t n, const std::string& user) {
    life l{n, user, true};
    must(l.submit());
    must(l.claim("node_1", "provider"));
    must(l.start());
    must(l.finish());
    return l;
  }
};

}  // namespace troupe::lives
