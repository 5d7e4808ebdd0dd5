// The look-up of a GPU by any of its names, and the version of the book.
#include "model/price_book.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace troupe;

namespace {

std::string key_of(std::string_view name) {
  auto found = price_book{}.find_gpu(name);
  return found ? found->key : "none";
}

}  // namespace

TEST_CASE("a GPU is found by its key in any case") {
  price_book book;
  auto found = book.find_gpu("NVIDIA-GeForce-RTX-4090");
  REQUIRE(found);
  CHECK(found->key == "nvidia-geforce-rtx-4090");
  CHECK(found->rate == 500'000'000);
  CHECK(found->how == gpu_match::exact);
  for (auto& [key, rate] : book.gpus) {
    CHECK(book.find_gpu(key)->rate == rate);
    CHECK(rate > 0);
  }
  CHECK(book.gpus.size() >= 26);
}

TEST_CASE("a GPU is found by what people and drivers call it") {
  for (auto name :
       {"rtx-4090", "RTX 4090", "rtx4090", "4090", "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090 Laptop GPU"})
    CHECK(key_of(name) == "nvidia-geforce-rtx-4090");
  for (auto name : {"A100", "nvidia-a100", "NVIDIA A100-SXM4-80GB", "tesla a100"})
    CHECK(key_of(name) == "nvidia-tesla-a100");
  CHECK(key_of("H100") == "nvidia-tesla-h100");
  CHECK(key_of("NVIDIA H100 80GB HBM3") == "nvidia-tesla-h100");
  CHECK(key_of("m2-ultra") == "apple-m2-ultra");
  CHECK(key_of("Apple M2 Ultra") == "apple-m2-ultra");
  CHECK(key_of("RX 7900 XTX") == "amd-radeon-rx-7900-xtx");
  CHECK(key_of("rx7900-xtx") == "amd-radeon-rx-7900-xtx");
  CHECK(key_of("AMD Instinct MI300X OAM") == "amd-instinct-mi300x");
  CHECK(key_of("Intel Data Center GPU Max 1550") == "intel-data-center-gpu-max");
  CHECK(price_book{}.find_gpu("h200")->how == gpu_match::family);
}

TEST_CASE("what only looks similar is another GPU") {
  for (auto name : {"", " ", "gpu", "nvidia", "rtx", "GH200", "L40S", "A10G", "rtx 6000", "voodoo-2", "m4-max", "M1",
                    "apple ultra", "a1000", "7900", "AMD A100", "Intel RTX 4090"})
    CHECK(key_of(name) == "none");
}

TEST_CASE("the longest name wins, whatever the order of the book") {
  price_book book;
  book.gpus["rtx-4090-laptop"] = one / 4;
  CHECK(book.find_gpu("NVIDIA GeForce RTX 4090 Laptop GPU")->key == "rtx-4090-laptop");
  CHECK(book.find_gpu("RTX 4090")->key == "nvidia-geforce-rtx-4090");
  CHECK(book.find_gpu("RTX 3080 beside RTX 3090")->key == "nvidia-geforce-rtx-3080");  // a tie: the alphabet decides
}

TEST_CASE("an unknown GPU has no price unless the operator set one") {
  price_book book;
  auto refused = book.need_gpu("voodoo-2");
  REQUIRE(std::holds_alternative<failure>(refused));
  auto& f = std::get<failure>(refused);
  CHECK(f.code == errc::rate_unknown);
  CHECK(f.detail.find("voodoo-2") != std::string::npos);
  for (auto& [key, rate] : book.gpus) CHECK(f.detail.find(key) != std::string::npos);
  book.gpu_default = one / 8;
  auto found = book.find_gpu("Voodoo-2");
  REQUIRE(found);
  CHECK(found->key == "voodoo-2");
  CHECK(found->rate == one / 8);
  CHECK(found->how == gpu_match::fallback);
  CHECK_FALSE(book.find_gpu(""));
  CHECK(book.find_gpu("A100")->rate == 2 * one);
}

TEST_CASE("the version changes with any price, and with nothing else") {
  auto version = price_book{}.version();
  CHECK(version.size() == 16);
  CHECK(price_book{}.version() == version);
  std::vector<std::string> others{version};
  auto changed = [&](auto change) {
    price_book book;
    change(book);
    others.push_back(book.version());
  };
  changed([](auto& b) { b.gpus["nvidia-h200"] += 1; });
  changed([](auto& b) { b.gpus.erase("nvidia-h200"); });
  changed([](auto& b) { b.gpu_default = 1; });
  changed([](auto& b) { b.gpu_default = 0; });
  changed([](auto& b) { b.models["gpt-4"].in += 1; });
  changed([](auto& b) { b.models["gpt-4"].cached += 1; });
  changed([](auto& b) { b.models["gpt-4"].min_tokens += 1; });
  changed([](auto& b) { b.model_default.out += 1; });
  changed([](auto& b) { b.vram_gb_hour += 1; });
  changed([](auto& b) { b.power_kwh += 1; });
  changed([](auto& b) { b.api_call += 1; });
  changed([](auto& b) { b.storage_gb_month += 1; });
  changed([](auto& b) { b.bandwidth_gb += 1; });
  changed([](auto& b) { b.fee_bps += 1; });
  changed([](auto& b) { b.fee_inclusive = true; });
  std::sort(others.begin(), others.end());
  CHECK(std::adjacent_find(others.begin(), others.end()) == others.end());
}
