# The same house on PostgreSQL, and what happens when the database goes away for a while under load.
import os
import subprocess
import threading
import time
import unittest

import billing_test
from house import ENDS, HERE, PATIENCE, House, decimal, nano, noop, parallel, run, script, until
from stream import Stream

SCRIPT = os.path.join(HERE, "..", "support", "postgres.sh")
AWAY_SECONDS = 10


def postgres(verb, folder, *settings):
    subprocess.run([SCRIPT, verb, folder, *settings], check=True, timeout=120, stdin=subprocess.DEVNULL)


class on_postgres:
    """A throw-away cluster with durable commits, for the life of the class."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = os.path.join("/tmp", f"troupe-e2e-postgres-{os.getpid()}")
        postgres("start", cls.cluster)
        cls.addClassCleanup(postgres, "stop", cls.cluster)
        cls.database = f"postgresql://postgres@/postgres?host={cls.cluster}"
        cls.flags = (*cls.flags, "--database", cls.database)
        super().setUpClass()

    def assert_books(self):
        code, out, err = run("ledger", "verify", "--database", self.database, "--data-dir", self.data_dir)
        self.assertEqual(code, 0, out + err)

    def sql(self, text):
        done = subprocess.run(["psql", "-h", self.cluster, "-U", "postgres", "-At", "-c", text], check=True, text=True,
                              capture_output=True, timeout=30)
        return done.stdout.strip()


class the_main_job_on_postgres(on_postgres, House):
    def test_a_job_is_run_streamed_and_paid_and_survives_a_kill(self):
        user = self.new_user(nano("10"))
        stream = Stream(self.server.dev["base_url"], user.key)
        job = user.submit(script("echo hello from a database"))
        stream.wait_end(job)
        kinds = [x["type"] for x in stream.of(job)]
        stream.close()
        self.assertEqual((kinds[0], kinds[-1]), ("queued", "completed"))
        cost = nano(user.job(job)["cost"])
        self.assertEqual(user.balance(), {"balance": nano("10") - cost, "held": 0, "available": nano("10") - cost})
        self.assert_books()
        self.server.kill()
        self.start()
        user.hang_up()
        self.admin.hang_up()
        self.assertEqual(user.job(job)["result"]["stdout"], "hello from a database\n")
        again = user.submit(noop())
        until(lambda: user.job(again)["status"] in ENDS, "the job after the restart has ended")
        self.assert_books()

    def test_money_is_as_exact_as_on_sqlite(self):
        hold = 4_375_001
        user = self.new_user(20 * hold)
        far = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        answers = parallel(lambda i: user.post("/api/v1/jobs", noop(run_at=far)), range(60))
        self.assertEqual(sorted(x.status for x in answers), [202] * 20 + [402] * 40)
        self.assertEqual(user.balance(), {"balance": 20 * hold, "held": 20 * hold, "available": 0})
        self.assertEqual(self.sql("SELECT count(*) FROM accounts WHERE balance < held AND kind <> 70"), "0")
        self.assert_books()


class a_thousand_mixed_requests_on_postgres_leave_exact_books(
        on_postgres, billing_test.a_thousand_mixed_requests_on_ten_wallets_leave_exact_books):
    looks = 3  # each is a psql of its own

    def watch(self, stop, seen):
        """From a connection of its own: no account below what is held in it, and every asset adds up to nothing."""
        while not stop.is_set():
            poor = self.sql("SELECT owner FROM accounts WHERE kind <> 70 AND (balance < 0 OR held < 0 OR balance < held)")
            sums = self.sql("SELECT asset FROM accounts GROUP BY asset HAVING sum(balance) <> 0")
            seen.append((poor.split(), sums.split()))


class the_database_goes_away_and_comes_back(on_postgres, House):
    def test_under_load_nothing_acknowledged_is_lost_and_the_rate_returns(self):
        user = self.new_user(nano("1000000"))
        acknowledged, refused, over = [], [], threading.Event()

        def work(_):
            while not over.is_set():
                try:
                    answer = user.post("/api/v1/jobs", noop())
                except OSError:
                    raise AssertionError("the server closed a connection")
                if answer.status == 202:
                    acknowledged.append((time.monotonic(), answer.json()["id"]))
                else:
                    refused.append(answer)
                    over.wait(0.05)  # as a client that heeds Retry-After, in a hurry

        crowd = threading.Thread(target=lambda: parallel(work, range(8)), daemon=True)
        crowd.start()

        def rate(seconds):
            begin, before = time.monotonic(), len(acknowledged)
            threading.Event().wait(seconds)
            return (len(acknowledged) - before) / (time.monotonic() - begin)

        threading.Event().wait(2)
        earlier = rate(3)
        postgres("down", self.cluster)
        gone = time.monotonic()
        threading.Event().wait(AWAY_SECONDS)
        lost_time = [x for x in acknowledged if gone + 1 < x[0]]
        postgres("again", self.cluster)
        back = time.monotonic()
        first = until(lambda: next((x for x in acknowledged if x[0] > back), None), "a job is taken again", 20)
        threading.Event().wait(max(0, back + 4 - time.monotonic()))
        later = rate(3)
        over.set()
        crowd.join(60 * PATIENCE)
        print(f"\nrate before {earlier:.0f}/s, from 4 s after the return {later:.0f}/s ({later / earlier:.2f}); first job "
              f"{first[0] - back:.2f} s after the return; {len(acknowledged)} acknowledged, {len(refused)} refused")
        self.assertEqual(lost_time, [], "a database that is away acknowledges nothing")
        self.assertTrue(refused)
        self.assertEqual({x.status for x in refused}, {503})
        self.assertTrue(all(x.headers.get("Retry-After") for x in refused))
        self.assertGreater(later, earlier / 2)  # the ratio is measured here, and claimed nowhere
        kept = set(self.sql("SELECT id FROM jobs").split())
        self.assertEqual([job for _, job in acknowledged if job not in kept], [])
        until(lambda: self.sql("SELECT count(*) FROM jobs WHERE ended = 0") == "0", "all jobs have ended", 120, 0.5)
        self.assertIsNone(self.server.popen.poll())
        self.assertEqual(self.server.said("giving up"), [])
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
