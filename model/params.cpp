// Reads and checks the `params` object of a job: the one place where this JSON is understood.
#include "model/params.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "model/limits.hpp"

namespace troupe {
namespace {

using json = nlohmann::json;

constexpr int depth_max = 64;  // writing JSON recurses, and no honest request nests deeper
constexpr size_t argument_count_max = 1000;
constexpr size_t argument_bytes_max = 128 * 1024 - 1;  // Linux: MAX_ARG_STRLEN with its terminating NUL
constexpr size_t environment_count_max = 256;
constexpr size_t file_name_bytes_max = 255;
constexpr size_t interpreter_bytes_max = 4096;
constexpr size_t model_bytes_max = 256;
constexpr size_t image_bytes_max = 512;
constexpr int64_t docker_memory_mb_min = 6;  // less is refused by the engine
constexpr int64_t memory_mb_max = 16LL * 1024 * 1024;
constexpr int64_t tokens_default = 1000;
constexpr int64_t tokens_max = 1'000'000;
constexpr int64_t noop_ms_max = limits::timeout_ms_max;

bool made_of(std::string_view text, std::string_view further) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           further.find(c) != std::string_view::npos;
  });
}

/// A stranger's field name goes into an answer only when it is short and plain.
std::string shown(const std::string& name) { return name.size() <= 64 && made_of(name, "_.-") ? name : "(a field)"; }

/// Watches the parser: what nests too deep or names a field twice is never built.
class nesting_guard {
public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    using parse_event = json::parse_event_t;
    if (depth > depth_max) problem_ = "params is nested too deeply";
    if (!problem_.empty()) return false;
    if (event == parse_event::object_start) names_.emplace_back();
    if (event == parse_event::object_end) names_.pop_back();
    if (event == parse_event::key) note(parsed.get_ref<const std::string&>());
    return problem_.empty();
  }
  const std::string& problem() const { return problem_; }

private:
  void note(const std::string& name) {
    if (!names_.back().insert(name).second) problem_ = "params names the field " + shown(name) + " twice";
  }

  std::vector<std::set<std::string>> names_;  // one set per open object
  std::string problem_;
};

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

bool is_variable_name(const std::string& name) {
  return made_of(name, "_") && !(name.front() >= '0' && name.front() <= '9');
}

/// Takes fields out of one object; remembers the first thing wrong and which fields were asked for.
class reader {
public:
  explicit reader(const json& object) : object_(object) {}

  const json* find(const std::string& name) {
    known_.insert(name);
    auto at = object_.find(name);
    return at == object_.end() ? nullptr : &*at;
  }

  void refuse(const std::string& name, const std::string& rule, errc code = errc::invalid) {
    if (!problem_) problem_ = failure{code, "params." + name + " " + rule};
  }

  std::string text(const std::string& name, size_t bytes_max, std::string otherwise = {}) {
    auto value = find(name);
    if (!value) return otherwise;
    if (!value->is_string()) {
      refuse(name, "must be a string");
      return {};
    }
    auto& content = value->get_ref<const std::string&>();
    if (content.size() > bytes_max)
      refuse(name, "must not be longer than " + std::to_string(bytes_max) + " bytes", errc::too_large);
    return content;
  }

