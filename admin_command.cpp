// troupe admin: what an operator does at the machine itself: the first admin, and another key for secrets at rest.
#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "actors/password.hpp"
#include "commands.hpp"
#include "config/vault.hpp"
#include "config/world.hpp"
#include "model/audit.hpp"
#include "persistence/beside.hpp"
#include "persistence/secrets.hpp"

namespace troupe {

namespace {

constexpr size_t password_bytes_min = 8, password_bytes_max = 1024;

/// Keeps what is typed off the screen.
class no_echo {
public:
  no_echo() {
    tcgetattr(STDIN_FILENO, &before_);
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~no_echo() { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  no_echo(const no_echo&) = delete;
  no_echo& operator=(const no_echo&) = delete;

private:
  termios before_{};
};

std::string ask_quietly(const std::string& question) {
  std::cerr << question << std::flush;
  std::string text;
  {
    no_echo quiet;
    std::getline(std::cin, text);
  }
  std::cerr << '\n';
  return text;
}

/// Typed twice at a terminal, else one line of the standard input.
std::string read_password() {
  std::string text;
  if (isatty(STDIN_FILENO)) {
    text = ask_quietly("Password: ");
    if (ask_quietly("Once more: ") != text) throw config_error{"the two passwords differ"};
  } else {
    std::getline(std::cin, text);
  }
  if (text.size() < password_bytes_min || text.size() > password_bytes_max)
    throw config_error{"the password (a line of the standard input) must have 8 to 1024 characters"};
  return text;
}

void check(const admin_wish& w) {
  auto at = w.email.find('@');
  auto is_address = at != w.email.npos && at > 0 && at + 1 < w.email.size() && w.email.size() <= 254 &&
                    w.email.find_first_of(" \t\r\n") == w.email.npos;
  if (!is_address) throw config_error{"--email: \"" + w.email + "\" is not an e-mail address"};
  if (w.role != "user" && w.role != "provider" && w.role != "admin")
    throw config_error{"--role: \"" + w.role + "\" is not user, provider or admin"};
}

int create_user(const config& c, const admin_wish& w) {
  check(w);
  auto password = read_password();
  auto db = open_store(c.data_dir, c.database, false);
  auto now = wall_ms();
  change x;
  x.user = user_row{new_id("user"),
                    w.email,
                    w.username,
                    "",
                    hash_password(password),
                    w.role,
                    w.role == "admin" ? "unlimited" : "free",
                    now};
  audit_entry told{"system", "", "user.create", x.user->id, "ok", "", "", "{\"role\":\"" + w.role + "\"}"};
  x.audit = std::make_shared<const audit_entry>(told);
  auto done = apply_beside(*db, x, now);
  if (done.why != errc::ok) {
    std::cerr << "troupe: " << w.email << ": " << done.detail << '\n';
    return 1;
  }
  std::cout << x.user->id << '\n';
  return 0;
}

/// A fresh key, unless an earlier change of keys was interrupted: then the file has two, and it goes on.
std::vector<std::string> keys_to_use(const config& c) {
  auto keys = vault_keys(c);
  if (!c.encryption_key.empty()) {
    if (keys.size() < 2)
      throw config_error{
          "--encryption-key: give the new key and the old one as NEW,OLD: all secrets are then sealed with the new "
          "one"};
    return keys;
  }
  if (keys.size() > 1) return keys;
  keys.insert(keys.begin(), random_hex(32));
  write_vault_keys(c, keys);  // before the first secret is sealed with it
  return keys;
}

/// With no server beside: one that sealed with the old key at this moment would leave what nobody can open.
int rotate(const config& c) {
  auto db = open_store(c.data_dir, c.database, true);
  auto keep_out = db->open_writer();
  auto keys = keys_to_use(c);
  vault both{keys};
  check_vault(*db, both);
  auto count = reseal(*db, both);
  if (c.encryption_key.empty()) write_vault_keys(c, {keys.front()});
  change x;
  audit_entry told{"system",
                   "",
                   "encryption_key.rotate",
                   both.newest_id(),
                   "ok",
                   "",
                   "",
                   "{\"secrets\":" + std::to_string(count) + "}"};
  x.audit = std::make_shared<const audit_entry>(told);
  apply_beside(*db, x, wall_ms());
  std::cout << count << " secrets are sealed with key " << both.newest_id() << " now";
  std::cout << (c.encryption_key.empty() ? "; the old key is gone\n"
                                         : "; nothing needs the other keys: give --encryption-key the first only\n");
  return 0;
}

}  // namespace

int admin_command(const config& c, const admin_wish& w) {
  refuse_examples(c);
  return w.verb == "create-user" ? create_user(c, w) : rotate(c);
}

}  // namespace troupe
