// Devices on their way from the board through the store to the node, lost messages, and queues with an end.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

submission gpu_job(int64_t vram_mb) {
  auto s = house_world::noop();
  s.spec.needs.vram_mb = vram_mb;
  s.rate_max = one;
  return s;
}

std::unique_ptr<fake_agent> gpu_agent(house_world& w, std::string name, int64_t vram_mb, amount rate = cpu_rate) {
  auto a = std::make_unique<fake_agent>(w, std::move(name), 8);
  a->offer.gpus = {{"gpu", vram_mb}, {"gpu", vram_mb}};
  a->offer.rate = rate;
  REQUIRE(a->join());
  return a;
}

std::vector<int64_t> free_mb(house_world& w) {
  std::vector<int64_t> all;
  for (auto& d : w.must(w.actors().dispatcher.get(), read_market{}).devices) all.push_back(d.free_mb);
  return all;
}

using sizes = std::vector<int64_t>;

}  // namespace

TEST_CASE("the devices of a grant are in the job's row and in the order, and a new dispatcher books the same") {
  house_world w;
  auto a = gpu_agent(w, "a", 24'000);
  auto one = w.submit(gpu_job(20'000)), two = w.submit(gpu_job(10'000)), three = w.submit(gpu_job(4'000));
  CHECK(w.row(one).devices == "0:20000");
  CHECK(w.row(two).devices == "1:10000");
  CHECK(w.row(three).devices == "0:4000");
  CHECK(a->order(two).devices == std::vector<gpu_share>{{1, 10'000}});
  auto lease = a->start(two);
  a->start(one);
  a->finish(a->start(three));
  REQUIRE(free_mb(w) == sizes{4'000, 14'000});
  caf::anon_send_exit(w.actors().dispatcher.get(), caf::exit_reason::unhandled_exception);
  w.run();
  w.pass(1'000);
  CHECK(free_mb(w) == sizes{4'000, 14'000});
  a->finish(lease);
  CHECK(free_mb(w) == sizes{4'000, 24'000});
  w.books_are_right();
}

TEST_CASE("a booking that the store knows nothing of is given back, and one that it knows is taken") {
  house_world w;
  auto a = gpu_agent(w, "a", 24'000);
  auto running = w.submit(gpu_job(20'000));
  a->start(running);
  node_offer offer;
  offer.id = a->id;
  offer.session = a->session;
  offer.slots = 8;
  offer.gpus = {{"gpu", 24'000}, {"gpu", 24'000}};
  job_brief ghost;
  ghost.id = "job_ghost";
  ghost.devices = "1:24000";
  caf::anon_send(w.actors().dispatcher.get(), node_joined{offer, {ghost}});
  w.run();
  CHECK(free_mb(w) == sizes{24'000, 0});
  w.pass(31'000);
  CHECK(free_mb(w) == sizes{4'000, 24'000});
  w.pass(31'000);
  CHECK(free_mb(w) == sizes{4'000, 24'000});
}

TEST_CASE("a rejected job goes elsewhere, and back at once only when no other node could serve") {
  house_world w;
  auto cheap = gpu_agent(w, "cheap", 24'000, cpu_rate / 2);
  auto id = w.submit(gpu_job(1'000));
  cheap->say({cheap->session, {}, {}, {}, {cheap->lease(id)}});
  CHECK(cheap->told->runs.size() == 2);
  auto dear = gpu_agent(w, "dear", 24'000);
  cheap->say({cheap->session, {}, {}, {}, {cheap->lease(id)}});
  CHECK(dear->has_order(id));
  CHECK(w.row(id).node_id == dear->id);
  auto free = free_mb(w);
  std::sort(free.begin(), free.end());
  CHECK(free == sizes{23'000, 24'000, 24'000, 24'000});
}

TEST_CASE("a user's queue is bounded to the job, whatever is under way, and what leaves it makes room") {
  house_world w;
  w.settings().tenant_queue_max = 3;
  auto submit = [&](int count) {
    submit_jobs ask{house_world::user, {}};
    for (int i = 0; i < count; ++i) ask.jobs.push_back(w.entry());
    std::string codes;
    for (auto& x : w.must(w.actors().wallets.get(), std::move(ask)).results)
      codes += x.why == errc::ok ? 'y' : x.why == errc::queue_full ? 'n' : '?';
    return codes;
  };
  auto held = [&] { return w.balance(house_world::user).held; };
  CHECK(submit(2) == "yy");
  auto before = held();
  CHECK(submit(3) == "ynn");
  CHECK(held() == before / 2 * 3);
  CHECK(submit(1) == "n");
  w.restart();
  CHECK(submit(1) == "n");
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  w.pass(1'000);
  CHECK(submit(4) == "yynn");
  w.books_are_right();
}

TEST_CASE("a full queue still gives the first answer to a known key, and a lost commit takes no room") {
  house_world w;
  w.settings().tenant_queue_max = 1;
  auto keyed = [&](const std::string& key) {
    submit_jobs ask{house_world::user, {}};
    ask.jobs.push_back(w.entry());
    ask.jobs[0].once = idempotency_row{"scope", key, "hash", 202, "first answer"};
    return ask;
  };
  w.faults.writes_away = true;
  CHECK(std::holds_alternative<failure>(w.ask(w.actors().wallets.get(), keyed("a"))));
  w.faults.writes_away = false;
  w.pass(2'000);
  CHECK(w.must(w.actors().wallets.get(), keyed("a")).results.at(0).why == errc::ok);
  CHECK(w.must(w.actors().wallets.get(), keyed("b")).results.at(0).why == errc::queue_full);
  auto again = w.must(w.actors().wallets.get(), keyed("a")).results.at(0);
  CHECK(again.replayed);
  CHECK(again.body == "first answer");
}
