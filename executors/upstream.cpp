// libcurl on the attempt's thread; its multi interface, because that can wait for the stop signal, too.
#include "executors/upstream.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace troupe {
namespace {

constexpr size_t body_bytes_max = 8 * 1024 * 1024;
constexpr int64_t connect_ms_max = 10'000;
constexpr int wait_ms = 1'000;  // curl's own timers wake it earlier

using easy_handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using multi_handle = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
using header_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

struct received {
  std::string body;
  bool too_large = false;
};

size_t receive(char* data, size_t, size_t bytes, void* to) {
  auto& all = *static_cast<received*>(to);
  all.too_large = all.body.size() + bytes > body_bytes_max;
  if (all.too_large) return 0;  // makes curl give up
  all.body.append(data, bytes);
  return bytes;
}

header_list make_headers() {
  curl_slist* all = nullptr;
  for (auto each : {"Content-Type: application/json", "Accept: application/json", "Expect:"})
    all = curl_slist_append(all, each);
  return {all, curl_slist_free_all};
}

void prepare(CURL* easy, const std::string& url, const std::string& body, int64_t timeout_ms, received& answer) {
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // not what the server's environment happens to say
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(timeout_ms, connect_ms_max)));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
}

/// Drives the transfer to its end; nothing when it was stopped.
std::optional<CURLcode> perform(CURLM* multi, const stop_signal& stop) {
  for (auto running = 1; !stop.raised();) {
    auto code = curl_multi_perform(multi, &running);
    if (code != CURLM_OK) throw std::runtime_error(curl_multi_strerror(code));
    if (running == 0) {
      auto left = 0;
      auto message = curl_multi_info_read(multi, &left);
      return message ? message->data.result : CURLE_FAILED_INIT;
    }
    curl_waitfd wake{stop.fd(), CURL_WAIT_POLLIN, 0};
    curl_multi_poll(multi, &wake, 1, wait_ms, nullptr);
  }
  return {};
}

upstream_end judge(std::optional<CURLcode> code, CURL* easy, const received& answer) {
  if (!code) return upstream_end::cancelled;
  if (answer.too_large) return upstream_end::too_large;
  if (*code == CURLE_OK) return upstream_end::answered;
  curl_off_t ready_us = 0;  // 0 until a connection stands
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
  return *code == CURLE_OPERATION_TIMEDOUT && ready_us > 0 ? upstream_end::timed_out : upstream_end::unreachable;
}

}  // namespace

void start_curl() {
  static const auto started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw std::runtime_error("libcurl does not start");
}

upstream_answer post_upstream(const std::string& url, const std::string& json_body, int64_t timeout_ms,
                              const stop_signal& stop) {
  start_curl();
  received got;
  auto headers = make_headers();
  easy_handle easy(curl_easy_init(), curl_easy_cleanup);
  multi_handle multi(curl_multi_init(), curl_multi_cleanup);
  if (!easy || !multi || !headers) throw std::bad_alloc();
  prepare(easy.get(), url, json_body, timeout_ms, got);
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_multi_add_handle(multi.get(), easy.get());
  auto code = perform(multi.get(), stop);

  upstream_answer answer;
  answer.end = judge(code, easy.get(), got);
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  answer.body = std::move(got.body);
  if (answer.end == upstream_end::unreachable) answer.trouble = curl_easy_strerror(*code);
  curl_multi_remove_handle(multi.get(), easy.get());
  return answer;
}

}  // namespace troupe
