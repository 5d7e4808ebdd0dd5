// URLs of users: what is taken means the same to libcurl, which will follow it, and never names a private address.
#include <curl/curl.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "model/outbound.hpp"

using namespace troupe;

namespace {

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
  std::string copy{text};
  curl_free(text);
  return copy;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  auto parsed = parse_outbound_url(text, {});
  auto* ours = std::get_if<outbound_url>(&parsed);
  if (ours == nullptr) return 0;
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url{curl_url(), curl_url_cleanup};
  if (curl_url_set(url.get(), CURLUPART_URL, ours->text.c_str(), 0) != CURLUE_OK) return 0;  // then nothing is asked
  auto host = part(url.get(), CURLUPART_HOST);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  auto same =
      host == ours->host || (parse_ip(host) && parse_ip(host) == parse_ip(ours->host));  // curl writes ::01 as ::1
  if (!same || part(url.get(), CURLUPART_PORT) != std::to_string(ours->port)) std::abort();
  if (part(url.get(), CURLUPART_SCHEME) != (ours->tls ? "https" : "http")) std::abort();
  if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty()) std::abort();
  if (auto address = parse_ip(host); address && !is_public(*address)) std::abort();
  return 0;
}
