// What the dispatcher's board says of supply and demand, and how a price follows it.
#include "model/market.hpp"

#include <doctest/doctest.h>

#include "model/placement.hpp"

using namespace troupe;

TEST_CASE("the market shows every device and what the queue asks of each GPU") {
  placement p;
  node_offer n;
  n.id = "n";
  n.slots = 2;
  n.rate = 100;
  n.gpus = {{"big", 80}, {"small", 24}};
  p.put_node(n);
  auto wants = [](std::string id, int32_t count) {
    ready_job j{std::move(id), "t"};
    j.needs.gpu_type = "big";
    j.needs.gpu_count = count;
    return j;
  };
  p.add(ready_job{"plain", "t"});
  p.add(wants("a", 0));
  p.add(wants("b", 0));
  p.add(wants("c", 3));
  CHECK(p.market().waiting == std::map<std::string, int64_t, std::less<>>{{"big", 5}});
  CHECK(p.market().devices.at(0).idle());
  p.match(10);  // "plain" and "a" take the two slots
  auto m = p.market();
  CHECK(m.waiting.at("big") == 4);
  REQUIRE(m.devices.size() == 2);
  CHECK(m.devices[0].free_mb == 0);
  CHECK(m.devices[1].free_mb == 24);
  CHECK_FALSE(m.devices[1].open);
  p.remove("b");
  p.remove("b");
  CHECK(p.market().waiting.at("big") == 3);
  gpu_terms t;
  follow_market(t, p.market(), "big");
  CHECK(t.demand_ppm == demand_ppm_max);
  CHECK(t.bonus_ppm == 0);
  p.release("n", "a");
  p.remove("c");
  follow_market(t, p.market(), "big");
  CHECK(t.demand_ppm == ppm);
  CHECK(t.bonus_ppm == bonus_ppm_max);
}
