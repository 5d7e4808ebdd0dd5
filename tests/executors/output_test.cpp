// Text cleaning, capturing, progress lines however they are cut, and their thinning.
#include "executors/output.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace troupe;

namespace {

struct filtered {
  std::string output;
  std::vector<progress_report> reports;
};

filtered filter(std::string_view bytes, size_t piece) {
  filtered all;
  capture output(1 << 20);
  progress_filter lines(output, [&](progress_report report) { all.reports.push_back(std::move(report)); });
  for (size_t at = 0; at < bytes.size(); at += piece) lines.add(bytes.substr(at, piece));
  lines.end();
  all.output = output.text().text;
  return all;
}

}  // namespace

TEST_CASE("valid text stays as it is") {
  std::string text = "plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x8E\xAD \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF\t\n";
  CHECK(clean(text, 1000).text == text);
  CHECK(!clean(text, 1000).cut);
  CHECK(clean(text, text.size()).text == text);
  CHECK(clean("", 0).text == "");
}

TEST_CASE("each byte that is not UTF-8 becomes a replacement character") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(clean("\xFF", 10).text == r);
  CHECK(clean("a\x80"
              "b",
              10)
            .text == "a" + r + "b");
  CHECK(clean("\xC0\xAF", 10).text == r + r);                  // overlong
  CHECK(clean("\xED\xA0\x80", 10).text == r + r + r);          // surrogate
  CHECK(clean("\xF4\x90\x80\x80", 20).text == r + r + r + r);  // beyond Unicode
  CHECK(clean("\xC3", 10).text == r);
  CHECK(clean(std::string_view("a\0b", 3), 10).text == "a" + r + "b");
}

TEST_CASE("text is cut between characters") {
  CHECK(clean("a\xC3\xA4", 2).text == "a");
  CHECK(clean("a\xC3\xA4", 2).cut);
  CHECK(clean("a\xFF", 3).text == "a");
  CHECK(clean("a\xC3", 10, true).text == "a");
  CHECK(clean("a\xE2\x82", 10, true).text == "a");
  CHECK(clean("a", 10, true).cut);
}

TEST_CASE("a capture keeps the beginning and says when there was more") {
  capture output(4);
  output.add("abc");
  CHECK(!output.text().cut);
  output.add("d");
  CHECK(!output.text().cut);
  output.add("ef");
  CHECK(output.text().text == "abcd");
  CHECK(output.text().cut);
}

TEST_CASE("a progress line is read exactly") {
  CHECK(read_progress(R"(TROUPE {"progress":0})")->ppm == 0);
  CHECK(read_progress(R"(TROUPE {"progress":0.4200004})")->ppm == 420'000);
  CHECK(read_progress(R"(TROUPE {"progress":1,"message":"all","more":[1]})")->ppm == 1'000'000);
  CHECK(read_progress(R"(TROUPE {"progress":1,"message":"all"})")->message == "all");
  CHECK(read_progress("TROUPE {\"progress\":1,\"message\":\"" + std::string(1024, 'm') + "\"}").has_value());
}

TEST_CASE("a malformed progress line is none") {
  for (std::string line :
       {"", "TROUPE", "TROUPE {}", "TROUPE []", "TROUPE 0.5", "TROUPE {\"progress\":0.5", "TROUPE {\"progress\":-0.1}",
        "TROUPE {\"progress\":1.1}", "TROUPE {\"progress\":1e999}", "TROUPE {\"progress\":\"0.5\"}",
        "TROUPE {\"progress\":null}", "TROUPE {\"progress\":0.5,\"message\":5}", "TROUPE  {\"progress\":0.5}",
        "troupe {\"progress\":0.5}", " TROUPE {\"progress\":0.5}", "TROUPE {\"progress\":0.5} x",
        "TROUPE {\"progress\":0.5,\"message\":\"\xFF\"}"}) {
    CAPTURE(line);
    CHECK(!read_progress(line));
  }
  CHECK(!read_progress("TROUPE {\"progress\":1,\"message\":\"" + std::string(1025, 'm') + "\"}"));
}

TEST_CASE("however the stream is cut, output and reports are the same") {
  std::string text =
      "one\n\nTROUPE {\"progress\":0.5,\"message\":\"half\"}\ntwo TROUPE {\"progress\":0.6}\nTROUPE nothing\n"
      "TROUPE {\"progress\":7}\n" +
      std::string(20'000, 'x') + "\nTROUPE {" + std::string(20'000, 'y') +
      "\nTROUPE {\"progress\":0.75}\r\nTROUPE {\"progress\":1}";
  for (size_t piece : {1, 2, 3, 7, 8, 9, 64, 8192, 8193, 1 << 20}) {
    CAPTURE(piece);
    auto all = filter(text, piece);
    CHECK((all.output == "one\n\ntwo TROUPE {\"progress\":0.6}\nTROUPE nothing\nTROUPE {\"progress\":7}\n" +
                             std::string(20'000, 'x') + "\nTROUPE {" + std::string(20'000, 'y') + "\n"));
    REQUIRE(all.reports.size() == 3);
    CHECK(all.reports[0].ppm == 500'000);
    CHECK(all.reports[0].message == "half");
    CHECK(all.reports[1].ppm == 750'000);
    CHECK(all.reports[2].ppm == 1'000'000);
  }
}

TEST_CASE("the gate lets one report through per interval, never falling, and the last at the end") {
  std::vector<progress_report> told;
  progress_gate gate([&](int32_t ppm, std::string message) { told.push_back({ppm, std::move(message)}); });
  CHECK(!gate.due_ms());
  gate.tick(1000);
  CHECK(told.empty());
  gate.offer({10, "a"});
  gate.tick(1000);
  gate.offer({30, "b"});
  gate.offer({20, "c"});
  gate.tick(1099);
  REQUIRE(told.size() == 1);
  CHECK(told[0].ppm == 10);
  CHECK(gate.due_ms() == 1100);
  gate.tick(1100);
  REQUIRE(told.size() == 2);
  CHECK(told[1].ppm == 30);
  CHECK(told[1].message == "c");
  gate.offer({40, "d"});
  gate.flush();
  gate.flush();
  REQUIRE(told.size() == 3);
  CHECK(told[2].ppm == 40);
}
