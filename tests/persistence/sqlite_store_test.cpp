// The SQLite engine: the suite, and what is only true of files.
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "tests/persistence/sqlite_engine.hpp"
#define STORE_ENGINES sqlite_engine
#include "tests/persistence/store_conformance.hpp"

namespace troupe::lives {

namespace {

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary} << bytes;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream from{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{from}, {}};
}

/// Runs jobs until killed; tells the number of each job whose end is committed.
[[noreturn]] void run_jobs(sqlite_engine& engine, int tell) {
  auto db = engine.open();
  auto w = db->open_writer();
  auto in_one_group = [&](const change& c) {
    w->begin();
    if (w->apply(c, begin_ms).why != errc::ok) ::_exit(1);
    w->commit();
  };
  in_one_group(grant("t1", wallet_of("ann"), 1'000'000 * one));
  for (int32_t n = 1;; ++n) {
    life l{n, "ann", true};
    in_one_group(l.submit());
    in_one_group(l.claim("node", "bob"));
    in_one_group(l.finish());
    if (::write(tell, &n, sizeof n) != sizeof n) ::_exit(1);
  }
}

}  // namespace

TEST_CASE("a second writer is told at once that the data folder is taken") {
  sqlite_engine engine;
  auto db = engine.open();
  auto first = db->open_writer();
  auto other = engine.open();
  CHECK_THROWS_AS(other->open_writer(), store_unavailable);
  CHECK(other->open_reader()->last_event() == 0);
  first.reset();
  CHECK_NOTHROW(other->open_writer());
}

TEST_CASE("a store that must exist is not made") {
  sqlite_engine engine;
  CHECK_THROWS_AS(engine.open(true), store_unavailable);
  CHECK_FALSE(std::filesystem::exists(engine.file()));
  engine.open();
  CHECK_NOTHROW(engine.open(true));
}

TEST_CASE("the file is for its owner only") {
  desk<sqlite_engine> d;
  d.must(grant("t1", wallet_of("ann"), one));
  using std::filesystem::perms;
  for (const auto* part : {"", "-wal"}) {
    auto mode = std::filesystem::status(d.engine.file().string() + part).permissions();
    CHECK((mode & perms::all) == (perms::owner_read | perms::owner_write));
  }
}

TEST_CASE("a file that is no database is unavailable, not a crash") {
  sqlite_engine engine;
  write_file(engine.file(), std::string(8192, 'x'));
  CHECK_THROWS_AS(engine.open(), store_unavailable);
  CHECK_THROWS_AS(engine.open(true), store_unavailable);
  CHECK(read_file(engine.file()) == std::string(8192, 'x'));
}

TEST_CASE("a file cut short is unavailable, not a crash") {
  desk<sqlite_engine> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  for (int n = 1; n <= 20; ++n) d.run(n, "ann");
  d.w.reset();
  d.r.reset();
  auto size = std::filesystem::file_size(d.engine.file());
  std::filesystem::resize_file(d.engine.file(), size / 2 / 4096 * 4096);
  std::filesystem::remove(d.engine.file().string() + "-wal");
  std::filesystem::remove(d.engine.file().string() + "-shm");
  CHECK_THROWS_AS(d.engine.open()->verify(), store_unavailable);
}

TEST_CASE("a file of a newer program is refused") {
  sqlite_engine engine;
  engine.open();
  CHECK(engine.edit("INSERT INTO schema_version VALUES(1000)") == 1);
  CHECK_THROWS_AS(engine.open(), store_unavailable);
}

TEST_CASE("an address of another engine is refused without its password") {
  try {
    open_store("/nowhere", "mysql://me:secret@host/db");
    FAIL("opened");
  } catch (const store_unavailable& e) {
    CHECK(std::string{e.what()}.find("secret") == std::string::npos);
  }
}

TEST_CASE("an edit beneath the running writer ends the group, and the next one starts from the truth") {
  desk<sqlite_engine> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  CHECK(d.engine.edit("UPDATE accounts SET balance=1 WHERE owner='ann'") == 1);
  d.w->begin();
  CHECK(d.w->apply(hold_of(1, "ann", one), begin_ms).why == errc::ok);
  CHECK_THROWS_AS(d.w->commit(), store_unavailable);
  d.w->rollback();
  d.refused(hold_of(1, "ann", one), errc::insufficient_funds);
  CHECK_FALSE(d.r->find_job(id_of("job", 1)));
}

TEST_CASE("what was acknowledged survives kill -9, and the books are right") {
  sqlite_engine engine;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) run_jobs(engine, pipe[1]);
  ::close(pipe[1]);
  int32_t acknowledged = 0, n = 0;
  while (acknowledged < 25 && ::read(pipe[0], &n, sizeof n) == sizeof n) acknowledged = n;
  ::kill(child, SIGKILL);
  while (::read(pipe[0], &n, sizeof n) == sizeof n) acknowledged = n;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  REQUIRE(acknowledged >= 25);
  auto beside = engine.open(true);
  CHECK(beside->verify().breaches.empty());
  auto db = engine.open();
  auto w = db->open_writer();
  auto r = db->open_reader();
  for (int32_t i = 1; i <= acknowledged; ++i) {
    auto found = r->find_job(id_of("job", i));
    REQUIRE(found);
    CHECK(found->row.state == job_state::succeeded);
  }
  w->begin();
  CHECK(w->apply(grant("t2", wallet_of("ann"), one), begin_ms).why == errc::ok);
  w->commit();
  CHECK(db->verify().breaches.empty());
}

TEST_CASE("a reader beside the writer waits for nothing") {
  desk<sqlite_engine> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  d.w->begin();
  CHECK(d.w->apply(hold_of(1, "ann", one), begin_ms).why == errc::ok);
  CHECK(d.balance(wallet_of("ann")).held == 0);
  CHECK(d.db->verify().breaches.empty());
  d.w->commit();
  CHECK(d.balance(wallet_of("ann")).held == one);
}

TEST_CASE("the journal is exported in order as JSON lines or CSV") {
  desk<sqlite_engine> d;
  auto c = grant("t1", wallet_of("a\"nn"), one / 4);
  c.transfers[0].note = "gift, of\nspring";
  d.must(c);
  d.must(grant("t2", wallet_of("bob"), one));
  std::vector<std::string> json, csv;
  d.db->export_journal(false, [&](const std::string& line) { json.push_back(line); });
  d.db->export_journal(true, [&](const std::string& line) { csv.push_back(line); });
  REQUIRE(json.size() == 2);
  REQUIRE(csv.size() == 3);
  CHECK(json[0].find(R"({"seq":1,"id":"t1","kind":"post","code":"grant","debit":"platform/issuance",)") == 0);
  CHECK(json[0].find(R"("credit":"a\"nn/available","amount":"0.25","asset":"dGPU")") != std::string::npos);
  CHECK(json[0].find(R"("note":"gift, of\u000aspring")") != std::string::npos);
  CHECK(csv[0] == "seq,id,kind,code,debit,credit,amount,asset,hold_id,job_id,note,at_ms,hash");
  CHECK(csv[1].find("1,t1,post,grant,platform/issuance,\"a\"\"nn/available\",0.25,dGPU,,,\"gift, of\nspring\",") == 0);
  CHECK(csv[2].find("2,t2,post,grant,") == 0);
}

}  // namespace troupe::lives
