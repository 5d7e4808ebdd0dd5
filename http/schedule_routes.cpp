// Timetables: jobs that are submitted by the clock.
#include "actors/job_change.hpp"
#include "config/world.hpp"
#include "http/admission.hpp"
#include "http/job_json.hpp"
#include "http/money_post.hpp"
#include "http/routes.hpp"
#include "model/cron.hpp"

namespace troupe {

namespace {

constexpr int32_t firings_shown = 20;

json schedule_json(const schedule& s) {
  auto or_null = [](const std::string& x) { return x.empty() ? json(nullptr) : json(x); };
  return {{"id", s.id},
          {"name", s.name},
          {"cron", s.cron},
          {"timezone", "UTC"},
          {"job", json::parse(s.job)},
          {"overlap", to_string(s.overlap)},
          {"catch_up", to_string(s.catch_up)},
          {"enabled", s.enabled},
          {"start_at", time_json(s.start_ms)},
          {"end_at", time_json(s.end_ms)},
          {"next_run_at", time_json(s.next_ms)},
          {"last_run_at", time_json(s.last_ms)},
          {"last_job_id", or_null(s.last_job_id)},
          {"last_error", or_null(s.last_error)},
          {"created_at", time_json(s.created_ms)},
          {"updated_at", time_json(s.changed_ms)}};
}

/// It must be one that could be submitted now, and that can be submitted again and again.
void read_job_of(fields& f, schedule& s, time_ms now_ms) {
  auto* body = f.any("job");
  if (body == nullptr || !body->is_object())
    return f.refuse("job must be an object like the body of POST /api/v1/jobs");
  for (auto once : {"run_at", "deadline", "depends_on"})
    if (body->contains(once))
      return f.refuse(std::string{"job."} + once +
                      " makes no sense again and again; use delay_seconds, queue_ttl_seconds");
  auto read = read_submission(*body, now_ms);
  if (auto bad = std::get_if<failure>(&read)) return f.refuse("job: " + bad->detail);
  s.job = body->dump();
}

void read_rules(fields& f, schedule& s) {
  auto overlap = parse_overlap(f.text("overlap", 32));
  auto catch_up = parse_catch_up(f.text("catch_up", 32));
  if (!overlap && f.any("overlap")) f.refuse("overlap must be allow, skip or cancel_previous");
  if (!catch_up && f.any("catch_up")) f.refuse("catch_up must be none or one");
  s.overlap = overlap.value_or(overlap_rule::allow);
  s.catch_up = catch_up.value_or(catch_up_rule::none);
}

/// All that its owner says of it, on top of `s`.
outcome<schedule> read_schedule(const json& body, schedule s, time_ms now_ms) {
  fields f{body};
  s.name = f.text("name", limits::job_name_bytes_max, true);
  s.cron = f.text("cron", 256, true);
  auto zone = f.text("timezone", 64);
  if (!zone.empty() && zone != "UTC" && zone != "Etc/UTC") f.refuse("timezone must be UTC: no other is known here");
  read_job_of(f, s, now_ms);
  read_rules(f, s);
  s.start_ms = f.time("start_at");
  s.end_ms = f.time("end_at");
  s.enabled = f.flag("enabled", true);
  if (s.end_ms > 0 && s.end_ms <= std::max(now_ms, s.start_ms)) f.refuse("end_at must be later than start_at and now");
  if (auto bad = f.problem()) return *bad;
  auto parsed = parse_cron(s.cron);
  if (auto bad = std::get_if<failure>(&parsed)) return *bad;
  return s;
}

/// As it is from now on. What has fired does not fire again.
change rewritten(schedule s, time_ms now_ms) {
  s.version += 1;
  s.changed_ms = now_ms;
  s.next_ms = next_firing(s, std::max(now_ms, s.last_ms));
  change c;
  c.schedules = schedule_write{std::move(s)};
  return c;
}

/// Calls `next` with the one the path names.
template <class Next>
void with_schedule(const call_ptr& c, Next next) {
  auto read = [id = c->params["id"]](store_reader& db) { return db.waiting().find_schedule(id); };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<schedule>& s) mutable {
    if (!s || s->user_id != c->who->user_id) return c->refuse({errc::not_found, "Schedule not found", {}, {}});
    next(*s);
  });
}

/// An API key with a list of models makes no timetable that asks for others.
std::optional<failure> barred_job(const call_ptr& c, const schedule& s) {
  auto read = read_submission_text(s.job, c->e.h.now_ms());
  auto* job = std::get_if<submission>(&read);
  return job == nullptr ? std::nullopt : barred_model(c->who, job->spec.needs.model);
}

void create(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto now = c->e.h.now_ms();
  schedule blank;
  blank.id = new_id("sch");
  blank.user_id = c->who->user_id;
  blank.key_id = c->who->key_id;
  blank.created_ms = now;
  auto read = read_schedule(std::get<json>(body), std::move(blank), now);
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  if (auto bad = barred_job(c, std::get<schedule>(read))) return c->refuse(*bad);
  auto made = rewritten(std::move(std::get<schedule>(read)), now);
  auto answer = schedule_json(made.schedules->next);
  commit_money(c, {c->who->user_id, std::move(made), 201, std::move(answer)});
}

