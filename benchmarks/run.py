#!/usr/bin/env python3
# Prints one line for every speed goal of the design that can be measured today, each beside nginx in the same run.
import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import crowd
import drain
import measures
import slow
from world import HERE, ROOT, Gateway, Nginx, Postgres, certificates, fresh_folder, nodes, syncs_per_second

MORE, LESS = 1, -1
FIGURES = {}


@dataclass
class Figure:
    key: str
    what: str
    unit: str
    better: int = MORE
    goals: tuple = ()      # the first one decides pass or short
    relative: bool = False  # the goals are ratios to nginx
    values: list = field(default_factory=list)


def figure(*words, **options):
    FIGURES[words[0]] = Figure(*words, **options)


figure("nginx", "nginx `return 200` (reference)", "req/s")
figure("get", "GET /api/v1/jobs/{id}, a key with a limit", "req/s", goals=(0.35, 0.5), relative=True)
figure("refused", "  refused with 429", "req/s")
figure("refused_ratio", "  refusals for each answer", "", goals=(1.5,))
figure("slow", "  beside 500 clients that drip headers", "req/s")
figure("slow_share", "  of its rate alone", "%", goals=(90,))
figure("post", "POST /api/v1/jobs, 64 connections", "jobs/s", goals=(6000,))
figure("post_p99", "  its latency p99", "ms", LESS, goals=(30,))
figure("batch", "POST /api/v1/jobs/batch, 1000 each", "jobs/s", goals=(25000,))
figure("life", "whole life, REST to a node process", "jobs/s", goals=(3000, 8000))
figure("life_tls", "  with 2 node processes over mutual TLS", "jobs/s")
figure("start_p50", "commit -> start, idle node, p50", "ms", LESS, goals=(2,))
figure("start_p99", "commit -> start, idle node, p99", "ms", LESS, goals=(10,))
figure("fanout", "WebSocket fan-out, {sockets} sockets", "msg/s", goals=(50000,))
figure("settle_sqlite", "settlements, SQLite, 1,000 wallets", "/s", goals=(10000,))
figure("settle_sqlite_hot", "settlements, SQLite, one hot wallet", "/s", goals=(5000,))
figure("settle_sqlite_plain", "  one transaction each (reference)", "/s")
figure("settle_pg", "settlements, PostgreSQL, 1,000 wallets", "/s", goals=(5000,))
figure("settle_pg_hot", "settlements, PostgreSQL, hot wallet", "/s", goals=(2000,))
figure("pgbench", "  pgbench -N, 8 clients (reference)", "tps")
figure("drain_sqlite", "drain of queued jobs, Troupe on SQLite", "jobs/s")
figure("drain_pg", "  Troupe on PostgreSQL", "jobs/s")
figure("drain_bullmq", "  BullMQ, Redis fsync always", "jobs/s")
figure("drain_bullmq_everysec", "  BullMQ, Redis fsync every second", "jobs/s")
figure("drain_graphile", "  graphile-worker, in batches", "jobs/s")
figure("drain_graphile_plain", "  graphile-worker, its defaults", "jobs/s")
figure("put_sqlite", "queueing them, Troupe on SQLite", "jobs/s")
figure("put_pg", "  Troupe on PostgreSQL", "jobs/s")
figure("put_bullmq", "  BullMQ, Redis fsync always", "jobs/s")
figure("put_bullmq_everysec", "  BullMQ, Redis fsync every second", "jobs/s")
figure("put_graphile", "  graphile-worker", "jobs/s")
figure("beats", "{crowd} nodes beating every 3 s", "% core", LESS, goals=(25,))
figure("beats_join", "  their joining", "nodes/s")
figure("placements", "placements, 10,000 nodes 80 % full", "/s", goals=(20000,))
figure("placement_p99", "  one placement, p99", "ms", LESS, goals=(1,))
figure("jwt_p99", "a look at an RS256 token, p99", "us", LESS, goals=(10_000,))
figure("jwt_again_p99", "  at one that was seen before, p99", "us", LESS)
figure("memory", "memory of the idle server", "MiB", LESS, goals=(24,))
figure("memory_stream", "memory of an open stream", "KiB", LESS, goals=(16,))

NOT_MEASURED = (
    ("chat completion beside nginx proxy_pass", "there is no pass-through route yet"),
    ("added time to first token, inter-chunk", "there are no token streams yet"),
    ("memory of an idle job actor", "idle jobs are rows, no actors"),
    ("10 M finished jobs keep costs flat", "takes longer than a bench may"),
)


