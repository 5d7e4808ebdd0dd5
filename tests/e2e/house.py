# A troupe of real processes for a test: servers and nodes that can be started, killed and asked; their books and rows.
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
import warnings
from urllib.parse import urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("TROUPE_BINARY") or os.path.join(HERE, "..", "..", "build", "troupe")
PATIENCE = float(os.environ.get("TROUPE_PATIENCE") or 1)  # sanitizer builds are slower
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TROUPE_")}
NANO = 10**9
ENDS = {"completed", "failed", "cancelled"}
HUNG_UP = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)  # before any byte of an answer


def nano(text):
    """A decimal string as a count of 10^-9, exactly."""
    whole, _, part = text.partition(".")
    return int(whole) * NANO + int(part.ljust(9, "0") or 0)


def decimal(value):
    whole, part = divmod(value, NANO)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")


def free_port():
    """Below the kernel's own range and the server's cluster ports, so that nobody else takes it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(10_000, 19_900)
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def until(ready, what, seconds=10, pause=0.02):
    """For what tells nobody that it happened, like a process that is gone. Everything else has an event."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        threading.Event().wait(pause)


def is_gone(pid):
    """Zombies count as gone: whoever should reap them is not ours to test."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def parallel(work, items, threads=None):
    """work(item) for all items at once; answers in order, the first exception raised again."""
    items = list(items)
    answers = [None] * len(items)
    gate = threading.Barrier(threads or len(items))
    turn = iter(range(len(items)))
    lock = threading.Lock()
    problems = []

    def worker():
        gate.wait()
        while True:
            with lock:
                index = next(turn, None)
            if index is None:
                return
            try:
                answers[index] = work(items[index])
            except BaseException as problem:  # handed to the caller below
                problems.append(problem)
                return

    crowd = [threading.Thread(target=worker, daemon=True) for _ in range(gate.parties)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(120 * PATIENCE)
        assert not one.is_alive(), "a parallel call did not end"
    if problems:
        raise problems[0]
    return answers


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


class Client:
    """REST with one kept connection a thread. Raises OSError or HTTPException when the server is away."""

    def __init__(self, base_url, key=None):
        self.host, self.port = urlsplit(base_url).hostname, urlsplit(base_url).port
        self.key = key
        self.own = threading.local()

    def ask(self, method, path, body=None, headers=None, timeout=30):
        if not isinstance(body, (bytes, str, type(None))):
            body = json.dumps(body)
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent.update(headers or {})
        kept = getattr(self.own, "line", None)
        line = kept
        if line is None:
            line = self.own.line = http.client.HTTPConnection(self.host, self.port, timeout=timeout * PATIENCE)
        try:
            line.request(method, path, body, sent)
            reply = line.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        except BaseException as problem:
            self.hang_up()
            if kept is None or method != "GET" or not isinstance(problem, HUNG_UP):
                raise
        return self.ask(method, path, body, headers, timeout)  # the line was of an earlier server: any client does that

    def hang_up(self):
        line = getattr(self.own, "line", None)
        self.own.line = None
        if line is not None:
            line.close()

    def get(self, path):
        return self.ask("GET", path)

    def post(self, path, body, key=None):
        return self.ask("POST", path, body, {"Idempotency-Key": key} if key else None)

    def submit(self, body):
        answer = self.post("/api/v1/jobs", body)
        assert answer.status == 202, answer
        return answer.json()["id"]

    def job(self, job_id):
        answer = self.get(f"/api/v1/jobs/{job_id}")
        assert answer.status == 200, answer
        return answer.json()

    def cancel(self, job_id):
        return self.ask("DELETE", f"/api/v1/jobs/{job_id}")

    def balance(self):
        account = self.get("/api/v1/account").json()
        return {name: nano(account[name]) for name in ("balance", "held", "available")}


def script(content, name="a script", seconds=60, **more):
    return {"type": "script", "name": name, "params": {"script_content": content, "timeout_seconds": seconds}, **more}


def noop(ms=0, name="nothing", seconds=60, **more):
    return {"type": "noop", "name": name, "params": {"duration_ms": ms, "timeout_seconds": seconds}, **more}


class Process:
    """A troupe process whose log lines can be waited for."""

    def __init__(self, *args, log_format="json", via=()):
        if args[0] in ("serve", "node"):
            args += ("--log-format", log_format)
        if args[0] == "serve" and "--database" in args and "--encryption-key" not in args:
            args += ("--encryption-key", "what all gateways of a database share")
        self.lines, self.ended, self.news = [], False, threading.Condition()
        self.started = time.monotonic()
        self.popen = subprocess.Popen([*via, BINARY, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=ENVIRONMENT)
        self.pid = self.popen.pid
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.popen.stdout as out:
            for raw in out:
                with self.news:
                    self.lines.append(raw.decode(errors="replace").rstrip("\n"))
                    self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _entries(self, start):
        for text in self.lines[start:]:
            try:
                yield json.loads(text)
            except ValueError:
                continue

    def said(self, message, start=0, **fields):
        wanted = {"message": message, **fields}
        return [x for x in self._entries(start) if all(x.get(k) == v for k, v in wanted.items())]

    def wait_log(self, message, seconds=10, start=0, **fields):
        with self.news:
            found = self.news.wait_for(lambda: self.said(message, start, **fields) or self.ended, seconds * PATIENCE)
        found = self.said(message, start, **fields)
        if not found:
            raise AssertionError(f"never said {message!r} {fields}:\n" + "\n".join(self.lines[-30:]))
        return found[0]

    def signal(self, which):
        os.kill(self.pid, which)

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()

    def terminate(self, seconds=10):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=10):
        code = self.popen.wait(seconds * PATIENCE)
        with self.news:
            self.news.wait_for(lambda: self.ended, 5)
        return code


class Server(Process):
    def __init__(self, data_dir, port, *args, via=()):
        self.data_dir = data_dir
        if "--rate-limit-per-minute" not in args:
            args += ("--rate-limit-per-minute", "0")
        super().__init__("serve", "--dev", "--data-dir", data_dir, "--listen", f"127.0.0.1:{port}", *args,
                         via=via)

    def wait_ready(self, seconds=15):
        self.wait_log("ready", seconds)
        self.ready_after = time.monotonic() - self.started
        with open(os.path.join(self.data_dir, "dev.json")) as file:
            self.dev = json.load(file)
        return self


def run(*args, seconds=60):
    """A command that ends by itself: its code, and what it printed."""
    done = subprocess.run([BINARY, *args], env=ENVIRONMENT, capture_output=True, text=True, timeout=seconds * PATIENCE)
    return done.returncode, done.stdout, done.stderr


def verify(data_dir):
    return run("ledger", "verify", "--data-dir", data_dir)


def rows(data_dir, sql, *values):
    """Read beside the server, without a lock that could disturb it."""
    db = sqlite3.connect(f"file:{data_dir}/troupe.db?mode=ro", uri=True, timeout=10)
    try:
        return db.execute(sql, values).fetchall()
    finally:
        db.close()


def row_counts(data_dir):
    """Of all tables but the audit trail, where a refusal may leave a line."""
    tables = rows(data_dir, "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%'"
                            " AND name NOT LIKE 'audit_%'")
    return {name: rows(data_dir, f"SELECT count(*) FROM {name}")[0][0] for (name,) in tables}


class House(unittest.TestCase):
    """One server for all tests of a class, started with `flags`; nodes on request. Everything ends with the class."""

    flags = ("--slots", "2")

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore", ResourceWarning)  # kept connections end with this process
        cls.folder = tempfile.mkdtemp(prefix="troupe-e2e-")
        cls.processes = []
        cls.addClassCleanup(cls._tear_down)
        cls.data_dir, cls.port = os.path.join(cls.folder, "data"), free_port()
        if cls.flags is not None:
            cls.start()
            cls.admin = Client(cls.server.dev["base_url"], cls.server.dev["admin_api_key"])
            cls.user = Client(cls.server.dev["base_url"], cls.server.dev["api_key"])

    @classmethod
    def _tear_down(cls):
        for process in cls.processes:
            process.kill()
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def launch(cls, process):
        cls.processes.append(process)
        return process

    @classmethod
    def start(cls):
        cls.server = cls.launch(Server(cls.data_dir, cls.port, *cls.flags)).wait_ready()
        return cls.server

    @classmethod
    def start_node(cls, name, *args, key=None, folder=None):
        dev = cls.server.dev
        return cls.launch(Process("node", "--join", dev["cluster_address"], "--node-key", key or dev["node_key"],
                                  "--name", name, "--data-dir", os.path.join(cls.folder, folder or name), *args))

    @classmethod
    def join(cls, name, slots=4):
        """A node that has joined; its id is in `node_id`."""
        node = cls.start_node(name, "--slots", str(slots))
        node.node_id = node.wait_log("joined")["node_id"]
        return node

    @classmethod
    def new_user(cls, dgpu=None):
        """Registered like anybody, then freed from limits and given money by the admin."""
        name = f"user-{random.SystemRandom().randrange(10**12)}@example.org"
        base = cls.server.dev["base_url"]
        made = Client(base).post("/api/v1/auth/register", {"email": name, "password": "correct horse"}).json()
        user = Client(base, made["apiKey"])
        user.id = made["user_id"]
        assert cls.admin.ask("PUT", f"/api/admin/users/{user.id}", {"tier": "unlimited"}).status == 200
        if dgpu:
            gift = {"user_id": user.id, "amount": decimal(dgpu), "currency": "dGPU", "description": "a test"}
            answer = cls.admin.post("/api/admin/credits/grant", gift)
            assert answer.status == 200, answer
        return user

    def assert_books(self, data_dir=None):
        code, out, err = verify(data_dir or self.data_dir)
        self.assertEqual(code, 0, out + err)

    def assert_paid_once(self, data_dir=None):
        """Each ended job: one hold, at most one share, fee and release, and they add up. Living: only the hold."""
        data_dir = data_dir or self.data_dir
        moves = {}
        for job, code, amount in rows(data_dir, "SELECT job_id, code, amount FROM journal WHERE job_id LIKE 'job_%'"):
            self.assertNotIn(code, moves.setdefault(job, {}), f"{job} has two journal rows of code {code}")
            moves[job][code] = amount
        for job, hold, cost, ended in rows(data_dir, "SELECT id, hold, cost, ended FROM jobs"):
            paid = moves.pop(job)
            share, fee, released = paid.get(7, 0), paid.get(8, 0), paid.get(10, 0)
            self.assertEqual(paid[5], hold, job)
            self.assertEqual((share + fee, released) if ended else (0, 0), (cost, hold - cost if ended else 0), job)
        self.assertEqual(moves, {}, "money moved for jobs that are not there")
