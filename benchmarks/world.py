# What a benchmark runs against: the real server and node as processes, nginx beside them, wrk, and the machine itself.
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PATIENCE_S = 20  # for anything to come up or go down


def wait_until(what, check, seconds=PATIENCE_S, pause_s=0.01):
    """Asks again until `check` gives something. An event without a bell: bounded, and named when it does not come."""
    deadline = time.monotonic() + seconds
    while not (got := check()):
        if time.monotonic() > deadline:
            raise RuntimeError("in vain: " + what)
        time.sleep(pause_s)
    return got


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tail(path):
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-5:])


class Process:
    """A child in the foreground with its output in a file; ended by SIGTERM, or by force when that does not help."""

    def __init__(self, name, arguments, folder, environment=None):
        self.name, self.log = name, folder / (name + ".log")
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env=environment)

    def check(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}:\n{tail(self.log)}")

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise RuntimeError(f"{self.name} did not end on SIGTERM within {PATIENCE_S} s") from None
            if self.child.returncode != 0:
                raise RuntimeError(f"{self.name} ended with {self.child.returncode} on SIGTERM:\n{tail(self.log)}")

    def rss_kib(self):
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("no VmRSS of " + self.name)


def own_environment():
    """Nothing of the caller's TROUPE_* settings, PORT and the like reaches what is measured."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}


class Gateway:
    """troupe serve --dev on a fresh store, with a rich user."""

    def __init__(self, troupe, folder, slots, database=None, more=()):
        self.troupe, self.folder, self.data, self.database = troupe, folder, folder / "data", database
        self.port = free_port()
        arguments = [troupe, "serve", "--dev", "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}", *more]
        if slots is not None:
            arguments += ["--slots", slots]
        if database:
            arguments += ["--database", database]
        self.process = Process("serve", arguments, folder, own_environment())
        try:
            self.dev = wait_until("dev.json of the server", self._dev)
            wait_until("a healthy server", self._healthy)
        except BaseException:
            self.process.stop()
            raise
        self.key = self.dev["api_key"]

    def _dev(self):
        self.process.check()
        path = self.data / "dev.json"
        return json.loads(path.read_text()) if path.exists() else None

    def _healthy(self):
        self.process.check()
        try:
            return self.ask("GET", "/health")["status"] == "healthy"
        except OSError:
            return False

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(self, verb, path, body=None, connection=None):
        c = connection or self.connect()
        try:
            headers = {"Authorization": "Bearer " + self.key} if hasattr(self, "key") else {}
            text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
            c.request(verb, path, text, headers)
            answer = c.getresponse()
            got = json.loads(answer.read())
            if answer.status >= 300:
                raise RuntimeError(f"{verb} {path}: {answer.status} {got}")
            return got
        finally:
            if connection is None:
                c.close()

    def deposit(self):
        self.ask("POST", "/api/v1/account/deposit", {"amount": "9000000000", "currency": "dGPU"})

    def stop_and_verify(self):
        """However it ended: the books must be right."""
        try:
            self.process.stop()
        finally:
            books = verify(self.troupe, self.data, self.database)
        return books


def verify(troupe, data, database=None):
    """The books of a data folder, or of a database. Raises when they are not right."""
    place = ["--database", database] if database else []
    got = subprocess.run([str(troupe), "ledger", "verify", "--data-dir", str(data), *place], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, env=own_environment(), timeout=180)
    if got.returncode != 0:
        raise RuntimeError("the books are not right: " + got.stdout + got.stderr)
    return got.stdout.splitlines()[0]


@contextlib.contextmanager
def nodes(gateway, slots, count=1, more=()):
    """So many node processes, joined; they are told to stop at the end."""
    with contextlib.ExitStack() as stack:
        started = []
        for i in range(count):
            name = f"bench-{i}"
            node = Process(name, [gateway.troupe, "node", "--join", gateway.dev["cluster_address"], "--node-key",
                                  gateway.dev["node_key"], "--name", name, "--slots", slots, "--data-dir",
                                  gateway.folder / name, *more], gateway.folder, own_environment())
            stack.callback(node.stop)
            started.append(node)

        def joined():
            for node in started:
                node.check()
            online = {p["name"] for p in gateway.ask("GET", "/api/v1/providers")["providers"] if p["state"] == "online"}
            return online >= {node.name for node in started}

        wait_until("the nodes at the gateway", joined)
        yield started


def certificates(troupe, folder):
    """Of a cluster of its own, made once: for a role, what its process is told of them."""
    pki = folder / "pki"
    if not pki.exists():
        subprocess.run([troupe, "cluster", "init", "--out", pki, "--host", "127.0.0.1"], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=own_environment(), timeout=PATIENCE_S)
    return lambda role: ["--cluster-cert", pki / f"{role}.pem", "--cluster-key", pki / f"{role}-key.pem",
                         "--cluster-ca", pki / "ca.pem"]


NGINX_CONF = """daemon off; pid nginx.pid; error_log stderr crit; worker_processes auto;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type text/plain;
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server {{ listen 127.0.0.1:{port} reuseport; location / {{ return 200 "ok\\n"; }} }}
}}
"""


class Nginx:
    def __init__(self, folder):
        self.port = free_port()
        (folder / "nginx.conf").write_text(NGINX_CONF.format(port=self.port))
        binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if binary is None:
            raise RuntimeError("nginx is not installed (Debian package nginx)")
        self.process = Process("nginx", [binary, "-p", str(folder) + "/", "-e", "stderr", "-c", folder / "nginx.conf"],
                               folder)
        wait_until("nginx", self._answers)

    def _answers(self):
        self.process.check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


def wrk(script, port, path, connections, seconds, key="none", **files):
    """One run of wrk; what its Lua script says at the end. Raises when any request failed."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "BENCH_LUA": str(HERE), "BENCH_KEY": key}
    environment.update({name: str(value) for name, value in files.items()})
    got = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / script),
                          f"http://127.0.0.1:{port}{path}"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         env=environment, timeout=seconds + PATIENCE_S)
    lines = [line for line in got.stdout.splitlines() if line.startswith("{")]
    if got.returncode != 0 or not lines:
        raise RuntimeError("wrk failed: " + got.stdout + got.stderr)
    report = json.loads(lines[-1])
    if report["failed"] or not report["requests"]:
        raise RuntimeError(f"{report['failed']} of {report['requests']} requests to {path} failed")
    report["per_second"] = report["requests"] / report["seconds"]
    return report


