# Every route there is, asked with bodies and queries of known words and wild values: never a 5xx, never an end.
import glob
import json
import os
import random
import re
import unittest

from house import HERE, Client, House, noop

SOURCES = sorted(glob.glob(os.path.join(HERE, "..", "..", "http", "*.cpp")))
ROUTE = re.compile(r'"(GET|POST|PUT|PATCH|DELETE)",\s*"(/[^"]*)"')
WORD = re.compile(r'"([a-z][a-zA-Z_]{1,40})"')
ROUNDS = 4000
WILD = [None, True, False, 0, 1, -1, 2**31, 2**53, 2**63, -2**63, 2**64, 10**40, 0.5, 1e308, "", " ", "0", "1", "-1", "0.1",
        "0.0000000001", "00", "1e5", "9" * 18, "9" * 40, "dGPU", "CREDIT", "nobody", "x" * 300, "x" * 70_000, "\0", "a\nb",
        "\u202e", "\ud83d\ude00", "é", "%00", "../..", "2026-11-22T10:00:00Z", "2026-13-45T99:99:99Z", "9999-12-31T23:59:59Z",
        "* * * * *", "@daily", "* * 31 2 *", [], [[]], [None], ["a"] * 300, {}, {"a": {}}, {"": 1}, [{"type": "noop"}],
        "job_01M80JWT6E0000000000000000", "http://127.0.0.1/", "::1", "10.0.0.0/8", "a@b.example", "noop", "day", "admin"]


def routes():
    """(verb, path, words of its source) of all rows that spell their path out."""
    found = []
    for source in SOURCES:
        with open(source) as file:
            text = file.read()
        words = sorted(set(WORD.findall(text)))
        found += [(verb, path, words) for verb, path in ROUTE.findall(text)]
    return found


class a_storm_of_wild_bodies(House):
    flags = ("--slots", "1")
    seed = int(os.environ.get("TROUPE_TEST_SEED") or 7)

    def wild(self, dice, depth=0):
        if depth < 2 and dice.random() < 0.15:
            return {dice.choice(self.words): self.wild(dice, depth + 1) for _ in range(dice.randrange(4))}
        if depth < 2 and dice.random() < 0.1:
            return [self.wild(dice, depth + 1) for _ in range(dice.randrange(4))]
        return dice.choice(WILD)

    def body(self, dice):
        if dice.random() < 0.1:
            return json.dumps(self.wild(dice))
        fields = {dice.choice(self.words): self.wild(dice) for _ in range(dice.randrange(1, 9))}
        if dice.random() < 0.3:
            fields = {**noop(), **fields}
        return json.dumps(fields)

    def target(self, dice, path):
        ids = [self.job, self.server.dev["user_id"], "me", "x", "node_x", "%F0%9F%98%80", "-1", "a" * 200]
        path = re.sub(r"\{[^}]*\}", lambda _: dice.choice(ids), path)
        if dice.random() < 0.5:
            some = [f"{dice.choice(self.words)}={dice.choice(['', '1', '-1', '9' * 30, '%00', '%zz', 'day', 'x' * 100, '2026-11-22'])}"
                    for _ in range(dice.randrange(1, 4))]
            path += "?" + "&".join(some)
        return path

    def test_every_request_gets_a_clear_answer(self):
        dice, table = random.Random(self.seed), routes()
        self.assertGreater(len(table), 60, "the routes are no longer spelled as this test reads them")
        self.job = self.user.submit(noop())
        ends = {}
        for turn in range(ROUNDS):
            verb, path, self.words = dice.choice(table)
            client = dice.choice([self.user, self.user, self.admin])
            target, body = self.target(dice, path), None if verb in ("GET", "DELETE") else self.body(dice)
            about = f"seed {self.seed}, turn {turn}: {verb} {target} {(body or '')[:500]}"
            try:
                answer = client.ask(verb, target, body)
            except OSError as problem:
                self.fail(f"{about}: {problem!r}\n" + "\n".join(self.server.lines[-5:]))
            ends[answer.status] = ends.get(answer.status, 0) + 1
            self.assertLess(answer.status, 500, about + f": {answer}")
            if answer.status >= 400:
                self.assertTrue(answer.json()["error_code"], about)
        self.assertGreater(ends.get(400, 0), ROUNDS // 20, ends)
        self.assertEqual(Client(self.server.dev["base_url"]).get("/health").status, 200)
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
