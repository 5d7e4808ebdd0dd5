// Who is let in: limits of tiers and keys, strangers by address, rules of a key, signed requests.
#include "http/admission.hpp"

#include <doctest/doctest.h>

#include "http/request_signature.hpp"
#include "http/signing.hpp"
#include "tests/support/route_desk.hpp"

using namespace troupe;

namespace {

using headers = std::map<std::string, std::string, std::less<>>;

struct desk : route_desk {
  std::string key;  // of a user of tier unlimited, without rules

  explicit desk(int64_t per_minute = 0)
      : route_desk{[&](config& c) {
          c.rate_limit_per_minute = per_minute;
          c.rate_limit_burst = 5;
        }},
        key{w.new_key(house_world::user)} {}

  static http_request request(std::string verb, const std::string& target, const std::string& secret) {
    return route_desk::request(std::move(verb), target, {}, secret.empty() ? std::string{} : "Bearer " + secret);
  }
  http_reply get(const std::string& secret, const std::string& path = "/api/v1/account") {
    return send(request("GET", path, secret));
  }
  json make_key(json body, int status = 201) {
    body["name"] = "a key";
    auto r = request("POST", "/api/api-keys", key);
    r.body = body.dump();
    auto answer = send(std::move(r));
    INFO(answer.body);
    REQUIRE(answer.status == status);
    return json::parse(answer.body);
  }
  std::string free_key() {
    return w.must(w.actors().identity.get(), register_user{"eve@example.org", "eve", "", "a long password"}).api_key;
  }
};

std::string word(const http_reply& r) { return json::parse(r.body).value("error_code", ""); }

std::string hex(const std::string& bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", c);
    text += two;
  }
  return text;
}

/// As a client would sign it.
http_request sign(http_request r, const std::string& secret, const std::string& nonce, time_ms at) {
  auto time = std::to_string(at / 1'000);
  auto text = r.method + "\n" + r.target + "\n" + sha256_hex(r.body) + "\n" + time + "\n" + nonce;
  headers all{
      {"X-Signature", hex(hmac_sha256(text, secret))}, {"X-Signature-Timestamp", time}, {"X-Signature-Nonce", nonce}};
  r.header = [all](std::string_view name) {
    auto found = all.find(name);
    return found == all.end() ? std::string{} : found->second;
  };
  return r;
}

}  // namespace

