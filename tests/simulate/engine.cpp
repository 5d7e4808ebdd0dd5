// Opening, dying and opening again.
#include "tests/simulate/engine.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace simulate {

namespace fs = std::filesystem;

scratch_folder::scratch_folder() {
  const fs::path memory{"/dev/shm"};
  std::error_code none;
  auto base = fs::is_directory(memory, none) ? memory : fs::temp_directory_path();
  auto name = (base / "troupe-simulate-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error{"cannot make a folder in " + base.string()};
  path_ = name;
}

scratch_folder::~scratch_folder() {
  std::error_code none;
  fs::remove_all(path_, none);
}

engine::engine(const fs::path& folder) : home_{folder} { open(); }

void engine::open() {
  store_ = troupe::open_store(folder().string(), "");
  writer_ = store_->open_writer();
  reader_ = store_->open_reader();
}

void engine::close() {
  reader_.reset();
  writer_.reset();
  store_.reset();
}

void engine::die_and_return() {
  close();
  open();
}

void engine::lose_power(int64_t torn_bytes) {
  auto from = folder();
  auto to = home_ / std::to_string(life_ + 1);
  fs::create_directories(to);
  for (auto name : {"troupe.db", "troupe.db-wal"})
    if (fs::exists(from / name)) fs::copy_file(from / name, to / name);
  if (fs::exists(to / "troupe.db-wal"))
    std::ofstream{to / "troupe.db-wal", std::ios::app | std::ios::binary}
        << std::string(static_cast<size_t>(torn_bytes), '\x5a');
  close();
  fs::remove_all(from);
  ++life_;
  open();
}

}  // namespace simulate
