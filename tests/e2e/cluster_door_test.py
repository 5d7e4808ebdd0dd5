# Strangers at the cluster's door: sockets that say nothing, rubbish, no or a wrong certificate, and what was overheard.
import os
import socket
import ssl
import struct
import threading
import time
import unittest

from house import House, free_port, noop, run, until
from stream import Stream

CROWD = 500


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(x.split()[1]) for x in file if x.startswith("VmRSS"))


def open_sockets(pid):
    links = (os.readlink(f"/proc/{pid}/fd/{x}") for x in os.listdir(f"/proc/{pid}/fd") if os.path.lexists(f"/proc/{pid}/fd/{x}"))
    return sum(x.startswith("socket:") for x in links)


def connected(address):
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), 10)


def is_closed(line, seconds=0.0):
    """True once the other side has hung up; what it said before is read."""
    line.settimeout(max(seconds, 0.001))
    try:
        while line.recv(65536):
            pass
        return True
    except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True


class Door(House):
    """A server, a real node that works all the time, and a crowd at the door."""

    node_flags = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls is Door:
            raise unittest.SkipTest("only its children are tests")
        cls.address = cls.server.dev["cluster_address"]
        cls.node = cls.start_node("honest", "--slots", "4", *cls.node_flags)
        cls.node.node_id = cls.node.wait_log("joined", 20)["node_id"]

    def setUp(self):
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(self.stream.close)

    def withstand(self, crowd, most_kb=40_000):
        """crowd() opens its sockets and answers them. All must be hung up on, and leave nothing behind."""
        for _ in range(3):
            self.stream.wait_end(self.user.submit(noop(1)), 10)
        crowd_before = open_sockets(self.server.pid)
        heard = len(self.node.lines)
        before = resident_kb(self.server.pid)
        peak = [before]
        lines = crowd()
        started = time.monotonic()
        jobs = 0
        while time.monotonic() - started < 1 or not all(x is None for x in lines):
            self.assertLess(time.monotonic() - started, 20, f"{sum(x is not None for x in lines)} are still in")
            asked = time.monotonic()
            self.assertEqual(self.stream.wait_end(self.user.submit(noop(1)), 10)["type"], "completed")
            self.assertLess(time.monotonic() - asked, 3, "a job waits while strangers stand at the door")
            jobs += 1
            peak.append(resident_kb(self.server.pid))
            for i, line in enumerate(lines):
                if line is not None and is_closed(line):
                    line.close()
                    lines[i] = None
        until(lambda: open_sockets(self.server.pid) <= crowd_before + 1, "its sockets are closed", 10)
        after = resident_kb(self.server.pid)
        print(f"\n{self.id().rpartition('.')[2]}: {before} kB before, {max(peak)} at most, {after} after; "
              f"all out after {time.monotonic() - started:.1f} s, {jobs} jobs meanwhile", flush=True)
        self.assertLess(max(peak) - before, most_kb)
        self.assertEqual(self.node.said("not joined", heard), [])
        self.assertEqual(self.server.said("node left", 0, node_id=self.node.node_id), [])

    def crowd(self, say=None):
        lines = [connected(self.address) for _ in range(CROWD)]
        for i, line in enumerate(lines):
            if say is None:
                continue
            try:
                line.sendall(say(i))
            except OSError:
                pass
        return lines


