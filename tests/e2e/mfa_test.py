# Second factors: codes of an independent tool, the QR code, backup codes, attempts, kill -9, and all must have one.
import base64
import http.client
import json
import os
import queue
import re
import socketserver
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
from urllib.parse import parse_qs, urlsplit

from house import PATIENCE, Client, House, parallel, rows, until

PASSWORD = "correct horse battery"


def totp(secret, ahead=0):
    """The code as oathtool sees it, now or a while ahead."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + ahead))
    return subprocess.run(["oathtool", "--totp", "-b", f"--now={now}", secret], capture_output=True, text=True,
                          check=True).stdout.strip()


def wrong(secret):
    """Six digits that are none of the codes that could count now."""
    near = {totp(secret, ahead) for ahead in (-60, -30, 0, 30, 60)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


def free_from_limits(house, user_id):
    """Behind the server's back: under --require-mfa no admin's key would do it."""
    db = sqlite3.connect(f"{house.data_dir}/troupe.db", timeout=10, isolation_level=None)
    db.execute("UPDATE users SET tier='unlimited' WHERE id=?", (user_id,))
    db.close()


class Person:
    """Somebody with a password, a session and, in time, a second factor."""

    def __init__(self, house, free=free_from_limits):
        self.base = house.server.dev["base_url"]
        self.email = f"person-{os.urandom(6).hex()}@example.org"
        made = Client(self.base).post("/api/v1/auth/register", {"email": self.email, "password": PASSWORD}).json()
        self.id, self.key = made["user_id"], made["apiKey"]
        free(house, self.id)
        self.session = Client(self.base, self.login().json()["access_token"])

    def login(self, password=PASSWORD, **more):
        return Client(self.base).post("/api/v1/auth/login", {"email": self.email, "password": password, **more})

    def set_up(self):
        answer = self.session.post("/api/v1/auth/mfa/setup", {"method": "totp"})
        assert answer.status == 200, answer
        self.shown = answer.json()
        self.secret, self.backup = self.shown["secret"], self.shown["backup_codes"]
        return self.shown

    def enable(self):
        """With the present code: those of the next step are still good."""
        self.set_up()
        answer = self.session.post("/api/v1/auth/mfa/verify", {"method": "totp", "token": totp(self.secret)})
        assert answer.status == 200, answer
        return self


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class a_second_factor_lets_its_owner_in_and_nobody_else(House):
    flags = ("--slots", "0", "--rate-limit-per-minute", "0")

    def restart(self):
        self.server.kill()
        self.start()
        self.admin.hang_up()

    def test_codes_of_oathtool_are_accepted_once_and_refused_twice(self):
        ann = Person(self).enable()
        asked = ann.login()
        self.assertEqual(asked.status, 403, asked)
        self.assertEqual((asked.json()["mfa_required"], asked.json()["error"]), (True, "MFA verification required"))
        self.assertEqual(asked.json()["available_methods"], ["totp", "backup_codes"])
        self.assertEqual(ann.login("wrong password", mfa_token=totp(ann.secret, 30)).status, 401)
        code = totp(ann.secret, 30)
        first = ann.login(mfa_token=code, mfa_method="totp")
        self.assertEqual(first.status, 200, first)
        self.assertTrue(first.json()["mfa_verified"])
        self.assertTrue(claims(first.json()["access_token"])["mfa_verified"])
        self.assertEqual(first.headers["Cache-Control"], "no-store")
        self.assertEqual(Client(ann.base, first.json()["access_token"]).get("/api/v1/auth/profile").status, 200)
        for _ in range(2):
            again = ann.login(mfa_token=code, mfa_method="totp")
            self.assertEqual((again.status, again.json()["error_code"]), (401, "INVALID_MFA_CODE"))
        self.assertEqual(ann.login(mfa_token=totp(ann.secret)).status, 401, "older than the one that was taken")

    def test_of_many_at_once_one_gets_in_with_a_code(self):
        ann = Person(self).enable()
        code = totp(ann.secret, 30)
        answers = parallel(lambda _: ann.login(mfa_token=code).status, range(12))
        self.assertEqual(answers.count(200), 1, answers)

    def test_the_qr_code_says_what_the_answer_says(self):
        ann = Person(self)
        shown = ann.set_up()
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            file.write(base64.b64decode(shown["qr_code"]))
            file.flush()
            seen = subprocess.run(["zbarimg", "--quiet", "--raw", file.name], capture_output=True, text=True).stdout
        self.assertEqual(seen.strip(), shown["otpauth_uri"])
        parts = urlsplit(shown["otpauth_uri"])
        self.assertEqual((parts.scheme, parts.netloc), ("otpauth", "totp"))
        self.assertEqual(parse_qs(parts.query), {"secret": [shown["secret"]], "issuer": ["Troupe"], "algorithm": ["SHA1"],
                                                 "digits": ["6"], "period": ["30"]})
        self.assertEqual(len(base64.b32decode(shown["secret"])), 20)
        self.assertEqual((shown["method"], shown["setup_complete"], len(set(shown["backup_codes"]))), ("totp", False, 10))

    def test_what_was_only_set_up_asks_nobody_for_a_code(self):
        ann = Person(self)
        ann.set_up()
        self.assertEqual(ann.session.get("/api/v1/auth/mfa/status").json()["totp_enabled"], False)
        self.assertEqual(ann.login().status, 200)
        old = ann.secret
        ann.set_up()
        self.assertNotEqual(ann.secret, old)
        self.assertEqual(ann.session.post("/auth/mfa/verify", {"method": "totp", "token": totp(old)}).status, 401)
        self.assertEqual(ann.session.post("/auth/mfa/verify", {"method": "totp", "token": totp(ann.secret)}).status, 200)
        status = ann.session.get("/auth/mfa/status").json()
        self.assertEqual((status["totp_enabled"], status["backup_codes_available"], status["methods_available"]),
                         (True, 10, ["totp", "backup_codes"]))

    def test_the_secret_is_sealed_and_the_backup_codes_are_hashed(self):
        ann = Person(self).enable()
        raw = base64.b32decode(ann.secret)
        stored = rows(self.data_dir, "SELECT secret FROM mfa_factors WHERE user_id=?", ann.id)[0][0]
        self.assertTrue(stored.startswith("v1."), stored)
        kept = b"".join(open(os.path.join(self.data_dir, name), "rb").read()
                        for name in ("troupe.db", "troupe.db-wal") if os.path.exists(os.path.join(self.data_dir, name)))
        for secret in [raw, ann.secret.encode()] + [x.encode() for x in ann.backup]:
            self.assertNotIn(secret, kept)
        said = "\n".join(self.server.lines)
        for secret in [ann.secret, *ann.backup]:
            self.assertNotIn(secret, said)

    def test_a_backup_code_is_good_once_however_it_is_typed(self):
        ann = Person(self).enable()
        first, second = ann.backup[:2]
        self.assertEqual(ann.login(mfa_token=first, mfa_method="backup_codes").status, 200)
        self.assertEqual(ann.login(mfa_token=first, mfa_method="backup_codes").status, 401)
        self.assertEqual(ann.login(mfa_token=second.lower().replace("-", "")).status, 200)
        self.assertEqual(ann.login(mfa_token=second).status, 401)
        self.assertEqual(ann.session.get("/api/v1/auth/mfa/status").json()["backup_codes_available"], 8)
        fresh = ann.session.get("/auth/mfa/backup-codes")
        self.assertEqual((fresh.status, len(set(fresh.json()["backup_codes"]))), (200, 10))
        self.assertEqual(ann.login(mfa_token=ann.backup[2]).status, 401, "the old ones count no more")
        one = fresh.json()["backup_codes"][0]
        answers = parallel(lambda _: ann.login(mfa_token=one).status, range(4))
        self.assertEqual(answers.count(200), 1, answers)

    def test_after_five_wrong_codes_no_code_counts_also_after_a_restart(self):
        ann = Person(self).enable()
        bad = wrong(ann.secret)
        answers = parallel(lambda _: ann.login(mfa_token=bad).status, range(12))
        self.assertEqual((answers.count(401), answers.count(429)), (5, 7), answers)
        for code in (totp(ann.secret, 30), ann.backup[0]):
            refused = ann.login(mfa_token=code)
            self.assertEqual((refused.status, refused.json()["error_code"]), (429, "MFA_ATTEMPTS_EXCEEDED"))
            self.assertTrue(3500 < int(refused.headers["Retry-After"]) <= 3600, refused.headers["Retry-After"])
        self.restart()
        self.assertEqual(ann.login(mfa_token=totp(ann.secret, 30)).status, 429)
        ann.session.hang_up()
        self.assertEqual(ann.session.get("/api/v1/auth/profile").status, 200, "who is in stays in")

    def test_a_code_that_was_taken_before_kill_9_is_refused_after_it(self):
        ann = Person(self).enable()
        code = totp(ann.secret, 30)
        step = "SELECT last_step FROM mfa_factors WHERE user_id=?"
        before = rows(self.data_dir, step, ann.id)
        line = http.client.HTTPConnection("127.0.0.1", self.port)
        line.request("POST", "/auth/login", f'{{"email":"{ann.email}","password":"{PASSWORD}","mfa_token":"{code}"}}')
        until(lambda: rows(self.data_dir, step, ann.id) != before, "the code is taken", pause=0)
        self.server.kill()
        line.close()
        self.restart()
        self.assertEqual(ann.login(mfa_token=code).status, 401)
        self.assertEqual(ann.login(mfa_token=ann.backup[0]).status, 200)

    def test_disabling_needs_the_password_and_ends_the_backup_codes(self):
        ann = Person(self).enable()
        for body, status in (({"method": "totp"}, 400), ({"method": "totp", "password": "wrong password"}, 401),
                             ({"method": "totp", "password": PASSWORD, "token": wrong(ann.secret)}, 401)):
            self.assertEqual(ann.session.post("/auth/mfa/disable", body).status, status)
        self.assertEqual(ann.login().status, 403)
        done = ann.session.post("/auth/mfa/disable",
                                {"method": "totp", "password": PASSWORD, "token": totp(ann.secret, 30)})
        self.assertEqual(done.status, 200, done)
        self.assertEqual(ann.login().status, 200)
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM mfa_codes WHERE user_id=?", ann.id), [(0,)])

    def test_guessing_the_password_to_disable_is_counted_like_codes(self):
        ann = Person(self).enable()
        tries = [ann.session.post("/auth/mfa/disable", {"method": "totp", "password": f"guess {i}"}).status
                 for i in range(6)]
        self.assertEqual(tries, [401] * 5 + [429])
        right = ann.session.post("/auth/mfa/disable", {"method": "totp", "password": PASSWORD})
        self.assertEqual(right.status, 429)

    def test_a_session_from_before_must_show_a_code_and_a_key_goes_on(self):
        ann = Person(self)
        old = Client(ann.base, ann.login().json()["access_token"])
        self.assertEqual(old.get("/api/v1/auth/profile").status, 200)
        ann.enable()
        self.assertEqual(ann.session.get("/api/v1/auth/profile").status, 200, "this one has shown it")
        for method, path, body in (("GET", "/api/v1/auth/profile", None), ("GET", "/api/v1/jobs", None),
                                   ("GET", "/auth/mfa/backup-codes", None), ("POST", "/auth/mfa/setup", {}),
                                   ("POST", "/auth/mfa/disable", {"method": "totp", "password": PASSWORD})):
            refused = old.ask(method, path, body)
            self.assertEqual((refused.status, refused.json()["error_code"]), (403, "MFA_REQUIRED"), path)
        stream = old.ask("GET", "/v1/stream", None, {"Upgrade": "websocket", "Connection": "Upgrade",
                                                     "Sec-WebSocket-Version": "13",
                                                     "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        self.assertEqual((stream.status, stream.json()["error_code"]), (403, "MFA_REQUIRED"))
        shown = old.post("/auth/mfa/verify", {"method": "totp", "token": totp(ann.secret, 30)})
        self.assertEqual(shown.status, 200, shown)
        self.assertTrue(claims(shown.json()["access_token"])["mfa_verified"])
        self.assertEqual(old.get("/api/v1/auth/profile").status, 200)
        key = Client(ann.base, ann.key)
        self.assertEqual(key.get("/api/v1/auth/profile").status, 200)
        for method, path, body in (("POST", "/auth/mfa/setup", {}), ("GET", "/auth/mfa/backup-codes", None),
                                   ("POST", "/auth/mfa/disable", {"method": "totp", "password": PASSWORD})):
            refused = key.ask(method, path, body)
            self.assertEqual((refused.status, refused.json()["error_code"]), (403, "LOGIN_REQUIRED"), path)

    def test_bad_input_is_one_clear_error(self):
        ann = Person(self)
        self.assertEqual(ann.session.post("/auth/mfa/setup", {"method": "email"}).json()["error_code"],
                         "EMAIL_NOT_CONFIGURED")
        for path, body in (("/auth/mfa/setup", {"method": "sms"}), ("/auth/mfa/setup", {"methods": "totp"}),
                           ("/auth/mfa/verify", {}), ("/auth/mfa/verify", {"method": "totp", "token": 123456}),
                           ("/auth/mfa/verify", {"method": "totp", "token": "123456"}),
                           ("/auth/mfa/disable", {"method": "carrier pigeon", "password": PASSWORD})):
            self.assertEqual(ann.session.post(path, body).status, 400, (path, body))
        self.assertEqual(ann.session.get("/auth/mfa/backup-codes").status, 409)
        self.assertEqual(ann.session.post("/auth/mfa/disable", {"method": "totp", "password": PASSWORD}).status, 409)
        ann.enable()
        self.assertEqual(ann.session.post("/auth/mfa/setup", {}).status, 409)


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail, unless told to be out of order."""
    allow_reuse_address = daemon_threads = True

    def __init__(self):
        self.mails, self.broken = queue.Queue(), False
        super().__init__(("127.0.0.1", 0), MailTalk)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def code_for(self, address):
        to, text = self.mails.get(timeout=10 * PATIENCE)
        assert to == [address], to
        return re.search(r"code is (\d{6})\.", text)[1]


