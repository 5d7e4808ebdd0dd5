# kill -9 of the server, again and again, amid work: nothing acknowledged is lost, nothing is paid twice, and one
# wrong amount in the books is found. The seed of the moments is printed; E2E_SEED=N takes it again.
import http.client
import os
import queue
import random
import sqlite3
import threading
import time
import unittest

from house import ENDS, PATIENCE, Client, House, noop, parallel, row_counts, rows, run, script, verify
from stream import Stream

ROUNDS, SINGLES, BATCH = 10, 40, 10  # of kills; of jobs in each
AWAY = (OSError, http.client.HTTPException)
TAMPERED = [  # each money column of each money table
    ("accounts", "balance", "owner <> 'platform' AND kind = 10"), ("accounts", "balance", "kind = 70"),
    ("accounts", "held", "kind = 10"), ("holds", "amount", "1"), ("holds", "captured", "captured > 0"),
    ("holds", "released", "released > 0"), ("journal", "amount", "kind = 1"), ("journal", "amount", "kind = 2"),
    ("journal", "amount", "kind = 3"), ("journal", "amount", "kind = 4"), ("jobs", "cost", "cost > 0"),
    ("jobs", "hold", "1"), ("attempts", "ran_ms", "outcome = 1 AND ran_ms > 100"),
]


class Submitter:
    """Sends each request under its key until it is acknowledged, however often the server dies meanwhile."""

    def __init__(self, base_url, key, threads=6):
        self.client, self.todo, self.retries = Client(base_url, key), queue.Queue(), 0
        self.acknowledged, self.problems, self.stopping = {}, [], threading.Event()
        self.crowd = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for one in self.crowd:
            one.start()

    def _work(self):
        while (entry := self.todo.get()) is not None:
            try:
                self._send(*entry)
            except Exception as problem:  # seen by finish()
                self.problems.append(problem)

    def _send(self, key, path, body):
        end = time.monotonic() + 90 * PATIENCE
        while time.monotonic() < end:
            try:
                answer = self.client.ask("POST", path, body, {"Idempotency-Key": key}, timeout=10)
                if answer.status == 202:
                    self.acknowledged[key] = (path, body, answer.json())
                    return
                if answer.status not in (503, 504):
                    raise AssertionError(f"{key}: {answer}")
            except AWAY:
                pass
            self.retries += 1
            self.stopping.wait(0.05)  # a polite client does not hammer
        raise AssertionError(f"{key} was never acknowledged")

    def finish(self):
        for _ in self.crowd:
            self.todo.put(None)
        for one in self.crowd:
            one.join(120 * PATIENCE)
        if self.problems:
            raise self.problems[0]

    def job_ids(self):
        found = []
        for _, _, answer in self.acknowledged.values():
            found += [x["id"] for x in answer["jobs"]] if "jobs" in answer else [answer["id"]]
        return found


