// Billing sessions: a GPU rented by the hour against a hold, metered by our clock. Each step is planned from what the
// store says and committed once; when somebody else was quicker it is planned anew, and then knows why not.
#include "config/world.hpp"
#include "http/quote.hpp"
#include "http/rental_json.hpp"
#include "http/routes.hpp"
#include "model/spending.hpp"

namespace troupe {

namespace {

constexpr int tries_max = 64;  // of those who come at once one wins each time

/// A step that is ready to be committed, with its answer.
struct money_step {
  std::string wallet;  // whose actor it goes through
  change what;
  int status = 200;
  json answer;
};
using planner = std::function<outcome<money_step>(store_reader&)>;

/// The first answer of this very request, or a plan.
struct planned {
  std::optional<idempotency_row> first;
  outcome<money_step> step;
};

std::string route_of(const call& c) { return "POST " + c.request.path; }

failure not_found() { return {errc::not_found, "Session not found", {}, {}, "SESSION_NOT_FOUND"}; }

outcome<std::optional<idempotency_row>> first_of(const call& c, int status, const json& answer) {
  auto& key = c.request.idempotency_key;
  if (key.empty()) return std::optional<idempotency_row>{};
  if (key.size() > limits::idempotency_key_bytes_max)
    return failure{errc::invalid, "Idempotency-Key is too long", {}, {}, {}};
  return std::optional{
      idempotency_row{c.who->user_id + " " + route_of(c), key, sha256_hex(c.request.body), status, answer.dump()}};
}

http_reply again(int status, const std::string& body) {
  http_reply reply;
  reply.status = status;
  reply.body = body;
  reply.headers.emplace_back("Idempotent-Replayed", "true");
  return reply;
}

/// A key that is known needs no plan: the world has moved on since.
planned plan_once(const call& c, const planner& plan, store_reader& db) {
  planned p;
  auto& key = c.request.idempotency_key;
  if (!key.empty() && key.size() <= limits::idempotency_key_bytes_max)
    p.first = db.find_idempotent(c.who->user_id + " " + route_of(c), key);
  if (!p.first) p.step = plan(db);
  return p;
}

void answer_first(const call_ptr& c, const idempotency_row& first) {
  if (first.request_hash != sha256_hex(c->request.body))
    return c->refuse({errc::key_reused, "that Idempotency-Key came with another request", {}, {}, {}});
  c->done(again(first.status, first.body));
}

void run_step(const call_ptr& c, const planner& plan, int tries = tries_max);

void commit_step(const call_ptr& c, const planner& plan, int tries, money_step s) {
  auto once = first_of(*c, s.status, s.answer);
  if (auto bad = std::get_if<failure>(&once)) return c->refuse(*bad);
  s.what.once = std::move(std::get<std::optional<idempotency_row>>(once));
  ask(c, c->e.h.actors.wallets.get(), change_money{std::move(s.wallet), std::move(s.what)},
      [=, status = s.status, answer = std::move(s.answer)](const change_result& done) {
        auto overtaken = done.why == errc::stale || done.why == errc::conflict;
        if (overtaken && tries > 0) return run_step(c, plan, tries - 1);
        if (done.why != errc::ok) return c->refuse(to_failure(done));
        if (done.replayed) return c->done(again(done.status, done.body));
        c->reply(status, answer);
      });
}

void run_step(const call_ptr& c, const planner& plan, int tries) {
  ask_store(
      c, [c, plan](store_reader& db) { return plan_once(*c, plan, db); },
      [=](planned& p) {
        if (p.first) return answer_first(c, *p.first);
        if (auto bad = std::get_if<failure>(&p.step)) return c->refuse(*bad);
        commit_step(c, plan, tries, std::move(std::get<money_step>(p.step)));
      });
}

amount available_of(store_reader& db, const std::string& owner, asset currency) {
  for (auto& b : db.balances(owner))
    if (b.account == account_key{owner, account_kind::available, currency}) return b.balance - b.held;
  return 0;
}

/// A quote is a price for this user on this node and for this share; the book's own price is no provider's.
std::optional<failure> take_quote(const call& c, rental_wish& w) {
  if (w.quote.empty()) return {};
  auto q = read_quote(w.quote, c.e.jwt_secret, c.e.h.now_ms());
  if (!q || q->user_id != w.user_id)
    return failure{errc::invalid, "that quote is not valid, or not any more", {}, {}, {}};
  auto known = c.e.h.settings.prices.find_gpu(w.gpu_model);
  auto same = q->provider_id == w.provider_id && q->terms.vram_mb == w.vram_mb && q->terms.power_w == w.power_w &&
              known && known->key == q->gpu_model &&
              w.fee_inclusive.value_or(q->terms.fee_inclusive) == q->terms.fee_inclusive;
  if (!same) return failure{errc::invalid, "that quote is for something else than what is to be rented", {}, {}, {}};
  w.quoted = q->terms;
  return {};
}

outcome<money_step> plan_start(const call& c, rental_wish wish, store_reader& db) {
  if (wish.user_id != c.who->user_id && !db.find_user(wish.user_id))
    return failure{errc::not_found, "User not found", {}, {}, {}};
  if (auto bad = take_quote(c, wish)) return *bad;
  auto nodes = db.list_nodes();
  std::erase_if(nodes, [&](const node_row& n) { return !is_of_provider(wish, n); });
  std::vector<rental> active;
  for (auto& n : nodes)
    for (auto& r : db.books().active_rentals(n.id)) active.push_back(std::move(r));
  auto placed = place_rental(wish, nodes, active, c.e.h.settings.prices);
  if (auto bad = std::get_if<failure>(&placed)) return *bad;
  auto& terms = std::get<rental>(placed);
  terms.id = new_id("ses");
  auto free = available_of(db, wish.user_id, terms.currency);
  if (free < limits::rental_balance_min)
    return failure{errc::insufficient_funds,
                   "a session needs at least 1 dGPU to start",
                   format_amount(limits::rental_balance_min),
                   format_amount(free),
                   {}};
  auto now = c.e.h.now_ms();
  auto opened = open_rental(std::move(terms), now);
  if (auto bad = std::get_if<failure>(&opened)) return *bad;
  money_step s{wish.user_id, std::move(std::get<change>(opened)), 201, {}};
  auto& row = s.what.rents->next;
  auto limits = db.books().spend_limits("user:" + wish.user_id);
  auto own = wish.key_id.empty() ? std::vector<spend_limit>{} : db.books().spend_limits("key:" + wish.key_id);
  limits.insert(limits.end(), own.begin(), own.end());
  s.what.opens->guards = guards_of(limits, row.currency, now);
  s.answer = rental_costs_json(row, std::max<amount>(0, free - row.hold), now);
  s.answer["message"] = "Session started";
  return s;
}

void start(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto read = read_wish(std::get<json>(body));
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  auto wish = std::move(std::get<rental_wish>(read));
  if (wish.user_id.empty()) wish.user_id = c->who->user_id;
  if (wish.user_id != c->who->user_id && c->who->role != "admin")
    return c->refuse({errc::not_found, "User not found", {}, {}, {}});
  if (wish.user_id == c->who->user_id) wish.key_id = c->who->key_id;
  run_step(c, [c, wish](store_reader& db) { return plan_start(*c, wish, db); });
}

enum class side { none, renter, provider };

side side_of(const call& c, const rental& r) {
  if (r.user_id == c.who->user_id) return side::renter;
  return r.provider_user == c.who->user_id || c.who->role == "admin" ? side::provider : side::none;
}

outcome<rental> own_session(const call& c, const std::string& id, store_reader& db) {
  auto r = db.books().find_rental(id);
  if (!r || side_of(c, *r) == side::none) return not_found();
  if (r->state != rental_state::active)
    return failure{errc::conflict, "the session has ended", {}, {}, "SESSION_NOT_ACTIVE"};
  return *r;
}

outcome<money_step> plan_end(const call& c, const std::string& id, store_reader& db) {
  auto found = own_session(c, id, db);
  if (auto bad = std::get_if<failure>(&found)) return *bad;
  auto& r = std::get<rental>(found);
  auto now = c.e.h.now_ms();
  auto by_renter = side_of(c, r) == side::renter;
  money_step s{r.user_id,
               end_rental(r, by_renter ? rental_state::completed : rental_state::terminated,
                          by_renter ? "user" : "provider", now, c.e.h.matures_ms()),
               200,
               {}};
  auto& row = s.what.rents->next;
  s.answer = {{"session", rental_json(row)},
              {"session_id", row.id},
              {"status", to_string(row.state)},
              {"duration_seconds", (row.ended_ms - row.started_ms) / 1000},
              {"total_cost", format_amount(row.charged)},
              {"platform_fee", format_amount(row.fee)},
              {"provider_earnings", format_amount(row.charged - row.fee)},
              {"released", format_amount(row.hold - row.charged)},
              {"currency", to_string(row.currency)},
              {"message", "Session ended"}};
  return s;
}

void end(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto id = f.text("session_id", 64, true);
  if (auto bad = f.problem()) return c->refuse(*bad);
  run_step(c, [c, id](store_reader& db) { return plan_end(*c, id, db); });
}

outcome<money_step> plan_report(const call& c, const usage_report& u, store_reader& db) {
  auto found = own_session(c, u.session_id, db);
  if (auto bad = std::get_if<failure>(&found)) return *bad;
  auto& r = std::get<rental>(found);
  auto now = c.e.h.now_ms();
  money_step s{r.user_id, tick_rental(r, u.reading, now, c.e.h.matures_ms()), 200, {}};
  auto& row = s.what.rents->next;
  s.answer = {{"message", "Usage recorded"},
              {"status", "success"},
              {"session_id", row.id},
              {"billed_cost", format_amount(row.charged)},
              {"last_billed_at", time_json(row.billed_ms)},
              {"currency", to_string(row.currency)}};
  return s;
}

void report(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto read = read_report(std::get<json>(body), c->e.h.now_ms());
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  auto u = std::move(std::get<usage_report>(read));
  run_step(c, [c, u](store_reader& db) { return plan_report(*c, u, db); });
}

struct seen_session {
  std::optional<rental> row;
  amount available = 0;
};

/// The provider sees the session, not the renter's wallet.
void current(const call_ptr& c) {
  auto look = [c, id = c->params["id"]](store_reader& db) {
    seen_session s{db.books().find_rental(id)};
    if (s.row && s.row->user_id == c->who->user_id) s.available = available_of(db, s.row->user_id, s.row->currency);
    return s;
  };
  ask_store(c, look, [c](const seen_session& s) {
    if (!s.row || side_of(*c, *s.row) == side::none) return c->refuse(not_found());
    auto answer = rental_costs_json(*s.row, s.available, c->e.h.now_ms());
    if (side_of(*c, *s.row) != side::renter) answer.erase("remaining_balance");
    if (side_of(*c, *s.row) != side::renter) answer.erase("estimated_runtime_hours");
    c->reply(200, answer);
  });
}

void history(const call_ptr& c) {
  auto& query = c->request.query;
  auto limit = query_integer(query, "limit", 1, limits::page_rows_max, 50);
  auto role = query_value(query, "role");
  if (!limit) return c->refuse({errc::invalid, "limit must be an integer from 1 to 1000", {}, {}, {}});
  if (!role.empty() && role != "user" && role != "provider")
    return c->refuse({errc::invalid, "role must be user or provider", {}, {}, {}});
  auto read = [user = c->who->user_id, as_provider = role == "provider", before = query_value(query, "before"),
               n = static_cast<int32_t>(*limit)](store_reader& db) {
    return db.books().list_rentals(user, as_provider, before, n);
  };
  ask_store(c, read, [c, wanted = *limit](const std::vector<rental>& page) {
    auto rows = json::array();
    for (auto& r : page) rows.push_back(rental_json(r));
    auto full = static_cast<int64_t>(page.size()) == wanted;
    c->reply(200,
             {{"sessions", std::move(rows)}, {"limit", wanted}, {"next", full ? json(page.back().id) : json(nullptr)}});
  });
}

}  // namespace

void add_rental_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc,
                 std::function<void(call_ptr)> run) {
    rows.push_back({verb, path, access::user, doc, std::move(run)});
  };
  add("POST", "/api/v1/billing/start-session", "Rent a GPU: holds the money, meters by our clock", start);
  add("POST", "/api/v1/billing/end-session", "End a session: the last bill, the rest of the hold is released", end);
  add("POST", "/api/v1/billing/usage-update", "A provider's measurements; what was used so far is billed", report);
  add("GET", "/api/v1/billing/current-usage/{id}", "What a session costs so far", current);
  add("GET", "/api/v1/billing/history", "Your sessions, newest first: ?limit=&before=&role=user|provider", history);
}

}  // namespace troupe
