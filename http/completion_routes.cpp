// Text completions: one inference job, held, run and paid like any other; the answer waits for its end.
#include "config/world.hpp"
#include "http/admission.hpp"
#include "http/job_json.hpp"
#include "http/money_post.hpp"
#include "http/routes.hpp"
#include "model/params.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto completion_limit = 120s;

json usage_json(const run_report& r) {
  return {{"prompt_tokens", r.prompt_tokens},
          {"completion_tokens", r.completion_tokens},
          {"total_tokens", r.prompt_tokens + r.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", r.cached_tokens}}}};
}

json completion_json(const job_view& v) {
  auto& r = *v.result;
  json choice{{"text", r.text}, {"index", 0}, {"logprobs", nullptr}, {"finish_reason", r.finish_reason}};
  return {{"id", v.row.id},
          {"object", "text_completion"},
          {"created", v.row.created_ms / 1000},
          {"model", v.spec.needs.model},
          {"choices", json::array({std::move(choice)})},
          {"usage", usage_json(r)},
          {"cost", format_amount(v.row.cost)},
          {"currency", to_string(v.row.currency)}};
}

void answer(const call_ptr& c, const job_view& v) {
  if (v.row.state == job_state::succeeded && v.result) return c->reply(200, completion_json(v));
  auto& code = v.row.error_code;
  auto message = v.row.error_message.empty() ? std::string{public_status(v.row.state)} : v.row.error_message;
  auto status = code == "timeout" ? 504 : code == "upstream" ? 502 : 500;
  c->done(error_reply(status, "PROVIDER_ERROR", "Provider error: " + message, c->request.request_id));
}

/// Whoever waits no longer does not pay for what has not begun.
void give_up(const call_ptr& c, const std::string& job_id, const failure& why) {
  exchange(c->e.h, c->e.h.actors.jobs.get(), cancel_job{job_id, c->who->user_id}, request_limit,
           [c, why](const outcome<job_view>&) { c->refuse(why); });
}

void wait_for(const call_ptr& c, const std::string& job_id) {
  exchange(c->e.h, c->e.h.actors.jobs.get(), await_job{job_id, c->who->user_id}, completion_limit,
           [c, job_id](const outcome<job_view>& done) {
             if (auto* bad = std::get_if<failure>(&done)) return give_up(c, job_id, *bad);
             answer(c, std::get<job_view>(done));
           });
}

void submitted(const call_ptr& c, const job& j, const std::string& model, bool stream) {
  if (!stream) return wait_for(c, j.id);
  c->reply(200, {{"id", j.id},
                 {"object", "text_completion"},
                 {"created", j.created_ms / 1000},
                 {"model", model},
                 {"stream", true}});
}

/// The first request of this key made that job: its answer once it has ended, 409 as long as it has not.
void replay(const call_ptr& c, const std::string& job_id, const std::string& model, bool stream) {
  ask(c, c->e.h.actors.reader(), find_job{job_id, c->who->user_id}, [c, model, stream](const job_view& v) {
    if (!is_terminal(v.row.state) && !stream)
      return c->refuse(
          {errc::conflict, "the first request of that key is in flight", {}, {}, "IDEMPOTENCY_IN_PROGRESS"});
    c->done = [done = c->done](http_reply x) {
      x.headers.emplace_back("Idempotent-Replayed", "true");
      done(std::move(x));
    };
    if (stream) return submitted(c, v.row, model, true);
    answer(c, v);
  });
}

outcome<submission> read_completion(const json& body, std::string& model, bool& stream) {
  fields f{body};
  model = f.text("model", 256);
  auto prompt = f.text("prompt", limits::body_bytes_max);
  stream = f.flag("stream", false);
  if (model.empty() || prompt.empty()) f.refuse("Model and prompt required");
  if (auto bad = f.problem(true)) return *bad;
  auto params = body;
  params.erase("stream");
  submission s;
  s.spec.kind = job_kind::inference;
  s.spec.name = "completion";
  s.spec.params = params.dump();
  s.spec.needs.model = model;
  return s;
}

bool served(const node_page& page, const std::string& model) {
  for (auto& n : page.nodes)
    if (n.state == "online" && ("," + n.models + ",").find("," + model + ",") != std::string::npos) return true;
  return false;
}

void place_completion(const call_ptr& c, submission s, const std::string& model, bool stream) {
  auto params = read_params(s.spec.kind, s.spec.params);
  if (auto bad = std::get_if<failure>(&params)) return c->refuse(*bad);
  auto& good = std::get<job_params>(params);
  auto& x = std::get<inference_params>(good.by_kind);
  s.spec.timeout_ms = good.timeout_ms;
  s.prompt_bytes = static_cast<int64_t>(x.prompt.size()) + 64;
  s.max_tokens = x.max_tokens;
  s.key_id = c->who->key_id;
  auto& settings = c->e.h.settings;
  auto planned = plan_job(s, new_id("job"), c->who->user_id, settings.fee_bps, c->e.h.now_ms(), settings.prices);
  if (auto bad = std::get_if<failure>(&planned)) return c->refuse(*bad);
  auto j = std::get<job>(planned);
  submit_jobs message{c->who->user_id, {}, c->who->limits};
  auto once = once_of(*c, "POST /api/v1/completions", c->request.body, 200, {{"job_id", j.id}});
  if (auto bad = std::get_if<failure>(&once)) return c->refuse(*bad);
  message.jobs.push_back({{j, std::move(s.spec)}, std::get<std::optional<idempotency_row>>(std::move(once))});
  ask(c, c->e.h.actors.wallets.get(), std::move(message), [c, j, model, stream](const commit_results& done) {
    auto& result = done.results.at(0);
    if (result.why != errc::ok) return c->refuse(to_failure(result));
    if (result.replayed) return replay(c, json::parse(result.body)["job_id"], model, stream);
    submitted(c, j, model, stream);
  });
}

void complete(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  std::string model;
  auto stream = false;
  auto read = read_completion(std::get<json>(body), model, stream);
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  if (auto bad = barred_model(c->who, model)) return c->refuse(*bad);
  ask(c, c->e.h.actors.reader(), list_nodes{},
      [c, s = std::get<submission>(read), model, stream](const node_page& page) mutable {
        if (!served(page, model)) return c->refuse({errc::invalid, "Invalid model: no node serves it", {}, {}});
        place_completion(c, std::move(s), model, stream);
      });
}

}  // namespace

void add_completion_routes(std::vector<route>& rows) {
  for (auto path : {"/api/v1/completions", "/v1/completions"})
    rows.push_back({"POST", path, access::user, "A text completion by a model that a node serves", complete,
                    limits::body_bytes_max, true});
}

}  // namespace troupe
