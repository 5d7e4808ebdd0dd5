# Several gateways on one PostgreSQL: any door answers, whoever dies, sleeps or is cut off.
import http.client
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import warnings

from certificates import make_ca, make_certificate
from house import ENDS, Client, Process, Server, free_port, noop, parallel, run, script, until
from namespaces import Network, become_root
from postgres_test import postgres

JOBS = 2_000
AWAY = (OSError, http.client.HTTPException)


class Cluster(unittest.TestCase):
    """Gateways and nodes that come and go; the money is made by a first server that leaves again."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore", ResourceWarning)
        cls.folder = tempfile.mkdtemp(prefix="troupe-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.postgres = os.path.join("/tmp", f"troupe-e2e-cluster-{os.getpid()}")
        postgres("start", cls.postgres)
        cls.addClassCleanup(postgres, "stop", cls.postgres)
        cls.database = f"postgresql://postgres@/postgres?host={cls.postgres}"
        cls.gateways, cls.nodes, cls.everything = {}, {}, []
        cls.addClassCleanup(lambda: [p.kill() for p in cls.everything])
        first = Server(os.path.join(cls.folder, "first"), free_port(), "--slots", "0", "--database", cls.database)
        cls.everything.append(first)
        cls.dev = first.wait_ready().dev
        first.terminate()

    @classmethod
    def launch(cls, *args, via=()):
        process = Process(*args, via=via)
        cls.everything.append(process)
        return process

    @classmethod
    def sql(cls, text):
        done = subprocess.run(["psql", "-h", cls.postgres, "-U", "postgres", "-At", "-c", text], text=True,
                              capture_output=True, timeout=30)
        return done.stdout.strip() if done.returncode == 0 else None

    def assert_books(self):
        code, out, err = run("ledger", "verify", "--database", self.database, "--data-dir", self.folder)
        self.assertEqual(code, 0, out + err)

    def owner(self, shard):
        return self.sql(f"SELECT g.name FROM shards s JOIN gateways g ON g.id = s.owner WHERE shard = {shard}")


class any_door_answers(Cluster):
    """On loopback: three gateways, three nodes, each at another door."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        doors = []
        for i in range(3):
            port = free_port()
            cls.gateways[f"g{i}"] = cls.launch("serve", "--data-dir", f"{cls.folder}/g{i}", "--listen",
                                               f"127.0.0.1:{port}", "--slots", "0", "--name", f"g{i}", "--database",
                                               cls.database)
            ready = cls.gateways[f"g{i}"].wait_log("ready", 20)
            doors.append(ready["cluster"])
            cls.gateways[f"g{i}"].client = Client(ready["url"], cls.dev["api_key"])
        cls.clients = [g.client for g in cls.gateways.values()]
        for i, door in enumerate(doors):
            node = cls.launch("node", "--join", door, "--node-key", cls.dev["node_key"], "--name", f"n{i}", "--slots",
                              "4", "--data-dir", f"{cls.folder}/n{i}")
            cls.nodes[f"n{i}"] = node
            node.wait_log("joined", 15)
        until(lambda: len(cls.sql("SELECT DISTINCT owner FROM shards").split()) == 3, "every gateway has shards", 15)

    def test_a_job_submitted_at_one_door_is_seen_and_cancelled_at_another(self):
        for i in range(12):
            job = self.clients[i % 3].submit(noop(0))
            until(lambda: self.clients[(i + 1) % 3].job(job)["status"] == "completed", "the job has ended")
            job = self.clients[i % 3].submit(noop(60_000))
            until(lambda: self.clients[(i + 2) % 3].job(job)["status"] == "processing", "the job runs")
            self.assertEqual(self.clients[(i + 1) % 3].cancel(job).status, 202)
            until(lambda: self.clients[i % 3].job(job)["status"] == "cancelled", "the job is cancelled")
        self.assert_books()

    def test_what_a_job_writes_and_leaves_is_read_at_every_door(self):
        for i in range(3):
            job = self.clients[i].submit(script('echo hello; sleep 1; echo bye; echo kept > "$TROUPE_ARTIFACTS/file"'))
            for client in self.clients:
                log = lambda query: client.get(f"/api/v1/jobs/{job}/logs?{query}").json()
                until(lambda: log("follow=true")["text"].startswith("hello\n"), "its first word", 20)
                until(lambda: log("follow=true&offset=6")["complete"], "its last word", 20)
                self.assertEqual(log("")["text"], "hello\nbye\n")
                until(lambda: client.get(f"/api/v1/jobs/{job}/artifacts/file").body == b"kept\n", "its file", 20)

    def test_the_same_ten_keys_at_each_of_three_doors_make_ten_jobs(self):
        answers = parallel(lambda i: self.clients[i % 3].post("/api/v1/jobs", noop(0), key=f"same {i // 3}"), range(30))
        self.assertEqual({x.status for x in answers}, {202})
        ids = [x.json()["id"] for x in answers]
        self.assertEqual(len(set(ids)), 10)
        for i in range(10):
            self.assertEqual(len(set(ids[3 * i:3 * i + 3])), 1)

    def test_a_stream_at_one_door_tells_of_jobs_that_are_owned_elsewhere(self):
        from stream import Stream
        stream = Stream(self.clients[0].host and f"http://127.0.0.1:{self.clients[0].port}", self.dev["api_key"])
        jobs = [self.clients[1 + i % 2].submit(noop(0)) for i in range(20)]
        for job in jobs:
            stream.wait_end(job)
            kinds = [x["type"] for x in stream.of(job)]
            self.assertEqual((kinds[0], kinds[-1]), ("queued", "completed"))
        stream.close()

    def test_a_paused_gateway_that_wakes_up_writes_nothing_and_comes_back_by_itself(self):
        victim = self.owner(64)
        process = self.gateways[victim]
        seat = self.sql(f"SELECT id FROM gateways WHERE name = '{victim}'")
        others = [g.client for name, g in self.gateways.items() if name != victim]
        jobs = [c.submit(noop(0)) for c in others for _ in range(20)]
        process.signal(signal.SIGSTOP)
        try:
            paused = time.monotonic()
            late = [threading.Thread(target=self._late, args=(process.client.port, i), daemon=True) for i in range(8)]
            for one in late:
                one.start()
            until(lambda: self.sql(f"SELECT count(*) FROM shards WHERE owner = '{seat}'") == "0", "a takeover", 20)
            print(f"\nshards of a paused gateway taken after {time.monotonic() - paused:.1f} s", flush=True)
            jobs += [c.submit(noop(0)) for c in others for _ in range(20)]
            for job in jobs:
                until(lambda: others[0].job(job)["status"] in ENDS, "jobs end without it", 30)
        finally:
            start = len(process.lines)
            process.signal(signal.SIGCONT)
        process.wait_log("this gateway was taken for dead and starts anew", 10, start)
        process.wait_log("seated among the gateways", 10, start)
        fresh = self.sql(f"SELECT id FROM gateways WHERE name = '{victim}'")
        self.assertNotEqual(fresh, seat)
        until(lambda: self.sql(f"SELECT count(*) > 10 FROM shards WHERE owner = '{fresh}'") == "t", "it has shards", 20)
        for one in late:
            one.join(30)
        process.client.hang_up()
        job = process.client.submit(noop(0))
        until(lambda: others[0].job(job)["status"] == "completed", "it works again", 20)
        self.assertEqual(self.sql("SELECT count(*) FROM attempts WHERE outcome = 1"),
                         self.sql("SELECT count(*) FROM jobs WHERE state = 8"))
        self.assert_books()

    def _late(self, port, number):
        client = Client(f"http://127.0.0.1:{port}", self.dev["api_key"])
        try:
            client.post("/api/v1/jobs", noop(0), key=f"late {number}")
        except AWAY:
            pass


