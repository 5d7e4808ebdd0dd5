// Runs a container to its end: makes it, follows its output, enforces its limits, removes it.
#include "executors/docker.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/log.hpp"
#include "config/world.hpp"
#include "executors/clean_text.hpp"
#include "executors/docker_engine.hpp"
#include "executors/output.hpp"
#include "executors/stream_frames.hpp"
#include "model/log.hpp"

namespace troupe {
namespace {

using json = nlohmann::json;

constexpr int64_t ask_ms_max = 30'000;
constexpr int64_t tail_ms_max = 5'000;  // for output after the end
constexpr int64_t kill_again_ms = 1'000;
constexpr int64_t kill_given_up_ms = 30'000;
constexpr int64_t pids_max = 4096;
constexpr int missing_program_exit = 127;
constexpr auto label_job = "troupe.job", label_epoch = "troupe.epoch", label_node = "troupe.node";

std::string node_mark(const std::string& work_root) { return sha256_hex(work_root).substr(0, 12); }

std::vector<std::string> devices_of(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream stream(list);
  for (std::string each; std::getline(stream, each, ',');) all.push_back(each);
  return all;
}

json host_of(const attempt_context& context, const docker_params& params) {
  auto bytes = params.memory_mb * 1024 * 1024;
  json host{{"PidsLimit", pids_max},
            {"NetworkMode", params.network},
            {"SecurityOpt", {"no-new-privileges"}},
            {"LogConfig", {{"Type", "json-file"}, {"Config", {{"max-size", "64m"}, {"max-file", "2"}}}}}};
  if (bytes > 0) host["Memory"] = host["MemorySwap"] = bytes;  // together, so none of it is swap
  if (params.cpus > 0) host["NanoCpus"] = params.cpus * 1'000'000'000;
  if (!context.request.devices.empty())
    host["DeviceRequests"] = json::array({{{"Driver", "nvidia"},
                                           {"DeviceIDs", devices_of(context.request.devices)},
                                           {"Capabilities", json::array({json::array({"gpu"})})}}});
  return host;
}

json container_of(const attempt_context& context, const docker_params& params) {
  auto env = params.env;
  env["TROUPE_JOB_ID"] = context.request.job_id;
  env["TROUPE_ATTEMPT"] = std::to_string(context.request.epoch);
  if (context.request.devices.empty()) env["NVIDIA_VISIBLE_DEVICES"] = "void";  // images like to say "all"
  auto settings = json::array();
  for (auto& [name, value] : env) settings.push_back(name + "=" + value);
  json all{{"Image", params.image},
           {"Env", settings},
           {"Labels",
            {{label_job, context.request.job_id},
             {label_epoch, std::to_string(context.request.epoch)},
             {label_node, node_mark(context.environment.work_root)}}},
           {"HostConfig", host_of(context, params)}};
  if (!params.command.empty()) all["Cmd"] = params.command;
  return all;
}

/// One attempt. Whatever happens, its container is removed.
class container {
public:
  container(const attempt_context& context, const docker_params& params)
      : context_(context),
        params_(params),
        socket_(context.environment.docker_socket),
        name_("troupe-" + context.request.job_id + "-" + std::to_string(context.request.epoch)),
        deadline_ms_(steady_ms() + context.timeout_ms),
        stdout_(static_cast<size_t>(params.output_limit_bytes)),
        stderr_(static_cast<size_t>(params.output_limit_bytes)),
        out_tail_(stdout_, stdout_stream, context.callbacks.output),
        err_tail_(stderr_, stderr_stream, context.callbacks.output),
        gate_(context.callbacks.progress),
        filter_(stdout_, [this](progress_report report) { gate_.offer(std::move(report)); }) {}
  ~container() {
    if (!made_) return;
    auto answer = remove();
    if (answer.status != 204 && answer.status != 404)
      log::warn("container stays", {{"name", name_}, {"why", engine_message(answer)}});
  }

