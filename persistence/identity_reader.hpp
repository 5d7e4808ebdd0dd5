// What is asked about people and their credentials, beyond letting them in.
#pragma once

#include <memory>

#include "model/identity.hpp"
#include "persistence/sign_in_reader.hpp"
#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe {

class identity_reader {
public:
  virtual ~identity_reader() = default;
  virtual sign_in_reader& sign_in() = 0;
};

namespace sql {

/// A list as its column has it: words with spaces between.
std::vector<std::string> words_of(std::string_view);
std::string join_words(const std::vector<std::string>&);

/// REQUIRES: the connection lives longer.
std::unique_ptr<identity_reader> open_identity(connection&);

}  // namespace sql

}  // namespace troupe
