// What waits: dependencies against the states of both sides, firings against the jobs they made.
#include "persistence/breaches.hpp"

namespace troupe::sql {

namespace {

/// Rows that the query finds are breaches: (id, what is wrong).
void each_wrong(audit& a, const std::string& sql) {
  statement wrong{a.db, sql};
  wrong.each([&](row& r) {
    std::string id, why;
    r(id, why);
    a.breach("job " + id + ": " + why);
  });
}

}  // namespace

void audit_waiting(audit& a) {
  each_wrong(a,
             "SELECT id,'it is blocked by nothing' FROM jobs WHERE ended=0 AND state=0 AND NOT EXISTS"
             " (SELECT 1 FROM job_dependencies WHERE child=id) LIMIT 100");
  each_wrong(a,
             "SELECT d.child,'a dependency is of a job that is not there' FROM job_dependencies d"
             " LEFT JOIN jobs c ON c.id=d.child LEFT JOIN jobs p ON p.id=d.parent"
             " WHERE c.id IS NULL OR p.id IS NULL LIMIT 100");
  each_wrong(a,
             "SELECT d.child,'a dependency does not say what became of its parent' FROM job_dependencies d"
             " JOIN jobs p ON p.id=d.parent WHERE (d.done=0 AND p.ended>0) OR (d.done=1 AND p.state<>8) LIMIT 100");
  each_wrong(a,
             "SELECT d.child,'it is blocked and its dependencies are not, or the reverse' FROM job_dependencies d"
             " JOIN jobs c ON c.id=d.child WHERE (c.state=0 AND d.done=3) OR (c.state<>0 AND d.done<>3) LIMIT 100");
  each_wrong(a,
             "SELECT d.child,'it went on without one of its parents' FROM job_dependencies d"
             " JOIN jobs c ON c.id=d.child JOIN jobs p ON p.id=d.parent"
             " WHERE c.state NOT IN (0,10,11,12) AND p.state<>8 LIMIT 100");
  each_wrong(a,
             "SELECT f.job_id,'a schedule fired it and it is not there' FROM firings f"
             " LEFT JOIN jobs j ON j.id=f.job_id WHERE f.job_id<>'' AND j.id IS NULL LIMIT 100");
}

}  // namespace troupe::sql