  run_report run() {
    if (auto trouble = make()) return *trouble;
    started_ms_ = steady_ms();
    if (auto trouble = begin()) return *trouble;
    return follow();
  }

private:
  enum class cause { none, cancelled, timeout };

  engine_answer ask(const std::string& method, const std::string& target, const std::string& body = {}) const {
    return ask_engine(socket_, {method, target, body}, ask_ms_max);
  }
  std::string path(const std::string& rest) const { return "/containers/" + name_ + rest; }
  engine_answer remove() const { return ask("DELETE", path("?force=1&v=1")); }

  engine_answer create() {
    made_ = true;  // also without an answer it may be there
    auto wish = container_of(context_, params_).dump(-1, ' ', false, json::error_handler_t::replace);
    return ask("POST", "/containers/create?name=" + name_, wish);
  }

  std::optional<run_report> make() {
    auto answer = create();
    if (answer.status == 409) {  // left by a crash; nobody else may have this epoch
      remove();
      answer = create();
    }
    if (answer.status == 404) {
      if (auto trouble = pull()) return trouble;
      answer = create();
    }
    if (answer.status == 201) return {};
    if (answer.status == 400) return failed_report("invalid", engine_message(answer));
    return node_fault_report("docker", engine_message(answer));
  }

  /// Its time is the job's, too.
  std::optional<run_report> pull() {
    auto named = params_.image.find('@') != std::string::npos ||
                 params_.image.find(':', params_.image.rfind('/') + 1) != std::string::npos;
    auto target = "/images/create?fromImage=" + url_encoded(params_.image) + (named ? "" : "&tag=latest");
    auto answer = ask_engine(socket_, {"POST", target, ""}, deadline_ms_ - steady_ms(), &context_.stop);
    if (context_.stop.raised()) return cancelled();
    if (steady_ms() >= deadline_ms_) return failed_report("timeout", "the image did not come in time");
    if (answer.status == 200) return {};
    if (answer.status == 404) return failed_report("not_found", engine_message(answer));
    return node_fault_report("docker", engine_message(answer));
  }

  std::optional<run_report> begin() {
    if (context_.stop.raised()) return cancelled();
    auto answer = ask("POST", path("/start"));
    if (answer.status == 204 || answer.status == 304) return {};
    if (answer.status != 400) return node_fault_report("docker", engine_message(answer));
    auto report = failed_report("not_found", engine_message(answer));
    report.exit_code = missing_program_exit;
    return report;
  }

  run_report follow() {
    stream_frames frames(
        [this](bool is_stdout, std::string_view bytes) { is_stdout ? filter_.add(bytes) : stderr_.add(bytes); });
    engine_call end(socket_, {"POST", path("/wait"), ""});
    engine_call output(socket_, {"GET", path("/logs?follow=1&stdout=1&stderr=1"), ""},
                       [&frames](std::string_view bytes) { frames.add(bytes); });
    engine_line line;
    line.add(end);
    line.add(output);
    while (!end.done() && !given_up()) {
      enforce(steady_ms());
      line.wait(sleep_ms(steady_ms()), cause_ == cause::none ? context_.stop.fd() : -1);
    }
    auto ran_ms = steady_ms() - started_ms_;
    for (auto until = steady_ms() + tail_ms_max; end.done() && !output.done() && steady_ms() < until;)
      line.wait(until - steady_ms(), -1);
    filter_.end();
    gate_.flush();
    out_tail_.finish();
    err_tail_.finish();
    auto report = describe(end.answer());
    report.ran_ms = ran_ms;
    auto out = stdout_.text(), err = stderr_.text();
    report.stdout_text = std::move(out.text);
    report.stdout_truncated = out.cut;
    report.stderr_text = std::move(err.text);
    report.stderr_truncated = err.cut;
    return report;
  }

  bool given_up() const { return given_up_ms_ && steady_ms() >= *given_up_ms_; }

