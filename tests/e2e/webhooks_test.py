# Webhooks: a real receiver is told of events, in order and at least once, and no URL leads into private networks.
import base64
import hashlib
import hmac
import http.server
import json
import os
import threading
import time
import unittest

from house import PATIENCE, Client, House, Server, noop, row_counts, rows, run, until

ONLY_ENDS = ["job.completed", "job.failed", "job.cancelled"]


class Receiver:
    """What comes in is kept; `answers` are used up first, then 200. A closed `gate` holds answers back."""

    def __init__(self, case):
        self.requests, self.answers, self.news = [], [], threading.Condition()
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.news:
                    receiver.requests.append((self.path, self.headers, body))
                    status = receiver.answers.pop(0) if receiver.answers else 200
                    receiver.news.notify_all()
                receiver.gate.wait(60)
                try:
                    self.send_response(status)
                    if 300 <= status < 400:
                        self.send_header("Location", receiver.url("/elsewhere"))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the server was killed meanwhile

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        case.addCleanup(self.server.server_close)
        case.addCleanup(self.server.shutdown)
        case.addCleanup(self.gate.set)

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def wait(self, count, seconds=20):
        with self.news:
            enough = self.news.wait_for(lambda: len(self.requests) >= count, seconds * PATIENCE)
        assert enough, f"{len(self.requests)} of {count} came in: {self.bodies()}"
        return self.requests[:count]

    def bodies(self):
        return [json.loads(body) for _, _, body in self.requests]


def own_signatures(headers, body, secret):
    """As README.md tells users to check; which of the v1= are right."""
    parts = [x.split("=", 1) for x in headers["X-Webhook-Signature"].split(",")]
    at = dict(parts)["t"]
    assert abs(time.time() - int(at)) < 300, at
    wanted = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return [hmac.compare_digest(value, wanted) for name, value in parts if name == "v1"]


def standard_signatures(headers, body, secret):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return [hmac.compare_digest(x, wanted) for x in headers["webhook-signature"].split(" ")]


class Telling(House):
    flags = ("--slots", "2", "--outbound-allow", "127.0.0.0/8", "--webhook-retry", "1s,1s,1s")

    def hook(self, user, url, events=ONLY_ENDS, **more):
        made = user.post("/api/v1/webhooks", {"url": url, "events": events, **more})
        self.assertEqual(made.status, 201, made)
        return made.json()

    def done(self, user, **more):
        job = user.submit(noop(**more))
        until(lambda: user.job(job)["status"] == "completed", "the job ends", 20)
        return job

    def deliveries(self, user, hook):
        answer = user.get(f"/api/v1/webhooks/{hook['id']}/deliveries")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()["deliveries"]

    def wait_delivery(self, user, hook, **wanted):
        fits = lambda x: all(x[name] == value for name, value in wanted.items())
        return until(lambda: [x for x in self.deliveries(user, hook) if fits(x)], f"a delivery with {wanted}", 20)[0]


