// Strings that need no escape are copied as they are; the others go through the library.
#include "http/json_text.hpp"

#include <algorithm>

#include "config/world.hpp"
#include "http/json.hpp"

namespace troupe {

void json_text::next() {
  if (out_.empty()) {
    out_.reserve(1024);
    return;
  }
  auto last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

void json_text::key(std::string_view name) {
  next();
  out_ += '"';
  out_ += name;
  out_ += "\":";
}

void json_text::add(std::string_view text) {
  auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  if (!std::all_of(text.begin(), text.end(), is_plain))
    return literal(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
  next();
  out_ += '"';
  out_ += text;
  out_ += '"';
}

void json_text::add(const std::vector<std::string>& texts) {
  begin('[');
  for (auto& x : texts) add(std::string_view{x});
  end(']');
}

void json_text::add_time(std::string_view name, time_ms at) {
  key(name);
  if (at == 0) return add(nullptr);
  add(std::string_view{iso_time(at)});
}

void json_text::add_share(std::string_view name, int32_t ppm) { key(name), add_number(ppm / 1'000'000.0); }

}  // namespace troupe
