# Whatever a client sends: one clear error in the dialect of the route, the server keeps serving, nothing is written.
import json
import socket
import unittest

from house import PATIENCE, House, noop, row_counts, script

DEEP = "[" * 70 + "]" * 70
GOOD = noop()
JOB = [  # body of POST /api/v1/jobs, status
    (b"", 400), (b" ", 400), (b"not json", 400), (b"{", 400), (b"null", 400), (b"[]", 400), (b"5", 400), (b'"x"', 400),
    (b"{}", 400), (b'{"type":"noop"} trailing', 400), (b'{"name":"\xff\xfe"}', 400), (b'{"name":"\\ud800"}', 400),
    (b'{"type":"noop","name":"x","params":{"duration_ms":NaN}}', 400), (b"\xef\xbb\xbf{", 400), (b"\x00", 400),
    (('{"type":"noop","name":"x","params":{"a":%s}}' % DEEP).encode(), 400), (b"{" * 100_000, 400),
    ({**GOOD, "type": 5}, 400), ({**GOOD, "type": "root"}, 400), ({**GOOD, "type": None}, 400),
    ({**GOOD, "type": ["noop"]}, 400), ({**GOOD, "name": 5}, 400), ({**GOOD, "name": ""}, 400),
    ({**GOOD, "name": "x" * 100_000}, 400), ({**GOOD, "name": "zero\0"}, 400), ({**GOOD, "name": {}}, 400),
    ({**GOOD, "description": []}, 400), ({**GOOD, "surprise": 1}, 400), ({**GOOD, "__proto__": {}}, 400),
    ({**GOOD, "params": None}, 400), ({**GOOD, "params": "{}"}, 400), ({**GOOD, "params": []}, 400),
    ({**GOOD, "params": {"duration_ms": "1"}}, 400), ({**GOOD, "params": {"duration_ms": -1}}, 400),
    ({**GOOD, "params": {"duration_ms": 1.5}}, 400), ({**GOOD, "params": {"duration_ms": 10**30}}, 400),
    ({**GOOD, "params": {"timeout_seconds": 0}}, 400), ({**GOOD, "params": {"timeout_seconds": -5}}, 400),
    ({**GOOD, "params": {"timeout_seconds": "60"}}, 400), ({**GOOD, "params": {"timeout_seconds": 10**12}}, 400),
    ({**GOOD, "params": {"surprise": 1}}, 400), ({**GOOD, "priority": 10}, 400), ({**GOOD, "priority": -1}, 400),
    ({**GOOD, "priority": "5"}, 400), ({**GOOD, "priority": 5.5}, 400), ({**GOOD, "priority": True}, 400),
    ({**GOOD, "priority": 2**64}, 400), ({**GOOD, "max_attempts": 0}, 400), ({**GOOD, "max_attempts": 1000}, 400),
    ({**GOOD, "run_at": 5}, 400), ({**GOOD, "run_at": "tomorrow"}, 400),
    ({**GOOD, "run_at": "2026-13-40T99:99:99Z"}, 400),
    ({**GOOD, "tags": "x"}, 400), ({**GOOD, "tags": [1]}, 400), ({**GOOD, "tags": ["x"] * 1000}, 400),
    ({**GOOD, "labels": []}, 400), ({**GOOD, "labels": {"a": 1}}, 400), ({**GOOD, "labels": {"a": "b,c"}}, 400),
    ({**GOOD, "gpu_count": -1}, 400), ({**GOOD, "vram_mb": "lots"}, 400), ({**GOOD, "gpu_type": 4090}, 400),
    ({**GOOD, "gpu_type": "voodoo-2"}, 404), ({**GOOD, "region": 1}, 400), ({**GOOD, "currency": "DOGE"}, 400),
    ({**GOOD, "currency": 5}, 400), ({**GOOD, "depends_on": ["job_1"]}, 404), ({**GOOD, "depends_on": "job_1"}, 400),
    (script(""), 400), (script(5), 400), (script("x" * 900_000), 413), (script("ls", description="d" * 5000), 400),
    ({"type": "script", "name": "x", "params": {"script_content": "ls", "script_interpreter": "../sh"}}, 400),
    ({"type": "script", "name": "x", "params": {"script_content": "ls", "script_filename": "../../x"}}, 400),
    ({"type": "process", "name": "x", "params": {}}, 400),
    ({"type": "process", "name": "x", "params": {"command": []}}, 400),
    ({"type": "process", "name": "x", "params": {"command": "ls"}}, 400),
    ({"type": "process", "name": "x", "params": {"command": ["ls", 5]}}, 400),
    ({"type": "process", "name": "x", "params": {"command": ["a\0b"]}}, 400),
    ({"type": "process", "name": "x", "params": {"command": ["ls"], "env": {"A=B": "c"}}}, 400),
    ({"type": "process", "name": "x", "params": {"command": ["ls"], "memory_mb": -1}}, 400),
    ({"type": "inference", "name": "x", "params": {"model": "m"}}, 400),
    ({"type": "inference", "name": "x", "params": {"prompt": "p"}}, 400),
    ({**GOOD, "max_price_per_hour": "9000000000"}, 402), ({**GOOD, "max_price_per_hour": "0"}, 400),
]
AMOUNTS = ["-1", "+1", "0", "0.0", "", " 1", "1 ", "1e3", "1E3", "01", "1.", ".5", "1,5", "0x10", "1.0000000001", "NaN",
           "Infinity", "1" * 30, "0." + "1" * 30, "9223372036.854775808", "18446744073709551616", "१", "1\0", 1, 1.5,
           -1, 0, 10**30, True, None, [], {}, ["1"]]