class nothing_is_lost_when_the_server_is_killed(House):
    flags = ("--slots", "0")

    def load(self, submitter, rng, turn):
        """The work of one round: single jobs of both kinds, and a batch."""
        for i in range(SINGLES):
            ms = rng.choice((0, 0, 5, 50, 200, 600))
            body = script(f"echo {turn}-{i}; sleep 0.{rng.randrange(4)}") if i % 5 == 0 else noop(ms)
            submitter.todo.put((f"one-{turn}-{i}", "/api/v1/jobs", {**body, "max_attempts": 20}))
        batch = {"jobs": [noop(rng.choice((0, 20, 300)), name=f"b{i}", max_attempts=20) for i in range(BATCH)]}
        submitter.todo.put((f"batch-{turn}", "/api/v1/jobs/batch", batch))

    def test_ten_times_at_random_moments_under_500_jobs_and_two_nodes(self):
        seed = int(os.environ.get("E2E_SEED") or random.SystemRandom().randrange(10**6))
        print(f"seed {seed}", flush=True)
        rng = random.Random(seed)
        before = self.user.balance()
        nodes = [self.join(name, 4) for name in ("left", "right")]
        submitter = Submitter(self.server.dev["base_url"], self.user.key)
        for turn in range(ROUNDS):
            self.load(submitter, rng, turn)
            moment = rng.uniform(0.0, 0.3) if turn % 2 else rng.uniform(0.3, 1.6)
            threading.Event().wait(moment)  # not to wait for anything: this is the random moment
            self.server.kill()
            self.start()
        submitter.finish()
        self.user.hang_up()  # that connection was to a server long dead
        jobs = submitter.job_ids()
        self.assertEqual((len(jobs), len(set(jobs))), (ROUNDS * (SINGLES + BATCH),) * 2)
        self.assertTrue(all(node.popen.poll() is None for node in nodes), "the nodes live on")
        self.assert_each_ended(jobs)
        self.assert_answers_stay(submitter, rng)
        self.assertEqual(row_counts(self.data_dir)["jobs"], len(jobs), "a retry was taken for a new job")
        spent = rows(self.data_dir, "SELECT sum(cost) FROM jobs")[0][0]
        self.assertEqual(self.user.balance(), {"balance": before["balance"] - spent, "held": 0,
                                               "available": before["balance"] - spent})
        self.assert_books()
        self.assert_paid_once()
        print(f"{submitter.retries} retries, {self.attempts()} attempts for {len(jobs)} jobs", flush=True)
        self.tamper_with_each_amount()

    def attempts(self):
        return rows(self.data_dir, "SELECT sum(attempts) FROM jobs")[0][0]

    def assert_each_ended(self, jobs):
        stream = Stream(self.server.dev["base_url"], self.user.key, "?after=0")
        self.addCleanup(stream.close)
        stream.wait_ends(jobs, 90)
        ends = [x["job_id"] for x in stream.frames if x.get("terminal")]
        self.assertEqual(len(ends), len(set(ends)), "a job ended twice")
        sequence = [x["seq"] for x in stream.frames]
        self.assertEqual(sequence, sorted(set(sequence)))
        shown = parallel(self.user.job, jobs, threads=8)
        self.assertLessEqual({x["status"] for x in shown}, ENDS)
        self.assertEqual([x for x in shown if x["status"] != "completed"], [])
        outputs = [x["result"]["stdout"] for x in shown if x["type"] == "script"]
        self.assertEqual(len(set(outputs)), ROUNDS * SINGLES // 5, "every script has its own result")

    def assert_answers_stay(self, submitter, rng):
        for key in rng.sample(sorted(submitter.acknowledged), 40):
            path, body, first = submitter.acknowledged[key]
            self.assertEqual(self.user.post(path, body, key=key).json(), first)

    def tamper_with_each_amount(self):
        self.assertEqual(self.server.terminate(), 0)
        self.assert_books()
        for number, (table, column, where) in enumerate(TAMPERED):
            with self.subTest(table=table, column=column, where=where):
                code, out, err = verify(self.copy_with(number, table, column, where))
                self.assertEqual(code, 1, out + err)
                self.assertIn("WRONG", out)
        self.assertEqual(verify(self.copy_with(len(TAMPERED)))[0], 0, "the copy alone breaks nothing")

    def copy_with(self, number, *change):
        """A copy of the database, with one amount of one row one larger."""
        folder = os.path.join(self.folder, f"copy-{number}")
        os.makedirs(folder)
        with sqlite3.connect(f"file:{self.data_dir}/troupe.db?mode=ro", uri=True) as source:
            copy = sqlite3.connect(os.path.join(folder, "troupe.db"), isolation_level=None)
            source.backup(copy)
        if change:
            table, column, where = change
            key = {"accounts": "id", "holds": "id", "journal": "seq", "jobs": "id", "attempts": "job_id"}[table]
            copy.execute("PRAGMA ignore_check_constraints = ON")
            done = copy.execute(f"UPDATE {table} SET {column} = {column} + 1 WHERE {key} = "
                                f"(SELECT {key} FROM {table} WHERE {where} LIMIT 1)")
            self.assertGreater(done.rowcount, 0, f"no row to tamper with in {table} where {where}")
        copy.close()
        return folder


class an_orderly_stop_amid_work(House):
    flags = ("--slots", "2")

    def test_leaves_jobs_that_the_next_server_ends_and_pays_once(self):
        stream = Stream(self.server.dev["base_url"], self.user.key)
        slow = script("echo 'TROUPE {\"progress\":0.5}'; sleep 1; echo end")
        jobs = [self.user.submit(slow), self.user.submit(noop(800)), *(self.user.submit(noop(10)) for _ in range(20))]
        stream.wait_for(jobs[0], "progress")
        self.assertEqual(self.server.terminate(10), 0)
        stream.wait_closed()
        self.assert_books()
        self.start()
        self.user.hang_up()
        again = Stream(self.server.dev["base_url"], self.user.key, "?after=0")
        again.wait_ends(jobs, 30)
        again.close()
        self.assertEqual({self.user.job(x)["status"] for x in jobs}, {"completed"})
        self.assert_books()
        self.assert_paid_once()


class the_ledger_tools(House):
    flags = ("--slots", "2")

    def test_verify_and_export_work_beside_a_running_server(self):
        stream = Stream(self.server.dev["base_url"], self.user.key, "?after=0")
        self.addCleanup(stream.close)
        jobs = [self.user.submit(noop(5)) for _ in range(50)]
        for _ in range(5):
            self.assert_books()
        stream.wait_ends(jobs)
        code, out, _ = run("ledger", "export", "--data-dir", self.data_dir)
        self.assertEqual(code, 0)
        self.assertEqual(len(out.splitlines()), rows(self.data_dir, "SELECT count(*) FROM journal")[0][0])
        code, out, _ = run("ledger", "verify", "--json", "--data-dir", self.data_dir)
        self.assertEqual((code, '"right":true' in out), (0, True), out)


if __name__ == "__main__":
    unittest.main()
