// The other side of a login elsewhere: what an OpenID Connect provider is asked, and what it must answer.
// Discovery 1.0, Core 1.0 section 3.1 (authorization code), PKCE (RFC 7636).
#pragma once

#include <functional>
#include <string>

#include "actors/outside.hpp"
#include "http/id_token.hpp"

namespace troupe {

struct oidc_settings {
  std::string issuer, client_id, client_secret;  // no secret: a public client
  std::string redirect_uri;
};

/// One attempt to log in. Only its hash is stored of `state`; the rest is sealed.
struct oidc_attempt {
  std::string state, nonce, verifier;
};
oidc_attempt make_attempt();

/// Remembers for five minutes what the provider says of itself, and its keys, and for five seconds that it does not
/// answer: many who want to log in must not wait one after another. For one thread: that of `errands`.
/// Refusals: unavailable when the provider does not answer as it should, unauthenticated when what it vouches for does
/// not hold.
class oidc_provider {
public:
  using fetch_fn = std::function<fetch_answer(const fetch_ask&)>;
  explicit oidc_provider(fetch_fn ask) : ask_{std::move(ask)} {}

  /// Where a browser is sent.
  outcome<std::string> authorization_url(const oidc_settings&, const oidc_attempt&, time_ms now_ms);
  /// Who came back with that code.
  outcome<id_person> redeem(const oidc_settings&, const std::string& code, const oidc_attempt&, time_ms now_ms);

private:
  struct page {
    json body;
    time_ms read_ms = 0;
  };
  std::optional<failure> discover(const oidc_settings&, time_ms now_ms);
  std::optional<failure> read_keys(time_ms now_ms, time_ms age_max_ms);
  outcome<std::string> exchange_code(const oidc_settings&, const std::string& code, const std::string& verifier);
  outcome<json> read_page(const fetch_ask&);

  fetch_fn ask_;
  std::string issuer_;
  page about_, keys_;
  time_ms failed_ms_ = 0;  // nobody answered then
};

}  // namespace troupe
