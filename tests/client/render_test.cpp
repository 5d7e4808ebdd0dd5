// Text for a terminal: what is let through, and where it stands.
#include "client/render.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace troupe::client;

TEST_CASE("plain text passes unchanged, also beyond ASCII") {
  CHECK(plain("hello, Wörld ✓ 日本 🚀") == "hello, Wörld ✓ 日本 🚀");
  CHECK(plain("") == "");
}

TEST_CASE("control characters and escape sequences do not pass") {
  CHECK(plain("a\x1b[31mred\x1b[0m b") == "ared b");
  CHECK(plain("bell\a back\b null" + std::string(1, '\0') + " delete\x7f") == "bell back null delete");
  CHECK(plain("\x1b]0;title\a!") == "]0;title!");
  CHECK(plain("c1 \xC2\x9B"
              "31m") == "c1 31m");
  CHECK(plain("\x1b[") == "");
  CHECK(plain("\x1b") == "");
}

TEST_CASE("characters that reorder or hide text do not pass") {
  CHECK(plain("a\xE2\x80\xAE"
              "b\xE2\x81\xA6"
              "c\xEF\xBB\xBF"
              "d") == "abcd");
}

TEST_CASE("one line stays one line, and many lines keep their ends") {
  CHECK(plain("a\nb\tc\rd") == "a b cd");
  CHECK(plain_lines("a\nb\tc\r\nd\re") == "a\nb\tc\nd\ne");
}

TEST_CASE("bytes that are not UTF-8 are replaced, not passed on") {
  CHECK(plain("a\xFF"
              "b") ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(plain("\xC0\x9B") == "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong ESC-like
  CHECK(plain("\xED\xA0\x80").find("\xED\xA0\x80") == std::string::npos);  // surrogate
  CHECK(plain("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");                  // cut off
}

TEST_CASE("cutting counts characters and leaves room for its mark") {
  CHECK(cut("abc", 3) == "abc");
  CHECK(cut("abcd", 3) == "ab…");
  CHECK(cut("äöüß", 3) == "äö…");
  CHECK(cut("abc", 0) == "");
}

TEST_CASE("a progress bar is as wide as asked, whatever the fraction") {
  for (auto fraction : {-1.0, 0.0, 0.001, 0.5, 0.999, 1.0, 7.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK(columns_of(progress_bar(fraction, 12)) == 12);
  CHECK(progress_bar(0, 12) == "[          ]");
  CHECK(progress_bar(0.5, 12) == "[====>     ]");
  CHECK(progress_bar(0.999, 12) == "[========> ]");
  CHECK(progress_bar(1, 12) == "[==========]");
}

TEST_CASE("durations are short and never negative") {
  CHECK(duration_text(-5) == "0 ms");
  CHECK(duration_text(999) == "999 ms");
  CHECK(duration_text(12'345) == "12.3 s");
  CHECK(duration_text(59'999) == "59.9 s");
  CHECK(duration_text(125'000) == "2m 05s");
  CHECK(duration_text(3 * 3600'000 + 2 * 60'000) == "3h 02m");
}

TEST_CASE("a running clock counts whole seconds") {
  CHECK(clock_text(-1) == "0:00");
  CHECK(clock_text(5'999) == "0:05");
  CHECK(clock_text(3600'000 + 125'000) == "1:02:05");
}

TEST_CASE("ISO times are read to the millisecond, and nothing else is") {
  CHECK(parse_iso_time("1970-01-01T00:00:01Z") == 1000);
  CHECK(parse_iso_time("2026-11-22T10:30:00.123Z") == 1795343400123);
  CHECK(parse_iso_time("2026-11-22T10:30:00.5Z") == 1795343400500);
  CHECK_FALSE(parse_iso_time("2026-11-22 10:30:00"));
  CHECK_FALSE(parse_iso_time("2026-11-22T10:30:00.Z"));
  CHECK_FALSE(parse_iso_time("2026-1x-22T10:30:00Z"));
  CHECK_FALSE(parse_iso_time("yesterday"));
  CHECK(short_time("2026-11-22T10:30:00.123Z") == "2026-11-22 10:30:00");
  CHECK(short_time("soon") == "soon");
}

TEST_CASE("a table aligns its columns and leaves out empty ones") {
  auto text = table({{"NAME"}, {"EMPTY"}, {"COST", true}}, {{"ä", "", "1.5"}, {"long name", "", "10.25"}});
  CHECK(text ==
        "NAME        COST\n"
        "ä            1.5\n"
        "long name  10.25\n");
}

TEST_CASE("a table gives way to its width, but never cuts ids") {
  auto id = std::string(30, 'i');
  auto text = table({{"ID", false, true}, {"NAME"}, {"TEXT"}}, {{id, std::string(80, 'n'), std::string(20, 't')}}, 60);
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    CHECK(columns_of(std::string_view(text).substr(begin, end - begin)) <= 60);
  CHECK(text.find(id) != std::string::npos);
  CHECK(text.find("…") != std::string::npos);
}

TEST_CASE("facts without a value are left out") {
  CHECK(facts({{"job", "j"}, {"error", ""}, {"longer", "x"}}) == "job     j\nlonger  x\n");
}
