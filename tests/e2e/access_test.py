# Who may do what: every row of the program's own table of routes, walked with every kind of credential.
import base64
import hashlib
import hmac
import json
import random
import sqlite3
import time

from house import Client, House, NANO, noop, run, script, until
from stream import Refused, Stream

SECRET = "a secret that signs the tokens of this test"
GPU = "nvidia-geforce-rtx-4090"
TEST = "tests/e2e/access_test.py"
MONEY_OUT = {"amount": "1", "to_address": "1" * 32}

# What stands for {...} in a path, by the start of the path: a method of `things` below makes one.
KINDS = {
    "/api/v1/jobs/{id}": "job",
    "/api/v1/schedules/{id}": "schedule",
    "/api/v1/webhooks/{id}": "webhook",
    "/api/v1/nodes/{id}": "node",
    "/v1/fog/admin/nodes/{id}": "node",
    "/api/admin/nodes/{id}": "node",
    "/api/v1/providers/{id}": "provider",
    "/api/v1/billing/wallet/{id}": "wallet",
    "/api/v1/billing/user/{id}": "wallet",
    "/api/v1/billing/provider/{id}": "earner",
    "/api/v1/billing/withdrawals/{id}": "withdrawal",
    "/api/admin/withdrawals/{id}": "withdrawal",
    "/api/v1/billing/current-usage/{id}": "rental",
    "/api/admin/users/{id}": "person",
    "/api/api-keys/{id}": "key",
    "/api/v1/api-keys/{id}": "key",
    "/api/v1/auth/sessions/{id}": "session",
    "/api/auth/sessions/{id}": "session",
    "/auth/sessions/{id}": "session",
    "/api/v1/oauth/clients/{id}": "program",
    "/api/admin/stake/{user_id}": "person",
}

# Rows with {...}: what is sent, what its owner is answered, what an admin is answered. A GET that is not here: 200 both.
WITH_ID = {
    "DELETE /api/v1/jobs/{id}": (None, 202, 404),
    "PATCH /api/v1/jobs/{id}": ({"priority": 7}, 200, 404),
    "POST /api/v1/jobs/{id}/redrive": (None, 409, 404),
    "POST /api/v1/jobs/{id}/retry": (None, 409, 404),
    "PUT /api/v1/schedules/{id}": ({"name": "n", "cron": "@yearly", "job": noop()}, 200, 404),
    "DELETE /api/v1/schedules/{id}": (None, 200, 404),
    "GET /api/v1/schedules/{id}": (None, 200, 404),
    "POST /api/v1/schedules/{id}/run": (None, 202, 404),
    "POST /api/v1/schedules/{id}/pause": (None, 200, 404),
    "POST /api/v1/schedules/{id}/resume": (None, 200, 404),
    "GET /api/v1/webhooks/{id}": (None, 200, 404),
    "GET /api/v1/webhooks/{id}/deliveries": (None, 200, 404),
    "PUT /api/v1/webhooks/{id}": ({"active": False}, 200, 404),
    "POST /api/v1/webhooks/{id}/rotate-secret": (None, 200, 404),
    "DELETE /api/v1/webhooks/{id}": (None, 200, 404),
    "POST /api/v1/nodes/{id}/undrain": (None, 202, 202),
    "POST /api/v1/nodes/{id}/drain": ({"deadline_seconds": 3600}, 202, 202),
    "PUT /api/v1/nodes/{id}": ({"maintenance": False}, 200, 200),
    "DELETE /api/v1/nodes/{id}": (None, 409, 409),  # it is online
    "DELETE /v1/fog/admin/nodes/{id}": (None, 409, 409),
    "POST /v1/fog/admin/nodes/{id}/heartbeat": (None, 200, 200),
    "POST /api/v1/nodes/{id}/reinstate": (None, 403, 200),
    "PUT /api/admin/nodes/{id}/trust": ({"attestation_type": "self"}, 403, 200),
    "PUT /api/v1/providers/{id}": ({"name": "another"}, 200, 200),
    "DELETE /api/v1/providers/{id}": (None, 200, 200),
    "PATCH /api/v1/providers/{id}/status": ({"status": "maintenance"}, 200, 200),
    "POST /api/v1/providers/{id}/heartbeat": (None, 200, 200),
    "POST /api/v1/providers/{id}/keys": ({"name": "k"}, 201, 201),
    "POST /api/v1/providers/{id}/keys/{key_id}/rotate": ({"overlap_hours": 1}, 201, 201),
    "DELETE /api/v1/providers/{id}/keys/{key_id}": (None, 200, 200),
    "POST /api/v1/billing/wallet/{id}/deposit": ({"amount": "1"}, 200, 200),
    "POST /api/v1/billing/wallet/{id}/withdraw": (MONEY_OUT, 202, 404),
    "POST /api/v1/billing/provider/{id}/payout": ({**MONEY_OUT, "amount": "50"}, 402, 404),
    "POST /api/v1/billing/withdrawals/{id}/cancel": (None, 200, 200),
    "POST /api/admin/withdrawals/{id}/approve": (None, 403, 200),
    "POST /api/admin/withdrawals/{id}/reject": (None, 403, 200),
    "PUT /api/admin/users/{id}": ({"tier": "unlimited"}, 403, 200),
    "DELETE /api/admin/users/{id}/keys/{key_id}": (None, 403, 200),
    **{f"POST {x}/api-keys/{{id}}/rotate": (None, 200, 404) for x in ("/api", "/api/v1")},
    **{f"DELETE {x}/api-keys/{{id}}": (None, 200, 404) for x in ("/api", "/api/v1")},
    "GET /api/api-keys/{id}": (None, 200, 404),
    "GET /api/v1/api-keys/{id}": (None, 200, 404),
    **{f"DELETE {x}/sessions/{{id}}": (None, 200, 404) for x in ("/api/v1/auth", "/api/auth", "/auth")},
    "DELETE /api/v1/oauth/clients/{id}": (None, 200, 404),
    "POST /api/admin/stake/{user_id}/slash": ({"amount": "1", "reason": "r"}, 403, 402),
}

