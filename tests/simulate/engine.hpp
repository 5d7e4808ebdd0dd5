// The real store in a folder of its own, and the ways in which its process may die.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "persistence/store.hpp"

namespace simulate {

/// A temporary folder in memory where there is one: there a sync costs next to nothing, and the store runs as it does
/// in production, with every sync in its place.
class scratch_folder {
public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// A database of its own in the throw-away PostgreSQL whose folder TROUPE_TEST_POSTGRES names.
class scratch_database {
public:
  scratch_database();
  ~scratch_database();
  scratch_database(const scratch_database&) = delete;
  std::string uri() const;

private:
  std::string name_;
};

class engine {
public:
  /// SQLite below `folder`, or PostgreSQL at `uri` when that is not empty.
  engine(const std::filesystem::path& folder, std::string uri);

  /// `coming`: what is said to follow. It need not be true.
  void begin(const std::vector<const troupe::change*>& coming);
  troupe::change_result apply(const troupe::change& c, troupe::time_ms now) { return writer_->apply(c, now); }
  void commit() { writer_->commit(); }
  void rollback();
  troupe::store_reader& reader() { return *reader_; }
  troupe::verdict verify() { return store_->verify(); }

  /// Writer, readers and store go away, whatever they were doing; a new life opens the same files.
  void die_and_return();
  /// Of SQLite, as kill -9 leaves it: the new life has only what was in the files, and behind their end lies rubbish of
  /// a torn write. `torn_bytes` says how much.
  void lose_power(int64_t torn_bytes);

private:
  void open();
  void close();
  void when_free(const std::function<void()>& open);
  std::filesystem::path folder() const { return home_ / std::to_string(life_); }

  std::filesystem::path home_;
  std::string uri_;
  int life_ = 0;
  std::unique_ptr<troupe::store> store_;
  std::unique_ptr<troupe::store_writer> writer_;
  std::unique_ptr<troupe::store_reader> reader_;
};

}  // namespace simulate