def options():
    p = argparse.ArgumentParser(prog="./dev bench", description="Measures the speed goals beside nginx, money on.")
    p.add_argument("--quick", action="store_true", help="shorter rounds: rough figures within 90 seconds")
    p.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    p.add_argument("--only", default="", help="comma-separated: " + ", ".join(STEPS))
    p.add_argument("--troupe", type=Path, default=ROOT / "build" / "troupe", help="the program (default build/troupe)")
    o = p.parse_args()
    o.only = [x for x in o.only.split(",") if x]
    if o.rounds < 1 or set(o.only) - set(STEPS):
        p.error("--rounds from 1; --only takes " + ", ".join(STEPS))
    if not o.troupe.exists():
        p.error(f"{o.troupe} does not exist: run ./dev build first")
    o.seconds = 1 if o.quick else 3
    o.jobs = 4000 if o.quick else 20000
    o.starts = 100 if o.quick else 300
    o.drained = 3000 if o.quick else 10000
    o.crowd = 1000 if o.quick else 10000
    o.beating = 9 if o.quick else 30
    o.sockets = 1000 if o.quick else 5000
    o.events = 20
    return o


def note(key, value):
    FIGURES[key].values.append(value)


@contextlib.contextmanager
def gateway(o, folder, name, slots, books, **more):
    """A fresh server; afterwards its books must be right, or the whole bench has failed."""
    here = folder / name
    here.mkdir()
    g = Gateway(o.troupe, here, slots, **more)
    try:
        g.deposit()
        yield g
        books.append(g.stop_and_verify())
    finally:
        g.process.stop()
        shutil.rmtree(here, ignore_errors=True)


def idle(o, folder, books):
    with gateway(o, folder, "idle", None, books) as g:
        note("memory", g.process.rss_kib() / 1024)


def queue(o, folder, books):
    """Requests that only need the front and the books: no node, nothing runs."""
    with gateway(o, folder, "queue", 0, books) as g:
        before = o.reference()  # around what is compared with it, so that a machine that slows down slows both
        answered = measures.gets(g, o.seconds)
        refused = measures.refusals(g, o.seconds)
        note("get", answered)
        note("refused", refused)
        note("refused_ratio", refused / answered)
        note("nginx", (before + o.reference()) / 2)
        rate, p99 = measures.posts(g, o.seconds)
        note("post", rate)
        note("post_p99", p99)
        note("batch", measures.batches(g, o.seconds))


def slow_clients(o, folder, books):
    """The same look-ups without, with and without the crowd."""
    with gateway(o, folder, "slow", 0, books) as g:
        before = measures.gets(g, o.seconds)
        with slow.crowd(g.port, 500):
            beside = measures.gets(g, o.seconds)
        alone = (before + measures.gets(g, o.seconds)) / 2
        note("slow", beside)
        note("slow_share", beside / alone * 100)


def life(o, folder, books):
    with gateway(o, folder, "life", 0, books) as g, nodes(g, 256):
        p50, p99 = measures.starts(g, o.starts)
        note("start_p50", p50)
        note("start_p99", p99)
        note("life", measures.whole_lives(g, o.jobs))


def life_tls(o, folder, books):
    pki = certificates(o.troupe, folder)
    with gateway(o, folder, "life_tls", 0, books, more=pki("gateway")) as g, nodes(g, 128, 2, pki("node")):
        note("life_tls", measures.whole_lives(g, o.jobs))


def fanout(o, folder, books):
    program = measures.build_fanout(folder)  # once
    with gateway(o, folder, "fanout", 0, books) as g:
        rate, each = measures.fan_out(g, program, o.sockets, o.events)
        note("fanout", rate)
        note("memory_stream", each)


def settlements(o, folder, books):
    """The books alone, beside what the engines do by themselves: pgbench, and SQLite with a commit for each transfer."""
    with Postgres(folder) as pg:
        settle = measures.Settlements(o, folder, pg)
        note("settle_sqlite", settle.rate(1000))
        note("settle_sqlite_hot", settle.rate(1))
        note("settle_sqlite_plain", settle.rate(1000, plain=True))
        note("settle_pg", settle.rate(1000, on_postgres=True))
        note("settle_pg_hot", settle.rate(1, on_postgres=True))
        note("pgbench", measures.pgbench(pg, o.seconds))


def drains(o, folder, books):
    """The same jobs, queued before, then worked off by two processes with 25 at a time each."""
    with gateway(o, folder, "drain", 0, books) as g:
        note("put_sqlite", drain.put(g, o.drained))
        note("drain_sqlite", drain.worked_off(g, o.drained))
    with Postgres(folder) as pg:
        with gateway(o, folder, "drain_pg", 0, books, database=pg.new_database()[1]) as g:
            note("put_pg", drain.put(g, o.drained))
            note("drain_pg", drain.worked_off(g, o.drained))
        for name, peer in (("graphile", "graphile"), ("graphile_plain", "graphile_plain")):
            put, worked = drain.peer(peer, pg.new_database()[1], o.drained)
            note("drain_" + name, worked)
            if name == "graphile":
                note("put_graphile", put)
    for name, fsync in (("bullmq", "always"), ("bullmq_everysec", "everysec")):
        with drain.Redis(folder, fsync) as redis:
            put, worked = drain.peer("bullmq", redis.socket, o.drained)
        note("put_" + name, put)
        note("drain_" + name, worked)


