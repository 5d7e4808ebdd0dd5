// Statements behind `identity_reader`.
#include "persistence/identity_reader.hpp"

namespace troupe::sql {

namespace {

class people_lookup : public identity_reader {
public:
  explicit people_lookup(connection& db) : db_{db} {}

  sign_in_reader& sign_in() override { return *sign_in_; }

private:
  connection& db_;
  std::unique_ptr<sign_in_reader> sign_in_ = open_sign_in(db_);
};

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (auto& c : text)
    if (c == ' ')
      words.emplace_back();
    else if (words.empty())
      words.emplace_back(1, c);
    else
      words.back() += c;
  return words;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (auto& x : words) text += (text.empty() ? "" : " ") + x;
  return text;
}

std::unique_ptr<identity_reader> open_identity(connection& db) { return std::make_unique<people_lookup>(db); }

}  // namespace troupe::sql
