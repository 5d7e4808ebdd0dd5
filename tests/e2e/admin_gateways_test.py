# What admins do with two gateways on one PostgreSQL: it counts at both at once; one audit trail; one encryption key.
import os
import subprocess

from house import BINARY, ENVIRONMENT, Client, House, Process, free_port, parallel, run
from postgres_test import on_postgres


class what_an_admin_does_at_one_gateway_counts_at_the_other(on_postgres, House):
    flags = ("--slots", "0", "--name", "one", "--rate-limit-per-minute", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.launch(cls.gateway("two"))
        cls.there = cls.other.wait_log("ready", 20)["url"]
        for gateway in (cls.server, cls.other):
            gateway.wait_log("linked with a gateway", 15)

    @classmethod
    def gateway(cls, name, *more):
        return Process("serve", "--data-dir", os.path.join(cls.folder, name), "--listen", f"127.0.0.1:{free_port()}",
                       "--slots", "0", "--name", name, "--database", cls.database, "--rate-limit-per-minute", "0", *more)

    def set(self, user_id, where=None, **what):
        admin = Client(where or self.server.dev["base_url"], self.admin.key)
        answer = admin.ask("PUT", f"/api/admin/users/{user_id}", what)
        self.assertEqual(answer.status, 200, answer)

    def test_a_suspension_and_a_revocation(self):
        user = self.new_user()
        far = Client(self.there, user.key)
        second = user.post("/api/api-keys", {"name": "second"}).json()
        far_second = Client(self.there, second["key"])
        for who in (user, far, far_second):
            self.assertEqual(who.get("/api/v1/account").status, 200)  # both have a session for it
        self.assertEqual(self.admin.ask("DELETE", f"/api/admin/users/{user.id}/keys/{second['id']}").status, 200)
        self.assert_soon(far_second, 401)
        self.set(user.id, status="suspended")
        self.assertEqual(user.get("/api/v1/account").status, 401)
        self.assert_soon(far, 401)
        self.set(user.id, self.there, status="active")
        self.assertEqual(far.get("/api/v1/account").status, 200)
        self.assert_soon(user, 200)

    def assert_soon(self, who, status):
        """The word is on its way to the other gateway when the first one has answered: a message, no time-out."""
        seen = [who.get("/api/v1/account").status for _ in range(20)]
        self.assertEqual(seen[-1], status)
        self.assertLessEqual(sum(x != status for x in seen), 5, seen)

    def test_both_write_one_trail_and_so_does_a_command_beside_them(self):
        users = [self.new_user() for _ in range(4)]
        start = self.admin.get("/api/admin/audit?limit=1").json()["entries"][0]["seq"]

        def act(i):
            self.set(users[i % 4].id, self.there if i % 2 else None, tier="pro" if i % 3 else "unlimited")

        parallel(act, range(60), 6)
        made = subprocess.run([BINARY, "admin", "create-user", "--email", "pg@example.org", "--database", self.database,
                               "--data-dir", self.data_dir], env=ENVIRONMENT, input="correct horse\n", text=True,
                              capture_output=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        login = Client(self.there).post("/api/v1/auth/login", {"email": "pg@example.org", "password": "correct horse"})
        self.assertEqual(login.status, 200, login)
        self.assertEqual(Client(self.there, login.json()["token"]).get("/api/admin/stats").status, 200)
        self.admin.hang_up()  # a slow machine may have needed longer than an idle connection is kept
        lines = self.admin.get(f"/api/admin/audit?after={start}&limit=1000").json()["entries"]
        count = lambda action: sum(x["action"] == action for x in lines)
        self.assertEqual((count("user.update"), count("user.create")), (60, 1))
        code, out, err = run("audit", "verify", "--database", self.database, "--data-dir", self.data_dir)
        self.assertEqual(code, 0, out + err)
        self.assert_books()

    def test_a_gateway_with_another_key_does_not_start_and_no_key_changes_beside_one(self):
        stranger = self.launch(self.gateway("three", "--encryption-key", "another one"))
        self.assertEqual(stranger.wait(20), 1)
        self.assertIn("another encryption key", "\n".join(stranger.lines))
        code, out, err = run("admin", "rotate-encryption-key", "--database", self.database, "--data-dir", self.data_dir,
                             "--encryption-key", "new,what all gateways of a database share")
        self.assertEqual(code, 1, out)
        self.assertIn("in use by another server", err)
        self.assertTrue(self.sql("SELECT value FROM cluster_secrets WHERE name='jwt'").startswith("v1."))
