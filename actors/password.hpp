// Password hashes: argon2id with OWASP's minimum (19 MiB, 2 passes, 1 lane). Each call takes tens of milliseconds.
#pragma once

#include <string>

namespace troupe {

/// The encoded form "$argon2id$v=19$m=19456,t=2,p=1$...".
std::string hash_password(const std::string& password);

/// False for a wrong password and for a malformed hash.
bool check_password(const std::string& encoded, const std::string& password);

/// For codes that people type: argon2id in hex, one pass. The same for the same code of the same user, so that one
/// calculation finds it among many.
std::string hash_code(const std::string& code, const std::string& user_id);

}  // namespace troupe
