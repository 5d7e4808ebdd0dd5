# The money of many at once: no wallet pays what it does not have, no key pays twice, and the books say so.
import json
import unittest

from house import House, decimal, nano, noop, parallel, script
from stream import Stream

HOLD = 4_375_001  # 60 s at 0.25 dGPU an hour and 5 % fee on top, both rounded up, in 10^-9


class a_wallet_never_pays_what_it_does_not_have(House):
    flags = ("--slots", "0")  # jobs stay queued, so their holds stay

    def test_of_200_parallel_submits_exactly_the_50_that_it_can_pay_are_accepted(self):
        user = self.new_user(50 * HOLD)
        answers = parallel(lambda i: user.post("/api/v1/jobs", noop(name=f"job {i}")), range(200))
        accepted = [x.json() for x in answers if x.status == 202]
        refused = [x.json() for x in answers if x.status == 402]
        self.assertEqual((len(accepted), len(refused)), (50, 150))
        self.assertEqual({x["hold"]["amount"] for x in accepted}, {decimal(HOLD)})
        for body in refused:
            self.assertEqual(body["error_code"], "INSUFFICIENT_FUNDS")
            self.assertEqual(nano(body["required"]), HOLD)
            self.assertLess(nano(body["balance"]), HOLD)
        self.assertEqual(user.balance(), {"balance": 50 * HOLD, "held": 50 * HOLD, "available": 0})
        self.assertEqual(len({x["id"] for x in accepted}), 50)
        freed = parallel(lambda x: user.cancel(x["id"]), accepted[:20])
        self.assertEqual({x.status for x in freed}, {202})
        self.assertEqual(user.balance(), {"balance": 50 * HOLD, "held": 30 * HOLD, "available": 20 * HOLD})
        again = parallel(lambda i: user.post("/api/v1/jobs", noop(name=f"again {i}")), range(40))
        self.assertEqual(sorted(x.status for x in again), [202] * 20 + [402] * 20)
        self.assert_books()
        self.assert_paid_once()

    def test_one_nano_short_is_refused_and_one_nano_more_accepted(self):
        user = self.new_user(HOLD - 1)
        self.assertEqual(user.post("/api/v1/jobs", noop()).status, 402)
        gift = {"user_id": user.id, "amount": "0.000000001", "currency": "dGPU"}
        self.assertEqual(self.admin.post("/api/admin/credits/grant", gift).status, 200)
        self.assertEqual(user.post("/api/v1/jobs", noop()).status, 202)

    def test_a_batch_takes_what_the_wallet_can_pay_and_refuses_the_rest(self):
        user = self.new_user(3 * HOLD)
        answers = user.post("/api/v1/jobs/batch", {"jobs": [noop(name=f"b{i}") for i in range(5)]}).json()["jobs"]
        self.assertEqual([x.get("error_code") for x in answers], [None] * 3 + ["INSUFFICIENT_FUNDS"] * 2)
        self.assertEqual(user.balance()["held"], 3 * HOLD)


class the_same_idempotency_key_is_one_job(House):
    flags = ("--slots", "0")

    def test_50_times_in_parallel_it_is_one_job_and_identical_answers(self):
        user = self.new_user(10 * HOLD)
        answers = parallel(lambda _: user.post("/api/v1/jobs", noop(), key="the key"), range(50))
        self.assertEqual({x.status for x in answers}, {202})
        self.assertEqual(len({x.body for x in answers}), 1)
        self.assertEqual(user.balance()["held"], HOLD)
        self.assertEqual(len(user.get("/api/v1/jobs").json()["jobs"]), 1)
        self.assertEqual(len([x for x in answers if x.headers.get("Idempotent-Replayed") == "true"]), 49)

    def test_the_key_with_another_body_is_422_and_starts_nothing(self):
        user = self.new_user(10 * HOLD)
        first = user.post("/api/v1/jobs", noop(name="one"), key="k")
        other = user.post("/api/v1/jobs", noop(name="two"), key="k")
        self.assertEqual((first.status, other.status), (202, 422))
        self.assertEqual(other.json()["error_code"], "IDEMPOTENCY_MISMATCH")
        self.assertEqual(user.post("/api/v1/jobs", noop(name="one"), key="k").body, first.body)
        self.assertEqual(user.balance()["held"], HOLD)

    def test_the_same_key_of_two_users_is_two_jobs(self):
        one, two = self.new_user(HOLD), self.new_user(HOLD)
        first, second = (x.post("/api/v1/jobs", noop(), key="shared").json()["id"] for x in (one, two))
        self.assertNotEqual(first, second)

    def test_a_refused_submit_does_not_burn_its_key(self):
        user = self.new_user(HOLD - 1)
        self.assertEqual(user.post("/api/v1/jobs", noop(), key="later").status, 402)
        gift = {"user_id": user.id, "amount": "1", "currency": "dGPU"}
        self.assertEqual(self.admin.post("/api/admin/credits/grant", gift).status, 200)
        self.assertEqual(user.post("/api/v1/jobs", noop(), key="later").status, 202)

    def test_a_batch_under_a_key_is_submitted_once(self):
        user = self.new_user(10 * HOLD)
        batch = {"jobs": [noop(name=f"b{i}") for i in range(4)]}
        answers = parallel(lambda _: user.post("/api/v1/jobs/batch", batch, key="batch"), range(10))
        self.assertEqual(len({json.dumps(x.json()["jobs"]) for x in answers}), 1)
        self.assertEqual(user.balance()["held"], 4 * HOLD)

    def test_a_deposit_under_a_key_is_paid_in_once(self):
        user = self.new_user()
        body = {"amount": "2.5", "currency": "dGPU"}
        answers = parallel(lambda _: user.post("/api/v1/account/deposit", body, key="gift"), range(20))
        self.assertEqual({x.status for x in answers}, {200})
        self.assertEqual(len({x.json()["transaction_id"] for x in answers}), 1)
        self.assertEqual(user.balance()["balance"], nano("2.5"))
        other = user.post("/api/v1/account/deposit", {**body, "amount": "2.6"}, key="gift")
        self.assertEqual(other.status, 422)
        self.assert_books()


