# OAuth2 for programs: the client-credentials grant as RFC 6749 has it, its errors, and what ends a token.
import base64
import json
import unittest
from urllib.parse import quote, urlencode

from house import Client, House

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class a_program_gets_tokens_in_the_name_of_its_user(House):
    flags = ("--slots", "0", "--rate-limit-per-minute", "0")

    def restart(self):
        self.server.kill()
        self.start()
        self.admin.hang_up()

    def setUp(self):
        self.owner = self.new_user()
        self.anybody = Client(self.owner_base())
        made = self.owner.post("/api/v1/oauth/clients", {"name": "a robot", "scopes": ["read", "write"]})
        self.assertEqual(made.status, 201, made)
        self.id, self.secret = made.json()["client_id"], made.json()["client_secret"]

    def owner_base(self):
        return self.server.dev["base_url"]

    def token(self, basic=True, path="/oauth/token", id=None, secret=None, headers=(), **form):
        id, secret = id or self.id, self.secret if secret is None else secret
        form = {"grant_type": "client_credentials", **form}
        form = {k: v for k, v in form.items() if v is not None}
        sent = dict(FORM, **dict(headers))
        if basic:
            pair = f"{quote(id, safe='')}:{quote(secret, safe='')}".encode()
            sent.setdefault("Authorization", "Basic " + base64.b64encode(pair).decode())
        else:
            form.update(client_id=id, client_secret=secret)
        return self.anybody.ask("POST", path, urlencode(form), sent)

    def assert_error(self, answer, status, word):
        self.assertEqual((answer.status, answer.json().get("error")), (status, word), answer)
        self.assertIn("error_description", answer.json())
        self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_by_basic_and_by_post(self):
        for basic in (True, False):
            for path in ("/oauth/token", "/api/v1/oauth/token"):
                answer = self.token(basic, path)
                self.assertEqual(answer.status, 200, answer)
                got = answer.json()
                self.assertEqual((got["token_type"], got["scope"]), ("Bearer", "read write"))
                self.assertNotIn("refresh_token", got)
                self.assertEqual((answer.headers["Cache-Control"], answer.headers["Pragma"]), ("no-store", "no-cache"))
                said = claims(got["access_token"])
                self.assertEqual((said["sub"], said["scope"], said["exp"] - said["iat"]),
                                 (self.owner.id, ["read", "write"], got["expires_in"]))
                robot = Client(self.owner_base(), got["access_token"])
                self.assertEqual(robot.get("/api/v1/auth/profile").json()["id"], self.owner.id)

    def test_the_errors_of_the_rfc(self):
        self.assert_error(self.token(secret="wrong"), 401, "invalid_client")
        self.assert_error(self.token(basic=False, secret="wrong"), 401, "invalid_client")
        self.assert_error(self.token(id="cli_unknown"), 401, "invalid_client")
        self.assertIn("Basic", self.token(secret="wrong").headers["WWW-Authenticate"])
        self.assert_error(self.token(headers={"Authorization": "Bearer " + self.owner.key}), 401, "invalid_client")
        self.assert_error(self.token(headers={"Authorization": "Basic %%%"}), 401, "invalid_client")
        self.assert_error(self.token(grant_type="password"), 400, "unsupported_grant_type")
        self.assert_error(self.token(grant_type=None), 400, "invalid_request")
        self.assert_error(self.token(scope="read admin"), 400, "invalid_scope")
        self.assert_error(self.token(scope="everything"), 400, "invalid_scope")
        self.assert_error(self.token(client_secret=self.secret), 400, "invalid_request")
        twice = "grant_type=client_credentials&grant_type=client_credentials"
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        self.assert_error(self.anybody.ask("POST", "/oauth/token", twice, dict(FORM, Authorization="Basic " + pair)),
                          400, "invalid_request")
        self.assert_error(self.anybody.ask("POST", "/oauth/token", {"grant_type": "client_credentials"},
                                           {"Content-Type": "application/json"}), 400, "invalid_request")
        self.assert_error(self.anybody.ask("POST", "/oauth/token", "grant_type=client_credentials", FORM), 401,
                          "invalid_client")

    def test_a_narrower_scope_is_in_the_token(self):
        got = self.token(scope="read").json()
        self.assertEqual((got["scope"], claims(got["access_token"])["scope"]), ("read", ["read"]))
        robot = Client(self.owner_base(), got["access_token"])
        refused = robot.post("/api/v1/oauth/clients", {})
        self.assertEqual(refused.status, 403, "a token makes no clients")

    def test_deleting_the_client_ends_its_tokens(self):
        robot = Client(self.owner_base(), self.token().json()["access_token"])
        self.assertEqual(robot.get("/api/v1/account").status, 200)
        gone = self.owner.ask("DELETE", f"/api/v1/oauth/clients/{self.id}")
        self.assertEqual(gone.status, 200, gone)
        self.assertEqual(robot.get("/api/v1/account").status, 401)
        self.assert_error(self.token(), 401, "invalid_client")
        self.assertEqual(self.owner.ask("DELETE", f"/api/v1/oauth/clients/{self.id}").status, 404)
        self.assertEqual(self.owner.get("/api/v1/account").status, 200)

    def test_a_token_can_be_ended_by_its_own_client_only(self):
        token = self.token().json()["access_token"]
        other = self.owner.post("/api/v1/oauth/clients", {}).json()
        robot = Client(self.owner_base(), token)
        for id, secret, status in ((other["client_id"], other["client_secret"], 200), (self.id, self.secret, 401)):
            pair = base64.b64encode(f"{id}:{secret}".encode()).decode()
            answer = self.anybody.ask("POST", "/oauth/revoke", urlencode({"token": token}),
                                      dict(FORM, Authorization="Basic " + pair))
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(robot.get("/api/v1/account").status, status)

    def test_a_secret_is_shown_once_and_clients_are_their_owners(self):
        listed = self.owner.get("/api/v1/oauth/clients")
        self.assertIn(self.id, [x["client_id"] for x in listed.json()["clients"]])
        self.assertNotIn(self.secret, listed.body.decode())
        stranger = self.new_user()
        self.assertEqual(stranger.get("/api/v1/oauth/clients").json()["clients"], [])
        self.assertEqual(stranger.ask("DELETE", f"/api/v1/oauth/clients/{self.id}").status, 404)
        for body in ({"scopes": ["everything"]}, {"scopes": ["admin"]}, {"scopes": "read"}, {"role": "admin"}):
            self.assertEqual(self.owner.post("/api/v1/oauth/clients", body).status, 400, body)
        self.assertNotIn(self.secret, "\n".join(self.server.lines))

    def test_tokens_survive_kill_9(self):
        robot = Client(self.owner_base(), self.token().json()["access_token"])
        self.restart()
        robot.hang_up()
        self.assertEqual(robot.get("/api/v1/account").status, 200)


if __name__ == "__main__":
    unittest.main()
