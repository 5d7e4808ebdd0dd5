# The measurements, each on a running world; every one answers with plain numbers.
import json
import re
import select
import socket
import subprocess
import threading
import time
from pathlib import Path

from websocket import WebSocket
from world import PATIENCE_S, ROOT, wait_until, wrk

NOOP = {"type": "noop", "name": "bench", "params": {}}
CONNECTIONS = 64
BATCH = 1000


def write(path, text):
    path.write_text(text)
    return path


def nginx_returns(nginx, folder, seconds):
    paths = write(folder / "nginx.paths", "/\n")
    return wrk("get.lua", nginx.port, "/", CONNECTIONS, seconds, BENCH_PATHS=paths)["per_second"]


def gets(gateway, seconds):
    """Over a thousand jobs in turn, so that no single row is favoured."""
    jobs = gateway.ask("POST", "/api/v1/jobs/batch", {"jobs": [NOOP] * BATCH})["jobs"]
    paths = write(gateway.folder / "get.paths", "".join(f"/api/v1/jobs/{j['id']}\n" for j in jobs))
    limited = limited_key(gateway, 1_000_000_000)  # counted, and never refused
    return wrk("get.lua", gateway.port, "/", CONNECTIONS, seconds, limited, BENCH_PATHS=paths)["per_second"]


def limited_key(gateway, per_minute):
    return gateway.ask("POST", "/api/api-keys", {"name": "bench", "rate_limit_per_minute": per_minute})["key"]


def refusals(gateway, seconds):
    """The same, of a key that has used up its minute."""
    key = limited_key(gateway, 1)
    connection = gateway.connect()
    for _ in range(2):
        connection.request("GET", "/api/v1/account", headers={"Authorization": "Bearer " + key})
        connection.getresponse().read()
    connection.close()
    got = wrk("get.lua", gateway.port, "/", CONNECTIONS, seconds, key, BENCH_PATHS=gateway.folder / "get.paths",
              BENCH_REFUSED="1")
    return got["per_second"]


def posts(gateway, seconds):
    body = write(gateway.folder / "post.json", json.dumps(NOOP))
    got = wrk("post.lua", gateway.port, "/api/v1/jobs", CONNECTIONS, seconds, gateway.key, BENCH_BODY=body)
    return got["per_second"], got["p99_ms"]


def batches(gateway, seconds):
    body = write(gateway.folder / "batch.json", json.dumps({"jobs": [NOOP] * BATCH}))
    answer = gateway.ask("POST", "/api/v1/jobs/batch", body.read_text())  # wrk looks at the status only
    if any("error" in j for j in answer["jobs"]):
        raise RuntimeError("a job of a batch was refused: " + json.dumps(answer["jobs"][0]))
    return wrk("post.lua", gateway.port, "/api/v1/jobs/batch", 4, seconds, gateway.key,
               BENCH_BODY=body)["per_second"] * BATCH


def listed(gateway, status, connection):
    return gateway.ask("GET", f"/api/v1/jobs?status={status}&limit=1", connection=connection)["jobs"]


def submit_many(gateway, bodies, errors):
    connection = gateway.connect()
    try:
        while bodies:
            answer = gateway.ask("POST", "/api/v1/jobs/batch", bodies.pop(), connection)
            errors += [j for j in answer["jobs"] if "error" in j]
    except Exception as e:  # handed to the thread that waits
        errors.append(str(e))
    finally:
        connection.close()


