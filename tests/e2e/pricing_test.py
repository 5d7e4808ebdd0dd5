# Prices over REST to the last unit, and money input that is taken as it stands or refused, never rounded.
import os
import unittest

from house import Client, House, decimal, nano, noop, row_counts, run, script
from stream import Stream

CALCULATE = "/api/v1/billing/pricing/calculate"
RTX = ("nvidia-geforce-rtx-4090", 24576, 450)
VECTORS = [  # share, seconds, subtotal, fee, total: the table of the reference
    (RTX, 3600, 980450000, 49022500, 1029472500), (RTX, 60, 16340834, 817042, 17157876),
    (RTX, 61, 16613181, 830660, 17443841), (RTX, 1, 272348, 13618, 285966),
    (("nvidia-tesla-a100", 81920, 400), 9000, 9001000000, 450050000, 9451050000),
    (("nvidia-tesla-h100", 81920, 700), 3600, 5600700000, 280035000, 5880735000),
    (("apple-m2-ultra", 65536, 200), 1800, 915100000, 45755000, 960855000)]
BASE = {"nvidia-geforce-rtx-4090": 500000000, "nvidia-tesla-a100": 2000000000, "nvidia-tesla-h100": 4000000000,
        "apple-m2-ultra": 550000000}
REFUSED = ["1e3", "-1", "+1", "01", "1.0000000001", "99999999999", "NaN", "", 1, 10**400, 1.5, " 1", "1 ", ".5", "1.",
           "0x1", "Infinity", "0", None, True, [], {}, str(10**400)]
ACCEPTED = ["1", "0.000000001", "12.5", "1.100000000", "9000000"]


def body_of(share, **time):
    gpu, vram, watts = share
    return {"gpu_model": gpu, "requested_vram_mb": vram, "estimated_power_w": watts, **time}


