// Jobs: submit one or many, look, list, cancel.
#include "config/world.hpp"
#include "http/admission.hpp"
#include "http/job_json.hpp"
#include "http/money_post.hpp"
#include "http/routes.hpp"

namespace troupe {

namespace {

/// "#2" is the third job of the batch; those that were refused have no id.
std::optional<failure> name_parents(std::vector<std::string>& parents, const std::vector<std::string>& batch) {
  for (auto& id : parents) {
    if (!id.starts_with('#')) continue;
    auto digits = id.size() > 1 && id.size() < 6 && id.find_first_not_of("0123456789", 1) == std::string::npos;
    auto place = digits ? static_cast<size_t>(std::stoi(id.substr(1))) : batch.size();
    if (place >= batch.size()) return failure{errc::invalid, "depends_on: " + id + " is no earlier job of this batch"};
    if (batch[place].empty()) return failure{errc::conflict, "depends_on: job " + id + " of this batch was refused"};
    id = batch[place];
  }
  return std::nullopt;
}

/// Body -> priced job with its stored answer. `batch`: the ids of the jobs before it in the same request.
outcome<job_entry> plan(const call& c, const json& body, const std::string& content, const std::string& key_suffix,
                        const std::vector<std::string>& batch = {}) {
  auto now = c.e.h.now_ms();
  auto read = read_submission(body, now);
  if (auto bad = std::get_if<failure>(&read)) return *bad;
  auto& s = std::get<submission>(read);
  if (auto bad = barred_model(c.who, s.spec.needs.model)) return *bad;
  if (auto bad = name_parents(s.spec.parents, batch)) return *bad;
  s.key_id = c.who->key_id;
  auto& settings = c.e.h.settings;
  auto planned = plan_job(s, new_id("job"), c.who->user_id, settings.fee_bps, now, settings.prices);
  if (auto bad = std::get_if<failure>(&planned)) return *bad;
  auto& row = std::get<job>(planned);
  auto once = once_of(c, "POST /api/v1/jobs", content, 202, submitted_json(row, now));
  if (auto bad = std::get_if<failure>(&once)) return *bad;
  auto& stored = std::get<std::optional<idempotency_row>>(once);
  if (stored) stored->key += key_suffix;
  return job_entry{{std::move(row), std::move(s.spec)}, std::move(stored)};
}

void submit(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto entry = plan(*c, std::get<json>(body), c->request.body, {});
  if (auto bad = std::get_if<failure>(&entry)) return c->refuse(*bad);
  auto& x = std::get<job_entry>(entry);
  auto answer = submitted_json(x.insert.row, x.insert.row.created_ms);
  submit_jobs message{c->who->user_id, {}, c->who->limits};
  message.jobs.push_back(std::move(x));
  ask(c, c->e.h.actors.wallets.get(), std::move(message), [c, answer = std::move(answer)](const commit_results& done) {
    auto& result = done.results.at(0);
    if (result.why != errc::ok) return c->refuse(to_failure(result));
    if (result.replayed) return c->done(replayed(result));
    c->reply(202, answer);
  });
}

/// The answers of a batch, in order: those refused before the wallet are in their places already.
struct batch {
  json answers = json::array();
  std::vector<size_t> places;            // of the jobs that were sent on
  std::vector<std::string> ids;          // of all; empty: refused before
  std::map<size_t, job_entry> children;  // those that name others of the batch, by their place
};
using batch_ptr = std::shared_ptr<batch>;

json refusal_json(const call& c, const failure& f) { return json::parse(error_reply(f, c.request.request_id).body); }

void send_batch(const call_ptr& c, const batch_ptr& b, std::vector<job_entry> jobs);

/// Sent again under its key, a parent answers with the id it got the first time; a child that was refused then and is
/// new now must depend on that one.
std::vector<job_entry> children_of_replayed(batch& b, const commit_results& done) {
  std::map<std::string, std::string> first_id;
  for (size_t i = 0; i < done.results.size(); ++i)
    if (done.results[i].replayed) first_id[b.ids[b.places[i]]] = b.answers[b.places[i]].value("job_id", "");
  std::vector<job_entry> again;
  std::vector<size_t> places;
  for (size_t i = 0; i < done.results.size() && !first_id.empty(); ++i) {
    auto child = b.children.find(b.places[i]);
    if (done.results[i].why != errc::not_found || child == b.children.end()) continue;
    for (auto& id : child->second.insert.spec.parents)
      if (first_id.contains(id)) id = first_id[id];
    places.push_back(child->first);
    again.push_back(std::move(child->second));
    b.children.erase(child);
  }
  if (!again.empty()) b.places = std::move(places);
  return again;
}

void reply_batch(const call_ptr& c, const batch_ptr& b, const commit_results& done) {
  for (size_t i = 0; i < done.results.size(); ++i) {
    auto& result = done.results[i];
    auto& answer = b->answers[b->places[i]];
    if (result.why != errc::ok)
      answer = refusal_json(*c, to_failure(result));
    else if (result.replayed)
      answer = json::parse(result.body);
  }
  auto again = children_of_replayed(*b, done);
  if (again.empty()) return c->reply(202, {{"jobs", std::move(b->answers)}});
  for (size_t i = 0; i < again.size(); ++i)
    b->answers[b->places[i]] = submitted_json(again[i].insert.row, again[i].insert.row.created_ms);
  send_batch(c, b, std::move(again));
}

void send_batch(const call_ptr& c, const batch_ptr& b, std::vector<job_entry> jobs) {
  ask(c, c->e.h.actors.wallets.get(), submit_jobs{c->who->user_id, std::move(jobs), c->who->limits},
      [c, b](const commit_results& done) { reply_batch(c, b, done); });
}

void submit_batch(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto* list = f.any("jobs");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > limits::batch_jobs_max)
    f.refuse("jobs must be an array of 1 to " + std::to_string(limits::batch_jobs_max) + " jobs");
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto b = std::make_shared<batch>();
  std::vector<job_entry> jobs;
  for (auto& item : *list) {
    auto index = b->answers.size();
    auto entry = item.is_object() ? plan(*c, item, item.dump(), "#" + std::to_string(index), b->ids)
                                  : outcome<job_entry>{failure{errc::invalid, "a job must be an object", {}, {}}};
    if (auto bad = std::get_if<failure>(&entry)) {
      b->answers.push_back(refusal_json(*c, *bad));
      b->ids.emplace_back();
      continue;
    }
    auto& x = std::get<job_entry>(entry);
    b->answers.push_back(submitted_json(x.insert.row, x.insert.row.created_ms));
    b->ids.push_back(x.insert.row.id);
    b->places.push_back(index);
    if (!x.insert.spec.parents.empty() && x.once) b->children.emplace(index, x);
    jobs.push_back(std::move(x));
  }
  if (jobs.empty()) return c->reply(202, {{"jobs", std::move(b->answers)}});
  send_batch(c, b, std::move(jobs));
}

/// An admin may look at everybody's jobs.
std::string owner_of(const call& c) { return c.who->role == "admin" ? std::string{} : c.who->user_id; }

void get_job(const call_ptr& c) {
  ask(c, c->e.h.actors.reader(), find_job{c->params["id"], owner_of(*c)},
      [c](const job_view& view) { c->reply_text(job_text(view)); });
}

void list(const call_ptr& c) {
  auto& query = c->request.query;
  auto limit = query_integer(query, "limit", 1, limits::page_rows_max, 50);
  if (!limit) return c->refuse({errc::invalid, "limit must be an integer from 1 to 1000", {}, {}});
  job_filter filter{c->who->user_id, std::nullopt, query_value(query, "before"), static_cast<int32_t>(*limit)};
  if (auto status = query_value(query, "status"); !status.empty()) {
    static const std::set<std::string> known{"queued", "processing", "cancelling", "completed", "failed", "cancelled"};
    if (!known.contains(status))
      return c->refuse(
          {errc::invalid, "status must be queued, processing, cancelling, completed, failed or cancelled", {}, {}});
    filter.status = status;
  }
  if (auto word = query_value(query, "state"); !word.empty()) {
    filter.state = parse_job_state(word);
    auto fits = filter.state && (!filter.status || public_status(*filter.state) == *filter.status);
    if (!fits) return c->refuse({errc::invalid, "state must be a job's state, and one of that status", {}, {}});
  }
  auto wanted = *limit;
  ask(c, c->e.h.actors.reader(), list_jobs{std::move(filter)}, [c, wanted](const job_page& page) {
    auto full = static_cast<int64_t>(page.jobs.size()) == wanted;
    json_text body;
    body.begin('{');
    body.begin("jobs", '[');
    for (auto& view : page.jobs) add_job(body, view);
    body.end(']');
    body.add("limit", wanted);
    body.add_if_any("next", full ? page.jobs.back().row.id : std::string{});
    body.end('}');
    c->reply_text(body.take());
  });
}

void cancel(const call_ptr& c) {
  ask(c, c->e.h.actors.jobs.get(), cancel_job{c->params["id"], c->who->user_id}, [c](const job_view& view) {
    c->reply(202, {{"id", view.row.id},
                   {"job_id", view.row.id},
                   {"status", public_status(view.row.state)},
                   {"timestamp", iso_time(c->e.h.now_ms())},
                   {"message", "Job cancellation requested"}});
  });
}

}  // namespace

void add_job_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/jobs/{id}", access::user, "One job: status, progress, cost, result", get_job});
  rows.push_back({"POST", "/api/v1/jobs", access::user, "Submit a job: holds the money and queues it", submit});
  rows.push_back({"POST", "/api/v1/jobs/batch", access::user, "Submit up to 1,000 jobs", submit_batch,
                  limits::batch_body_bytes_max});
  rows.push_back(
      {"GET", "/api/v1/jobs", access::user, "Your jobs, newest first: ?status=&state=&limit=&before=", list});
  add_job_wish_routes(rows);
  rows.push_back(
      {"DELETE", "/api/v1/jobs/{id}", access::user, "Cancel a job; what it used is paid, the rest released", cancel});
}

}  // namespace troupe
