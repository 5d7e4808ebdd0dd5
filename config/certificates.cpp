// OpenSSL's X509 calls: P-256 keys, SHA-256 signatures.
#include "config/certificates.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace troupe {

namespace {

template <auto Free>
struct freed {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};
using bio = std::unique_ptr<BIO, freed<BIO_free_all>>;
using certificate = std::unique_ptr<X509, freed<X509_free>>;
using private_key = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;

constexpr int64_t ca_days = 3650, leaf_days = 365;
constexpr int64_t skew_s = 300;  // machines whose clocks are behind take it at once

void must(bool good, const char* what) {
  if (!good) throw std::runtime_error{std::string{"OpenSSL cannot "} + what};
}

template <class Write>
std::string pem_text(Write write) {
  bio memory{BIO_new(BIO_s_mem())};
  must(memory && write(memory.get()) == 1, "write PEM");
  char* data = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<size_t>(size)};
}

pem_pair pair_of(X509* x, EVP_PKEY* key) {
  return {pem_text([&](BIO* out) { return PEM_write_bio_X509(out, x); }), pem_text([&](BIO* out) {
            return PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

certificate read_certificate(const std::string& pem) {
  bio memory{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  return certificate{PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)};
}

private_key read_key(const std::string& pem) {
  bio memory{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  auto no_password = [](char*, int, int, void*) { return 0; };  // never asks the terminal
  return private_key{PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr)};
}

std::string file_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void extend(X509* x, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, freed<X509_EXTENSION_free>> made{
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
  must(made && X509_add_ext(x, made.get(), -1) == 1, "add an extension");
}

/// Everything but extensions and signature.
certificate blank(EVP_PKEY* key, const std::string& name, int64_t days) {
  certificate x{X509_new()};
  must(x && X509_set_version(x.get(), 2) == 1, "make a certificate");  // 2 says: version 3
  unsigned char serial[16];
  must(RAND_bytes(serial, sizeof serial) == 1, "draw a serial number");
  serial[0] &= 0x7f;
  std::unique_ptr<BIGNUM, freed<BN_free>> number{BN_bin2bn(serial, sizeof serial, nullptr)};
  must(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x.get())), "set the serial number");
  auto now = std::time(nullptr);
  X509_time_adj_ex(X509_getm_notBefore(x.get()), 0, -skew_s, &now);
  X509_time_adj_ex(X509_getm_notAfter(x.get()), static_cast<int>(days), 0, &now);
  auto text = reinterpret_cast<const unsigned char*>(name.c_str());
  auto* subject = X509_get_subject_name(x.get());
  must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "set the name");
  must(X509_set_pubkey(x.get(), key) == 1, "set the key");
  return x;
}

private_key new_key() {
  private_key key{EVP_EC_gen("P-256")};
  must(key != nullptr, "make a key");
  return key;
}

bool is_address(const std::string& text) {
  unsigned char parsed[16];
  return inet_pton(AF_INET, text.c_str(), parsed) == 1 || inet_pton(AF_INET6, text.c_str(), parsed) == 1;
}

std::string alternative_names(const std::vector<std::string>& hosts) {
  std::string all;
  for (auto& x : hosts) all += (all.empty() ? "" : ",") + std::string{is_address(x) ? "IP:" : "DNS:"} + x;
  return all;
}

bool signed_by(X509* x, const std::string& ca_pem) {
  bio memory{BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()))};
  std::unique_ptr<X509_STORE, freed<X509_STORE_free>> trusted{X509_STORE_new()};
  while (certificate ca{PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)})
    X509_STORE_add_cert(trusted.get(), ca.get());
  std::unique_ptr<X509_STORE_CTX, freed<X509_STORE_CTX_free>> context{X509_STORE_CTX_new()};
  X509_STORE_CTX_init(context.get(), trusted.get(), x, nullptr);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  return X509_verify_cert(context.get()) == 1;
}

}  // namespace

pem_pair make_cluster_ca(const std::string& name) {
  auto key = new_key();
  auto x = blank(key.get(), name, ca_days);
  must(X509_set_issuer_name(x.get(), X509_get_subject_name(x.get())) == 1, "set the issuer");
  extend(x.get(), x.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(x.get(), x.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(x.get(), x.get(), NID_subject_key_identifier, "hash");
  must(X509_sign(x.get(), key.get(), EVP_sha256()) > 0, "sign");
  return pair_of(x.get(), key.get());
}

pem_pair make_cluster_certificate(const pem_pair& ca, const std::string& name, const std::vector<std::string>& hosts) {
  auto issuer = read_certificate(ca.certificate);
  auto issuer_key = read_key(ca.key);
  if (!issuer || !issuer_key || X509_check_ca(issuer.get()) == 0 ||
      X509_check_private_key(issuer.get(), issuer_key.get()) != 1)
    throw std::runtime_error{"that is no CA with its key"};
  auto key = new_key();
  auto x = blank(key.get(), name, leaf_days);
  must(X509_set_issuer_name(x.get(), X509_get_subject_name(issuer.get())) == 1, "set the issuer");
  extend(x.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  extend(x.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
  extend(x.get(), issuer.get(), NID_ext_key_usage, hosts.empty() ? "clientAuth" : "serverAuth,clientAuth");
  extend(x.get(), issuer.get(), NID_subject_alt_name, alternative_names(hosts.empty() ? std::vector{name} : hosts));
  extend(x.get(), issuer.get(), NID_subject_key_identifier, "hash");
  extend(x.get(), issuer.get(), NID_authority_key_identifier, "keyid");
  must(X509_sign(x.get(), issuer_key.get(), EVP_sha256()) > 0, "sign");
  return pair_of(x.get(), key.get());
}

bool is_host_name(std::string_view text) {
  if (is_address(std::string{text})) return true;
  auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= 253 && std::isalnum(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), fits) && text.find("..") == std::string_view::npos;
}

std::string pair_problem(const std::string& certificate_path, const std::string& key_path) {
  auto x = read_certificate(file_text(certificate_path));
  if (!x) return certificate_path + " holds no PEM certificate";
  auto key = read_key(file_text(key_path));
  if (!key) return key_path + " holds no PEM key without a password";
  if (X509_check_private_key(x.get(), key.get()) != 1) return key_path + " is not the key of " + certificate_path;
  return {};
}

std::string certificate_problem(const std::string& certificate_path, const std::string& key_path,
                                const std::string& ca_path) {
  if (auto why = pair_problem(certificate_path, key_path); !why.empty()) return why;
  auto x = read_certificate(file_text(certificate_path));
  auto ca = file_text(ca_path);
  if (!read_certificate(ca)) return ca_path + " holds no PEM certificate";
  if (!x || !signed_by(x.get(), ca)) return certificate_path + " is not signed by " + ca_path;
  return {};
}

std::optional<int64_t> certificate_ends_ms(const std::string& path) {
  auto x = read_certificate(file_text(path));
  if (!x) return std::nullopt;
  tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(x.get()), &end) != 1) return std::nullopt;
  return static_cast<int64_t>(timegm(&end)) * 1000;
}

}  // namespace troupe
