# Who is let in: tokens that were tampered with, refresh tokens that come twice, sessions that end, guesses that wait.
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import threading
import time
import unittest

from cluster_test import Cluster
from house import Client, House, free_port, parallel, until
from stream import Refused, Stream

SECRET = "the secret of a test, long enough for anyone"
PASSWORD = "correct horse"


def letters(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_part(token, which):
    part = token.split(".")[which]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header, claims, key=SECRET, how=hashlib.sha256):
    text = letters(json.dumps(header).encode()) + "." + letters(json.dumps(claims).encode())
    key = key if isinstance(key, bytes) else key.encode()
    return text + "." + letters(hmac.new(key, text.encode(), how).digest())


class Person:
    """Somebody registered, with a password and as many sessions as are opened."""

    admin_key = None  # of the server at work: frees people from limits

    def __init__(self, base_url, by="email"):
        self.base = base_url
        self.name = f"p{random.SystemRandom().randrange(10**12)}"
        self.login = f"{self.name}@example.org" if by == "email" else self.name
        made = Client(base_url).post("/api/v1/auth/register", {by: self.login, "password": PASSWORD})
        assert made.status == 201, made
        self.id, self.key = made.json()["user_id"], made.json()["apiKey"]
        freed = Client(base_url, Person.admin_key).ask("PUT", f"/api/admin/users/{self.id}", {"tier": "unlimited"})
        assert freed.status == 200, freed

    def try_log_in(self, password=PASSWORD, base=None):
        return Client(base or self.base).post("/api/v1/auth/login", {"username": self.login, "password": password})

    def log_in(self, base=None):
        answer = self.try_log_in(base=base)
        assert answer.status == 200, answer
        session = Client(base or self.base, answer.json()["access_token"])
        session.pass_ = answer.json()
        session.id = session.pass_["session_id"]
        session.refresh_token = session.pass_["refresh_token"]
        return session


def refresh(base_url, token):
    return Client(base_url).post("/api/v1/auth/refresh", {"refresh_token": token})


def status(client):
    return client.get("/api/v1/auth/profile").status


class People(House):
    flags = ("--slots", "0", "--jwt-secret", SECRET)

    def setUp(self):
        self.base = self.server.dev["base_url"]
        Person.admin_key = self.admin.key

    def restart(self):
        self.server.kill()
        self.start()
        self.admin.hang_up()
        self.base = self.server.dev["base_url"]

    def assert_refused(self, token, about, header=None):
        answer = Client(self.base).ask("GET", "/api/v1/auth/profile", None,
                                       {"Authorization": f"Bearer {token}", **(header or {})})
        self.assertEqual(answer.status, 401, (about, answer))
        self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer", about)
        self.assertNotIn(token[:64] or "nothing", answer.body.decode(), about)