  void enforce(int64_t now_ms) {
    if (cause_ == cause::none && context_.stop.raised()) {
      ask("POST", path("/kill?signal=SIGTERM"));
      end_because(cause::cancelled, std::min(now_ms + context_.environment.kill_grace_ms, deadline_ms_));
    }
    if (cause_ == cause::none && now_ms >= deadline_ms_) end_because(cause::timeout, now_ms);
    if (kill_at_ms_ && now_ms >= *kill_at_ms_) {
      ask("POST", path("/kill"));
      kill_at_ms_ = steady_ms() + kill_again_ms;
    }
    gate_.tick(now_ms);
    out_tail_.tick(now_ms);
    err_tail_.tick(now_ms);
  }

  void end_because(cause why, int64_t kill_at_ms) {
    cause_ = why;
    kill_at_ms_ = kill_at_ms;
    given_up_ms_ = kill_at_ms + kill_given_up_ms;
  }

  int64_t sleep_ms(int64_t now_ms) const {
    auto until = kill_at_ms_.value_or(deadline_ms_);
    for (auto& due : {gate_.due_ms(), out_tail_.due_ms(), err_tail_.due_ms()})
      until = std::min(until, due.value_or(until));
    return std::max<int64_t>(until - now_ms, 0);
  }

  static run_report cancelled() {
    run_report report;
    report.outcome = run_outcome::cancelled;
    return report;
  }

  bool out_of_memory() const {
    auto body = json::parse(ask("GET", path("/json")).body, nullptr, false);
    return body.is_object() && body.value(json::json_pointer("/State/OOMKilled"), false);
  }

  run_report describe(const engine_answer& end) const {
    auto body = json::parse(end.body, nullptr, false);
    auto known =
        end.status == 200 && body.is_object() && body.contains("StatusCode") && body["StatusCode"].is_number_integer();
    auto code = known ? body["StatusCode"].get<int32_t>() : 0;
    auto failed = [code](const std::string& error, const std::string& message) {
      auto report = failed_report(error, message);
      report.exit_code = code;
      return report;
    };
    if (cause_ == cause::cancelled) {
      auto report = cancelled();
      report.exit_code = code;
      return report;
    }
    if (cause_ == cause::timeout)
      return failed("timeout", "the container ran longer than " + std::to_string(context_.timeout_ms) + " ms");
    if (!known) return node_fault_report("docker", "its end is not known: " + engine_message(end));
    if (code != 0 && params_.memory_mb > 0 && out_of_memory())
      return failed("memory_limit", "the container used more than " + std::to_string(params_.memory_mb) + " MB");
    if (code != 0) return failed("exit_code", "the container ended with exit code " + std::to_string(code));
    return {};
  }

  const attempt_context& context_;
  const docker_params& params_;
  const std::string socket_, name_;
  const int64_t deadline_ms_;
  int64_t started_ms_ = 0;
  bool made_ = false;
  capture stdout_, stderr_;
  output_tail out_tail_, err_tail_;
  progress_gate gate_;
  progress_filter filter_;
  cause cause_ = cause::none;
  std::optional<int64_t> kill_at_ms_, given_up_ms_;
};

}  // namespace

run_report run_docker(const attempt_context& context, const docker_params& params) {
  if (context.environment.docker_socket.empty())
    return node_fault_report("docker", "this node has no container engine");
  return container(context, params).run();
}

int remove_leftover_containers(const std::string& socket, const std::string& work_root) {
  json filter{{"label", {label_node + ("=" + node_mark(work_root))}}};
  auto target = "/containers/json?all=1&filters=" + url_encoded(filter.dump());
  auto list = json::parse(ask_engine(socket, {"GET", target, ""}, ask_ms_max).body, nullptr, false);
  auto removed = 0;
  for (auto& each : list.is_array() ? list : json::array()) {
    if (!each.is_object() || !each.contains("Id") || !each["Id"].is_string()) continue;
    auto path = "/containers/" + url_encoded(each["Id"].get<std::string>()) + "?force=1&v=1";
    removed += ask_engine(socket, {"DELETE", path, ""}, ask_ms_max).status == 204;
  }
  return removed;
}

}  // namespace troupe
