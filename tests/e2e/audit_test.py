# The audit trail of a real server: what is written, who may read it, and that a change of it is found.
import csv
import hashlib
import io
import json
import os
import shutil
import sqlite3

from house import Client, House, parallel, rows, run, until

COLUMNS = "seq,at_ms,actor,credential,action,subject,outcome,ip,request_id,detail,hash"


def verify(data_dir, *more):
    return run("audit", "verify", "--data-dir", data_dir, *more)


def hash_of(before, line):
    """As README tells it, written down a second time."""
    parts = [before, *(str(x) for x in line[:-1])]
    return hashlib.sha256(b"".join(b"%d:%s," % (len(x.encode()), x.encode()) for x in parts)).hexdigest()


class Trail(House):
    flags = ("--slots", "0", "--rate-limit-per-minute", "0")

    def entries(self, **wanted):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        answer = self.admin.get(f"/api/admin/audit?{query}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["entries"]

    def last(self, **wanted):
        found = self.entries(limit=1, **wanted)
        self.assertEqual(len(found), 1, wanted)
        return found[0]

    def damaged(self, *sql):
        """A copy of the stopped server's data that somebody with a shell has edited."""
        folder = os.path.join(self.folder, "damaged")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.data_dir, folder)
        db = sqlite3.connect(f"{folder}/troupe.db", isolation_level=None)
        for name in ("audit_log_kept", "audit_log_unchanged"):
            db.execute(f"DROP TRIGGER {name}")
        for text in sql:
            db.execute(text)
        db.close()
        return folder


class what_people_and_admins_do_is_written_down(Trail):
    def test_a_registration_a_login_and_a_login_that_failed(self):
        anybody = Client(self.server.dev["base_url"])
        said = {"email": "ann@example.org", "password": "correct horse"}
        made = anybody.post("/api/v1/auth/register", said).json()
        line = self.last(action="user.register")
        self.assertEqual((line["actor"], line["subject"], line["outcome"], line["ip"]),
                         (made["user_id"], made["user_id"], "ok", "127.0.0.1"))
        session = anybody.post("/api/v1/auth/login", said).json()["session_id"]
        line = self.last(action="login", outcome="ok")
        self.assertEqual((line["actor"], line["credential"]), (made["user_id"], session))
        for login in ({"email": "ann@example.org"}, {"username": "my password by mistake"}):
            answer = anybody.ask("POST", "/api/v1/auth/login", {**login, "password": "wrong horse"},
                                 {"X-Request-ID": "r-17"})
            self.assertEqual(answer.status, 401)
        until(lambda: len(self.entries(action="login", outcome="unauthenticated")) == 2, "two lines")
        by_mistake, wrong = self.entries(action="login", outcome="unauthenticated")
        self.assertEqual((wrong["actor"], wrong["subject"], wrong["request_id"]), ("", "ann@example.org", "r-17"))
        self.assertTrue(by_mistake["subject"].startswith("name:"))
        text = self.admin.get("/api/admin/audit?limit=1000").body.decode()
        for secret in ("horse", "by mistake", made["apiKey"]):
            self.assertNotIn(secret, text)

    def test_an_admins_acts_say_what_was_before(self):
        user = self.new_user()
        self.admin.ask("PUT", f"/api/admin/users/{user.id}", {"tier": "pro", "role": "provider"})
        line = self.last(action="user.update", subject=user.id)
        self.assertEqual(line["detail"], {"tier": {"from": "unlimited", "to": "pro"},
                                          "role": {"from": "user", "to": "provider"}})
        self.assertEqual(line["actor"], self.server.dev["admin_id"])
        self.assertTrue(line["credential"].startswith("key_"))
        self.admin.post("/api/admin/credits/grant", {"user_id": user.id, "amount": "2.5", "currency": "dGPU"})
        line = self.last(action="credits.grant")
        self.assertEqual((line["subject"], line["detail"]["amount"], line["detail"]["currency"]), (user.id, "2.5", "dGPU"))

    def test_a_change_that_is_refused_or_sent_again_leaves_no_second_line(self):
        user = self.new_user()
        gift = {"user_id": user.id, "amount": "1", "currency": "dGPU"}
        for _ in range(3):
            self.assertEqual(self.admin.post("/api/admin/credits/grant", gift, "once").status, 200)
        self.assertEqual(len(self.entries(action="credits.grant", subject=user.id)), 1)
        self.assertEqual(self.admin.ask("PUT", "/api/admin/users/user_nobody", {"tier": "pro"}).status, 404)
        self.assertEqual(self.entries(subject="user_nobody"), [])

    def test_keys_and_nodes_of_providers(self):
        user = self.new_user()
        provider = user.post("/api/v1/providers", {"name": "racks", "location": "eu"}).json()["id"]
        keys = f"/api/v1/providers/{provider}/keys"
        first = user.post(keys, {"name": "k"}).json()
        second = user.post(f"{keys}/{first['key_id']}/rotate", {"overlap_hours": 1}).json()
        user.ask("DELETE", f"{keys}/{second['key_id']}")
        mine = user.post("/api/api-keys", {"name": "mine"}).json()
        said = [(x["action"], x["subject"]) for x in reversed(self.entries(actor=user.id))]
        self.assertEqual(said, [("user.register", user.id), ("provider.create", provider),
                                ("node_key.create", first["key_id"]), ("node_key.rotate", second["key_id"]),
                                ("node_key.revoke", second["key_id"]), ("key.create", mine["id"])])
        self.assertNotIn(first["key"], self.admin.get(f"/api/admin/audit?actor={user.id}").body.decode())

    def test_who_asks_for_what_only_admins_may_is_noted(self):
        user = self.new_user()
        self.assertEqual(user.get("/api/admin/audit").status, 403)
        until(lambda: self.entries(actor=user.id, outcome="forbidden"), "a line")
        line = self.last(actor=user.id, outcome="forbidden")
        self.assertEqual((line["action"], line["subject"]), ("request", "GET /api/admin/audit"))

    def test_pages_filters_and_exports_tell_the_same(self):
        for _ in range(5):
            self.new_user()
        everything = self.entries(limit=1000)
        pages, before = [], ""
        while before is not None:
            page = self.admin.get(f"/api/admin/audit?limit=3{before and '&before=' + str(before)}").json()
            pages += page["entries"]
            before = page["next_before"]
        self.assertEqual([x["seq"] for x in pages], [x["seq"] for x in everything])
        forward = self.entries(after=1, limit=1000)
        self.assertEqual([x["seq"] for x in forward], sorted(x["seq"] for x in everything)[1:])
        lines = self.admin.get("/api/admin/audit/export").body.decode().splitlines()
        self.assertEqual([json.loads(x) for x in lines][:-1], everything[::-1])
        self.assertEqual(json.loads(lines[-1])["action"], "audit.export")
        table = self.admin.get("/api/admin/audit/export?format=csv&action=user.register")
        self.assertIn("text/csv", table.headers["Content-Type"])
        found = list(csv.DictReader(io.StringIO(table.body.decode())))
        self.assertEqual([x["hash"] for x in found], [x["hash"] for x in everything[::-1] if x["action"] == "user.register"])
        at = everything[2]["at"]
        self.assertEqual([x["seq"] for x in self.entries(**{"from": at}, limit=1000, before=everything[0]["seq"] + 1)],
                         [x["seq"] for x in everything if x["at"] >= at])
        for bad in ("limit=0", "limit=1001", "from=yesterday", "before=x"):
            self.assertEqual(self.admin.get(f"/api/admin/audit?{bad}").status, 400, bad)