class a_webhook_is_told_of_events(Telling):
    def test_of_a_finished_job_once_and_with_good_signatures(self):
        user, receiver = self.new_user(10**10), Receiver(self)
        self.done(user)  # before there is a webhook: nothing is told of it
        hook = self.hook(user, receiver.url("/hook?a=b"))
        self.assertRegex(hook["id"], "^whk_[0-9a-f]{32}$")
        self.assertRegex(hook["secret"], r"^whsec_[A-Za-z0-9+/]{32}$")
        self.assertEqual((hook["userId"], hook["active"], hook["events"]), (user.id, True, sorted(ONLY_ENDS)))
        job = self.done(user)
        [(path, headers, body)] = receiver.wait(1)
        told = json.loads(body)
        self.assertEqual(path, "/hook?a=b")
        self.assertEqual(set(told), {"id", "event", "data", "timestamp"})
        self.assertEqual((told["event"], told["data"]["job_id"]), ("job.completed", job))
        self.assertIn("cost", told["data"])
        self.assertEqual(headers["webhook-id"], told["id"])
        self.assertEqual(own_signatures(headers, body, hook["secret"]), [True])
        self.assertEqual(own_signatures(headers, body + b" ", hook["secret"]), [False])
        self.assertEqual(standard_signatures(headers, body, hook["secret"]), [True])
        delivery = self.wait_delivery(user, hook, status="delivered")
        self.assertEqual((delivery["eventId"], delivery["attempts"], delivery["httpStatus"]), (told["id"], 1, 200))
        second = self.done(user)
        receiver.wait(2)
        self.assertEqual([x["data"]["job_id"] for x in receiver.bodies()], [job, second])
        self.wait_delivery(user, hook, eventId=receiver.bodies()[1]["id"], status="delivered")
        self.assertEqual(len(self.deliveries(user, hook)), 2)

    def test_again_with_the_same_id_until_it_takes_it_and_the_next_one_waits(self):
        user, receiver = self.new_user(10**10), Receiver(self)
        receiver.answers = [500, 503]
        hook = self.hook(user, receiver.url(), ["*"])
        self.done(user)
        receiver.wait(5)
        until(lambda: receiver.bodies()[-1]["event"] == "job.completed", "the end is told", 20)
        ids = [x["id"] for x in receiver.bodies()]
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(ids[1], ids[2])
        rest = [int(x.removeprefix("evt_")) for x in ids[2:]]
        self.assertEqual(rest, sorted(set(rest)))
        self.assertEqual([x["event"] for x in receiver.bodies()[:4]], ["job.queued"] * 3 + ["job.started"])
        self.assertEqual(len({body for _, _, body in receiver.requests[:3]}), 1)
        first = self.wait_delivery(user, hook, eventId=ids[0])
        self.assertEqual((first["status"], first["attempts"], first["error"]), ("delivered", 3, None))

    def test_no_redirect_is_followed_and_in_the_end_it_is_given_up(self):
        user, receiver = self.new_user(10**10), Receiver(self)
        receiver.answers = [302, 301, 307, 308]
        hook = self.hook(user, receiver.url())
        self.done(user)
        given_up = self.wait_delivery(user, hook, status="given_up")
        self.assertEqual((given_up["attempts"], given_up["httpStatus"]), (4, 308))
        self.assertIn("redirects are not followed", given_up["error"])
        after = self.done(user)  # what comes behind is told
        self.assertEqual(json.loads(receiver.wait(5)[4][2])["data"]["job_id"], after)
        self.assertEqual({path for path, _, _ in receiver.requests}, {"/hook"})

    def test_after_a_rotation_both_secrets_sign(self):
        user, receiver = self.new_user(10**10), Receiver(self)
        mine = "a secret that I chose".replace(" ", "-")
        hook = self.hook(user, receiver.url(), secret=mine)
        self.assertEqual(hook["secret"], mine)
        turned = user.post(f"/api/v1/webhooks/{hook['id']}/rotate-secret", None)
        self.assertEqual(turned.status, 200, turned)
        fresh = turned.json()["secret"]
        self.assertTrue(turned.json()["oldSecretEndsAt"])
        self.done(user)
        [(_, headers, body)] = receiver.wait(1)
        self.assertEqual(own_signatures(headers, body, fresh), [True, False])
        self.assertEqual(own_signatures(headers, body, mine), [False, True])
        self.assertEqual(standard_signatures(headers, body, fresh), [True])
        shown = user.get(f"/api/v1/webhooks/{hook['id']}").json()
        self.assertNotIn("secret", shown)
        self.assertEqual(shown["url"], receiver.url())
        with open(os.path.join(self.data_dir, "troupe.db"), "rb") as file:
            kept = file.read()
        with open(os.path.join(self.data_dir, "troupe.db-wal"), "rb") as file:
            kept += file.read()
        for secret in (mine, fresh, receiver.url()):
            self.assertNotIn(secret.encode(), kept)
            self.assertNotIn(secret, "\n".join(self.server.lines))

    def test_not_while_it_is_off_and_not_of_what_was_then(self):
        user, receiver = self.new_user(10**10), Receiver(self)
        hook = self.hook(user, receiver.url())
        path = f"/api/v1/webhooks/{hook['id']}"
        off = user.ask("PUT", path, {"active": False})
        self.assertEqual((off.status, off.json()["active"]), (200, False))
        self.done(user)
        self.assertEqual(user.ask("PUT", path, {"active": True}).json()["active"], True)
        after = self.done(user)
        receiver.wait(1)
        self.wait_delivery(user, hook, status="delivered")
        self.assertEqual([x["data"]["job_id"] for x in receiver.bodies()], [after])
        self.assertEqual(user.ask("DELETE", path).status, 200)
        self.assertEqual(user.get(path).status, 404)
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM webhook_deliveries WHERE webhook_id=?", hook["id"]), [(0,)])

    def test_each_user_of_their_own(self):
        ann, bob = self.new_user(10**10), self.new_user(10**10)
        of_ann, of_bob = Receiver(self), Receiver(self)
        hook = self.hook(ann, of_ann.url())
        self.hook(bob, of_bob.url())
        for verb, end in (("GET", ""), ("GET", "/deliveries"), ("POST", "/rotate-secret"), ("DELETE", "")):
            self.assertEqual(bob.ask(verb, f"/api/v1/webhooks/{hook['id']}{end}").status, 404)
        self.assertEqual(bob.ask("PUT", f"/api/v1/webhooks/{hook['id']}", {"active": False}).status, 404)
        self.assertEqual([x["id"] for x in ann.get("/api/v1/webhooks").json()["webhooks"]], [hook["id"]])
        job = self.done(ann)
        self.done(bob)
        of_bob.wait(1)
        self.assertEqual([json.loads(x[2])["data"]["job_id"] for x in of_ann.wait(1)], [job])

    def test_twenty_are_enough_and_nonsense_is_refused(self):
        user, receiver = self.new_user(), Receiver(self)
        url = receiver.url()
        before = row_counts(self.data_dir)
        for body, why in (({"url": url}, "events"), ({"url": url, "events": []}, "at least one"), ({"events": ["*"]}, "url"),
                          ({"url": url, "events": ["job.nothing"]}, "there is no event job.nothing"),
                          ({"url": url, "events": "*"}, "array"), ({"url": 5, "events": ["*"]}, "url"),
                          ({"url": url, "events": ["*"], "secret": "short"}, "16 to 128"),
                          ({"url": url, "events": ["*"], "secret": "x" * 129}, "too long"),
                          ({"url": url, "events": ["*"], "secret": "sixteen\nletters.."}, "visible"),
                          ({"url": url, "events": ["*"], "more": 1}, "more")):
            answer = user.post("/api/v1/webhooks", body)
            with self.subTest(body=body):
                self.assertEqual(answer.status, 400, answer)
                self.assertIn("Invalid webhook configuration", answer.body.decode())
                self.assertIn(why, answer.body.decode())
        self.assertEqual(row_counts(self.data_dir), before)
        for _ in range(20):
            self.hook(user, url)
        self.assertEqual(user.post("/api/v1/webhooks", {"url": url, "events": ["*"]}).status, 409)
        self.assertEqual(user.get("/api/v1/webhooks").json()["total"], 20)


