// The grammars of the price options. A price is a decimal string; it is taken as it stands or refused, never rounded.
#include "config/prices.hpp"

#include <algorithm>
#include <cctype>

#include "config/option_table.hpp"
#include "config/text.hpp"
#include "config/values.hpp"
#include "model/gpu_names.hpp"

namespace troupe {

namespace {

constexpr amount price_max = 1'000'000 * one;  // so that sums over the GPUs of a node still fit
constexpr size_t name_bytes_max = 128;
constexpr int64_t min_tokens_max = 1'000'000;

std::optional<amount> parse_price(std::string_view text, amount least) {
  auto price = parse_amount(text);
  if (!price || *price < least || *price > price_max) return std::nullopt;
  return price;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
}

/// Calls `use(name, rest)`; false without an `=` behind a proper name.
template <class Use>
bool split_pair(std::string_view text, Use use) {
  auto equals = text.find('=');
  return equals != std::string_view::npos && is_name(text.substr(0, equals)) &&
         use(text.substr(0, equals), text.substr(equals + 1));
}

/// As in `--gpu`: a node row lists its devices as KEY:VRAM_MB,...
bool is_gpu_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '.' || c == '_'; });
}

bool add_gpu(gpu_rates& to, std::string_view name, std::string_view text) {
  auto rate = parse_price(text, 1);  // 0 would mean "any node" to a job
  if (!rate || !is_gpu_name(name)) return false;
  to[gpu_key(name)] = *rate;
  return true;
}

/// INPUT:OUTPUT[:CACHED[:MIN_TOKENS]]; an empty CACHED is the input's price.
bool add_model(price_book& to, std::string_view name, std::string_view text) {
  auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 4) return false;
  auto in = parse_price(parts[0], 0);
  auto out = parse_price(parts[1], 0);
  auto cached_given = parts.size() > 2 && !parts[2].empty();
  auto cached = cached_given ? parse_price(parts[2], 1) : std::optional<amount>{0};
  auto min_tokens = parts.size() > 3 ? parse_integer(parts[3]) : std::optional<int64_t>{0};
  if (!in || !out || !cached || !min_tokens || *min_tokens < 0 || *min_tokens > min_tokens_max) return false;
  if (*cached > *in) return false;
  auto& price = name == "*" ? to.model_default : to.models[std::string{name}];
  price = {*in, *out, *min_tokens, *cached};
  return true;
}

class price_reader {
public:
  price_reader(config& c, const settings& given) : c_{c}, given_{given} {}

  void each(std::string_view name, const std::vector<std::string>& texts, auto add, std::string_view wanted) {
    for (auto& text : texts)
      if (!split_pair(text, add)) throw bad(name, text, wanted);
  }
  void one_price(std::string_view name, const std::string& text, auto use) {
    if (text.empty()) return;
    auto price = parse_price(text, 0);
    if (!price) throw bad(name, text, "is not a decimal up to 1000000 with at most 9 places");
    use(*price);
  }
  void fee_mode() {
    if (c_.fee_mode != "on_top" && c_.fee_mode != "inclusive")
      throw bad("fee-mode", c_.fee_mode, "is not on_top or inclusive");
    c_.prices.fee_inclusive = c_.fee_mode == "inclusive";
    c_.prices.fee_bps = c_.fee_bps;
  }

private:
  config_error bad(std::string_view name, const std::string& text, std::string_view why) const {
    auto found = given_.find(name);
    auto from = found == given_.end() ? "--" + std::string{name} : found->second.from;
    return bad_value(find_binding(name)->about, from, text, why);
  }

  config& c_;
  const settings& given_;
};

}  // namespace

void read_prices(config& c, const settings& given) {
  price_reader read{c, given};
  auto& book = c.prices;
  read.each(
      "gpu-price", c.gpu_price, [&](auto name, auto text) { return add_gpu(book.gpus, name, text); },
      "is not GPU=RATE, a decimal more than 0 and up to 1000000 with at most 9 places");
  read.each(
      "model-price", c.model_price, [&](auto name, auto text) { return add_model(book, name, text); },
      "is not NAME=INPUT:OUTPUT[:CACHED[:MIN_TOKENS]], decimals per million tokens, CACHED at most INPUT");
  read.one_price("gpu-price-default", c.gpu_price_default, [&](amount x) {
    if (x > 0) book.gpu_default = x;
  });
  read.one_price("vram-price", c.vram_price, [&](amount x) { book.vram_gb_hour = x; });
  read.one_price("power-price", c.power_price, [&](amount x) { book.power_kwh = x; });
  read.one_price("api-call-price", c.api_call_price, [&](amount x) { book.api_call = x; });
  read.one_price("storage-price", c.storage_price, [&](amount x) { book.storage_gb_month = x; });
  read.one_price("bandwidth-price", c.bandwidth_price, [&](amount x) { book.bandwidth_gb = x; });
  read.fee_mode();
}

}  // namespace troupe
