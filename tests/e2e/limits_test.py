# Limits of tiers: exact for one key at one door and at two, kept over kill -9, told in headers; strangers by address.
import signal
import threading
import time
import unittest

from cluster_test import Cluster
from house import Client, House, free_port, rows, until
from stream import Refused, Stream

JOB_SHARDS = 64


def shard_of(text):
    """FNV-1a, as in model/shards.cpp."""
    value = 14695981039346656037
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    return value % JOB_SHARDS


def free_user(base_url, name):
    made = Client(base_url).post("/api/v1/auth/register", {"email": name, "password": "correct horse"})
    assert made.status == 201, made
    user = Client(base_url, made.json()["apiKey"])
    user.id = made.json()["user_id"]
    return user


def for_a_minute(clients, per_second=20):
    """One request after the other, in turn over the clients, for the minute that begins with the first answer."""
    answers, pace = [], threading.Event()
    began = time.monotonic()
    while time.monotonic() < began + 58.5:  # what is sent then is there before the minute is over
        answers.append(clients[len(answers) % len(clients)].get("/api/v1/account"))
        due = began + len(answers) / per_second
        pace.wait(max(0, due - time.monotonic()))
    return answers


def use_up(client):
    """All that the minute of the free tier has; its burst is 5 a second."""
    good, pace = 0, threading.Event()
    while good < 10:
        answer = client.get("/api/v1/account")
        good += answer.status == 200
        if answer.status == 429:
            pace.wait(0.25)
    return good


