# Ten thousand nodes at one gateway, played by beats_bench in a process of its own.
import json
import subprocess

from world import ROOT, own_environment

SOCKETS = 100  # between the two processes; each carries its share of the nodes
JOINING_S = 300


def beats(gateway, nodes, seconds):
    """What beats_bench says: the share of one core that the beats cost the gateway, and how long joining took."""
    subprocess.run(["ninja", "-C", str(ROOT / "build"), "beats_bench"], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([str(ROOT / "build" / "benchmarks" / "beats_bench"), "--join", gateway.dev["cluster_address"],
                           "--node-key", gateway.dev["node_key"], "--gateway-pid", str(gateway.process.child.pid),
                           "--nodes", str(nodes), "--sockets", str(SOCKETS), "--seconds", str(seconds)],
                          text=True, capture_output=True, env=own_environment(), timeout=JOINING_S + seconds)
    if done.returncode != 0:
        raise RuntimeError("beats_bench: " + done.stdout + done.stderr[-300:])
    return json.loads(done.stdout)
