// One line to the server, statements prepared on it by number, and the sorting of PostgreSQL's errors.
#include "persistence/postgres.hpp"

#include <array>
#include <charconv>
#include <deque>
#include <pqxx/pqxx>

#include "persistence/postgres_text.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr int bytea_type = 17;
constexpr int64_t idle_ms_max = 3'000;  // one that falls asleep within a transaction holds all others up

/// Ours to mend are wrong statements and broken rules; everything else is the server's state or the way to it.
bool is_our_bug(std::string_view state) {
  constexpr std::array<std::string_view, 5> classes{"22", "23", "26", "42", "0A"};
  for (auto x : classes)
    if (state.starts_with(x)) return true;
  return false;
}

/// Call in a catch block.
[[noreturn]] void fail(const std::string& doing) {
  try {
    throw;
  } catch (const pqxx::sql_error& e) {
    auto why = std::string{"database: "} + e.what();
    if (is_our_bug(e.sqlstate())) throw std::logic_error{why + " in: " + doing};
    throw store_unavailable{why};
  } catch (const pqxx::failure& e) {  // broken connections, and commits whose answer was lost
    throw store_unavailable{std::string{"database: "} + e.what()};
  } catch (const pqxx::usage_error& e) {
    throw store_unavailable{std::string{"database: "} + e.what()};
  }
}

/// libpqxx 6 would open a broken connection again by itself, without what we set and prepared on it. (Later versions
/// never do, which is why the call is deprecated.)
void stay_closed(pqxx::connection& c) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  c.inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

/// A server that is gone without a word is noticed within seconds.
std::string with_patience(std::string uri) {
  for (std::string setting : {"connect_timeout=5", "tcp_user_timeout=5000", "keepalives_idle=3",
                              "keepalives_interval=2", "keepalives_count=2"}) {
    if (uri.find(setting.substr(0, setting.find('=') + 1)) != std::string::npos) continue;
    uri += (uri.find('?') == std::string::npos ? "?" : "&") + setting;
  }
  return uri;
}

/// `?` as $1, $2, ...
std::string with_numbers(std::string_view sql) {
  std::string text;
  int number = 0;
  for (auto c : sql) {
    if (c == '?')
      text += "$" + std::to_string(++number);
    else
      text += c;
  }
  return text;
}

}  // namespace

struct postgres_connection::line {
  explicit line(postgres_options o) : options{std::move(o)} { open(); }

  void open();
  void close() noexcept {
    tx.reset();
    connection.reset();
    in_transaction = false;
  }
  /// Runs `f` on an open line; what it throws is sorted, and a broken line is dropped. A read meets a broken line when
  /// the server was started again meanwhile: it is simply said once more.
  template <class F>
  auto use(const std::string& doing, F f) {
    auto fresh = !connection;
    if (fresh && lost_transaction) throw store_unavailable{"database: the connection was lost"};
    if (fresh) open();
    try {
      return f();
    } catch (const std::exception&) {
      if (connection->is_open()) fail(doing);
      auto again = options.read_only && !in_transaction && !fresh;
      drop();
      if (!again) fail(doing);
    }
    open();
    try {
      return f();
    } catch (const std::exception&) {
      drop();
      fail(doing);
    }
  }
  void drop() {
    lost_transaction = in_transaction;
    close();
  }

  postgres_options options;
  std::unique_ptr<pqxx::connection> connection;
  std::unique_ptr<pqxx::nontransaction> tx;
  int64_t opened = 0;  // how often: what was prepared on an earlier connection is gone
  int64_t names = 0;
  bool in_transaction = false, lost_transaction = false;
};

