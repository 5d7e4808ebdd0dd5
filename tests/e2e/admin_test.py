# What admins do: people found, set, suspended; their keys; figures; the first admin; another key for secrets at rest.
import os
import random
import subprocess
import time

from house import BINARY, ENVIRONMENT, NANO, Client, House, Process, free_port, noop, rows, run, until


def command(*args, said=""):
    done = subprocess.run([BINARY, *args], env=ENVIRONMENT, input=said, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


class Office(House):
    flags = ("--slots", "1", "--rate-limit-per-minute", "0")

    def ask(self, path, status=200, who=None):
        answer = (who or self.admin).get(path)
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def put(self, user_id, expected=200, who=None, **what):
        answer = (who or self.admin).ask("PUT", f"/api/admin/users/{user_id}", what)
        self.assertEqual(answer.status, expected, answer)
        return answer.json()


class people_are_found_and_set(Office):
    def test_a_list_is_filtered_and_paged(self):
        mark = f"m{random.randrange(10**9)}"
        base = self.server.dev["base_url"]
        ids = [Client(base).post("/api/v1/auth/register", {"email": f"{mark}-{i}_%@example.org",
                                                            "password": "correct horse"}).json()["user_id"] for i in range(5)]
        self.put(ids[1], tier="pro")
        self.put(ids[2], role="provider")
        self.put(ids[3], status="suspended")
        found = lambda more="": [x["id"] for x in self.ask(f"/api/admin/users?email={mark.upper()}{more}")["users"]]
        self.assertEqual(found(), ids[::-1])
        self.assertEqual(found("&tier=pro"), [ids[1]])
        self.assertEqual(found("&role=provider"), [ids[2]])
        self.assertEqual(found("&status=suspended"), [ids[3]])
        self.assertEqual(found("-0_%25@"), [ids[0]])
        self.assertEqual(found("-%25@"), [])  # a letter like any other, not a pattern
        day = time.strftime("%Y-%m-%d", time.gmtime())
        self.assertEqual(len(found(f"&start_date={day}")), 5)
        self.assertEqual(found("&end_date=2020-01-01"), [])
        first = self.ask(f"/api/admin/users?email={mark}&limit=2")
        self.assertEqual((first["total"], first["next_before"]), (5, ids[3]))
        second = self.ask(f"/api/admin/users?email={mark}&limit=2&before={ids[3]}")
        self.assertEqual([x["id"] for x in second["users"]], [ids[2], ids[1]])
        self.assertNotIn("hash", str(first))
        for bad in ("role=king", "status=dead", "tier=gold", "limit=0", "start_date=today"):
            self.ask(f"/api/admin/users?{bad}", 400)

    def test_one_is_shown_and_set(self):
        user = self.new_user()
        shown = self.ask(f"/api/admin/users/{user.id}")
        self.assertEqual((shown["role"], shown["tier"], shown["status"], shown["api_keys"]), ("user", "unlimited", "active", 1))
        self.assertEqual(self.put(user.id, tier="enterprise", role="admin")["role"], "admin")
        self.assertEqual(user.get("/api/admin/stats").status, 200)  # at once
        self.put(user.id, role="user")
        self.assertEqual(user.get("/api/admin/stats").status, 403)
        for what in ({}, {"tier": "gold"}, {"role": "king"}, {"status": "dead"}, {"email": "x@example.org"}, {"tier": None}):
            self.put(user.id, 400, **what)
        self.put("user_nobody", 404, tier="pro")
        self.ask("/api/admin/users/user_nobody", 404)

    def test_an_admin_cannot_shut_himself_out(self):
        me = self.server.dev["admin_id"]
        self.put(me, 409, status="suspended")
        self.put(me, 409, role="user")
        self.put(me, tier="unlimited")

    def test_two_admins_cannot_suspend_each_other_at_once(self):
        other = self.new_user()
        self.put(other.id, role="admin")
        me = self.server.dev["admin_id"]
        self.put(other.id, status="suspended")
        self.put(me, 401, who=other, status="suspended")
        self.put(other.id, status="active", role="user")


class a_suspended_user_is_out_at_once(Office):
    def test_key_and_login_stop_and_come_back(self):
        base = self.server.dev["base_url"]
        said = {"email": "sus@example.org", "password": "correct horse"}
        made = Client(base).post("/api/v1/auth/register", said).json()
        token = Client(base).post("/api/v1/auth/login", said).json()["token"]
        by_key, by_login = Client(base, made["apiKey"]), Client(base, token)
        for who in (by_key, by_login):
            self.assertEqual(who.get("/api/v1/auth/profile").status, 200)
        self.put(made["user_id"], status="suspended")
        for who in (by_key, by_login):
            self.assertEqual(who.get("/api/v1/auth/profile").status, 401)
        self.put(made["user_id"], status="active")
        self.assertEqual(by_key.get("/api/v1/auth/profile").status, 200)

    def test_nodes_of_a_suspended_provider_are_put_out_and_stay_out(self):
        owner = self.new_user()
        provider = owner.post("/api/v1/providers", {"name": "racks", "location": "eu"}).json()["id"]
        key = owner.post(f"/api/v1/providers/{provider}/keys", {"name": "k"}).json()["key"]
        node = self.start_node("theirs", "--slots", "1", key=key)
        node_id = node.wait_log("joined")["node_id"]
        state = lambda: self.ask(f"/api/v1/nodes/{node_id}")["state"]
        self.assertEqual(state(), "idle")
        self.put(owner.id, status="suspended")
        until(lambda: state() == "offline", "the node is out", 15)
        self.put(owner.id, status="active")
        until(lambda: state() == "idle", "the node is back", 60)
        node.kill()

    def test_a_key_that_an_admin_revokes_is_out_at_once_and_the_others_are_not(self):
        user = self.new_user()
        made = user.post("/api/api-keys", {"name": "second"}).json()
        second = Client(self.server.dev["base_url"], made["key"])
        self.assertEqual(second.get("/api/v1/account").status, 200)
        listed = self.ask(f"/api/admin/users/{user.id}/keys")["keys"]
        self.assertEqual([(x["name"], x["status"]) for x in listed], [("second", "active"), ("default", "active")])
        self.assertNotIn(made["key"], str(listed))
        path = f"/api/admin/users/{user.id}/keys/{made['id']}"
        for _ in range(2):
            self.assertEqual(self.admin.ask("DELETE", path).json()["status"], "revoked")
            self.assertEqual(second.get("/api/v1/account").status, 401)
        self.assertEqual(user.get("/api/v1/account").status, 200)
        self.assertEqual(self.ask(f"/api/admin/users/{user.id}")["api_keys"], 1)
        other = self.new_user()
        self.assertEqual(self.admin.ask("DELETE", f"/api/admin/users/{other.id}/keys/{made['id']}").status, 404)


class figures_are_those_of_the_books(Office):
    def test_users_requests_and_revenue(self):
        before = self.ask("/api/admin/stats")
        users = [self.new_user(10 * NANO) for _ in range(2)]
        jobs = [(users[0], users[0].submit(noop())) for _ in range(3)] + [(users[1], users[1].submit(noop()))]
        for user, job in jobs:
            until(lambda: user.job(job)["status"] == "completed", "the job ends", 30)
        after = self.ask("/api/admin/stats?top=1")
        self.assertEqual(after["total_users"] - before["total_users"], 2)
        for name in ("daily", "weekly", "monthly"):
            self.assertEqual(after[name]["requests"] - before[name]["requests"], 4, name)
            self.assertEqual(after[name]["new_users"] - before[name]["new_users"], 2, name)
            self.assertEqual(after[name]["active_users"] - before[name]["active_users"], 2, name)
        self.assertEqual(len([x for x in after["daily"]["top_users"] if x["currency"] == "dGPU"]), 1)
        usage = self.ask("/api/admin/usage")
        self.assertEqual(after["monthly"]["cost"], usage["cost"])
        self.assertEqual(after["revenue"], usage["cost"])
        self.ask("/api/admin/stats?top=0", 400)


class the_first_admin_is_made_at_the_machine(House):
    flags = None

    def serve(self):
        port = free_port()
        server = self.launch(Process("serve", "--data-dir", self.data_dir, "--listen", f"127.0.0.1:{port}",
                                     "--slots", "0", "--rate-limit-per-minute", "0"))
        server.wait_log("ready")
        return server, f"http://127.0.0.1:{port}"

    def make(self, email, said="correct horse\n", *more):
        return command("admin", "create-user", "--email", email, "--data-dir", self.data_dir, *more, said=said)

    def test_before_the_server_and_beside_it(self):
        code, out, err = self.make("root@example.org")
        self.assertEqual(code, 0, err)
        self.assertNotIn("horse", out + err)
        server, base = self.serve()
        code, out, err = self.make("second@example.org", "battery staple\n", "--role", "user")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.make("ROOT@example.org")[0], 1)  # who is there already
        login = lambda email, password: Client(base).post("/api/v1/auth/login", {"email": email, "password": password})
        self.assertEqual(login("root@example.org", "wrong horse").status, 401)
        admin = Client(base, login("root@example.org", "correct horse").json()["token"])
        self.assertEqual(admin.get("/api/admin/stats").json()["users_by_role"], {"admin": 1, "user": 1})
        user = Client(base, login("second@example.org", "battery staple").json()["token"])
        self.assertEqual(user.get("/api/admin/stats").status, 403)
        made = [x for x in admin.get("/api/admin/audit?action=user.create").json()["entries"]]
        self.assertEqual([(x["actor"], x["subject"]) for x in made], [("system", out.strip()), ("system", made[1]["subject"])])
        self.assertEqual(run("audit", "verify", "--data-dir", self.data_dir)[0], 0)
        mine = made[1]["subject"]
        last = admin.ask("PUT", f"/api/admin/users/{made[0]['subject']}", {"role": "admin", "status": "suspended"})
        self.assertEqual(last.status, 200, last)
        self.assertEqual(admin.ask("PUT", f"/api/admin/users/{mine}", {"role": "user"}).status, 409)
        server.terminate()

    def test_bad_wishes_are_one_clear_line(self):
        for args, said in ((("--email", "nobody"), "correct horse\n"), (("--email", "a@b.c"), "short\n"),
                           (("--email", "a@b.c"), ""), (("--email", "a@b.c", "--role", "king"), "correct horse\n"), ((), "")):
            code, out, err = command("admin", "create-user", "--data-dir", os.path.join(self.folder, "none"), *args, said=said)
            self.assertEqual((code, out), (2, ""), args)
            self.assertEqual(len(err.splitlines()), 1, err)


