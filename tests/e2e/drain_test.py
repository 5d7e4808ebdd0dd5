# Nodes that leave in good order, jobs that go on elsewhere from their checkpoint, holds that grow while a job runs.
import os
import signal
import unittest

from house import House, noop, rows, script, until
from stream import Stream

# Saves "7" when it is sent away; says what it found when it begins with a checkpoint.
SAVES = """
trap 'echo 7 > "$TROUPE_CHECKPOINT_DIR/step"; mkdir "$TROUPE_CHECKPOINT_DIR/deep"; echo x > "$TROUPE_CHECKPOINT_DIR/deep/x"; exit 0' TERM
if [ -f "$TROUPE_CHECKPOINT_DIR/step" ]; then echo "resumed at $(cat "$TROUPE_CHECKPOINT_DIR/step")"; exit 0; fi
echo 'TROUPE {"progress":0.3}'
while :; do sleep 0.1; done
"""


class Cluster(House):
    flags = ("--slots", "0")

    def setUp(self):
        self.watch()
        self.label = self.id().rpartition(".")[2][:40]

    def watch(self):
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(self.stream.close)

    def node(self, name, *args):
        node = self.start_node(f"{self.label}-{name}", "--slots", "4", *args)
        node.node_id = node.wait_log("joined")["node_id"]
        self.addCleanup(self.send_home, node)
        return node

    def send_home(self, node):
        node.kill()
        until(lambda: self.row_of(node)["state"] == "offline", "the node is offline", 15)

    def row_of(self, node):
        all_nodes = self.user.get("/api/v1/providers").json()["providers"]
        return next(x for x in all_nodes if x["id"] == node.node_id)

    def drain(self, node, seconds, word="drain"):
        return self.admin.post(f"/api/v1/nodes/{node.node_id}/{word}", {"deadline_seconds": seconds})

    def kinds(self, job):
        return [x["type"] for x in self.stream.of(job)]


class a_node_that_drains(Cluster):
    def test_gives_what_runs_back_with_its_checkpoint_and_leaves_with_nothing_failed(self):
        one = self.node("a")
        job = self.user.submit(script(SAVES))
        self.stream.wait_for(job, "progress")
        self.assertEqual(self.drain(one, 0).status, 202)
        self.assertEqual(one.wait(20), 0)
        self.stream.wait_for(job, "preempted")
        until(lambda: self.row_of(one)["state"] == "offline", "the node is offline", 15)
        other = self.node("b")
        self.assertEqual(self.stream.wait_end(job)["type"], "completed")
        done = self.user.job(job)
        self.assertEqual(done["result"]["stdout"], "resumed at 7\n")
        self.assertEqual((done["provider_id"], done["attempts"]), (other.node_id, 2))
        log = lambda n: self.user.get(f"/api/v1/jobs/{job}/logs?attempt={n}").json()
        until(lambda: log(2)["complete"], "its log", 15, 0.1)
        self.assertEqual([log(n)["text"] for n in (1, 2)], ["", "resumed at 7\n"])
        self.assertEqual(self.kinds(job), ["queued", "started", "progress", "preempted", "started", "completed"])
        outcomes = rows(self.data_dir, "SELECT outcome, accrued > 0 FROM attempts WHERE job_id=? ORDER BY epoch", job)
        self.assertEqual(outcomes, [(7, 1), (1, 1)])
        self.assert_books()

    def test_the_checkpoint_outlives_a_kill_of_the_gateway(self):
        one = self.node("a")
        job = self.user.submit(script(SAVES))
        self.stream.wait_for(job, "progress")
        one.signal(signal.SIGTERM)
        self.drain(one, 0)
        self.stream.wait_for(job, "preempted")
        self.server.kill()
        self.start()
        for client in (self.user, self.admin):
            client.hang_up()
        self.watch()
        self.node("b")
        self.stream.wait_end(job)
        self.assertEqual(self.user.job(job)["result"]["stdout"], "resumed at 7\n")
        self.assert_books()

    def test_finishes_what_runs_when_it_is_told_to_stop_and_takes_nothing_new(self):
        one = self.node("a")
        job = self.user.submit(script("sleep 2; echo done"))
        self.stream.wait_for(job, "started")
        one.signal(signal.SIGTERM)
        one.wait_log("draining")
        until(lambda: self.row_of(one)["state"] == "draining", "the gateway knows")
        later = self.user.submit(noop())
        self.assertEqual(one.wait(20), 0)
        self.assertEqual(self.stream.wait_end(job)["type"], "completed")
        self.assertEqual(self.user.job(job)["attempts"], 1)
        self.assertEqual(self.user.job(later)["status"], "queued")
        other = self.node("b")
        self.stream.wait_end(later)
        self.assertEqual(self.user.job(later)["provider_id"], other.node_id)

    def test_ends_at_once_when_it_is_told_twice(self):
        one = self.node("a")
        job = self.user.submit(script("sleep 60"))
        self.stream.wait_for(job, "started")
        one.signal(signal.SIGTERM)
        one.wait_log("draining")
        self.assertEqual(one.terminate(5), 0)
        self.user.cancel(job)
        self.stream.wait_end(job)

    def test_keeps_no_checkpoint_that_is_too_large_and_says_so(self):
        one = self.node("a")
        job = self.user.submit(script(SAVES.replace(
            "echo 7 >", "head -c 17000000 /dev/zero > \"$TROUPE_CHECKPOINT_DIR/big\"; echo 7 >")))
        self.stream.wait_for(job, "progress")
        self.drain(one, 0)
        gone = self.stream.wait_for(job, "preempted", 20)
        self.assertIn("larger than 16 MiB", gone["data"]["message"])
        self.assertEqual(one.wait(20), 0)
        self.user.cancel(job)
        self.assertEqual(self.stream.wait_end(job)["type"], "cancelled")
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM checkpoints"), [(0,)])
        self.assert_books()

    def test_stays_away_until_the_operator_wants_it_back(self):
        one = self.node("a")
        self.assertEqual(self.drain(one, 0).status, 202)
        self.assertEqual(one.wait(20), 0)
        again = self.start_node(f"{self.label}-a", "--slots", "4")
        again.wait_log("joined")
        self.assertEqual(again.wait(20), 0)
        self.assertEqual(self.drain(one, 0, "undrain").status, 400)  # that word has no deadline
        self.assertEqual(self.admin.post(f"/api/v1/nodes/{one.node_id}/undrain", {}).status, 202)
        self.node("a")
        job = self.user.submit(noop())
        self.assertEqual(self.stream.wait_end(job)["type"], "completed")

    def test_is_drained_by_its_owner_or_an_admin_only(self):
        one = self.node("a")
        stranger = self.new_user()
        for word in ("drain", "undrain"):
            path = f"/api/v1/nodes/{one.node_id}/{word}"
            self.assertEqual(stranger.post(path, {}).status, 404)
            self.assertEqual(self.admin.post(f"/api/v1/nodes/node_unknown/{word}", {}).status, 404)
        for bad in (-1, 86401, "5", 1.5, []):
            self.assertEqual(self.drain(one, bad).status, 400, bad)
        self.assertEqual(self.admin.post(f"/api/v1/nodes/{one.node_id}/drain", {"deadline": 5}).status, 400)
        self.assertEqual(self.row_of(one)["state"], "online")


