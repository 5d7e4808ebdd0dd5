// The canonical encoding: numbers as 8 bytes, least first; texts as their length and their bytes.
#include "persistence/journal.hpp"

#include <stdexcept>

namespace troupe {

namespace {

constexpr size_t hash_bytes = 32;

void append(std::string& to, int64_t x) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<uint64_t>(x) >> (8 * i));
  to.append(bytes, sizeof bytes);
}

void append(std::string& to, std::string_view x) {
  append(to, static_cast<int64_t>(x.size()));
  to += x;
}

template <class E>
requires std::is_enum_v<E>
void append(std::string& to, E x) { append(to, static_cast<int64_t>(x)); }

template <class... T>
void append_all(std::string& to, const T&... values) {
  (append(to, values), ...);
}

}  // namespace

std::string_view to_string(journal_kind x) {
  switch (x) {
    case journal_kind::post: return "post";
    case journal_kind::hold: return "hold";
    case journal_kind::capture: return "capture";
    case journal_kind::release: return "release";
  }
  return "unknown";
}

std::string_view to_string(account_kind x) {
  switch (x) {
    case account_kind::available: return "available";
    case account_kind::stake: return "stake";
    case account_kind::earned: return "earned";
    case account_kind::payable: return "payable";
    case account_kind::in_transit: return "in_transit";
    case account_kind::fee: return "fee";
    case account_kind::issuance: return "issuance";
  }
  return "unknown";
}

std::string hold_row_id(std::string_view hold_id, transfer_code code, int32_t step) {
  std::string id{hold_id};
  switch (code) {
    case transfer_code::hold: id += "/hold"; break;
    case transfer_code::provider_share: id += "/provider"; break;
    case transfer_code::withdrawal: id += "/withdrawal"; break;
    case transfer_code::payout: id += "/payout"; break;
    case transfer_code::platform_fee: id += "/fee"; break;
    case transfer_code::release: id += "/release"; break;
    default: throw std::logic_error{"no row of a hold has code " + std::string{to_string(code)}};
  }
  return step > 0 ? id + "/" + std::to_string(step) : id;
}

bool is_code_of_hold(transfer_code code) {
  switch (code) {
    case transfer_code::hold:
    case transfer_code::provider_share:
    case transfer_code::withdrawal:
    case transfer_code::payout:
    case transfer_code::platform_fee:
    case transfer_code::release: return true;
    default: return false;
  }
}

journal_hasher::journal_hasher() : sha256_{EVP_MD_fetch(nullptr, "SHA256", nullptr)}, context_{EVP_MD_CTX_new()} {
  if (!sha256_ || !context_) throw std::bad_alloc{};
}

std::string journal_hasher::next(std::string_view previous, const journal_row& r) {
  scratch_.clear();
  append_all(scratch_, previous, r.seq, r.id, r.kind, r.code, r.debit, r.debit_owner, r.debit_kind, r.credit,
             r.credit_owner, r.credit_kind, r.debit_before, r.credit_before, r.value, r.currency, r.hold_id, r.job_id,
             r.note, r.at_ms);
  std::string hash(hash_bytes, '\0');
  auto to = reinterpret_cast<unsigned char*>(hash.data());
  auto ok = EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr) == 1 &&
            EVP_DigestUpdate(context_.get(), scratch_.data(), scratch_.size()) == 1 &&
            EVP_DigestFinal_ex(context_.get(), to, nullptr) == 1;
  if (!ok) throw std::logic_error{"SHA-256 is not to be had from this OpenSSL"};
  return hash;
}

}  // namespace troupe
