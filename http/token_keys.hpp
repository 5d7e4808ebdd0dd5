// The keys that this server's tokens are signed with: who signs now, who may still be believed, and which tokens were
// looked at already.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/jwt.hpp"
#include "model/session_steps.hpp"

namespace troupe {

/// Thread-safe. With HS256 and nothing in the store, the bytes of jwt_secret are the key. Keys in the store belong to
/// one jwt_secret: with another one all tokens end.
class token_keys {
public:
  token_keys(std::string jwt_secret, std::string algorithm);

  const std::string& algorithm() const { return algorithm_; }
  /// Which jwt_secret: the `owner` of the rows.
  const std::string& owner() const { return owner_; }
  /// The kid of jwt_secret itself; empty: it is no key (RS256).
  const std::string& own_kid() const { return own_.kid; }

  /// What the store says now.
  void take(const std::vector<signing_key_row>&);
  /// What the store has of them, newest last; without what is secret.
  std::vector<signing_key_row> rows() const;

  /// Whether there is a key to sign with.
  bool ready(time_ms now_ms) const;
  /// REQUIRES: ready.
  std::string issue(const token_claims&, int64_t seconds, time_ms now_ms) const;
  std::optional<token_claims> check(std::string_view token, time_ms now_ms) const;
  /// The session of a good token. What was good once is believed until its end, or until the keys change.
  std::optional<std::string> session_of(std::string_view token, time_ms now_ms);
  /// RFC 7517. Empty with HS256, whose keys have no public half.
  json public_keys(time_ms now_ms) const;

private:
  using key_list = std::vector<signing_key>;
  struct good_token {
    std::string session_id;
    int64_t ends_s = 0;
  };
  std::shared_ptr<const key_list> keys() const;
  const signing_key* signer(const key_list&, time_ms now_ms) const;
  const signing_key* find(const key_list&, std::string_view kid, time_ms now_ms) const;
  std::optional<token_claims> check(const key_list&, std::string_view token, time_ms now_ms) const;

  const std::string algorithm_, owner_;
  signing_key own_;
  mutable std::mutex guard_;
  std::shared_ptr<const key_list> keys_;
  std::vector<signing_key_row> rows_;
  std::mutex seen_guard_;
  std::unordered_map<std::string, good_token> seen_;  // by SHA-256 of the token
  std::shared_ptr<const key_list> seen_with_;         // the keys that said so
};

}  // namespace troupe
