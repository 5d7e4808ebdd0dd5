// Which fields are shown, under which names and in which order.
#include "client/views.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "client/render.hpp"

namespace troupe::client {
namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (auto& part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += between;
    out += part;
  }
  return out;
}

std::string percent_text(double fraction) {
  if (std::isnan(fraction)) return {};
  return std::to_string(static_cast<int>(std::floor(std::clamp(fraction, 0.0, 1.0) * 100 + 1e-9))) + " %";
}

std::string percent_at(const json& object, std::string_view key) {
  auto number = number_at(object, key);
  return number ? percent_text(*number) : "";
}

std::string time_at(const json& object, std::string_view key) { return short_time(text_at(object, key)); }

/// How long the job ran, when both ends are known.
std::string ran(const json& job) {
  auto start = parse_iso_time(text_at(job, "started_at"));
  auto end = parse_iso_time(text_at(job, "completed_at"));
  return start && end ? duration_text(*end - *start) : "";
}

std::string error_text(const json& job) {
  auto& error = field(job, "error");
  if (!error.is_object()) return text_at(job, "error");
  return joined({text_at(error, "code"), text_at(error, "message")}, ": ");
}

std::string hold_text(const json& object) {
  auto& hold = field(object, "hold");
  return joined({money(hold, "amount"), text_at(hold, "state")}, ", ");
}

/// A titled block of what a program wrote; nothing when it wrote nothing.
std::string output_block(const json& result, const std::string& key) {
  auto& value = field(result, key);
  if (!value.is_string()) return {};
  auto text = plain_lines(value.get_ref<const std::string&>());
  if (text.empty()) return {};
  if (!text.ends_with('\n')) text += '\n';
  bool is_cut = field(result, key + "_truncated") == true;
  return "\n" + key + (is_cut ? " (cut at the job's limit):\n" : ":\n") + text;
}

std::string artifacts_block(const json& result) {
  std::vector<row> rows;
  for (auto& a : rows_at(field(result, "artifacts"), {}))
    rows.push_back({text_at(a, "name"), first_text(a, {"bytes", "size"}), text_at(a, "sha256")});
  return rows.empty() ? "" : "\n" + table({{"ARTIFACT"}, {"BYTES", true}, {"SHA-256"}}, rows);
}

std::string gpu_text(const json& gpu) {
  if (gpu.is_string()) return plain(gpu.get_ref<const std::string&>());
  auto count = number_at(gpu, "count").value_or(1);
  auto vram = number_at(gpu, "vram_mb").value_or(0);
  auto name = first_text(gpu, {"model_name", "model", "gpu_model"});
  return joined({count > 1 ? text_at(gpu, "count") + "x" : "", name,
                 vram >= 1024 ? std::to_string(std::llround(vram / 1024)) + " GB" : ""},
                " ");
}

std::string gpus_text(const json& node) {
  std::vector<std::string> all;
  for (auto& gpu : rows_at(field(node, "gpus"), {})) all.push_back(gpu_text(gpu));
  return joined(all, ", ");
}

std::string slots_text(const json& node) {
  auto all = first_text(node, {"slots", "slots_total"});
  auto free = first_text(node, {"slots_free", "free_slots", "free"});
  return all.empty() || free.empty() ? all : free + "/" + all;
}

row transaction_row(const json& t) {
  return {time_at(t, "created_at"), text_at(t, "type"),   money(t, "amount"),
          text_at(t, "fee"),        text_at(t, "status"), first_text(t, {"job_id", "description"})};
}

}  // namespace

bool is_terminal(const std::string& status) {
  constexpr std::array<std::string_view, 8> words = {"completed", "succeeded", "failed", "cancelled",
                                                     "expired",   "dead",      "error",  "timeout"};
  return std::find(words.begin(), words.end(), status) != words.end();
}

std::string submitted_text(const json& answer) {
  return facts({{"job", first_text(answer, {"job_id", "id"})},
                {"status", text_at(answer, "status")},
                {"hold", money(field(answer, "hold"), "amount")}});
}

