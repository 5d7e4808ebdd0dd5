# The same drain for Troupe and for its peers: so many no-op jobs are queued, then two processes work them off.
# Counted from the start of the first job to the stored end of the last, so that no runtime's start counts.
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path

import measures
from world import PATIENCE_S, ROOT, Process, nodes, own_environment, wait_until

PROCESSES, EACH = 2, 25
BATCH = 1000
DRAINED_S = 240  # at most
SOURCE, PLACE = Path(__file__).resolve().parent / "peers", ROOT / "build" / "peers"


def put(gateway, jobs):
    return jobs / measures.submit_all(gateway, jobs, BATCH)


def worked_off(gateway, jobs):
    connection = gateway.connect()
    with nodes(gateway, EACH, PROCESSES):
        measures.wait_for_end(gateway, connection)
    done = list(measures.completed(gateway, connection))
    connection.close()
    first = min(datetime.fromisoformat(j["started_at"]) for j in done)
    last = max(datetime.fromisoformat(j["completed_at"]) for j in done)
    if len(done) != jobs:
        raise RuntimeError(f"{len(done)} of {jobs} jobs completed")
    return jobs / (last - first).total_seconds()


def install():
    """What package-lock.json names, once, below build/."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, PLACE)
    lock, stamp = (SOURCE / "package-lock.json").read_text(), PLACE / "installed"
    if stamp.exists() and stamp.read_text() == lock:
        return
    done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PLACE, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError("npm install: " + done.stderr[-300:])
    stamp.write_text(lock)


def node_js(script, *arguments):
    return ["node", str(PLACE / script), *(str(a) for a in arguments)]


def said(script, *arguments):
    done = subprocess.run(node_js(script, *arguments), text=True, capture_output=True, stdin=subprocess.DEVNULL,
                          env=own_environment(), timeout=DRAINED_S)
    if done.returncode != 0:
        raise RuntimeError(f"{script} {arguments[0]}: {done.stderr[-300:]}")
    return json.loads(done.stdout)


def peer(name, address, jobs):
    """(jobs per second queued, jobs per second worked off)."""
    install()
    queued = said("put.mjs", name, address, jobs, BATCH)
    if queued["left"] != jobs:
        raise RuntimeError(f"{name} queued {queued['left']} of {jobs} jobs")
    workers = [subprocess.Popen(node_js("work.mjs", name, address, EACH), text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, env=own_environment()) for _ in range(PROCESSES)]
    try:
        told = listen(name, workers, jobs)
        # One of them says that a job is over a moment before it is written.
        wait_until(f"the end of all jobs of {name}", lambda: said("put.mjs", name, address)["left"] == 0)
    finally:
        for w in workers:
            w.kill()
            w.wait()
    took_ms = max(t["last"] for t in told) - min(t["first"] for t in told)
    return jobs / queued["ms"] * 1000, jobs / took_ms * 1000


def listen(name, workers, jobs):
    """The last line of each worker that had work, once all jobs are over."""
    newest, deadline = {}, time.monotonic() + DRAINED_S
    while sum(t["done"] for t in newest.values()) < jobs:
        ready, _, _ = select.select([w.stdout for w in workers], [], [], max(0, deadline - time.monotonic()))
        for out in ready:
            lines = os.read(out.fileno(), 1 << 16).splitlines()  # each was written at once
            if not lines:
                raise RuntimeError(f"a worker of {name} ended")
            newest[out] = json.loads(lines[-1])
        if not ready:
            raise RuntimeError(f"{name} did not end its jobs: {newest.values()}")
    return list(newest.values())


class Redis:
    """A server of its own behind a socket, its log of writes on the disk and synced as told."""

    def __init__(self, folder, fsync):
        self.folder, self.fsync = folder, fsync

    def __enter__(self):
        self.here = Path(tempfile.mkdtemp(prefix="redis-", dir=self.folder))
        short = Path(tempfile.gettempdir()) / f"troupe-bench-{os.getpid()}.redis"  # a socket's name must be short
        self.socket = str(short)
        self.process = Process("redis", ["redis-server", "--port", 0, "--unixsocket", self.socket, "--dir", self.here,
                                         "--appendonly", "yes", "--appendfsync", self.fsync, "--save", ""], self.here)
        wait_until("redis", lambda: self.process.check() or short.exists(), PATIENCE_S)
        return self

    def __exit__(self, *_):
        self.process.stop()
        shutil.rmtree(self.here)
