// The key is scoped by who asks, the method and the route; the path and the body must be the same.
#include "http/money_post.hpp"

#include "config/world.hpp"
#include "http/audit.hpp"

namespace troupe {

namespace {

/// Spaces and the order of fields make no other request.
std::string canonical(const call& c) {
  auto body = json::parse(c.request.body, nullptr, false);
  return c.request.path + "\n" + (body.is_discarded() ? c.request.body : body.dump());
}

}  // namespace

outcome<std::optional<idempotency_row>> once_of(const call& c, std::string_view what, std::string_view content,
                                                int status, const json& answer) {
  auto& key = c.request.idempotency_key;
  if (key.empty()) return std::optional<idempotency_row>{};
  if (key.size() > limits::idempotency_key_bytes_max)
    return failure{errc::invalid, "Idempotency-Key is too long", {}, {}};
  return std::optional{
      idempotency_row{c.who->user_id + " " + std::string{what}, key, sha256_hex(content), status, answer.dump()}};
}

http_reply replayed(const change_result& first) {
  http_reply reply;
  reply.status = first.status;
  reply.body = first.body;
  reply.headers.emplace_back("Idempotent-Replayed", "true");
  return reply;
}

outcome<json> optional_object(std::string_view body) {
  if (body.empty()) return json::object();
  return parse_object(body);
}

void commit_money(const call_ptr& c, money_post post, add_outcome add, reword words) {
  auto what = std::string{c->row->verb} + " " + std::string{c->row->path};
  auto once = once_of(*c, what, canonical(*c), post.status, post.answer);
  if (auto bad = std::get_if<failure>(&once)) return c->refuse(*bad);
  auto& asked = std::get<std::optional<idempotency_row>>(once);
  if (asked) post.what.once = std::move(asked);
  if (!post.what.audit) post.what.audit = audit_of(*c);
  change_money message{std::move(post.user_id), std::move(post.what)};
  ask(c, c->e.h.actors.wallets.get(), std::move(message),
      [c, status = post.status, answer = std::move(post.answer), add = std::move(add),
       words = std::move(words)](const change_result& done) mutable {
        if (done.why != errc::ok) return c->refuse(words ? words(to_failure(done)) : to_failure(done));
        if (done.replayed) return c->done(replayed(done));
        if (add) add(answer, done);
        c->reply(status, answer);
      });
}

}  // namespace troupe
