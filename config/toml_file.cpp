// The TOML file as a layer of settings. toml++ is used here only.
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "config/layers.hpp"
#include "config/option_table.hpp"

namespace troupe {

namespace {

constexpr std::uintmax_t file_bytes_max = 1024 * 1024;

std::string read_text(const setting& file_name) {
  auto& path = file_name.values.front();
  auto bad = [&](std::string_view why) { return bad_value(find_binding("config")->about, file_name.from, path, why); };
  std::error_code why;
  if (!std::filesystem::is_regular_file(path, why)) throw bad("is not a file");
  if (std::filesystem::file_size(path, why) > file_bytes_max) throw bad("is larger than 1 MiB");
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (!file) throw bad("cannot be read");
  return text;
}

toml::table parse(const setting& file_name) {
  auto& path = file_name.values.front();
  try {
    return toml::parse(read_text(file_name), path);
  } catch (const toml::parse_error& e) {
    std::string what{e.description()};
    std::replace(what.begin(), what.end(), '\n', ' ');
    throw config_error{path + ":" + std::to_string(e.source().begin.line) + ": " + what};
  }
}

const option* find_key(std::string_view key) {
  if (key == "config") return nullptr;  // a file does not name another
  for (auto& row : options())
    if (toml_key(row.name) == key) return &row;
  return nullptr;
}

config_error wrong_type(const option& about, const std::string& from, const toml::node& value,
                        std::string_view wanted) {
  std::ostringstream shown;
  value.visit([&](auto& v) { shown << v; });
  auto text = shown.str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return config_error{from + ": " + (about.secret ? "***" : text) + " is not " + std::string{wanted}};
}

std::vector<std::string> read_list(const option& about, const std::string& from, const toml::node& value) {
  auto* array = value.as_array();
  if (!array) throw wrong_type(about, from, value, "a list of strings, [\"...\"]");
  std::vector<std::string> values;
  for (auto& item : *array) {
    if (!item.is_string()) throw wrong_type(about, from, item, "a string in quotes");
    values.push_back(item.as_string()->get());
  }
  return values;
}

std::string read_scalar(const binding& row, const std::string& from, const toml::node& value) {
  if (std::holds_alternative<bool config::*>(row.where)) {
    if (!value.is_boolean()) throw wrong_type(row.about, from, value, "true or false");
    return value.as_boolean()->get() ? "true" : "false";
  }
  if (std::holds_alternative<bounded>(row.where)) {
    if (!value.is_integer()) throw wrong_type(row.about, from, value, "a whole number");
    return std::to_string(value.as_integer()->get());
  }
  if (!value.is_string()) throw wrong_type(row.about, from, value, "a string in quotes");
  return value.as_string()->get();
}

const std::string& price_text(const std::string& from, const toml::node& value) {
  if (!value.is_string()) throw wrong_type(find_binding("gpu-price")->about, from, value, "a decimal in quotes");
  return value.as_string()->get();
}

/// { input = "5", output = "15", cached = "0.5", min_tokens = 100 } as the option is written on the command line.
std::string model_price_text(const std::string& from, const toml::node& value) {
  auto* table = value.as_table();
  if (!table) throw wrong_type(find_binding("model-price")->about, from, value, "a table { input = \"…\", … }");
  std::string input, output, cached, min_tokens = "0";
  for (auto&& [key, part] : *table) {
    auto at = from + "." + std::string{key.str()};
    if (key == "input") {
      input = price_text(at, part);
    } else if (key == "output") {
      output = price_text(at, part);
    } else if (key == "cached") {
      cached = price_text(at, part);
    } else if (key == "min_tokens" && part.is_integer()) {
      min_tokens = std::to_string(part.as_integer()->get());
    } else {
      throw config_error{at + ": unknown key; there are input, output, cached and min_tokens (a whole number)"};
    }
  }
  return input + ":" + output + ":" + cached + ":" + min_tokens;
}

/// [prices.gpu] and [prices.model] become values of gpu-price and model-price.
void read_price_tables(settings& all, const std::string& from, const toml::node& value) {
  auto* tables = value.as_table();
  if (!tables) throw config_error{from + ": is not a table; write [prices.gpu] or [prices.model]"};
  for (auto&& [kind, rows] : *tables) {
    auto at = from + "." + std::string{kind.str()};
    auto is_gpu = kind == "gpu";
    if ((!is_gpu && kind != "model") || !rows.is_table()) throw config_error{at + ": unknown key or no table"};
    auto& entry = all[is_gpu ? "gpu-price" : "model-price"];
    if (!entry.values.empty()) throw config_error{at + ": given twice"};
    entry.from = at;
    for (auto&& [name, price] : *rows.as_table()) {
      auto key = std::string{name.str()};
      auto about = at + "." + key;
      if (key.find('=') != std::string::npos) throw config_error{about + ": a name with '=' in it"};
      entry.values.push_back(key + "=" + (is_gpu ? price_text(about, price) : model_price_text(about, price)));
    }
  }
}

}  // namespace

settings read_toml_file(const setting& file_name) {
  settings all;
  for (auto&& [key, value] : parse(file_name)) {
    auto from = file_name.values.front() + ": " + std::string{key.str()};
    if (key == "prices") {
      read_price_tables(all, from, value);
      continue;
    }
    auto* about = find_key(key.str());
    if (!about) throw config_error{from + ": unknown key"};
    auto is_list = about->shape == option_shape::list;
    auto values =
        is_list ? read_list(*about, from, value) : std::vector{read_scalar(*find_binding(about->name), from, value)};
    if (all.contains(about->name)) throw config_error{from + ": given twice"};
    all[about->name] = {std::move(values), from};
  }
  return all;
}

}  // namespace troupe
