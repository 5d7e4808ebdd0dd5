// Money out: reserved by its owner or a provider, cancelled, approved or rejected.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/billing_routes.hpp"
#include "http/money_post.hpp"
#include "http/payout.hpp"
#include "http/wallet_view.hpp"
#include "model/withdrawal.hpp"

namespace troupe {

namespace {

constexpr size_t note_bytes_max = 512;

void refuse_unknown(const call_ptr& c) { c->refuse({errc::not_found, "Withdrawal not found", {}, {}}); }

void withdraw(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  withdrawal_wish wish;
  wish.user_id = c->who->user_id;
  wish.value = f.money("amount", true).value_or(0);
  wish.to_address = f.text("to_address", 128, true);
  wish.currency = f.currency("currency").value_or(default_currency);
  if (auto bad = f.problem()) return c->refuse(*bad);
  if (owner_of_path(*c) != c->who->user_id) return refuse_wallet(c);  // not an admin's to take, either
  take_out(c, wish, {});
}

std::optional<std::pair<int32_t, int32_t>> page_of(const call& c) {
  auto limit = query_integer(c.request.query, "limit", 1, limits::page_rows_max, 50);
  auto offset = query_integer(c.request.query, "offset", 0, 1'000'000'000, 0);
  if (!limit || !offset) return std::nullopt;
  return std::pair{static_cast<int32_t>(*limit), static_cast<int32_t>(*offset)};
}

/// Empty owner: everybody's.
void list(const call_ptr& c, const std::string& owner) {
  auto page = page_of(*c);
  if (!page) return c->refuse({errc::invalid, "limit (1 to 1000) and offset (from 0) must be integers", {}, {}});
  auto [limit, offset] = *page;
  auto read = [owner, limit = limit, offset = offset](store_reader& db) {
    return db.books().list_withdrawals(owner, limit, offset);
  };
  ask_store(c, std::move(read), [c, page](const std::vector<withdrawal_row>& found) {
    auto rows = json::array();
    for (auto& w : found) rows.push_back(withdrawal_json(w));
    c->reply(200, {{"withdrawals", std::move(rows)}, {"limit", page->first}, {"offset", page->second}});
  });
}

void list_own(const call_ptr& c) {
  auto owner = owner_of_path(*c);
  if (!owner) return refuse_wallet(c);
  list(c, *owner);
}
void list_all(const call_ptr& c) { list(c, {}); }

/// The one the path names, when it may be seen.
template <class Next>
void with_withdrawal(const call_ptr& c, Next next) {
  auto read = [id = c->params["id"]](store_reader& db) { return db.books().find_withdrawal(id); };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<withdrawal_row>& w) mutable {
    if (!w || !owner_for(*c, w->user_id)) return refuse_unknown(c);
    next(*w);
  });
}

void show(const call_ptr& c) {
  with_withdrawal(c, [c](const withdrawal_row& w) { c->reply(200, withdrawal_json(w)); });
}

/// Whether it may still be moved is the store's to say, where nothing comes between.
void move(const call_ptr& c, withdrawal_state to) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto note = f.text("note", note_bytes_max);
  if (note.empty()) note = f.text("reason", note_bytes_max);
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_withdrawal(c, [c, to, note](const withdrawal_row& w) {
    auto now = c->e.h.now_ms();
    auto done = w;
    done.state = to;
    done.changed_ms = now;
    done.note = note;
    auto what = to == withdrawal_state::approved ? approve_withdrawal(w, note, now) : cancel_withdrawal(w, note, now);
    commit_money(c, {w.user_id, std::move(what), 200, withdrawal_json(done)});
  });
}
void cancel(const call_ptr& c) { move(c, withdrawal_state::cancelled); }
void approve(const call_ptr& c) { move(c, withdrawal_state::approved); }

}  // namespace

void take_out(const call_ptr& c, const withdrawal_wish& wish, const json& more) {
  auto made = reserve_withdrawal(wish, c->e.h.settings.withdrawals, new_id("wdr"), c->e.h.now_ms());
  if (auto bad = std::get_if<failure>(&made)) return c->refuse(*bad);
  auto& what = std::get<change>(made);
  auto answer = withdrawal_json(what.withdraws->row);
  if (more.is_object()) answer.update(more);
  what.audit = audit_of(*c, what.withdraws->row.id,
                        {{"to", wish.to_address}, {"amount", format_amount(what.withdraws->row.value)}});
  commit_money(c, {wish.user_id, std::move(what), 202, std::move(answer)});
}

void add_withdrawal_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, access who, std::string_view doc, auto run,
                 std::string_view act = {}) {
    rows.push_back({verb, path, who, doc, run});
    rows.back().act = act;
  };
  add("POST", "/api/v1/billing/wallet/{id}/withdraw", access::user, "Reserve money to go out", withdraw,
      "withdrawal.request");
  add("GET", "/api/v1/billing/wallet/{id}/withdrawals", access::user,
      "Money on its way out: ?limit=&offset=", list_own);
  add("GET", "/api/v1/billing/withdrawals/{id}", access::user, "One withdrawal or payout", show);
  add("POST", "/api/v1/billing/withdrawals/{id}/cancel", access::user, "Take it back while it is reserved", cancel,
      "withdrawal.cancel");
  add("GET", "/api/admin/withdrawals", access::admin, "Everybody's withdrawals, newest first", list_all);
  add("POST", "/api/admin/withdrawals/{id}/approve", access::admin, "Let it go: nobody gives it back", approve,
      "withdrawal.approve");
  add("POST", "/api/admin/withdrawals/{id}/reject", access::admin, "Release it to its owner", cancel,
      "withdrawal.reject");
}

}  // namespace troupe
