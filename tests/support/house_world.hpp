// The real cast on CAF's test scheduler and a real store in a folder of its own: no threads, clocks turned by hand.
#pragma once

#include <doctest/doctest.h>

#include <caf/scheduler/test_coordinator.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "actors/actors.hpp"
#include "actors/cluster.hpp"
#include "actors/exchange.hpp"
#include "config/log.hpp"
#include "config/node_proof.hpp"
#include "model/pricing.hpp"
#include "tests/support/faulty_store.hpp"

namespace troupe {

inline std::ostream& operator<<(std::ostream& out, job_state x) { return out << to_string(x); }
inline std::ostream& operator<<(std::ostream& out, errc x) { return out << to_string(x); }
inline std::ostream& operator<<(std::ostream& out, const lease_ref& x) { return out << x.job_id << '/' << x.epoch; }

class house_world {
public:
  static constexpr const char* user = "user_alice";
  static constexpr const char* provider = "user_bob";
  static constexpr const char* node_key = "nodekey";

  store_faults faults;
  std::string gave_up;  // why root gave up
  int64_t wall = 1'800'000'000'000, mono = 50'000;
  std::map<const void*, std::function<void()>> each_step;   // called after each turn of the clock
  std::map<const void*, std::function<void()>> each_close;  // called before the actor system ends

  house_world() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe_house_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no folder for the test"};
    folder_ = pattern;
    settings_.rate_limit_per_minute = 0;
    log::open(log::level::off, log::form::json);
    db_ = open_store(folder_, "");
    open();
    add_people();
  }
  ~house_world() {
    close();
    reader_.reset();
    db_.reset();
    std::filesystem::remove_all(folder_);
  }
  house_world(const house_world&) = delete;

