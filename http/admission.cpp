// The order: the credential's form, whether it was refused a moment ago, its signature, then the session and the
// windows behind it, then what the route asks for.
#include "http/admission.hpp"

#include <algorithm>

#include "http/request_signature.hpp"
#include "http/second_factor.hpp"
#include "model/identity.hpp"

namespace troupe {

namespace {

void add_limits(http_reply& x, const std::string& tier, const rate_verdict& v) {
  if (v.limit > 0) {
    x.headers.emplace_back("X-RateLimit-Limit", std::to_string(v.limit));
    x.headers.emplace_back("X-RateLimit-Remaining", std::to_string(v.remaining));
    x.headers.emplace_back("X-RateLimit-Reset", std::to_string((v.reset_ms + 999) / 1'000));
  }
  x.headers.emplace_back("X-RateLimit-Tier", tier);
}

http_reply limited(const std::string& why, int64_t wait_ms, const std::string& request_id, error_dialect dialect) {
  failure f{errc::limit_exceeded, "Rate limit exceeded: " + why, {}, {}, "RATE_LIMIT_EXCEEDED"};
  auto x = error_reply(f, request_id, dialect);
  add_retry_after(x, wait_ms);
  return x;
}

http_reply refused(const std::string& tier, const rate_verdict& v, const std::string& request_id,
                   error_dialect dialect) {
  auto x = limited(v.why, v.retry_ms, request_id, dialect);
  add_limits(x, tier, v);
  return x;
}

/// Without a valid credential: 401, or 429 when that comes too often from there.
http_reply stranger(edge& e, const http_request& r, const failure& why, error_dialect dialect) {
  auto wait_ms = e.strangers.refused_ms(r.remote_ip, e.h.now_ms());
  if (wait_ms > 0) return limited("too many requests without a valid credential", wait_ms, r.request_id, dialect);
  return error_reply(why, r.request_id, dialect);
}

/// Refused a moment ago, and nothing but time can have changed that.
std::optional<http_reply> refused_before(edge& e, const http_request& r, const std::string& credential,
                                         error_dialect dialect) {
  auto now = e.h.now_ms();
  auto known = e.h.refused.find(credential, now);
  if (!known) return std::nullopt;
  known->verdict.retry_ms -= now - known->made_ms;
  return refused(known->tier, known->verdict, r.request_id, dialect);
}

struct guest {
  edge& e;
  std::shared_ptr<const http_request> request;
  error_dialect dialect = error_dialect::canonical;
  bool stream = false;
  std::function<void(http_reply)> refuse;
  std::function<void(principal)> next;
};
using guest_ptr = std::shared_ptr<guest>;

void admitted(const guest_ptr& g, const std::string& credential, principal who) {
  if (who.quota && !who.quota->verdict.admitted) {
    auto& v = who.quota->verdict;
    g->e.h.refused.note(credential, {who->user_id, who->tier, v, g->e.h.now_ms()});
    return g->refuse(refused(who->tier, v, g->request->request_id, g->dialect));
  }
  g->next(std::move(who));
}

void turned_down(const guest_ptr& g, const failure& why) {
  if (why.code == errc::unauthenticated) return g->refuse(stranger(g->e, *g->request, why, g->dialect));
  g->refuse(error_reply(why, g->request->request_id, g->dialect));
}

void ask_session(const guest_ptr& g, const std::string& credential, bool is_signed) {
  admit message{credential, g->request->remote_ip, is_signed, g->stream};
  exchange(g->e.h, g->e.h.actors.sessions.get(), std::move(message), no_limit, [g, credential](outcome<principal> who) {
    if (auto* bad = std::get_if<failure>(&who)) return turned_down(g, *bad);
    admitted(g, credential, std::move(std::get<principal>(who)));
  });
}

void identify(const guest_ptr& g) {
  auto found = credential_of(g->e, *g->request);
  if (auto* bad = std::get_if<failure>(&found)) return turned_down(g, *bad);
  auto& credential = std::get<std::string>(found);
  if (auto again = refused_before(g->e, *g->request, credential, g->dialect)) return g->refuse(std::move(*again));
  if (!has_signature(*g->request)) return ask_session(g, credential, false);
  check_signature(g->e, *g->request, credential, [g, credential](const std::optional<failure>& bad) {
    if (!bad) return ask_session(g, credential, true);
    turned_down(g, *bad);
  });
}

/// Given back when the last who knows of it lets go, whatever became of the request.
std::shared_ptr<void> place_of(house& h, const principal& who) {
  if (!who.quota || who.quota->number == 0) return nullptr;
  return {nullptr, [&h, user_id = who->user_id, number = who.quota->number](void*) {
            if (auto quotas = h.actors.quotas.get()) tell(quotas, request_ended{user_id, number});
          }};
}

std::optional<failure> barred_scope(const route& row, const principal& who) {
  if (!who->rules || who->rules->scopes.empty()) return std::nullopt;
  std::string needed{row.scope};
  if (needed.empty()) needed = row.needs == access::admin ? "admin" : row.verb == "GET" ? "read" : "write";
  auto& has = who->rules->scopes;
  if (std::find(has.begin(), has.end(), needed) != has.end()) return std::nullopt;
  return failure{errc::forbidden, "this API key has not the scope " + needed, {}, {}};
}

std::optional<failure> barred_role(const route& row, const principal& who) {
  if (row.needs == access::admin && who->role != "admin")
    return failure{errc::forbidden, "this needs the admin role", {}, {}};
  if (row.needs == access::provider && who->role == "user")
    return failure{errc::forbidden, "this needs the provider role", {}, {}};
  return std::nullopt;
}

/// The answer goes out with what is left, and after the place was given back: whoever reads it may ask again at once.
void carry_limits(const call_ptr& c, const principal& who) {
  c->done = [done = std::move(c->done), place = place_of(c->e.h, who), quota = who.quota,
             tier = who->tier](http_reply x) mutable {
    place.reset();
    add_limits(x, tier, quota ? quota->verdict : rate_verdict{});
    done(std::move(x));
  };
}

}  // namespace

void enter(const call_ptr& c) {
  auto g = std::make_shared<guest>(guest{c->e, {c, &c->request}, c->dialect, false, {}, {}});
  g->refuse = [c](http_reply x) { c->done(std::move(x)); };
  g->next = [c](principal who) {
    carry_limits(c, who);
    c->who = std::move(who);
    if (auto bad = mfa_gate(c->e.h.settings, c->who, c->row->path)) return c->refuse(*bad);
    if (auto bad = barred_scope(*c->row, c->who)) return c->refuse(*bad);
    if (auto bad = barred_role(*c->row, c->who)) return c->refuse(*bad);
    c->row->run(c);
  };
  identify(g);
}

void enter_open(const call_ptr& c) {
  auto& r = c->request;
  auto probe = c->row->path.starts_with("/health");  // a load balancer asks often
  auto wait_ms = probe ? 0 : c->e.strangers.refused_ms(r.remote_ip, c->e.h.now_ms());
  if (wait_ms > 0) return c->done(limited("too many requests without a credential", wait_ms, r.request_id, c->dialect));
  c->row->run(c);
}

void enter_stream(edge& e, std::shared_ptr<const http_request> r, std::function<void(http_reply)> refuse,
                  std::function<void(const principal&, std::shared_ptr<void> place)> next) {
  auto g = std::make_shared<guest>(guest{e, std::move(r), error_dialect::canonical, true, std::move(refuse), {}});
  g->next = [&e, next = std::move(next)](const principal& who) { next(who, place_of(e.h, who)); };
  identify(g);
}

std::optional<failure> barred_model(const principal& who, const std::string& model) {
  if (!who->rules || who->rules->models.empty() || model.empty()) return std::nullopt;
  auto& may = who->rules->models;
  if (std::find(may.begin(), may.end(), model) != may.end()) return std::nullopt;
  return failure{errc::forbidden, "Model not in allowed list", {}, {}, "MODEL_NOT_ALLOWED"};
}

}  // namespace troupe
