// Asks a model server on behalf of a job and says what came of it.
#include <algorithm>
#include <string>

#include "config/world.hpp"
#include "executors/attempt.hpp"
#include "executors/completion.hpp"
#include "executors/upstream.hpp"

namespace troupe {
namespace {

constexpr auto code = "upstream";

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// The base may or may not say /v1.
std::string address(std::string base, bool chat) {
  while (ends_with(base, "/")) base.pop_back();
  if (!ends_with(base, "/v1")) base += "/v1";
  return base + (chat ? "/chat/completions" : "/completions");
}

run_report succeeded(const upstream_answer& answer, const inference_params& params) {
  auto completed = read_completion(answer.body);
  if (!completed) return node_fault_report(code, "the model server's answer is not a completion");
  run_report report;
  report.prompt_tokens = completed->prompt_tokens.value_or(estimated_tokens(params.prompt));
  report.completion_tokens = completed->completion_tokens.value_or(estimated_tokens(completed->text));
  report.cached_tokens = std::min(completed->cached_tokens, report.prompt_tokens);
  report.text = std::move(completed->text);
  report.finish_reason = std::move(completed->finish_reason);
  return report;
}

/// 4xx is about the request and would be the same elsewhere; everything else is about this server.
run_report refused(const upstream_answer& answer) {
  auto text = "the model server answered " + std::to_string(answer.status);
  auto for_the_job = answer.status >= 400 && answer.status < 500 && answer.status != 429;
  if (!for_the_job) return node_fault_report(code, text);
  auto about_keys = answer.status == 401 || answer.status == 403;  // some servers echo the credential
  auto words = about_keys ? std::string{} : read_error_message(answer.body);
  return failed_report(code, words.empty() ? text : text + ": " + words);
}

run_report judge(const upstream_answer& answer, const attempt_context& context, const inference_params& params) {
  switch (answer.end) {
    case upstream_end::answered: return answer.status == 200 ? succeeded(answer, params) : refused(answer);
    case upstream_end::timed_out:
      return failed_report("timeout", "no answer within " + std::to_string(context.timeout_ms) + " ms");
    case upstream_end::unreachable: return node_fault_report(code, "the model server failed: " + answer.trouble);
    case upstream_end::too_large: return failed_report(code, "the model server's answer is larger than 8 MiB");
    case upstream_end::cancelled: break;
  }
  run_report report;
  report.outcome = run_outcome::cancelled;
  return report;
}

}  // namespace

run_report run_inference(const attempt_context& context, const inference_params& params) {
  auto server = context.environment.models.find(params.model);
  if (server == context.environment.models.end()) return node_fault_report(code, "this node does not serve the model");
  auto started_ms = steady_ms();
  auto answer = post_upstream(address(server->second, params.chat), params.body, context.timeout_ms, context.stop);
  auto report = judge(answer, context, params);
  report.ran_ms = steady_ms() - started_ms;
  return report;
}

}  // namespace troupe
