// The audit trail as an admin reads it: page by page, or to take away.
#include "actors/admin_reads.hpp"
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/csv.hpp"
#include "http/fleet_routes.hpp"
#include "model/spending.hpp"

namespace troupe {

namespace {

constexpr int64_t day_ms = 86'400'000;
constexpr int32_t export_rows_max = 50'000;

json detail_json(const std::string& text) {
  auto detail = json::parse(text, nullptr, false);
  return detail.is_discarded() ? json(nullptr) : detail;
}

json line_json(const audit_line& x) {
  auto& w = x.what;
  return {{"seq", x.seq},
          {"at", time_json(x.at_ms)},
          {"actor", w.actor},
          {"credential", w.credential},
          {"action", w.action},
          {"subject", w.subject},
          {"outcome", w.outcome},
          {"ip", w.ip},
          {"request_id", w.request_id},
          {"detail", detail_json(w.detail)},
          {"hash", x.hash}};
}

/// What is wrong, or nothing. A day means all of it.
std::optional<std::string> read_filter(const std::string& query, int64_t rows_max, int64_t rows, audit_filter& f) {
  f.actor = query_value(query, "actor");
  f.action = query_value(query, "action");
  f.subject = query_value(query, "subject");
  f.outcome = query_value(query, "outcome");
  auto read_time = [&](const char* name, time_ms day_after, time_ms& to) {
    auto text = query_value(query, name);
    auto day = text.size() == 10 ? parse_day(text) : std::nullopt;
    auto time = day ? std::optional{*day + day_after} : parse_time(text);
    if (time) to = *time;
    return text.empty() || time;
  };
  if (!read_time("from", 0, f.from_ms)) return "from must be a day or a time like 2026-11-22T10:30:00Z";
  if (!read_time("to", day_ms, f.to_ms)) return "to must be a day or a time like 2026-11-22T10:30:00Z";
  constexpr auto most = int64_t{1} << 53;
  auto before = query_integer(query, "before", 1, most, 0), after = query_integer(query, "after", 0, most, 0);
  if (!before || !after) return "before and after must be numbers of lines";
  auto limit = query_integer(query, "limit", 1, rows_max, rows);
  if (!limit) return "limit must be an integer from 1 to " + std::to_string(rows_max);
  f.before = *before;
  f.after = *after;
  f.limit = static_cast<int32_t>(*limit);
  return {};
}

void list(const call_ptr& c) {
  audit_filter f;
  if (auto bad = read_filter(c->request.query, limits::page_rows_max, 100, f))
    return c->refuse({errc::invalid, *bad, {}, {}});
  f.oldest_first = !query_value(c->request.query, "after").empty();
  auto find = [f](store_reader& db) { return db.audit().list(f); };
  ask_store(c, find, [c, f](const std::vector<audit_line>& lines) {
    auto rows = json::array();
    for (auto& x : lines) rows.push_back(line_json(x));
    json body{{"entries", std::move(rows)}};
    auto more = std::ssize(lines) == f.limit;
    body[f.oldest_first ? "next_after" : "next_before"] = more ? json(lines.back().seq) : json(nullptr);
    c->reply(200, body);
  });
}

http_reply lines_reply(const std::vector<audit_line>& lines, bool csv) {
  std::string text;
  if (csv) {
    text = csv_line(
        {"seq", "at", "actor", "credential", "action", "subject", "outcome", "ip", "request_id", "detail", "hash"});
    for (auto& x : lines) {
      auto& w = x.what;
      text += csv_line({std::to_string(x.seq), iso_time(x.at_ms), w.actor, w.credential, w.action, w.subject, w.outcome,
                        w.ip, w.request_id, w.detail, x.hash});
    }
    return csv_reply("audit.csv", std::move(text));
  }
  for (auto& x : lines) text += line_json(x).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  auto reply = csv_reply("audit.ndjson", std::move(text));
  reply.content_type = "application/x-ndjson";
  return reply;
}

/// Oldest first. That somebody took it away is a line, too.
void take_away(const call_ptr& c) {
  auto form = query_value(c->request.query, "format");
  if (!form.empty() && form != "ndjson" && form != "csv")
    return c->refuse({errc::invalid, "format must be ndjson or csv", {}, {}});
  audit_filter f;
  if (auto bad = read_filter(c->request.query, export_rows_max, export_rows_max, f))
    return c->refuse({errc::invalid, *bad, {}, {}});
  f.oldest_first = true;
  change x;
  x.audit = audit_of(*c, "audit");
  commit_change(c, std::move(x), [c, f, csv = form == "csv"] {
    auto find = [f](store_reader& db) { return db.audit().list(f); };
    ask_store(c, find, [c, f, csv](const std::vector<audit_line>& lines) {
      auto reply = lines_reply(lines, csv);
      if (std::ssize(lines) == f.limit) reply.headers.emplace_back("X-Next-After", std::to_string(lines.back().seq));
      c->done(std::move(reply));
    });
  });
}

}  // namespace

void add_audit_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/admin/audit", access::admin,
                  "Who did what: ?actor=&action=&subject=&outcome=&from=&to=&limit=&before=|after=", list});
  rows.push_back(audited("audit.export", {"GET", "/api/admin/audit/export", access::admin,
                                          "The same as a file, oldest first: ?format=ndjson|csv&after=", take_away}));
}

}  // namespace troupe
