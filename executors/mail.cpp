// libcurl speaks SMTP; the message is RFC 5322, plain ASCII.
#include "executors/mail.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>

#include "executors/upstream.hpp"

namespace troupe {

namespace {

struct reading {
  std::string text;
  size_t at = 0;
};

size_t give(char* to, size_t, size_t room, void* from) {
  auto& x = *static_cast<reading*>(from);
  auto bytes = std::min(room, x.text.size() - x.at);
  std::memcpy(to, x.text.data() + x.at, bytes);
  x.at += bytes;
  return bytes;
}

std::string date_of(int64_t at_ms) {
  char text[64] = "";
  auto seconds = static_cast<std::time_t>(at_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &utc);
  return text;
}

std::string message_of(const mail& m) {
  return "Date: " + date_of(m.at_ms) + "\r\nFrom: <" + m.from + ">\r\nTo: <" + m.to + ">\r\nSubject: " + m.subject +
         "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nAuto-Submitted: "
         "auto-generated\r\n\r\n" +
         m.text + "\r\n";
}

bool fits_a_header(const std::string& address) {
  return !address.empty() && std::none_of(address.begin(), address.end(),
                                          [](unsigned char c) { return c <= ' ' || c >= 127 || c == '<' || c == '>'; });
}

}  // namespace

std::string send_mail(const mail_server& server, const mail& m) {
  if (!fits_a_header(m.from) || !fits_a_header(m.to)) return "an address that no mail can have";
  start_curl();
  reading message{message_of(m)};
  auto from = "<" + m.from + ">", to = "<" + m.to + ">";
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), curl_easy_cleanup);
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> receivers(curl_slist_append(nullptr, to.c_str()),
                                                                        curl_slist_free_all);
  if (!easy || !receivers) throw std::bad_alloc();
  auto* x = easy.get();
  curl_easy_setopt(x, CURLOPT_URL, server.url.c_str());
  curl_easy_setopt(x, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(x, CURLOPT_PROXY, "");
  curl_easy_setopt(x, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(x, CURLOPT_TIMEOUT_MS, static_cast<long>(server.timeout_ms));
  // A password never travels in the clear.
  curl_easy_setopt(x, CURLOPT_USE_SSL, static_cast<long>(server.user.empty() ? CURLUSESSL_TRY : CURLUSESSL_ALL));
  if (!server.user.empty()) {
    curl_easy_setopt(x, CURLOPT_USERNAME, server.user.c_str());
    curl_easy_setopt(x, CURLOPT_PASSWORD, server.password.c_str());
  }
  curl_easy_setopt(x, CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(x, CURLOPT_MAIL_RCPT, receivers.get());
  curl_easy_setopt(x, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(x, CURLOPT_READFUNCTION, give);
  curl_easy_setopt(x, CURLOPT_READDATA, &message);
  auto code = curl_easy_perform(x);
  return code == CURLE_OK ? std::string{} : curl_easy_strerror(code);
}

}  // namespace troupe