# Rows without {...} are sent a body that is no JSON, so they refuse it (400) once they let somebody in. Those that take
# no body, or say something else before they read it: the answer to a user, a provider, an admin.
NO_KEY = (403, 403, 403)  # only for who logged in: a key may not change how its user gets in
NOT_SET_UP = (404, 404, 404)  # no login provider is configured
WITHOUT_ID = {
    **{f"{verb} {x}/mfa/backup-codes": NO_KEY for verb in ("GET", "POST") for x in ("/api/v1/auth", "/api/auth", "/auth")},
    **{f"POST {x}/oidc/link": NO_KEY for x in ("/api/v1/auth", "/auth")},
    **{f"GET {x}/oidc/login": NOT_SET_UP for x in ("/api/v1/auth", "/api/auth", "/auth")},
    "GET /api/v1/auth/oidc/callback": NOT_SET_UP,
}

# What a path asks for besides.
QUERIES = {"GET /api/v1/jobs/{id}/artifact": "?name=x", "GET /api/v1/jobs/{id}/logs": "?limit=10"}


def token_with(token, **claims):
    """The same token with other claims, signed again."""
    head, body, _ = token.split(".")
    pack = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    text = head + "." + pack(json.dumps({**said, **claims}).encode())
    return text + "." + pack(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())


