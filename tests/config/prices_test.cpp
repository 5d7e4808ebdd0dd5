// The operator's prices: what the file, the environment and flags may say, and what is refused with one clear line.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/config.hpp"

using namespace troupe;

namespace {

struct file {
  std::string path = (std::filesystem::temp_directory_path() / "troupe-prices-XXXXXX").string();
  explicit file(const std::string& text) {
    auto fd = mkstemp(path.data());
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream{path} << text;
  }
  file(const file&) = delete;
  ~file() { std::filesystem::remove(path); }
};

using flag_list = std::vector<std::pair<std::string, std::string>>;

config from_flags(flag_list flags) { return load_config({std::move(flags), {}}); }
config from_file(const std::string& text) {
  file f{text};
  return from_flags({{"config", f.path}});
}

std::string refusal(const sources& from) {
  try {
    load_config(from);
  } catch (const config_error& e) {
    return e.what();
  }
  return "accepted";
}
std::string refusal(const std::string& name, const std::string& text) { return refusal(sources{{{name, text}}, {}}); }
/// Without the name of the file.
std::string refused_file(const std::string& text) {
  file f{text};
  auto what = refusal(sources{{{"config", f.path}}, {}});
  return what.starts_with(f.path) ? what.substr(f.path.size()) : what;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("with nothing said the built-in book holds") {
  auto c = load_config({});
  CHECK(c.prices == price_book{});
  CHECK_FALSE(c.prices.gpu_default);
  CHECK_FALSE(c.dynamic_pricing);
}

TEST_CASE("the file's tables add prices and replace prices") {
  auto c = from_file(
      "fee_mode = 'inclusive'\nfee_bps = 250\ndynamic_pricing = true\nvram_price = '0.03'\npower_price = '0'\n"
      "api_call_price = '0.002'\nstorage_price = '0.2'\nbandwidth_price = '0.1'\ngpu_price_default = '0.125'\n"
      "[prices.gpu]\n'NVIDIA-H200' = '5.5'\nvoodoo-2 = '0.000000001'\n"
      "[prices.model]\n'gpt-4' = { input = '1', output = '2.5', cached = '0.1', min_tokens = 7 }\n"
      "'llama3:8b' = { input = '0', output = '0' }\n'*' = { input = '3', output = '4' }\n");
  auto& b = c.prices;
  CHECK(b.find_gpu("nvidia-h200")->rate == 5'500'000'000);
  CHECK(b.find_gpu("voodoo-2")->rate == 1);
  CHECK(b.find_gpu("A100")->rate == 2 * one);
  CHECK(b.find_gpu("riva-tnt")->rate == 125'000'000);
  CHECK(b.of_model("gpt-4") == token_price{one, 2'500'000'000, 7, 100'000'000});
  CHECK(b.of_model("llama3:8b") == token_price{});
  CHECK(b.of_model("claude-2").in == 20 * one);
  CHECK(b.of_model("whatever a node serves") == token_price{3 * one, 4 * one});
  CHECK(b.vram_gb_hour == 30'000'000);
  CHECK(b.power_kwh == 0);
  CHECK(b.api_call == 2'000'000);
  CHECK(b.storage_gb_month == 200'000'000);
  CHECK(b.bandwidth_gb == 100'000'000);
  CHECK(b.fee_inclusive);
  CHECK(b.fee_bps == 250);
  CHECK(c.dynamic_pricing);
  CHECK(b.version() != price_book{}.version());
}

TEST_CASE("flags and variables say the same, and a flag beats the file") {
  auto c = from_flags({{"gpu-price", "voodoo-2=1"}, {"gpu-price", "h200=6"}, {"model-price", "m=1:2::5"}});
  CHECK(c.prices.find_gpu("Voodoo-2")->rate == one);
  CHECK(c.prices.find_gpu("h200")->key == "h200");
  CHECK(c.prices.of_model("m") == token_price{one, 2 * one, 5, 0});
  c = load_config({{}, {{"TROUPE_GPU_PRICE", "a-1=1,b-2=2"}}});
  CHECK(c.prices.find_gpu("b-2")->rate == 2 * one);
  file f{"[prices.gpu]\nvoodoo-2 = '9'\n"};
  c = from_flags({{"config", f.path}, {"gpu-price", "voodoo-2=1"}});
  CHECK(c.prices.find_gpu("voodoo-2")->rate == one);
}

TEST_CASE("what is shown can be read again") {
  auto shown = show_config({{{"gpu-price", "voodoo-2=1.5"}, {"model-price", "llama3:8b=1:2"}}, {}});
  CHECK(has(shown, "gpu_price = [\"voodoo-2=1.5\"]"));
  auto lines = [&](const std::string& key) {
    auto at = shown.find("\n" + key + " = ");
    REQUIRE(at != std::string::npos);
    return shown.substr(at, shown.find('\n', at + 1) - at);
  };
  auto c = from_file(lines("gpu_price") + lines("model_price"));
  CHECK(c.prices.find_gpu("voodoo-2")->rate == 1'500'000'000);
  CHECK(c.prices.of_model("llama3:8b").out == 2 * one);
}

TEST_CASE("a bad price is one line that names the key and the value") {
  for (std::string bad : {"voodoo-2", "=1", "voodoo-2=", "voodoo-2=0", "voodoo-2=-1", "voodoo-2=+1", "voodoo-2=1e3",
                          "voodoo-2=01", "voodoo-2=1.0000000001", "voodoo-2=1000001", "voodoo-2=NaN", "a b=1", "a:b=1",
                          "voodoo-2=99999999999", "voodoo-2=1 "})
    CHECK(has(refusal("gpu-price", bad), "--gpu-price: \"" + bad + "\" is not GPU=RATE"));
  for (std::string bad : {"m", "m=1", "m=1:2:3:4:5", "m=1:x", "m=:1", "m=1:-1", "m=1:2:1.5", "m=1:2:0", "m=1:2:1:-1",
                          "m=1:2:1:x", "m=1:2:1:", "m=1e3:1", "=1:2"})
    CHECK(has(refusal("model-price", bad), "--model-price: \"" + bad + "\" is not NAME="));
  for (std::string name :
       {"vram-price", "power-price", "api-call-price", "storage-price", "bandwidth-price", "gpu-price-default"})
    for (std::string bad : {"-1", "1e3", "1.0000000001", "x", "1000001"})
      CHECK(has(refusal(name, bad), "--" + name + ": \"" + bad + "\" is not a decimal"));
  CHECK(has(refusal("fee-mode", "both"), "--fee-mode: \"both\" is not on_top or inclusive"));
}

TEST_CASE("a bad price in the file is named by its key") {
  CHECK(has(refused_file("[prices.gpu]\nx = '1e3'\n"), ": prices.gpu: \"x=1e3\" is not GPU=RATE"));
  CHECK(has(refused_file("[prices.gpu]\nx = 1.5\n"), ": prices.gpu.x: 1.5 is not a decimal in quotes"));
  CHECK(has(refused_file("[prices.gpu]\n'x=y' = '1'\n"), ": prices.gpu.x=y: "));
  CHECK(has(refused_file("[prices.model]\nm = '1'\n"), ": prices.model.m: "));
  CHECK(has(refused_file("[prices.model]\nm = { input = '1' }\n"), ": prices.model: \"m=1:::0\" is not NAME="));
  CHECK(has(refused_file("[prices.model]\nm = { input = 1, output = '1' }\n"), ": prices.model.m.input: 1 is not"));
  CHECK(has(refused_file("[prices.model]\nm = { input = '1', output = '1', min_tokens = '7' }\n"),
            ": prices.model.m.min_tokens: "));
  CHECK(has(refused_file("[prices.model]\nm = { input = '1', output = '1', colour = 7 }\n"), "m.colour: unknown key"));
  CHECK(has(refused_file("[prices.cpu]\nx = '1'\n"), ": prices.cpu: unknown key"));
  CHECK(has(refused_file("prices = 5\n"), ": prices: is not a table"));
  CHECK(has(refused_file("[prices]\ngpu = '1'\n"), ": prices.gpu: unknown key or no table"));
  CHECK(has(refused_file("gpu_price = ['x=1']\n[prices.gpu]\ny = '1'\n"), ": prices.gpu: given twice"));
  CHECK(from_file("[prices.gpu]\n").prices == price_book{});
}

TEST_CASE("a node offers its GPUs by the book's key, and needs a price for each") {
  auto c = from_flags({{"gpu", "RTX-4090:24564,a100:81920"}});
  CHECK(c.gpus.at(0).model == "nvidia-geforce-rtx-4090");
  CHECK(c.gpus.at(1).model == "nvidia-tesla-a100");
  CHECK(has(refusal("gpu", "voodoo-2:12"), "without a price"));
  CHECK(from_flags({{"gpu", "voodoo-2:12"}, {"gpu-price", "voodoo-2=1"}}).gpus.at(0).model == "voodoo-2");
  CHECK(from_flags({{"gpu", "voodoo-2:12"}, {"price-per-hour", "1"}}).gpus.at(0).model == "voodoo-2");
}
