// Secrets at rest: sealed so that who reads the database, or a copy of it, has nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace troupe {

/// AES-256-GCM under one of several keys; a sealed text names its key, so that keys can change while old texts are
/// still there. Thread-safe.
class vault {
public:
  /// The first key seals, all of them open. 64 hex digits are a key as they are; any other text is made one by HKDF.
  /// REQUIRES: at least one key, none of them empty.
  explicit vault(const std::vector<std::string>& keys);

  /// "v1.KEY_ID.BASE64URL". `context` says what the secret is and whose ("mfa:user_1"): a sealed text that was moved
  /// elsewhere does not open.
  std::string seal(std::string_view plain, std::string_view context) const;
  /// Nothing for another context, a changed text, or a key that is not here.
  std::optional<std::string> open(std::string_view sealed, std::string_view context) const;

  /// Sealed with the key that seals now.
  bool is_newest(std::string_view sealed) const;
  const std::string& newest_id() const { return keys_.front().id; }

private:
  struct key {
    std::string id, bytes;  // 8 hex digits; 32 bytes
  };
  static key make_key(const std::string& text);

  std::vector<key> keys_;
};

/// By its form only.
bool is_sealed(std::string_view);

/// Where the keys are kept when the configuration names none: a file of mode 0600, the newest first, one a line.
std::string vault_file(const config&);

/// The keys of the configuration, or of the file, which is made with a first key when it is not there. Throws
/// std::runtime_error when it can be neither read nor made.
std::vector<std::string> vault_keys(const config&);
/// Replaces the file in one step.
void write_vault_keys(const config&, const std::vector<std::string>& keys);

/// Throws config_error when a secret is the example of a document, unless the server is for development.
void refuse_examples(const config&);

std::shared_ptr<const vault> open_vault(const config&);

}  // namespace troupe
