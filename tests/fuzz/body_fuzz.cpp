// The body of a submit: whatever it holds, it is a submission or one clear refusal, and reading it twice gives the
// same.
#include <cstdio>
#include <cstdlib>

#include "http/job_json.hpp"
#include "http/json.hpp"

using namespace troupe;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr time_ms now = 1'800'000'000'000;
  std::string body{reinterpret_cast<const char*>(data), size};
  auto first = read_submission_text(body, now), second = read_submission_text(body, now);
  auto* refused = std::get_if<failure>(&first);
  if (first.index() != second.index()) std::abort();
  if (refused == nullptr) return 0;
  if (refused->code == errc::ok || refused->code == errc::internal || refused->detail.empty()) std::abort();
  auto reply = error_reply(*refused, "id");  // must be JSON, whatever the body made it repeat
  if (reply.status < 400 || reply.status > 499 || !json::accept(reply.body)) std::abort();
  return 0;
}
