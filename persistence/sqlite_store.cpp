// The SQLite engine: one file in the data folder, one writer, any number of readers.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "persistence/data_lock.hpp"
#include "persistence/journal_export.hpp"
#include "persistence/migrations.hpp"
#include "persistence/sqlite.hpp"
#include "persistence/sqlite_reader.hpp"
#include "persistence/sqlite_writer.hpp"
#include "persistence/store.hpp"
#include "persistence/verify.hpp"

namespace troupe {

namespace {

namespace fs = std::filesystem;

class sqlite_store : public store {
public:
  explicit sqlite_store(const fs::path& folder) : file_{folder / "troupe.db"}, lock_file_{folder / "troupe.lock"} {}

  /// REQUIRES: called once, before anything is opened.
  void prepare(bool must_exist);

  std::unique_ptr<store_writer> open_writer() override { return sqlite::open_writer(file_, lock_file_); }
  std::unique_ptr<store_reader> open_reader() override { return sqlite::open_reader(file_); }
  verdict verify() override {
    sqlite::connection db{file_, sqlite::access::read};
    db.exec("BEGIN");  // never committed: nothing is written, and the connection ends here
    return sqlite::verify(db);
  }
  void export_journal(bool csv, const std::function<void(const std::string&)>& row) override {
    sqlite::connection db{file_, sqlite::access::read};
    sqlite::export_journal(db, csv, row);
  }

private:
  /// The newest step of the file; 0 when there is nothing yet.
  int version() const {
    if (!fs::exists(file_)) return 0;
    sqlite::connection db{file_, sqlite::access::read};
    return sqlite::schema_version(db);
  }

  fs::path file_, lock_file_;
};

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
  auto have = version();
  auto newest = sqlite::migrations().back().number;
  auto about = file_.string() + ": schema " + std::to_string(have);
  if (must_exist && have == 0) throw store_unavailable{file_.string() + ": there is no database"};
  if (have > newest) throw store_unavailable{about + " is of a newer troupe, this one knows " + std::to_string(newest)};
  if (have == newest) return;
  if (must_exist) throw store_unavailable{about + " is of an older troupe; start the server once to bring it up"};
  data_lock lock{lock_file_};
  make_private(file_);
  sqlite::connection db{file_, sqlite::access::create};
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
  sqlite::migrate(db);
}

}  // namespace

std::unique_ptr<store> open_store(const std::string& data_dir, const std::string& database, bool must_exist) {
  if (!database.empty()) {  // the address may carry a password, so only its kind is named
    auto kind = database.substr(0, database.find(':'));
    throw store_unavailable{"database \"" + kind + ":...\": this build knows only SQLite; leave `database` empty"};
  }
  auto made = std::make_unique<sqlite_store>(fs::path{data_dir});
  made->prepare(must_exist);
  return made;
}

}  // namespace troupe
