// A PostgreSQL store in a database of its own, in the throw-away cluster that ctest starts (tests/support/postgres.sh),
// with a back door for looking at it and for damaging it.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>

#include "persistence/store.hpp"

namespace troupe::lives {

class postgres_engine {
public:
  postgres_engine() {
    static int made = 0;
    name_ = "t_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
    in("postgres", "CREATE DATABASE " + name_ + " TEMPLATE template0");
  }
  ~postgres_engine() { in("postgres", "DROP DATABASE " + name_ + " WITH (FORCE)"); }
  postgres_engine(const postgres_engine&) = delete;
  postgres_engine& operator=(const postgres_engine&) = delete;

  std::string uri() const { return uri_of(name_); }
  std::unique_ptr<store> open(bool must_exist = false) { return open_store("", uri(), must_exist); }

  /// Every row of every table.
  std::string dump() const {
    pqxx::connection c{uri()};
    pqxx::nontransaction t{c};
    std::string text;
    for (auto table : t.exec("SELECT tablename FROM pg_tables WHERE schemaname='public' ORDER BY 1"))
      for (auto row : t.exec("SELECT * FROM " + std::string{table[0].c_str()})) {
        text += table[0].c_str();
        for (auto field : row) text += std::string{"|"} + field.c_str();
        text += "\n";
      }
    return text;
  }
  /// As somebody with a shell would; how many rows changed.
  int edit(const std::string& sql) const { return static_cast<int>(in(name_, sql).affected_rows()); }

private:
  static std::string uri_of(const std::string& database) {
    auto* folder = std::getenv("TROUPE_TEST_POSTGRES");
    if (!folder) throw std::runtime_error{"TROUPE_TEST_POSTGRES is not set: run the tests with ctest"};
    return "postgresql://postgres@/" + database + "?host=" + folder;
  }
  static pqxx::result in(const std::string& database, const std::string& sql) {
    pqxx::connection c{uri_of(database)};
    pqxx::nontransaction t{c};
    return t.exec(sql);
  }

  std::string name_;
};

}  // namespace troupe::lives
