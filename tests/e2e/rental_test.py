# GPUs rented by the hour from a real server and a real node: what is held, billed, ended, and what the usage pages say.
import csv
import io
import os
import signal
import sqlite3
import unittest

from house import ENDS, NANO, Client, House, decimal, nano, noop, parallel, rows, until

GPU = "nvidia-geforce-rtx-4090"
HOUR = 1_029_472_500  # 0.98045 dGPU and 5 % on top, in 10^-9


class Rented(House):
    flags = ("--slots", "0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rig("rig", 4)

    @classmethod
    def rig(cls, name, gpus):
        """A node with 4090s at the book's price."""
        cls.node = cls.start_node(name, "--slots", "1", "--gpu", f"{GPU}:24576x{gpus}")
        cls.node_id = cls.node.wait_log("joined")["node_id"]

    def rent(self, user, key=None, **more):
        body = {"provider_id": self.node_id, "gpu_model": GPU, "requested_vram_mb": 24576, "estimated_power_w": 450}
        return user.post("/api/v1/billing/start-session", {**body, **more}, key)

    def rented(self, user, **more):
        answer = self.rent(user, **more)
        self.assertEqual(answer.status, 201, answer)
        return answer.json()["session"]

    @staticmethod
    def end(user, session_id, key=None):
        return user.post("/api/v1/billing/end-session", {"session_id": session_id}, key)

    @staticmethod
    def report(user, session_id, **more):
        body = {"session_id": session_id, "gpu_utilization_percent": 90, "vram_utilization_percent": 80.5,
                "power_draw_w": 431.7, "temperature_c": 71}
        return user.post("/api/v1/billing/usage-update", {**body, **more})

    def assert_refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json()["error_code"]), (status, code), answer)