class a_webhook_outlives_its_server(Telling):
    def test_a_kill_between_the_call_and_the_note_of_it_loses_nothing(self):
        user, receiver = self.new_user(10**10), Receiver(self)
        hook = self.hook(user, receiver.url())
        receiver.gate.clear()
        first = self.done(user)
        receiver.wait(1)  # told, and not answered
        second = self.done(user)
        self.server.kill()
        receiver.gate.set()
        self.start()
        receiver.wait(3)
        told = receiver.bodies()
        self.assertEqual(told[0], told[1])
        self.assertEqual([x["data"]["job_id"] for x in told[:3]], [first, first, second])
        self.wait_delivery(user, hook, eventId=told[2]["id"], status="delivered")


class urls_into_private_networks_are_refused(House):
    flags = ("--slots", "0")
    URLS = ("http://127.0.0.1", "http://127.0.0.1:8080/x", "http://[::1]", "http://[::ffff:127.0.0.1]/",
            "http://169.254.169.254/", "http://0x7f000001", "http://2130706433", "http://0177.0.0.1/", "http://127.1/",
            "http://localhost", "http://localhost:9000/x", "http://10.0.0.1", "http://192.168.1.1/", "http://[fd00::1]/",
            "ftp://93.184.216.34/", "file:///etc/passwd", "http://user:pw@93.184.216.34/", "http://93.184.216.34:22/",
            "93.184.216.34", "")

    def test_each_with_its_reason_and_nothing_is_stored(self):
        user = self.new_user()
        before = row_counts(self.data_dir)
        for url in self.URLS:
            with self.subTest(url=url):
                answer = user.post("/api/v1/webhooks", {"url": url, "events": ["*"]})
                self.assertEqual(answer.status, 400, answer)
                self.assertIn("Invalid webhook configuration", answer.body.decode())
        self.assertEqual(row_counts(self.data_dir), before)
        made = user.post("/api/v1/webhooks", {"url": "https://93.184.216.34/hook", "events": ["*"]})
        self.assertEqual(made.status, 201, made)
        for url in self.URLS:
            with self.subTest(url=url, verb="PUT"):
                answer = user.ask("PUT", f"/api/v1/webhooks/{made.json()['id']}", {"url": url})
                self.assertEqual(answer.status, 400, answer)
        self.assertEqual(user.get("/api/v1/webhooks").json()["webhooks"][0]["url"], "https://93.184.216.34/hook")

    def test_nonsense_in_the_options_is_refused(self):
        for retry in ("", "often", "5", "0s", "9d", "5s,"):
            code, _, err = run("config", "check", "--webhook-retry", retry)
            self.assertEqual((code, "--webhook-retry" in err), (2, True), (retry, err))


