// A container engine of a few lines, on a unix socket: it answers by a table, remembers what it was asked, and holds
// `wait` and `logs` back until the test (or a kill) ends the container.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "attempt_fixture.hpp"

namespace troupe::testing {

inline std::string frame(char stream, const std::string& text) {
  std::string head(8, '\0');
  head[0] = stream;
  for (int i = 0; i < 4; ++i) head[static_cast<size_t>(7 - i)] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  return head + text;
}

class fake_engine {
public:
  fake_engine() : path_(folder_.path() + "/engine.sock") {
    answers_ = {{"GET /_ping", {200, "OK"}},
                {"POST /containers/create", {201, R"({"Id":"c1","Warnings":[]})"}},
                {"POST /images/create", {200, "{\"status\":\"Pulling\"}\n"}},
                {"POST start", {204, ""}},
                {"POST kill", {204, ""}},
                {"DELETE", {204, ""}},
                {"GET json", {200, R"({"State":{"OOMKilled":false}})"}}};
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    door_ = std::thread([this] { serve(); });
  }
  ~fake_engine() {
    end(0);
    shutdown(listener_, SHUT_RDWR);
    door_.join();
    for (auto& each : talks_) each.join();
    close(listener_);
  }

  const std::string& path() const { return path_; }

  /// Of `VERB /path` (its beginning), or `VERB word` for `/containers/NAME/word`. The first of several is used up
  /// first.
  void answer(const std::string& what, int status, const std::string& body = "") {
    std::lock_guard lock(mutex_);
    first_[what].push_back({status, body});
  }
  /// What the program prints, and its end.
  void end(int code, const std::string& output = "") {
    set([&] {
      if (!ended_) output_ += output;
      if (!ended_) code_ = code;
      ended_ = true;
    });
  }
  void ignore_signals(bool term, bool kill) {
    std::lock_guard lock(mutex_);
    deaf_term_ = term;
    deaf_kill_ = kill;
  }
  /// Closes connections that wait for the end, without a word.
  void vanish() {
    set([&] { vanished_ = true; });
  }

  std::string wait_for(const std::string& what) {
    std::unique_lock lock(mutex_);
    std::string found;
    REQUIRE(changed_.wait_for(lock, patience, [&] { return !(found = find(what)).empty(); }));
    return found;
  }
  std::string asked(const std::string& what) {
    std::lock_guard lock(mutex_);
    return find(what);
  }

private:
  struct reply {
    int status;
    std::string body;
  };

  std::string find(const std::string& what) const {
    for (auto& each : requests_)
      if (each.find(what) != std::string::npos) return each;
    return {};
  }

  void serve() {
    for (int talk; (talk = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
      talks_.emplace_back([this, talk] {
        converse(talk);
        close(talk);
      });
  }

  void converse(int talk) {
    std::string request;
    char block[4096];
    while (!whole(request)) {
      auto got = recv(talk, block, sizeof block, 0);
      if (got <= 0) return;
      request.append(block, static_cast<size_t>(got));
    }
    set([&] { requests_.push_back(request); });
    auto line = request.substr(0, request.find(" HTTP"));
    if (line.find("/kill") != std::string::npos) die_by(line);
    if (line.ends_with("/wait") || line.find("/logs") != std::string::npos) return hold(talk, line.ends_with("/wait"));
    tell(talk, choose(line));
  }

  static bool whole(const std::string& request) {
    auto head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    auto length = request.find("Content-Length: ");
    auto bytes = length == std::string::npos ? 0 : std::stoul(request.substr(length + 16));
    return request.size() >= head + 4 + bytes;
  }

  void die_by(const std::string& line) {
    auto term = line.find("SIGTERM") != std::string::npos;
    std::unique_lock lock(mutex_);
    auto deaf = term ? deaf_term_ : deaf_kill_;
    lock.unlock();
    if (!deaf) end(term ? 143 : 137);
  }

  void hold(int talk, bool is_wait) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || vanished_; });
    if (vanished_) return;
    reply all{200, is_wait ? "{\"StatusCode\":" + std::to_string(code_) + "}" : output_};
    lock.unlock();
    tell(talk, all);
  }

  reply choose(const std::string& line) {
    std::lock_guard lock(mutex_);
    for (auto& [what, list] : first_) {
      if (list.empty() || !fits(line, what)) continue;
      auto one = list.front();
      list.erase(list.begin());
      return one;
    }
    for (auto& [what, one] : answers_)
      if (fits(line, what)) return one;
    return {404, R"({"message":"no such thing"})"};
  }

  static bool fits(const std::string& line, const std::string& what) {
    auto space = what.find(' ');
    if (space == std::string::npos) return line.starts_with(what);
    if (what[space + 1] == '/') return line.starts_with(what);
    return line.starts_with(what.substr(0, space)) && line.find("/" + what.substr(space + 1)) != std::string::npos;
  }

  static void tell(int talk, const reply& one) {
    auto text = "HTTP/1.1 " + std::to_string(one.status) + " X\r\nContent-Length: " + std::to_string(one.body.size()) +
                "\r\nConnection: close\r\n\r\n" + one.body;
    send(talk, text.data(), text.size(), MSG_NOSIGNAL);
  }

  void set(const std::function<void()>& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  temporary_folder folder_;
  const std::string path_;
  int listener_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> requests_;
  std::map<std::string, reply> answers_;
  std::map<std::string, std::vector<reply>> first_;
  std::string output_;
  int code_ = 0;
  bool ended_ = false, vanished_ = false, deaf_term_ = false, deaf_kill_ = false;
  std::vector<std::thread> talks_;
  std::thread door_;
};

}  // namespace troupe::testing
