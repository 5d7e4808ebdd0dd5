// What an attempt wrote: its output while it runs and after, and the files it left.
#include "config/world.hpp"
#include "http/job_json.hpp"
#include "http/routes.hpp"
#include "model/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto look_again = 200ms;
constexpr time_ms late_ms = 30'000;  // after its end a job's last words may still be on the way

struct log_wish {
  std::string job_id, owner;
  int64_t attempt = 0;  // its lease epoch; 0: the newest
  std::vector<std::string> streams;
  int64_t offset = 0, limit = limits::log_read_bytes_max;
  bool follow = false, plain = false;
  time_ms until_ms = 0;
};

struct log_part {
  std::string stream, bytes;
  int64_t next = 0;
  bool complete = false;
};

struct log_found {
  std::optional<job_view> job;
  int64_t attempt = 0;
  std::vector<log_part> parts;
  std::vector<log_stream> streams;  // of that attempt
};

failure unknown_job() { return {errc::not_found, "Job not found", {}, {}}; }

std::string owner_of(const call& c) { return c.who.role == "admin" ? std::string{} : c.who.user_id; }

/// The job when it may be seen, and the streams of the attempt.
log_found find(store_reader& db, const std::string& job_id, const std::string& owner, int64_t attempt) {
  log_found x;
  x.job = db.find_job(job_id);
  if (x.job && !owner.empty() && x.job->row.user_id != owner) x.job.reset();
  if (!x.job) return x;
  auto all = db.logs().streams(job_id);
  x.attempt = attempt > 0 ? attempt : all.empty() ? x.job->row.lease_epoch : all.back().epoch;
  for (auto& s : all)
    if (s.epoch == x.attempt) x.streams.push_back(std::move(s));
  return x;
}

log_found read(store_reader& db, const log_wish& w) {
  auto x = find(db, w.job_id, w.owner, w.attempt);
  for (auto& name : w.streams) {
    log_part p{name, {}, w.offset, false};
    for (auto& s : x.streams) {
      if (s.stream != name) continue;
      p.bytes = db.logs().read(w.job_id, x.attempt, name, w.offset, w.limit);
      p.next = w.offset + std::ssize(p.bytes);
      p.complete = s.closed && p.next >= s.size;
    }
    x.parts.push_back(std::move(p));
  }
  return x;
}

json part_json(const log_part& p) {
  return {{"stream", p.stream}, {"text", p.bytes}, {"next_offset", p.next}, {"complete", p.complete}};
}

/// Bytes that are no UTF-8 are replaced: a JSON text cannot carry them.
http_reply log_reply(const log_wish& w, log_found& x) {
  http_reply reply;
  if (w.plain) {
    auto& p = x.parts.at(0);
    reply.content_type = "text/plain; charset=utf-8";
    reply.body = std::move(p.bytes);
    reply.headers = {{"X-Log-Attempt", std::to_string(x.attempt)},
                     {"X-Log-Next-Offset", std::to_string(p.next)},
                     {"X-Log-Complete", p.complete ? "true" : "false"},
                     {"X-Content-Type-Options", "nosniff"}};
    return reply;
  }
  json body{{"job_id", w.job_id}, {"attempt", x.attempt}, {"offset", w.offset}};
  if (x.parts.size() == 1) body.update(part_json(x.parts[0]));
  if (x.parts.size() > 1) {
    auto list = json::array();
    for (auto& p : x.parts) list.push_back(part_json(p));
    body["streams"] = std::move(list);
  }
  reply.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return reply;
}

/// Something new, or nothing to wait for.
bool is_worth_telling(const log_wish& w, const log_found& x, time_ms now_ms) {
  auto news = false, complete = true;
  for (auto& p : x.parts) {
    news = news || !p.bytes.empty();
    complete = complete && p.complete;
  }
  auto& j = x.job->row;
  auto over = is_terminal(j.state) && now_ms - j.finished_ms > late_ms;
  return !w.follow || news || complete || over || now_ms >= w.until_ms;
}