USERS = [
    ({}, 400), ({"email": "a@b.c"}, 400), ({"password": "correct horse"}, 400),
    ({"email": 5, "password": "12345678"}, 400),
    ({"email": "no at", "password": "12345678"}, 400), ({"email": "a@b@c", "password": "12345678"}, 400),
    ({"email": "a@b.c", "password": "short"}, 400), ({"email": "a@b.c", "password": "x" * 2000}, 400),
    ({"email": "a\n@b.c", "password": "12345678"}, 400), ({"email": "demo@troupe.local", "password": "12345678"}, 409),
]
PATHS = [  # what a path may not do; the answer is a plain refusal
    "/api/v1/jobs/../../etc/passwd", "/../../../etc/passwd", "//etc/passwd", "/api/v1/jobs/%2e%2e/x",
    "/api/v1/jobs/..%2f..%2fetc%2fpasswd", "/api/v1/jobs/%00", "/api/v1/jobs/a%0d%0aSet-Cookie:%20x", "/api//v1/jobs",
    "/api/v1/jobs/%zz", "/api/v1/jobs/%", "/./api/v1/account", "/api/v1/jobs/job_1/", "/API/v1/jobs", "/nothing",
    "/api/v1/jobs/" + "x" * 3000, "/api/v1/jobs/'%20OR%201=1--", "/api/v1/jobs?status=nothing", "/api/v1/jobs?limit=-1",
    "/api/v1/jobs?limit=x", "/api/v1/jobs?limit=99999999999999999999", "/api/v1/jobs/job_%F0%9F%92%A9",
]
RAW = [  # bytes, the first status that comes back; None: closed without a word
    (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"hello\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, 400),
    (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", 400), (b"GET /health HTTP/1.1\nHost: a\n\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", 400),
    (b"GET /he\x00alth HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X-Many: 1\r\n" * 20_000 + b"\r\n", 431),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n", 431),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000, 413),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf", None), (b"GET /hea", None),
    (b"POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Le", None), (b"", None),
    (b"DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n", 405), (b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", 404),
]


def say(port, data):
    """Sends bytes, then no more; everything that came back until the server closed or fell silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=15 * PATIENCE) as line:
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent: the answer is there already
        heard = b""
        try:
            while part := line.recv(65536):
                heard += part
        except ConnectionResetError:
            pass
        return heard


class bad_input_is_refused_clearly(House):
    flags = ("--slots", "0")

    def setUp(self):
        self.before = row_counts(self.data_dir)
        self.money = self.user.balance()

    def assert_untouched(self):
        self.assertEqual(row_counts(self.data_dir), self.before)
        self.assertEqual(self.user.balance(), self.money)
        self.assertEqual(self.user.get("/health").json()["status"], "healthy")
        self.assertIsNone(self.server.popen.poll())

    def assert_clear(self, answer, status, about):
        self.assertEqual(answer.status, status, f"{about}: {answer}")
        body = answer.json()
        self.assertEqual((body["success"], body["status"]), (False, status), about)
        self.assertRegex(body["error_code"], "^[A-Z_]+$", about)
        self.assertTrue(body["message"] and body["error"] == body["message"], about)
        self.assertEqual(body["request_id"], answer.headers["X-Request-ID"], about)
        self.assertLess(len(answer.body), 4096, about)

    def test_bodies_of_jobs(self):
        for body, status in JOB:
            about = repr(body)[:120]
            with self.subTest(about):
                self.assert_clear(self.user.post("/api/v1/jobs", body, key="bad"), status, about)
        self.assert_untouched()

    def test_amounts_of_money(self):
        for amount in AMOUNTS:
            with self.subTest(repr(amount)[:60]):
                body = {"amount": amount, "currency": "dGPU"}
                self.assert_clear(self.user.post("/api/v1/account/deposit", body), 400, amount)
                gift = {**body, "user_id": self.server.dev["user_id"]}
                self.assert_clear(self.admin.post("/api/admin/credits/grant", gift), 400, amount)
                if amount is not None:
                    priced = {**GOOD, "max_price_per_hour": amount}
                    self.assert_clear(self.user.post("/api/v1/jobs", priced), 400, amount)
        number = self.user.post("/api/v1/account/deposit", {"amount": 5})
        self.assert_clear(number, 400, "a number")
        self.assertIn("send money as a string", number.json()["message"])
        self.assert_untouched()

    def test_batches(self):
        for jobs in (None, [], {}, "x", 5, [GOOD] * 1001):
            with self.subTest(repr(jobs)[:60]):
                self.assert_clear(self.user.post("/api/v1/jobs/batch", {"jobs": jobs}), 400, "batch")
        self.assert_clear(self.user.post("/api/v1/jobs/batch", {"jobs": [GOOD], "more": 1}), 400, "batch")
        self.assert_clear(self.user.post("/api/v1/jobs/batch", b"x" * 17_000_000), 413, "17 MB")
        self.user.hang_up()
        self.assert_untouched()

    def test_people_who_register_and_log_in(self):
        for path in ("/api/v1/auth/register", "/api/auth/register", "/auth/register"):
            for body, status in USERS:
                with self.subTest(body=repr(body)[:80]):
                    self.assert_clear(self.user.post(path, body), status, body)
        for body, status in (({}, 400), ({"email": "demo@troupe.local", "password": "wrong one"}, 401),
                             ({"email": "nobody@troupe.local", "password": "wrong one"}, 401), ([], 400)):
            with self.subTest(body=repr(body)):
                self.assert_clear(self.user.post("/api/v1/auth/login", body), status, body)
        self.assert_untouched()

    def test_credentials_that_are_none(self):
        wrong = ["", "Bearer", "Bearer ", "Bearer fsk_wrong", "Basic ZGVtbzpkZW1v", "Bearer " + "x" * 5000, "fsk_wrong",
                 "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30.", f"Bearer {self.server.dev['api_key'][:-1]}"]
        for header in wrong:
            with self.subTest(header[:40]):
                for path in ("/api/v1/account", "/api/v1/jobs"):
                    self.assert_clear(self.user.ask("GET", path, None, {"Authorization": header}), 401, header)
        other = self.user.ask("GET", "/api/v1/account", None, {"Authorization": "", "X-API-Key": "x"})
        self.assert_clear(other, 401, "X-API-Key")
        self.assert_clear(self.user.post("/api/admin/credits/grant", {"user_id": "x", "amount": "1"}), 403, "no admin")
        self.assert_untouched()

    def test_anothers_things_are_404(self):
        stranger = self.new_user(10**9)
        job = self.user.submit(GOOD)
        wallet = self.user.get(f"/api/v1/billing/user/{self.server.dev['user_id']}/wallet").json()["id"]
        before = row_counts(self.data_dir)
        for path in (f"/api/v1/jobs/{job}", f"/api/v1/billing/user/{self.server.dev['user_id']}/wallet",
                     f"/api/v1/billing/wallet/{wallet}/balance", f"/api/v1/billing/wallet/{wallet}/transactions",
                     "/api/v1/billing/wallet/x/balance", "/api/v1/billing/user/platform/wallet"):
            with self.subTest(path):
                self.assert_clear(stranger.get(path), 404, path)
        self.assert_clear(stranger.cancel(job), 404, "cancel")
        self.assertEqual(stranger.get("/api/v1/jobs").json()["jobs"], [])
        self.assertEqual(row_counts(self.data_dir), before)
        self.user.cancel(job)

    def test_tricks_with_paths(self):
        for path in PATHS:
            with self.subTest(path[:60]):
                answer = self.user.get(path)
                self.assertIn(answer.status, (400, 404), path)
                self.assert_clear(answer, answer.status, path)
        self.assert_untouched()

    def test_bytes_that_are_no_request(self):
        for data, status in RAW:
            with self.subTest(data[:70]):
                heard = say(self.port, data)
                if status is None:
                    self.assertTrue(heard == b"" or b" 400 " in heard[:20] or b" 408 " in heard[:20], heard[:200])
                    continue
                self.assertTrue(heard.startswith(b"HTTP/1.1 %d " % status), (status, heard[:200]))
                self.assertEqual(heard.count(b"HTTP/1.1 %d" % status), 1)
                self.assertEqual(json.loads(heard.partition(b"\r\n\r\n")[2])["status"], status)
        self.assert_untouched()

    def test_the_completions_speak_the_dialect_of_openai_when_asked(self):
        openai = {"X-Error-Dialect": "openai"}
        for body, status in ((b"", 400), (b"{", 400), ({"model": "m"}, 400), ({"model": 5, "prompt": "x"}, 400),
                             ({"model": "none serves it", "prompt": "x"}, 400), ({"model": "m", "prompt": ["x"]}, 400)):
            for path in ("/api/v1/completions", "/v1/completions"):
                with self.subTest(body=repr(body), path=path):
                    self.assert_clear(self.user.post(path, body), status, body)
                    answer = self.user.ask("POST", path, body, openai)
                    self.assertEqual(answer.status, status)
                    error = answer.json()["error"]
                    self.assertEqual(set(error), {"message", "type", "param", "code"})
                    self.assertEqual(error["type"], "invalid_request_error")
        answer = self.user.ask("POST", "/v1/completions", {}, {**openai, "Authorization": "Bearer fsk_no"})
        self.assertEqual((answer.status, answer.json()["error"]["type"]), (401, "authentication_error"))
        self.assert_untouched()

    def test_keys_of_idempotency_that_are_too_long_and_headers_that_come_twice(self):
        self.assert_clear(self.user.post("/api/v1/jobs", GOOD, key="k" * 257), 400, "a long key")
        twice = b"GET /api/v1/account HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"
        self.assertTrue(say(self.port, twice).startswith(b"HTTP/1.1 400 "))
        self.assert_untouched()


if __name__ == "__main__":
    unittest.main()