class a_token_that_was_tampered_with_opens_nothing(People):
    def test_every_attack_is_401_and_the_untouched_token_is_not(self):
        session = Person(self.base).log_in()
        token, claims = session.key, read_part(session.key, 1)
        header = read_part(token, 0)
        kid = header["kid"]
        now = int(time.time())
        self.assertEqual(status(session), 200)
        self.assertEqual(status(Client(self.base, signed(header, claims))), 200, "our own forgery must be a good one")
        bare = Client(self.base, signed({"alg": "HS256"}, claims))
        self.assertEqual(status(bare), 200, "the secret's bytes are the key")
        first, middle, last = token.split(".")
        changed = letters(json.dumps({**claims, "role": "admin", "sub": self.server.dev["admin_id"]}).encode())
        attacks = {
            "alg none": letters(b'{"alg":"none"}') + "." + middle + ".",
            "alg none with kid": letters(json.dumps({"alg": "none", "kid": kid}).encode()) + "." + middle + ".",
            "alg None, signed": signed({**header, "alg": "None"}, claims),
            "HS512": signed({**header, "alg": "HS512"}, claims, how=hashlib.sha512),
            "RS256, signed by HMAC": signed({**header, "alg": "RS256"}, claims),
            "wrong kid": signed({**header, "kid": "hs-000000000000"}, claims),
            "kid is a path": signed({**header, "kid": "../../jwt.secret"}, claims),
            "kid is a number": signed({**header, "kid": 1}, claims),
            "crit": signed({**header, "crit": ["exp"]}, claims),
            "jwk in the header": signed({**header, "jwk": {"kty": "oct", "k": letters(b"x" * 32)}}, claims, "x" * 32),
            "expired": signed(header, {**claims, "exp": now - 1}),
            "without an end": signed(header, {k: v for k, v in claims.items() if k != "exp"}),
            "not yet valid": signed(header, {**claims, "nbf": now + 60}),
            "other issuer": signed(header, {**claims, "iss": "https://evil.example"}),
            "other audience": signed(header, {**claims, "aud": "somebody"}),
            "refresh as access": signed(header, {**claims, "typ": "refresh"}),
            "no type": signed(header, {k: v for k, v in claims.items() if k != "typ"}),
            "no session": signed(header, {**claims, "sid": ""}),
            "a session that never was": signed(header, {**claims, "sid": "ses_00000000000000000000000000"}),
            "changed payload": first + "." + changed + "." + last,
            "another secret": signed(header, claims, "another secret, also long enough for it"),
            "an empty secret": signed(header, claims, ""),
            "no signature": first + "." + middle + ".",
            "two parts": first + "." + middle,
            "four parts": token + "." + last,
            "one part": first,
            "not JSON": letters(b"x") + "." + letters(b"y") + "." + last,
            "a refresh token": session.refresh_token,
            "14 KB": token + "A" * 14_000,
            "1 MB": token + "A" * 1_000_000,
            "1 MB of dots": "." * 1_000_000,
        }
        for about, attack in attacks.items():
            with self.subTest(about):
                self.assert_refused(attack, about)
        for about in ("alg none", "changed payload", "expired"):
            with self.assertRaises(Refused) as refusal:
                Stream(self.base, attacks[about])
            self.assertEqual(refusal.exception.status, 401, about)
        self.assertEqual(status(session), 200)
        self.assertEqual(self.server.popen.poll(), None)

    def test_a_bad_token_is_never_skipped_for_a_good_key(self):
        person = Person(self.base)
        self.assert_refused("not.a.token", "with a key beside it", {"X-API-Key": person.key})

    def test_claims_are_those_of_the_contract(self):
        session = Person(self.base).log_in()
        claims = read_part(session.key, 1)
        self.assertLessEqual({"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid", "role", "scope", "tier", "mfa",
                              "typ", "user_id", "username", "mfa_verified", "rate_limit_tier"}, set(claims))
        self.assertEqual(len(bytes.fromhex(claims["jti"])), 16)
        self.assertEqual(claims["sid"], session.id)
        self.assertEqual(claims["scope"], ["read", "write"])
        self.assertEqual(read_part(session.key, 0)["alg"], "HS256")


