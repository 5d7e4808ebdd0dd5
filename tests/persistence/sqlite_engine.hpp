// A SQLite store in a folder of its own, with a back door for looking at it and for damaging it.
#pragma once

#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "persistence/store.hpp"

namespace troupe::lives {

class sqlite_engine {
public:
  sqlite_engine() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe_store_XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error{"no folder for the test"};
    folder_ = pattern;
  }
  ~sqlite_engine() { std::filesystem::remove_all(folder_); }
  sqlite_engine(const sqlite_engine&) = delete;
  sqlite_engine& operator=(const sqlite_engine&) = delete;

  std::unique_ptr<store> open(bool must_exist = false) { return open_store(folder_, "", must_exist); }
  std::string folder() const { return folder_; }
  std::filesystem::path file() const { return std::filesystem::path{folder_} / "troupe.db"; }

  /// Every row of every table.
  std::string dump() const {
    auto db = connect();
    std::string text;
    for (const auto& table : rows(db.get(), "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name"))
      for (const auto& line : rows(db.get(), "SELECT * FROM \"" + table + "\"")) text += table + ": " + line + "\n";
    return text;
  }
  /// As somebody with a shell would, past the CHECKs; how many rows changed.
  int edit(const std::string& sql) const {
    auto db = connect();
    auto all = "PRAGMA ignore_check_constraints=ON; " + sql;
    if (sqlite3_exec(db.get(), all.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error{sqlite3_errmsg(db.get())};
    return sqlite3_changes(db.get());
  }

private:
  using handle = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

  handle connect() const {
    sqlite3* db = nullptr;
    auto rc = sqlite3_open(file().c_str(), &db);
    handle h{db, &sqlite3_close};
    if (rc != SQLITE_OK) throw std::runtime_error{"cannot open"};
    return h;
  }
  static std::vector<std::string> rows(sqlite3* db, const std::string& sql) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr) != SQLITE_OK) throw std::runtime_error{sql};
    std::vector<std::string> list;
    while (sqlite3_step(s) == SQLITE_ROW) {
      auto& line = list.emplace_back();
      for (int i = 0; i < sqlite3_column_count(s); ++i) {
        if (i > 0) line += '|';
        auto bytes = static_cast<const char*>(sqlite3_column_blob(s, i));
        if (bytes) line.append(bytes, static_cast<size_t>(sqlite3_column_bytes(s, i)));
      }
    }
    sqlite3_finalize(s);
    return list;
  }

  std::string folder_;
};

}  // namespace troupe::lives
