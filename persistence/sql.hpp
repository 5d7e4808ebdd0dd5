// A thin hand on a database, whichever it is: connections, prepared statements, values in and out. The engines are
// behind `connection` and `prepared`; the SQL above them is written once, with `?` for values, and with
// <<lite: ...>> and <<pg: ...>> around the few words that only one engine knows.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "persistence/lists.hpp"

namespace troupe::sql {

/// 32 raw bytes and the like; text is std::string_view.
struct blob {
  std::string_view bytes;
};

/// A statement of an engine. Throws store_unavailable for what an operator or time can mend, std::logic_error for what
/// is our bug. One use at a time: bind from 0, step, read the row, reset.
class prepared {
public:
  virtual ~prepared() = default;
  virtual void bind(int at, int64_t) = 0;
  virtual void bind(int at, std::string_view text) = 0;  // the bytes must live until `reset`
  virtual void bind_copy(int at, std::string text) = 0;
  virtual void bind(int at, blob) = 0;
  virtual bool step() = 0;  // false: no further row
  virtual int64_t integer(int column) = 0;
  virtual std::string_view text(int column) = 0;  // of a blob: its bytes. Lives until the next step
  virtual int64_t changes() = 0;                  // rows that it changed
  virtual void reset() noexcept = 0;
};

enum class engine { sqlite, postgres };

class connection {
public:
  virtual ~connection() = default;
  virtual engine kind() const = 0;
  virtual std::unique_ptr<prepared> prepare(const std::string& sql) = 0;
  virtual void exec(const std::string& sql) = 0;  // one or more statements, no values
  /// A transaction that will write: nobody else writes what it has read.
  virtual void begin() = 0;
  virtual void commit() = 0;  // durable when it returns
  virtual bool in_transaction() const = 0;
};

/// The text as `kind` reads it: the other engine's words are gone.
std::string dialect(engine kind, std::string_view sql);
int count_marks(std::string_view sql);

template <class T>
concept scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Hands out values from left to right; structs field by field, in the order of their `inspect`.
/// `Sink` has put(int64_t), put(std::string_view), put_copy(std::string) and put(blob).
template <class Sink>
class spread {
public:
  explicit spread(Sink& to) : to_{to} {}

  template <class... T>
  bool operator()(const T&... values) {
    (put(values), ...);
    return true;
  }

private:
  template <class T>
  void put(const T& x) {
    if constexpr (scalar<T>) {
      to_.put(static_cast<int64_t>(x));
    } else if constexpr (std::same_as<T, blob>) {
      to_.put(x);
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
      to_.put(std::string_view{x});
    } else if constexpr (requires { pack(x); }) {
      to_.put_copy(pack(x));
    } else {
      inspect(*this, const_cast<T&>(x));  // `inspect` takes what it visits by reference; here it is only read
    }
  }

  Sink& to_;
};

/// Takes values out of the present row from left to right, the mirror of `spread`.
class row {
public:
  explicit row(prepared& s) : s_{s} {}

  template <class... T>
  bool operator()(T&... values) {
    (get(values), ...);
    return true;
  }

private:
  template <class T>
  void get(T& x) {
    if constexpr (scalar<T>) {
      x = static_cast<T>(s_.integer(at_++));
    } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
      x = s_.text(at_++);  // a view lives until the statement moves on
    } else if constexpr (std::same_as<T, blob>) {
      x.bytes = s_.text(at_++);
    } else if constexpr (requires { unpack(std::string_view{}, x); }) {
      unpack(s_.text(at_++), x);
    } else {
      inspect(*this, x);
    }
  }

  prepared& s_;
  int at_ = 0;
};

/// Prepared once, used for the connection's life. REQUIRES: one use at a time.
class statement {
public:
  statement(connection& db, const std::string& sql)
      : text_{dialect(db.kind(), sql)}, s_{db.prepare(text_)}, marks_{count_marks(text_)} {}

  /// Runs to the end; how many rows it changed.
  template <class... T>
  int64_t run(const T&... values) {
    resetting end{*s_};
    bind(values...);
    while (s_->step()) {
    }
    return s_->changes();
  }
  /// Calls `f(row&)` for each row.
  template <class F, class... T>
  void each(F&& f, const T&... values) {
    resetting end{*s_};
    bind(values...);
    while (s_->step()) {
      row r{*s_};
      f(r);
    }
  }
  /// Calls `f(row&)` for the first row; false when there is none.
  template <class F, class... T>
  bool first(F&& f, const T&... values) {
    resetting end{*s_};
    bind(values...);
    if (!s_->step()) return false;
    row r{*s_};
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
    prepared& s;
    ~resetting() { s.reset(); }
  };
  struct binder {
    prepared& s;
    int at = 0;
    template <class T>
    void put(T x) {
      s.bind(at++, x);
    }
    void put_copy(std::string x) { s.bind_copy(at++, std::move(x)); }
  };
  template <class... T>
  void bind(const T&... values) {
    binder b{*s_};
    spread{b}(values...);
    if (b.at != marks_) wrong_count(b.at);
  }
  [[noreturn]] void wrong_count(int given) const;

  std::string text_;
  std::unique_ptr<prepared> s_;
  int marks_ = 0;
};

/// Many rows for one INSERT or UPDATE. SQLite writes each at once, for a call costs nothing there; PostgreSQL gathers
/// them and sends arrays with `flush`, one round trip for all. So nothing may depend on a row before its flush, and no
/// two rows of one flush may name the same row of the table.
/// `sql`: "INSERT INTO t(a,b) VALUES(?,?) [ON CONFLICT ...]", or "UPDATE t SET a=?, b=b+? WHERE id=? AND a=?".
class bulk {
public:
  bulk(connection&, const std::string& sql);

  template <class... T>
  void add(const T&... values) {
    if (one_) {
      changed_ += one_->run(values...);
    } else {
      gatherer g{columns_};
      spread{g}(values...);
    }
    added_ += 1;
  }
  /// True: every added row changed exactly one row of the table. Begins anew.
  bool flush();

private:
  /// One column of the rows to come, already in the form of an array's text.
  struct column {
    char type = 0;  // of its first value: 'i', 't' or 'b'
    std::string items;
  };
  struct gatherer {
    std::vector<column>& columns;
    size_t at = 0;
    column& next(char type);
    void put(int64_t);
    void put(std::string_view);
    void put_copy(const std::string& x) { put(std::string_view{x}); }
    void put(blob);
  };
  void prepare_arrays();

  connection& db_;
  std::string sql_;
  std::unique_ptr<statement> one_;    // SQLite
  std::unique_ptr<prepared> arrays_;  // PostgreSQL, made when the types are known
  std::vector<column> columns_;
  int64_t added_ = 0, changed_ = 0;
};

/// "?,?,?"
std::string marks(int n);
/// One for each of "a,b,c".
std::string marks_of(std::string_view columns);

/// PostgreSQL only: the text of an array, for `= ANY(?::text[])`.
std::string array_of(const std::vector<std::string>&);

}  // namespace troupe::sql