void replace(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  with_schedule(c, [c, body = std::get<json>(body)](const schedule& old) {
    auto now = c->e.h.now_ms();
    auto read = read_schedule(body, old, now);
    if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
    if (auto bad = barred_job(c, std::get<schedule>(read))) return c->refuse(*bad);
    auto made = rewritten(std::move(std::get<schedule>(read)), now);
    auto answer = schedule_json(made.schedules->next);
    commit_money(c, {c->who->user_id, std::move(made), 200, std::move(answer)});
  });
}

void enable(const call_ptr& c, bool on) {
  with_schedule(c, [c, on](schedule s) {
    s.enabled = on;
    auto made = rewritten(std::move(s), c->e.h.now_ms());
    auto answer = schedule_json(made.schedules->next);
    commit_money(c, {c->who->user_id, std::move(made), 200, std::move(answer)});
  });
}
void pause(const call_ptr& c) { enable(c, false); }
void resume(const call_ptr& c) { enable(c, true); }

void remove(const call_ptr& c) {
  with_schedule(c, [c](schedule s) {
    auto id = s.id;
    s.version += 1;
    change what;
    what.schedules = schedule_write{std::move(s), true};
    commit_money(c, {c->who->user_id, std::move(what), 200, {{"id", id}, {"deleted", true}}});
  });
}

void show(const call_ptr& c) {
  with_schedule(c, [c](const schedule& s) {
    auto read = [id = s.id](store_reader& db) { return db.waiting().firings(id, firings_shown); };
    ask_store(c, std::move(read), [c, s](const std::vector<firing>& all) {
      auto runs = json::array();
      for (auto& x : all)
        runs.push_back({{"at", time_json(x.fire_ms)},
                        {"fired_at", time_json(x.at_ms)},
                        {"job_id", x.job_id.empty() ? json(nullptr) : json(x.job_id)},
                        {"error", x.error.empty() ? json(nullptr) : json(x.error)}});
      auto body = schedule_json(s);
      body["runs"] = std::move(runs);
      c->reply(200, body);
    });
  });
}

void list(const call_ptr& c) {
  auto limit = query_integer(c->request.query, "limit", 1, limits::page_rows_max, 50);
  if (!limit) return c->refuse({errc::invalid, "limit must be an integer from 1 to 1000", {}, {}});
  auto read = [user = c->who->user_id, after = query_value(c->request.query, "after"),
               limit = static_cast<int32_t>(*limit)](store_reader& db) {
    return db.waiting().list_schedules(user, after, limit);
  };
  ask_store(c, std::move(read), [c, limit = *limit](const std::vector<schedule>& all) {
    auto rows = json::array();
    for (auto& s : all) rows.push_back(schedule_json(s));
    auto full = std::ssize(all) == limit;
    c->reply(200,
             {{"schedules", std::move(rows)}, {"limit", limit}, {"next", full ? json(all.back().id) : json(nullptr)}});
  });
}

/// Now, beside the timetable, whatever it says about overlaps.
void run_now(const call_ptr& c) {
  with_schedule(c, [c](const schedule& s) {
    auto& h = c->e.h;
    auto now = h.now_ms();
    auto read = read_submission_text(s.job, now);
    if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
    auto& wanted = std::get<submission>(read);
    if (auto bad = barred_model(c->who, wanted.spec.needs.model)) return c->refuse(*bad);
    wanted.key_id = c->who->key_id;
    auto planned = plan_job(wanted, new_id("job"), s.user_id, h.settings.fee_bps, now, h.settings.prices);
    if (auto bad = std::get_if<failure>(&planned)) return c->refuse(*bad);
    job_insert insert{std::move(std::get<job>(planned)), std::move(wanted.spec)};
    auto answer = submitted_json(insert.row, now);
    auto brief = brief_of(insert.row, insert.spec.needs);
    auto what = submit_change(std::move(insert), c->who->limits);
    auto of_timetable = now % 60'000 == 0;  // whose firings have full minutes
    what.fires = firing{s.id, of_timetable ? now + 1 : now, now, brief.id, {}};
    commit_money(c, {s.user_id, std::move(what), 202, std::move(answer)},
                 [c, brief = std::move(brief)](json&, const change_result&) {
                   tell(c->e.h.actors.dispatcher.get(), jobs_waiting{{brief}});
                 });
  });
}

}  // namespace

void add_schedule_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run) {
    rows.push_back({verb, path, access::user, doc, run});
  };
  add("GET", "/api/v1/schedules", "Your timetables: ?limit=&after=", list);
  add("POST", "/api/v1/schedules", "A job by the clock: {name, cron, job, overlap, catch_up, start_at, end_at}",
      create);
  add("GET", "/api/v1/schedules/{id}", "One timetable and its newest runs", show);
  add("PUT", "/api/v1/schedules/{id}", "Say it anew; what has fired does not fire again", replace);
  add("DELETE", "/api/v1/schedules/{id}", "No more of it; its jobs go on", remove);
  add("POST", "/api/v1/schedules/{id}/run", "One job of it now", run_now);
  add("POST", "/api/v1/schedules/{id}/pause", "Fire no more until it is resumed", pause);
  add("POST", "/api/v1/schedules/{id}/resume", "Fire again, from the next time on", resume);
}

}  // namespace troupe
