# Second factors and tokens of programs at two gateways on one PostgreSQL: each code once, whichever door it comes to.
import base64
import unittest
from types import SimpleNamespace
from urllib.parse import urlencode

from cluster_test import Cluster
from house import Client, free_port, parallel, until
from mfa_test import PASSWORD, Person, totp, wrong


class a_code_is_good_at_one_of_two_doors(Cluster):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.doors, gateways = [], []
        for i in range(2):
            port = free_port()
            gateways.append(cls.launch("serve", "--data-dir", f"{cls.folder}/g{i}", "--listen", f"127.0.0.1:{port}",
                                       "--slots", "0", "--name", f"g{i}", "--database", cls.database,
                                       "--rate-limit-per-minute", "0",
                                       "--jwt-secret", "what all gateways of a database share, too"))
            gateways[i].wait_log("ready", 20)
            cls.doors.append(f"http://127.0.0.1:{port}")
        for gateway in gateways:
            gateway.wait_log("linked with a gateway", 15)

    def person(self):
        return Person(SimpleNamespace(server=SimpleNamespace(dev={"base_url": self.doors[0]})), self.free)

    def free(self, _, user_id):
        admin = Client(self.doors[0], self.dev["admin_api_key"])
        self.assertEqual(admin.ask("PUT", f"/api/admin/users/{user_id}", {"tier": "unlimited"}).status, 200)

    def log_in(self, who, door, **more):
        return Client(self.doors[door]).post("/auth/login", {"email": who.email, "password": PASSWORD, **more}).status

    def test_of_many_at_once_at_both_doors_one_gets_in(self):
        ann = self.person().enable()
        for code in (totp(ann.secret, 30), ann.backup[0]):
            answers = parallel(lambda i: self.log_in(ann, i % 2, mfa_token=code), range(4))
            self.assertEqual(answers.count(200), 1, answers)

    def test_five_wrong_codes_are_five_at_both_doors_together(self):
        ann = self.person().enable()
        bad = wrong(ann.secret)
        answers = parallel(lambda i: self.log_in(ann, i % 2, mfa_token=bad), range(12))
        self.assertEqual((answers.count(401), answers.count(429)), (5, 7), answers)
        self.assertEqual([self.log_in(ann, i, mfa_token=ann.backup[0]) for i in (0, 1)], [429, 429])

    def test_a_session_at_the_other_door_is_asked_too(self):
        ann = self.person()
        token = ann.login().json()["access_token"]
        other = Client(self.doors[1], token)
        self.assertEqual(other.get("/api/v1/account").status, 200)
        ann.enable()
        until(lambda: other.get("/api/v1/account").status == 403, "the other door asks for a code", 2)
        shown = other.post("/auth/mfa/verify", {"method": "totp", "token": totp(ann.secret, 30)})
        self.assertEqual(shown.status, 200, shown)
        until(lambda: Client(self.doors[0], token).get("/api/v1/account").status == 200, "the first door knows", 2)

    def test_a_client_that_is_deleted_at_one_door_is_out_at_the_other(self):
        ann = self.person()
        made = Client(self.doors[0], ann.key).post("/api/v1/oauth/clients", {}).json()
        pair = base64.b64encode(f"{made['client_id']}:{made['client_secret']}".encode()).decode()
        form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic " + pair}
        ask = lambda door: Client(self.doors[door]).ask("POST", "/oauth/token",
                                                        urlencode({"grant_type": "client_credentials"}), form)
        robot = Client(self.doors[0], ask(1).json()["access_token"])
        self.assertEqual(robot.get("/api/v1/account").status, 200)
        gone = Client(self.doors[1], ann.key).ask("DELETE", f"/api/v1/oauth/clients/{made['client_id']}")
        self.assertEqual(gone.status, 200, gone)
        until(lambda: robot.get("/api/v1/account").status == 401, "its token has ended at the first door", 2)
        self.assertEqual([ask(door).status for door in (0, 1)], [401, 401])


if __name__ == "__main__":
    unittest.main()