class every_route_asks_who_it_is(House):
    flags = ("--slots", "0", "--jwt-secret", SECRET, "--rate-limit-per-minute", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        code, out, err = run("routes")
        assert code == 0, err
        cls.table = json.loads(out)
        cls.base = cls.server.dev["base_url"]
        cls.maker, cls.maker_provider = cls.new_provider()
        key = cls.maker.post(f"/api/v1/providers/{cls.maker_provider}/keys", {"name": "k"}).json()["key"]
        node = cls.start_node("rig", "--slots", "4", "--gpu", f"{GPU}:24576x8", "--price-per-hour", "0.2", key=key)
        cls.node_id = node.wait_log("joined")["node_id"]
        cls.owner = cls.new_user(500 * NANO)
        cls.owner.wallet = cls.owner.get(f"/api/v1/billing/user/{cls.owner.id}/wallet").json()["id"]
        cls.stranger, (cls.other_provider, _) = cls.new_user(), cls.new_provider()
        cls.finished = cls.owner.submit(script('echo hello; echo x > "$TROUPE_ARTIFACTS/x"'))
        until(lambda: cls.owner.job(cls.finished)["status"] == "completed", "the job ends", 30)
        cls.rented = cls.rent()
        cls.bad = cls.bad_credentials()

    @classmethod
    def new_provider(cls):
        user = cls.new_user()
        made = user.post("/api/v1/providers", {"name": "racks", "location": "eu"})
        assert made.status == 201, made
        return user, made.json()["id"]

    @classmethod
    def bad_credentials(cls):
        """Headers of everything that must not open a door."""
        bearer = lambda text: {"Authorization": f"Bearer {text}"}
        name = f"log-{random.SystemRandom().randrange(10**12)}@example.org"
        made = Client(cls.base).post("/api/v1/auth/register", {"email": name, "password": "correct horse"}).json()
        login = Client(cls.base).post("/api/v1/auth/login", {"email": name, "password": "correct horse"}).json()
        good = token_with(login["token"])
        assert Client(cls.base, good).get("/api/v1/auth/profile").status == 200
        user = cls.new_user()
        expired, revoked = (user.post("/api/api-keys", {"name": "k"}).json() for _ in range(2))
        db = sqlite3.connect(f"{cls.data_dir}/troupe.db", timeout=10, isolation_level=None)
        db.execute("UPDATE api_keys SET expires_ms=? WHERE id=?", (int(time.time() * 1000) - 1000, expired["id"]))
        db.close()
        assert Client(cls.base, revoked["key"]).get("/api/v1/auth/profile").status == 200
        gone = cls.admin.ask("DELETE", f"/api/admin/users/{user.id}/keys/{revoked['id']}")
        assert gone.status == 200, gone
        suspended = cls.new_user()
        assert suspended.get("/api/v1/auth/profile").status == 200
        done = cls.admin.ask("PUT", f"/api/admin/users/{suspended.id}", {"status": "suspended"})
        assert done.status == 200, done
        return {
            "no credential": {},
            "a wrong key": bearer("fsk_" + "A" * 43),
            "a wrong key as X-API-Key": {"X-API-Key": "fsk_" + "B" * 43},
            "no token at all": bearer("nonsense"),
            "another scheme": {"Authorization": "Basic dXNlcjpwYXNz"},
            "a token of another secret": bearer(good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")),
            "an expired token": bearer(token_with(login["token"], exp=int(time.time()) - 1)),
            "an expired key": bearer(expired["key"]),
            "a revoked key": bearer(revoked["key"]),
            "a suspended user's key": bearer(suspended.key),
        }

    # Things: what stands for {...}, and whose it is.
    def job(self, row):
        if "artifact" in row["path"] or "logs" in row["path"]:
            return {"id": self.finished, "name": "x"}, self.owner
        return {"id": self.owner.submit(noop(delay_seconds=86400))}, self.owner

    def schedule(self, _):
        made = self.owner.post("/api/v1/schedules", {"name": "n", "cron": "@yearly", "job": noop()})
        self.assertEqual(made.status, 201, made)
        return {"id": made.json()["id"]}, self.owner

    def webhook(self, _):
        user = self.new_user()
        made = user.post("/api/v1/webhooks", {"url": "http://93.184.216.34/", "events": ["job.failed"]})
        self.assertEqual(made.status, 201, made)
        return {"id": made.json()["id"]}, user

    def node(self, _):
        return {"id": self.node_id}, self.maker

    def provider(self, row):
        user, provider = self.new_provider()
        made = user.post(f"/api/v1/providers/{provider}/keys", {"name": "k"}).json()
        return {"id": provider, "key_id": made["key_id"]}, user

    def earner(self, _):
        return {"id": self.maker.id}, self.maker

    def wallet(self, row):
        return {"id": self.owner.id if "/user/" in row["path"] else self.owner.wallet}, self.owner

    def withdrawal(self, _):
        made = self.owner.post(f"/api/v1/billing/wallet/{self.owner.wallet}/withdraw", MONEY_OUT)
        self.assertEqual(made.status, 202, made)
        return {"id": made.json()["id"]}, self.owner

    def rental(self, _):
        return {"id": self.rented}, self.owner

    @classmethod
    def rent(cls):
        """One at a time on a GPU."""
        made = cls.owner.post("/api/v1/billing/start-session", {"provider_id": cls.node_id, "gpu_model": GPU,
                                                                 "requested_vram_mb": 1024, "estimated_power_w": 100})
        assert made.status == 201, made
        return made.json()["session"]["id"]

    def person(self, _):
        user = self.new_user()
        key = user.post("/api/api-keys", {"name": "k"}).json()["id"]
        return {"id": user.id, "user_id": user.id, "key_id": key}, user

    def key(self, _):
        return {"id": self.owner.post("/api/api-keys", {"name": "k"}).json()["id"]}, self.owner

    def log_in(self):
        """Somebody with a session, which may do what no key may."""
        name = f"log-{random.SystemRandom().randrange(10**12)}@example.org"
        who = {"email": name, "password": "correct horse"}
        self.assertEqual(Client(self.base).post("/api/v1/auth/register", who).status, 201)
        made = Client(self.base).post("/api/v1/auth/login", who).json()
        return made["session_id"], Client(self.base, made["token"])

    def session(self, _):
        session, owner = self.log_in()
        return {"id": session}, owner

    def program(self, _):
        _, owner = self.log_in()
        made = owner.post("/api/v1/oauth/clients", {"name": "p", "scopes": ["read"]})
        self.assertEqual(made.status, 201, made)
        return {"id": made.json()["client_id"]}, owner

    def make(self, row):
        """The path with a real thing in it, and the client of its owner."""
        if "{" not in row["path"]:
            return row["path"], None
        kind = max((x for x in KINDS if row["path"].startswith(x)), key=len, default=None)
        self.assertIsNotNone(kind, f"{TEST} does not know what {row['path']} is about: add it to KINDS")
        values, owner = getattr(self, KINDS[kind])(row)
        path = row["path"]
        for name, value in values.items():
            path = path.replace("{" + name + "}", value)
        self.assertNotIn("{", path, f"{TEST} does not know all of {row['path']}")
        return path + QUERIES.get(f"{row['verb']} {row['path']}", ""), owner

    def check(self, who, row, path, body, headers, status):
        answer = Client(self.base).ask(row["verb"], path, body, headers) if isinstance(headers, dict) else \
            headers.ask(row["verb"], path, body)
        with self.subTest(who=who, route=f"{row['verb']} {row['path']}"):
            self.assertEqual(answer.status, status, answer)

    def expected(self, row):
        """What is sent; what the owner (or a user) and a provider and an admin are answered once they are let in."""
        name = f"{row['verb']} {row['path']}"
        if "{" in row["path"]:
            if row["verb"] != "GET":
                self.assertIn(name, WITH_ID, f"{TEST} does not know {name}: add it to WITH_ID")
            body, own, admin = WITH_ID.get(name, (None, 403 if row["needs"] == "admin" else 200, 200))
            return body, (own, own, admin)
        if row["verb"] == "GET":
            return None, WITHOUT_ID.get(name, (200, 200, 200))
        return "no JSON", WITHOUT_ID.get(name, (400, 400, 400))

    def walk(self, row):
        body, (own, provider, admin) = self.expected(row)
        path, owner = self.make(row)
        for who, headers in self.bad.items():
            self.check(who, row, path, body, headers, own if row["needs"] == "open" else 401)
        if row["needs"] == "admin":
            for who, client in (("a user", self.stranger), ("a provider", self.other_provider), ("its owner", owner)):
                if client:
                    self.check(who, row, path, body, client, 403)
            return self.check("an admin", row, path, body, self.admin, admin)
        if owner:
            self.check("another user", row, path, body, self.stranger, 404)
            self.check("another provider", row, path, body, self.other_provider, 404)
            self.check("its owner", row, path, body, owner, own)
            path, _ = self.make(row)
        else:
            user = 403 if row["needs"] == "provider" else own
            self.check("a user", row, path, body, self.stranger, user)
            self.check("a provider", row, path, body, self.other_provider, provider)
        self.check("an admin", row, path, body, self.admin, admin)

    def test_every_row_answers_each_credential_as_the_table_says(self):
        self.assertGreater(len(self.table), 80)
        for row in self.table:
            self.assertIn(row["needs"], ("open", "user", "provider", "admin"))
            self.walk(row)
        self.assert_books()

    def test_what_the_test_knows_is_in_the_table(self):
        known = {f"{row['verb']} {row['path']}" for row in self.table}
        self.assertEqual(set(WITH_ID) | set(WITHOUT_ID) | set(QUERIES), known & (set(WITH_ID) | set(WITHOUT_ID) | set(QUERIES)))

    def test_what_an_admin_changes_has_a_name_in_the_audit_trail(self):
        for row in self.table:
            if row["needs"] == "admin" and row["verb"] != "GET":
                self.assertTrue(row["act"], row)

    def test_streams_ask_too(self):
        for path in ("/v1/stream", "/ws"):
            for who, headers in self.bad.items():
                key = headers.get("Authorization", "").removeprefix("Bearer ") or None
                if "X-API-Key" in headers or (headers and not headers["Authorization"].startswith("Bearer ")):
                    continue
                with self.subTest(who=who, path=path):
                    with self.assertRaises(Refused) as refused:
                        Stream(self.base, key, path=path)
                    self.assertEqual(refused.exception.status, 401)
            Stream(self.base, self.stranger.key, path=path).close()

    def test_an_unknown_path_and_an_unknown_verb_tell_nothing_about_credentials(self):
        for headers in self.bad.values():
            self.assertEqual(Client(self.base).ask("GET", "/api/v1/nothing", None, headers).status, 404)
            self.assertEqual(Client(self.base).ask("PATCH", "/api/v1/account", None, headers).status, 405)