def syncs_per_second(folder, seconds=0.3):
    """How often a second this disk makes 4 KiB durable: what every commit costs at least."""
    with open(folder / "sync.probe", "wb", buffering=0) as f:
        started, count = time.monotonic(), 0
        while time.monotonic() - started < seconds:
            os.pwrite(f.fileno(), bytes(4096), 0)
            os.fdatasync(f.fileno())
            count += 1
        return count / (time.monotonic() - started)


def fresh_folder():
    """On the disk of the repository: a temporary folder in memory would make durable commits look free."""
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="run-", dir=results))


class Postgres:
    """A throw-away cluster with durable commits; its socket is in its folder, whose name is short for that reason."""

    def __init__(self, folder):
        self.folder = Path(tempfile.gettempdir()) / f"troupe-bench-{os.getpid()}"
        self.script = ROOT / "tests" / "support" / "postgres.sh"
        self.made = 0

    def __enter__(self):
        self._do("start")
        return self

    def __exit__(self, *_):
        self._do("stop")

    def _do(self, verb):
        subprocess.run([self.script, verb, self.folder], check=True, stdin=subprocess.DEVNULL, timeout=120)

    def new_database(self):
        """Its name, and its address."""
        self.made += 1
        name = f"bench_{self.made}"
        self.sql(f"CREATE DATABASE {name}")
        return name, f"postgresql://postgres@/{name}?host={self.folder}"

    def sql(self, text):
        self.run("psql", "-q", "-d", "postgres", "-c", text)

    def run(self, program, *arguments):
        done = subprocess.run([program, "-h", self.folder, "-U", "postgres", *arguments], text=True, timeout=300,
                              capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr[-300:]}")
        return done.stdout
