// What attempts write: their output while they run and after. Following is asking again from where the last answer
// ended; such a question waits for news.
#include <algorithm>

#include "config/world.hpp"
#include "http/attempt_lookup.hpp"
#include "http/job_json.hpp"

namespace troupe {

namespace {

using std::chrono::milliseconds;

constexpr auto first_pause = milliseconds{100};
constexpr auto pause_max = milliseconds{1'000};
constexpr time_ms late_ms = 30'000;  // after its end an attempt's last words may still be on the way
constexpr int64_t tail_lines_max = 10'000;
constexpr int followers_max = 1'000;  // questions that wait, of all; more are refused

struct log_wish {
  attempt_query of;
  std::vector<std::string> streams;
  int64_t offset = 0, limit = limits::log_read_bytes_max;
  int64_t tail = 0;  // lines from the end, instead of an offset
  bool follow = false, plain = false;
  time_ms until_ms = 0;        // of the wall clock
  std::shared_ptr<void> seat;  // among the followers
};

struct log_part {
  std::string stream, bytes;
  int64_t begin = 0, size = 0;  // of what is stored
  bool complete = false;        // nothing will ever come behind these bytes

  int64_t next() const { return begin + std::ssize(bytes); }
};

struct log_found {
  attempt_found where;
  std::vector<log_part> parts;
  bool over = false;  // nothing more will come: all of it is complete, or lost with its node
};

bool writes_output(job_kind kind) { return kind != job_kind::noop && kind != job_kind::inference; }

/// Where the last `lines` lines of the text begin.
size_t tail_begin(std::string_view text, int64_t lines) {
  auto at = text.size();
  if (at > 0 && text[at - 1] == '\n') --at;
  for (; at > 0; --at)
    if (text[at - 1] == '\n' && --lines == 0) break;
  return at;
}

/// How many bytes at the end are the begin of a character that is not all there.
size_t torn_bytes(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;  // in the middle of one
    size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return back < whole ? back : 0;
  }
  return 0;
}

/// `silent`: whatever is not stored by now will not come.
log_part read_part(store_reader& db, const log_wish& w, const attempt_found& a, const std::string& name, bool silent) {
  log_part p{name, {}, w.offset, 0, false};
  auto known = std::find_if(a.streams.begin(), a.streams.end(), [&](auto& s) { return s.stream == name; });
  if (known == a.streams.end()) {
    p.complete = a.number > 0 && !writes_output(a.job.kind) && a.it.outcome != attempt_outcome::open;
    return p;
  }
  p.size = known->size;
  if (w.tail > 0) p.begin = std::max<int64_t>(0, known->size - w.limit);
  p.bytes = db.logs().read(w.of.job_id, a.it.epoch, name, p.begin, w.limit);
  if (w.tail > 0) {
    auto skip = tail_begin(p.bytes, w.tail);
    p.bytes.erase(0, skip);
    p.begin += static_cast<int64_t>(skip);
  }
  auto ends = (known->closed || silent) && p.next() >= known->size;
  auto torn = w.plain || ends || w.limit < 4 ? 0 : torn_bytes(p.bytes);
  p.bytes.erase(p.bytes.size() - torn);
  p.complete = known->closed && p.next() >= known->size;
  return p;
}

log_found read(store_reader& db, const log_wish& w, time_ms now_ms) {
  log_found x{find_attempt(db, w.of), {}, true};
  auto& a = x.where;
  if (!a.visible) return x;
  auto& it = a.it;
  auto silent = it.outcome != attempt_outcome::open && now_ms - it.ended_ms > late_ms;
  if (a.number == 0) silent = is_terminal(a.job.state);
  for (auto& name : w.streams) {
    x.parts.push_back(read_part(db, w, a, name, silent));
    auto& p = x.parts.back();
    x.over = x.over && (p.complete || (silent && p.next() >= p.size));
  }
  return x;
}

json part_json(const log_part& p) {
  return {{"stream", p.stream},
          {"offset", p.begin},
          {"text", p.bytes},
          {"next_offset", p.next()},
          {"complete", p.complete}};
}

/// Bytes that are no UTF-8 are replaced: a JSON text cannot carry them.
http_reply log_reply(const log_wish& w, log_found& x) {
  http_reply reply;
  if (w.plain) {
    auto& p = x.parts.at(0);
    reply.content_type = "text/plain; charset=utf-8";
    reply.headers = {{"X-Log-Attempt", std::to_string(x.where.number)},
                     {"X-Log-Next-Offset", std::to_string(p.next())},
                     {"X-Log-Complete", p.complete ? "true" : "false"},
                     {"X-Log-Over", x.over ? "true" : "false"}};
    reply.body = std::move(p.bytes);
    return reply;
  }
  json body{{"job_id", w.of.job_id}, {"attempt", x.where.number}, {"over", x.over}};
  if (x.parts.size() == 1) {
    body.update(part_json(x.parts[0]));
  } else {
    auto list = json::array();
    for (auto& p : x.parts) list.push_back(part_json(p));
    body["streams"] = std::move(list);
  }
  reply.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return reply;
}

bool has_news(const log_found& x) {
  return std::any_of(x.parts.begin(), x.parts.end(), [](auto& p) { return !p.bytes.empty(); });
}

void tell_log(const call_ptr& c, const std::shared_ptr<const log_wish>& w, milliseconds pause) {
  auto now_ms = c->e.h.now_ms();
  ask_store(
      c, [w, now_ms](store_reader& db) { return read(db, *w, now_ms); },
      [c, w, pause](log_found& x) {
        if (!x.where.visible) return c->refuse(unknown_job());
        if (w->of.number > 0 && x.where.number == 0) return c->refuse(unknown_attempt());
        auto waits = w->follow && !c->e.stops && !x.over && !has_news(x) && c->e.h.now_ms() < w->until_ms;
        if (!waits) return c->done(log_reply(*w, x));
        later(c->e.h, pause, [c, w, pause] { tell_log(c, w, std::min(pause * 2, pause_max)); });
      });
}

/// Empty when all is well, else what to mend.
std::string_view read_wish(std::string_view query, log_wish& w) {
  auto offset = query_integer(query, "offset", 0, int64_t{1} << 40, 0);
  auto limit = query_integer(query, "limit", 1, limits::log_read_bytes_max, limits::log_read_bytes_max);
  auto tail = query_integer(query, "tail", 1, tail_lines_max, 0);
  auto stream = query_value(query, "stream"), follow = query_value(query, "follow"),
       form = query_value(query, "format");
  if (!offset) return "offset must be a number of bytes";
  if (!limit) return "limit must be 1 to 1048576 bytes";
  if (!tail) return "tail must be 1 to 10000 lines";
  if (*tail > 0 && !query_value(query, "offset").empty()) return "give tail or offset, not both";
  if (!stream.empty() && stream != stdout_stream && stream != stderr_stream && stream != "all")
    return "stream must be stdout, stderr or all";
  if (!follow.empty() && follow != "true" && follow != "false") return "follow must be true or false";
  if (!form.empty() && form != "json" && form != "text") return "format must be json or text";
  if (stream == "all" && *offset > 0) return "each stream has an offset of its own: ask for one";
  if (stream == "all" && form == "text") return "format=text has one stream";
  w.offset = *offset;
  w.limit = *limit;
  w.tail = *tail;
  w.follow = follow == "true";
  w.plain = form == "text";
  w.streams = {stream.empty() ? std::string{stdout_stream} : stream};
  if (stream == "all") w.streams = {std::string{stdout_stream}, std::string{stderr_stream}};
  return {};
}

void show_log(const call_ptr& c) {
  auto of = read_attempt_query(c);
  if (!of) return;
  log_wish w{std::move(*of)};
  auto mend = read_wish(c->request.query, w);
  if (!mend.empty()) return c->refuse({errc::invalid, std::string{mend}, {}, {}});
  if (w.follow) {
    auto& count = c->e.followers;
    w.until_ms = c->e.h.now_ms() + limits::follow_ms;
    w.seat = std::shared_ptr<void>{nullptr, [&count](void*) { --count; }};
    if (++count > followers_max) return c->refuse({errc::unavailable, "too many wait for logs", {}, {}});
  }
  tell_log(c, std::make_shared<const log_wish>(std::move(w)), first_pause);
}

/// The newest first, a hundred at most.
void list_attempts(const call_ptr& c) {
  auto of = read_attempt_query(c);
  if (!of) return;
  ask_store(
      c, [of = *of](store_reader& db) { return find_attempt(db, of); },
      [c, job_id = of->job_id](const attempt_found& x) {
        if (!x.visible) return c->refuse(unknown_job());
        auto rows = json::array();
        for (auto n = std::ssize(x.all); n > 0 && rows.size() < 100; --n) {
          auto& a = x.all[static_cast<size_t>(n - 1)];
          auto word = a.outcome == attempt_outcome::open ? "running" : to_string(a.outcome);
          rows.push_back({{"attempt", n},
                          {"provider_id", a.node_id},
                          {"outcome", word},
                          {"began_at", time_json(a.began_ms)},
                          {"ended_at", time_json(a.ended_ms)}});
        }
        c->reply(200, {{"job_id", job_id}, {"attempts", std::move(rows)}});
      });
}

}  // namespace

void add_log_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view path, std::string_view doc, auto run) {
    rows.push_back({"GET", path, access::user, doc, run});
  };
  add("/api/v1/jobs/{id}/logs",
      "What an attempt writes: ?attempt=&stream=&offset=&tail=&limit=&follow=&format=", show_log);
  add("/api/v1/jobs/{id}/attempts", "Which nodes took it, and how that ended", list_attempts);
}

}  // namespace troupe
