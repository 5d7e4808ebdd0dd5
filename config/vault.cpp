// OpenSSL's AES-256-GCM: 12 bytes of nonce, the cipher text, 16 bytes of tag.
#include "config/vault.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "config/base64.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

constexpr std::string_view version = "v1.";
constexpr size_t key_size = 32, nonce_size = 12, tag_size = 16, id_size = 8;
constexpr size_t head_size = version.size() + id_size + 1;  // "v1." id "."

struct release {
  void operator()(EVP_CIPHER_CTX* x) const { EVP_CIPHER_CTX_free(x); }
};

const unsigned char* raw(std::string_view x) { return reinterpret_cast<const unsigned char*>(x.data()); }
unsigned char* raw(std::string& x) { return reinterpret_cast<unsigned char*>(x.data()); }
int size_of(std::string_view x) { return static_cast<int>(x.size()); }

std::string hmac(std::string_view key, std::string_view text) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), size_of(key), raw(text), text.size(), raw(digest), &size);
  digest.resize(size);
  return digest;
}

/// HKDF (RFC 5869) with SHA-256: one block is a whole key.
std::string derived(std::string_view text) { return hmac(hmac("troupe", text), std::string{"secrets at rest\1"}); }

bool is_key_in_hex(std::string_view x) {
  return x.size() == key_size * 2 && x.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

void must(bool ok) {
  if (!ok) throw std::runtime_error{"OpenSSL cannot seal with AES-256-GCM"};
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in{text};
  for (std::string part; std::getline(in, part, by);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file{path};
  if (!file) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

void write_private(const std::string& path, const std::string& text, int how) {
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);
  auto written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!written) throw std::runtime_error{"cannot write " + path};
}

}  // namespace

vault::vault(const std::vector<std::string>& keys) {
  for (auto& text : keys) keys_.push_back(make_key(text));
  if (keys_.empty()) throw std::logic_error{"a vault needs a key"};
}

vault::key vault::make_key(const std::string& text) {
  auto bytes = is_key_in_hex(text) ? bytes_of(text) : derived(text);
  return {sha256_hex("troupe key id\n" + bytes).substr(0, id_size), bytes};
}

std::string vault::seal(std::string_view plain, std::string_view context) const {
  auto& with = keys_.front();
  auto sealed = random_bytes(nonce_size);
  sealed.resize(nonce_size + plain.size() + tag_size);
  std::unique_ptr<EVP_CIPHER_CTX, release> c{EVP_CIPHER_CTX_new()};
  int size = 0;
  must(c &&
       EVP_EncryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, raw(std::string_view{with.bytes}), raw(sealed)) == 1);
  must(EVP_EncryptUpdate(c.get(), nullptr, &size, raw(context), size_of(context)) == 1);
  must(EVP_EncryptUpdate(c.get(), raw(sealed) + nonce_size, &size, raw(plain), size_of(plain)) == 1);
  auto* tag = raw(sealed) + nonce_size + plain.size();
  must(EVP_EncryptFinal_ex(c.get(), tag, &size) == 1 && size == 0);
  must(EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, tag_size, tag) == 1);
  return std::string{version} + with.id + "." + base64url(sealed);
}

std::optional<std::string> vault::open(std::string_view sealed, std::string_view context) const {
  if (!is_sealed(sealed)) return std::nullopt;
  auto id = sealed.substr(version.size(), id_size);
  auto with = std::find_if(keys_.begin(), keys_.end(), [&](const key& k) { return k.id == id; });
  auto bytes = from_base64url(sealed.substr(head_size));
  if (with == keys_.end() || !bytes || bytes->size() < nonce_size + tag_size) return std::nullopt;
  std::string plain(bytes->size() - nonce_size - tag_size, '\0');
  auto* tag = raw(*bytes) + nonce_size + plain.size();
  std::unique_ptr<EVP_CIPHER_CTX, release> c{EVP_CIPHER_CTX_new()};
  int size = 0;
  unsigned char end[tag_size];
  must(c &&
       EVP_DecryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, raw(std::string_view{with->bytes}), raw(*bytes)) == 1);
  must(EVP_DecryptUpdate(c.get(), nullptr, &size, raw(context), size_of(context)) == 1);
  must(EVP_DecryptUpdate(c.get(), raw(plain), &size, raw(*bytes) + nonce_size, size_of(plain)) == 1);
  must(EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag) == 1);
  if (EVP_DecryptFinal_ex(c.get(), end, &size) != 1) return std::nullopt;
  return plain;
}

bool vault::is_newest(std::string_view sealed) const {
  return is_sealed(sealed) && sealed.substr(version.size(), id_size) == newest_id();
}

bool is_sealed(std::string_view text) {
  return text.size() > head_size && text.starts_with(version) && text[head_size - 1] == '.';
}

std::string vault_file(const config& c) { return c.data_dir + "/encryption.key"; }

std::vector<std::string> vault_keys(const config& c) {
  auto given = split(c.encryption_key, ',');
  if (!given.empty()) return given;
  auto path = vault_file(c);
  if (!std::filesystem::exists(path)) {
    // Whoever comes second finds the whole file of the first: a link to a file that is complete.
    auto mine = path + "." + random_hex(4);
    write_private(mine, random_hex(key_size) + "\n", O_EXCL);
    auto linked = ::link(mine.c_str(), path.c_str()) == 0 || errno == EEXIST;
    ::unlink(mine.c_str());
    if (!linked) throw std::runtime_error{"cannot make " + path};
  }
  auto keys = split(read_file(path).value_or(""), '\n');
  for (auto& k : keys)
    if (!is_key_in_hex(k)) throw std::runtime_error{path + ": a line is not a key of 64 hex digits"};
  if (keys.empty()) throw std::runtime_error{"cannot read a key from " + path};
  return keys;
}

void write_vault_keys(const config& c, const std::vector<std::string>& keys) {
  std::string text;
  for (auto& k : keys) text += k + "\n";
  auto path = vault_file(c), fresh = path + ".new";
  write_private(fresh, text, O_TRUNC);
  if (::rename(fresh.c_str(), path.c_str()) != 0) throw std::runtime_error{"cannot write " + path};
}

void refuse_examples(const config& c) {
  static const std::set<std::string_view> examples{"your-secret-key",
                                                   "your-secret-key-here",
                                                   "your-super-secret-key-32-chars-minimum",
                                                   "production-secret",
                                                   "32-byte-key",
                                                   "your-32-byte-key",
                                                   "your-jwt-secret",
                                                   "your-encryption-key",
                                                   "change-me",
                                                   "changeme",
                                                   "secret"};
  if (c.dev) return;
  auto look = [](const std::string& option, const std::string& text) {
    for (auto& each : split(text, ','))
      if (examples.contains(each))
        throw config_error{"--" + option + ": *** is the example of a document, known to everybody: only for --dev"};
  };
  look("jwt-secret", c.jwt_secret);
  look("encryption-key", c.encryption_key);
}

std::shared_ptr<const vault> open_vault(const config& c) { return std::make_shared<const vault>(vault_keys(c)); }

}  // namespace troupe
