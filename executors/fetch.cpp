// libcurl's easy interface, on the thread of whoever asks.
#include "executors/fetch.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>

#include "executors/upstream.hpp"

namespace troupe {

namespace {

constexpr int64_t connect_ms_max = 5'000;

struct received {
  std::string body;
  size_t bytes_max = 0;
};

size_t receive(char* data, size_t, size_t bytes, void* to) {
  auto& all = *static_cast<received*>(to);
  if (all.body.size() + bytes > all.bytes_max) return 0;  // makes curl give up
  all.body.append(data, bytes);
  return bytes;
}

}  // namespace

fetch_answer fetch(const fetch_ask& ask) {
  start_curl();
  received got{{}, ask.answer_bytes_max};
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), curl_easy_cleanup);
  if (!easy) throw std::bad_alloc();
  auto* x = easy.get();
  curl_easy_setopt(x, CURLOPT_URL, ask.url.c_str());
  curl_easy_setopt(x, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(x, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(x, CURLOPT_PROXY, "");  // not what the server's environment happens to say
  curl_easy_setopt(x, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(x, CURLOPT_TIMEOUT_MS, static_cast<long>(ask.timeout_ms));
  curl_easy_setopt(x, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(ask.timeout_ms, connect_ms_max)));
  curl_easy_setopt(x, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(x, CURLOPT_WRITEDATA, &got);
  if (!ask.form.empty()) {
    curl_easy_setopt(x, CURLOPT_POSTFIELDS, ask.form.data());
    curl_easy_setopt(x, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(ask.form.size()));
  }
  if (!ask.user.empty()) {
    curl_easy_setopt(x, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(x, CURLOPT_USERNAME, ask.user.c_str());
    curl_easy_setopt(x, CURLOPT_PASSWORD, ask.password.c_str());
  }
  auto code = curl_easy_perform(x);
  if (code != CURLE_OK) return {0, {}, curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(x, CURLINFO_RESPONSE_CODE, &status);
  return {static_cast<int>(status), std::move(got.body), {}};
}

}  // namespace troupe
