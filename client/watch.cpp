// troupe watch: the life of one job as it happens, then how it ended.
#include <algorithm>
#include <ostream>

#include "client/api.hpp"
#include "client/command.hpp"
#include "client/render.hpp"
#include "client/views.hpp"
#include "config/world.hpp"

namespace troupe::client {
namespace {

constexpr size_t bar_columns = 30;

/// Draws events: a line each, or on a terminal one line that is drawn again while the job makes progress.
class screen {
public:
  screen(console& io, bool json) : io_(io), json_(json), live_(io.terminal && !json) {}
  ~screen() { wipe(); }
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  void show(const job_event& e) {
    if (json_) return print_raw(io_, e.text);
    last_ = e;
    arrived_ms_ = steady_ms();
    event_ms_ = parse_iso_time(e.timestamp).value_or(event_ms_);
    if (e.type == "started") {
      started_ms_ = event_ms_;
      fraction_ = 0;
    }
    if (e.progress) fraction_ = *e.progress;
    if (live_ && e.type == "progress") return draw();
    wipe();
    io_.out << event_line(e) << std::endl;
  }

  void tick() {
    if (live_ && drawn_) draw();
  }

  /// A remark of the client itself; kept out of the output that scripts read.
  void say(const std::string& text) {
    wipe();
    io_.err << "troupe watch: " << plain(text) << std::endl;
  }

private:
  void draw() {
    auto percent = std::to_string(static_cast<int>(100 * std::clamp(fraction_, 0.0, 1.0) + 1e-9));
    percent.insert(0, percent.size() < 3 ? 3 - percent.size() : 0, ' ');
    auto line =
        progress_bar(fraction_, bar_columns) + " " + percent + " %  " + clock_text(ran_ms()) + "  " + last_.message;
    // One column stays free: a full line makes some terminals go to the next, and then it cannot be drawn again.
    io_.out << "\r\x1b[K" << cut(line, io_.columns - 1) << std::flush;
    drawn_ = true;
  }

  /// By the server's clock, which may differ from ours: from start to last event, and ours only from there on.
  int64_t ran_ms() const { return started_ms_ == 0 ? 0 : event_ms_ - started_ms_ + steady_ms() - arrived_ms_; }

  void wipe() {
    if (drawn_) io_.out << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

  console& io_;
  bool json_, live_;
  bool drawn_ = false;
  int64_t started_ms_ = 0, event_ms_ = 0;  // the server's clock
  int64_t arrived_ms_ = 0;                 // our steady clock
  double fraction_ = 0;
  job_event last_;
};

/// Where a job has ended but its events are gone, nothing will come: wait only shortly then.
constexpr int quiet_after_end_ms = 3'000;

/// Asked while the stream is quiet but open: a refusal here (say, too many requests) is no reason to stop listening.
bool has_ended(const server& to, const std::string& path) {
  try {
    return is_terminal(text_at(call(to, {"GET", path}).value, "status"));
  } catch (const trouble&) {
    return false;
  }
}

}  // namespace

int watch_job(world& w, const server& to, const std::string& job_id, bool json) {
  auto path = job_path(job_id);
  auto rules = w.rules;
  if (is_terminal(text_at(call(to, {"GET", path}).value, "status")))
    rules.quiet_ms = std::min(rules.quiet_ms, quiet_after_end_ms);
  std::string ended_as;
  {
    screen s(w.io, json);
    follow_hooks hooks;
    hooks.event = [&](const job_event& e) {
      s.show(e);
      if (e.terminal) ended_as = e.type;
    };
    hooks.tick = [&] { s.tick(); };
    hooks.dropped = [&](const std::string& why) { s.say(why + "; connecting again"); };
    hooks.over = [&] { return has_ended(to, path); };
    follow(to, job_id, rules, hooks);
  }
  auto job = call(to, {"GET", path});
  if (json)
    print_raw(w.io, job.text);
  else
    w.io.out << "\n" << job_text(job.value) << std::flush;
  if (ended_as.empty()) ended_as = text_at(job.value, "status");
  return ended_as == "completed" ? 0 : 1;
}

int watch(world& w, const arguments& args) {
  std::string id;
  command cmd(w, "troupe watch", "Follows a job to its end. Exit code 0: it completed; 1: it did not.");
  cmd.app.add_option("JOB", id, "The job's id")->required()->type_name("");
  if (!cmd.parse(args, w.io)) return 0;
  return watch_job(w, cmd.to(), id, cmd.json);
}

}  // namespace troupe::client
