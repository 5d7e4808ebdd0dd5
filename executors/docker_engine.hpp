// Talking to a container engine: HTTP over its unix socket, several requests at a time.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "executors/attempt.hpp"

namespace troupe {

struct engine_request {
  std::string method, target;  // target: path and query, encoded
  std::string body;            // JSON, or empty
};

struct engine_answer {
  int status = 0;  // 0: none came, see `trouble`
  std::string body;
  std::string trouble;  // also when it broke off, or was not waited for
};

/// A request under way, or ended.
class engine_call {
public:
  using sink = std::function<void(std::string_view)>;

  /// With a sink the body of a good answer goes there, as it comes.
  engine_call(const std::string& socket, engine_request, sink = {});
  engine_call(const engine_call&) = delete;
  engine_call& operator=(const engine_call&) = delete;

  bool done() const { return done_; }
  engine_answer answer() const;

private:
  friend class engine_line;
  static size_t receive(char* data, size_t, size_t bytes, void* call);

  const engine_request request_;
  const sink sink_;
  std::string body_, trouble_;
  bool done_ = false;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
};

/// Drives calls. They outlive it.
class engine_line {
public:
  engine_line();
  ~engine_line();
  engine_line(const engine_line&) = delete;
  engine_line& operator=(const engine_line&) = delete;

  void add(engine_call&);
  /// Until something happens, the descriptor (-1: none) is readable, or the time is over.
  void wait(int64_t ms, int descriptor);

private:
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
  std::vector<engine_call*> calls_;
};

/// One question and its answer; without it when the time is over or `stop` (may be null) is raised.
engine_answer ask_engine(const std::string& socket, engine_request, int64_t timeout_ms, const stop_signal* stop = {});

/// The `message` of an engine's error, or a few words instead; fit for a report.
std::string engine_message(const engine_answer&);

std::string url_encoded(std::string_view);

struct found_engine {
  std::string socket;  // empty: none
  std::string words;   // where it is, or why there is none
};

/// Looks where DOCKER_HOST says, else at /var/run/docker.sock, and waits shortly for an answer.
found_engine find_engine();

}  // namespace troupe
