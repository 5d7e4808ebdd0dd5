// What is set of a node is said instead of what it says itself, and a change is told once.
#include "model/standing.hpp"

#include <doctest/doctest.h>

using namespace troupe;

TEST_CASE("a node is here while it is said to be and was seen within a minute and a half") {
  CHECK(is_here("online", 10, 90'009));
  CHECK_FALSE(is_here("online", 10, 90'010));
  CHECK_FALSE(is_here("offline", 10, 10));
  CHECK_FALSE(is_here("removed", 10, 10));
}

TEST_CASE("labels are read back as they were stored") {
  CHECK(parse_labels("").empty());
  CHECK(parse_labels("a=b,c=") == std::vector<label>{{"a", "b"}, {"c", ""}});
}

TEST_CASE("a record stands over the offer, and each change is told once") {
  standings all;
  node_offer offer;
  offer.id = "n1";
  offer.rate = 5;
  offer.labels = {{"own", "1"}};
  node_record x;
  x.node_id = "n1";
  CHECK(all.learn(x, 0));
  CHECK_FALSE(all.learn(x, 0));
  CHECK(all.of(offer).rate == 5);
  CHECK(all.of(offer).labels == offer.labels);
  CHECK(all.of(offer).reliability_ppm == 900'000);
  CHECK_FALSE(all.of(offer).draining);
  x.rate = 0;
  x.has_labels = true;
  x.labels = "a=b";
  CHECK(all.learn(x, 0));
  CHECK(all.of(offer).rate == 0);
  CHECK(all.of(offer).labels == std::vector<label>{{"a", "b"}});
  x.quarantined_until_ms = 100;
  CHECK(all.learn(x, 99));
  CHECK(all.of(offer).draining);
  CHECK(all.learn(x, 100));  // lifted by time
  CHECK_FALSE(all.of(offer).draining);
  x.maintenance = true;
  CHECK(all.learn(x, 200));
  CHECK(all.of(offer).draining);
  x.maintenance = false;
  CHECK(all.learn(x, 200));
  offer.draining = true;  // what it says itself
  CHECK(all.of(offer).draining);
  all.forget("n1");
  CHECK(all.of(offer).rate == 5);
}
