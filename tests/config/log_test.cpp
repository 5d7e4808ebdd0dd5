// What a log line looks like, read back from stderr.
#include "config/log.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "config/text.hpp"

using namespace troupe;

namespace {

/// Stands in for stderr while it lives.
class captured_stderr {
public:
  captured_stderr() {
    REQUIRE(file_ != nullptr);
    REQUIRE(dup2(fileno(file_), STDERR_FILENO) >= 0);
  }
  captured_stderr(const captured_stderr&) = delete;
  ~captured_stderr() {
    dup2(kept_, STDERR_FILENO);
    close(kept_);
    std::fclose(file_);
    log::open(log::level::warn, log::form::automatic);
  }
  std::string text() {
    std::string all;
    std::rewind(file_);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) all += static_cast<char>(c);
    return all;
  }

private:
  std::FILE* file_ = std::tmpfile();
  int kept_ = dup(STDERR_FILENO);
};

}  // namespace

TEST_CASE("a JSON line has the time, the level, the event, then the fields in order") {
  captured_stderr err;
  log::open(log::level::info, log::form::json);
  log::info("job failed", {{"job_id", "j\"1"}, {"why", "a\\b\nc"}});
  auto line = err.text();
  auto after_time = line.find("\",\"level\"");
  REQUIRE(after_time != std::string::npos);
  CHECK(line.substr(0, 14) == R"({"timestamp":")");
  CHECK(after_time - 14 == 24);
  CHECK(line.substr(after_time) ==
        "\",\"level\":\"info\",\"message\":\"job failed\",\"job_id\":\"j\\\"1\",\"why\":\"a\\\\b\\nc\"}\n");
}

TEST_CASE("away from a terminal the automatic form is JSON") {
  captured_stderr err;
  log::open(log::level::info, log::form::automatic);
  log::error("x");
  CHECK(err.text().substr(0, 2) == "{\"");
}

TEST_CASE("a human line quotes only what needs it") {
  captured_stderr err;
  log::open(log::level::debug, log::form::human);
  log::debug("job done", {{"job_id", "j1"}, {"why", "two words"}, {"none", ""}});
  auto line = err.text();
  CHECK(line.substr(line.find("job done")) == "job done job_id=j1 why=\"two words\" none=\"\"\n");
}

TEST_CASE("lines below the level are not written, and off is silent") {
  captured_stderr err;
  log::open(log::level::warn, log::form::json);
  log::info("quiet");
  CHECK(err.text().empty());
  CHECK_FALSE(log::wants(log::level::info));
  CHECK(log::wants(log::level::error));
  log::open(log::level::off, log::form::json);
  log::error("quiet");
  CHECK(err.text().empty());
}

TEST_CASE("lines of several threads stay whole") {
  captured_stderr err;
  log::open(log::level::info, log::form::json);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) log::info("event", {{"k", std::string(100, 'v')}});
      });
  }
  auto text = err.text();
  auto lines = split(text, '\n');
  REQUIRE(lines.size() == 801);
  for (size_t i = 0; i < 800; ++i) REQUIRE((lines[i].starts_with("{\"t") && lines[i].ends_with("v\"}")));
}

TEST_CASE("quoted text is valid JSON whatever the bytes") {
  CHECK(in_quotes("grüße") == "\"grüße\"");
  CHECK(in_quotes(std::string_view{"\0\x1f\x7f", 3}) == "\"\\u0000\\u001f\\u007f\"");
  CHECK(in_quotes("a\xff") == "\"a\xef\xbf\xbd\"");
  CHECK(in_quotes("\xc0\xaf") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");      // overlong
  CHECK(in_quotes("\xe2\x82") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");      // cut off
  CHECK(in_quotes("\xed\xa0\x80").find('\xed') == std::string::npos);  // surrogate
  CHECK(in_quotes("\xf0\x9f\x98\x80") == "\"\xf0\x9f\x98\x80\"");
}