def submit_all(gateway, jobs, batch):
    """Two clients, one batch after the other. Seconds until the last one was acknowledged."""
    bodies, errors = [json.dumps({"jobs": [NOOP] * batch})] * (jobs // batch), []
    threads = [threading.Thread(target=submit_many, args=(gateway, bodies, errors)) for _ in range(2)]
    started = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise RuntimeError(f"{len(errors)} submissions failed, such as {errors[0]}")
    return time.monotonic() - started


def wait_for_end(gateway, connection):
    def over():
        return not listed(gateway, "queued", connection) and not listed(gateway, "processing", connection)

    wait_until("the end of the jobs", over, seconds=120, pause_s=0.05)


def whole_lives(gateway, jobs, batch=250):
    """Jobs per second from the first request to the end of the last job, asked for over REST."""
    connection = gateway.connect()
    before = sum(1 for _ in completed(gateway, connection))
    started = time.monotonic()
    submit_all(gateway, jobs, batch)
    wait_for_end(gateway, connection)
    taken = time.monotonic() - started
    done = sum(1 for _ in completed(gateway, connection)) - before
    connection.close()
    if done != jobs // batch * batch:
        raise RuntimeError(f"{done} of {jobs} jobs completed")
    return done / taken


def completed(gateway, connection):
    """Read page by page, outside the measured time."""
    before = ""
    while True:
        page = gateway.ask("GET", "/api/v1/jobs?status=completed&limit=1000" + before, connection=connection)
        yield from page["jobs"]
        if page["next"] is None:
            return
        before = "&before=" + page["next"]


class Prober:
    """One job at a time on an idle node; its answer and its stream are awaited side by side."""

    def __init__(self, gateway):
        self.rest = socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S)
        self.rest.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = WebSocket("127.0.0.1", gateway.port, "/v1/stream", gateway.key)
        body = json.dumps(NOOP)
        self.request = (f"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {gateway.key}\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    def close(self):
        self.rest.close()
        self.stream.close()

    def _answered(self):
        answer = self.rest.recv(65536)
        if not answer.startswith(b"HTTP/1.1 202"):
            raise RuntimeError("a job was refused: " + answer.decode(errors="replace"))

    def run(self):
        """Milliseconds from the acknowledged commit to the news of the start; both as a client sees them."""
        accepted = begun = ended = None
        self.rest.sendall(self.request)
        while accepted is None or ended is None:
            ready, _, _ = select.select([self.rest, self.stream.socket], [], [], PATIENCE_S)
            now = time.monotonic()
            if not ready:
                raise RuntimeError("a job on an idle node did not end")
            if self.rest in ready:
                self._answered()
                accepted = now
            if self.stream.socket in ready:
                for frame in self.stream.receive():
                    begun = now if frame["type"] == "started" else begun
                    ended = now if frame.get("terminal") else ended
        return max(0.0, begun - accepted) * 1000


def starts(gateway, jobs):
    prober = Prober(gateway)
    try:
        for _ in range(10):
            prober.run()  # warm-up
        times = sorted(prober.run() for _ in range(jobs))
    finally:
        prober.close()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def build_fanout(folder):
    source = Path(__file__).resolve().parent / "fanout.cpp"
    program = folder / "fanout.program"
    if not program.exists():
        subprocess.run(["c++", "-std=c++20", "-O2", str(source), "-o", str(program)], check=True,
                       stdin=subprocess.DEVNULL)
    return program


def fan_out(gateway, program, sockets, events):
    """Messages per second to many sockets of one user, and KiB of the server's memory for each open one."""
    before = gateway.process.rss_kib()
    child = subprocess.Popen([str(program), str(gateway.port), gateway.key, str(sockets), str(events)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    connection = gateway.connect()
    try:
        expect(child, "ready")
        each = (gateway.process.rss_kib() - before) / sockets
        started = time.monotonic()
        for _ in range(events):
            gateway.ask("POST", "/api/v1/jobs", NOOP, connection)
        frames = int(expect(child, "done").split()[1])
        return frames / (time.monotonic() - started), each
    finally:
        connection.close()
        child.kill()
        child.wait()


def expect(child, word):
    ready, _, _ = select.select([child.stdout], [], [], 90)
    line = child.stdout.readline() if ready else ""
    if not line.startswith(word):
        child.kill()
        raise RuntimeError(f"the crowd of sockets did not say {word}: {line}{child.stderr.read()}")
    return line


class Settlements:
    """settle_bench: a hold, then its capture with the release of the rest, through the ledger actor."""

    def __init__(self, o, folder, postgres):
        self.program = ROOT / "build" / "benchmarks" / "settle_bench"
        subprocess.run(["ninja", "-C", str(ROOT / "build"), "settle_bench"], check=True, stdout=subprocess.DEVNULL)
        self.o, self.folder, self.postgres = o, folder, postgres

    def rate(self, wallets, on_postgres=False, plain=False):
        place = ["--database", self.postgres.new_database()[1]] if on_postgres else []
        done = subprocess.run([self.program, "--data-dir", self.folder / "settle", "--wallets", str(wallets), "--seconds",
                               str(self.o.seconds), *(["--plain", "yes"] if plain else []), *place],
                              text=True, capture_output=True, timeout=300)
        if done.returncode != 0 or "exact" not in done.stdout:
            raise RuntimeError("settle_bench: " + done.stdout + done.stderr[-300:])
        return float(done.stdout.split()[0])


def pgbench(postgres, seconds):
    """Transactions per second of pgbench -N, 8 clients, on the same cluster."""
    name, _ = postgres.new_database()
    postgres.run("pgbench", "-i", "-q", "-s", "10", name)
    out = postgres.run("pgbench", "-N", "-c", "8", "-j", "2", "-T", str(seconds), name)
    return float(re.search(r"tps = ([0-9.]+)", out).group(1))


def token_checks():
    """jwt_bench: the p99 in microseconds of looking at a token, by what is said of it."""
    subprocess.run(["ninja", "-C", str(ROOT / "build"), "jwt_bench"], check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([ROOT / "build" / "benchmarks" / "jwt_bench"], check=True, text=True, capture_output=True,
                         timeout=300).stdout
    return {what.strip(): float(p99) for what, p99 in re.findall(r"^(.+?)p50.* p99 +([0-9.]+) us$", out, re.M)}


def placements(seconds):
    """placement_bench: placements per second of processor time, and the p99 of one in ms."""
    subprocess.run(["ninja", "-C", str(ROOT / "build"), "placement_bench"], check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([ROOT / "build" / "benchmarks" / "placement_bench", "--seconds", str(seconds)], check=True,
                         text=True, capture_output=True, timeout=300).stdout
    return float(out.split()[0]), float(re.search(r"p99 ([0-9.]+) ms", out).group(1))