class a_refresh_token_is_good_once(People):
    def test_it_rotates_under_every_name_and_the_session_goes_on(self):
        person = Person(self.base)
        session = person.log_in()
        token = session.refresh_token
        self.assertRegex(token, "^rt_[A-Za-z0-9_-]{43}$")
        for path in ("/api/v1/auth/refresh", "/api/auth/refresh", "/auth/refresh", "/api/v1/auth/token/refresh"):
            answer = Client(self.base).post(path, {"refresh_token": token})
            self.assertEqual(answer.status, 200, answer)
            fresh = answer.json()
            self.assertNotEqual(fresh["refresh_token"], token)
            self.assertEqual(fresh["session_id"], session.id)
            self.assertEqual(status(Client(self.base, fresh["access_token"])), 200)
            token = fresh["refresh_token"]
        self.assertEqual(status(session), 200, "the access token from before lives to its end")
        with open(os.path.join(self.data_dir, "troupe.db"), "rb") as file:
            content = file.read()
        self.assertNotIn(token.encode(), content)
        self.assertNotIn(token[3:23].encode(), content)

    def test_the_second_use_ends_the_family_also_for_whoever_came_first(self):
        person = Person(self.base)
        session, other = person.log_in(), person.log_in()
        first = session.refresh_token
        second = refresh(self.base, first).json()
        holder = Client(self.base, second["access_token"])
        stream = Stream(self.base, second["access_token"])
        self.assertEqual(status(holder), 200)
        answer = refresh(self.base, first)
        self.assertEqual((answer.status, answer.json()["error_code"]), (401, "TOKEN_REUSED"))
        self.assertEqual(status(holder), 401)
        self.assertEqual(status(session), 401)
        self.assertEqual(refresh(self.base, second["refresh_token"]).status, 401)
        self.assertEqual(stream.wait_closed(), 1008)
        self.assertEqual(status(other), 200, "another session of the same user goes on")

    def test_of_many_uses_at_once_one_wins_at_most_and_the_family_is_over(self):
        session = Person(self.base).log_in()
        answers = parallel(lambda _: refresh(self.base, session.refresh_token), range(8))
        won = [x.json() for x in answers if x.status == 200]
        self.assertEqual([x.status for x in answers if x.status != 200], [401] * (8 - len(won)))
        self.assertEqual(len(won), 1)
        self.assertEqual(refresh(self.base, won[0]["refresh_token"]).status, 401)
        self.assertEqual(status(Client(self.base, won[0]["access_token"])), 401)

    def test_what_is_no_refresh_token_of_ours_is_refused_and_ends_nothing(self):
        session = Person(self.base).log_in()
        token = session.refresh_token
        for bad in ("rt_", "rt_" + "A" * 43, token[:-1], token + "A", "x" + token, session.key, "A" * 1_000_000,
                    token[:3] + token[3:23].swapcase() + token[23:]):
            self.assertEqual(refresh(self.base, bad).status, 401, bad[:60])
        for body in ({}, {"refresh_token": 7}, {"refresh_token": ""}, {"refresh_token": token, "role": "admin"}):
            self.assertEqual(Client(self.base).post("/api/v1/auth/refresh", body).status, 400, body)
        self.assertEqual(refresh(self.base, token).status, 200)

    def test_tokens_revocations_and_reuse_survive_kill_9(self):
        person = Person(self.base)
        session, ended = person.log_in(), person.log_in()
        second = refresh(self.base, session.refresh_token).json()
        self.assertEqual(ended.post("/api/v1/auth/logout", {}).status, 200)
        self.restart()
        session.hang_up()
        ended.hang_up()
        self.assertEqual(status(session), 200)
        self.assertEqual(status(ended), 401)
        self.assertEqual(refresh(self.base, ended.refresh_token).status, 401)
        third = refresh(self.base, second["refresh_token"])
        self.assertEqual(third.status, 200)
        self.restart()
        self.assertEqual(refresh(self.base, second["refresh_token"]).status, 401)
        self.assertEqual(refresh(self.base, third.json()["refresh_token"]).status, 401)

    def test_kill_9_under_load_loses_no_token_that_was_answered(self):
        person = Person(self.base)
        sessions = [person.log_in() for _ in range(6)]
        newest = [s.refresh_token for s in sessions]
        asked = [False] * len(sessions)  # a question without an answer
        done = threading.Event()

        def go_on(i):
            while not done.is_set():
                asked[i] = True
                try:
                    answer = refresh(self.base, newest[i])
                except (OSError, http.client.HTTPException):
                    return
                assert answer.status == 200, answer
                newest[i] = answer.json()["refresh_token"]
                asked[i] = False

        crowd = [threading.Thread(target=go_on, args=(i,), daemon=True) for i in range(len(sessions))]
        for one in crowd[1:]:
            one.start()
        until(lambda: len({*newest} - {s.refresh_token for s in sessions}) == 5, "each has refreshed", 20)
        self.server.kill()
        done.set()
        for one in crowd[1:]:
            one.join(30)
        self.start()
        self.base = self.server.dev["base_url"]
        for i, token in enumerate(newest):
            answer = refresh(self.base, token)
            self.assertIn(answer.status, (200, 401) if asked[i] else (200,), i)


