// libcurl over a unix socket, driven by its multi interface.
#include "executors/docker_engine.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "config/config.hpp"
#include "config/world.hpp"
#include "executors/clean_text.hpp"
#include "executors/upstream.hpp"

namespace troupe {
namespace {

constexpr size_t body_bytes_max = 8 * 1024 * 1024;
constexpr long connect_ms_max = 5'000;
constexpr int64_t find_ms_max = 2'000;
constexpr size_t message_bytes_max = 1024;
constexpr auto usual_socket = "/var/run/docker.sock";
constexpr std::string_view unix_scheme = "unix://";

bool is_good(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300;
}

}  // namespace

engine_call::engine_call(const std::string& socket, engine_request request, sink to)
    : request_(std::move(request)),
      sink_(std::move(to)),
      headers_(nullptr, curl_slist_free_all),
      easy_(nullptr, curl_easy_cleanup) {
  start_curl();
  for (auto each : {"Content-Type: application/json", "Expect:"})
    if (auto longer = curl_slist_append(headers_.get(), each)) {
      headers_.release();
      headers_.reset(longer);
    }
  easy_.reset(curl_easy_init());
  auto easy = easy_.get();
  if (!easy || !headers_) throw std::bad_alloc();
  curl_easy_setopt(easy, CURLOPT_URL, ("http://engine" + request_.target).c_str());
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms_max);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (request_.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
}

size_t engine_call::receive(char* data, size_t, size_t bytes, void* call) {
  auto& self = *static_cast<engine_call*>(call);
  if (self.sink_ && is_good(self.easy_.get())) {
    self.sink_({data, bytes});
    return bytes;
  }
  if (self.body_.size() + bytes > body_bytes_max) return 0;  // makes curl give up
  self.body_.append(data, bytes);
  return bytes;
}

engine_answer engine_call::answer() const {
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  return {static_cast<int>(status), body_, done_ ? trouble_ : "no answer in time"};
}

engine_line::engine_line() : multi_(curl_multi_init(), curl_multi_cleanup) {
  if (!multi_) throw std::bad_alloc();
}

engine_line::~engine_line() {
  for (auto call : calls_) curl_multi_remove_handle(multi_.get(), call->easy_.get());
}

void engine_line::add(engine_call& call) {
  calls_.push_back(&call);
  curl_multi_add_handle(multi_.get(), call.easy_.get());
}

void engine_line::wait(int64_t ms, int descriptor) {
  auto running = 0, left = 0;
  auto code = curl_multi_perform(multi_.get(), &running);
  if (code != CURLM_OK) throw std::runtime_error(curl_multi_strerror(code));
  auto news = false;
  while (auto message = curl_multi_info_read(multi_.get(), &left)) {
    for (auto call : calls_) {
      if (call->easy_.get() != message->easy_handle) continue;
      call->done_ = news = true;
      if (message->data.result != CURLE_OK) call->trouble_ = curl_easy_strerror(message->data.result);
    }
  }
  if (news) return;
  curl_waitfd wake{descriptor, CURL_WAIT_POLLIN, 0};
  auto bounded = static_cast<int>(std::clamp<int64_t>(ms, 0, 60'000));
  curl_multi_poll(multi_.get(), &wake, descriptor < 0 ? 0 : 1, bounded, nullptr);
}

engine_answer ask_engine(const std::string& socket, engine_request request, int64_t timeout_ms,
                         const stop_signal* stop) {
  engine_call call(socket, std::move(request));
  engine_line line;
  line.add(call);
  auto give_up_ms = steady_ms() + timeout_ms;
  while (!call.done() && steady_ms() < give_up_ms && !(stop && stop->raised()))
    line.wait(give_up_ms - steady_ms(), stop ? stop->fd() : -1);
  return call.answer();
}

std::string engine_message(const engine_answer& answer) {
  if (answer.status == 0) return "the engine does not answer: " + answer.trouble;
  auto body = nlohmann::json::parse(answer.body, nullptr, false);
  auto given = body.is_object() && body.contains("message") && body["message"].is_string();
  auto text = given ? body["message"].get<std::string>() : "the engine answered " + std::to_string(answer.status);
  return clean(text, message_bytes_max).text;
}

std::string url_encoded(std::string_view text) {
  std::string all;
  for (auto c : text) {
    auto plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain)
      all += c;
    else
      all += "%" + to_hex({&c, 1});
  }
  return all;
}

found_engine find_engine() {
  auto environment = process_environment();
  auto host = environment.find("DOCKER_HOST");
  std::string socket = usual_socket;
  if (host != environment.end() && !host->second.empty()) {
    if (!host->second.starts_with(unix_scheme)) return {"", "no (DOCKER_HOST is not a unix:// address)"};
    socket = host->second.substr(unix_scheme.size());
  }
  auto answer = ask_engine(socket, {"GET", "/_ping", ""}, find_ms_max);
  if (answer.status == 200) return {socket, socket};
  auto why = answer.status == 0 ? answer.trouble : "it answered " + std::to_string(answer.status);
  return {"", "no (" + socket + ": " + why + ")"};
}

}  // namespace troupe