class the_cluster_door_without_certificates(Door):
    flags = ("--slots", "0")

    def test_hangs_up_on_sockets_that_say_nothing(self):
        self.withstand(self.crowd)

    def test_hangs_up_on_random_bytes(self):
        self.withstand(lambda: self.crowd(lambda i: os.urandom(64 + i)))

    def test_hangs_up_on_a_header_that_promises_four_gigabytes(self):
        """Of each kind of message that the protocol knows."""
        def header(i):
            return struct.pack(">BBBBIQQQ", i % 8, 0, 0, 0, 0xFFFFFFF0, 0, 0, 5 if i % 16 < 8 else 0)
        self.withstand(lambda: self.crowd(header))

    def test_refuses_a_join_that_was_overheard(self):
        recorded = []
        door = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(door.close)

        def pump(source, sink, keep):
            try:
                while data := source.recv(65536):
                    if keep:
                        recorded.append(data)
                    sink.sendall(data)
            except OSError:
                pass
            for line in (source, sink):
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def serve():
            try:
                while True:
                    near, _ = door.accept()
                    far = connected(self.address)
                    threading.Thread(target=pump, args=(near, far, True), daemon=True).start()
                    threading.Thread(target=pump, args=(far, near, False), daemon=True).start()
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        real = self.server.dev
        self.server.dev = {**real, "cluster_address": f"127.0.0.1:{door.getsockname()[1]}"}
        try:
            victim = self.start_node("overheard", "--slots", "1")
        finally:
            self.server.dev = real
        node_id = victim.wait_log("joined")["node_id"]
        tape = b"".join(recorded)
        self.assertIn(b"overheard", tape)
        self.assertNotIn(real["node_key"].encode(), tape)
        victim.kill()
        self.server.wait_log("node left", 15, node_id=node_id)
        until(lambda: self.epoch_of("overheard")[0][1] == "offline", "it is away", 10)
        epochs = self.epoch_of("overheard")
        heard = len(self.server.lines)
        again = connected(self.address)
        self.addCleanup(again.close)
        again.sendall(tape)
        said = self.server.wait_log("a node was refused", 10, heard, name="overheard")
        self.assertIn("challenge", said["why"])
        self.assertEqual(self.server.said("node joined", heard), [])
        self.assertEqual(self.epoch_of("overheard"), epochs)

    def epoch_of(self, name):
        nodes = self.user.get("/api/v1/providers").json()["providers"]
        return [(x["session_epoch"], x["state"]) for x in nodes if x["name"] == name]


class the_cluster_door_with_certificates(Door):
    @classmethod
    def setUpClass(cls):
        import tempfile
        cls.pems, cls.others = tempfile.mkdtemp(prefix="troupe-pem-"), tempfile.mkdtemp(prefix="troupe-pem-")
        import shutil
        cls.addClassCleanup(shutil.rmtree, cls.pems, True)
        cls.addClassCleanup(shutil.rmtree, cls.others, True)
        for folder in (cls.pems, cls.others):
            code, out, err = run("cluster", "init", "--out", folder)
            assert code == 0, out + err
        cls.flags = ("--slots", "0", *cls.tls(cls.pems, "gateway"))
        cls.node_flags = cls.tls(cls.pems, "node")
        super().setUpClass()

    @staticmethod
    def tls(folder, name):
        return ("--cluster-cert", f"{folder}/{name}.pem", "--cluster-key", f"{folder}/{name}-key.pem",
                "--cluster-ca", f"{folder}/ca.pem")

    def greeter(self, pair=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if pair:
            context.load_cert_chain(f"{pair}.pem", f"{pair}-key.pem")
        return context

    def tls_crowd(self, context):
        """Each greets as far as it is let; TLS 1.3 tells a client of its refusal only after its own handshake."""
        lines = []
        for _ in range(CROWD):
            line = connected(self.address)
            try:
                lines.append(context.wrap_socket(line, server_hostname="localhost"))
            except OSError:
                line.close()
        return lines

    def test_hangs_up_on_sockets_that_say_nothing(self):
        self.withstand(self.crowd, 120_000)

    def test_hangs_up_on_plain_clients_and_random_bytes(self):
        self.withstand(lambda: self.crowd(lambda i: os.urandom(64 + i)), 120_000)

    def test_hangs_up_on_clients_without_a_certificate(self):
        self.withstand(lambda: self.tls_crowd(self.greeter()), 120_000)

    def test_hangs_up_on_clients_of_another_ca(self):
        self.withstand(lambda: self.tls_crowd(self.greeter(f"{self.others}/node")), 120_000)

    def test_hangs_up_on_half_a_greeting(self):
        memory = ssl.MemoryBIO(), ssl.MemoryBIO()
        hello = self.greeter(f"{self.pems}/node").wrap_bio(*memory, server_hostname="localhost")
        try:
            hello.do_handshake()
        except ssl.SSLWantReadError:
            pass
        half = memory[1].read()[:120]
        self.withstand(lambda: self.crowd(lambda i: half), 120_000)

    def test_speaks_no_tls_below_1_2_and_only_good_ciphers(self):
        good = self.greeter(f"{self.pems}/node")
        with good.wrap_socket(connected(self.address), server_hostname="localhost") as line:
            self.assertEqual(line.version(), "TLSv1.3")
        good.maximum_version = ssl.TLSVersion.TLSv1_2
        with good.wrap_socket(connected(self.address), server_hostname="localhost") as line:
            self.assertIn("ECDHE", line.cipher()[0])
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            good.minimum_version = good.maximum_version = ssl.TLSVersion.TLSv1_1
        good.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises(OSError):
            good.wrap_socket(connected(self.address), server_hostname="localhost")

    def test_a_node_with_the_certificate_of_another_ca_does_not_come_in(self):
        stranger = self.start_node("stranger", "--slots", "1", *self.tls(self.others, "node"))
        stranger.wait_log("no gateway yet", 15)
        plain = self.start_node("plain", "--slots", "1")
        plain.wait_log("no gateway yet", 15)
        self.assertEqual(self.server.said("node joined", 0, name="stranger"), [])
        self.assertEqual(self.server.said("node joined", 0, name="plain"), [])

    def test_the_certificate_of_a_node_cannot_pose_as_a_gateway(self):
        port = free_port()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.pems}/node.pem", f"{self.pems}/node-key.pem")
        why = []
        with socket.create_server(("127.0.0.1", port)) as door:
            real = self.server.dev
            type(self).server.dev = {**real, "cluster_address": f"127.0.0.1:{port}"}
            try:
                victim = self.start_node("victim", "--slots", "1", *self.node_flags)
            finally:
                type(self).server.dev = real
            door.settimeout(15)
            line, _ = door.accept()
            line.settimeout(10)
            with self.assertRaises(OSError) as refused:
                with context.wrap_socket(line, server_side=True) as greeted:
                    greeted.recv(1)
                    raise ConnectionResetError("it went on" if greeted.recv(1) else "it hung up")
            why = str(refused.exception)
        self.assertNotIn("it went on", why)
        victim.wait_log("no gateway yet", 15)