def beats(o, folder, books):
    with gateway(o, folder, "beats", 0, books) as g:
        got = crowd.beats(g, o.crowd, o.beating)
        note("beats", got["core_percent"])
        note("beats_join", got["nodes"] / got["joining_s"])


def tokens(o, folder, books):
    p99 = measures.token_checks()
    note("jwt_p99", p99["RS256 check, all of it"])
    note("jwt_again_p99", p99["RS256 check, seen before"])


def placements(o, folder, books):
    """The dispatcher's board alone, on one core: submit, match, end."""
    rate, p99 = measures.placements(o.seconds)
    note("placements", rate)
    note("placement_p99", p99)


STEPS = {"settle": settlements, "placements": placements, "tokens": tokens, "idle": idle, "queue": queue,
         "slow": slow_clients, "life": life,
         "life_tls": life_tls, "drain": drains, "beats": beats, "fanout": fanout}


def round_of(o, folder, number):
    books, failed = [], []
    for name, step in STEPS.items():
        if o.only and name not in o.only:
            continue
        say(f"round {number}: {name}")
        try:
            step(o, folder, books)
        except (RuntimeError, OSError, KeyError) as e:
            failed.append(f"round {number}, {name}: {e}")
    if len(FIGURES["nginx"].values) < number:
        note("nginx", o.reference())
    return books, failed


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def number(x):
    return f"{x:,.0f}" if x >= 1000 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def judge(f, nginx):
    """(what the goals are compared with, in words: pass, short, and how far along the goals)."""
    value = statistics.median(f.values)
    measured = statistics.median(v / n for v, n in zip(f.values, nginx)) if f.relative else value
    reached = [g for g in f.goals if (measured - g) * f.better >= 0]
    if not f.goals:
        return value, ""
    if len(reached) == len(f.goals):
        return value, "pass"
    return value, f"pass (then {f.goals[1]:g})" if reached else "short"


def goal_text(f):
    if not f.goals:
        return "-"
    text = (">= " if f.better == MORE else "<= ") + f"{f.goals[0]:,g}"
    return text + (" x nginx" if f.relative else "")


def rows(o, nginx):
    for f in FIGURES.values():
        if not f.values:
            continue
        value, verdict = judge(f, nginx)
        comparable = f.unit.endswith("/s")
        ratio = statistics.median(v / n for v, n in zip(f.values, nginx)) if comparable else None
        yield {"key": f.key, "what": f.what.replace("{sockets}", str(o.sockets)).replace("{crowd}", f"{o.crowd:,}"), "figure": value, "unit": f.unit,
               "ratio_to_nginx": ratio, "min": min(f.values), "max": max(f.values), "rounds": f.values,
               "goals": list(f.goals), "goal_is_ratio": f.relative, "goal": goal_text(f), "verdict": verdict}


def print_table(table):
    print(f"{'what':38} {'figure':>16} {'x nginx':>8}  {'goal':16} {'min..max':>19}  verdict")
    for r in table:
        ratio = f"{r['ratio_to_nginx']:.3f}" if r["ratio_to_nginx"] is not None else "-"
        spread = f"{number(r['min'])}..{number(r['max'])}"
        print(f"{r['what']:38} {number(r['figure']) + ' ' + r['unit']:>16} {ratio:>8}  {r['goal']:16} {spread:>19}  "
              f"{r['verdict']}")
    for what, why in NOT_MEASURED:
        print(f"not measured: {what}: {why}")


def main():
    o = options()
    began, load = time.monotonic(), os.getloadavg()[0]
    folder = fresh_folder()
    books, failed = [], []
    try:
        syncs = syncs_per_second(folder)
        nginx = Nginx(folder)
        o.reference = lambda: measures.nginx_returns(nginx, folder, o.seconds)
        try:
            for i in range(1, o.rounds + 1):
                got, bad = round_of(o, folder, i)
                books += got
                failed += bad
        finally:
            nginx.process.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = list(rows(o, FIGURES["nginx"].values))
    about = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cores": os.cpu_count(), "load_before": load, "load_after": os.getloadavg()[0],
             "disk_syncs_per_second": syncs, "rounds": o.rounds, "quick": o.quick, "seconds": time.monotonic() - began}
    print(f"{o.rounds} rounds, {about['cores']} cores shared with wrk, load {load:.1f} before and {about['load_after']:.1f} after, the disk syncs "
          f"{number(syncs)} times/s, {about['seconds']:.0f} s in all; figures are medians")
    print_table(table)
    print(f"books: {len(books)} databases verified, the last with {books[-1]}" if books else "books: none verified")
    for text in failed:
        print("FAILED: " + text)
    out = HERE / "results" / "latest.json"
    out.write_text(json.dumps({**about, "figures": table, "books": books, "failed": failed}, indent=2) + "\n")
    print(f"written to {out.relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