void postgres_connection::line::open() {
  try {
    connection = std::make_unique<pqxx::connection>(with_patience(options.uri));
    stay_closed(*connection);
    tx = std::make_unique<pqxx::nontransaction>(*connection);
    auto timeout = std::to_string(options.timeout_ms);
    auto idle = std::to_string(std::min(options.timeout_ms, idle_ms_max));
    tx->exec(
        "SET synchronous_commit=on; SET bytea_output=hex; SET client_encoding='UTF8';"
        "SET idle_in_transaction_session_timeout=" +
        idle + "; SET statement_timeout=" + timeout + "; SET lock_timeout=" + timeout +
        (options.read_only ? "; SET default_transaction_read_only=on" : ""));
    std::string encoding = tx->exec1("SHOW server_encoding")[0].c_str();
    if (encoding != "UTF8") throw store_unavailable{"database: its encoding is " + encoding + ", it must be UTF8"};
    opened += 1;
  } catch (const store_unavailable&) {
    close();
    throw;
  } catch (const std::exception&) {
    close();
    fail("connect");
  }
}

namespace {

class postgres_statement : public prepared {
public:
  postgres_statement(postgres_connection::line& l, const std::string& sql)
      : line_{l}, sql_{with_numbers(sql)}, values_(static_cast<size_t>(count_marks(sql))) {
    name_ = "s" + std::to_string(++line_.names);
  }

  void bind(int at, int64_t x) override { value(at) = std::to_string(x); }
  void bind(int at, std::string_view x) override { value(at) = postgres_text(x).view(); }
  void bind_copy(int at, std::string x) override { value(at) = postgres_text(x).view(); }
  void bind(int at, blob x) override { value(at) = postgres_bytes(x.bytes); }
  bool step() override {
    if (!ran_) run();
    unpacked_.clear();
    return ++row_ < static_cast<int64_t>(result_.size());
  }
  int64_t integer(int column) override {
    auto x = field(column);
    int64_t number = 0;
    auto text = std::string_view{x.c_str(), x.size()};
    if (text == "t") return 1;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  std::string_view text(int column) override {
    auto x = field(column);
    auto stored = std::string_view{x.c_str(), x.size()};
    std::string kept;
    if (x.type() == bytea_type)
      kept = bytes_of(stored);
    else if (!was_kept(stored, kept))
      return stored;
    return unpacked_.emplace_back(std::move(kept));
  }
  int64_t changes() override { return static_cast<int64_t>(result_.affected_rows()); }
  void reset() noexcept override {
    ran_ = false;
    row_ = -1;
    result_.clear();
    unpacked_.clear();
  }

private:
  std::string& value(int at) {
    if (at >= std::ssize(values_)) throw std::logic_error{"too many values for: " + sql_};
    return values_[static_cast<size_t>(at)];
  }
  pqxx::field field(int column) const { return result_[static_cast<pqxx::result::size_type>(row_)][column]; }
  void run() {
    ran_ = true;
    result_ = line_.use(sql_, [&] {
      if (prepared_on_ != line_.opened) line_.connection->prepare(name_, sql_);
      prepared_on_ = line_.opened;
      return line_.tx->exec_prepared(name_, pqxx::prepare::make_dynamic_params(values_));
    });
  }

  postgres_connection::line& line_;
  std::string sql_, name_;
  std::vector<std::string> values_;
  std::deque<std::string> unpacked_;  // what the views of this row point at
  pqxx::result result_;
  int64_t row_ = -1;
  int64_t prepared_on_ = 0;
  bool ran_ = false;
};

}  // namespace

postgres_connection::postgres_connection(postgres_options o) : line_{std::make_unique<line>(std::move(o))} {}

postgres_connection::~postgres_connection() = default;

std::unique_ptr<prepared> postgres_connection::prepare(const std::string& sql) {
  return std::make_unique<postgres_statement>(*line_, sql);
}

void postgres_connection::exec(const std::string& sql) {
  line_->use(sql, [&] { return line_->tx->exec(sql); });
}

void postgres_connection::begin() {
  line_->lost_transaction = false;
  exec("BEGIN");
  line_->in_transaction = true;
}

void postgres_connection::commit() {
  if (!line_->in_transaction) throw store_unavailable{"database: the transaction was lost"};
  exec("COMMIT");
  line_->in_transaction = false;
}

bool postgres_connection::in_transaction() const { return line_->in_transaction; }

}  // namespace troupe::sql