class MailTalk(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        to = []
        self.say("220 ready")
        for line in self.rfile:
            word = line.decode().strip()
            if word.upper().startswith("RCPT TO:"):
                to.append(word[8:].strip("<> "))
            if word.upper() == "DATA" and not self.server.broken:
                self.say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                self.server.mails.put((to, "\n".join(lines)))
            if word.upper() == "QUIT":
                return self.say("221 bye")
            self.say("451 out of order" if word.upper() == "DATA" and self.server.broken else "250 good")


class codes_come_by_e_mail(House):
    flags = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.post = MailServer()
        cls.addClassCleanup(cls.post.server_close)
        cls.addClassCleanup(cls.post.shutdown)
        cls.flags = ("--slots", "0", "--rate-limit-per-minute", "0", "--smtp-url",
                     f"smtp://127.0.0.1:{cls.post.server_address[1]}", "--smtp-from", "troupe@example.org")
        cls.start()

    def enabled(self):
        ann = Person(self)
        begun = ann.session.post("/auth/mfa/setup", {"method": "email"})
        self.assertEqual(begun.status, 200, begun)
        ann.backup = begun.json()["backup_codes"]
        shown = ann.session.post("/auth/mfa/verify", {"method": "email", "token": self.post.code_for(ann.email)})
        self.assertEqual(shown.status, 200, shown)
        return ann

    def test_a_code_that_was_sent_is_good_once(self):
        ann = self.enabled()
        self.assertEqual(ann.session.get("/auth/mfa/status").json()["methods_available"], ["email", "backup_codes"])
        self.assertEqual(ann.login("wrong password", mfa_method="email").status, 401)
        asked = ann.login(mfa_method="email")
        self.assertEqual((asked.status, asked.json()["mfa_required"]), (403, True), asked)
        code = self.post.code_for(ann.email)
        self.assertTrue(self.post.mails.empty(), "a wrong password sends nothing")
        self.assertNotIn(code, "\n".join(self.server.lines))
        again = ann.login(mfa_method="email")
        self.assertEqual((again.status, again.json()["error_code"]), (429, "EMAIL_CODE_RECENT"), again)
        answers = parallel(lambda _: ann.login(mfa_token=code, mfa_method="email").status, range(4))
        self.assertEqual(answers.count(200), 1, answers)

    def test_a_mail_server_that_is_out_of_order_changes_nothing(self):
        ann, bob = self.enabled(), Person(self)
        tables = ("mfa_factors", "mfa_codes", "mfa_attempts", "sessions")
        count = lambda: [rows(self.data_dir, f"SELECT * FROM {name}") for name in tables]
        before = count()
        self.post.broken = True
        try:
            for answer in (ann.login(mfa_method="email"), ann.session.post("/auth/mfa/send", {}),
                           bob.session.post("/auth/mfa/setup", {"method": "email"})):
                self.assertEqual((answer.status, answer.json()["error_code"]), (503, "MAIL_SERVER_ERROR"), answer)
        finally:
            self.post.broken = False
        self.assertEqual(count(), before)
        self.assertEqual(ann.login(mfa_token=ann.backup[0]).status, 200, "backup codes need no mail")

    def test_a_code_is_kept_as_a_hash_and_another_persons_is_worth_nothing(self):
        ann, bob = self.enabled(), self.enabled()
        ann.login(mfa_method="email")
        code = self.post.code_for(ann.email)
        self.assertNotIn(code, str(rows(self.data_dir, "SELECT * FROM mfa_codes")))
        self.assertNotIn(ann.email, str(rows(self.data_dir, "SELECT secret FROM mfa_factors")))
        self.assertEqual(bob.login(mfa_token=code, mfa_method="email").status, 401)
        self.assertEqual(ann.login(mfa_token=code, mfa_method="email").status, 200)


class where_all_must_have_a_second_factor(House):
    flags = ("--slots", "0", "--rate-limit-per-minute", "0", "--require-mfa")

    def test_who_has_none_may_only_set_one_up(self):
        ann = Person(self)
        for who in (ann.session, Client(ann.base, ann.key)):
            for path in ("/api/v1/auth/profile", "/api/v1/jobs", "/api/v1/account"):
                refused = who.get(path)
                self.assertEqual((refused.status, refused.json()["error_code"]), (403, "MFA_SETUP_REQUIRED"), path)
            self.assertTrue(who.get("/api/v1/auth/mfa/status").json()["mfa_required"])
        ann.enable()
        for who in (ann.session, Client(ann.base, ann.key)):
            self.assertEqual(who.get("/api/v1/auth/profile").status, 200)
        self.assertEqual(ann.login().status, 403)
        inside = ann.login(mfa_token=ann.backup[0])
        self.assertEqual(Client(ann.base, inside.json()["access_token"]).get("/api/v1/account").status, 200)
        gone = ann.session.post("/auth/mfa/disable", {"method": "totp", "password": PASSWORD})
        self.assertEqual(gone.status, 200, gone)
        self.assertEqual(ann.session.get("/api/v1/account").status, 403)


if __name__ == "__main__":
    unittest.main()