  int64_t integer(const std::string& name, int64_t low, int64_t high, int64_t otherwise) {
    auto value = find(name);
    if (!value) return otherwise;
    auto fits = value->is_number_integer() &&
                (!value->is_number_unsigned() || value->get<uint64_t>() <= static_cast<uint64_t>(high));
    auto number = fits ? value->get<int64_t>() : low;
    if (!fits || number < low || number > high) {
      refuse(name, "must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
      return otherwise;
    }
    return number;
  }

  std::optional<failure> no_further_fields() {
    for (auto& [name, value] : object_.items())
      if (!known_.count(name)) refuse(shown(name), "is not known for this type of job");
    return problem_;
  }
  const std::optional<failure>& problem() const { return problem_; }

private:
  const json& object_;
  std::set<std::string> known_;
  std::optional<failure> problem_;
};

std::vector<std::string> read_arguments(reader& from, const std::string& name, size_t bytes_min) {
  std::vector<std::string> all;
  auto value = from.find(name);
  if (!value) return all;
  if (!value->is_array()) {
    from.refuse(name, "must be an array of strings");
    return all;
  }
  if (value->size() > argument_count_max)
    from.refuse(name, "must not have more than " + std::to_string(argument_count_max) + " strings");
  for (auto& each : *value) {
    auto text = each.is_string() ? each.get<std::string>() : std::string(1, '\0');
    if (has_nul(text)) from.refuse(name, "must be an array of strings without NUL");
    if (text.size() < bytes_min) from.refuse(name, "must not have an empty string");
    if (text.size() > argument_bytes_max) from.refuse(name, "has a string that is too long (128 KiB at most)");
    if (from.problem()) return {};
    all.push_back(std::move(text));
  }
  return all;
}

std::map<std::string, std::string> read_environment(reader& from, const std::string& field) {
  std::map<std::string, std::string> all;
  auto value = from.find(field);
  if (!value) return all;
  if (!value->is_object()) {
    from.refuse(field, "must be an object of strings");
    return all;
  }
  if (value->size() > environment_count_max)
    from.refuse(field, "must not have more than " + std::to_string(environment_count_max) + " names");
  for (auto& [name, content] : value->items()) {
    if (!is_variable_name(name)) from.refuse(field, "has a name that is not like [A-Za-z_][A-Za-z0-9_]*");
    if (!content.is_string() || has_nul(content.get_ref<const std::string&>()))
      from.refuse(field, "must have strings without NUL as values");
    else if (name.size() + 1 + content.get_ref<const std::string&>().size() > argument_bytes_max)
      from.refuse(field, "has a value that is too long (128 KiB at most)");
    if (from.problem()) return {};
    all.emplace(name, content.get<std::string>());
  }
  return all;
}

int64_t read_timeout(reader& from) {
  auto value = from.find("timeout_seconds");
  if (!value) return limits::timeout_ms_default;
  constexpr double seconds_max = limits::timeout_ms_max / 1000.0;
  auto seconds = value->is_number() ? value->get<double>() : 0.0;
  if (!(seconds >= 0.001 && seconds <= seconds_max)) {  // written so that NaN is refused, too
    from.refuse("timeout_seconds", "must be a number above 0 (0.001 at least) and at most 86400");
    return 0;
  }
  return std::llround(seconds * 1000);
}

/// What a process and a script have in common.
process_params read_limits(reader& from) {
  process_params all;
  all.env = read_environment(from, "env");
  all.stdin_text = from.text("stdin", limits::body_bytes_max);
  all.cpu_seconds = from.integer("cpu_seconds", 1, limits::timeout_ms_max / 1000, 0);
  all.memory_mb = from.integer("memory_mb", 1, memory_mb_max, 0);
  all.output_limit_bytes =
      from.integer("output_limit_bytes", 1, limits::output_bytes_max, limits::output_bytes_default);
  all.checkpoint_grace_ms = 1000 * from.integer("checkpoint_grace_seconds", 0, limits::checkpoint_grace_ms_max / 1000,
                                                limits::checkpoint_grace_ms_default / 1000);
  return all;
}

process_params read_process(reader& from) {
  auto all = read_limits(from);
  auto command = from.find("command");
  if (!command || !command->is_array() || command->empty())
    from.refuse("command", "must be a non-empty array of strings");
  all.command = read_arguments(from, "command", 1);
  return all;
}

std::string read_interpreter(reader& from) {
  auto name = from.text("script_interpreter", interpreter_bytes_max, "/bin/sh");
  auto absolute = name.size() > 1 && name.front() == '/' && !has_nul(name);
  if (!absolute && !made_of(name, "._+-"))
    from.refuse("script_interpreter", "must be an absolute path or a name like [A-Za-z0-9._+-]+");
  return name;
}

std::string read_script_name(reader& from) {
  auto name = from.text("script_filename", file_name_bytes_max, "script");
  auto reserved = name == "artifacts" || name == "tmp" || name == "checkpoint";  // folders of the attempt
  if (!made_of(name, "._-") || name.front() == '.' || reserved)
    from.refuse("script_filename", "must be a simple file name like [A-Za-z0-9_-][A-Za-z0-9._-]*");
  return name;
}

script_params read_script(reader& from) {
  script_params all;
  all.content = from.text("script_content", limits::script_bytes_max);
  if (all.content.empty()) from.refuse("script_content", "must be a non-empty string");
  all.interpreter = read_interpreter(from);
  all.filename = read_script_name(from);
  all.args = read_arguments(from, "script_args", 0);
  all.limits = read_limits(from);
  return all;
}

/// The text of all messages, for counting; refuses what is not a list of {role, content}.
std::string read_messages(reader& from, const json& messages) {
  std::string text;
  auto rule = "must be a non-empty array of objects with the strings role and content";
  if (!messages.is_array() || messages.empty()) from.refuse("messages", rule);
  for (auto& each : messages) {
    auto good = each.is_object() && each.contains("role") && each["role"].is_string() && each.contains("content") &&
                each["content"].is_string() && !each["role"].get_ref<const std::string&>().empty();
    if (!good) {
      from.refuse("messages", rule);
      return {};
    }
    text += each["content"].get_ref<const std::string&>() + "\n";
  }
  return text;
}

/// `max_completion_tokens` is the newer OpenAI word for the same bound; servers refuse both together.
int64_t read_max_tokens(reader& from, bool& given) {
  auto old_word = from.find("max_tokens") != nullptr;
  auto new_word = from.find("max_completion_tokens") != nullptr;
  if (old_word && new_word) from.refuse("max_completion_tokens", "must not come together with max_tokens");
  given = old_word || new_word;
  return from.integer(new_word ? "max_completion_tokens" : "max_tokens", 1, tokens_max, tokens_default);
}

inference_params read_inference(reader& from, json body) {
  inference_params all;
  all.model = from.text("model", model_bytes_max);
  if (all.model.empty()) from.refuse("model", "must be a non-empty string");
  auto prompt = from.find("prompt");
  auto messages = from.find("messages");
  if (!prompt == !messages) from.refuse("prompt", "or params.messages must be given, and not both");
  all.chat = messages != nullptr;
  all.prompt = messages ? read_messages(from, *messages) : from.text("prompt", limits::body_bytes_max);
  if (prompt && all.prompt.empty()) from.refuse("prompt", "must be a non-empty string");
  auto bound_given = false;
  all.max_tokens = read_max_tokens(from, bound_given);
  from.integer("n", 1, 1, 1);  // one completion is priced and stored, so one is asked for
  from.integer("best_of", 1, 1, 1);
  if (!bound_given) body["max_tokens"] = all.max_tokens;
  for (auto ours : {"timeout_seconds", "stream", "stream_options"}) body.erase(ours);
  all.body = body.dump();
  return all;
}

/// As engines take it: name, with a registry before it, a tag or a digest behind it.
std::string read_image(reader& from) {
  auto name = from.text("docker_image", image_bytes_max);
  auto plain = made_of(name, "._-/:@") && made_of(name.substr(0, 1), "");
  if (!plain) from.refuse("docker_image", "must be a name like registry/name:tag");
  return name;
}

docker_params read_docker(reader& from) {
  docker_params all;
  all.image = read_image(from);
  all.command = read_arguments(from, "docker_command", 0);
  all.env = read_environment(from, "docker_env_vars");
  all.gpus = static_cast<int32_t>(from.integer("docker_gpus", 0, limits::gpu_count_max, 0));
  all.cpus = from.integer("docker_cpus", 1, limits::cpu_cores_max, 0);
  all.memory_mb = from.integer("memory_mb", docker_memory_mb_min, memory_mb_max, 0);
  all.network = from.text("docker_network", 16, "none");
  if (all.network != "none" && all.network != "bridge") from.refuse("docker_network", "must be none or bridge");
  all.output_limit_bytes =
      from.integer("output_limit_bytes", 1, limits::output_bytes_max, limits::output_bytes_default);
  return all;
}

outcome<job_params> read_fields(job_kind kind, json object) {
  reader from(object);
  job_params all;
  all.timeout_ms = read_timeout(from);
  switch (kind) {
    case job_kind::process: all.by_kind = read_process(from); break;
    case job_kind::script: all.by_kind = read_script(from); break;
    case job_kind::inference: all.by_kind = read_inference(from, object); break;
    case job_kind::noop: all.by_kind = noop_params{from.integer("duration_ms", 0, noop_ms_max, 0)}; break;
    case job_kind::docker: all.by_kind = read_docker(from); break;
    case job_kind::training: return failure{errc::invalid, "no executor runs this type of job yet"};
  }
  // Any OpenAI field is the model server's business.
  auto problem = kind == job_kind::inference ? from.problem() : from.no_further_fields();
  if (problem) return *problem;
  return all;
}

}  // namespace

outcome<job_params> read_params(job_kind kind, std::string_view json_text) {
  if (json_text.size() > limits::body_bytes_max)
    return failure{errc::too_large, "params must not be larger than 1 MiB"};
  nesting_guard guard;
  auto watch = [&guard](int depth, json::parse_event_t event, json& parsed) { return guard(depth, event, parsed); };
  auto object = json::parse(json_text, watch, false);
  if (!guard.problem().empty()) return failure{errc::invalid, guard.problem()};
  if (!object.is_object()) return failure{errc::invalid, "params must be a JSON object in UTF-8"};
  return read_fields(kind, std::move(object));
}

}  // namespace troupe
