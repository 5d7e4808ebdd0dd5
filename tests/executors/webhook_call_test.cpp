// The signatures of a delivery against values made elsewhere, and which answers count as accepted.
#include "executors/webhook_call.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace troupe;

namespace {

// The example of the Standard Webhooks documentation.
const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const std::string body = R"({"test": 2432232314})", signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const std::string hex = "2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964";
const std::string old_secret = "an older secret, not of that form";
const std::string old_hex = "a4b45bf23f3d7addec007b0798c74395d5cca7f383bbcd44f2bdf4df75fe9127";
constexpr int64_t at_s = 1'614'265'330;

std::string header_of(const std::vector<std::string>& secrets, const std::string& name) {
  auto r = webhook_request({"http://example.org:80/", false, "example.org", 80}, id, body, secrets, at_s);
  CHECK(r.body == body);
  for (auto& line : r.headers)
    if (line.starts_with(name + ": ")) return line.substr(name.size() + 2);
  return "none";
}

outbound_answer answer(outbound_end end, int status) { return {end, status, {}, "broken"}; }

}  // namespace

TEST_CASE("a delivery is signed over what is sent, in both forms") {
  CHECK(header_of({secret}, "X-Webhook-Signature") == "t=1614265330,v1=" + hex);
  CHECK(header_of({secret}, "webhook-id") == id);
  CHECK(header_of({secret}, "webhook-timestamp") == "1614265330");
  CHECK(header_of({secret}, "webhook-signature") == signature);
  CHECK(header_of({secret}, "Content-Type") == "application/json");
}

TEST_CASE("while two secrets count, both sign") {
  CHECK(header_of({secret, old_secret}, "X-Webhook-Signature") == "t=1614265330,v1=" + hex + ",v1=" + old_hex);
  CHECK(header_of({secret, old_secret}, "webhook-signature") == signature);
  CHECK(header_of({secret, secret}, "webhook-signature") == signature + " " + signature);
}

TEST_CASE("a secret of another form has only the signature that is keyed by the whole of it") {
  CHECK(header_of({old_secret}, "X-Webhook-Signature") == "t=1614265330,v1=" + old_hex);
  CHECK(header_of({old_secret}, "webhook-signature") == "none");
  CHECK(header_of({"whsec_no base64!"}, "webhook-signature") == "none");
  CHECK(header_of({"whsec_"}, "webhook-signature") == "none");
}

TEST_CASE("each new secret is another, and can sign in both forms") {
  auto one = new_webhook_secret(), two = new_webhook_secret();
  CHECK(one != two);
  CHECK(one.starts_with("whsec_"));
  CHECK(one.size() == 38);
  CHECK(header_of({one}, "webhook-signature") != "none");
}

TEST_CASE("only a whole answer of 2xx is accepted, however long it is") {
  CHECK(webhook_trouble(answer(outbound_end::answered, 200)).empty());
  CHECK(webhook_trouble(answer(outbound_end::answered, 299)).empty());
  CHECK(webhook_trouble(answer(outbound_end::too_large, 200)).empty());
  CHECK(webhook_trouble(answer(outbound_end::answered, 302)) == "answered 302: redirects are not followed");
  CHECK(webhook_trouble(answer(outbound_end::answered, 500)) == "answered 500");
  CHECK(webhook_trouble(answer(outbound_end::too_large, 500)) == "broken");
  CHECK(webhook_trouble(answer(outbound_end::timed_out, 200)) == "broken");
  CHECK(webhook_trouble(answer(outbound_end::refused, 0)) == "broken");
}
