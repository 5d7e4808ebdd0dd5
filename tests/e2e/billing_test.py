# Wallets over REST: in, out, locked, limited, corrected; and the same under many hands at once.
import csv
import io
import json
import random
import sqlite3
import threading
import unittest

from house import NANO, House, decimal, nano, noop, parallel, rows, script, until
from stream import Stream

ADDRESS = "So11111111111111111111111111111111111111112"
OTHER = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
HOLD = 4_375_001  # of a noop of 60 s, in 10^-9


def new_address():
    """32 random bytes in base 58."""
    number = random.SystemRandom().getrandbits(256) | 1 << 255
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = B58[digit] + text
    return text


class Billing(House):
    @classmethod
    def new_user(cls, dgpu=None):
        user = super().new_user(dgpu)
        user.wallet = user.get(f"/api/v1/billing/user/{user.id}/wallet").json()["id"]
        return user

    def withdraw(self, user, amount, key=None, **more):
        body = {"amount": amount, "to_address": ADDRESS, **more}
        return user.post(f"/api/v1/billing/wallet/{user.wallet}/withdraw", body, key)

    def must(self, answer, status=200):
        self.assertEqual(answer.status, status, answer)
        return answer.json()

    def refused(self, answer, status, code):
        self.assertEqual((answer.status, answer.json().get("error_code")), (status, code), answer)


