// Made once, then reused: the file holds the secrets, the store only their hashes.
#include "http/dev_account.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "actors/exchange.hpp"
#include "config/node_proof.hpp"
#include "http/json.hpp"

namespace troupe {

namespace {

template <class Handle, class M>
typename M::reply must(house& h, const Handle& to, M message) {
  auto answer = ask_and_wait(h, to, std::move(message));
  if (auto* bad = std::get_if<failure>(&answer))
    throw std::runtime_error{bad->detail.empty() ? to_string(bad->code) : bad->detail};
  return std::move(std::get<typename M::reply>(answer));
}

void must_commit(house& h, change c) {
  auto results = must(h, h.actors.ledger.get(), commit_changes{{std::move(c)}});
  if (results.results.at(0).why != errc::ok) throw std::runtime_error{results.results.at(0).detail};
}

bool known(house& h, const std::string& api_key) {
  auto answer = ask_and_wait(h, h.actors.reader(), find_credential{"key:" + sha256_hex(api_key)});
  return std::holds_alternative<credential_row>(answer);
}

std::optional<dev_account> read_file(const std::string& data_dir) {
  std::ifstream file{data_dir + "/dev.json"};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  auto j = json::parse(text, nullptr, false);
  if (!j.is_object()) return std::nullopt;
  auto word = [&](const char* name) {
    return j.contains(name) && j[name].is_string() ? j[name].get<std::string>() : "";
  };
  return dev_account{word("user_id"),        word("email"),         word("password"),
                     word("api_key"),        word("admin_id"),      word("admin_email"),
                     word("admin_password"), word("admin_api_key"), word("node_key")};
}

/// The plain address when it is free, else one of its own.
registered make_user(house& h, const std::string& name, const std::string& role, const std::string& password) {
  register_user ask{name + "@troupe.local", name, "Troupe demo", password, role, "unlimited"};
  try {
    return must(h, h.actors.identity.get(), ask);
  } catch (const std::runtime_error&) {  // an earlier dev.json was lost
    auto suffix = random_hex(4);
    ask.email = name + "-" + suffix + "@troupe.local";
    ask.username = name + "-" + suffix;
    return must(h, h.actors.identity.get(), ask);
  }
}

/// The transfer's id makes the gift happen once, whatever crashes in between.
void give(house& h, const std::string& user_id, asset currency) {
  change c;
  c.transfers.push_back({"txn_dev_" + user_id + "_" + std::string{to_string(currency)},
                         transfer_code::deposit,
                         {std::string{platform_owner}, account_kind::issuance, currency},
                         {user_id, account_kind::available, currency},
                         100 * one,
                         "faucet"});
  must_commit(h, std::move(c));
}

}  // namespace

dev_account open_dev_account(house& h) {
  auto a = read_file(h.settings.data_dir);
  if (!a || !known(h, a->api_key) || !known(h, a->admin_api_key)) {
    dev_account fresh;
    fresh.password = random_hex(12);
    fresh.admin_password = random_hex(12);
    auto user = make_user(h, "demo", "user", fresh.password);
    auto admin = make_user(h, "admin", "admin", fresh.admin_password);
    fresh.user_id = user.user.id;
    fresh.email = user.user.email;
    fresh.api_key = user.api_key;
    fresh.admin_id = admin.user.id;
    fresh.admin_email = admin.user.email;
    fresh.admin_api_key = admin.api_key;
    fresh.node_key = "nk_" + base64url(random_bytes(32));
    a = std::move(fresh);
  }
  store_node_key(h, a->node_key, a->admin_id, "dev");
  give(h, a->user_id, asset::credit);
  give(h, a->user_id, asset::dgpu);
  return *a;
}

void write_dev_file(const std::string& data_dir, const dev_account& a, const std::string& base_url,
                    const std::string& cluster_address) {
  json j{{"base_url", base_url},
         {"user_id", a.user_id},
         {"email", a.email},
         {"password", a.password},
         {"api_key", a.api_key},
         {"admin_id", a.admin_id},
         {"admin_email", a.admin_email},
         {"admin_password", a.admin_password},
         {"admin_api_key", a.admin_api_key},
         {"node_key", a.node_key},
         {"cluster_address", cluster_address}};
  auto text = j.dump(2) + "\n";
  auto path = data_dir + "/dev.json", fresh = path + ".new";
  auto fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  auto written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) throw std::runtime_error{"cannot write " + path};
}

void store_node_key(house& h, const std::string& secret, const std::string& user_id, const std::string& name) {
  change c;
  c.node_key = make_node_key(secret, user_id, name, h.now_ms());
  must_commit(h, std::move(c));
}

}  // namespace troupe
