// A thin hand on SQLite: connections, prepared statements, values in and out, and which errors mean "try again later".
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "persistence/lists.hpp"

namespace troupe::sqlite {

/// Throws store_unavailable for what an operator or time can mend, std::logic_error for what is our bug.
[[noreturn]] void fail(sqlite3*, int rc, std::string_view doing);

/// 32 raw bytes and the like; text is std::string_view.
struct blob {
  std::string_view bytes;
};

template <class T>
concept scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Puts values into a statement from left to right; structs go in field by field, in the order of their `inspect`.
class binder {
public:
  explicit binder(sqlite3_stmt* s) : s_{s} {}

  template <class... T>
  bool operator()(const T&... values) {
    (put(values), ...);
    return true;
  }
  int count() const { return at_; }

private:
  template <class T>
  void put(const T& x) {
    if constexpr (scalar<T>) {
      check(sqlite3_bind_int64(s_, ++at_, static_cast<int64_t>(x)));
    } else if constexpr (std::same_as<T, blob>) {
      check(sqlite3_bind_blob64(s_, ++at_, x.bytes.data(), x.bytes.size(), SQLITE_STATIC));
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
      text(x, SQLITE_STATIC);
    } else if constexpr (requires { pack(x); }) {
      text(pack(x), SQLITE_TRANSIENT);
    } else {
      inspect(*this, const_cast<T&>(x));  // `inspect` takes what it visits by reference; here it is only read
    }
  }
  void text(std::string_view x, sqlite3_destructor_type life) {
    auto from = x.data() ? x.data() : "";  // a null pointer would bind NULL
    check(sqlite3_bind_text64(s_, ++at_, from, x.size(), life, SQLITE_UTF8));
  }
  void check(int rc) {
    if (rc != SQLITE_OK) fail(sqlite3_db_handle(s_), rc, sqlite3_sql(s_));
  }

  sqlite3_stmt* s_;
  int at_ = 0;
};

/// Takes values out of the present row from left to right, the mirror of `binder`.
class row {
public:
  explicit row(sqlite3_stmt* s) : s_{s} {}

  template <class... T>
  bool operator()(T&... values) {
    (get(values), ...);
    return true;
  }

private:
  template <class T>
  void get(T& x) {
    if constexpr (scalar<T>) {
      x = static_cast<T>(sqlite3_column_int64(s_, at_++));
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
      x = text();  // a view lives until the statement moves on
    } else if constexpr (std::same_as<T, blob>) {
      x.bytes = text();
    } else if constexpr (requires { unpack(std::string_view{}, x); }) {
      unpack(text(), x);
    } else {
      inspect(*this, x);
    }
  }
  std::string_view text() {
    auto from = static_cast<const char*>(sqlite3_column_blob(s_, at_));  // of a TEXT column: its bytes, unchanged
    auto size = static_cast<size_t>(sqlite3_column_bytes(s_, at_++));
    return size ? std::string_view{from, size} : std::string_view{};
  }

  sqlite3_stmt* s_;
  int at_ = 0;
};

enum class access { write, create, read };

class connection {
public:
  /// `read` never writes a row, a checkpoint or a file of its own making.
  connection(const std::string& path, access);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void exec(const std::string& sql);
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  sqlite3* raw() const { return db_; }

private:
  sqlite3* db_ = nullptr;
};

/// Prepared once, used for the connection's life. REQUIRES: one use at a time.
class statement {
public:
  statement(connection&, const std::string& sql);
  ~statement();
  statement(const statement&) = delete;
  statement& operator=(const statement&) = delete;

  /// Runs to the end; how many rows it changed.
  template <class... T>
  int64_t run(const T&... values) {
    resetting end{s_};
    bind(values...);
    while (step()) {
    }
    return sqlite3_changes64(sqlite3_db_handle(s_));
  }
  /// Calls `f(row&)` for each row.
  template <class F, class... T>
  void each(F&& f, const T&... values) {
    resetting end{s_};
    bind(values...);
    while (step()) {
      row r{s_};
      f(r);
    }
  }
  /// Calls `f(row&)` for the first row; false when there is none.
  template <class F, class... T>
  bool first(F&& f, const T&... values) {
    resetting end{s_};
    bind(values...);
    if (!step()) return false;
    row r{s_};
    f(r);
    return true;
  }
  template <class... T>
  bool any(const T&... values) {
    return first([](row&) {}, values...);
  }

private:
  /// Ends the read, and with it the snapshot, on every way out.
  struct resetting {
    sqlite3_stmt* s;
    ~resetting() { sqlite3_reset(s); }
  };
  template <class... T>
  void bind(const T&... values) {
    binder b{s_};
    b(values...);
    if (b.count() != marks_) wrong_count(b.count());
  }
  bool step() {
    auto rc = sqlite3_step(s_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    fail(sqlite3_db_handle(s_), rc, sqlite3_sql(s_));
  }
  [[noreturn]] void wrong_count(int given) const;

  sqlite3_stmt* s_ = nullptr;
  int marks_ = 0;
};

/// "?,?,?"
std::string marks(int n);

}  // namespace troupe::sqlite