class a_wallet_takes_money_in_and_lets_it_out(Billing):
    flags = ("--slots", "0")

    def test_a_wallet_is_told_once_with_an_address_of_its_own(self):
        user, other = self.new_user(), self.new_user()
        wish = {"user_id": user.id, "wallet_type": "user", "solana_address": new_address()}
        for bad, code in (({"solana_address": "nonsense"}, "INVALID_SOLANA_ADDRESS"), ({"wallet_type": "x"}, None),
                          ({"solana_address": 5}, None), ({"surprise": 1}, None)):
            answer = user.post("/api/v1/billing/wallet", {**wish, **bad})
            self.refused(answer, 400, code or "VALIDATION_ERROR") if code else self.assertEqual(answer.status, 400)
        self.assertEqual(other.post("/api/v1/billing/wallet", wish).status, 403)
        made = self.must(user.post("/api/v1/billing/wallet", wish), 201)
        self.assertEqual((made["id"], made["solana_address"]), (user.wallet, wish["solana_address"]))
        self.refused(user.post("/api/v1/billing/wallet", wish), 409, "WALLET_ALREADY_EXISTS")
        stolen = {"wallet_type": "user", "solana_address": wish["solana_address"]}
        self.refused(other.post("/api/v1/billing/wallet", stolen), 409, "WALLET_ALREADY_EXISTS")
        shown = self.must(user.get(f"/api/v1/billing/wallet/{user.wallet}"))
        self.assertEqual(shown["solana_address"], wish["solana_address"])
        for field in ("balance", "locked_balance", "pending_balance", "available_balance", "total_balance",
                      "last_updated"):
            self.assertIn(field, shown)
        self.refused(other.get(f"/api/v1/billing/wallet/{user.wallet}"), 404, "WALLET_NOT_FOUND")
        self.refused(user.get("/api/v1/billing/wallet/nonsense"), 404, "WALLET_NOT_FOUND")
        self.assertEqual(self.must(self.admin.get(f"/api/v1/billing/wallet/{user.wallet}"))["user_id"], user.id)

    def test_a_signature_is_credited_once_whoever_shows_it(self):
        user, other = self.new_user(), self.new_user()
        path = f"/api/v1/billing/wallet/{user.wallet}/deposit"
        body = {"amount": "2000", "solana_signature": f"sig-{user.id}"}
        answers = parallel(lambda _: user.post(path, body), range(10))
        self.assertEqual({x.status for x in answers}, {200})
        self.assertEqual(len({x.json()["id"] for x in answers}), 1)
        self.assertEqual(len({x.json()["created_at"] for x in answers}), 1)
        self.assertEqual(user.balance()["balance"], 2000 * NANO)
        self.refused(user.post(path, {**body, "amount": "2001"}), 409, "CONFLICT")
        self.refused(user.post(path, {**body, "currency": "FOG"}), 409, "CONFLICT")
        self.refused(other.post(f"/api/v1/billing/wallet/{other.wallet}/deposit", body), 409, "CONFLICT")
        self.refused(other.post(path, body), 404, "WALLET_NOT_FOUND")
        self.must(user.post(path, {"amount": "1"}))
        self.assertEqual(user.balance()["balance"], 2001 * NANO)
        for amount in ("0", "-1", "+1", "01", "1e3", "1.0000000001", "99999999999", "NaN", "", 1, None, "1" * 400):
            self.refused(user.post(path, {"amount": amount}), 400, "INVALID_AMOUNT")
        self.assert_books()

    def test_the_whole_saga_of_a_withdrawal(self):
        user, other = self.new_user(100 * NANO), self.new_user()
        made = self.must(self.withdraw(user, "30"), 202)
        self.assertEqual((made["state"], made["status"], made["amount"]), ("reserved", "pending", "30"))
        self.assertTrue(made["expires_at"] > made["created_at"])
        self.assertEqual(user.balance(), {"balance": 100 * NANO, "held": 30 * NANO, "available": 70 * NANO})
        path = f"/api/v1/billing/withdrawals/{made['id']}"
        self.assertEqual(self.must(user.get(path))["to_address"], ADDRESS)
        for answer in (other.get(path), other.post(path + "/cancel", None), user.get(path + "x"),
                       other.get(f"/api/v1/billing/wallet/{user.wallet}/withdrawals")):
            self.assertEqual(answer.status, 404, answer)
        self.assertEqual(user.post(f"/api/admin/withdrawals/{made['id']}/approve", None).status, 403)
        cancelled = self.must(user.post(path + "/cancel", None))
        self.assertEqual((cancelled["state"], cancelled["status"]), ("cancelled", "cancelled"))
        self.assertEqual(user.balance()["held"], 0)
        self.refused(user.post(path + "/cancel", None), 409, "CONFLICT")
        self.refused(self.admin.post(f"/api/admin/withdrawals/{made['id']}/approve", None), 409, "CONFLICT")
        second, third = (self.must(self.withdraw(user, x), 202)["id"] for x in ("40", "5"))
        approved = self.must(self.admin.post(f"/api/admin/withdrawals/{second}/approve", {"note": "seen"}))
        self.assertEqual((approved["state"], approved["status"]), ("approved", "pending"))
        self.refused(user.post(f"/api/v1/billing/withdrawals/{second}/cancel", None), 409, "CONFLICT")
        self.must(self.admin.post(f"/api/admin/withdrawals/{third}/reject", {"reason": "no"}))
        self.assertEqual(user.balance(), {"balance": 60 * NANO, "held": 0, "available": 60 * NANO})
        listed = self.must(user.get(f"/api/v1/billing/wallet/{user.wallet}/withdrawals"))["withdrawals"]
        self.assertEqual([x["state"] for x in listed], ["cancelled", "approved", "cancelled"])
        page = self.must(user.get(f"/api/v1/billing/wallet/{user.wallet}/transactions?type=withdrawal"))
        self.assertEqual([x["amount"] for x in page["transactions"]], ["40"])
        self.assert_books()

    def test_what_may_not_leave_does_not(self):
        user = self.new_user(2000 * NANO)
        self.refused(self.withdraw(user, "1000.000000001"), 429, "LIMIT_EXCEEDED")
        self.refused(self.withdraw(user, "1", to_address="0x52908400098527886E0F7030069857D2E4169EE7"), 400,
                     "INVALID_SOLANA_ADDRESS")
        self.refused(self.withdraw(user, "0"), 400, "INVALID_AMOUNT")
        self.refused(self.withdraw(user, 5), 400, "INVALID_AMOUNT")
        self.refused(self.withdraw(self.new_user(NANO), "1.000000001"), 402, "INSUFFICIENT_FUNDS")
        self.refused(self.admin.post(f"/api/v1/billing/wallet/{user.wallet}/withdraw",
                                     {"amount": "1", "to_address": ADDRESS}), 404, "WALLET_NOT_FOUND")
        self.assertEqual(user.balance()["held"], 0)

    def test_50_parallel_withdrawals_stop_exactly_at_the_limit_of_the_day(self):
        user = self.new_user(20_000 * NANO)
        answers = parallel(lambda _: self.withdraw(user, "300"), range(50))
        codes = [x.status for x in answers]
        self.assertEqual((codes.count(202), codes.count(429)), (16, 34))
        self.refused(self.withdraw(user, "200.000000001"), 429, "LIMIT_EXCEEDED")
        self.must(self.withdraw(user, "200"), 202)
        self.assertEqual(user.balance()["held"], 5000 * NANO)
        first = next(x.json()["id"] for x in answers if x.status == 202)
        self.must(user.post(f"/api/v1/billing/withdrawals/{first}/cancel", None))
        self.must(self.withdraw(user, "300"), 202)
        self.assertEqual(user.balance()["held"], 5000 * NANO)
        self.assert_books()

    def test_cancel_and_approve_at_once_have_one_winner(self):
        user = self.new_user(100 * NANO)
        for _ in range(10):
            made = self.must(self.withdraw(user, "1"), 202)["id"]
            answers = parallel(lambda i: (user.post(f"/api/v1/billing/withdrawals/{made}/cancel", None) if i % 2 else
                                          self.admin.post(f"/api/admin/withdrawals/{made}/approve", None)), range(4))
            self.assertEqual(sorted(x.status for x in answers), [200, 409, 409, 409])
        self.assertEqual(user.balance()["held"], 0)
        self.assert_books()

    def test_the_same_key_is_one_withdrawal_and_another_body_is_422(self):
        user = self.new_user(100 * NANO)
        answers = parallel(lambda _: self.withdraw(user, "7", key="k"), range(20))
        self.assertEqual({x.status for x in answers}, {202})
        self.assertEqual(len({x.body for x in answers}), 1)
        self.assertEqual(len([x for x in answers if x.headers.get("Idempotent-Replayed") == "true"]), 19)
        self.assertEqual(user.balance()["held"], 7 * NANO)
        self.refused(self.withdraw(user, "8", key="k"), 422, "IDEMPOTENCY_MISMATCH")
        made = answers[0].json()["id"]
        path = f"/api/v1/billing/withdrawals/{made}/cancel"
        first, second = user.post(path, None, "c"), user.post(path, None, "c")
        self.assertEqual((first.status, second.status, first.body), (200, 200, second.body))
        spaced = user.ask("POST", f"/api/v1/billing/wallet/{user.wallet}/withdraw",
                          json.dumps({"to_address": ADDRESS, "amount": "7"}, indent=3), {"Idempotency-Key": "k"})
        self.assertEqual(spaced.body, answers[0].body)
        self.assert_books()

    def test_stake_is_locked_freed_and_slashed_by_half_at_most(self):
        user = self.new_user(10 * NANO)
        self.refused(user.post("/api/v1/billing/stake", {"amount": "10.000000001"}), 402, "INSUFFICIENT_FUNDS")
        self.assertEqual(self.must(user.post("/api/v1/billing/stake", {"amount": "8"}))["staked_balance"], "8")
        self.assertEqual(user.balance()["balance"], 2 * NANO)
        self.refused(user.post("/api/v1/billing/unstake", {"amount": "8.1"}), 402, "INSUFFICIENT_FUNDS")
        self.must(user.post("/api/v1/billing/unstake", {"amount": "2"}))
        slash = f"/api/admin/stake/{user.id}/slash"
        self.assertEqual(user.post(slash, {"amount": "1", "reason": "x"}).status, 403)
        self.refused(self.admin.post(slash, {"amount": "3.000000001", "reason": "x"}), 409, "CONFLICT")
        self.must(self.admin.post(slash, {"amount": "3", "reason": "left in the middle"}))
        self.assertEqual(self.must(user.get("/api/v1/account"))["staked"], {"dGPU": "3"})
        self.assertEqual(self.admin.post("/api/admin/stake/nobody/slash", {"amount": "1", "reason": "x"}).status, 404)
        self.assert_books()

    def test_a_statement_opens_closes_and_adds_up(self):
        user = self.new_user()
        deposit = f"/api/v1/billing/wallet/{user.wallet}/deposit"
        for amount in ("5", "0.25"):
            self.must(user.post(deposit, {"amount": amount}))
        self.must(user.post("/api/v1/billing/stake", {"amount": "1"}))
        path = f"/api/v1/billing/wallet/{user.wallet}/statement"
        whole = self.must(user.get(path))
        self.assertEqual((whole["opening_balance"], whole["closing_balance"]), ("0", "4.25"))
        self.assertEqual([x["amount"] for x in whole["transactions"]], ["5", "0.25", "-1"])
        self.assertEqual([x["balance"] for x in whole["transactions"]], ["5", "5.25", "4.25"])
        later = self.must(user.get(path + f"?from={whole['transactions'][2]['created_at']}"))
        self.assertEqual(nano(later["opening_balance"]) + sum(
            nano(x["amount"]) if x["amount"][0] != "-" else -nano(x["amount"][1:]) for x in later["transactions"]),
            nano(later["closing_balance"]))
        answer = user.get(path + "?format=csv")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/csv"))
        lines = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual([x["balance"] for x in lines], ["0", "5", "5.25", "4.25", "4.25"])
        before = self.must(user.get(path + "?to=2020-01-01"))
        self.assertEqual((before["transactions"], before["closing_balance"]), ([], "0"))
        for bad in ("?from=yesterday", "?to=2026-13-01", "?format=pdf", "?currency=GOLD"):
            self.assertEqual(user.get(path + bad).status, 400)
        self.assertEqual(self.new_user().get(path).status, 404)

    def test_transactions_are_filtered_and_paged(self):
        user = self.new_user()
        deposit = f"/api/v1/billing/wallet/{user.wallet}/deposit"
        for i in range(6):
            self.must(user.post(deposit, {"amount": str(i + 1), "currency": "dGPU" if i % 2 else "FOG"}))
        self.must(user.post("/api/v1/billing/stake", {"amount": "1"}))
        path = f"/api/v1/billing/wallet/{user.wallet}/transactions"
        ask = lambda query: self.must(user.get(path + query))  # noqa: E731
        self.assertEqual([x["amount"] for x in ask("?type=deposit&currency=FOG")["transactions"]], ["5", "3", "1"])
        page = ask("?type=deposit&limit=4")
        self.assertEqual(len(page["transactions"]), 4)
        rest = ask(f"?type=deposit&limit=4&offset={page['next_offset']}")
        self.assertEqual((len(rest["transactions"]), rest["next_offset"]), (2, None))
        self.assertEqual(ask("?status=pending")["transactions"], [])
        self.assertEqual(len(ask("?status=confirmed")["transactions"]), 7)
        self.assertEqual(ask("?end_date=2020-01-01")["transactions"], [])
        self.assertEqual(len(ask("?start_date=2020-01-01")["transactions"]), 7)
        for bad in ("?type=gift", "?status=odd", "?start_date=x", "?currency=GOLD", "?limit=0", "?offset=-1"):
            self.assertEqual(user.get(path + bad).status, 400, bad)

    def test_an_account_shows_usage_and_ceilings(self):
        user = self.new_user(NANO)
        account = self.must(user.get("/api/v1/account"))
        self.assertEqual(set(account["usage"]), {"current_month", "last_month", "total", "currency"})
        self.assertEqual(account["limits"]["daily_spend"], None)


