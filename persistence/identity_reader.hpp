// What is asked about people and their credentials, beyond letting them in.
#pragma once

#include <memory>

#include "model/identity.hpp"
#include "persistence/session_reader.hpp"
#include "persistence/sign_in_reader.hpp"
#include "persistence/sql.hpp"
#include "persistence/store.hpp"
#include "persistence/webhook_reader.hpp"

namespace troupe {

/// An API key, without what opens.
struct key_view {
  api_key_row row;
  credential_rules rules;
  time_ms used_ms = 0;                                 // last, at about this time; 0: never
  std::vector<std::pair<spend_limit, amount>> limits;  // its own ceilings, and what is counted in them by now
};

class identity_reader {
public:
  virtual ~identity_reader() = default;
  /// What was stored of a user's requests; nothing counted for one that is not known.
  virtual rate_counts counts(const std::string& user_id) = 0;
  /// The newest first, ended ones included.
  virtual std::vector<key_view> keys(const std::string& user_id, int32_t most, time_ms now_ms) = 0;
  virtual std::optional<key_view> key(const std::string& key_id, time_ms now_ms) = 0;
  virtual session_reader& sessions() = 0;
  virtual sign_in_reader& sign_in() = 0;
  virtual webhook_reader& webhooks() = 0;
};

namespace sql {

/// A list as its column has it: words with spaces between.
std::vector<std::string> words_of(std::string_view);
std::string join_words(const std::vector<std::string>&);

/// REQUIRES: the connection lives longer.
std::unique_ptr<identity_reader> open_identity(connection&);

}  // namespace sql

}  // namespace troupe
