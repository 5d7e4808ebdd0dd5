// A failure as a CAF error and back: the fields travel as the error's context.
#include "actors/house.hpp"

namespace troupe {

caf::error to_error(const failure& f) { return {f.code, f.detail, f.required, f.balance, f.word}; }

failure to_failure(const caf::error& e) {
  failure f{errc::internal, {}, {}, {}};
  if (e.category() == caf::atom("troupe")) {
    f.code = static_cast<errc>(e.code());
    auto& context = e.context();
    if (context.match_elements<std::string, std::string, std::string, std::string>()) {
      f.detail = context.get_as<std::string>(0);
      f.required = context.get_as<std::string>(1);
      f.balance = context.get_as<std::string>(2);
      f.word = context.get_as<std::string>(3);
    }
    return f;
  }
  if (e == caf::sec::request_timeout) return {errc::timeout, "no answer in time", {}, {}};
  if (e == caf::sec::request_receiver_down) return {errc::unavailable, "restarting, try again", {}, {}};
  return f;
}

}  // namespace troupe