class the_storm(Cluster):
    """Three gateways and four nodes on machines of their own, with TLS; everything happens at once."""

    @classmethod
    def setUpClass(cls):
        become_root()
        cls.net = Network()
        cls.addClassCleanup(cls.net.close)
        super().setUpClass()
        make_ca(f"{cls.folder}/tls")
        cls.addresses = [cls.net.machine(f"g{i}", 11 + i) for i in range(3)]
        for i in range(3):
            cls.start_gateway(i)
        for i in range(4):
            cls.net.machine(f"n{i}", 21 + i)
            cls.start_node(i)

    @classmethod
    def start_gateway(cls, i):
        at = cls.addresses[i]
        g = cls.launch("serve", "--data-dir", f"{cls.folder}/g{i}", "--listen", f"{at}:8080", "--cluster-listen",
                       f"{at}:7070", "--slots", "0", "--name", f"g{i}", "--database", cls.database,
                       *make_certificate(f"{cls.folder}/tls", f"g{i}"), via=cls.net.via(f"g{i}"))
        cls.gateways[f"g{i}"] = g
        g.wait_log("ready", 20)

    @classmethod
    def start_node(cls, i):
        doors = [f"{at}:7070" for at in cls.addresses]
        node = cls.launch("node", "--join", ",".join(doors[i % 3:] + doors[:i % 3]), "--node-key",
                          cls.dev["node_key"], "--name", f"n{i}", "--slots", "8", "--data-dir", f"{cls.folder}/n{i}",
                          *make_certificate(f"{cls.folder}/tls", f"n{i}"), via=cls.net.via(f"n{i}"))
        cls.nodes[f"n{i}"] = node
        node.id = node.wait_log("joined", 20)["node_id"]

    def client(self, i):
        return Client(f"http://{self.addresses[i % 3]}:8080", self.dev["api_key"])

    def submit_all(self, first, step):
        """Each with its own key, again and again at another door until one acknowledged it."""
        doors = [self.client(i) for i in range(3)]
        dice = random.Random(first)
        for number in range(first, JOBS, step):
            door = dice.randrange(3)
            while not self.stop:
                try:
                    body = noop(dice.randrange(50, 500))
                    answer = doors[door % 3].ask("POST", "/api/v1/jobs", body, {"Idempotency-Key": f"storm {number}"}, 6)
                    if answer.status == 202:
                        self.acknowledged[number] = answer.json()["id"]
                        break
                    self.refused[answer.status] = self.refused.get(answer.status, 0) + 1
                except AWAY:
                    self.refused["away"] = self.refused.get("away", 0) + 1
                door += 1
                threading.Event().wait(0.2)
            threading.Event().wait(0.12)

    def running_on(self, node):
        return set(self.sql(f"SELECT id FROM jobs WHERE node_id = '{node.id}' AND ended = 0 AND state = 4").split())

    def rescue_time(self, jobs, since_ms, what, seconds):
        """Until the first of them went on without its node."""
        listed = ",".join(f"'{j}'" for j in jobs)
        asked = f"SELECT min(at_ms) FROM events WHERE job_id IN ({listed}) AND kind = 'retrying' AND at_ms >= {since_ms}"
        at = until(lambda: self.sql(asked), what, seconds + 8, 0.2)
        took = (int(at) - since_ms) / 1000
        print(f"{what}: rescued after {took:.1f} s (at most {seconds})", flush=True)
        self.assertLessEqual(took, seconds)

    def busy(self, node):
        """Jobs that run there for long enough to be still there when something happens to it."""
        def look():
            self.turn += 1
            try:
                self.long.append(self.client(self.turn).submit(noop(10_000)))
            except (AssertionError, *AWAY):
                pass
            return self.running_on(node) & set(self.long)
        return until(look, "the node runs something", 20, 0.2)

    def join_time(self, node, start, began, what, seconds):
        node.wait_log("joined", seconds + 10, start)
        print(f"{what}: joined again after {time.monotonic() - began:.1f} s (at most {seconds})", flush=True)
        self.assertLessEqual(time.monotonic() - began, seconds)

    def kill_a_gateway(self):
        name = until(lambda: self.owner(64), "somebody has the duty")
        seat = self.sql(f"SELECT id FROM gateways WHERE name = '{name}'")
        self.gateways[name].kill()
        began = time.monotonic()
        until(lambda: self.sql(f"SELECT count(*) FROM shards WHERE owner = '{seat}'") == "0", "a takeover", 20, 0.1)
        took = time.monotonic() - began
        print(f"\na gateway killed: shards taken over after {took:.1f} s (at most 12)", flush=True)
        self.assertLessEqual(took, 12)
        return int(name[1:])

    def cut_and_stop(self):
        cut, stopped = self.nodes["n1"], self.nodes["n2"]
        jobs, others = self.busy(cut), self.busy(stopped)
        lines = len(cut.lines), len(stopped.lines)
        self.net.pull("n1")
        stopped.signal(signal.SIGSTOP)
        since = time.time_ns() // 1_000_000
        self.rescue_time(jobs, since, "a node's link pulled", 12)
        self.rescue_time(others, since, "a node stopped", 12)
        threading.Event().wait(max(0.0, 30 - (time.time_ns() // 1_000_000 - since) / 1000))
        self.net.plug("n1")
        stopped.signal(signal.SIGCONT)
        began = time.monotonic()
        self.join_time(cut, lines[0], began, "the link is back", 8)
        self.join_time(stopped, lines[1], began, "the node goes on", 8)

    def kill_a_node(self):
        node = self.nodes["n3"]
        jobs = self.busy(node)
        node.kill()
        self.rescue_time(jobs, time.time_ns() // 1_000_000 - 50, "a node killed", 3)
        self.start_node(3)

    def restart_the_database(self):
        postgres("down", self.postgres)
        postgres("again", self.postgres)
        began = time.monotonic()
        before = len(self.acknowledged)
        until(lambda: len(self.acknowledged) > before, "jobs are taken again", 20)
        print(f"the database restarted: jobs taken again after {time.monotonic() - began:.1f} s", flush=True)

    def test_two_thousand_jobs_through_all_of_it(self):
        self.stop, self.acknowledged, self.refused, self.long, self.turn = False, {}, {}, [], 0
        self.addCleanup(setattr, self, "stop", True)
        crowd = [threading.Thread(target=self.submit_all, args=(i, 4), daemon=True) for i in range(4)]
        for one in crowd:
            one.start()
        until(lambda: len(self.acknowledged) > 100, "jobs flow", 20)
        gone = self.kill_a_gateway()
        self.cut_and_stop()
        self.start_gateway(gone)
        self.kill_a_node()
        self.restart_the_database()
        for one in crowd:
            one.join(120)
            self.assertFalse(one.is_alive(), "all jobs are submitted")
        self.assertEqual(len(self.acknowledged), JOBS)
        self.assertEqual(len(set(self.acknowledged.values())), JOBS)
        until(lambda: self.sql("SELECT count(*) FROM jobs WHERE ended = 0") == "0", "all jobs end", 60, 0.2)
        print(f"refused on the way: {self.refused}", flush=True)
        everything = JOBS + len(self.long)
        self.assertEqual(self.sql("SELECT count(*) FROM jobs"), str(everything))
        others = self.sql("SELECT id, state, attempts, deliveries, error_code FROM jobs WHERE state <> 8")
        self.assertEqual(others, "", self.sql("SELECT a.* FROM attempts a JOIN jobs ON id = job_id WHERE state <> 8"))
        self.assertEqual(self.sql("SELECT count(DISTINCT job_id), count(*) FROM attempts WHERE outcome = 1"),
                         f"{everything}|{everything}")
        self.assertEqual(self.sql("SELECT count(*) FROM holds WHERE state = 1"), "0")
        self.assertEqual(self.sql("SELECT count(*) FROM (SELECT job_id FROM journal WHERE code = 7 GROUP BY job_id"
                                  " HAVING count(*) > 1) x"), "0")
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