class ceilings_hold_back_what_they_should(Billing):
    flags = ("--slots", "0")

    def test_50_parallel_jobs_stop_exactly_at_the_users_daily_ceiling(self):
        user = self.new_user(100 * HOLD)
        limits = self.must(user.ask("PUT", "/api/v1/account/limits", {"daily_spend": decimal(10 * HOLD)}))["limits"]
        self.assertEqual(limits["daily_spend"], decimal(10 * HOLD))
        codes = [x.status for x in parallel(lambda i: user.post("/api/v1/jobs", noop(name=f"j{i}")), range(50))]
        self.assertEqual((codes.count(202), codes.count(429)), (10, 40))
        self.assertEqual(user.balance()["held"], 10 * HOLD)
        jobs = self.must(user.get("/api/v1/jobs"))["jobs"]
        self.assertEqual(user.cancel(jobs[0]["id"]).status, 202)
        user.submit(noop())  # what was released counts no more
        self.refused(user.post("/api/v1/jobs", noop()), 429, "LIMIT_EXCEEDED")
        self.must(user.ask("PUT", "/api/v1/account/limits", {"daily_spend": None}))
        user.submit(noop())
        self.assertIsNone(self.must(user.get("/api/v1/account"))["limits"]["daily_spend"])
        self.assert_books()

    def test_a_key_spends_no_more_than_its_own_ceiling(self):
        user = self.new_user(100 * HOLD)
        made = self.must(user.post("/api/api-keys", {"name": "small", "spend_limit": decimal(2 * HOLD)}), 201)
        small = type(user)(self.server.dev["base_url"], made["key"])
        codes = [small.post("/api/v1/jobs", noop()).status for _ in range(4)]
        self.assertEqual(codes, [202, 202, 429, 429])
        user.submit(noop())
        for bad in ({}, {"daily_spend": "0"}, {"daily_spend": 5}, {"hourly": "1"}, {"daily_spend": "1", "currency": "X"}):
            self.assertEqual(user.ask("PUT", "/api/v1/account/limits", bad).status, 400, bad)


