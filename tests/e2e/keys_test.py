# API keys over real sockets: what they may do, how they end, and requests that are signed with openssl alone.
import subprocess
import time
import unittest
import uuid

from house import Client, House, nano, noop, parallel, until


def sign(secret, method, target, body=b"", nonce=None, at=None):
    """The headers of a signed request, made with the openssl command like in the README."""
    def openssl(*args, data):
        return subprocess.run(["openssl", "dgst", "-sha256", *args], input=data, capture_output=True, check=True
                              ).stdout.decode().split()[-1]
    nonce, at = nonce or uuid.uuid4().hex, str(int(at or time.time()))
    text = "\n".join([method, target, openssl(data=body), at, nonce])
    return {"X-Signature": openssl("-hmac", secret, data=text.encode()), "X-Signature-Timestamp": at,
            "X-Signature-Nonce": nonce}


class api_keys(House):
    flags = ("--slots", "0")

    def make(self, user=None, status=201, **rules):
        made = (user or self.user).post("/api/api-keys", {"name": "a key", **rules})
        self.assertEqual(made.status, status, made)
        return made.json()

    def client(self, made):
        return Client(self.server.dev["base_url"], made["key"])

    def test_a_key_is_shown_once_and_listed_with_what_it_is_good_for(self):
        user = self.new_user()
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        made = self.make(user, scopes=["read"], allowed_models=["llama"], allowed_ips=["127.0.0.0/8"], quota_limit="5",
                         rate_limit_per_minute=7, expires_at=soon)
        self.assertTrue(made["key"].startswith("fsk_"))
        self.assertEqual(self.client(made).get("/api/v1/account").status, 200)
        for path in ("/api/api-keys", "/api/v1/api-keys", f"/api/api-keys/{made['id']}"):
            listed = user.get(path)
            self.assertEqual(listed.status, 200)
            self.assertNotIn(made["key"], listed.body.decode())
        keys = user.get("/api/api-keys").json()["keys"]
        row = [x for x in keys if x["id"] == made["id"]][0]
        self.assertEqual((len(keys), row["status"], row["prefix"]), (2, "active", made["key"][:12]))
        self.assertEqual((row["scopes"], row["allowed_models"], row["allowed_ips"], row["rate_limit_per_minute"]),
                         (["read"], ["llama"], ["127.0.0.0/8"], 7))
        self.assertEqual((row["quota_limit"], row["quota_used"], row["expires_at"][:16]), ("5", "0", soon[:16]))

    def test_bad_wishes_make_no_key(self):
        user = self.new_user()
        for bad in ({"scopes": ["root"]}, {"scopes": "read"}, {"allowed_ips": ["10.0.0.1/8"]}, {"quota_limit": 5},
                    {"rate_limit_per_minute": 0}, {"expires_at": "2001-01-01T00:00:00Z"}, {"allowed_models": ["a b"]},
                    {"surprise": 1}, {"name": ""}):
            self.make(user, 400, **bad)
        self.assertEqual(user.get("/api/api-keys").json()["total"], 1)

    def test_what_is_spent_by_a_key_is_shown_and_bounded(self):
        user = self.new_user(nano("10"))
        made = self.make(user, spend_limit="0.01")
        key = self.client(made)
        hold = nano(key.post("/api/v1/jobs", noop()).json()["hold"]["amount"])
        row = user.get(f"/api/api-keys/{made['id']}").json()
        self.assertEqual((nano(row["quota_used"]), row["quota_limit"]), (hold, "0.01"))
        answers = [key.post("/api/v1/jobs", noop()).status for _ in range(3)]
        self.assertEqual(answers, [202, 429, 429])

    def test_an_address_that_the_key_does_not_name_is_refused(self):
        self.assertEqual(self.client(self.make(allowed_ips=["10.0.0.0/8"])).get("/api/v1/account").status, 403)
        self.assertEqual(self.client(self.make(allowed_ips=["::1", "127.0.0.1"])).get("/api/v1/account").status, 200)

    def test_scopes_say_what_a_key_may(self):
        reader, writer = self.client(self.make(scopes=["read"])), self.client(self.make(scopes=["write"]))
        self.assertEqual(reader.get("/api/v1/jobs").status, 200)
        self.assertEqual(reader.post("/api/v1/jobs", noop()).status, 403)
        self.assertEqual(writer.post("/api/v1/jobs", noop()).status, 202)
        self.assertEqual(writer.get("/api/v1/jobs").status, 403)
        admin = self.client(self.make(self.admin, scopes=["read", "write"]))
        self.assertEqual(admin.get("/api/admin/usage").status, 403)
        admin = self.client(self.make(self.admin, scopes=["admin"]))
        self.assertEqual(admin.get("/api/admin/usage").status, 200)

    def test_rotation_has_an_overlap_and_revocation_has_none(self):
        made = self.make(rate_limit_per_minute=1000)
        old = self.client(made)
        self.assertEqual(old.get("/api/v1/account").status, 200)
        rotated = self.user.post(f"/api/api-keys/{made['id']}/rotate", {"overlap_hours": 1})
        self.assertEqual((rotated.status, rotated.json()["id"]), (200, made["id"]))
        new = self.client(rotated.json())
        self.assertEqual((old.get("/api/v1/account").status, new.get("/api/v1/account").status), (200, 200))
        rotated = self.user.post(f"/api/api-keys/{made['id']}/rotate", {"overlap_hours": 0})
        newest = self.client(rotated.json())
        self.assertEqual([x.get("/api/v1/account").status for x in (old, new, newest)], [200, 401, 200])
        self.assertEqual(self.user.ask("DELETE", f"/api/v1/api-keys/{made['id']}").json()["status"], "revoked")
        self.assertEqual([x.get("/api/v1/account").status for x in (old, new, newest)], [401, 401, 401])
        self.assertEqual(self.user.post(f"/api/api-keys/{made['id']}/rotate", {}).status, 409)

    def test_a_key_expires_by_itself_also_while_it_is_in_use(self):
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
        made = self.make(expires_at=soon)
        key = self.client(made)
        self.assertEqual(key.get("/api/v1/account").status, 200)
        until(lambda: key.get("/api/v1/account").status == 401, "it has expired", 5, pause=0.2)
        self.assertEqual(self.user.get(f"/api/api-keys/{made['id']}").json()["status"], "expired")

    def test_a_restricted_key_gets_no_wider_one(self):
        made = self.make(scopes=["read", "write"])
        self.make(self.client(made), 403)
        self.assertEqual(self.client(made).post(f"/api/api-keys/{made['id']}/rotate", {}).status, 403)
        self.assertEqual(self.client(made).ask("DELETE", f"/api/api-keys/{made['id']}").status, 403)

    def test_other_peoples_keys_are_not_there(self):
        made, other = self.make(), self.new_user()
        path = f"/api/api-keys/{made['id']}"
        answers = [other.get(path), other.ask("DELETE", path), other.post(path + "/rotate", {})]
        self.assertEqual([x.status for x in answers], [404, 404, 404])
        self.assertEqual(self.client(made).get("/api/v1/account").status, 200)

    def test_a_key_in_the_address_counts_for_nothing(self):
        nobody = Client(self.server.dev["base_url"])
        self.assertEqual(nobody.get(f"/api/v1/account?api_key={self.user.key}").status, 401)

    def test_signed_requests_count_once_even_at_the_same_moment_and_after_kill_9(self):
        made = self.make(require_signature=True)
        key = self.client(made)
        path = "/api/v1/jobs?a=b%20c"
        self.assertEqual(key.get("/api/v1/account").json()["error_code"], "SIGNATURE_REQUIRED")
        body = b'{"type":"noop","name":"signed","params":{}}'
        headers = sign(made["signing_secret"], "POST", path, body)
        answers = parallel(lambda _: key.ask("POST", path, body, headers), range(8))
        self.assertEqual(sorted(x.status for x in answers), [202] + [401] * 7)
        tampered = [key.ask("POST", path, body + b" ", sign(made["signing_secret"], "POST", path, body)),
                    key.ask("POST", "/api/v1/jobs", body, sign(made["signing_secret"], "POST", path, body)),
                    key.ask("PUT", path, body, sign(made["signing_secret"], "POST", path, body)),
                    key.ask("POST", path, body, sign(made["signing_secret"], "POST", path, body, at=time.time() - 400)),
                    key.ask("POST", path, body, sign(made["key"], "POST", path, body))]
        self.assertEqual([x.status for x in tampered], [401, 401, 405, 401, 401])
        self.server.kill()
        self.start()
        for client in (key, self.user, self.admin):
            client.hang_up()
        self.assertEqual(key.ask("POST", path, body, headers).status, 401)
        fresh = sign(made["signing_secret"], "POST", path, body)
        self.assertEqual(key.ask("POST", path, body, fresh).status, 202)


class keys_in_the_address_where_the_operator_wants_them(House):
    flags = ("--slots", "0", "--api-key-query")

    def test_the_query_counts_when_nothing_else_was_sent(self):
        nobody = Client(self.server.dev["base_url"])
        path = f"/api/v1/account?api_key={self.user.key}"
        self.assertEqual(nobody.get(path).status, 200)
        self.assertEqual(nobody.ask("GET", path, headers={"X-API-Key": "fsk_wrong"}).status, 401)
        self.assertEqual(nobody.ask("GET", "/api/v1/account?api_key=fsk_wrong").status, 401)


if __name__ == "__main__":
    unittest.main()