class certificates_of_the_cluster(House):
    flags = None

    def test_are_made_once_and_never_overwritten(self):
        folder = os.path.join(self.folder, "pki")
        code, out, err = run("cluster", "init", "--out", folder, "--host", "gate.example", "--host", "10.1.2.3")
        self.assertEqual((code, err), (0, ""))
        for name in ("ca", "gateway", "node"):
            self.assertEqual(os.stat(f"{folder}/{name}-key.pem").st_mode & 0o777, 0o600)
        before = open(f"{folder}/ca-key.pem").read()
        code, out, err = run("cluster", "init", "--out", folder)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("is there already", err)
        self.assertEqual(len(err.splitlines()), 1)
        self.assertEqual(open(f"{folder}/ca-key.pem").read(), before)
        code, out, err = run("cluster", "cert", "--out", folder, "--name", "gate-2", "--host", "gate-2.example")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(run("cluster", "cert", "--out", folder, "--name", "gate-2")[0], 2)
        for bad in ("../x", "ca", "", "a b"):
            code, out, err = run("cluster", "cert", "--out", folder, "--name", bad)
            self.assertEqual((code, out, len(err.splitlines())), (2, "", 1), err)
        code, out, err = run("cluster", "cert", "--out", folder, "--name", "y", "--host", "a b")
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(sorted(os.listdir(folder)), sorted(
            f"{x}{y}.pem" for x in ("ca", "gateway", "node", "gate-2") for y in ("", "-key")))

    def test_are_needed_beyond_loopback_and_must_fit(self):
        folder = os.path.join(self.folder, "fit")
        run("cluster", "init", "--out", folder)
        files = ("--cluster-cert", f"{folder}/gateway.pem", "--cluster-key", f"{folder}/gateway-key.pem",
                 "--cluster-ca", f"{folder}/ca.pem")
        for args in (("serve", "--cluster-listen", "0.0.0.0:0", "--data-dir", self.data_dir),
                     ("node", "--join", "10.9.8.7:1", "--node-key", "nk")):
            code, out, err = run(*args)
            self.assertEqual((code, len((out + err).splitlines())), (2, 1), out + err)
            self.assertIn("--cluster-cert", out + err)
        self.assertEqual(run("config", "check", *files)[0], 0)
        wrong = ("--cluster-cert", f"{folder}/gateway.pem", "--cluster-key", f"{folder}/node-key.pem",
                 "--cluster-ca", f"{folder}/ca.pem")
        code, out, err = run("config", "check", *wrong)
        self.assertEqual((code, len(err.splitlines())), (2, 1), err)
        self.assertIn("is not the key of", err)


if __name__ == "__main__":
    unittest.main()