class providers_are_paid_out(Billing):
    flags = ("--slots", "0")

    def test_income_matures_is_paid_out_and_the_fee_is_taken_from_it(self):
        user = self.new_user(3000 * NANO)
        stream = Stream(self.server.dev["base_url"], user.key, "?after=0")
        self.addCleanup(stream.close)
        node = self.start_node("dear", "--slots", "1", "--price-per-hour", "72000")  # 20 dGPU a second
        node.wait_log("joined")
        stream.wait_end(user.submit(script("sleep 1", max_price_per_hour="72000")))
        provider, me = self.admin, self.server.dev["admin_id"]
        path = f"/api/v1/billing/provider/{me}"
        paid = sum(x for (x,) in rows(self.data_dir, "SELECT amount FROM journal WHERE code=7"))
        self.assertGreater(paid, 15 * NANO)
        ask = lambda query="": self.must(provider.get(path + "/earnings" + query))  # noqa: E731
        until(lambda: nano(ask()["available"]) == paid, "the income is payable")
        for query in ("", "?period=day", "?period=month"):
            earned = ask(query)
            self.assertEqual((nano(earned["total_earnings"]), earned["pending_earnings"]), (paid, "0"))
            self.assertEqual((earned["total_sessions"], earned["paid_earnings"]), (1, "0"))
        self.assertGreater(nano(earned["total_hours"]), 0)
        self.assertLess(abs(nano(earned["avg_hourly_rate"]) - 72000 * NANO), 72 * NANO)
        node = self.must(user.get("/api/v1/providers"))["providers"][0]["id"]
        self.assertEqual(self.must(provider.get(f"/api/v1/billing/provider/{node}/earnings"))["total_sessions"], 1)
        self.assertEqual(user.get(path + "/earnings").status, 404)
        self.assertEqual(provider.get(path + "/earnings?period=fortnight").status, 400)
        body = {"amount": "9.999999999", "to_address": ADDRESS}
        self.refused(provider.post(path + "/payout", body), 400, "MINIMUM_PAYOUT_AMOUNT")
        self.refused(provider.post(path + "/payout", {**body, "amount": "900"}), 402, "INSUFFICIENT_FUNDS")
        self.assertEqual(user.post(path + "/payout", {**body, "amount": "10"}).status, 404)
        made = self.must(provider.post(path + "/payout", {**body, "amount": "10.000000001"}), 202)
        self.assertEqual((made["status"], made["fee"], made["net_amount"]), ("pending", "0.100000001", "9.9"))
        self.assertEqual(nano(ask()["available"]), paid - 10 * NANO - 1)
        self.must(provider.post(f"/api/admin/withdrawals/{made['id']}/approve", None))
        after = ask()
        self.assertEqual((nano(after["available"]), after["paid_earnings"]), (paid - 10 * NANO - 1, "10.000000001"))
        self.assertEqual(nano(after["total_earnings"]), paid)
        self.assert_books()


