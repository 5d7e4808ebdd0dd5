# Nodes that die, freeze, lie about their key or share a name: the work moves on, and is paid once.
import json
import os
import signal
import time
import unittest

from house import PATIENCE, House, is_gone, nano, noop, rows, script, until
from stream import Stream

STALE = "result refused as stale"


class jobs_outlive_their_node(House):
    flags = ("--slots", "0")

    def setUp(self):
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(self.stream.close)
        self.nodes = [self.join(f"{self.id().rpartition('.')[2][:30]}-{x}") for x in "ab"]
        for node in self.nodes:
            self.addCleanup(self.send_home, node)

    def send_home(self, node):
        """No other test shall get its jobs. It says goodbye, for four silent nodes of five would be a storm."""
        if node.popen.poll() is None:
            node.signal(signal.SIGTERM)
            node.wait_log("draining")
            node.signal(signal.SIGTERM)
            node.wait(10)
        self.server.wait_log("node left", 15, node_id=node.node_id)

    def run_on(self, node, body, most=40, alone=False):
        """Submits until one has started on that node; the others end by themselves, or are cancelled first (`alone`)."""
        elsewhere = []
        for _ in range(most):
            job = self.user.submit(body)
            if self.stream.wait_for(job, "started")["data"]["provider_id"] == node.node_id:
                for other in elsewhere if alone else []:
                    self.user.cancel(other)
                    self.stream.wait_end(other)
                return job
            elsewhere.append(job)
        raise AssertionError(f"the dispatcher does not like {node.node_id}")

    def starts(self, job):
        return [(x["data"]["attempt"], x["data"]["provider_id"]) for x in self.stream.of(job) if x["type"] == "started"]

    def assert_ended_once(self, job, kind="completed"):
        self.assertEqual([x["type"] for x in self.stream.of(job) if x.get("terminal")], [kind])

    def test_the_running_jobs_of_a_killed_node_restart_on_the_other_within_12_seconds(self):
        one, other = self.nodes
        pids = os.path.join(self.folder, "pids")
        jobs = [self.run_on(one, script(f"echo $$ >> {pids}; sleep 1", name=f"s{i}")) for i in range(2)]
        jobs.append(self.run_on(one, noop(1000)))
        one.kill()
        killed = time.monotonic()
        for job in jobs:
            again = self.stream.wait_for(job, "started", 12, attempt=2)
            self.assertEqual(again["data"]["provider_id"], other.node_id)
        self.assertLess(time.monotonic() - killed, 12 * PATIENCE)
        self.stream.wait_ends(jobs)
        for job in jobs:
            shown = self.user.job(job)
            self.assertEqual((shown["status"], shown["attempts"]), ("completed", 2))
            self.assertEqual(shown["provider_id"], other.node_id)
            self.assertEqual(self.starts(job), [(1, one.node_id), (2, other.node_id)])
            self.assert_ended_once(job)
        with open(pids) as file:
            for pid in file.read().split():
                until(lambda: is_gone(pid), f"process {pid} is gone", 5)
        self.assert_books()
        self.assert_paid_once()

    def test_a_frozen_node_that_wakes_after_15_seconds_is_told_that_its_results_are_stale(self):
        one, other = self.nodes
        bodies = (script("sleep 2; echo mine"), noop(2000), script("sleep 2; exit 3"))
        jobs = [self.run_on(one, body) for body in bodies]
        asleep = time.monotonic()
        one.signal(signal.SIGSTOP)
        self.addCleanup(one.signal, signal.SIGCONT)
        for job in jobs:
            self.assertEqual(self.stream.wait_for(job, "started", 20, attempt=2)["data"]["provider_id"], other.node_id)
        self.stream.wait_ends(jobs)
        paid = {job: self.user.job(job)["cost"] for job in jobs}
        until(lambda: time.monotonic() - asleep > 15, "15 seconds of sleep are over", 20, pause=0.2)
        heard = len(one.lines)
        one.signal(signal.SIGCONT)
        for job in jobs:
            one.wait_log(STALE, 20, heard, job_id=job, epoch="1")
        for job in jobs:
            self.assertEqual([x for x, _ in self.starts(job)], [1, 2])
            self.assertEqual(len([x for x in self.stream.of(job) if x.get("terminal")]), 1)
            shown = self.user.job(job)
            self.assertEqual((shown["cost"], shown["attempts"], shown["provider_id"]), (paid[job], 2, other.node_id))
        stored = rows(self.data_dir, "SELECT job_id, epoch FROM results WHERE job_id IN (?, ?, ?)", *jobs)
        self.assertEqual(sorted(stored), sorted((job, 2) for job in jobs))
        self.assert_books()
        self.assert_paid_once()
        one.wait_log("joined", 10, heard)
        back = self.run_on(one, noop(300))  # long enough that the other one is full some time
        self.stream.wait_end(back)

    def test_a_node_that_sleeps_for_a_moment_only_keeps_its_jobs(self):
        one, _ = self.nodes
        job = self.run_on(one, script("sleep 1; echo still mine"))
        one.signal(signal.SIGSTOP)
        asleep = time.monotonic()
        until(lambda: time.monotonic() - asleep > 2, "two seconds of sleep are over", 5)
        one.signal(signal.SIGCONT)
        self.assertEqual(self.stream.wait_end(job)["type"], "completed")
        self.assertEqual(self.starts(job), [(1, one.node_id)])
        self.assertEqual(self.user.job(job)["result"]["stdout"], "still mine\n")

    def test_a_node_that_is_told_twice_to_stop_gives_its_jobs_back(self):
        one, other = self.nodes
        job = self.run_on(one, script("sleep 3; echo twice"))
        one.signal(signal.SIGTERM)
        one.wait_log("draining")
        self.assertEqual(one.terminate(10), 0)
        self.stream.wait_for(job, "started", 12, attempt=2)
        self.assertEqual(self.stream.wait_end(job)["type"], "completed")
        self.assertEqual(self.user.job(job)["provider_id"], other.node_id)
        self.assert_books()

    def test_a_cancel_while_the_node_is_frozen_ends_the_job_paid_until_then_and_its_process_later(self):
        one, _ = self.nodes
        pids = os.path.join(self.folder, "frozen-pid")
        job = self.run_on(one, script(f"echo $$ > {pids}; echo 'TROUPE {{\"progress\":0.1}}'; sleep 120", seconds=300),
                          alone=True)
        self.stream.wait_for(job, "progress")
        one.signal(signal.SIGSTOP)
        self.addCleanup(one.signal, signal.SIGCONT)
        self.assertEqual(self.user.cancel(job).status, 202)
        end = self.stream.wait_end(job, 20)
        self.assertEqual(end["type"], "cancelled")
        self.assertGreater(nano(end["data"]["cost"]), 0)
        one.signal(signal.SIGCONT)
        with open(pids) as file:
            pid = int(file.read().split()[0])
        until(lambda: is_gone(pid), "the process is gone", 15)
        self.assertEqual(self.user.balance()["held"], 0)
        self.assert_books()


