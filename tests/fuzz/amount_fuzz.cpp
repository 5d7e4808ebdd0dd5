// Decimal text as money: what is taken is written back as the same number, and no other way of writing it is taken.
#include <cstdlib>
#include <string>

#include "model/amount.hpp"

using namespace troupe;

namespace {

/// By the letter of the rule: digits without a leading zero, then perhaps a point and 1 to 9 digits.
bool is_decimal(const std::string& text) {
  auto point = text.find('.');
  auto whole = text.substr(0, point);
  if (whole.empty() || whole.find_first_not_of("0123456789") != whole.npos) return false;
  if (whole.size() > 1 && whole[0] == '0') return false;
  if (point == text.npos) return true;
  auto part = text.substr(point + 1);
  return !part.empty() && part.size() <= 9 && part.find_first_not_of("0123456789") == part.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  auto value = parse_amount(text);
  if (!value) {
    if (is_decimal(text) && text.find('.') < 10) std::abort();  // nine digits before the point always fit
    return 0;
  }
  if (!is_decimal(text) || *value < 0) std::abort();
  auto shown = format_amount(*value);
  if (parse_amount(shown) != value || shown.size() > text.size()) std::abort();
  return 0;
}