class corrections_undo_a_transfer_once(Billing):
    flags = ("--slots", "0")

    def test_an_admin_undoes_a_deposit(self):
        user = self.new_user()
        made = self.must(user.post("/api/v1/account/deposit", {"amount": "5"}))["transaction_id"]
        body = {"transaction_id": made, "note": "typed wrongly"}
        self.assertEqual(user.post("/api/admin/ledger/corrections", body).status, 403)
        undone = self.must(self.admin.post("/api/admin/ledger/corrections", body))
        self.assertEqual((undone["type"], undone["amount"], undone["corrects"]), ("correction", "5", made))
        self.assertEqual(user.balance()["balance"], 0)
        self.refused(self.admin.post("/api/admin/ledger/corrections", body), 409, "CONFLICT")
        again = self.admin.post("/api/admin/ledger/corrections", {**body, "transaction_id": undone["id"]})
        self.assertIn(again.status, (400, 409))
        self.assertEqual(self.admin.post("/api/admin/ledger/corrections",
                                         {**body, "transaction_id": "txn_x"}).status, 404)
        spent = self.must(user.post("/api/v1/account/deposit", {"amount": "5"}))["transaction_id"]
        self.must(user.post("/api/v1/billing/stake", {"amount": "5"}))
        gone = self.admin.post("/api/admin/ledger/corrections", {**body, "transaction_id": spent})
        self.assertIn(gone.status, (402, 409))
        self.assert_books()


