// The SQLite engine: one file in the data folder, one writer, any number of readers.
#include "persistence/sqlite_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "persistence/data_lock.hpp"
#include "persistence/journal_export.hpp"
#include "persistence/migrations.hpp"
#include "persistence/reader.hpp"
#include "persistence/sqlite.hpp"
#include "persistence/verify.hpp"
#include "persistence/writer.hpp"

namespace troupe {

namespace {

namespace fs = std::filesystem;
using sql::access;
using sql::sqlite_connection;

/// Durable means: on the disk, also after a power cut. The log is folded back every 16 MiB, so that hot pages are
/// written once per fold and a fold stays short.
constexpr const char* for_writing =
    "PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=4000;"
    "PRAGMA journal_size_limit=67108864;";
/// Pages of the file come from the kernel's cache, shared with the other readers.
constexpr const char* for_reading = "PRAGMA cache_size=-8192; PRAGMA mmap_size=1073741824;";

class sqlite_store : public store {
public:
  explicit sqlite_store(const fs::path& folder) : file_{folder / "troupe.db"}, lock_file_{folder / "troupe.lock"} {}

  /// REQUIRES: called once, before anything is opened.
  void prepare(bool must_exist);

  std::unique_ptr<store_writer> open_writer(const seat*) override;
  std::unique_ptr<store_reader> open_reader() override {
    auto db = std::make_unique<sqlite_connection>(file_, access::read);
    db->exec(for_reading);
    return sql::open_reader(std::move(db));
  }
  verdict verify() override { return sql::verify(*open_snapshot()); }
  void export_journal(bool csv, const std::function<void(const std::string&)>& row) override {
    sql::export_journal(*open_snapshot(), csv, row);
  }
  std::unique_ptr<sql::connection> open_snapshot() override {
    auto db = std::make_unique<sqlite_connection>(file_, access::read);
    db->exec("BEGIN");  // never committed: nothing is written, and the connection ends with its owner
    return db;
  }
  std::unique_ptr<sql::connection> open_for_copy() override {
    return std::make_unique<sqlite_connection>(file_, access::write);
  }

private:
  /// The newest step of the file; 0 when there is nothing yet.
  int version() const {
    if (!fs::exists(file_)) return 0;
    sqlite_connection db{file_, access::read};
    return sql::schema_version(db);
  }

  fs::path file_, lock_file_;
};

/// The data folder stays locked against a second server for as long as the writer lives.
std::unique_ptr<store_writer> sqlite_store::open_writer(const seat*) {
  auto lock = std::make_shared<data_lock>(lock_file_);
  return sql::open_writer([file = file_, lock] {
    auto db = std::make_unique<sqlite_connection>(file, access::write);
    db->exec(for_writing);
    return db;
  });
}

void make_folder(const fs::path& folder) {
  std::error_code bad;
  if (fs::is_directory(folder, bad)) return;
  if (fs::create_directories(folder, bad)) fs::permissions(folder, fs::perms::owner_all, bad);
  if (bad) throw store_unavailable{folder.string() + ": " + bad.message()};
}

/// Password hashes are in it. An existing file is left alone: closing it here would drop SQLite's locks on it.
void make_private(const fs::path& file) {
  if (fs::exists(file)) return;
  auto made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (made < 0) throw store_unavailable{file.string() + ": " + std::generic_category().message(errno)};
  ::close(made);
}

void sqlite_store::prepare(bool must_exist) {
  if (!must_exist) make_folder(file_.parent_path());
  if (!sql::must_migrate(version(), file_.string(), must_exist)) return;
  data_lock lock{lock_file_};
  make_private(file_);
  sqlite_connection db{file_, access::create};
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  sql::migrate(db);
}

}  // namespace

std::unique_ptr<store> open_sqlite(const std::string& data_dir, bool must_exist) {
  auto made = std::make_unique<sqlite_store>(fs::path{data_dir});
  made->prepare(must_exist);
  return made;
}

}  // namespace troupe