class a_free_user_gets_ten_requests_a_minute(House):
    flags = ("--slots", "0")

    def test_20_requests_a_second_for_a_minute_and_exactly_ten_are_answered(self):
        user = free_user(self.server.dev["base_url"], "a-minute@example.org")
        answers = for_a_minute([user])
        self.assertGreater(len(answers), 200)
        good = [x for x in answers if x.status == 200]
        self.assertEqual(len(good), 10)
        self.assertEqual({x.status for x in answers}, {200, 429})
        self.assertEqual([x.headers["X-RateLimit-Remaining"] for x in good], [str(x) for x in range(9, -1, -1)])
        refused = answers[-1]
        self.assertEqual(refused.json()["error_code"], "RATE_LIMIT_EXCEEDED")
        self.assertEqual((refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Tier"]), ("10", "free"))
        threading.Event().wait(int(refused.headers["Retry-After"]))
        self.assertEqual(user.get("/api/v1/account").status, 200)

    def test_counters_survive_kill_9(self):
        user = free_user(self.server.dev["base_url"], "killed@example.org")
        use_up(user)
        until(lambda: rows(self.data_dir, "SELECT minute_count FROM rate_counts WHERE user_id=?", user.id) == [(10,)],
              "the counters are stored", 2)
        self.server.kill()
        self.start()
        for client in (user, self.user, self.admin):
            client.hang_up()
        refused = user.get("/api/v1/account")
        self.assertEqual(refused.status, 429, refused)
        self.assertEqual(rows(self.data_dir, "SELECT minute_count, day_count FROM rate_counts WHERE user_id=?", user.id),
                         [(10, 10)])

    def test_a_new_tier_counts_from_the_next_request(self):
        user = free_user(self.server.dev["base_url"], "promoted@example.org")
        use_up(user)
        self.assertEqual(user.get("/api/v1/account").status, 429)
        self.admin.ask("PUT", f"/api/admin/users/{user.id}", {"tier": "pro"})
        answer = user.get("/api/v1/account")
        self.assertEqual((answer.status, answer.headers["X-RateLimit-Tier"]), (200, "pro"))
        self.assertEqual(answer.headers["X-RateLimit-Remaining"], "189")

    def test_one_stream_at_a_time(self):
        base = self.server.dev["base_url"]
        user = free_user(base, "streams@example.org")
        stream = Stream(base, user.key)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        refused = user.ask("GET", "/v1/stream", headers=upgrade)
        self.assertEqual((refused.status, refused.json()["error_code"]), (429, "RATE_LIMIT_EXCEEDED"))
        self.assertIn("1 open streams", refused.json()["error"])
        stream.close()

        def opens():
            try:
                Stream(base, user.key).close()
                return True
            except Refused:
                return False
        until(opens, "the place of a closed stream is free again", 5, pause=0.5)


class strangers_are_counted_by_address(House):
    flags = ("--slots", "0", "--rate-limit-per-minute", "12", "--rate-limit-burst", "6")

    def test_bad_credentials_and_open_routes_are_refused_after_their_number_and_users_never(self):
        stranger = Client(self.server.dev["base_url"], "fsk_" + "x" * 43)
        seen = [stranger.get("/api/v1/account").status for _ in range(10)]
        self.assertEqual(seen, [401] * 6 + [429] * 4)
        self.assertEqual({self.user.get("/api/v1/account").status for _ in range(50)}, {200})
        self.assertEqual({stranger.get("/health").status for _ in range(50)}, {200})
        threading.Event().wait(1)
        logins = [stranger.post("/auth/login", {"username": f"demo{i}", "password": "wrong wrong"}) for i in range(8)]
        self.assertEqual([x.status for x in logins].count(401), 6)
        self.assertGreaterEqual(int(logins[-1].headers["Retry-After"]), 1)
        threading.Event().wait(1)
        refused = stranger.get("/api/v1/account")
        self.assertEqual(refused.status, 429)
        self.assertGreater(int(refused.headers["Retry-After"]), 30)


class limits_are_exact_over_two_gateways(Cluster):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i in range(2):
            cls.start(f"g{i}")
        cls.settled()

    @classmethod
    def start(cls, name):
        gateway = cls.launch("serve", "--data-dir", f"{cls.folder}/{name}", "--listen", f"127.0.0.1:{free_port()}",
                             "--slots", "0", "--name", name, "--database", cls.database,
                             "--rate-limit-per-minute", "0")
        gateway.url = gateway.wait_log("ready", 20)["url"]
        cls.gateways[name] = gateway

    @classmethod
    def settled(cls):
        until(lambda: len(cls.sql("SELECT DISTINCT owner FROM shards JOIN gateways g ON g.id=owner").split()) == 2,
              "each has shards", 20)
        owners = "SELECT count(*) FROM shards JOIN gateways g ON g.id=owner"
        until(lambda: cls.sql(owners) == "65", "no shard is without an owner", 20)

    def user(self, name):
        """A free user, at both doors."""
        user = free_user(self.gateways["g0"].url, name)
        doors = [Client(g.url, user.key) for g in self.gateways.values()]
        return user, doors

    def test_20_requests_a_second_spread_over_two_doors_and_exactly_ten_are_answered(self):
        user, doors = self.user("spread@example.org")
        answers = for_a_minute(doors)
        self.assertEqual([x.status for x in answers].count(200), 10)
        self.assertEqual({x.status for x in answers}, {200, 429})

    def test_a_stream_at_one_door_takes_the_place_at_the_other_and_gives_it_back(self):
        for number in range(4):  # owned here and there
            user, doors = self.user(f"stream-{number}@example.org")
            stream = Stream(self.gateways["g0"].url, user.key)
            with self.assertRaises(Refused):
                Stream(self.gateways["g1"].url, user.key)
            stream.close()

            def opens():
                try:
                    Stream(self.gateways["g1"].url, user.key).close()
                    return True
                except Refused:
                    return False
            until(opens, "the place is free again", 5, pause=0.7)

    def test_a_revoked_key_is_refused_at_the_other_door_at_once(self):
        user, doors = self.user("revoked@example.org")
        made = doors[0].post("/api/api-keys", {"name": "a key"}).json()
        clients = [Client(g.url, made["key"]) for g in self.gateways.values()]
        self.assertEqual([x.get("/api/v1/account").status for x in clients], [200, 200])
        self.assertEqual(doors[0].ask("DELETE", f"/api/api-keys/{made['id']}").status, 200)
        self.assertEqual(clients[0].get("/api/v1/account").status, 401)
        until(lambda: clients[1].get("/api/v1/account").status == 401, "the other gateway has heard", 1)

    def test_when_the_owner_of_the_windows_is_killed_its_successor_knows_them(self):
        self.settled()
        user, doors = self.user("orphan@example.org")
        use_up(doors[0])
        until(lambda: self.sql(f"SELECT minute_count FROM rate_counts WHERE user_id='{user.id}'") == "10", "stored", 3)
        owner = self.owner(shard_of(user.id))
        other = "g1" if owner == "g0" else "g0"
        client = Client(self.gateways[other].url, user.key)
        self.gateways[owner].signal(signal.SIGKILL)
        self.gateways[owner].wait()
        seen = set()

        def taken():
            seen.add(client.get("/api/v1/account").status)
            return self.owner(shard_of(user.id)) == other
        until(taken, "the windows have an owner again", 20, pause=0.2)
        until(lambda: client.get("/api/v1/account").status != 503, "it answers for them", 5, pause=0.2)
        seen.add(client.get("/api/v1/account").status)
        self.assertIn(429, seen)
        self.assertLessEqual(seen, {429, 503})  # never let in, not even in between
        self.start(owner)
        self.settled()


if __name__ == "__main__":
    unittest.main()