class sessions_are_seen_and_ended(People):
    def test_a_list_shows_each_and_one_can_be_ended(self):
        person = Person(self.base)
        here, there = person.log_in(), person.log_in()
        listed = here.get("/api/v1/auth/sessions").json()
        self.assertEqual({x["id"] for x in listed["sessions"]}, {here.id, there.id})
        self.assertEqual([x["current"] for x in listed["sessions"] if x["id"] == here.id], [True])
        stranger = Person(self.base).log_in()
        self.assertEqual(stranger.ask("DELETE", f"/api/v1/auth/sessions/{there.id}").status, 404)
        self.assertEqual(status(there), 200)
        self.assertEqual(here.ask("DELETE", f"/api/v1/auth/sessions/{there.id}").status, 200)
        self.assertEqual((status(there), status(here)), (401, 200))
        self.assertEqual(here.ask("DELETE", f"/api/v1/auth/sessions/{there.id}").status, 404)
        self.assertEqual(here.get("/api/v1/auth/sessions").json()["total"], 1)

    def test_logout_ends_this_one_and_logout_all_each_and_their_sockets(self):
        person = Person(self.base)
        here, there, third = person.log_in(), person.log_in(), person.log_in()
        sockets = [Stream(self.base, x.key) for x in (here, there)]
        by_key = Stream(self.base, person.key)
        self.assertEqual(here.post("/auth/logout", {}).json()["session_revoked"], True)
        self.assertEqual((status(here), status(there)), (401, 200))
        self.assertEqual(sockets[0].wait_closed(), 1008)
        self.assertFalse(sockets[1].closed)
        self.assertEqual(third.post("/auth/logout-all", {}).json()["sessions_revoked"], 2)
        self.assertEqual([status(x) for x in (here, there, third)], [401] * 3)
        self.assertEqual([refresh(self.base, x.refresh_token).status for x in (here, there, third)], [401] * 3)
        self.assertEqual(sockets[1].wait_closed(), 1008)
        self.assertEqual(status(Client(self.base, person.key)), 200, "keys are not sessions")
        self.assertFalse(by_key.closed)
        by_key.close()
        for path in ("logout", "logout-all"):
            self.assertEqual(Client(self.base, person.key).post(f"/api/v1/auth/{path}", {}).status, 400)

    def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(self):
        person = Person(self.base)
        here, there = person.log_in(), person.log_in()
        path = "/api/v1/auth/change-password"
        wrong = here.post(path, {"current_password": "wrong horse", "new_password": "battery staple"})
        self.assertEqual((wrong.status, wrong.json()["error_code"]), (403, "WRONG_PASSWORD"))
        for body in ({"new_password": "battery staple"}, {"current_password": PASSWORD, "new_password": "short"},
                     {"current_password": PASSWORD, "new_password": PASSWORD}):
            self.assertEqual(here.post(path, body).status, 400, body)
        self.assertEqual(status(there), 200)
        self.assertEqual(here.post(path, {"current_password": PASSWORD, "new_password": "battery staple"}).status, 200)
        self.assertEqual((status(here), status(there)), (200, 401))
        self.assertEqual(refresh(self.base, there.refresh_token).status, 401)
        self.assertEqual(refresh(self.base, here.refresh_token).status, 200)
        self.assertEqual(person.try_log_in().status, 401)
        self.assertEqual(person.try_log_in("battery staple").status, 200)

    def test_a_profile_is_changed_and_the_role_is_not(self):
        person, other = Person(self.base), Person(self.base, by="username")
        here = person.log_in()
        mail = f"new-{person.name}@example.org"
        changed = here.ask("PUT", "/api/v1/auth/profile", {"email": mail, "organization": "ACME"})
        self.assertEqual((changed.status, changed.json()["email"]), (200, mail), changed)
        self.assertEqual(here.ask("PATCH", "/api/users/me", {"username": person.name}).status, 200)
        seen = here.get("/api/users/me").json()
        self.assertEqual((seen["email"], seen["username"], seen["organization"], seen["role"]),
                         (mail, person.name, "ACME", "user"))
        for body, code in (({"role": "admin"}, 400), ({"tier": "unlimited"}, 400), ({}, 400), ({"email": "none"}, 400),
                           ({"email": "", "username": ""}, 400), ({"username": other.name.upper()}, 409),
                           ({"email": self.server.dev["email"]}, 409)):
            self.assertEqual(here.ask("PATCH", "/api/v1/auth/profile", body).status, code, body)
        self.assertEqual(here.get("/api/users/me").json()["email"], mail)
        person.login = mail
        self.assertEqual(person.try_log_in().status, 200)
        self.assertEqual(Person(self.base, by="username").log_in().pass_["email"], "")

    def test_tokens_of_less_scope_are_made_looked_into_and_ended(self):
        person = Person(self.base)
        here = person.log_in()
        made = here.post("/api/v1/auth/token", {"scope": ["read"], "expires_in": 60, "name": "ci"})
        self.assertEqual(made.status, 201, made)
        token = made.json()["access_token"]
        self.assertEqual((made.json()["scope"], made.json()["expires_in"]), (["read"], 60))
        self.assertNotIn("refresh_token", made.json())
        self.assertEqual(status(Client(self.base, token)), 200)
        self.assertEqual(here.post("/api/v1/auth/token", {"scope": ["admin"]}).status, 400)
        self.assertEqual(here.post("/api/v1/auth/token", {"expires_in": 10**9}).status, 400)
        self.assertEqual(Client(self.base, person.key).post("/api/v1/auth/token", {}).status, 403)
        more = Client(self.base, token).post("/api/v1/auth/token", {"scope": ["read", "write"]})
        self.assertEqual(more.status, 403, "a token that may only read makes none that may more")
        seen = here.post("/api/v1/auth/token/validate", {"token": token}).json()
        self.assertEqual((seen["valid"], seen["scope"], seen["user_id"]), (True, ["read"], person.id))
        for bad in (token + "x", here.refresh_token, "x"):
            self.assertEqual(here.post("/api/v1/auth/token/validate", {"token": bad}).json(),
                             {"valid": False, "active": False})
        stranger = Person(self.base).log_in()
        self.assertEqual(stranger.post("/api/v1/auth/token/revoke", {"token": token}).json()["revoked"], False)
        self.assertEqual(here.post("/api/v1/auth/token/revoke", {"token": token}).json()["revoked"], True)
        self.assertEqual(status(Client(self.base, token)), 401)
        self.assertEqual(here.post("/api/v1/auth/token/validate", {"token": token}).json()["valid"], False)
        self.assertEqual(here.post("/api/v1/auth/token/revoke", {"token": here.refresh_token}).json()["revoked"], True)
        self.assertEqual(status(here), 401)