class guessing_passwords_does_not_fill_the_disk(Trail):
    def test_a_thousand_wrong_requests_are_a_few_lines_with_the_right_count(self):
        user = self.new_user()
        start = self.last()["seq"]
        done = parallel(lambda _: user.get("/api/admin/stats").status, range(1000), 8)
        self.assertEqual(set(done), {403})

        def counted():
            found = [x for x in self.entries(after=start, limit=1000) if x["outcome"] == "forbidden"]
            return found if sum((x["detail"] or {}).get("times", 1) for x in found) == 1000 else None

        found = until(counted, "all are counted")
        self.assertLess(len(found), 100)
        gathered = [x for x in found if x["detail"]]
        self.assertTrue(gathered)
        self.assertEqual(set(gathered[0]["detail"]["from"]), {"127.0.0.1"})


class a_changed_trail_is_found(Trail):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for _ in range(4):
            cls.new_user()
        cls.beside = verify(cls.data_dir)
        cls.server.kill()  # -9
        cls.after_kill = verify(cls.data_dir)

    def test_an_untouched_one_is_intact_beside_a_server_and_after_a_kill(self):
        for code, out, err in (self.beside, self.after_kill):
            self.assertEqual(code, 0, out + err)
            self.assertIn("the audit trail is intact", out)

    def test_anybody_can_compute_the_chain(self):
        before = ""
        for line in rows(self.data_dir, f"SELECT {COLUMNS} FROM audit_log ORDER BY seq"):
            self.assertEqual(hash_of(before, line), line[-1])
            before = line[-1]

    def test_the_database_itself_refuses_to_change_a_line(self):
        db = sqlite3.connect(f"{self.data_dir}/troupe.db", isolation_level=None)
        for sql in ("UPDATE audit_log SET actor='x'", "DELETE FROM audit_log WHERE seq=2"):
            with self.assertRaises(sqlite3.IntegrityError):
                db.execute(sql)
        db.close()

    def test_every_edit_is_named(self):
        columns = [x for x in COLUMNS.split(",") if x not in ("seq", "at_ms")]
        for column in columns:
            code, out, _ = verify(self.damaged(f"UPDATE audit_log SET {column}={column}||'x' WHERE seq=3"))
            self.assertEqual(code, 1, column)
            self.assertIn("audit line 3:", out, column)
        for sql, line in (("UPDATE audit_log SET at_ms=at_ms+1 WHERE seq=4", 4), ("DELETE FROM audit_log WHERE seq=2", 3),
                          ("DELETE FROM audit_log WHERE seq=1", 2),
                          ("DELETE FROM audit_log WHERE seq>=(SELECT max(seq) FROM audit_log)", 0)):
            code, out, _ = verify(self.damaged(sql))
            self.assertEqual(code, 1, sql)
            self.assertIn(f"audit line {line or ''}", out, sql)

    def test_a_trail_made_anew_is_found_by_a_line_that_was_written_down(self):
        kept = self.beside[1].split("the last is ")[1].split()[0]
        self.assertEqual(verify(self.data_dir, "--known", kept)[0], 0)
        cut = self.damaged("DELETE FROM audit_log WHERE seq>2",
                           "UPDATE audit_end SET (seq,hash)=(SELECT seq,hash FROM audit_log WHERE seq=2)")
        self.assertEqual(verify(cut)[0], 0)
        code, out, _ = verify(cut, "--known", kept)
        self.assertEqual(code, 1)
        self.assertIn("it was there before and is gone", out)
        self.assertEqual(verify(self.data_dir, "--known", "nonsense")[0], 2)