class secrets_at_rest_change_their_key(House):
    flags = ("--slots", "0")

    def sealed(self):
        return dict(rows(self.data_dir, "SELECT name, value FROM cluster_secrets"))

    def rotate(self, *args):
        return run("admin", "rotate-encryption-key", "--data-dir", self.data_dir, *args)

    def test_by_the_file_and_by_the_configuration(self):
        path = os.path.join(self.data_dir, "encryption.key")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        old, first = open(path).read(), self.sealed()
        code, out, err = self.rotate()
        self.assertEqual(code, 1, out)  # the server is there
        self.assertEqual((open(path).read(), self.sealed()), (old, first))
        self.server.terminate()
        code, out, err = self.rotate()
        self.assertEqual(code, 0, err)
        self.assertNotIn(open(path).read().strip(), out + err)
        second = self.sealed()
        self.assertNotEqual(open(path).read(), old)
        self.assertEqual(first.keys(), second.keys())
        for name in first:
            self.assertNotEqual(first[name].split(".")[1], second[name].split(".")[1])
        self.start()
        self.assertEqual(self.user.get("/api/v1/account").status, 200)
        self.server.terminate()
        kept = open(path).read()
        with open(path, "w") as file:
            file.write(old)  # somebody brought the old file back
        code, out, err = run("serve", "--data-dir", self.data_dir, "--listen", f"127.0.0.1:{free_port()}", "--slots", "0")
        self.assertEqual(code, 1)
        self.assertIn("another encryption key", out + err)
        with open(path, "w") as file:
            file.write("0" * 64 + "\n" + kept)  # as a kill between the first step and the last leaves it
        self.assertEqual(self.rotate()[0], 0)
        self.assertEqual(open(path).read(), "0" * 64 + "\n")
        code, out, err = self.rotate("--encryption-key", "one of my own")
        self.assertEqual(code, 2)
        code, out, err = self.rotate("--encryption-key", "one of my own," + "0" * 64)
        self.assertEqual(code, 0, err)
        self.assertEqual(run("audit", "verify", "--data-dir", self.data_dir)[0], 0)

    def test_the_examples_of_documents_are_refused_without_dev(self):
        for flag in ("--jwt-secret", "--encryption-key"):
            for text in ("your-secret-key", "production-secret", "32-byte-key", "your-super-secret-key-32-chars-minimum"):
                code, out, err = run("serve", "--data-dir", os.path.join(self.folder, "never"), flag, text)
                self.assertEqual(code, 2, out)
                self.assertIn(flag, err)
                self.assertNotIn(text, err)