  const std::string& folder() const { return folder_; }
  house& h() { return *house_; }
  config& settings() { return settings_; }
  directory& actors() { return house_->actors; }
  caf::actor_system& system() { return *system_; }
  const caf::actor& root() const { return root_; }
  caf::scheduler::test_coordinator& clock() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  }
  void run() {
    if (system_) clock().run();
  }

  /// Turns all clocks, a tenth of a second at a time.
  void pass(int64_t ms) {
    for (int64_t done = 0; done < ms; done += 100) {
      wall += 100;
      mono += 100;
      clock().advance_time(std::chrono::milliseconds{100});
      run();
      for (auto& [who, f] : each_step) f();
    }
  }
  /// False when it did not come true in time.
  bool pass_until(const std::function<bool()>& come_true, int64_t ms) {
    for (int64_t done = 0; !come_true() && done < ms; done += 100) pass(100);
    return come_true();
  }

  /// Everyone ends, as after SIGTERM. How many actors are still there.
  size_t close() {
    if (!system_) return 0;
    for (auto& [who, f] : each_close) f();
    caf::anon_send_exit(root_, caf::exit_reason::user_shutdown);
    root_ = {};
    run();
    auto left = system_->registry().running();
    CHECK(left == 0);
    if (left != 0) system_->await_actors_before_shutdown(false);
    house_.reset();
    system_.reset();
    return left;
  }
  /// A new process on the same data.
  void restart() {
    close();
    open();
  }

  template <class Handle, class M>
  outcome<typename M::reply> ask(const Handle& to, M message) {
    std::optional<outcome<typename M::reply>> got;
    exchange(*house_, to, std::move(message), std::chrono::milliseconds{60'000}, [&](auto x) { got = std::move(x); });
    run();
    if (!got) pass(61'000);
    REQUIRE(got);
    return *got;
  }
  template <class Handle, class M>
  typename M::reply must(const Handle& to, M message) {
    auto answer = ask(to, std::move(message));
    if (auto bad = std::get_if<failure>(&answer)) FAIL(to_string(bad->code), ": ", bad->detail);
    return std::get<typename M::reply>(answer);
  }

  void commit(change c) {
    auto done = must(actors().ledger.get(), commit_changes{{std::move(c)}});
    INFO(done.results.at(0).detail);
    REQUIRE(done.results.at(0).why == errc::ok);
  }
  /// A new API key of this user; its secret. The scope of the limits is filled in.
  std::string new_key(const std::string& owner, std::vector<spend_limit> limits = {}) {
    auto secret = "fsk_" + base64url(random_bytes(32));
    change c;
    c.api_key = api_key_row{new_id("key"), owner, sha256_hex(secret), secret.substr(0, 12), "k", wall};
    for (auto& x : limits) x.scope = "key:" + c.api_key->id;
    c.spend_limits = std::move(limits);
    commit(std::move(c));
    return secret;
  }
  job_entry entry(submission s = noop()) {
    auto planned = plan_job(s, new_id("job"), user, 500, wall);
    auto row = std::get<job>(planned);
    row.version = 1;
    return {{row, s.spec}, {}};
  }
  static submission noop() {
    submission s;
    s.spec.kind = job_kind::noop;
    s.spec.name = "nothing";
    s.spec.params = "{}";
    s.spec.timeout_ms = 3'600'000;
    return s;
  }
  std::string submit(submission s = noop()) {
    auto e = entry(std::move(s));
    auto id = e.insert.row.id;
    auto done = must(actors().wallets.get(), submit_jobs{user, {std::move(e)}});
    INFO(done.results.at(0).detail);
    REQUIRE(done.results.at(0).why == errc::ok);
    return id;
  }
  job row(const std::string& id) { return view(id).row; }
  job_view view(const std::string& id) {
    auto found = reader().find_job(id);
    REQUIRE(found);
    return *found;
  }
  job_state state(const std::string& id) { return row(id).state; }
  store_reader& reader() {
    if (!reader_) reader_ = db_->open_reader();
    return *reader_;
  }
  balance_row balance(const std::string& owner, account_kind kind = account_kind::available) {
    for (auto& x : reader().balances(owner))
      if (x.account.kind == kind && x.account.currency == asset::dgpu) return x;
    return {};
  }
  /// Earned, or payable already.
  amount income(const std::string& owner) {
    return balance(owner, account_kind::earned).balance + balance(owner, account_kind::payable).balance;
  }
  std::vector<std::string> events(const std::string& job_id) {
    std::vector<std::string> kinds;
    for (auto& e : reader().events_after(user, job_id, 0, 1'000)) kinds.push_back(e.kind);
    return kinds;
  }
  /// Terminal, the hold resolved, and the books right.
  void books_are_right() {
    auto found = db_->verify();
    for (auto& b : found.breaches) FAIL_CHECK(b);
  }

private:
  void open() {
    caf_config_ = std::make_unique<caf::actor_system_config>();
    add_types(*caf_config_);
    caf_config_->set("scheduler.policy", caf::atom("testing"));
    system_ = std::make_unique<caf::actor_system>(*caf_config_);
    house_ = std::make_unique<house>(*system_, settings_);
    house_->now_ms = [this] { return wall; };
    house_->steady = [this] { return mono; };
    cast_options o;
    o.blocking = run_on::shared_threads;
    o.open_writer = [this] { return std::make_unique<faulty_writer>(db_->open_writer(), faults); };
    o.open_reader = [this] { return std::make_unique<faulty_reader>(db_->open_reader(), faults); };
    o.give_up = [this](const std::string& why) { gave_up = why; };
    root_ = spawn_root(*house_, std::move(o));
    run();
  }
  void add_people() {
    change c;
    c.user = user_row{user, "alice@example.org", "alice", "", "x", "user", "unlimited", wall};
    commit(c);
    c.user = user_row{provider, "bob@example.org", "bob", "", "x", "provider", "unlimited", wall};
    commit(c);
    change k;
    k.node_key = make_node_key(node_key, provider, "nodes", wall);
    commit(k);
    deposit_money gift{user, transfer_code::deposit, "gift-1", asset::dgpu, 100 * one, "", {}};
    CHECK(must(actors().wallets.get(), gift).why == errc::ok);
  }

  std::string folder_;
  config settings_;
  std::unique_ptr<store> db_;
  std::unique_ptr<store_reader> reader_;
  std::unique_ptr<caf::actor_system_config> caf_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<house> house_;
  caf::actor root_;
};

}  // namespace troupe
