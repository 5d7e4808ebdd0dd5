# GPUs of 24, 48 and 80 GB: jobs land where the rules say, no VRAM is promised twice, and queues have an end.
import random
import threading
import unittest

from house import NANO, House, noop, parallel, rows, script, until
from stream import Stream

SIZES = {"n24": 24000, "n48": 48000, "n80": 80000}
GRANTED = "(3, 4, 7)"  # leased, running, cancelling


def gpu_job(vram_mb, ms=0, **more):
    return noop(ms, vram_mb=vram_mb, max_price_per_hour="10", **more)


class gpus_are_packed(House):
    flags = ("--slots", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nodes = {}
        for name, vram in SIZES.items():
            node = cls.start_node(name, "--slots", "64", "--gpu", f"nvidia-geforce-rtx-4090:{vram}",
                                  "--price-per-hour", "0.5")
            cls.nodes[node.wait_log("joined")["node_id"]] = name

    def setUp(self):
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(self.stream.close)

    def market(self):
        gpus = self.user.get("/api/v1/billing/marketplace").json()["gpus"]
        return {self.nodes[x["provider_id"]]: x["vram_available"] for x in gpus}

    def place(self, body):
        job = self.user.submit(body)
        self.stream.wait_for(job, "started")
        return job, self.nodes[self.user.job(job)["provider_id"]]

    def stop(self, *jobs):
        for job in jobs:
            self.user.cancel(job)
        self.stream.wait_ends(jobs)
        until(lambda: self.market() == SIZES, "all is free again", 10)

    def test_each_job_lands_on_the_smallest_device_that_holds_it(self):
        jobs = []
        for vram, name in ((20000, "n24"), (40000, "n48"), (70000, "n80"), (8000, "n48"), (4000, "n24"), (9000, "n80")):
            job, where = self.place(gpu_job(vram, 60000))
            self.assertEqual(where, name)
            self.assertEqual(self.user.job(job)["devices"], [{"device": 0, "vram_mb": vram}])
            jobs.append(job)
        self.assertEqual(self.market(), {"n24": 0, "n48": 0, "n80": 1000})
        self.stop(*jobs)

    def test_a_program_sees_the_device_it_was_given_and_none_that_it_was_not(self):
        show = 'echo "$CUDA_VISIBLE_DEVICES|$NVIDIA_VISIBLE_DEVICES|${CUDA_VISIBLE_DEVICES+set}"'
        for more, seen in (({"vram_mb": 1000}, "0|0|set"), ({}, "||set"), ({"gpu_count": 1, "exclusive": True}, "0|0|set")):
            job = self.user.submit(script(show, max_price_per_hour="10", **more))
            self.stream.wait_end(job)
            self.assertEqual(self.user.job(job)["result"]["stdout"], seen + "\n")

    def test_a_new_gateway_knows_what_was_given(self):
        jobs = [self.place(gpu_job(vram, 60000))[0] for vram in (20000, 40000, 5000)]
        before = self.market()
        self.server.kill()
        self.user.hang_up()
        self.start()
        until(lambda: self.market() == before, "the same is free as before", 20)
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.stop(*jobs)

    def test_a_thousand_submits_and_cancels_at_once_never_promise_more_than_there_is(self):
        user = self.new_user(1000 * NANO)
        stream = Stream(self.server.dev["base_url"], user.key)
        self.addCleanup(stream.close)
        worst, over = [], threading.Event()

        def watch():
            while not over.wait(0.05):
                given = {}
                for node, devices in rows(self.data_dir, f"SELECT node_id, devices FROM jobs WHERE state IN {GRANTED}"):
                    for part in devices.split(","):
                        given[node] = given.get(node, 0) + int(part.partition(":")[2])
                worst.extend((n, mb) for n, mb in given.items() if mb > SIZES[self.nodes[n]])
                worst.extend((n, mb) for n, mb in self.market().items() if mb < 0)

        watcher = threading.Thread(target=watch)
        watcher.start()
        dice = random.Random(4)
        wishes = [(dice.choice((5000, 10000, 20000, 40000, 70000)), dice.randrange(5, 60), dice.random() < 0.4)
                  for _ in range(1000)]

        def submit(wish):
            job = user.submit(gpu_job(wish[0], wish[1]))
            if wish[2]:
                user.cancel(job)
            return job

        jobs = parallel(submit, wishes, 16)
        stream.wait_ends(jobs, 60)
        over.set()
        watcher.join()
        self.assertEqual(worst, [])
        for job, wish in zip(jobs, wishes):
            shown = user.job(job)
            self.assertIn(shown["status"], ("completed", "cancelled") if wish[2] else ("completed",), shown)
        until(lambda: self.market() == SIZES, "all is free again", 10)
        self.assert_books()
        self.assert_paid_once()

    def test_what_cannot_be_asked_for_is_one_clear_error(self):
        for bad in ({"placement": "tight"}, {"min_trust": "1.5"}, {"min_trust": -0.1}, {"min_trust": []},
                    {"cpu_cores": -1}, {"memory_mb": 2**62}, {"disk_mb": "1"}, {"exclusive": 1}, {"cpu_cores": 1.5}):
            answer = self.user.post("/api/v1/jobs", noop(**bad))
            self.assertEqual(answer.status, 400, (bad, answer))
            self.assertIn(next(iter(bad)), answer.json()["message"])


class queues_have_an_end(House):
    flags = ("--slots", "0", "--tenant-queue-max", "5", "--queue-max", "8")

    def full(self, answer):
        self.assertEqual((answer.status, answer.json()["error_code"]), (429, "QUEUE_FULL"))
        self.assertEqual(answer.headers["Retry-After"], "1")

    def test_beyond_the_bound_a_submit_is_refused_and_changes_nothing(self):
        first = self.user.post("/api/v1/jobs", noop(), key="first")
        self.assertEqual(first.status, 202)
        answers = self.user.post("/api/v1/jobs/batch", {"jobs": [noop() for _ in range(8)]}).json()["jobs"]
        self.assertEqual(["id" in x for x in answers], [True] * 4 + [False] * 4)
        self.assertEqual({x["error_code"] for x in answers[4:]}, {"QUEUE_FULL"})
        before = self.user.balance()
        self.full(self.user.post("/api/v1/jobs", noop()))
        self.full(self.user.post("/api/v1/jobs", noop(), key="second"))
        again = self.user.post("/api/v1/jobs", noop(), key="first")
        self.assertEqual((again.status, again.json()["id"]), (202, first.json()["id"]))
        self.assertEqual(self.user.balance(), before)
        other = self.new_user(10 * NANO)
        statuses = sorted(x.status for x in parallel(lambda _: other.post("/api/v1/jobs", noop()), range(5)))
        self.assertEqual(statuses, [202] * 3 + [429] * 2)  # the bound of all
        self.assertEqual(self.user.cancel(answers[0]["id"]).status, 202)
        until(lambda: self.user.post("/api/v1/jobs", noop(), key="second").status == 202, "there is room again", 5)
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM jobs WHERE ended=0"), [(8,)])
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
