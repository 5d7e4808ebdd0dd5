# Machines of a test's own: network namespaces on one bridge, whose links can be pulled. Needs root: a test that is run
# by somebody else starts itself again through sudo.
import atexit
import ctypes
import os
import subprocess
import sys
import unittest

CLONE_NEWNET = 0x40000000
KEPT = "TROUPE_BINARY,TROUPE_PATIENCE,TROUPE_TEST_POSTGRES"


def become_root():
    if os.geteuid() == 0:
        return
    if subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode != 0:
        raise unittest.SkipTest("needs root, or sudo without a question, for network namespaces")
    os.execvp("sudo", ["sudo", "-n", f"--preserve-env={KEPT}", *sys.orig_argv])


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, timeout=20)


class Network:
    """This thread, and those it starts, live at .1; each machine has an address and a link of its own."""

    def __init__(self):
        self.prefix = f"troupe{os.getpid()}"
        self.hub = self.prefix + "hub"
        self.machines = {}
        atexit.register(self.close)
        ip("netns", "add", self.hub)
        ip("-n", self.hub, "link", "set", "lo", "up")
        ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
        ip("-n", self.hub, "addr", "add", "10.77.0.1/24", "dev", "br0")
        ip("-n", self.hub, "link", "set", "br0", "up")
        with open(f"/var/run/netns/{self.hub}") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def machine(self, name, number):
        """Its address; a process starts there with `via(name)` before its command."""
        space, link = self.prefix + name, f"v{name}"
        ip("netns", "add", space)
        self.machines[name] = space
        ip("-n", self.hub, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("-n", self.hub, "link", "set", link, "master", "br0", "up")
        ip("-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "link", "set", "lo", "up")
        return f"10.77.0.{number}"

    def via(self, name):
        return ("ip", "netns", "exec", self.machines[name])

    def pull(self, name):
        ip("-n", self.hub, "link", "set", f"v{name}", "down")

    def plug(self, name):
        ip("-n", self.hub, "link", "set", f"v{name}", "up")

    def close(self):
        for space in [*self.machines.values(), self.hub]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=20)
        self.machines = {}