class guesses_cost_time(People):
    def test_after_five_the_right_password_waits_too_and_nobody_else(self):
        person, other = Person(self.base), Person(self.base)
        nobody = Person.__new__(Person)
        nobody.base, nobody.login = self.base, f"nobody-{person.name}@example.org"
        answers = {who: [who.try_log_in("wrong horse") for _ in range(5)] for who in (person, nobody)}
        for said in answers.values():
            self.assertEqual([x.status for x in said], [401] * 5)
            self.assertEqual({x.json()["message"] for x in said}, {"Invalid credentials"})
        waits = [who.try_log_in() for who in (person, nobody)]
        for answer in waits:
            self.assertEqual((answer.status, answer.json()["error_code"]), (429, "TOO_MANY_ATTEMPTS"), answer)
            self.assertTrue(20 <= int(answer.headers["Retry-After"]) <= 30, answer.headers)
        self.assertEqual(waits[0].json()["message"], waits[1].json()["message"])
        self.assertEqual(other.try_log_in().status, 200)
        self.assertEqual(status(Client(self.base, person.key)), 200)

    def test_an_unknown_login_takes_as_long_as_a_wrong_password(self):
        """The middle of several, side by side: the hash is what takes long, and both have one."""
        person = Person(self.base)

        def seconds(login):
            start = time.monotonic()
            answer = Client(self.base).post("/api/v1/auth/login", {"username": login, "password": "wrong horse"})
            self.assertEqual(answer.status, 401)
            return time.monotonic() - start

        pairs = [(seconds(person.login), seconds(f"nobody-{person.name}")) for _ in range(4)]
        known, unknown = (sorted(x)[len(pairs) // 2] for x in zip(*pairs))
        print(f"\nknown {known * 1000:.1f} ms, unknown {unknown * 1000:.1f} ms", flush=True)
        self.assertLess(max(known, unknown) / min(known, unknown), 3)

    def test_more_hashes_than_can_be_waited_for_are_503(self):
        people = [f"crowd-{i}-{random.SystemRandom().randrange(10**9)}" for i in range(160)]

        def register(name):
            return Client(self.base).post("/api/v1/auth/register", {"username": name, "password": PASSWORD})

        answers = parallel(register, people)
        codes = {x.status for x in answers}
        self.assertEqual(codes, {201, 503})
        for x in answers:
            if x.status == 503:
                self.assertEqual(x.headers["Retry-After"], "1")
        self.assertEqual(self.user.get("/health").status, 200)


class keys_of_tokens_rotate(People):
    flags = ("--slots", "0", "--jwt-secret", SECRET, "--jwt-algorithm", "RS256")

    def public_keys(self):
        answer = Client(self.base).get("/.well-known/jwks.json")
        self.assertEqual(answer.status, 200)
        return {k["kid"]: k for k in answer.json()["keys"]}

    def number(self, text):
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")

    def assert_signed_by(self, token, key):
        """RSASSA-PKCS1-v1_5 by hand, RFC 8017 section 8.2.2."""
        text, _, signature = token.rpartition(".")
        self.assertEqual(read_part(token, 0), {"alg": "RS256", "typ": "JWT", "kid": key["kid"]})
        n, e = self.number(key["n"]), self.number(key["e"])
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
        size = (n.bit_length() + 7) // 8
        wanted = b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + digest
        self.assertEqual(pow(self.number(signature), e, n).to_bytes(size, "big"), wanted)

    def test_a_stranger_can_check_a_token_with_the_public_key_alone(self):
        session = Person(self.base).log_in()
        key = self.public_keys()[read_part(session.key, 0)["kid"]]
        self.assertEqual((key["kty"], key["alg"], key["use"]), ("RSA", "RS256", "sig"))
        self.assertEqual(set(key), {"kty", "alg", "use", "kid", "n", "e"})
        self.assert_signed_by(session.key, key)

    def test_the_public_key_signs_nothing_by_hmac(self):
        session = Person(self.base).log_in()
        header, claims = read_part(session.key, 0), read_part(session.key, 1)
        key = self.public_keys()[header["kid"]]
        raw = base64.urlsafe_b64decode(key["n"] + "==")
        for secret in (key["n"], raw, json.dumps(key), json.dumps(key, separators=(",", ":")), SECRET, ""):
            for alg in ("HS256", "RS256", "none"):
                self.assert_refused(signed({**header, "alg": alg}, claims, secret), (alg, secret))
                self.assert_refused(signed({"alg": alg}, claims, secret), (alg, secret))
        self.assertEqual(status(session), 200)

    def test_a_new_key_signs_the_old_one_is_believed_and_both_survive_kill_9(self):
        person = Person(self.base)
        before = person.log_in()
        self.assertEqual(before.post("/api/admin/jwt/rotate", {}).status, 403)
        rotated = self.admin.post("/api/admin/jwt/rotate", {})
        self.assertEqual(rotated.status, 200, rotated)
        after = person.log_in()
        self.assertEqual(read_part(after.key, 0)["kid"], rotated.json()["kid"])
        self.assertNotEqual(read_part(before.key, 0)["kid"], rotated.json()["kid"])
        self.assert_signed_by(after.key, self.public_keys()[rotated.json()["kid"]])
        self.assertEqual((status(before), status(after)), (200, 200))
        keys = self.public_keys()
        self.restart()
        for session in (before, after):
            session.hang_up()
            self.assertEqual(status(session), 200)
        self.assertEqual(self.public_keys(), keys)
        self.assertEqual(self.admin.post("/api/admin/jwt/rotate", {"end_old_now": True}).status, 200)
        self.assertEqual((status(before), status(after)), (401, 401))
        self.assertEqual(refresh(self.base, before.refresh_token).status, 200, "the session goes on with a new token")
        self.assertEqual(len(self.public_keys()), 1)
        listed = self.admin.get("/api/admin/jwt/keys").json()["keys"]
        self.assertGreaterEqual(len(listed), 3)
        self.assertNotIn("PRIVATE", json.dumps(listed))


class a_secret_that_rotates(People):
    def test_the_configured_secret_signs_nothing_any_more_once_it_was_replaced(self):
        person = Person(self.base)
        before = person.log_in()
        forged = signed(read_part(before.key, 0), read_part(before.key, 1))
        self.assertEqual(status(Client(self.base, forged)), 200)
        self.assertEqual(self.admin.post("/api/admin/jwt/rotate", {"end_old_now": True}).status, 200)
        self.assertEqual(status(Client(self.base, forged)), 401)
        self.assertEqual(status(before), 401)
        after = person.log_in()
        self.assertEqual(status(after), 200)
        self.restart()
        after.hang_up()
        self.assertEqual((status(Client(self.base, forged)), status(after)), (401, 200))
        self.assertEqual(Client(self.base).get("/.well-known/jwks.json").json(), {"keys": []})


class sessions_end_at_every_gateway(Cluster):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.urls = []
        for i in range(2):
            gateway = cls.launch("serve", "--data-dir", f"{cls.folder}/g{i}", "--listen", f"127.0.0.1:{free_port()}",
                                 "--slots", "0", "--name", f"g{i}", "--database", cls.database, "--jwt-algorithm",
                                 "RS256")
            cls.urls.append(gateway.wait_log("ready", 20)["url"])
            cls.gateways[f"g{i}"] = gateway
        for gateway in cls.gateways.values():
            gateway.wait_log("linked with a gateway", 15)
        Person.admin_key = cls.dev["admin_api_key"]

    def at(self, i, session):
        return Client(self.urls[i], session.key)

    def test_a_logout_at_one_door_holds_at_the_other_and_closes_sockets_there(self):
        person = Person(self.urls[0])
        session = person.log_in()
        there = self.at(1, session)
        stream = Stream(self.urls[1], session.key)
        self.assertEqual((status(session), status(there)), (200, 200))
        self.assertEqual(session.post("/api/v1/auth/logout", {}).status, 200)
        began = time.monotonic()
        until(lambda: status(there) == 401, "the other gateway refuses", 2)
        self.assertEqual(stream.wait_closed(5), 1008)
        print(f"\nended elsewhere after {(time.monotonic() - began) * 1000:.0f} ms", flush=True)

    def test_a_refresh_token_is_good_once_at_all_doors_together(self):
        session = Person(self.urls[0]).log_in()
        answers = parallel(lambda i: refresh(self.urls[i % 2], session.refresh_token), range(8))
        self.assertEqual(sorted(x.status for x in answers), [200] + [401] * 7)
        won = next(x.json() for x in answers if x.status == 200)
        for url in self.urls:
            until(lambda: status(Client(url, won["access_token"])) == 401, "the family is over", 2)

    def test_a_new_key_is_known_everywhere_before_it_signs(self):
        person = Person(self.urls[0])
        admin = Client(self.urls[0], self.dev["admin_api_key"])
        made = admin.post("/api/admin/jwt/rotate", {})
        self.assertEqual(made.status, 200, made)
        kid = made.json()["kid"]

        def signs_with_it():
            for i in range(2):
                session = person.log_in(self.urls[i])
                self.assertEqual(status(self.at(1 - i, session)), 200, "any token is good at any door")
            return read_part(session.key, 0)["kid"] == kid

        self.assertFalse(signs_with_it())
        until(signs_with_it, "the new key signs", 20, pause=0.5)


if __name__ == "__main__":
    unittest.main()
