// OpenSSL's settings for a server, and the watch over two files.
#include "http/tls.hpp"

#include <openssl/err.h>
#include <sys/stat.h>

#include <csignal>
#include <stdexcept>
#include <string_view>

#include "config/certificates.hpp"
#include "config/log.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

constexpr unsigned char only_protocol[] = "\x08http/1.1";

/// A client that names protocols must name ours: another one it could not speak with us anyway.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                    void*) {
  unsigned char* chosen = nullptr;
  auto found = SSL_select_next_proto(&chosen, out_size, only_protocol, sizeof only_protocol - 1, in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void set_rules(SSL_CTX* rules) {
  SSL_CTX_set_min_proto_version(rules, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(rules, TLS1_3_VERSION);
  SSL_CTX_set_options(rules, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_ciphersuites(rules, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set1_groups_list(rules, "X25519:P-256:P-384");
  // A write takes what fits, from wherever the bytes lie by then; idle connections give their buffers back.
  SSL_CTX_set_mode(rules,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(rules, 1);
  SSL_CTX_set_max_early_data(rules, 0);  // it could be replayed
  SSL_CTX_set_num_tickets(rules, 1);
  SSL_CTX_set_session_cache_mode(rules, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(rules, choose_protocol, nullptr);
}

}  // namespace

tls_rules read_tls_rules(const std::string& certificate_path, const std::string& key_path) {
  if (auto why = pair_problem(certificate_path, key_path); !why.empty()) throw std::runtime_error{why};
  tls_rules rules{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  if (!rules) throw std::runtime_error{"OpenSSL cannot start"};
  set_rules(rules.get());
  SSL_CTX_set_default_passwd_cb(rules.get(), [](char*, int, int, void*) { return 0; });  // never asks the terminal
  auto good = SSL_CTX_use_certificate_chain_file(rules.get(), certificate_path.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(rules.get(), key_path.c_str(), SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_check_private_key(rules.get()) == 1;
  char reason[256] = "";
  if (!good) ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
  ERR_clear_error();
  if (!good) throw std::runtime_error{certificate_path + " cannot serve: " + reason};
  return rules;
}

tls_files::tls_files(std::string certificate_path, std::string key_path)
    : certificate_path_(std::move(certificate_path)), key_path_(std::move(key_path)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  read_ = seen_ = stamp();
  rules_ = read_tls_rules(certificate_path_, key_path_);
}

tls_rules tls_files::current() const {
  std::lock_guard lock{guard_};
  return rules_;
}

std::string tls_files::stamp() const {
  std::string text;
  for (auto& path : {certificate_path_, key_path_}) {
    struct stat x {};
    if (::stat(path.c_str(), &x) != 0) continue;
    for (auto n : {static_cast<int64_t>(x.st_ino), static_cast<int64_t>(x.st_size),
                   static_cast<int64_t>(x.st_mtim.tv_sec), static_cast<int64_t>(x.st_mtim.tv_nsec)})
      text += std::to_string(n) + ' ';
  }
  return text;
}

void tls_files::look() {
  auto now = stamp();
  if (now != seen_) {
    seen_ = now;  // perhaps only one of the two is written yet
    return;
  }
  if (now == read_) return;
  read_ = now;
  try {
    auto fresh = read_tls_rules(certificate_path_, key_path_);
    std::lock_guard lock{guard_};
    rules_ = std::move(fresh);
  } catch (const std::runtime_error& e) {
    return log::error("the new certificate cannot serve; the one before stays", {{"why", e.what()}});
  }
  auto ends = certificate_ends_ms(certificate_path_);
  log::info("certificate read again", {{"path", certificate_path_}, {"ends", ends ? iso_time(*ends) : ""}});
}

}  // namespace troupe
