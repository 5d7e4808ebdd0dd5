// libcurl resolves; the callback that opens its sockets decides, on the very address that is about to be connected.
#include "executors/outbound.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <optional>

#include "executors/upstream.hpp"

namespace troupe {
namespace {

constexpr int64_t connect_ms_max = 5'000;
constexpr auto not_public = "the name leads to an address that is not public";

using easy_handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using text_list = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

struct received {
  std::string body;
  size_t bytes_max = 0;
  bool too_large = false;
};

struct gate {
  const outbound_rules& rules;
  bool refused = false;
};

std::optional<ip_bytes> address_of(const sockaddr* from) {
  ip_bytes x{};
  if (from->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, from, sizeof six);
    std::memcpy(x.data(), &six.sin6_addr, x.size());
    return x;
  }
  if (from->sa_family != AF_INET) return std::nullopt;
  sockaddr_in four{};
  std::memcpy(&four, from, sizeof four);
  x = *parse_ip("0.0.0.0");
  std::memcpy(x.data() + 12, &four.sin_addr, 4);
  return x;
}

curl_socket_t open_socket(void* with, curlsocktype, curl_sockaddr* to) {
  auto& door = *static_cast<gate*>(with);
  auto address = address_of(&to->addr);
  if (address && door.rules.may_reach(*address)) return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  door.refused = true;
  return CURL_SOCKET_BAD;
}

size_t receive(char* data, size_t, size_t bytes, void* to) {
  auto& all = *static_cast<received*>(to);
  all.too_large = all.body.size() + bytes > all.bytes_max;
  if (all.too_large) return 0;  // makes curl give up
  all.body.append(data, bytes);
  return bytes;
}

text_list make_list(const std::vector<std::string>& lines) {
  curl_slist* all = nullptr;
  for (auto& each : lines) {
    auto longer = curl_slist_append(all, each.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    all = longer;
  }
  return {all, curl_slist_free_all};
}

void prepare(CURL* easy, const outbound_request& r, gate& door, received& answer) {
  curl_easy_setopt(easy, CURLOPT_URL, r.url.text.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // not what the server's environment happens to say
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &door);
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r.method.c_str());
  if (!r.body.empty() || r.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(r.timeout_ms));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(r.timeout_ms, connect_ms_max)));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
}

outbound_end judge(CURLcode code, const gate& door, const received& answer) {
  if (code == CURLE_OK) return outbound_end::answered;
  if (answer.too_large) return outbound_end::too_large;
  if (code == CURLE_OPERATION_TIMEDOUT) return outbound_end::timed_out;
  return door.refused ? outbound_end::refused : outbound_end::failed;
}

}  // namespace

outbound_answer call_outbound(const outbound_request& r, const outbound_rules& rules) {
  start_curl();
  gate door{rules};
  received got{{}, r.answer_bytes_max};
  auto lines = r.headers;
  lines.emplace_back("Expect:");
  auto headers = make_list(lines), names = make_list(r.names);
  easy_handle easy(curl_easy_init(), curl_easy_cleanup);
  if (!easy) throw std::bad_alloc();
  prepare(easy.get(), r, door, got);
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  if (names) curl_easy_setopt(easy.get(), CURLOPT_RESOLVE, names.get());
  auto code = curl_easy_perform(easy.get());

  outbound_answer answer;
  answer.end = judge(code, door, got);
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  answer.body = std::move(got.body);
  if (answer.end == outbound_end::refused)
    answer.trouble = not_public;
  else if (answer.end == outbound_end::too_large)
    answer.trouble = "the answer is too large";
  else if (code != CURLE_OK)
    answer.trouble = curl_easy_strerror(code);
  return answer;
}

std::string outbound_problem(const outbound_url& url, const outbound_rules& rules) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (getaddrinfo(url.host.c_str(), nullptr, &wanted, &first) != 0) return {};
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all{first, freeaddrinfo};
  for (auto* each = first; each != nullptr; each = each->ai_next) {
    auto address = address_of(each->ai_addr);
    if (!address || !rules.may_reach(*address)) return not_public;
  }
  return {};
}

}  // namespace troupe