class a_session_is_held_before_it_is_charged(Rented):
    def test_from_start_to_end_to_the_last_unit(self):
        user = self.new_user(10 * NANO)
        answer = self.rent(user, max_duration_hours="2").json()
        session = answer["session"]
        self.assertEqual(session["hold"], {"amount": "2.058945", "currency": "dGPU"})
        rates = [session[x] for x in ("hourly_rate", "vram_rate", "power_rate", "total_hourly_rate")]
        self.assertEqual(rates, ["0.5", "0.48", "0.00045", "0.98045"])
        self.assertEqual(session["platform_fee_rate"], "0.05")
        self.assertEqual((answer["estimated_hourly_cost"], answer["estimated_runtime_hours"]), (decimal(HOUR), "2"))
        self.assertEqual(nano(answer["remaining_balance"]), user.balance()["available"])
        self.assertEqual(user.balance()["held"], 2_058_945_000)
        self.assertEqual(self.report(user, session["id"]).json()["status"], "success")
        now = user.get(f"/api/v1/billing/current-usage/{session['id']}").json()
        self.assertEqual((now["session"]["actual_power_w"], now["session"]["gpu_utilization_percent"]), (431, 90))
        self.assertGreater(nano(now["current_cost"]), 0)
        last = self.end(user, session["id"]).json()
        self.assertEqual(last["status"], "completed")
        cost = nano(last["total_cost"])
        self.assertEqual(cost + nano(last["released"]), 2_058_945_000)
        self.assertEqual(cost, nano(last["platform_fee"]) + nano(last["provider_earnings"]))
        self.assertEqual(user.balance(), {"balance": 10 * NANO - cost, "held": 0, "available": 10 * NANO - cost})
        self.assert_refused(self.end(user, session["id"]), 409, "SESSION_NOT_ACTIVE")
        self.assert_refused(self.report(user, session["id"]), 409, "SESSION_NOT_ACTIVE")
        page = user.get("/api/v1/billing/history").json()["sessions"]
        self.assertEqual([(x["id"], x["total_cost"]) for x in page], [(session["id"], last["total_cost"])])
        self.assert_books()

    def test_a_key_starts_one_session_and_ends_it_once(self):
        user = self.new_user(10 * NANO)
        first, again = self.rent(user, key="k"), self.rent(user, key="k")
        self.assertEqual((first.status, again.status, first.body), (201, 201, again.body))
        self.assertEqual(again.headers["Idempotent-Replayed"], "true")
        self.assert_refused(self.rent(user, key="k", job_id="other"), 422, "IDEMPOTENCY_MISMATCH")
        self.assertEqual(user.balance()["held"], HOUR)
        session = first.json()["session"]["id"]
        ends = parallel(lambda _: self.end(user, session, key="e"), range(8))
        self.assertEqual(({x.status for x in ends}, len({x.body for x in ends})), ({200}, 1))
        self.assertEqual(self.rent(user, key="k").body, first.body)
        self.assertEqual(user.balance()["held"], 0)

    def test_many_reports_at_once_charge_once(self):
        user = self.new_user(10 * NANO)
        session = self.rented(user)["id"]
        answers = parallel(lambda i: self.report(user, session), range(24), threads=6)
        self.assertEqual({x.status for x in answers}, {200})
        last = self.end(user, session).json()["session"]
        ms = rows(self.data_dir, "SELECT ended_ms-started_ms FROM rentals WHERE id=?", session)[0][0]
        subtotal = -(-980_450_000 * ms // 3_600_000)
        self.assertEqual(nano(last["provider_earnings"]), subtotal)
        self.assertEqual(nano(last["platform_fee"]), -(-subtotal * 5 // 100))
        self.assert_books()

    def test_of_many_starts_for_one_job_one_is_paid(self):
        user = self.new_user(10 * NANO)
        answers = parallel(lambda i: self.rent(user, job_id="the job"), range(12))
        self.assertEqual(sorted(x.status for x in answers), [201] + [409] * 11)
        for x in answers:
            if x.status == 409:
                self.assert_refused(x, 409, "SESSION_ALREADY_ACTIVE")
        self.assertEqual(user.balance()["held"], HOUR)
        self.end(user, next(x for x in answers if x.status == 201).json()["session"]["id"])

    def test_a_node_rents_out_no_more_memory_than_it_has(self):
        users = [self.new_user(10 * NANO) for _ in range(6)]
        answers = parallel(self.rent, users)
        taken = [x.json()["session"]["id"] if x.status == 201 else None for x in answers]
        active = rows(self.data_dir, "SELECT sum(vram_mb) FROM rentals WHERE state=0")[0][0]
        self.assertLessEqual(active, 4 * 24576)
        for user, answer, session in zip(users, answers, taken):
            if session:
                self.end(user, session)
            else:
                self.assert_refused(answer, 409, "INSUFFICIENT_VRAM")
        self.assertEqual(taken.count(None), 2)


class what_cannot_be_rented(Rented):
    def test_says_why_and_changes_nothing(self):
        user, poor = self.new_user(10 * NANO), self.new_user(NANO - 1)
        count = "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM rentals)"
        before = rows(self.data_dir, count)
        self.assert_refused(self.rent(user, provider_id="node_nobody"), 409, "PROVIDER_NOT_AVAILABLE")
        self.assert_refused(self.rent(user, gpu_model="nvidia-tesla-a100"), 409, "PROVIDER_NOT_AVAILABLE")
        self.assert_refused(self.rent(user, gpu_model="abacus"), 404, "RATE_NOT_FOUND")
        self.assert_refused(self.rent(user, requested_vram_mb=24577), 409, "INSUFFICIENT_VRAM")
        self.assert_refused(self.rent(user, max_hourly_rate="0.98"), 409, "PROVIDER_NOT_AVAILABLE")
        self.assert_refused(self.rent(poor), 402, "INSUFFICIENT_FUNDS")
        self.assert_refused(self.rent(user, max_duration_hours="24"), 402, "INSUFFICIENT_FUNDS")
        self.assert_refused(self.rent(user, user_id=poor.id), 404, "RESOURCE_NOT_FOUND")
        for bad in ({"requested_vram_mb": 0}, {"requested_vram_mb": "1"}, {"estimated_power_w": -1},
                    {"estimated_power_w": 10**400}, {"max_hourly_rate": 1}, {"max_hourly_rate": "1e3"},
                    {"max_duration_hours": "0"}, {"max_duration_hours": 25}, {"max_duration_hours": "NaN"},
                    {"provider_id": None}, {"gpu_model": ["x"]}, {"surprise": 1}):
            self.assert_refused(self.rent(user, **bad), 400, "VALIDATION_ERROR")
        self.assertEqual(rows(self.data_dir, count), before)

    def test_somebody_elses_session_is_not_there(self):
        user, other = self.new_user(10 * NANO), self.new_user(10 * NANO)
        session = self.rented(user)["id"]
        for answer in (self.end(other, session), self.report(other, session), self.end(user, "ses_nobody"),
                       other.get(f"/api/v1/billing/current-usage/{session}")):
            self.assert_refused(answer, 404, "SESSION_NOT_FOUND")
        self.assertEqual(other.get("/api/v1/billing/history").json()["sessions"], [])
        self.assertEqual(Client(self.server.dev["base_url"]).get("/api/v1/billing/history").status, 401)
        self.end(user, session)

    def test_odd_reports_are_refused(self):
        user = self.new_user(10 * NANO)
        session = self.rented(user)["id"]
        for bad in ({"gpu_utilization_percent": 101}, {"vram_utilization_percent": -1}, {"power_draw_w": "1"},
                    {"timestamp": "2100-01-01T00:00:00Z"}, {"timestamp": "2000-01-01T00:00:00Z"}, {"timestamp": "now"}):
            self.assert_refused(self.report(user, session, **bad), 400, "VALIDATION_ERROR")
        self.assertEqual(rows(self.data_dir, "SELECT version, charged FROM rentals WHERE id=?", session), [(1, 0)])
        self.end(user, session)


class the_provider_side(Rented):
    def test_sees_reports_and_ends_but_not_the_renters_wallet(self):
        user, owner = self.new_user(10 * NANO), self.admin  # whose key the node joined with
        session = self.rented(user)["id"]
        self.assertEqual(self.report(owner, session).status, 200)
        seen = owner.get(f"/api/v1/billing/current-usage/{session}").json()
        self.assertNotIn("remaining_balance", seen)
        self.assertIn(session, [x["id"] for x in owner.get("/api/v1/billing/history?role=provider").json()["sessions"]])
        last = self.end(owner, session).json()["session"]
        self.assertEqual((last["status"], last["end_reason"]), ("terminated", "provider"))
        self.assert_books()


class a_crash_in_the_middle(Rented):
    def test_neither_loses_nor_doubles_a_charge(self):
        user = self.new_user(10 * NANO)
        session = self.rented(user, max_duration_hours="2")["id"]
        for _ in range(3):
            self.report(user, session)
            self.server.signal(signal.SIGKILL)
            self.server.wait()
            self.assert_books()
            self.start()
            for client in (user, self.admin):
                client.hang_up()
            self.assertEqual(user.balance()["balance"], 10 * NANO - self.charged(session))
        last = self.end(user, session).json()
        ms = rows(self.data_dir, "SELECT ended_ms-started_ms FROM rentals WHERE id=?", session)[0][0]
        self.assertEqual(nano(last["provider_earnings"]), -(-980_450_000 * ms // 3_600_000))
        self.assertEqual(user.balance(), {"balance": 10 * NANO - nano(last["total_cost"]), "held": 0,
                                          "available": 10 * NANO - nano(last["total_cost"])})
        self.assert_books()

    def charged(self, session):
        return rows(self.data_dir, "SELECT charged FROM rentals WHERE id=?", session)[0][0]


class when_time_passes(Rented):
    def later(self, user, minutes):
        """As if the session had begun so much earlier: the clock of a real server cannot be turned."""
        self.server.kill()
        db = sqlite3.connect(os.path.join(self.data_dir, "troupe.db"))
        with db:
            db.execute("UPDATE rentals SET started_ms=started_ms-?1, billed_ms=billed_ms-?1, due_ms=due_ms-?1"
                       " WHERE state=0", (minutes * 60_000,))
        db.close()
        self.start()
        for client in (user, self.admin):
            client.hang_up()

    def session(self, session):
        names = "state, hold, charged, end_reason"
        return dict(zip(names.split(", "), rows(self.data_dir, f"SELECT {names} FROM rentals WHERE id=?", session)[0]))

    def test_another_hour_is_held_while_there_is_money_and_then_the_session_ends(self):
        user = self.new_user(2 * HOUR + 1000)
        session = self.rented(user)["id"]
        self.later(user, 55)
        until(lambda: self.session(session)["hold"] == 2 * HOUR, "the second hour's hold")
        self.assertEqual(user.balance()["held"], 2 * HOUR)
        self.later(user, 60)
        until(lambda: rows(self.data_dir, "SELECT 1 FROM events WHERE job_id=? AND kind='session_funds_low'", session),
              "the warning")
        self.assertEqual(self.session(session)["state"], 0)
        self.later(user, 5)
        until(lambda: self.session(session)["state"] != 0, "the end")
        last = self.session(session)
        self.assertEqual((last["state"], last["end_reason"], last["hold"]), (3, "funds", 2 * HOUR))
        self.assertEqual(user.balance(), {"balance": 2 * HOUR + 1000 - last["charged"], "held": 0,
                                          "available": 2 * HOUR + 1000 - last["charged"]})
        body = user.get("/api/users/me/usage").json()
        self.assertEqual([nano(x["cost"]) for x in body["usage"] if x["kind"] == "session"], [last["charged"]])
        self.assert_books()

    def test_a_session_of_a_fixed_length_costs_that_and_ends(self):
        user = self.new_user(10 * NANO)
        session = self.rented(user, max_duration_hours="1.5")["id"]
        self.later(user, 200)
        until(lambda: self.session(session)["state"] != 0, "the end")
        last = self.session(session)
        self.assertEqual((last["state"], last["end_reason"], last["charged"]), (1, "max_duration", 1_544_208_750))
        self.assert_books()


class usage_equals_the_wallet(House):
    flags = ("--slots", "2")

    def test_to_the_last_unit(self):
        user = self.new_user(20 * NANO)
        before = user.balance()["balance"]
        jobs = [user.submit(noop(ms=i * 3, name=f"job {i}")) for i in range(20)]
        jobs.append(user.submit({"type": "script", "name": "fails", "params": {"script_content": "exit 3"}}))
        for job in jobs:
            until(lambda: user.job(job)["status"] in ENDS, f"the end of {job}")
        spent = before - user.balance()["balance"]
        self.assertGreater(spent, 0)
        table = list(csv.DictReader(io.StringIO(user.get("/api/users/me/usage?format=csv").body.decode(), newline="")))
        self.assertEqual(sum(nano(x["cost"]) for x in table), spent)
        self.assertEqual(sum(int(x["requests"]) for x in table), 21)
        self.assertEqual(sum(int(x["failed"]) for x in table), 1)
        wallet = user.get(f"/api/v1/billing/user/{user.id}/wallet").json()["id"]
        moves = user.get(f"/api/v1/billing/wallet/{wallet}/transactions?limit=1000").json()["transactions"]
        paid = sum(nano(x["amount"]) for x in moves if x["type"] in ("payment", "platform_fee"))
        self.assertEqual(paid, spent)
        for path in ("/api/users/me/usage", "/api/v1/users/me/usage", "/api/v1/usage"):
            for group in ("", "?group_by=day", "?group_by=key", "?group_by=model"):
                body = user.get(path + group).json()
                self.assertEqual((body["requests"], nano(body["cost"]["dGPU"])), (21, spent))
                self.assertEqual(sum(nano(x["cost"]) for x in body["usage"]), spent)
        self.assertEqual(nano(body["current_month"]["cost"]["dGPU"]), spent)
        credits = user.get("/api/users/me/credits").json()["balances"]["dGPU"]
        self.assertEqual((nano(credits["total_purchased"]), nano(credits["total_consumed"])), (20 * NANO, spent))
        self.assertEqual(nano(credits["balance"]), 20 * NANO - spent)
        everybody = self.admin.get("/api/admin/usage").json()
        self.assertIn(user.id, [x["user_id"] for x in everybody["top_users"]])
        self.assertEqual(self.user.get("/api/admin/usage").status, 403)
        self.assert_books()

    def test_filters_and_odd_questions(self):
        user = self.new_user(NANO)
        for bad in ("start_date=yesterday", "end_date=2026-13-01", "start_date=2026-02-30", "group_by=hour",
                    "format=xml", "start_date=2026-02-02&end_date=2026-02-01", "start_date=2020-01-01"):
            self.assertEqual(user.get(f"/api/users/me/usage?{bad}").status, 400, bad)
        body = user.get("/api/users/me/usage?api_key_id=nobody&model=%27%20OR%201=1").json()
        self.assertEqual((body["requests"], body["usage"], body["cost"]), (0, [], {}))
        reply = user.get("/api/users/me/usage?format=csv")
        self.assertEqual(reply.headers["Content-Type"], "text/csv; charset=utf-8")
        self.assertEqual(reply.body, b"day,api_key_id,model,kind,currency,requests,failed,tokens_in,tokens_out,"
                                     b"runtime_ms,cost\r\n")


if __name__ == "__main__":
    unittest.main()