def ceil_div(a, b):
    return -(-a // b)


def exact(share, seconds):
    gpu, vram, watts = share
    return ceil_div((BASE[gpu] * 1024 + 20_000_000 * vram + 1_024_000 * watts) * seconds, 1024 * 3600)


class a_gpu_costs_what_the_formula_says(House):
    flags = ("--slots", "0")

    def price(self, body):
        answer = self.user.post(CALCULATE, body)
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_the_vectors_of_the_reference_hold_to_the_last_unit(self):
        for share, seconds, subtotal, fee, total in VECTORS:
            got = self.price(body_of(share, duration_seconds=seconds))
            money = [nano(got[x]) for x in ("subtotal_cost", "platform_fee", "total_cost", "provider_earnings")]
            self.assertEqual(money, [subtotal, fee, total, subtotal])

    def test_every_gpu_of_the_vectors_at_1_60_61_and_3600_seconds(self):
        for share in {x[0] for x in VECTORS}:
            for seconds in (1, 60, 61, 3600):
                got = self.price(body_of(share, duration_seconds=seconds))
                self.assertEqual(nano(got["subtotal_cost"]), exact(share, seconds), (share, seconds))
                self.assertEqual(nano(got["total_hourly_rate"]), exact(share, 3600))
                parts = sum(nano(got[x]) for x in ("base_cost", "vram_cost", "power_cost"))
                self.assertEqual(parts, exact(share, seconds))

    def test_the_worked_example(self):
        self.assertEqual(self.price(body_of(RTX, duration_hours="2"))["total_cost"], "2.058945")
        got = self.price(body_of(RTX, duration_hours="1.5"))
        self.assertEqual((got["subtotal_cost"], got["platform_fee"]), ("1.470675", "0.07353375"))
        self.assertEqual(nano("2.058945") - nano(got["total_cost"]), 514736250)

    def test_hours_are_decimal_strings_and_exactly_one_duration_is_needed(self):
        for hours in ("1e3", "-1", "+1", "01", "1.0000000001", "99999999999", "NaN", "", 1, 10**400, "0"):
            self.assertEqual(self.user.post(CALCULATE, body_of(RTX, duration_hours=hours)).status, 400, hours)
        self.assertEqual(self.user.post(CALCULATE, body_of(RTX)).status, 400)
        both = body_of(RTX, duration_hours="1", duration_seconds=1)
        self.assertEqual(self.user.post(CALCULATE, both).status, 400)

    def test_an_unknown_gpu_is_404_with_the_keys_that_are_known(self):
        answer = self.user.post(CALCULATE, body_of(("voodoo-2", 12, 1), duration_seconds=1))
        self.assertEqual((answer.status, answer.json()["error_code"]), (404, "RATE_NOT_FOUND"))
        self.assertIn("nvidia-h200", answer.json()["message"])

    def test_without_a_credential_it_is_401(self):
        for method, path in (("GET", "/api/v1/billing/pricing/rates"), ("POST", CALCULATE),
                             ("GET", "/api/v1/billing/marketplace")):
            self.assertEqual(Client(self.server.dev["base_url"]).ask(method, path, "{}").status, 401)


class money_input_is_taken_exactly_or_refused(House):
    flags = ("--slots", "0")

    def test_a_deposit(self):
        user = self.new_user()
        before = row_counts(self.data_dir)
        for amount in REFUSED:
            answer = user.post("/api/v1/account/deposit", {"amount": amount, "currency": "dGPU"})
            self.assertEqual(answer.status, 400, amount)
        self.assertEqual(user.balance()["balance"], 0)
        self.assertEqual(row_counts(self.data_dir), before)
        sum_of = 0
        for amount in ACCEPTED:
            answer = user.post("/api/v1/account/deposit", {"amount": amount, "currency": "dGPU"})
            self.assertEqual(answer.status, 200, amount)
            sum_of += nano(amount)
            self.assertEqual(user.balance()["balance"], sum_of)
        self.assert_books()

    def test_a_bound_on_the_hourly_price(self):
        user = self.new_user(9_000_000 * 10**9)
        before = row_counts(self.data_dir)
        for bound in REFUSED:
            if bound is None:  # null is as good as left out
                continue
            answer = user.post("/api/v1/jobs", noop(seconds=3600, max_price_per_hour=bound))
            self.assertEqual(answer.status, 400, bound)
        self.assertEqual(row_counts(self.data_dir), before)
        self.assertEqual(user.balance()["held"], 0)
        for bound in ("1", "0.000000001", "12.5", "1.100000000", "800000"):
            answer = user.post("/api/v1/jobs", noop(seconds=3600, max_price_per_hour=bound))
            self.assertEqual(answer.status, 202, bound)
            expected = nano(bound) + ceil_div(nano(bound) * 500, 10_000)
            self.assertEqual(nano(answer.json()["hold"]["amount"]), expected)
        self.assert_books()


class an_operator_sets_the_prices(House):
    flags = None

    def test_a_bad_price_is_one_line_and_code_2(self):
        path = os.path.join(self.folder, "bad.toml")
        for text, words in (('[prices.gpu]\n"nvidia-h200" = "5.x"\n', ["prices.gpu", "nvidia-h200=5.x"]),
                            ('[prices.model]\nm = { input = "1e3", output = "1" }\n', ["prices.model", "m=1e3:1"]),
                            ('[prices.gpu]\nx = 5\n', ["prices.gpu.x", "5"]),
                            ('fee_mode = "both"\n', ["fee_mode", "both"])):
            with open(path, "w") as file:
                file.write(text)
            code, out, err = run("serve", "--config", path)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), err)
            for word in words:
                self.assertIn(word, err)

    def test_the_file_prices_jobs_and_quotes_and_the_fee_is_inclusive(self):
        path = os.path.join(self.folder, "good.toml")
        with open(path, "w") as file:
            file.write('fee_mode = "inclusive"\n[prices.gpu]\n"voodoo-2" = "7"\n"nvidia-h200" = "5.5"\n')
        cls = type(self)
        cls.flags = ("--slots", "2", "--config", path, "--gpu", "Voodoo-2:1024")
        cls.start()
        cls.admin = Client(cls.server.dev["base_url"], cls.server.dev["admin_api_key"])
        user = self.new_user(100 * 10**9)
        rates = user.get("/api/v1/billing/pricing/rates").json()
        self.assertEqual((rates["base_rates"]["voodoo-2"], rates["base_rates"]["nvidia-h200"]), ("7", "5.5"))
        got = user.post(CALCULATE, body_of(("Voodoo-2", 1024, 0), duration_hours="1")).json()
        self.assertEqual((got["total_cost"], got["provider_earnings"]), ("7.02", "6.669"))
        market = user.get("/api/v1/billing/marketplace?gpu_type=voodoo-2").json()["gpus"]
        self.assertEqual([(x["hourly_rate"], x["vram_total"]) for x in market], [("7.02", 1024)])
        own = body_of(("voodoo-2", 512, 0), duration_hours="1", provider_id=market[0]["provider_id"])
        self.assertEqual(user.post(CALCULATE, own).json()["total_cost"], "7.01")
        stream = Stream(cls.server.dev["base_url"], user.key, "?after=0")
        self.addCleanup(stream.close)
        job = user.submit(script("sleep 0.1", gpu_type="Voodoo-2"))
        cost = nano(stream.wait_end(job)["data"]["cost"])
        self.assertEqual(user.job(job)["fee_mode"], "inclusive")
        self.assertEqual(nano(user.job(job)["hold"]["amount"]), ceil_div(7 * 10**9 * 60, 3600))
        wallet = user.get(f"/api/v1/billing/user/{user.id}/wallet").json()["id"]
        rows = user.get(f"/api/v1/billing/wallet/{wallet}/transactions?job_id={job}").json()["transactions"]
        moves = {x["type"]: nano(x["amount"]) for x in rows}
        self.assertEqual(moves["platform_fee"], ceil_div(cost * 500, 10_000))
        self.assertEqual(moves["payment"], cost - moves["platform_fee"])
        self.assertEqual(user.balance()["balance"], 100 * 10**9 - cost, decimal(cost))
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