class a_name_that_leads_into_a_private_network_is_refused(House):
    """In a mount namespace of its own, where /etc/hosts says what names mean."""

    flags = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root for a mount namespace")
        super().setUpClass()
        cls.hosts = os.path.join(cls.folder, "hosts")
        cls.names()
        inner = f"mount --bind {cls.hosts} /etc/hosts && exec \"$0\" \"$@\""
        cls.server = cls.launch(Server(cls.data_dir, cls.port, "--slots", "1", "--webhook-retry", "1s,1s",
                                       via=("unshare", "-m", "sh", "-c", inner))).wait_ready()
        cls.user = Client(cls.server.dev["base_url"], cls.server.dev["api_key"])

    @classmethod
    def names(cls, **names):
        with open(cls.hosts, "w") as file:  # the same file: the server sees it
            file.writelines(f"{x} {name}.example.org\n" for name, all in names.items() for x in all)

    def test_at_once(self):
        self.names(private=["10.1.2.3"], both=["93.184.216.34", "127.0.0.1"])
        before = row_counts(self.data_dir)
        for name in ("private", "both"):
            answer = self.user.post("/api/v1/webhooks", {"url": f"http://{name}.example.org/", "events": ["*"]})
            self.assertEqual(answer.status, 400, answer)
            self.assertIn("the name leads to an address that is not public", answer.body.decode())
        self.assertEqual(row_counts(self.data_dir), before)

    def test_and_when_it_turns_there_later(self):
        receiver = Receiver(self)
        self.names(turns=["93.184.216.34"])
        port = receiver.server.server_address[1]
        made = self.user.post("/api/v1/webhooks", {"url": f"http://turns.example.org:{port}/", "events": ONLY_ENDS})
        self.assertEqual(made.status, 201, made)
        self.names(turns=["127.0.0.1"])
        self.user.submit(noop())
        path = f"/api/v1/webhooks/{made.json()['id']}/deliveries"
        told = until(lambda: self.user.get(path).json()["deliveries"], "an attempt", 20)[0]
        self.assertEqual(told["error"], "the name leads to an address that is not public")
        self.assertIsNone(told["httpStatus"])
        until(lambda: self.user.get(path).json()["deliveries"][0]["status"] == "given_up", "it is given up", 20)
        self.assertEqual(receiver.requests, [])