class every_movement_is_told_to_its_owner(House):
    def test_deposits_add_up_and_the_transactions_of_a_job_name_it(self):
        user = self.new_user()
        for amount in ("1", "0.5", "0.000000001"):
            answer = user.post("/api/v1/account/deposit", {"amount": amount, "currency": "dGPU"})
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.json()["transaction_id"].startswith("txn_"))
        self.assertEqual(user.balance()["balance"], nano("1.500000001"))
        stream = Stream(self.server.dev["base_url"], user.key, "?after=0")
        self.addCleanup(stream.close)
        job = user.submit(script("echo done; sleep 0.1"))
        cost = nano(stream.wait_end(job)["data"]["cost"])
        self.assertEqual(user.balance(), {"balance": nano("1.500000001") - cost, "held": 0,
                                          "available": nano("1.500000001") - cost})
        wallet = user.get(f"/api/v1/billing/user/{user.id}/wallet").json()["id"]
        page = user.get(f"/api/v1/billing/wallet/{wallet}/transactions").json()
        moves = {x["type"]: nano(x["amount"]) for x in page["transactions"] if x["job_id"] == job}
        self.assertEqual(page["total"], 3 + len(moves))
        self.assertEqual(len(moves), 4, moves)
        self.assertEqual(moves.pop("hold"), HOLD)
        self.assertEqual(moves.pop("release"), HOLD - cost)
        self.assertEqual(sum(moves.values()), cost)
        self.assertEqual([x["job_id"] for x in page["transactions"] if x["type"] == "deposit"], [None] * 3)
        only = user.get(f"/api/v1/billing/wallet/{wallet}/transactions?job_id={job}").json()["transactions"]
        self.assertEqual({x["job_id"] for x in only}, {job})
        self.assertEqual(len(only), 4)

    def test_a_batch_with_good_and_bad_entries_answers_each_in_its_place(self):
        user = self.new_user(10 * HOLD)
        batch = [noop(name="first"), {"type": "noop"}, 5, {**noop(), "priority": 99}, noop(name="last"),
                 {**noop(), "surprise": 1}, {**noop(), "gpu_type": "voodoo-2"}]
        answer = user.post("/api/v1/jobs/batch", {"jobs": batch})
        self.assertEqual(answer.status, 202)
        jobs = answer.json()["jobs"]
        self.assertEqual(["id" in x for x in jobs], [True, False, False, False, True, False, False])
        self.assertEqual({x["status"] for x in jobs if "id" not in x}, {400, 404})
        self.assertEqual(user.job(jobs[4]["id"])["name"], "last")
        stream = Stream(self.server.dev["base_url"], user.key, "?after=0")
        self.addCleanup(stream.close)
        stream.wait_ends([jobs[0]["id"], jobs[4]["id"]])
        self.assert_books()
        self.assert_paid_once()

    def test_a_thousand_jobs_and_deposits_at_once_leave_exact_books(self):
        user = self.new_user(1000 * HOLD)
        stream = Stream(self.server.dev["base_url"], user.key, "?after=0")
        self.addCleanup(stream.close)

        def one(i):
            if i % 5 == 0:
                return user.post("/api/v1/account/deposit", {"amount": "0.000000007", "currency": "dGPU"}).json()
            return user.submit(noop(i % 3))

        jobs = [x for x in parallel(one, range(500), threads=16) if isinstance(x, str)]
        stream.wait_ends(jobs)
        spent = sum(nano(x["data"]["cost"]) for x in stream.frames if x.get("terminal"))
        self.assertEqual(user.balance()["held"], 0)
        self.assertEqual(user.balance()["balance"], 1000 * HOLD + 100 * 7 - spent)
        self.assert_books()
        self.assert_paid_once()


if __name__ == "__main__":
    unittest.main()
