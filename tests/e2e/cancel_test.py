# Cancelling: the processes are gone, the time used is paid, the rest is free again, and only the owner may.
import os
import unittest

from house import House, is_gone, nano, noop, rows, script, until
from stream import Stream

RATE = 250_000_000  # the embedded node's, for an hour
HOUR_MS = 3_600_000


def price(ran_ms):
    subtotal = -(-RATE * ran_ms // HOUR_MS)
    return subtotal + -(-subtotal * 5 // 100)


class a_cancelled_job_is_gone_and_paid_for_its_time(House):
    flags = ("--slots", "2")

    def setUp(self):
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(self.stream.close)

    def submit(self, body):
        """The slot is free again after the test."""
        job = self.user.submit(body)
        self.addCleanup(self.stream.wait_end, job)
        self.addCleanup(self.user.cancel, job)
        return job

    def run_with_children(self, ignore_signal=False):
        """A script and its child, both running; their process ids."""
        pids = os.path.join(self.folder, f"pids-{self.id()}")
        trap = "trap '' TERM" if ignore_signal else ":"
        content = f"""{trap}
sleep 300 &
echo $$ $! > {pids}
echo 'TROUPE {{"progress":0.5,"message":"written"}}'
wait
sleep 300"""
        job = self.submit(script(content, seconds=600))
        self.stream.wait_for(job, "progress")
        with open(pids) as file:
            found = [int(x) for x in file.read().split()]
        self.assertEqual(len(found), 2)
        self.assertFalse(any(is_gone(x) for x in found))
        return job, found

    def assert_cancelled_and_paid(self, job):
        shown = self.user.job(job)
        self.assertEqual((shown["status"], shown["state"]), ("cancelled", "cancelled"))
        ran_ms = shown["result"]["runtime_ms"]
        self.assertGreater(ran_ms, 0)
        self.assertEqual(nano(shown["cost"]), price(ran_ms))
        moves = dict(rows(self.data_dir, "SELECT code, amount FROM journal WHERE job_id = ?", job))
        self.assertEqual(moves[7] + moves[8], price(ran_ms))
        self.assertEqual(moves[10], nano(shown["hold"]["amount"]) - price(ran_ms))

    def test_a_running_script_with_its_child(self):
        before = self.user.balance()
        job, pids = self.run_with_children()
        answer = self.user.cancel(job)
        self.assertEqual(answer.status, 202)
        self.assertIn(answer.json()["status"], ("cancelling", "cancelled"))
        end = self.stream.wait_end(job)
        self.assertEqual(end["type"], "cancelled")
        for pid in pids:
            until(lambda: is_gone(pid), f"process {pid} is gone", seconds=2)
        self.assert_cancelled_and_paid(job)
        cost = nano(end["data"]["cost"])
        after = self.user.balance()
        self.assertEqual(after["held"], before["held"])
        self.assertEqual(after["available"], before["available"] - cost)
        kinds = [x["type"] for x in self.stream.of(job)]
        self.assertEqual(kinds, ["queued", "started", "progress", "cancelling", "cancelled"])

    def test_a_script_that_ignores_sigterm_is_killed(self):
        job, pids = self.run_with_children(ignore_signal=True)
        self.assertEqual(self.user.cancel(job).status, 202)
        self.assertEqual(self.stream.wait_end(job)["type"], "cancelled")
        for pid in pids:
            until(lambda: is_gone(pid), f"process {pid} is gone", seconds=2)
        self.assert_cancelled_and_paid(job)

    def test_a_queued_job_costs_nothing(self):
        for _ in range(2):
            self.stream.wait_for(self.submit(noop(60_000)), "started")
        before = self.user.balance()
        job = self.user.submit(noop())
        self.assertEqual(self.user.job(job)["status"], "queued")
        answer = self.user.cancel(job)
        self.assertEqual((answer.status, answer.json()["status"]), (202, "cancelled"))
        shown = self.user.job(job)
        self.assertEqual((shown["cost"], shown["attempts"], shown["started_at"]), ("0", 0, None))
        self.assertEqual(self.user.balance(), before)
        self.assertEqual([x["type"] for x in self.stream.of(job)], ["queued", "cancelled"])

    def test_a_scheduled_job_never_runs(self):
        job = self.user.submit(noop(run_at="2199-01-01T00:00:00Z"))
        self.assertEqual(self.user.cancel(job).json()["status"], "cancelled")

    def test_twice_is_once_and_a_finished_job_is_409(self):
        job, _ = self.run_with_children()
        answers = [self.user.cancel(job) for _ in range(3)]
        self.assertEqual({x.status for x in answers}, {202})
        self.stream.wait_end(job)
        self.assertEqual(self.user.cancel(job).json()["status"], "cancelled")
        self.assertEqual(len([x for x in self.stream.of(job) if x.get("terminal")]), 1)
        done = self.user.submit(noop())
        self.stream.wait_end(done)
        refused = self.user.cancel(done)
        self.assertEqual((refused.status, refused.json()["error_code"]), (409, "CONFLICT"))
        self.assertEqual(self.user.job(done)["status"], "completed")

    def test_anothers_job_and_no_job_are_404_and_nothing_happens_to_it(self):
        stranger = self.new_user(10**9)
        job = self.submit(noop(60_000))
        self.stream.wait_for(job, "started")
        for wrong in (job, "job_00000000000000000000000000", "x", job + "0"):
            answer = stranger.cancel(wrong)
            self.assertEqual((answer.status, answer.json()["error_code"]), (404, "RESOURCE_NOT_FOUND"))
            self.assertEqual(stranger.get(f"/api/v1/jobs/{wrong}").status, 404)
        self.assertEqual(self.user.job(job)["status"], "processing")
        self.assertEqual(self.user.cancel(job).status, 202)
        self.stream.wait_end(job)
        self.assert_books()
        self.assert_paid_once()


if __name__ == "__main__":
    unittest.main()
