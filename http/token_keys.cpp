// The list of keys is replaced as a whole; whoever checks a token holds the one it began with.
#include "http/token_keys.hpp"

#include <algorithm>
#include <stdexcept>

#include "config/log.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

constexpr size_t seen_max = 8'192;
constexpr size_t seen_bytes_max = 4'096;  // of a token; longer ones are none

bool same_keys(const std::vector<signing_key_row>& a, const std::vector<signing_key_row>& b) {
  auto same = [](const signing_key_row& x, const signing_key_row& y) {
    return x.kid == y.kid && x.from_ms == y.from_ms && x.ends_ms == y.ends_ms;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

/// Twelve letters that tell nothing of the secret but whether it is the same.
std::string name_of(const std::string& secret) { return sha256_hex("troupe jwt key\n" + secret).substr(0, 12); }

}  // namespace

token_keys::token_keys(std::string jwt_secret, std::string algorithm)
    : algorithm_{std::move(algorithm)}, owner_{name_of(jwt_secret)} {
  if (algorithm_ == "HS256") {
    own_.kid = "hs-" + owner_;
    own_.algorithm = algorithm_;
    own_.secret = std::move(jwt_secret);
  }
  take({});
}

void token_keys::take(const std::vector<signing_key_row>& rows) {
  if (keys() && same_keys(rows, this->rows())) return;
  auto fresh = std::make_shared<key_list>();
  if (!own_.kid.empty()) fresh->push_back(own_);
  for (auto& row : rows) {
    if (row.algorithm != algorithm_ || row.owner != owner_) continue;
    if (row.kid == own_.kid) {
      fresh->front().ends_ms = row.ends_ms;
      continue;
    }
    auto key = open_signing_key(row.kid, row.algorithm, row.secret);
    if (!key) log::error("a signing key of the store cannot be read", {{"kid", row.kid}});
    if (!key) continue;
    key->from_ms = row.from_ms;
    key->ends_ms = row.ends_ms;
    fresh->push_back(std::move(*key));
  }
  std::lock_guard lock{guard_};
  keys_ = std::move(fresh);
  rows_ = rows;
  for (auto& row : rows_) row.secret.clear();
}

std::vector<signing_key_row> token_keys::rows() const {
  std::lock_guard lock{guard_};
  return rows_;
}

std::shared_ptr<const token_keys::key_list> token_keys::keys() const {
  std::lock_guard lock{guard_};
  return keys_;
}

/// The newest that has begun, of those that are not retired; while none has begun, the newest that still counts.
const signing_key* token_keys::signer(const key_list& all, time_ms now_ms) const {
  const signing_key* best = nullptr;
  auto better = [&](const signing_key& x) {
    if (best == nullptr) return true;
    auto rank = [](const signing_key& k) { return std::pair{k.from_ms, std::string_view{k.kid}}; };
    return rank(x) > rank(*best);
  };
  for (auto& x : all)
    if (x.ends_ms == 0 && x.from_ms <= now_ms && better(x)) best = &x;
  if (best != nullptr) return best;
  for (auto& x : all)
    if ((x.ends_ms == 0 || x.ends_ms > now_ms) && x.from_ms <= now_ms && better(x)) best = &x;
  return best;
}

const signing_key* token_keys::find(const key_list& all, std::string_view kid, time_ms now_ms) const {
  auto wanted = kid.empty() ? std::string_view{own_.kid} : kid;
  for (auto& x : all)
    if (x.kid == wanted) return x.ends_ms == 0 || x.ends_ms > now_ms ? &x : nullptr;
  return nullptr;
}

bool token_keys::ready(time_ms now_ms) const { return signer(*keys(), now_ms) != nullptr; }

std::string token_keys::issue(const token_claims& c, int64_t seconds, time_ms now_ms) const {
  auto all = keys();
  const auto* key = signer(*all, now_ms);
  if (key == nullptr) throw std::logic_error{"there is no key to sign tokens with"};
  return sign_token(c, *key, seconds, now_ms);
}

std::optional<token_claims> token_keys::check(const key_list& all, std::string_view token, time_ms now_ms) const {
  return check_token(
      token, [&](std::string_view kid) { return find(all, kid, now_ms); }, now_ms);
}

std::optional<token_claims> token_keys::check(std::string_view token, time_ms now_ms) const {
  return check(*keys(), token, now_ms);
}

std::optional<std::string> token_keys::session_of(std::string_view token, time_ms now_ms) {
  if (token.size() > seen_bytes_max) return std::nullopt;
  auto all = keys();
  auto digest = sha256_hex(token);
  {
    std::lock_guard lock{seen_guard_};
    if (seen_with_ != all) seen_.clear();
    seen_with_ = all;
    auto found = seen_.find(digest);
    if (found != seen_.end() && found->second.ends_s > now_ms / 1000) return found->second.session_id;
  }
  auto claims = check(*all, token, now_ms);
  if (!claims) return std::nullopt;
  std::lock_guard lock{seen_guard_};
  if (seen_.size() >= seen_max) seen_.clear();
  if (seen_with_ == all) seen_[digest] = {claims->session_id, claims->ends_s};
  return claims->session_id;
}

json token_keys::public_keys(time_ms now_ms) const {
  auto list = json::array();
  for (auto& x : *keys())
    if (x.pair && (x.ends_ms == 0 || x.ends_ms > now_ms)) list.push_back(public_jwk(x));
  return {{"keys", std::move(list)}};
}

}  // namespace troupe
