# Clients that send as slowly as they may: others hardly notice, and none of them stays longer than its time.
import os
import selectors
import socket
import statistics
import sys
import threading
import time
import unittest

from house import PATIENCE, House, noop

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "benchmarks"))
from slow import crowd  # the same clients as the bench's

CROWD = 500


class five_hundred_slow_clients_leave_the_others_their_rate(House):
    flags = ("--slots", "0")

    def rate(self, seconds):
        """Answers a second on four connections that ask again as soon as they are answered."""
        request = (f"GET /api/v1/jobs/{self.job} HTTP/1.1\r\nHost: h\r\n"
                   f"Authorization: Bearer {self.server.dev['api_key']}\r\n\r\n").encode()
        pick, lines = selectors.DefaultSelector(), []
        for _ in range(4):
            line = socket.create_connection(("127.0.0.1", self.port), 10)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sendall(request)
            pick.register(line, selectors.EVENT_READ)
            lines.append(line)
        answers, began = 0, time.monotonic()
        while time.monotonic() < began + seconds:
            for key, _ in pick.select(5):
                self.assertTrue(key.fileobj.recv(65536).startswith(b"HTTP/1.1 200 "))
                answers += 1
                key.fileobj.sendall(request)
        for line in lines:
            line.close()
        return answers / (time.monotonic() - began)

    def test_at_least_nine_tenths(self):
        """Alternately without and with the crowd, because the machine may be busy with something else, too."""
        self.job = self.user.submit(noop())
        self.rate(0.3)
        ratios = []
        for _ in range(25):
            alone = self.rate(0.4)
            with crowd(self.port, CROWD):
                beside = self.rate(0.8)
            ratios.append(beside / (alone + self.rate(0.4)) * 2)
            if len(ratios) >= 5 and statistics.median(ratios) >= 0.9:
                break
        self.assertGreaterEqual(statistics.median(ratios), 0.9, ratios)


class slow_clients_are_cut_in_their_time(House):
    flags = ("--slots", "0")

    def test_each_gets_408_or_the_end_and_the_server_keeps_nothing(self):
        def begin(words):
            line = socket.create_connection(("127.0.0.1", self.port), 10)
            line.sendall(words)
            return line

        began = time.monotonic()
        lines = [begin(b"GET /health HTTP/1.1\r\nX-Slow: ") for _ in range(CROWD)]
        stop = threading.Event()

        def drip():
            while not stop.wait(0.5):
                for line in lines:
                    try:
                        line.send(b"x")
                    except OSError:
                        continue

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        try:
            for line in lines:
                line.settimeout(20 * PATIENCE)
                try:
                    answer = line.recv(4096)
                except ConnectionResetError:
                    answer = b""
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer)
        finally:
            stop.set()
            dripping.join()
        self.assertGreater(time.monotonic() - began, 9)
        self.assertLess(time.monotonic() - began, 14 * PATIENCE)
        for line in lines:
            line.close()
        self.assertEqual(self.user.get("/health").status, 200)

    def test_a_reader_that_does_not_read_costs_nobody_else(self):
        """Asks for large answers again and again and takes none of them."""
        self.user.post("/api/v1/jobs/batch", {"jobs": [noop(description="d" * 1000)] * 900})
        request = (f"GET /api/v1/jobs?limit=1000 HTTP/1.1\r\nHost: h\r\n"
                   f"Authorization: Bearer {self.server.dev['api_key']}\r\n\r\n").encode()
        lines = []
        for _ in range(20):
            line = socket.create_connection(("127.0.0.1", self.port), 10)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.sendall(request * 50)
            lines.append(line)
        for _ in range(50):
            self.assertEqual(self.user.get("/health").status, 200)
        for line in lines:
            line.close()


if __name__ == "__main__":
    unittest.main()
