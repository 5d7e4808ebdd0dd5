// What an agent keeps of its attempts' output until it is stored.
#include "actors/log_post.hpp"

#include <doctest/doctest.h>

#include <random>

#include "model/limits.hpp"

using namespace troupe;

namespace {

const lease_ref lease{"job_1", 1};

/// A gateway that stores what fits, as the store does it.
struct stored_stream {
  std::string bytes;
  bool closed = false;
};

log_mark store(stored_stream& s, const lease_ref& l, const log_piece& p) {
  REQUIRE(p.start <= std::ssize(s.bytes));  // never a gap
  auto known = s.bytes.size() - static_cast<size_t>(p.start);
  if (known < p.bytes.size()) s.bytes += p.bytes.substr(known);
  s.closed = s.closed || p.last;
  return {l, p.stream, p.start + std::ssize(p.bytes), p.last};
}

}  // namespace

TEST_CASE("output is sent once and forgotten when it is stored, an empty end too") {
  log_post post;
  post.add({lease, "stdout", "hello ", false});
  post.add({lease, "stdout", "world", false});
  auto first = post.take();
  REQUIRE(first.size() == 1);
  REQUIRE(first[0].pieces.size() == 1);
  CHECK(first[0].pieces[0].bytes == "hello world");
  CHECK(post.take().empty());
  CHECK(post.waits());
  post.stored({lease, "stdout", 11, false});
  CHECK(post.again());
  CHECK_FALSE(post.waits());
  CHECK_FALSE(post.empty());  // its end is to come
  post.add({lease, "stdout", "", true});
  auto end = post.take();
  REQUIRE(end.size() == 1);
  CHECK(end[0].pieces[0].start == 11);
  CHECK(end[0].pieces[0].last);
  post.stored({lease, "stdout", 11, true});
  CHECK(post.empty());
}

TEST_CASE("what was refused is never sent again, nor what comes behind it") {
  log_post post;
  post.add({lease, "stdout", "x", true});
  post.add({lease, "file:a", "x", false});
  post.add({{"job_1", 2}, "stdout", "y", true});
  post.take();
  post.refused({lease, "stdout"});
  post.refused({lease, "file:a"});
  post.add({lease, "file:a", "more", false});
  CHECK_FALSE(post.again());
  auto rest = post.take();
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].lease.epoch == 2);
  post.stored({{"job_1", 2}, "stdout", 1, true});
  CHECK_FALSE(post.empty());  // the end of the file is to come
  post.add({lease, "file:a", "", true});
  CHECK(post.empty());
  CHECK(post.unsent_bytes() == 0);
}

TEST_CASE("what a batch brought and the store did not take is said again, also behind what flows on") {
  log_post post;
  post.add({lease, "stdout", "lost", false});
  post.add({lease, "stderr", "good", false});
  post.take();
  post.stored({lease, "stderr", 4, false});
  CHECK_FALSE(post.again());
  post.add({lease, "stderr", " more", false});
  auto rest = post.take();
  REQUIRE(rest.size() == 1);
  REQUIRE(rest[0].pieces.size() == 2);
  CHECK(rest[0].pieces[0].bytes == " more");
  CHECK(rest[0].pieces[0].start == 4);
  CHECK(rest[0].pieces[1].bytes == "lost");
  CHECK(rest[0].pieces[1].start == 0);
}

TEST_CASE("no more is under way at once than the bound, and large output is cut into pieces") {
  log_post post;
  post.add({lease, "stdout", std::string(3 * limits::log_flight_bytes_max, 'x'), false});
  size_t sent = 0;
  for (auto& a : post.take())
    for (auto& p : a.pieces) {
      CHECK(p.bytes.size() <= limits::log_piece_bytes_max);
      sent += p.bytes.size();
    }
  CHECK(sent <= limits::log_flight_bytes_max);
  CHECK(sent > limits::log_flight_bytes_max / 2);
}

TEST_CASE("whatever is lost on the way, all of it arrives, in order and once") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    log_post post;
    std::map<std::string, stored_stream> stored;
    std::map<std::string, std::string> said;
    for (int i = 0; i < 400; ++i) {
      std::string stream = pick(2) ? "stdout" : "file:a";
      if (i < 200) {
        std::string bytes(static_cast<size_t>(pick(300)), static_cast<char>('a' + pick(26)));
        said[stream] += bytes;
        post.add({lease, stream, bytes, false});
      }
      if (i == 200)
        for (auto* name : {"stdout", "file:a"}) post.add({lease, name, "", true});
      if (pick(5) == 0) post.again();  // a connection that broke
      if (post.waits()) continue;
      for (auto& a : post.take()) {
        if (pick(4) == 0) break;  // lost on the way there
        std::vector<log_mark> marks;
        for (auto& p : a.pieces) marks.push_back(store(stored[p.stream], a.lease, p));
        if (pick(4) == 0) break;  // lost on the way back
        for (auto& m : marks) post.stored(m);
        if (pick(4)) continue;
        post.again();
      }
    }
    while (!post.empty()) {
      post.again();
      for (auto& a : post.take())
        for (auto& p : a.pieces) post.stored(store(stored[p.stream], a.lease, p));
    }
    for (auto& [stream, text] : said) CHECK(stored[stream].bytes == text);
    for (auto& [stream, s] : stored) CHECK(s.closed);
  }
}
