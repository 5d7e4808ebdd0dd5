// The certificate of the public door: TLS 1.3 only, HTTP/1.1 only, and read anew when its files change.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

namespace troupe {

using tls_rules = std::shared_ptr<SSL_CTX>;

/// Throws std::runtime_error that says why these PEM files cannot serve.
tls_rules read_tls_rules(const std::string& certificate_path, const std::string& key_path);

/// Connections take the rules of the moment they open and keep them. Thread-safe.
class tls_files {
public:
  /// Throws std::runtime_error like read_tls_rules.
  tls_files(std::string certificate_path, std::string key_path);

  tls_rules current() const;
  /// To be called about once a second, by one thread. Files that changed, and stayed so from one look to the next, are
  /// read again. When they cannot serve, the log says so once and what was good before stays.
  void look();

private:
  /// What of the files tells a change.
  std::string stamp() const;

  const std::string certificate_path_, key_path_;
  mutable std::mutex guard_;
  tls_rules rules_;
  std::string read_, seen_;  // stamps: of what was last read or tried, of the last look
};

}  // namespace troupe