class a_thousand_mixed_requests_on_ten_wallets_leave_exact_books(Billing):
    flags = ("--slots", "0")
    looks = 50  # at least so often somebody looked meanwhile

    def watch(self, stop, seen):
        """From a second connection: no account below what is held in it, at any time."""
        db = sqlite3.connect(f"file:{self.data_dir}/troupe.db?mode=ro", uri=True, timeout=10)
        while not stop.is_set():
            poor = db.execute("SELECT owner, kind, balance, held FROM accounts"
                              " WHERE kind <> 70 AND (balance < 0 OR held < 0 OR balance < held)").fetchall()
            sums = db.execute("SELECT asset, sum(balance) FROM accounts GROUP BY asset HAVING sum(balance) <> 0")
            seen.append((poor, sums.fetchall()))
        db.close()

    def one(self, user, kind, seed):
        """Asks for one thing; answers what it did to (balance, held, staked) of the user."""
        amount = 1 + seed % (3 * NANO)
        if kind == 0:
            answer = user.post(f"/api/v1/billing/wallet/{user.wallet}/deposit", {"amount": decimal(amount)})
            self.assertEqual(answer.status, 200, answer)
            return amount, 0, 0
        if kind == 1:
            answer = self.withdraw(user, decimal(amount))
            self.assertIn(answer.status, (202, 402, 429), answer)
            if answer.status != 202:
                return 0, 0, 0
            made = answer.json()["id"]
            if seed % 3 == 0:
                return 0, amount, 0
            if seed % 3 == 1:
                self.must(self.admin.post(f"/api/admin/withdrawals/{made}/approve", None))
                return -amount, 0, 0
            self.must(user.post(f"/api/v1/billing/withdrawals/{made}/cancel", None))
            return 0, 0, 0
        if kind == 2:
            answer = user.post("/api/v1/jobs", noop(name=f"job {seed}"))
            self.assertIn(answer.status, (202, 402), answer)
            if answer.status == 402:
                return 0, 0, 0
            if seed % 2:
                return 0, HOLD, 0
            self.assertEqual(user.cancel(answer.json()["id"]).status, 202)
            return 0, 0, 0
        lock = seed % 2
        answer = user.post("/api/v1/billing/stake" if lock else "/api/v1/billing/unstake", {"amount": decimal(amount)})
        self.assertIn(answer.status, (200, 402), answer)
        if answer.status == 402:
            return 0, 0, 0
        return (-amount, 0, amount) if lock else (amount, 0, -amount)

    def test_of_deposits_withdrawals_jobs_and_stake(self):
        users = [self.new_user(10 * NANO) for _ in range(10)]
        dice = random.Random(4711)
        work = [(users[i % 10], dice.randrange(4), dice.randrange(10**12)) for i in range(1000)]
        stop, seen = threading.Event(), []
        watcher = threading.Thread(target=self.watch, args=(stop, seen), daemon=True)
        watcher.start()
        try:
            moves = parallel(lambda x: self.one(*x), work, threads=32)
        finally:
            stop.set()
            watcher.join(30)
        self.assertGreater(len(seen), self.looks)
        self.assertEqual([x for x in seen if x != ([], [])], [])
        done = 0
        for user in users:
            mine = [m for (who, _, _), m in zip(work, moves) if who is user]
            balance, held, staked = (sum(m[i] for m in mine) for i in range(3))
            done += sum(1 for m in mine if m != (0, 0, 0))
            now = user.balance()
            self.assertEqual((now["balance"], now["held"]), (10 * NANO + balance, held))
            account = user.get("/api/v1/account").json()
            self.assertEqual(nano(account.get("staked", {}).get("dGPU", "0")), staked)
        self.assertGreater(done, 300)
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