std::string job_text(const json& job) {
  auto& result = field(job, "result");
  auto out = facts({{"job", first_text(job, {"job_id", "id"})},
                    {"name", text_at(job, "name")},
                    {"type", first_text(job, {"kind", "type"})},
                    {"status", text_at(job, "status")},
                    {"progress", percent_at(job, "progress")},
                    {"created", time_at(job, "created_at")},
                    {"ran", ran(job)},
                    {"attempts", text_at(job, "attempts")},
                    {"node", text_at(job, "provider_id")},
                    {"hold", hold_text(job)},
                    {"cost", money(job, "cost")},
                    {"exit code", text_at(result, "exit_code")},
                    {"tokens", text_at(result, "tokens_used")},
                    {"error", error_text(job)}});
  for (auto key : {"text", "stdout", "stderr"}) out += output_block(result, key);
  return out + artifacts_block(result);
}

std::string jobs_table(const json& page) {
  std::vector<row> rows;
  for (auto& job : rows_at(page, {"jobs", "data"}))
    rows.push_back({first_text(job, {"job_id", "id"}), text_at(job, "status"), first_text(job, {"kind", "type"}),
                    text_at(job, "name"), time_at(job, "created_at"), percent_at(job, "progress"), money(job, "cost")});
  if (rows.empty()) return "no jobs\n";
  return table(
      {{"JOB", false, true}, {"STATUS"}, {"TYPE"}, {"NAME"}, {"CREATED (UTC)"}, {"DONE", true}, {"COST", true}}, rows);
}

std::string wallet_text(const json& account, const json& wallet) {
  auto out = facts({{"account", first_text(account, {"id", "user_id"})},
                    {"email", text_at(account, "email")},
                    {"tier", text_at(account, "tier")},
                    {"wallet", first_text(wallet, {"id", "wallet_id"})}});
  auto& balances = field(account, "balances");
  std::vector<row> rows;
  if (balances.is_object())
    for (auto& [asset, b] : balances.items())
      rows.push_back(
          {plain(asset), text_at(b, "balance"), text_at(b, "held"), text_at(b, "available"), text_at(b, "pending")});
  if (rows.empty()) return out + facts({{"balance", text_at(account, "balance")}});
  return out + "\n" +
         table({{"ASSET"}, {"BALANCE", true}, {"HELD", true}, {"AVAILABLE", true}, {"PENDING", true}}, rows);
}

std::string transactions_table(const json& page) {
  std::vector<row> rows;
  for (auto& t : rows_at(page, {"transactions", "data"})) rows.push_back(transaction_row(t));
  if (rows.empty()) return "no transactions\n";
  return table({{"TIME (UTC)"}, {"TYPE"}, {"AMOUNT", true}, {"FEE", true}, {"STATUS"}, {"ABOUT", false, true}}, rows);
}

std::string nodes_table(const json& page) {
  std::vector<row> rows;
  for (auto& n : rows_at(page, {"providers", "nodes", "data"})) {
    if (text_at(n, "kind") == "provider") continue;  // who brings nodes, not one of them
    rows.push_back({first_text(n, {"id", "provider_id", "node_id"}), text_at(n, "name"), text_at(n, "status"),
                    slots_text(n), gpus_text(n), first_text(n, {"region", "location"}),
                    first_text(n, {"price_per_hour", "hourly_rate"}), text_at(n, "trust_score"),
                    percent_at(n, "reliability"), time_at(n, "last_seen_at")});
  }
  if (rows.empty()) return "no nodes\n";
  return table({{"NODE", false, true},
                {"NAME"},
                {"STATUS"},
                {"FREE", true},
                {"GPUS"},
                {"REGION"},
                {"PER HOUR", true},
                {"TRUST", true},
                {"RELIABLE", true},
                {"LAST SEEN (UTC)"}},
               rows);
}

std::string event_details(const job_event& e) {
  return joined(
      {e.progress ? percent_text(*e.progress) : "", e.message, e.attempt.empty() ? "" : "attempt " + e.attempt,
       e.provider_id.empty() ? "" : "on " + e.provider_id, e.cost.empty() ? "" : "cost " + e.cost, e.error},
      ", ");
}

std::string event_line(const job_event& e) {
  auto type = e.type;
  auto details = event_details(e);
  if (!details.empty() && type.size() < 10) type.resize(10, ' ');
  return joined({short_time(e.timestamp), joined({type, details}, " ")}, "  ");
}

}  // namespace troupe::client
