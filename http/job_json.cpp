// Public words for jobs come from model/job.hpp; money is a decimal string.
#include "http/job_json.hpp"

#include <algorithm>

#include "config/world.hpp"
#include "model/limits.hpp"
#include "model/params.hpp"
#include "model/webhook.hpp"

namespace troupe {

namespace {

void add_artifacts(json_text& t, const std::vector<artifact>& all) {
  t.begin("artifacts", '[');
  for (auto& a : all) {
    t.begin('{');
    t.add("name", a.name);
    t.add("bytes", a.bytes);
    t.add("sha256", a.sha256);
    t.end('}');
  }
  t.end(']');
}

void add_result(json_text& t, const run_report& r, job_kind kind) {
  t.begin("result", '{');
  t.add("exit_code", r.exit_code);
  t.add("stdout", r.stdout_text);
  t.add("stderr", r.stderr_text);
  t.add("stdout_truncated", r.stdout_truncated);
  t.add("stderr_truncated", r.stderr_truncated);
  t.add("runtime_ms", r.ran_ms);
  add_artifacts(t, r.artifacts);
  if (kind == job_kind::inference) {
    t.add("text", r.text);
    t.add("finish_reason", r.finish_reason);
    t.add("prompt_tokens", r.prompt_tokens);
    t.add("completion_tokens", r.completion_tokens);
    t.add("cached_tokens", r.cached_tokens);
    t.add("tokens_used", r.prompt_tokens + r.completion_tokens);
  }
  t.end('}');
}

/// What the newest grant gave it of the node's devices.
void add_devices(json_text& t, const std::string& shares) {
  t.begin("devices", '[');
  for (auto& x : parse_shares(shares).value_or(std::vector<gpu_share>{})) {
    t.begin('{');
    t.add("device", x.device);
    t.add("vram_mb", x.vram_mb);
    t.end('}');
  }
  t.end(']');
}

void add_hold(json_text& t, amount held, asset currency) {
  t.begin("hold", '{');
  t.add("amount", format_amount(held));
  t.add("currency", to_string(currency));
  t.end('}');
}

void add_error(json_text& t, const std::string& code, const std::string& message) {
  t.begin("error", '{');
  t.add("code", code);
  t.add("message", message);
  t.end('}');
}

/// What only some jobs have.
void add_extras(json_text& t, const job_view& v) {
  if (v.row.run_at_ms > 0) t.add_time("run_at", v.row.run_at_ms);
  if (v.row.expires_ms > 0) t.add_time("deadline", v.row.expires_ms);
  if (!v.spec.parents.empty()) t.add("depends_on", v.spec.parents);
  if (!v.spec.description.empty()) t.add("description", v.spec.description);
}

/// From 0 to 1 as a number or a decimal string, in millionths.
int32_t read_share(fields& f, std::string_view name) {
  auto* x = f.any(name);
  if (x == nullptr || x->is_null()) return 0;
  auto text = x->is_string() ? x->get<std::string>() : x->is_number() ? x->dump() : std::string{};
  auto value = parse_amount(text);
  if (value && *value >= 0 && *value <= one) return static_cast<int32_t>(*value / (one / 1'000'000));
  f.refuse(std::string{name} + " must be a number from 0 to 1");
  return 0;
}

void read_demand(fields& f, demand& needs) {
  needs.gpu_type = f.text("gpu_type", 128);
  needs.gpu_count = static_cast<int32_t>(f.integer("gpu_count", 0, limits::gpu_count_max, 0));
  needs.vram_mb = f.integer("vram_mb", 0, 16 * 1024 * 1024, 0);
  needs.region = f.text("region", 128);
  needs.labels = f.labels("labels", limits::labels_max);
  needs.cpu_cores = static_cast<int32_t>(f.integer("cpu_cores", 0, limits::cpu_cores_max, 0));
  needs.memory_mb = f.integer("memory_mb", 0, limits::memory_mb_max, 0);
  needs.disk_mb = f.integer("disk_mb", 0, limits::disk_mb_max, 0);
  needs.exclusive = f.flag("exclusive", false);
  auto how = f.text("placement", 16);
  if (!how.empty() && how != "pack" && how != "spread") f.refuse("placement must be pack or spread");
  needs.spread = how == "spread";
  needs.min_trust_ppm = read_share(f, "min_trust");
}

/// RFC 3339 text, or Unix milliseconds.
time_ms read_deadline(fields& f) {
  auto* value = f.any("deadline");
  if (value == nullptr) return 0;
  if (value->is_string()) return f.time("deadline");
  constexpr int64_t ms_max = 7'258'118'400'000;  // of the year 2200
  return f.integer("deadline", 1, ms_max, 0);
}

/// Not before, not after, and behind whom.
void read_waiting(fields& f, submission& s, time_ms now_ms) {
  s.run_at_ms = f.time("run_at");
  auto delay = f.integer("delay_seconds", 0, limits::wait_seconds_max, -1);
  if (delay >= 0 && s.run_at_ms > 0) f.refuse("give run_at or delay_seconds, not both");
  if (delay > 0) s.run_at_ms = now_ms + delay * 1000;
  s.expires_ms = read_deadline(f);
  if (s.expires_ms > 0 && s.expires_ms <= now_ms) f.refuse("deadline has passed already");
  auto ttl = f.integer("queue_ttl_seconds", 1, limits::wait_seconds_max, 0);
  if (ttl > 0) s.expires_ms = std::min(s.expires_ms > 0 ? s.expires_ms : INT64_MAX, now_ms + ttl * 1000);
  if (s.expires_ms > 0 && s.run_at_ms >= s.expires_ms) f.refuse("run_at must be before the job's deadline");
  for (auto& id : f.texts("depends_on", limits::parents_max, 128)) {
    if (id.empty()) f.refuse("depends_on must name jobs");
    auto& all = s.spec.parents;
    if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(std::move(id));
  }
}

/// `retry`: the pauses between attempts, doubled each time.
void read_retry(fields& f, submission& s) {
  auto* value = f.any("retry");
  if (value == nullptr) return;
  if (!value->is_object()) return f.refuse("retry must be an object");
  fields r{*value};
  s.retry_base_ms = r.integer("base_seconds", 1, limits::retry_base_seconds_max, 0) * 1000;
  s.retry_max_ms = r.integer("max_seconds", 1, limits::retry_max_seconds_max, 0) * 1000;
  if (s.retry_max_ms > 0 && s.retry_max_ms < std::max(s.retry_base_ms, limits::retry_base_ms))
    r.refuse("max_seconds must not be below base_seconds");
  if (auto bad = r.problem()) f.refuse("retry: " + bad->detail);
}

/// Nodes where an engine answers call themselves `docker=yes`.
std::optional<failure> demand_engine(const docker_params& params, demand& needs) {
  label engine{"docker", "yes"};
  auto at = std::lower_bound(needs.labels.begin(), needs.labels.end(), engine);
  if (at == needs.labels.end() || *at != engine) needs.labels.insert(at, engine);
  if (params.gpus > 0 && needs.gpu_count > 0 && params.gpus != needs.gpu_count)
    return failure{errc::invalid, "params.docker_gpus must not differ from gpu_count"};
  if (params.gpus > 0) needs.gpu_count = params.gpus;
  return std::nullopt;
}

std::optional<failure> read_job_params(const json& params, submission& s) {
  s.spec.params = params.dump();
  auto read = read_params(s.spec.kind, s.spec.params);
  if (auto bad = std::get_if<failure>(&read)) return *bad;
  auto& good = std::get<job_params>(read);
  s.spec.timeout_ms = good.timeout_ms;
  if (auto* x = std::get_if<inference_params>(&good.by_kind)) {
    s.spec.needs.model = x->model;
    s.prompt_bytes = static_cast<int64_t>(x->prompt.size()) + 64;  // room for the template's own tokens
    s.max_tokens = x->max_tokens;
  }
  if (auto* x = std::get_if<docker_params>(&good.by_kind)) return demand_engine(*x, s.spec.needs);
  return std::nullopt;
}

}  // namespace

std::string_view to_fee_mode(bool inclusive) { return inclusive ? "inclusive" : "on_top"; }

std::optional<bool> read_fee_mode(fields& f) {
  auto word = f.text("fee_mode", 16);
  if (word.empty()) return std::nullopt;
  if (word != "on_top" && word != "inclusive") f.refuse("fee_mode must be on_top or inclusive");
  return word == "inclusive";
}

void add_job(json_text& t, const job_view& v) {
  auto& j = v.row;
  auto kind = to_string(v.spec.kind);
  t.begin('{');
  t.add("id", j.id);
  t.add("job_id", j.id);
  t.add("kind", kind);
  t.add("type", kind);
  t.add("name", v.spec.name);
  t.add("status", public_status(j.state));
  t.add("state", to_string(j.state));
  t.add_time("created_at", j.created_ms);
  t.add_time("timestamp", j.created_ms);
  t.add_time("started_at", j.started_ms);
  t.add_time("completed_at", j.finished_ms);
  t.add_share("progress", j.progress_ppm);
  t.add("attempts", j.attempts);
  t.add("priority", j.priority);
  t.add_if_any("provider_id", j.node_id);
  add_devices(t, j.devices);
  t.add_if_any("cost", is_terminal(j.state) ? format_amount(j.cost) : std::string{});
  t.add("currency", to_string(j.currency));
  add_hold(t, j.hold, j.currency);
  t.add("fee_mode", to_fee_mode(j.fee_inclusive));
  t.add("tags", v.spec.tags);
  if (v.result)
    add_result(t, *v.result, v.spec.kind);
  else
    t.add("result", nullptr);
  if (j.error_code.empty())
    t.add("error", nullptr);
  else
    add_error(t, j.error_code, j.error_message);
  add_extras(t, v);
  t.end('}');
}

std::string job_text(const job_view& v) {
  json_text t;
  add_job(t, v);
  return t.take();
}

namespace {

/// What the event is about: a job, a billing session, or money of the account.
void add_subject(json_text& t, const event_row& e) {
  auto money = e.kind == "low_balance" ? "available" : e.kind.starts_with("withdrawal_") ? "amount" : nullptr;
  if (money == nullptr) return t.add(e.kind.starts_with("session_") ? "session_id" : "job_id", e.job_id);
  t.add(money, format_amount(e.value));
  if (!e.terminal) t.add("currency", to_string(e.currency));
  if (!e.job_id.empty()) t.add("withdrawal_id", e.job_id);
}

void add_event_data(json_text& t, const event_row& e) {
  t.begin("data", '{');
  add_subject(t, e);
  if (e.kind == "session_funds_low") t.add("remaining", format_amount(e.value));
  if (e.kind == "queued" || e.kind == "scheduled" || e.kind == "blocked" || e.kind == "session_started")
    add_hold(t, e.value, e.currency);
  if (e.attempt > 0) t.add("attempt", e.attempt);
  if (!e.node_id.empty()) t.add("provider_id", e.node_id);
  if (e.kind == "progress" || e.kind == "completed") t.add_share("progress", e.progress_ppm);
  if (!e.message.empty()) t.add("message", e.message);
  if (e.terminal) {
    t.add("cost", format_amount(e.value));
    t.add("currency", to_string(e.currency));
    if (!e.error_code.empty()) add_error(t, e.error_code, e.message);
  }
  t.end('}');
}

}  // namespace

std::string event_frame(const event_row& e) {
  json_text t;
  t.begin('{');
  t.add("type", e.kind);
  t.add("event", event_name(e.kind));
  t.add("seq", e.seq);
  t.add("job_id", e.job_id);
  t.add("channel", is_billing_event(e.kind) ? "billing" : "jobs");
  t.add_time("timestamp", e.at_ms);
  add_event_data(t, e);
  if (e.terminal) t.add("terminal", true);
  t.end('}');
  return t.take();
}

std::string webhook_body(const event_row& e) {
  json_text t;
  t.begin('{');
  t.add("id", event_id(e.seq));
  t.add("event", event_name(e.kind));
  t.add_time("timestamp", e.at_ms);
  add_event_data(t, e);
  t.end('}');
  return t.take();
}

outcome<submission> read_submission_text(const std::string& text, time_ms now_ms) {
  auto body = parse_object(text);
  if (auto bad = std::get_if<failure>(&body)) return *bad;
  return read_submission(std::get<json>(body), now_ms);
}

outcome<submission> read_submission(const json& body, time_ms now_ms) {
  fields f{body};
  submission s;
  auto type = f.text("type", 32, true);
  s.spec.name = f.text("name", limits::job_name_bytes_max, true);
  s.spec.description = f.text("description", limits::description_bytes_max);
  read_demand(f, s.spec.needs);
  s.rate_max = f.money("max_price_per_hour");
  s.currency = f.currency("currency");
  s.fee_inclusive = read_fee_mode(f);
  s.priority = static_cast<int32_t>(f.integer("priority", 0, limits::priority_max, 5));
  s.max_attempts = static_cast<int32_t>(f.integer("max_attempts", 1, limits::attempts_max, 3));
  s.hold_window_ms =
      f.integer("hold_seconds", limits::hold_window_ms_min / 1000, limits::timeout_ms_max / 1000, 0) * 1000;
  s.stall_ms = f.integer("stall_timeout_seconds", limits::stall_ms_min / 1000, limits::timeout_ms_max / 1000, 0) * 1000;
  read_waiting(f, s, now_ms);
  read_retry(f, s);
  s.spec.tags = f.texts("tags", limits::tags_max, 128);
  auto* params = f.any("params");
  if (params == nullptr) f.refuse("params is required");
  if (params != nullptr && !params->is_object()) f.refuse("params must be an object");
  auto kind = parse_job_kind(type);
  if (!type.empty() && !kind) f.refuse("type must be one of process, script, inference, docker, noop");
  if (auto bad = f.problem()) return *bad;
  s.spec.kind = *kind;
  if (auto bad = read_job_params(*params, s)) return *bad;
  return s;
}

json submitted_json(const job& j, time_ms now_ms) {
  return {{"id", j.id},
          {"job_id", j.id},
          {"status", public_status(j.state)},
          {"hold", {{"amount", format_amount(j.hold)}, {"currency", to_string(j.currency)}}},
          {"timestamp", iso_time(now_ms)},
          {"message", "Job submitted successfully"}};
}

}  // namespace troupe