TEST_CASE("answers say what is left, and a refusal when to come again") {
  desk d;
  auto eve = d.free_key();
  for (int i = 0; i < 10; ++i) {
    auto r = d.get(eve);
    CHECK(r.status == 200);
    CHECK(header_of(r, "X-RateLimit-Limit") == "10");
    CHECK(header_of(r, "X-RateLimit-Remaining") == std::to_string(9 - i));
    CHECK(header_of(r, "X-RateLimit-Tier") == "free");
    CHECK(json::parse(r.body)["limits"]["rate_limit"] == 10);
    CHECK(std::stoll(header_of(r, "X-RateLimit-Reset")) * 1'000 > d.w.wall);
    d.w.pass(1'000);
  }
  auto r = d.get(eve);
  CHECK(r.status == 429);
  CHECK(word(r) == "RATE_LIMIT_EXCEEDED");
  CHECK(header_of(r, "Retry-After") == "50");
  CHECK(header_of(r, "X-RateLimit-Remaining") == "0");
  d.w.pass(500);
  r = d.get(eve);  // refused at the edge
  CHECK(header_of(r, "Retry-After") == "50");
  d.w.pass(49'000);
  CHECK(header_of(d.get(eve), "Retry-After") == "1");
  d.w.pass(500);
  CHECK(d.get(eve).status == 200);
  CHECK(header_of(d.get(d.key), "X-RateLimit-Tier") == "unlimited");
  CHECK(header_of(d.get(d.key), "X-RateLimit-Limit").empty());
}

TEST_CASE("a completion's client hears a refusal in the dialect it asked for") {
  desk d;
  auto eve = d.free_key();
  for (int i = 0; i < 5; ++i) d.get(eve);
  auto r = d.request("POST", "/api/v1/completions", eve);
  r.error_dialect = "openai";
  auto answer = d.send(std::move(r));
  CHECK(answer.status == 429);
  CHECK(json::parse(answer.body)["error"]["message"] == "Rate limit exceeded: 5 requests within a second");
  CHECK(header_of(answer, "Retry-After") == "1");
}

TEST_CASE("as many requests at a time as the tier says, and one that is answered makes room") {
  desk d;
  auto eve = d.free_key();
  d.w.faults.on_find_job = {};
  auto follow = [&] { return d.begin(d.request("GET", "/api/v1/account", eve)); };
  CHECK(follow()->status == 200);
  CHECK(follow()->status == 200);
  CHECK(follow()->status == 200);  // each was answered before
  auto& quotas = d.w.actors().quotas;
  auto id = json::parse(follow()->body)["id"].get<std::string>();
  for (int64_t n : {1, 2}) tell(quotas.get(), quota_held{id, {"gw_b", n, false}});
  d.w.run();
  auto refused = follow();
  CHECK(refused->status == 429);
  CHECK(header_of(*refused, "Retry-After") == "1");
  tell(quotas.get(), quota_returned{id, "gw_b", 1});
  d.w.run();
  CHECK(follow()->status == 200);  // and no memo of the refusal stands in the way
}

TEST_CASE("without a valid credential an address is let in so often, with one always: health is never counted") {
  desk d{8};
  std::vector<int> seen;
  for (int i = 0; i < 6; ++i) seen.push_back(d.get("fsk_wrong").status);
  CHECK(seen == std::vector{401, 401, 401, 401, 401, 429});
  CHECK(d.get(d.key).status == 200);
  CHECK(d.send(d.request("GET", "/health", "")).status == 200);
  d.w.pass(1'000);
  auto login = d.request("POST", "/auth/login", "");
  for (int i = 0; i < 3; ++i) CHECK(d.send(login).status == 400);
  auto r = d.send(login);
  CHECK(r.status == 429);
  CHECK(word(r) == "RATE_LIMIT_EXCEEDED");
  CHECK(header_of(r, "Retry-After") == "59");
  auto other = d.request("GET", "/api/v1/account", "");
  other.remote_ip = "10.0.0.2";
  CHECK(d.send(other).status == 401);
}

TEST_CASE("a key has the scopes it was made with") {
  desk d;
  auto reader = d.make_key({{"scopes", {"read"}}})["key"].get<std::string>();
  CHECK(d.get(reader).status == 200);
  auto submit = d.request("POST", "/api/v1/jobs", reader);
  submit.body = R"({"type":"noop","name":"n","params":{}})";
  auto refused = d.send(submit);
  CHECK(refused.status == 403);
  CHECK(word(refused) == "INSUFFICIENT_PERMISSIONS");
  auto writer = d.make_key({{"scopes", {"write"}}})["key"].get<std::string>();
  submit.authorization = "Bearer " + writer;
  CHECK(d.send(submit).status == 202);
  CHECK(d.get(writer).status == 403);
  d.make_key({{"scopes", {"everything"}}}, 400);
}

TEST_CASE("a restricted key makes no key that may more") {
  desk d;
  for (json rules :
       {json{{"scopes", {"read", "write"}}}, json{{"spend_limit", "5"}}, json{{"allowed_models", {"m"}}}}) {
    auto made = d.make_key(rules);
    auto r = d.request("POST", "/api/api-keys", made["key"]);
    r.body = R"({"name":"wider"})";
    CHECK(d.send(r).status == 403);
    r.path = r.target = "/api/api-keys/" + made["id"].get<std::string>() + "/rotate";
    CHECK(d.send(r).status == 403);
  }
}

TEST_CASE("a key asks only for its models, wherever a model can be named") {
  desk d;
  auto key = d.make_key({{"allowed_models", {"llama"}}})["key"].get<std::string>();
  auto post = [&](const std::string& path, const json& body) {
    auto r = d.request("POST", path, key);
    r.body = body.dump();
    return d.send(std::move(r));
  };
  json job{{"type", "inference"}, {"name", "n"}, {"params", {{"model", "gpt"}, {"prompt", "x"}}}};
  auto barred = post("/api/v1/jobs", job);
  CHECK(barred.status == 403);
  CHECK(word(barred) == "MODEL_NOT_ALLOWED");
  CHECK(post("/api/v1/completions", {{"model", "gpt"}, {"prompt", "x"}}).status == 403);
  CHECK(post("/api/v1/schedules", {{"name", "s"}, {"cron", "@daily"}, {"job", job}}).status == 403);
  auto batch = post("/api/v1/jobs/batch", {{"jobs", {job}}});
  CHECK(json::parse(batch.body)["jobs"][0]["error_code"] == "MODEL_NOT_ALLOWED");
  job["params"]["model"] = "llama";
  CHECK(post("/api/v1/jobs", job).status != 403);
}

TEST_CASE("a key is good from its networks only, and what is refused for that uses up no limit") {
  desk d;
  auto key = d.make_key({{"allowed_ips", {"10.0.0.0/8", "2001:db8::/32"}}, {"rate_limit_per_minute", 2}})["key"]
                 .get<std::string>();
  auto from = [&](const std::string& ip) {
    auto r = d.request("GET", "/api/v1/account", key);
    r.remote_ip = ip;
    return d.send(std::move(r));
  };
  for (auto ip : {"11.0.0.1", "2001:db9::1", "", "nonsense"}) {
    CHECK(from(ip).status == 403);
    CHECK(word(from(ip)) == "ADDRESS_NOT_ALLOWED");
  }
  CHECK(from("10.9.9.9").status == 200);
  CHECK(from("2001:db8::7").status == 200);
  CHECK(from("10.9.9.9").status == 429);
  d.make_key({{"allowed_ips", {"10.0.0.1/8"}}}, 400);
}

TEST_CASE("a key's own limit holds for a user without one") {
  desk d;
  auto key = d.make_key({{"rate_limit_per_minute", 3}})["key"].get<std::string>();
  for (int i = 0; i < 3; ++i) CHECK(header_of(d.get(key), "X-RateLimit-Limit") == "3");
  auto r = d.get(key);
  CHECK(r.status == 429);
  CHECK(header_of(r, "X-RateLimit-Tier") == "unlimited");
  CHECK(d.get(d.key).status == 200);
  d.w.pass(60'000);
  CHECK(d.get(key).status == 200);
}

TEST_CASE("a key in the query counts only where that is switched on, and never instead of a bad one") {
  desk d;
  auto path = "/api/v1/account?api_key=" + d.key;
  CHECK(d.get("", path).status == 401);
  d.w.settings().api_key_query = true;
  CHECK(d.get("", path).status == 200);
  CHECK(d.get("fsk_wrong", path).status == 401);
  auto r = d.request("GET", path, "");
  r.api_key = "wrong";
  CHECK(d.send(r).status == 401);
}

TEST_CASE("a revoked key is refused by the next request, a rotated one by the end of its overlap") {
  desk d;
  auto made = d.make_key({});
  auto id = made["id"].get<std::string>(), old = made["key"].get<std::string>();
  CHECK(d.get(old).status == 200);
  auto r = d.request("POST", "/api/api-keys/" + id + "/rotate", d.key);
  r.body = R"({"overlap_hours":1})";
  auto rotated = json::parse(d.send(r).body);
  auto fresh = rotated["key"].get<std::string>();
  CHECK(rotated["id"] == id);
  CHECK(d.get(old).status == 200);
  CHECK(d.get(fresh).status == 200);
  d.w.wall += 3'600'000;
  CHECK(d.get(old).status == 401);
  CHECK(d.get(fresh).status == 200);
  CHECK(d.send(d.request("DELETE", "/api/api-keys/" + id, d.key)).status == 200);
  CHECK(d.get(fresh).status == 401);
  CHECK(d.send(r).status == 409);
  auto shown = d.send(d.request("GET", "/api/v1/api-keys", d.key));
  CHECK(shown.body.find(fresh) == std::string::npos);
  CHECK(shown.body.find(sha256_hex(fresh)) == std::string::npos);
  auto listed = json::parse(shown.body)["keys"];
  REQUIRE(listed.size() == 2);
  auto& row = listed[0]["id"] == id ? listed[0] : listed[1];
  CHECK(row["status"] == "revoked");
}

TEST_CASE("another user's key is not there") {
  desk d;
  auto id = d.make_key({})["id"].get<std::string>();
  auto other = d.w.new_key(house_world::provider);
  CHECK(d.get(other, "/api/api-keys/" + id).status == 404);
  CHECK(d.send(d.request("DELETE", "/api/api-keys/" + id, other)).status == 404);
  CHECK(d.get(d.key, "/api/api-keys/" + id).status == 200);
}

TEST_CASE("a key that must sign takes each signature once, and nothing that was changed, is old or came before") {
  desk d;
  auto made = d.make_key({{"require_signature", true}});
  auto key = made["key"].get<std::string>(), secret = made["signing_secret"].get<std::string>();
  CHECK(secret.find(key) == std::string::npos);
  CHECK(word(d.get(key)) == "SIGNATURE_REQUIRED");
  auto plain = d.request("POST", "/api/v1/jobs?x=1", key);
  plain.body = R"({"type":"noop","name":"n","params":{}})";
  auto good = sign(plain, secret, "nonce-0001", d.w.wall);
  CHECK(d.send(good).status == 202);
  CHECK(d.send(good).status == 401);
  CHECK(word(d.send(good)) == "SIGNATURE_INVALID");
  CHECK(d.send(sign(plain, secret, "nonce-0002", d.w.wall - 301'000)).status == 401);
  CHECK(d.send(sign(plain, secret, "nonce-0003", d.w.wall + 301'000)).status == 401);
  CHECK(d.send(sign(plain, secret, "nonce-0004", d.w.wall - 299'000)).status == 202);
  CHECK(d.send(sign(plain, secret + "x", "nonce-0005", d.w.wall)).status == 401);
  CHECK(d.send(sign(plain, secret, "short", d.w.wall)).status == 401);
  auto changed = sign(plain, secret, "nonce-0006", d.w.wall);
  changed.body = R"({"type":"noop","name":"m","params":{}})";
  CHECK(d.send(changed).status == 401);
  auto elsewhere = sign(plain, secret, "nonce-0007", d.w.wall);
  elsewhere.target = "/api/v1/jobs?x=2";
  CHECK(d.send(elsewhere).status == 401);
  CHECK(d.send(sign(plain, secret, "nonce-0006", d.w.wall)).status == 202);  // the changed one used nothing up
}

TEST_CASE("a signature that is there must be good, also where none is asked for") {
  desk d;
  auto r = sign(d.request("GET", "/api/v1/account", d.key), "a wrong secret", "nonce-0001", d.w.wall);
  CHECK(d.send(r).status == 401);
  r = sign(r, signing_secret(d.e, "key:" + sha256_hex(d.key)), "nonce-0001", d.w.wall);
  CHECK(d.send(r).status == 200);
  CHECK(d.send(r).status == 401);
}
