// The answer is the same whether the login exists or not: the count is of names, not of users.
#include "http/login_guard.hpp"

#include "config/log.hpp"

namespace troupe {

namespace {

constexpr int hashes_max = 64;  // waiting or under way: about two seconds of work

http_reply too_many(const call& c, int64_t wait_ms) {
  auto reply = error_reply(429, "TOO_MANY_ATTEMPTS", "Too many failed attempts: wait before you try again",
                           c.request.request_id);
  add_retry_after(reply, wait_ms);
  return reply;
}

}  // namespace

int64_t login_guard::begin(const std::string& login, const std::string& ip, int64_t now_ms) {
  std::lock_guard lock{guard_};
  if (auto wait_ms = addresses_.begin(ip, now_ms)) return wait_ms;
  auto wait_ms = logins_.begin(login, now_ms);
  if (wait_ms != 0) addresses_.end(ip, attempt_end::untried, now_ms);
  return wait_ms;
}

void login_guard::end(const std::string& login, const std::string& ip, attempt_end how, int64_t now_ms) {
  std::lock_guard lock{guard_};
  logins_.end(login, how, now_ms);
  addresses_.end(ip, how, now_ms);
}

std::shared_ptr<void> login_guard::queue_up() {
  auto count = hashing_;
  if (count->fetch_add(1) >= hashes_max) {
    count->fetch_sub(1);
    return nullptr;
  }
  return {count.get(), [count](void*) { count->fetch_sub(1); }};
}

void guarded_attempt(const call_ptr& c, const std::string& login, std::function<void(tell_outcome)> work) {
  auto wait_ms = c->e.logins->begin(login, c->request.remote_ip, c->e.h.steady());
  if (wait_ms != 0) return c->done(too_many(*c, wait_ms));
  // Whoever forgets to tell, or is refused on the way, has not tried.
  struct attempt {
    attempt(call_ptr asked, std::string name) : c{std::move(asked)}, login{std::move(name)} {}
    attempt(const attempt&) = delete;
    call_ptr c;
    std::string login;
    bool told = false;
    void tell(attempt_end how) {
      if (!std::exchange(told, true)) c->e.logins->end(login, c->request.remote_ip, how, c->e.h.steady());
    }
    ~attempt() { tell(attempt_end::untried); }
  };
  auto one = std::make_shared<attempt>(c, login);
  work([one](attempt_end how) { one->tell(how); });
}

}  // namespace troupe
