// Opening, dying and opening again.
#include "tests/simulate/engine.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <pqxx/pqxx>

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

namespace {

std::string uri_of(const std::string& database) {
  auto* folder = std::getenv("TROUPE_TEST_POSTGRES");
  if (folder == nullptr)
    throw std::runtime_error{"TROUPE_TEST_POSTGRES must name the folder of a PostgreSQL to play in"};
  return "postgresql://postgres@/" + database + "?host=" + folder;
}

void command(const std::string& sql) {
  auto uri = uri_of("postgres");
  pqxx::connection c{uri};
  pqxx::nontransaction{c}.exec(sql);
}

}  // namespace

scratch_database::scratch_database() {
  static int made = 0;
  name_ = "simulate_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
  command("CREATE DATABASE " + name_ + " TEMPLATE template0");
}

scratch_database::~scratch_database() { command("DROP DATABASE " + name_ + " WITH (FORCE)"); }

std::string scratch_database::uri() const { return uri_of(name_); }

engine::engine(const fs::path& folder, std::string uri) : home_{folder}, uri_{std::move(uri)} { open(); }

void engine::open() {
  store_ = troupe::open_store(folder().string(), uri_);
  when_free([&] { writer_ = store_->open_writer(); });
  reader_ = store_->open_reader();
}

void engine::begin(const std::vector<const troupe::change*>& coming) { writer_->begin(coming); }

void engine::rollback() {
  when_free([&] { writer_->rollback(); });
}

/// PostgreSQL needs a moment to see that the writer before is gone, and to let go of its lock.
void engine::when_free(const std::function<void()>& open) {
  constexpr int tries = 5'000;
  for (int i = 1;; ++i) {
    try {
      return open();
    } catch (const troupe::store_unavailable&) {
      if (uri_.empty() || i == tries) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
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
  if (!uri_.empty()) return die_and_return();
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