void tell_log(const call_ptr& c, const std::shared_ptr<const log_wish>& w) {
  ask_store(
      c, [w](store_reader& db) { return read(db, *w); },
      [c, w](log_found& x) {
        if (!x.job) return c->refuse(unknown_job());
        if (is_worth_telling(*w, x, c->e.h.now_ms())) return c->done(log_reply(*w, x));
        later(c->e.h, look_again, [c, w] { tell_log(c, w); });
      });
}

std::optional<int64_t> attempt_of(const call& c) {
  return query_integer(c.request.query, "attempt", 1, 1'000'000'000, 0);
}

void show_log(const call_ptr& c) {
  auto& query = c->request.query;
  log_wish w{c->params["id"], owner_of(*c)};
  auto attempt = attempt_of(*c);
  auto offset = query_integer(query, "offset", 0, int64_t{1} << 40, 0);
  auto limit = query_integer(query, "limit", 1, limits::log_read_bytes_max, limits::log_read_bytes_max);
  auto stream = query_value(query, "stream"), follow = query_value(query, "follow"),
       form = query_value(query, "format");
  auto refuse = [&](const char* why) { c->refuse({errc::invalid, why, {}, {}}); };
  if (!attempt || !offset || !limit) return refuse("attempt, offset and limit (1 to 1048576) must be integers");
  if (!stream.empty() && stream != stdout_stream && stream != stderr_stream && stream != "all")
    return refuse("stream must be stdout, stderr or all");
  if (!follow.empty() && follow != "true" && follow != "false") return refuse("follow must be true or false");
  if (!form.empty() && form != "json" && form != "text") return refuse("format must be json or text");
  w.attempt = *attempt;
  w.offset = *offset;
  w.limit = *limit;
  w.follow = follow == "true";
  w.plain = form == "text";
  w.until_ms = c->e.h.now_ms() + limits::follow_ms;
  w.streams = {stream.empty() ? std::string{stdout_stream} : stream};
  if (stream == "all") w.streams = {std::string{stdout_stream}, std::string{stderr_stream}};
  if (stream == "all" && w.plain) return refuse("format=text has one stream");
  tell_log(c, std::make_shared<const log_wish>(std::move(w)));
}

/// Listed with what is stored of each: one that is not, or not yet, is still on its node.
void list_artifacts(const call_ptr& c) {
  auto attempt = attempt_of(*c);
  if (!attempt) return c->refuse({errc::invalid, "attempt must be an integer", {}, {}});
  auto look = [id = c->params["id"], owner = owner_of(*c), attempt = *attempt](store_reader& db) {
    return find(db, id, owner, attempt);
  };
  ask_store(c, std::move(look), [c](const log_found& x) {
    if (!x.job) return c->refuse(unknown_job());
    auto newest = x.job->result && x.attempt == x.job->row.lease_epoch;
    auto of_result = newest ? x.job->result->artifacts : std::vector<artifact>{};
    auto rows = json::array();
    for (auto& a : of_result) {
      auto stored = std::any_of(x.streams.begin(), x.streams.end(),
                                [&](auto& s) { return s.closed && s.stream == std::string{file_stream} + a.name; });
      rows.push_back({{"name", a.name}, {"bytes", a.bytes}, {"sha256", a.sha256}, {"stored", stored}});
    }
    c->reply(200, {{"job_id", x.job->row.id}, {"attempt", x.attempt}, {"artifacts", std::move(rows)}});
  });
}

struct file_found {
  log_found where;
  bool whole = false;
  std::string bytes;
};

/// "bytes=FROM-[TO]" or "bytes=-LAST"; nothing for anything else.
std::optional<std::pair<size_t, size_t>> range_of(std::string_view text, size_t size) {
  if (!text.starts_with("bytes=")) return std::nullopt;
  text.remove_prefix(6);
  auto dash = text.find('-');
  auto good = [](std::string_view x) {
    return x.size() < 16 && x.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (dash == text.npos) return std::nullopt;
  auto from = text.substr(0, dash), to = text.substr(dash + 1);
  if (!good(from) || !good(to) || (from.empty() && to.empty())) return std::nullopt;
  if (from.empty()) return std::pair{size - std::min<size_t>(size, std::stoull(std::string{to})), size};
  auto begin = static_cast<size_t>(std::stoull(std::string{from}));
  auto end = to.empty() ? size : std::min<size_t>(size, std::stoull(std::string{to}) + 1);
  return begin < end ? std::optional{std::pair{begin, end}} : std::nullopt;
}

void reply_file(const call_ptr& c, file_found& x) {
  http_reply reply;
  reply.content_type = "application/octet-stream";
  reply.headers = {
      {"X-Content-Type-Options", "nosniff"}, {"Content-Disposition", "attachment"}, {"Accept-Ranges", "bytes"}};
  auto wanted = c->request.header ? std::string{c->request.header("Range")} : std::string{};
  if (wanted.empty()) {
    reply.body = std::move(x.bytes);
    return c->done(std::move(reply));
  }
  auto size = std::to_string(x.bytes.size());
  auto range = range_of(wanted, x.bytes.size());
  if (!range) {
    auto bad = error_reply(416, "RANGE_NOT_SATISFIABLE", "there are " + size + " bytes", c->request.request_id);
    bad.headers.emplace_back("Content-Range", "bytes */" + size);
    return c->done(std::move(bad));
  }
  auto [begin, end] = *range;
  reply.status = 206;
  reply.headers.emplace_back("Content-Range",
                             "bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/" + size);
  reply.body = x.bytes.substr(begin, end - begin);
  c->done(std::move(reply));
}

void send_artifact(const call_ptr& c, const std::string& name) {
  auto attempt = attempt_of(*c);
  if (!attempt) return c->refuse({errc::invalid, "attempt must be an integer", {}, {}});
  auto look = [id = c->params["id"], owner = owner_of(*c), attempt = *attempt, name](store_reader& db) {
    file_found x{find(db, id, owner, attempt)};
    auto stream = std::string{file_stream} + name;
    for (auto& s : x.where.streams)
      if (x.where.job && s.stream == stream && s.closed) {
        x.whole = true;
        x.bytes = db.logs().read(id, x.where.attempt, stream, 0, s.size);
      }
    return x;
  };
  ask_store(c, std::move(look), [c, name](file_found& x) {
    if (!x.where.job) return c->refuse(unknown_job());
    if (!x.whole) return c->refuse({errc::not_found, "Artifact not found, or not stored here", {}, {}});
    auto& result = x.where.job->result;
    auto newest = result && x.where.attempt == x.where.job->row.lease_epoch;
    for (auto& a : newest ? result->artifacts : std::vector<artifact>{})
      if (a.name == name && a.sha256 != sha256_hex(x.bytes))
        return c->refuse({errc::internal, "the stored artifact is not what the node named", {}, {}});
    reply_file(c, x);
  });
}

void get_artifact(const call_ptr& c) { send_artifact(c, c->params["name"]); }

/// Names with folders in them do not fit into a path.
void get_artifact_by_query(const call_ptr& c) {
  auto name = query_value(c->request.query, "name");
  if (name.empty()) return c->refuse({errc::invalid, "give the artifact's name", {}, {}});
  send_artifact(c, name);
}

}  // namespace

void add_log_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view path, std::string_view doc, auto run) {
    rows.push_back({"GET", path, access::user, doc, run});
  };
  add("/api/v1/jobs/{id}/logs", "What an attempt writes: ?attempt=&stream=&offset=&limit=&follow=&format=", show_log);
  add("/api/v1/jobs/{id}/artifacts", "The files that an attempt left: ?attempt=", list_artifacts);
  add("/api/v1/jobs/{id}/artifacts/{name}", "One of them; also by Range", get_artifact);
  add("/api/v1/jobs/{id}/artifact", "One of them, by ?name=: with folders in it", get_artifact_by_query);
}

}  // namespace troupe
