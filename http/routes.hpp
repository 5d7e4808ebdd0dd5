// The table of contents of the API. To see what the server can do, read routes.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/exchange.hpp"
#include "config/vault.hpp"
#include "http/address_limiter.hpp"
#include "http/json.hpp"
#include "http/refusal_log.hpp"
#include "http/server.hpp"

namespace troupe {

class token_keys;
class login_guard;

/// What the edge needs besides the actors.
struct edge {
  edge(house&, std::string jwt_secret, int64_t now_ms);

  house& h;
  std::string jwt_secret;
  std::shared_ptr<const vault> secrets = std::make_shared<const vault>(std::vector{random_hex(32)});
  int64_t started_ms = 0;    // of the monotonic clock
  std::string signing_root;  // what the signing secrets of API keys are derived from
  std::shared_ptr<token_keys> keys;
  std::shared_ptr<login_guard> logins;
  refusal_log refusals{h};
  address_limiter strangers;
  std::atomic<int> followers = 0;   // requests that wait for news of a log
  std::atomic<bool> stops = false;  // nobody shall wait for news any more
};

struct route;

/// One request on its way through a route. Shared by the callbacks that carry it on; `done` is called exactly once.
struct call {
  edge& e;
  http_request request;
  std::map<std::string, std::string, std::less<>> params;  // from {name} parts of the path
  principal who;                                           // empty on open routes
  error_dialect dialect = error_dialect::canonical;
  respond_fn done;
  const route* row = nullptr;
  std::string subject = {};  // what is acted on, for the audit trail, where the path does not say it

  void refuse(const failure& f);
  void reply(int status, const json& body) { done(json_reply(status, body)); }
  void reply_text(std::string body) { done({200, std::move(body)}); }  // JSON already
};
using call_ptr = std::shared_ptr<call>;

/// Who may. A row that does not say is refused when the server starts, and so is one by which an admin changes
/// something that is not written to the audit trail.
enum class access : uint8_t { undecided, open, user, provider, admin };

struct route {
  std::string_view verb;
  std::string_view path;  // "/api/v1/jobs/{id}"
  access needs = access::undecided;
  std::string_view doc;
  std::function<void(call_ptr)> run;
  size_t body_bytes_max = limits::body_bytes_max;
  bool openai = false;          // errors in OpenAI's form when `X-Error-Dialect: openai` was sent
  std::string_view scope = {};  // what an API key with scopes needs; empty: read for GET, else write
  std::string_view act = {};    // "user.update": how the audit trail calls it; empty: it is not written there
};

const std::vector<route>& routes();

/// Finds the row, checks who asks, runs it; answers 404, 405 and 401 by itself.
void serve_request(edge&, http_request, respond_fn);
/// The WebSocket routes: /v1/stream and /ws.
void serve_upgrade(edge&, http_request, std::function<void(upgrade_answer)>);
size_t body_bound(const std::string& verb, const std::string& path);

/// The credential of a request as a session id ("key:..." or "jwt:..."); a failure for a missing or malformed one.
outcome<std::string> credential_of(const edge&, const http_request&);

/// The value of a query parameter, percent-decoded; empty when absent.
std::string query_value(std::string_view query, std::string_view name);
/// An integer query parameter. Nothing when it is there but no number within the bounds.
std::optional<int64_t> query_integer(std::string_view query, std::string_view name, int64_t least, int64_t most,
                                     int64_t otherwise);

/// Asks an actor; refuses the call when it fails, else hands the answer on.
template <class Handle, class M, class Next>
void ask(const call_ptr& c, const Handle& to, M message, Next next, std::chrono::milliseconds limit = no_limit) {
  exchange(c->e.h, to, std::move(message), limit,
           [c, next = std::move(next)](outcome<typename M::reply> answer) mutable {
             if (auto bad = std::get_if<failure>(&answer)) return c->refuse(*bad);
             next(std::get<typename M::reply>(answer));
           });
}

/// Reads the store: `read` runs on a reader's thread, `next` gets what it returned.
template <class Read, class Next>
void ask_store(const call_ptr& c, Read read, Next next) {
  using found = std::invoke_result_t<Read&, store_reader&>;
  auto kept = std::make_shared<found>();
  read_store message{[kept, read = std::move(read)](store_reader& db) mutable { *kept = read(db); }};
  ask(c, c->e.h.actors.reader(), std::move(message),
      [kept, next = std::move(next)](const read_done&) mutable { next(*kept); });
}

/// After a change of what is known about a user: the next request of any of its credentials reads it anew.
inline void forget(const call& c, const std::string& user_id) {
  tell(c.e.h.actors.sessions.get(), forget_user{user_id});
}

// Groups of rows, each in its own file.
void add_auth_routes(std::vector<route>&);
void add_api_key_routes(std::vector<route>&);
void add_session_routes(std::vector<route>&);
void add_job_routes(std::vector<route>&);
void add_job_wish_routes(std::vector<route>&);
void add_schedule_routes(std::vector<route>&);
void add_webhook_routes(std::vector<route>&);
void add_log_routes(std::vector<route>&);
void add_artifact_routes(std::vector<route>&);
void add_completion_routes(std::vector<route>&);
void add_money_routes(std::vector<route>&);
void add_pricing_routes(std::vector<route>&);
void add_billing_routes(std::vector<route>&);
void add_rental_routes(std::vector<route>&);
void add_usage_routes(std::vector<route>&);
void add_drain_routes(std::vector<route>&);
void add_system_routes(std::vector<route>&);
void add_fleet_routes(std::vector<route>&);
void add_admin_routes(std::vector<route>&);
void add_audit_routes(std::vector<route>&);

}  // namespace troupe
