// The rows of gateways and shards. Locks: a writer holds the rows of its gateway and shards FOR KEY SHARE; beats do not
// disturb it; whoever removes a gateway or takes a shard locks FOR UPDATE and skips what is being written.
#include "persistence/membership.hpp"

#include "persistence/columns.hpp"
#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

class gateways_and_shards : public membership {
public:
  explicit gateways_and_shards(std::unique_ptr<connection> line) : db_{std::move(line)} {}

  void enter(const gateway_row& g) override {
    statement{*db_, "INSERT INTO gateways(id,name,address,secret,beat) VALUES(?,?,?,?,1)"}.run(g.id, g.name, g.address,
                                                                                               g.secret);
  }
  bool beat(const std::string& id) override { return beat_.run(id) == 1; }
  cluster_view view() override {
    cluster_view v;
    list_gateways_.each([&](row& r) { r(v.gateways.emplace_back()); });
    list_shards_.each([&](row& r) { r(v.shards.emplace_back()); });
    return v;
  }
  bool remove(const gateway_row& seen) override {
    return in_transaction([&] { return lock_gateway_.any(seen.id, seen.beat) && remove_.run(seen.id) == 1; });
  }
  int32_t take(const std::string& me, int32_t most) override {
    int32_t taken = 0;
    in_transaction([&] {
      std::vector<shard_row> free;
      list_free_.each([&](row& r) { r(free.emplace_back()); }, most);
      for (const auto& s : free) taken += static_cast<int32_t>(move_.run(me, s.shard, s.epoch));
      return true;
    });
    return taken;
  }
  bool give(const shard_row& mine, const std::string& to) override {
    return in_transaction([&] {
      auto ours = lock_shard_.any(mine.shard, mine.owner, mine.epoch);
      return ours && move_.run(to, mine.shard, mine.epoch) == 1;
    });
  }
  void leave(const std::string& id) override { remove_.run(id); }

private:
  template <class F>
  bool in_transaction(F f) {
    db_->begin();
    auto done = false;
    try {
      done = f();
    } catch (const store_unavailable&) {
      if (db_->in_transaction()) db_->exec("ROLLBACK");
      throw;
    }
    db_->commit();
    return done;
  }

  std::unique_ptr<connection> db_;
  statement beat_{*db_, "UPDATE gateways SET beat=beat+1 WHERE id=?"};
  statement list_gateways_{*db_, "SELECT id,name,address,secret,beat FROM gateways ORDER BY id"};
  statement list_shards_{*db_, "SELECT shard,owner,epoch FROM shards ORDER BY shard"};
  statement lock_gateway_{*db_, "SELECT 1 FROM gateways WHERE id=? AND beat=?<<pg: FOR UPDATE SKIP LOCKED>>"};
  statement remove_{*db_, "DELETE FROM gateways WHERE id=?"};
  statement list_free_{*db_,
                       "SELECT s.shard,s.owner,s.epoch FROM shards s"
                       " WHERE NOT EXISTS (SELECT 1 FROM gateways g WHERE g.id=s.owner)"
                       " ORDER BY s.shard DESC LIMIT ?<<pg: FOR UPDATE OF s SKIP LOCKED>>"};
  statement lock_shard_{*db_, "SELECT 1 FROM shards WHERE shard=? AND owner=? AND epoch=?<<pg: FOR UPDATE>>"};
  statement move_{*db_, "UPDATE shards SET owner=?, epoch=epoch+1 WHERE shard=? AND epoch=?"};
};

}  // namespace

std::unique_ptr<membership> open_membership(std::unique_ptr<connection> line) {
  return std::make_unique<gateways_and_shards>(std::move(line));
}

}  // namespace troupe::sql
