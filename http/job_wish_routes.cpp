// What an owner may still want of a job that no node has: another time, another priority, another life.
#include "config/world.hpp"
#include "http/job_json.hpp"
#include "http/money_post.hpp"
#include "http/routes.hpp"

namespace troupe {

namespace {

/// When somebody says nothing about it: as it was.
constexpr int unchanged = -1;

void amend(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto& object = std::get<json>(body);
  fields f{object};
  amend_job wish{c->params["id"], c->who->user_id};
  wish.priority = static_cast<int32_t>(f.integer("priority", 0, limits::priority_max, unchanged));
  auto run_at_ms = f.time("run_at");
  wish.run_at_ms = object.contains("run_at") ? run_at_ms : unchanged;
  if (object.empty()) f.refuse("give priority, run_at or both");
  if (auto bad = f.problem()) return c->refuse(*bad);
  ask(c, c->e.h.actors.jobs.get(), std::move(wish), [c](const job_changed&) {
    ask(c, c->e.h.actors.reader(), find_job{c->params["id"], c->who->user_id},
        [c](const job_view& view) { c->reply_text(job_text(view)); });
  });
}

json redriven_json(const call& c, const std::string& id) {
  return {{"id", id},
          {"job_id", id},
          {"status", public_status(job_state::queued)},
          {"timestamp", iso_time(c.e.h.now_ms())},
          {"message", "Job queued again"}};
}

/// A key for many jobs is a key for each of them.
outcome<redrive_job> redrive_of(const call& c, const std::string& id, const std::string& key_suffix) {
  auto answer = redriven_json(c, id);
  auto once = once_of(c, "POST /api/v1/jobs/{id}/redrive", id, 202, answer);
  if (auto bad = std::get_if<failure>(&once)) return *bad;
  redrive_job wish{id, c.who->user_id, c.who->key_id, {}, {}, {}, answer.dump()};
  if (auto& x = std::get<std::optional<idempotency_row>>(once)) {
    wish.once_scope = x->scope;
    wish.once_key = x->key + key_suffix;
    wish.once_hash = x->request_hash;
  }
  return wish;
}

void redrive(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  if (auto bad = fields{std::get<json>(body)}.problem()) return c->refuse(*bad);
  auto wish = redrive_of(*c, c->params["id"], {});
  if (auto bad = std::get_if<failure>(&wish)) return c->refuse(*bad);
  auto answer = std::get<redrive_job>(wish).answer;
  ask(c, c->e.h.actors.jobs.get(), std::move(std::get<redrive_job>(wish)), [c, answer](const job_changed& done) {
    http_reply reply = json_reply(202, json::parse(done.replayed ? done.body : answer));
    if (done.replayed) reply.headers.emplace_back("Idempotent-Replayed", "true");
    c->done(std::move(reply));
  });
}

/// One after the other: each has money of its own, and the first refusal must not hide what follows.
struct redrive_batch {
  std::vector<std::string> ids;
  json answers = json::array();
};

void redrive_next(const call_ptr& c, const std::shared_ptr<redrive_batch>& b) {
  auto at = b->answers.size();
  if (at == b->ids.size()) return c->reply(202, {{"jobs", std::move(b->answers)}});
  auto wish = redrive_of(*c, b->ids[at], "#" + b->ids[at]);
  auto note = [c, b](json answer) {
    b->answers.push_back(std::move(answer));
    redrive_next(c, b);
  };
  auto refusal = [c](const failure& f) { return json::parse(error_reply(f, c->request.request_id).body); };
  if (auto bad = std::get_if<failure>(&wish)) return c->refuse(*bad);
  auto answer = std::get<redrive_job>(wish).answer;
  exchange(c->e.h, c->e.h.actors.jobs.get(), std::move(std::get<redrive_job>(wish)), no_limit,
           [note, refusal, answer](const outcome<job_changed>& done) {
             if (auto bad = std::get_if<failure>(&done)) return note(refusal(*bad));
             auto& x = std::get<job_changed>(done);
             note(json::parse(x.replayed ? x.body : answer));
           });
}

void redrive_many(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto b = std::make_shared<redrive_batch>();
  b->ids = f.texts("ids", limits::redrives_max, 128);
  auto word = f.text("state", 16);
  auto state = parse_job_state(word);
  auto limit = f.integer("limit", 1, limits::redrives_max, limits::redrives_max);
  if (word.empty() == b->ids.empty()) f.refuse("give ids, or state");
  if (!word.empty() && state != job_state::dead && state != job_state::failed) f.refuse("state must be dead or failed");
  if (auto bad = f.problem()) return c->refuse(*bad);
  if (!b->ids.empty()) return redrive_next(c, b);
  job_filter filter{c->who->user_id, std::nullopt, {}, static_cast<int32_t>(limit), state};
  ask(c, c->e.h.actors.reader(), list_jobs{std::move(filter)}, [c, b](const job_page& page) {
    for (auto& view : page.jobs) b->ids.push_back(view.row.id);
    redrive_next(c, b);
  });
}

}  // namespace

void add_job_wish_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run) {
    rows.push_back({verb, path, access::user, doc, run});
  };
  add("PATCH", "/api/v1/jobs/{id}", "Another priority or run_at, while the job waits", amend);
  add("POST", "/api/v1/jobs/redrive", "Another life for jobs that failed or died: {ids} or {state, limit}",
      redrive_many);
  add("POST", "/api/v1/jobs/{id}/redrive", "Another life for a job that failed or died: holds the money anew", redrive);
  add("POST", "/api/v1/jobs/{id}/retry", "The same as redrive", redrive);
}

}  // namespace troupe
