// The files that attempts left: which, and the bytes of one.
#include <algorithm>

#include "config/world.hpp"
#include "http/attempt_lookup.hpp"
#include "http/job_json.hpp"

namespace troupe {

namespace {

std::string stream_of(const std::string& name) { return std::string{file_stream} + name; }

/// What the newest attempt's report says it left: only it knows of what was not stored.
std::vector<artifact> told_artifacts(store_reader& db, const std::string& job_id, int64_t epoch) {
  auto job = db.find_job(job_id);
  auto told = job && job->result && job->row.lease_epoch == epoch;
  return told ? job->result->artifacts : std::vector<artifact>{};
}

struct list_found {
  attempt_found where;
  std::vector<artifact> told;
};

json artifacts_json(const list_found& x) {
  auto rows = json::array();
  auto& streams = x.where.streams;
  for (auto& a : x.told) {
    auto stored =
        std::any_of(streams.begin(), streams.end(), [&](auto& s) { return s.closed && s.stream == stream_of(a.name); });
    rows.push_back({{"name", a.name}, {"bytes", a.bytes}, {"sha256", a.sha256}, {"stored", stored}});
  }
  for (auto& s : streams) {
    if (!s.stream.starts_with(file_stream)) continue;
    auto name = s.stream.substr(file_stream.size());
    auto told = std::any_of(x.told.begin(), x.told.end(), [&](auto& a) { return a.name == name; });
    if (!told) rows.push_back({{"name", name}, {"bytes", s.size}, {"sha256", nullptr}, {"stored", s.closed}});
  }
  return rows;
}

/// One that is not stored, or not yet, is still on its node.
void list_artifacts(const call_ptr& c) {
  auto of = read_attempt_query(c);
  if (!of) return;
  auto look = [of = *of](store_reader& db) {
    list_found x{find_attempt(db, of), {}};
    if (x.where.visible && x.where.number > 0) x.told = told_artifacts(db, of.job_id, x.where.it.epoch);
    return x;
  };
  ask_store(c, std::move(look), [c, of = *of](const list_found& x) {
    if (!x.where.visible) return c->refuse(unknown_job());
    if (of.number > 0 && x.where.number == 0) return c->refuse(unknown_attempt());
    c->reply(200, {{"job_id", of.job_id}, {"attempt", x.where.number}, {"artifacts", artifacts_json(x)}});
  });
}

/// Bytes [begin, end) of a file.
struct byte_range {
  int64_t begin = 0, end = 0;
};

/// "bytes=FROM-[TO]" or "bytes=-LAST"; nothing for anything else, and when there are no such bytes.
std::optional<byte_range> range_of(std::string_view text, int64_t size) {
  if (!text.starts_with("bytes=")) return std::nullopt;
  text.remove_prefix(6);
  auto dash = text.find('-');
  if (dash == text.npos) return std::nullopt;
  auto from = text.substr(0, dash), to = text.substr(dash + 1);
  auto is_number = [](std::string_view x) {
    return x.size() < 16 && x.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (!is_number(from) || !is_number(to) || (from.empty() && to.empty())) return std::nullopt;
  auto number = [](std::string_view x) { return std::stoll(std::string{x}); };
  byte_range r{0, size};
  if (from.empty())
    r.begin = size - std::min<int64_t>(size, number(to));
  else
    r.begin = number(from);
  if (!from.empty() && !to.empty()) r.end = std::min<int64_t>(size, number(to) + 1);
  return r.begin < r.end ? std::optional{r} : std::nullopt;
}

struct file_found {
  attempt_found where;
  bool whole = false;  // all of it is stored
  int64_t size = 0;
  std::optional<byte_range> range;  // empty: what was asked for is not in it
  std::string bytes;
  std::string sha256;  // as its node said it; empty: not known
};

file_found find_file(store_reader& db, const attempt_query& of, const std::string& name, const std::string& range) {
  file_found x{find_attempt(db, of)};
  auto stream = stream_of(name);
  for (auto& s : x.where.streams)
    if (s.stream == stream && s.closed) {
      x.whole = true;
      x.size = s.size;
    }
  if (!x.whole) return x;
  x.range = range.empty() ? byte_range{0, x.size} : range_of(range, x.size);
  if (x.range)
    x.bytes = db.logs().read(of.job_id, x.where.it.epoch, stream, x.range->begin, x.range->end - x.range->begin);
  for (auto& a : told_artifacts(db, of.job_id, x.where.it.epoch))
    if (a.name == name) x.sha256 = a.sha256;
  return x;
}

void reply_file(const call_ptr& c, file_found& x, bool in_part) {
  auto size = std::to_string(x.size);
  if (!x.range) {
    auto bad = error_reply(416, "RANGE_NOT_SATISFIABLE", "there are " + size + " bytes", c->request.request_id);
    bad.headers.emplace_back("Content-Range", "bytes */" + size);
    return c->done(std::move(bad));
  }
  http_reply reply;
  reply.content_type = "application/octet-stream";
  reply.headers = {{"Content-Disposition", "attachment"}, {"Accept-Ranges", "bytes"}};
  if (!x.sha256.empty()) reply.headers.emplace_back("ETag", '"' + x.sha256 + '"');
  if (in_part) {
    reply.status = 206;
    auto from_to = std::to_string(x.range->begin) + "-" + std::to_string(x.range->end - 1);
    reply.headers.emplace_back("Content-Range", "bytes " + from_to + "/" + size);
  }
  reply.body = std::move(x.bytes);
  c->done(std::move(reply));
}

void send_artifact(const call_ptr& c, const std::string& name) {
  auto of = read_attempt_query(c);
  if (!of) return;
  auto range = c->request.header ? c->request.header("Range") : std::string{};
  auto look = [of = *of, name, range](store_reader& db) { return find_file(db, of, name, range); };
  ask_store(c, std::move(look), [c, range](file_found& x) {
    if (!x.where.visible) return c->refuse(unknown_job());
    if (!x.whole) return c->refuse({errc::not_found, "Artifact not found, or not stored here", {}, {}});
    auto all = range.empty() && !x.sha256.empty();
    if (all && sha256_hex(x.bytes) != x.sha256)
      return c->refuse({errc::internal, "the stored artifact is not what its node named", {}, {}});
    reply_file(c, x, !range.empty());
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

void add_artifact_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view path, std::string_view doc, auto run) {
    rows.push_back({"GET", path, access::user, doc, run});
  };
  add("/api/v1/jobs/{id}/artifacts", "The files that an attempt left: ?attempt=", list_artifacts);
  add("/api/v1/jobs/{id}/artifacts/{name}", "One of them; also by Range", get_artifact);
  add("/api/v1/jobs/{id}/artifact", "One of them, by ?name=: with folders in it", get_artifact_by_query);
}

}  // namespace troupe
