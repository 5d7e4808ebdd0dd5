// One row of the journal, and the chain of hashes that makes an edit of any earlier row show.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "model/change.hpp"

namespace troupe {

enum class journal_kind : uint8_t { post = 1, hold, capture, release };
std::string_view to_string(journal_kind);
std::string_view to_string(account_kind);

/// Views: the row belongs to whoever made it.
struct journal_row {
  int64_t seq = 0;
  std::string_view id;
  journal_kind kind = journal_kind::post;
  transfer_code code = transfer_code::deposit;
  int64_t debit_before = 0, credit_before = 0;  // the account's row before this one; 0: none
  int64_t debit = 0, credit = 0;                // account numbers; the hash covers whose they are, too
  std::string_view debit_owner, credit_owner;
  account_kind debit_kind = account_kind::available, credit_kind = account_kind::available;
  amount value = 0;
  asset currency = asset::credit;
  std::string_view hold_id, job_id, note;
  time_ms at_ms = 0;
};

/// "ID/hold", "ID/provider", ..., with "/N" behind it for step N: a hold's rows have ids of their own, so that a replay
/// can never post twice.
std::string hold_row_id(std::string_view hold_id, transfer_code, int32_t step = 0);
/// True for what only a hold's rows have.
bool is_code_of_hold(transfer_code);

/// SHA-256(previous hash, every other column with its length). Not thread-safe: it reuses its scratch space.
class journal_hasher {
public:
  journal_hasher();
  /// 32 raw bytes. The first row follows an empty `previous`.
  std::string next(std::string_view previous, const journal_row&);

private:
  struct release {
    void operator()(EVP_MD* x) const { EVP_MD_free(x); }
    void operator()(EVP_MD_CTX* x) const { EVP_MD_CTX_free(x); }
  };
  std::unique_ptr<EVP_MD, release> sha256_;
  std::unique_ptr<EVP_MD_CTX, release> context_;
  std::string scratch_;
};

}  // namespace troupe
