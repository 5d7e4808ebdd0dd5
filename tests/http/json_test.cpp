// Strict reading of a body, and the one shape of an error.
#include "http/json.hpp"

#include <doctest/doctest.h>

#include "config/world.hpp"

using namespace troupe;

namespace {

json good(std::string_view body) {
  auto read = parse_object(body);
  REQUIRE(std::holds_alternative<json>(read));
  return std::get<json>(read);
}

/// What reading one field of this body is refused for; empty when it is not.
template <class F>
std::string trouble(std::string_view body, F read) {
  auto object = good(body);
  fields f{object};
  read(f);
  auto why = f.problem();
  if (!why) return {};
  CHECK(why->code == errc::invalid);
  return why->detail;
}

std::string times(std::string_view text, size_t n) {
  std::string all;
  for (size_t i = 0; i < n; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("only one JSON object is a body") {
  for (auto body : {"", " ", "null", "[]", "\"text\"", "12", "{", "{}{}", "{\"a\":1,}", "{a:1}", "{\"a\":01}",
                    "{\"a\":NaN}", "\xff\xfe", "{\"a\":\"\xff\"}", "// {}"}) {
    INFO(std::string{body});
    auto read = parse_object(body);
    REQUIRE(std::holds_alternative<failure>(read));
    CHECK(std::get<failure>(read).code == errc::invalid);
    CHECK_FALSE(std::get<failure>(read).detail.empty());
  }
  CHECK(good("{}").empty());
  CHECK(good(" {\"a\" : [1]} \n")["a"][0] == 1);
}

TEST_CASE("a body may be nested 64 deep and not deeper, and brackets in strings do not count") {
  CHECK(good("{\"a\":" + times("[", 63) + times("]", 63) + "}").size() == 1);
  CHECK(std::holds_alternative<failure>(parse_object("{\"a\":" + times("[", 64) + times("]", 64) + "}")));
  CHECK(std::holds_alternative<failure>(parse_object("{\"a\":" + times("[", 500'000))));
  CHECK(good("{\"a\":\"" + times("[\\\"", 1'000) + "\"}").size() == 1);
}

TEST_CASE("a text field is checked for type, length and zero characters") {
  auto read = [](fields& f) { f.text("name", 5, true); };
  CHECK(trouble(R"({"name":"five5"})", read).empty());
  CHECK(trouble(R"({"name":"sixsix"})", read) == "name is too long");
  CHECK(trouble(R"({"name":7})", read) == "name must be a string");
  CHECK(trouble(R"({"name":["a"]})", read) == "name must be a string");
  CHECK(trouble(R"({"name":""})", read) == "name must not be empty");
  CHECK(trouble(R"({"name":null})", read) == "name is required");
  CHECK(trouble(R"({})", read) == "name is required");
  CHECK(trouble("{\"name\":\"a\\u0000\"}", read) == "name holds a zero character");
}

TEST_CASE("an integer field takes integers within its bounds and nothing that looks like one") {
  auto read = [](fields& f) { CHECK(f.integer("n", 1, 10, 5) >= 1); };
  CHECK(trouble(R"({"n":10})", read).empty());
  CHECK(trouble(R"({})", read).empty());
  for (auto bad : {"0", "11", "-1", "1.5", "1.0", "1e1", "\"7\"", "true", "[]", "18446744073709551615",
                   "99999999999999999999999999", "1e400"}) {
    INFO(bad);
    auto body = std::string{"{\"n\":"} + bad + "}";
    if (std::holds_alternative<failure>(parse_object(body))) continue;  // not even a number of JSON
    CHECK(trouble(body, read) == "n must be an integer from 1 to 10");
  }
}

TEST_CASE("money is a positive decimal string, and a number is told so") {
  auto read = [](fields& f) { f.money("amount", true); };
  CHECK(trouble(R"({"amount":"12.5"})", read).empty());
  CHECK(trouble(R"({"amount":"0.000000001"})", read).empty());
  CHECK(trouble(R"({"amount":12.5})", read) == "amount: send money as a string");
  CHECK(trouble(R"({"amount":true})", read) == "amount must be a decimal string");
  CHECK(trouble(R"({"amount":"0"})", read) == "amount must be more than zero");
  CHECK(trouble(R"({"amount":"0.000000000"})", read) == "amount must be more than zero");
  CHECK(trouble(R"({})", read) == "amount is required");
  for (auto bad : {"", "-1", "+1", "1e3", "01", ".5", "1.", "1.0000000001", " 1", "1 ", "1,5", "0x10", "NaN",
                   "999999999999999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(trouble(json{{"amount", bad}}.dump(), read).empty());
  }
}

TEST_CASE("currencies, flags, lists and labels are checked") {
  CHECK(trouble(R"({"c":"dgpu"})", [](fields& f) { CHECK(f.currency("c") == asset::dgpu); }).empty());
  CHECK_FALSE(trouble(R"({"c":"DOGE"})", [](fields& f) { f.currency("c"); }).empty());
  CHECK(trouble(R"({"b":true})", [](fields& f) { CHECK(f.flag("b", false)); }).empty());
  CHECK_FALSE(trouble(R"({"b":"true"})", [](fields& f) { f.flag("b", false); }).empty());
  auto list = [](fields& f) { f.texts("t", 2, 3); };
  CHECK(trouble(R"({"t":["a","bbb"]})", list).empty());
  for (auto bad : {R"({"t":["a","b","c"]})", R"({"t":["long"]})", R"({"t":[""]})", R"({"t":[1]})", R"({"t":"a"})"})
    CHECK_FALSE(trouble(bad, list).empty());
  auto labels = [](fields& f) { f.labels("l", 2); };
  CHECK(trouble(R"({"l":{"a":"1","b":"2"}})", labels).empty());
  for (auto bad : {R"({"l":{"a":1}})", R"({"l":{"":"1"}})", R"({"l":["a"]})", R"({"l":{"a=b":"1"}})",
                   R"({"l":{"a":"x,y"}})", R"({"l":{"a":"1","b":"2","c":"3"}})"})
    CHECK_FALSE(trouble(bad, labels).empty());
}

TEST_CASE("a field nobody asked for is named, the first trouble is the one that is told") {
  CHECK(trouble(R"({"a":"x","zzz":1})", [](fields& f) { f.text("a", 9); }) == "unknown field 'zzz'");
  CHECK(trouble(R"({"a":1,"b":2})", [](fields& f) { f.text("a", 9), f.text("b", 9); }) == "a must be a string");
  auto object = good(R"({"zzz":1})");
  fields f{object};
  CHECK_FALSE(f.problem(true));
  auto huge = good("{\"" + times("k", 10'000) + "\":1}");
  fields g{huge};
  CHECK(g.problem()->detail.size() < 200);
}

TEST_CASE("times are read to the millisecond and only in UTC") {
  CHECK(parse_time("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_time("2026-11-22T10:30:00Z") == 1'795'343'400'000);
  CHECK(parse_time("2026-11-22T10:30:00.5Z") == 1'795'343'400'500);
  CHECK(parse_time("2026-11-22T10:30:00.123456789+00:00") == 1'795'343'400'123);
  for (auto at : {int64_t{1}, int64_t{1'795'343'400'123}, int64_t{951'782'399'999}})
    CHECK(parse_time(iso_time(at)) == at);
  CHECK(time_json(0).is_null());
  CHECK(time_json(1'795'343'400'000) == "2026-11-22T10:30:00.000Z");
}

TEST_CASE("what is no time is refused") {
  for (auto bad : {"", "now", "2026-11-22", "2026-11-22T10:30:00", "2026-11-22T10:30:00+01:00", "2026-13-01T00:00:00Z",
                   "2026-00-01T00:00:00Z", "2026-11-32T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z",
                   "2026-11-22T10:30:00.Z", "2026-11-22T10:30:00ZZ", "1969-12-31T23:59:59Z", "2026-11-22T10:30:-1Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_time(bad));
  }
}

TEST_CASE("an error has the one shape, with its status and headers") {
  auto r = error_reply({errc::insufficient_funds, "", "10.5", "3"}, "req-1");
  CHECK(r.status == 402);
  auto body = json::parse(r.body);
  CHECK(body["success"] == false);
  CHECK(body["error_code"] == "INSUFFICIENT_FUNDS");
  CHECK(body["error"] == "Insufficient balance");
  CHECK(body["required"] == "10.5");
  CHECK(body["balance"] == "3");
  CHECK(body["status"] == 402);
  CHECK(body["request_id"] == "req-1");
  auto has = [](const http_reply& x, std::string_view name) {
    return std::any_of(x.headers.begin(), x.headers.end(), [&](auto& h) { return h.first == name; });
  };
  CHECK(has(error_reply({errc::unavailable, "", "", ""}, ""), "Retry-After"));
  CHECK(has(error_reply({errc::unauthenticated, "", "", ""}, ""), "WWW-Authenticate"));
  auto openai = json::parse(error_reply({errc::not_found, "no such model", "", ""}, "", error_dialect::openai).body);
  CHECK(openai["error"]["message"] == "no such model");
  CHECK(openai["error"]["type"] == "invalid_request_error");
}

TEST_CASE("every kind of failure has a status of its own kind") {
  for (int i = 1; i <= static_cast<int>(errc::internal); ++i) {
    auto status = status_of(static_cast<errc>(i));
    CHECK(status >= 400);
    CHECK(status < 600);
    CHECK(json::parse(error_reply({static_cast<errc>(i), "", "", ""}, "x").body)["message"] != "");
  }
}

TEST_CASE("bytes that are no UTF-8 do not stop an answer") {
  auto r = error_reply({errc::invalid, "bad \xff\xfe text", "", ""}, "\xc3");
  CHECK_FALSE(json::parse(r.body, nullptr, false).is_discarded());
}