class a_hold_that_grows(Cluster):
    def test_covers_a_window_at_first_and_more_while_the_job_runs(self):
        self.node("a")
        job = self.user.submit(script("sleep 7", seconds=60, hold_seconds=10))
        first = self.user.job(job)["hold"]["amount"]
        self.assertEqual(first, "0.000729168")
        self.assertEqual(self.stream.wait_end(job, 30)["type"], "completed")
        self.assertEqual(self.user.job(job)["hold"]["amount"], "0.001458336")
        moves = self.user.get(f"/api/v1/billing/wallet/{self.wallet()}/transactions?job_id={job}").json()["transactions"]
        self.assertEqual([x["type"] for x in moves].count("hold"), 2)
        self.assert_books()

    def wallet(self):
        return self.user.get(f"/api/v1/billing/user/{self.server.dev['user_id']}/wallet").json()["id"]

    def test_stops_the_job_when_there_is_no_more_money(self):
        self.node("a")
        poor = self.new_user(dgpu=800_000)
        stream = Stream(self.server.dev["base_url"], poor.key)
        self.addCleanup(stream.close)
        job = poor.submit(script("sleep 60", seconds=100, hold_seconds=10))
        stream.wait_for(job, "funds", 20)
        self.assertEqual(stream.wait_end(job, 20)["type"], "cancelled")
        done = poor.job(job)
        self.assertEqual((done["status"], done["error"]["code"]), ("cancelled", "insufficient_funds"))
        self.assertLess(float(done["cost"]), 0.000729168)
        self.assertGreater(float(done["cost"]), 0)
        self.assert_books()

    def test_is_asked_for_in_whole_seconds_within_bounds(self):
        for bad in (0, 9, 86401, "60", 10.5, -5, True):
            answer = self.user.post("/api/v1/jobs", noop(hold_seconds=bad))
            self.assertEqual(answer.status, 400, bad)
            self.assertEqual(self.user.post("/api/v1/jobs", noop(stall_timeout_seconds=bad)).status,
                             202 if bad == 9 else 400, bad)
        model = {"type": "inference", "name": "x", "params": {"model": "m", "prompt": "p"}, "hold_seconds": 60}
        self.assertEqual(self.user.post("/api/v1/jobs", model).status, 400)


if __name__ == "__main__":
    unittest.main()
