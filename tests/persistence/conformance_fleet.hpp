// What every engine must do about nodes' records, terms and providers.
#pragma once

#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline change mark_at(const std::string& node, node_mark_kind kind, const std::string& incident, int64_t at_ms,
                      const std::string& job = "job_1") {
  change c;
  c.mark = node_mark{node, job, kind, incident, at_ms};
  return c;
}

inline change node_at(const std::string& id, const std::string& user) {
  change c;
  c.node = node_row{id, id, user, "eu", "online", 0, "pid-1", 5'000, 4, one, "", "a=b", "", 1, 2};
  return c;
}

TEST_CASE_TEMPLATE("what became of a node's work is counted", E, STORE_ENGINES) {
  desk<E> d;
  for (int i = 0; i < 3; ++i) d.must(mark_at("n1", node_mark_kind::succeeded, "", 1));
  d.must(mark_at("n1", node_mark_kind::failed, "", 1));
  d.must(mark_at("n1", node_mark_kind::lost, "", 1));
  d.must(mark_at("n1", node_mark_kind::late, "", 1));
  d.must(mark_at("n2", node_mark_kind::rejected, "minute 1", 1));
  auto x = d.r->nodes().record("n1");
  CHECK(x.succeeded == 3);
  CHECK(x.failed == 1);
  CHECK(x.lost == 1);
  CHECK(x.late == 1);
  CHECK(x.good == 4);
  CHECK(x.bad == 1);
  CHECK(d.r->nodes().record("n2").rejected == 1);
  CHECK(d.r->nodes().record("n2").bad == 0);
  CHECK(d.r->nodes().record("unknown").attestation == "self");
  CHECK(d.r->nodes().records().size() == 2);
}

TEST_CASE_TEMPLATE("the recent past of a node forgets by halves", E, STORE_ENGINES) {
  desk<E> d;
  for (int i = 0; i < 1'001; ++i) d.must(mark_at("n1", node_mark_kind::succeeded, "", 1));
  auto x = d.r->nodes().record("n1");
  CHECK(x.succeeded == 1'001);
  CHECK(x.good == 500);
}

TEST_CASE_TEMPLATE("three incidents in ten minutes are a quarantine, one told three times is not", E, STORE_ENGINES) {
  desk<E> d;
  auto until = [&] { return d.r->nodes().record("n1").quarantined_until_ms; };
  for (int i = 0; i < 5; ++i)
    d.must(mark_at("n1", node_mark_kind::lost, "session 1", 1'000, "job_" + std::to_string(i)));
  d.must(mark_at("n1", node_mark_kind::fault, "job_9", 2'000, "job_9"));
  CHECK(until() == 0);
  d.must(mark_at("n1", node_mark_kind::fault, "job_8", 602'000, "job_8"));  // the first two are too old by now
  CHECK(until() == 0);
  d.must(mark_at("n1", node_mark_kind::rejected, "minute 10", 603'000, "job_7"));
  CHECK(until() == 0);
  d.must(mark_at("n1", node_mark_kind::lost, "session 2", 604'000, "job_6"));
  CHECK(until() == 604'000 + 600'000);
  CHECK(d.r->nodes().record("n1").why == "3 faults or losses within ten minutes");
  d.must(mark_at("n1", node_mark_kind::lost, "session 3", 605'000, "job_5"));  // no worse for what still comes in
  CHECK(until() == 604'000 + 600'000);
  CHECK(d.r->nodes().changed_records(603'999, 604'000).size() == 1);
  CHECK(d.r->nodes().changed_records(604'000, 700'000).empty());
  CHECK(d.r->nodes().changed_records(1'203'000, 1'204'000).size() == 1);  // it is over
  for (int i = 0; i < 3; ++i) d.must(mark_at("n1", node_mark_kind::fault, "again_" + std::to_string(i), 1'300'000 + i));
  CHECK(until() == 1'300'002 + 1'200'000);
  CHECK(d.r->nodes().record("n1").quarantines == 2);
}

TEST_CASE_TEMPLATE("poison takes back what it did to its nodes", E, STORE_ENGINES) {
  desk<E> d;
  for (auto* n : {"n1", "n2"}) {
    d.must(mark_at(n, node_mark_kind::fault, "other_a", 1'000, "other_a"));
    d.must(mark_at(n, node_mark_kind::fault, "other_b", 1'000, "other_b"));
    d.must(mark_at(n, node_mark_kind::lost, "session 4", 2'000, "poison"));
    CHECK(d.r->nodes().record(n).quarantined_until_ms == 602'000);
  }
  d.must(mark_at("n2", node_mark_kind::fault, "other_c", 2'500, "other_c"));
  d.must(mark_at("n3", node_mark_kind::forgiven, "", 3'000, "poison"));
  CHECK(d.r->nodes().record("n1").quarantined_until_ms == 3'000);
  CHECK(d.r->nodes().record("n1").quarantines == 0);
  CHECK(d.r->nodes().record("n2").quarantined_until_ms == 602'000);  // it has three of its own
  CHECK(d.r->nodes().record("n3").lost == 1);
  CHECK(d.r->nodes().record("n3").bad == 0);
}

TEST_CASE_TEMPLATE("what is set of a node stays, and an admin ends a quarantine", E, STORE_ENGINES) {
  desk<E> d;
  d.must(node_at("n1", "u1"));
  for (auto* x : {"a", "b", "c"}) d.must(mark_at("n1", node_mark_kind::fault, x, 1'000, x));
  change c;
  c.terms = node_terms{};
  c.terms->node_id = "n1";
  c.terms->rate = 7;
  c.terms->labels = "x=y";
  c.terms->maintenance = true;
  c.terms->attestation = "tpm";
  c.terms->at_ms = 2'000;
  d.must(c);
  auto x = d.r->nodes().find("n1").value();
  CHECK(x.row.rate == 7);
  CHECK(x.row.labels == "x=y");
  CHECK(x.record.rate == 7);
  CHECK(x.record.has_labels);
  CHECK(x.record.maintenance);
  CHECK(fleet::trust_ppm(x.record) == 700'000);
  CHECK(fleet::is_quarantined(x.record, 2'000));
  CHECK(x.record.changed_ms == 2'000);
  c.terms = node_terms{};
  c.terms->node_id = "n1";
  c.terms->reinstates = true;
  c.terms->at_ms = 3'000;
  d.must(c);
  x = d.r->nodes().find("n1").value();
  CHECK_FALSE(fleet::is_quarantined(x.record, 3'000));
  CHECK(x.record.rate == 7);
  d.must(mark_at("n1", node_mark_kind::fault, "d", 3'001, "d"));  // what was before counts no more
  CHECK_FALSE(fleet::is_quarantined(d.r->nodes().record("n1"), 3'001));
  c.terms->node_id = "unknown";
  d.refused(c, errc::not_found);
}

TEST_CASE_TEMPLATE("only a node that is away can be removed, and it comes back with a newer session", E,
                   STORE_ENGINES) {
  desk<E> d;
  d.must(node_at("n1", "u1"));
  change c;
  c.terms = node_terms{};
  c.terms->node_id = "n1";
  c.terms->removes = true;
  c.terms->at_ms = 90'001;
  d.refused(c, errc::conflict);
  c.terms->at_ms = 90'002;  // it was not seen for long
  d.must(c);
  CHECK_FALSE(d.r->nodes().find("n1"));
  CHECK(d.r->list_nodes().empty());
  d.refused(c, errc::not_found);
  CHECK(d.must(node_at("n1", "u1")).session_epoch == 2);
  CHECK(d.r->nodes().find("n1"));
}

TEST_CASE_TEMPLATE("a provider is a user, once: its end is the end of its keys", E, STORE_ENGINES) {
  desk<E> d;
  change u;
  u.user = user_row{"u1", "a@example.org", "a", "", "x", "user", "free", 1};
  d.must(u);
  change c;
  c.provider = provider_write{{"prov_1", "u1", "racks", "h", "10.0.0.1", "eu", "[]", "{}", false, 1, 1}, false};
  d.must(c);
  CHECK(d.r->find_user("u1")->role == "provider");
  CHECK(d.r->nodes().find_provider("prov_1")->name == "racks");
  CHECK(d.r->nodes().find_provider("u1")->id == "prov_1");
  auto twice = c;
  twice.provider->row.id = "prov_2";
  d.refused(twice, errc::conflict);
  d.must(node_at("n1", "u1"));
  c.provider->row.name = "more racks";
  c.provider->row.maintenance = c.provider->sets_maintenance = true;
  c.provider->row.changed_ms = 9;
  d.must(c);
  CHECK(d.r->nodes().providers().size() == 1);
  CHECK(d.r->nodes().providers()[0].name == "more racks");
  CHECK(d.r->nodes().record("n1").maintenance);
  CHECK(d.r->nodes().record("n1").changed_ms == 9);
  change k;
  k.node_key = node_key_row{"nk", "v", "u1", "rack", 3, 0, 0};
  d.must(k);
  c.provider->removes = true;
  c.provider->row.changed_ms = 77;
  d.must(c);
  CHECK(d.r->find_node_key("nk")->ends_ms == 77);
  CHECK(d.r->find_user("u1")->role == "user");
  CHECK_FALSE(d.r->nodes().find_provider("prov_1"));
  d.refused(c, errc::not_found);
}

}  // namespace troupe::lives
