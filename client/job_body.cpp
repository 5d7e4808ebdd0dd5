// Flags to JSON; what a flag does not say is left to the server's defaults.
#include "client/job_body.hpp"

#include <fstream>
#include <iostream>
#include <iterator>

namespace troupe::client {
namespace {

std::string read_all(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) throw bad_usage("cannot read the file \"" + path + "\"");
  return text;
}

json object_from(const std::string& text, const std::string& what) {
  auto value = json::parse(text, nullptr, false);
  if (!value.is_object()) throw bad_usage(what + " is not a JSON object");
  return value;
}

std::string last_part(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);  // npos + 1 is 0
}

std::string guess_type(const job_flags& f) {
  if (!f.script_file.empty()) return "script";
  if (!f.command.empty()) return "process";
  throw bad_usage("say what to run: a command after --, --file SCRIPT, --type with --params, or -f job.json");
}

std::string guess_name(const job_flags& f, const std::string& type) {
  if (!f.script_file.empty() && f.script_file != "-") return last_part(f.script_file);
  auto name = f.command.empty() ? "" : last_part(f.command[0]);
  return name.empty() ? type : name;
}

void set(json& object, const char* key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}
void set(json& object, const char* key, const std::optional<int64_t>& number) {
  if (number) object[key] = *number;
}

void set_params(json& params, const job_flags& f) {
  if (!params.is_object()) params = json::object();
  if (!f.params.empty()) params.update(object_from(f.params, "--params"));
  if (!f.command.empty()) params["command"] = f.command;
  if (!f.script_file.empty()) params["script_content"] = read_all(f.script_file);
  set(params, "script_interpreter", f.interpreter);
  set(params, "timeout_seconds", f.timeout_seconds);
}

void set_labels(json& body, const std::vector<std::string>& labels) {
  for (auto& label : labels) {
    auto equals = label.find('=');
    if (equals == 0 || equals == std::string::npos) throw bad_usage("--label wants KEY=VALUE: \"" + label + "\"");
    body["labels"][label.substr(0, equals)] = label.substr(equals + 1);
  }
}

void refuse_contradictions(const job_flags& f) {
  if (!f.command.empty() && !f.script_file.empty()) throw bad_usage("give a command or --file, not both");
  if (f.body_file == "-" && f.script_file == "-") throw bad_usage("-f and --file cannot both read standard input");
}

}  // namespace

json job_body(const job_flags& f) {
  refuse_contradictions(f);
  auto body = f.body_file.empty() ? json::object() : object_from(read_all(f.body_file), "\"" + f.body_file + "\"");
  set(body, "type", f.type);
  if (!body.contains("type")) body["type"] = guess_type(f);
  set(body, "name", f.name);
  if (!body.contains("name")) body["name"] = guess_name(f, text_at(body, "type"));
  set_params(body["params"], f);
  set(body, "gpu_type", f.gpu_type);
  set(body, "gpu_count", f.gpu_count);
  set(body, "vram_mb", f.vram_mb);
  set(body, "region", f.region);
  set(body, "max_price_per_hour", f.max_price);
  set(body, "priority", f.priority);
  set(body, "max_attempts", f.max_attempts);
  if (body.contains("labels") && !body["labels"].is_object()) throw bad_usage("\"labels\" is not a JSON object");
  set_labels(body, f.labels);
  if (!f.tags.empty()) body["tags"] = f.tags;
  return body;
}

}  // namespace troupe::client