class the_door_for_nodes(House):
    flags = ("--slots", "0")

    def providers(self):
        return self.user.get("/api/v1/providers").json()["providers"]

    def test_refuses_a_wrong_key_and_says_so_to_both_sides(self):
        node = self.start_node("thief", "--slots", "4", key="nk_wrong")
        self.assertIn("unknown node key", node.wait_log("not joined")["why"])
        self.server.wait_log("a node was refused", name="thief")
        self.assertEqual([x for x in self.providers() if x["name"] == "thief"], [])
        self.assertEqual(node.said("joined"), [])
        self.assertNotIn("nk_wrong", "\n".join(self.server.lines + node.lines))
        self.assertEqual(node.terminate(), 0)

    def test_lets_one_node_of_a_name_in_and_the_second_when_the_first_is_gone(self):
        first = self.join("twin")
        second = self.start_node("twin", "--slots", "4", folder="twin-2")
        self.assertIn("another node named 'twin' is here", second.wait_log("not joined")["why"])
        stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(stream.close)
        job = self.user.submit(noop(5))
        self.assertEqual(stream.wait_end(job)["data"]["provider_id"], first.node_id)
        first.kill()
        self.assertEqual(second.wait_log("joined", 20)["node_id"], first.node_id)
        stream.wait_end(self.user.submit(noop(5)))
        epochs = [x["session_epoch"] for x in self.providers() if x["name"] == "twin"]
        self.assertEqual(len(epochs), 1)
        self.assertGreater(epochs[0], 1)
        self.assertEqual(second.terminate(), 0)

    def test_shows_who_is_there_and_who_has_left(self):
        node = self.start_node("shown", "--slots", "3", "--region", "eu-north", "--label", "disk=fast",
                               "--price-per-hour", "0.1")
        node_id = node.wait_log("joined")["node_id"]
        seen = next(x for x in self.providers() if x["id"] == node_id)
        self.assertEqual((seen["name"], seen["slots"], seen["region"], seen["labels"], seen["price_per_hour"],
                          seen["state"]), ("shown", 3, "eu-north", {"disk": "fast"}, "0.1", "online"))
        stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(stream.close)
        job = self.user.submit({**noop(1000), "labels": {"disk": "fast"}, "region": "eu-north"})
        cost = nano(stream.wait_end(job)["data"]["cost"])
        self.assertLess(cost, 40_000, "paid at the node's own rate, 0.1 an hour, not at the book's")
        self.assertGreaterEqual(cost, 29_167)
        self.assertEqual(node.terminate(), 0)
        self.server.wait_log("node left", node_id=node_id)
        until(lambda: next(x for x in self.providers() if x["id"] == node_id)["state"] == "offline", "it is offline")
        self.assertTrue(json.dumps(self.providers()))


if __name__ == "__main__":
    unittest.main()
