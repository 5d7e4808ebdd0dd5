// A real store that can be away for a while: for what the actors do then.
#pragma once

#include <functional>
#include <memory>

#include "persistence/store.hpp"

namespace troupe {

struct store_faults {
  bool writes_away = false, reads_away = false;
  int64_t commits = 0;                                  // that went through
  bool forget_answers = false;                          // durable, but the writer hears that the database is away
  std::function<void(const change&)> on_apply;          // may throw
  std::function<void(const std::string&)> on_find_job;  // may throw
};

class faulty_writer : public store_writer {
public:
  faulty_writer(std::unique_ptr<store_writer> real, store_faults& faults) : real_(std::move(real)), faults_(faults) {}
  void begin(const std::vector<const change*>& coming) override {
    if (faults_.writes_away) throw store_unavailable{"the disk is full"};
    real_->begin(coming);
  }
  change_result apply(const change& c, time_ms now_ms) override {
    if (faults_.on_apply) faults_.on_apply(c);
    return real_->apply(c, now_ms);
  }
  void commit() override {
    real_->commit();
    faults_.commits += 1;
    if (faults_.forget_answers) throw store_unavailable{"no answer to the commit"};
  }
  bool woke_waiting() const override { return real_->woke_waiting(); }
  void rollback() override { real_->rollback(); }

private:
  std::unique_ptr<store_writer> real_;
  store_faults& faults_;
};

class faulty_reader : public store_reader {
public:
  faulty_reader(std::unique_ptr<store_reader> real, store_faults& faults) : real_(std::move(real)), faults_(faults) {}
  std::optional<job_view> find_job(const std::string& id) override {
    if (faults_.on_find_job) faults_.on_find_job(id);
    return db().find_job(id);
  }
  std::vector<job_view> list_jobs(const job_filter& x) override { return db().list_jobs(x); }
  std::vector<job_brief> granted_jobs(const std::string& node_id) override { return db().granted_jobs(node_id); }
  std::vector<job_brief> live_jobs(const std::vector<job_state>& states, const std::string& after,
                                   int32_t limit) override {
    return db().live_jobs(states, after, limit);
  }
  std::optional<idempotency_row> find_idempotent(const std::string& scope, const std::string& key) override {
    return db().find_idempotent(scope, key);
  }
  std::vector<event_row> events_after(const std::string& user, const std::string& job, int64_t after,
                                      int32_t limit) override {
    return db().events_after(user, job, after, limit);
  }
  int64_t last_event() override { return db().last_event(); }
  std::optional<user_row> find_user(const std::string& id) override { return db().find_user(id); }
  std::optional<user_row> find_user_by_login(const std::string& x) override { return db().find_user_by_login(x); }
  std::optional<credential_row> find_api_key(const std::string& hash) override { return db().find_api_key(hash); }
  std::optional<credential_row> find_session(const std::string& id) override { return db().find_session(id); }
  std::optional<node_key_row> find_node_key(const std::string& hash) override { return db().find_node_key(hash); }
  std::vector<node_row> list_nodes() override { return db().list_nodes(); }
  std::vector<balance_row> balances(const std::string& owner) override { return db().balances(owner); }
  std::vector<transaction_row> transactions(const std::string& owner, int32_t limit, int32_t offset,
                                            const std::string& job_id) override {
    return db().transactions(owner, limit, offset, job_id);
  }
  int64_t count_transactions(const std::string& owner) override { return db().count_transactions(owner); }
  book_reader& books() override { return db().books(); }
  node_reader& nodes() override { return db().nodes(); }
  waiting_reader& waiting() override { return db().waiting(); }
  log_reader& logs() override { return db().logs(); }
  identity_reader& identity() override { return db().identity(); }
  people_reader& people() override { return db().people(); }
  audit_reader& audit() override { return db().audit(); }

private:
  store_reader& db() {
    if (faults_.reads_away) throw store_unavailable{"the disk is gone"};
    return *real_;
  }
  std::unique_ptr<store_reader> real_;
  store_faults& faults_;
};

}  // namespace troupe
