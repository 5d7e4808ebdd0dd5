# Logins at a real OpenID Connect provider (npm's oidc-provider), driven by a small browser with a cookie jar.
import html
import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from house import HERE, PATIENCE, Client, House, free_port, rows
from mfa_test import Person, totp

SECRET = "a secret of the test & more"
CALLBACK = "/api/v1/auth/oidc/callback"


def why_not(folder):
    """Installs the provider; why it cannot be had, or nothing."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    if int(re.match(r"v(\d+)", version)[1]) < 20:
        return "it needs node 20, this is " + version.strip()
    for name in os.listdir(os.path.join(HERE, "oidc")):
        shutil.copy(os.path.join(HERE, "oidc", name), folder)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"], cwd=folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return None if done.returncode == 0 else "npm could not install it: " + done.stderr[-200:]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Page:
    def __init__(self, url, reply):
        self.url, self.status, self.headers, self.body = url, reply.status, reply.headers, reply.read().decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.url}: {self.status} {self.body[:300]}"


class Browser:
    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), NoRedirect)

    def load(self, url, form=None):
        data = urlencode(form).encode() if form else None
        try:
            return Page(url, self.opener.open(url, data, timeout=10 * PATIENCE))
        except urllib.error.HTTPError as reply:
            return Page(url, reply)

    def follow(self, page, stop=None):
        """Redirects until there is none, or one that leads to `stop`, whose address is the answer."""
        for _ in range(20):
            if page.status not in (302, 303):
                return page
            url = urljoin(page.url, page.headers["Location"])
            if stop and url.startswith(stop):
                return url
            page = self.load(url)
        raise AssertionError(f"redirected in circles: {page}")

    def log_in(self, url, name, gateway):
        """Goes there, logs in at the provider, agrees, and is sent back: the address of the gateway's callback."""
        page = self.follow(self.load(url), gateway + CALLBACK)
        for _ in range(4):
            if isinstance(page, str):
                return page
            action = re.search(r'action="([^"]+)"', page.body)
            prompt = re.search(r'name="prompt" value="([^"]+)"', page.body)
            assert action and prompt, page
            form = {"prompt": prompt[1], "login": name, "password": "any"}
            page = self.follow(self.load(urljoin(page.url, html.unescape(action[1])), form), gateway + CALLBACK)
        raise AssertionError(f"never came back: {page}")


class people_log_in_at_a_real_provider(House):
    flags = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place = tempfile.mkdtemp(prefix="troupe-oidc-")
        cls.addClassCleanup(shutil.rmtree, cls.place, True)
        reason = why_not(cls.place)
        if reason:
            print(f"\nSKIPPED, nothing was tested against a real OpenID Connect provider: {reason}", file=sys.stderr)
            raise unittest.SkipTest(reason)
        cls.provider_port = free_port()
        cls.issuer, cls.base = f"http://127.0.0.1:{cls.provider_port}", f"http://127.0.0.1:{cls.port}"
        cls.start_provider()
        cls.flags = ("--slots", "0", "--rate-limit-per-minute", "0", "--oidc-issuer", cls.issuer, "--oidc-client-id",
                     "troupe", "--oidc-client-secret", SECRET, "--public-url", cls.base)
        cls.start()

    @classmethod
    def start_provider(cls):
        cls.provider = subprocess.Popen(["node", "provider.mjs", str(cls.provider_port), cls.base + CALLBACK],
                                        cwd=cls.place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        cls.addClassCleanup(cls.stop_provider)
        for line in cls.provider.stdout:
            if line.strip() == "ready":
                threading.Thread(target=cls.provider.stdout.read, daemon=True).start()
                return
        raise AssertionError("the provider does not start")

    @classmethod
    def stop_provider(cls):
        cls.provider.kill()
        cls.provider.wait()

    def back_from(self, name, browser=None, start=None):
        return (browser or Browser()).log_in(start or self.base + "/api/v1/auth/oidc/login", name, self.base)

    def login(self, name):
        browser = Browser()
        return browser.load(self.back_from(name, browser))

    def email(self, prefix="ann"):
        return f"{prefix}-{os.urandom(5).hex()}@example.org"

    def test_the_first_login_makes_a_user_and_the_next_ones_find_it(self):
        name, under_way = self.email(), rows(self.data_dir, "SELECT count(*) FROM oidc_logins")
        first = self.login(name)
        self.assertEqual(first.status, 200, first)
        self.assertEqual(first.headers["Cache-Control"], "no-store")
        me = Client(self.base, first.json()["access_token"]).get("/api/v1/auth/profile").json()
        self.assertEqual((me["email"], me["role"], me["tier"]), (name, "user", "free"))
        again = self.login(name)
        self.assertEqual(again.json()["user_id"], me["id"])
        self.assertNotEqual(again.json()["session_id"], first.json()["session_id"])
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM oidc_logins"), under_way)
        for guess in ("", "any", " "):
            refused = Client(self.base).post("/api/v1/auth/login", {"email": name, "password": guess})
            self.assertIn(refused.status, (400, 401), "nobody knows a password of it")

    def test_a_login_asks_with_state_nonce_and_challenge(self):
        page = Browser().load(self.base + "/auth/oidc/login")
        self.assertEqual(page.status, 302)
        to = urlsplit(page.headers["Location"])
        asked = {k: v[0] for k, v in parse_qs(to.query).items()}
        self.assertEqual((to.port, asked["response_type"], asked["client_id"], asked["code_challenge_method"]),
                         (self.provider_port, "code", "troupe", "S256"))
        self.assertEqual((asked["redirect_uri"], asked["scope"]), (self.base + CALLBACK, "openid email"))
        self.assertEqual((len(asked["state"]), len(asked["code_challenge"]), len(asked["nonce"])), (43, 43, 22))
        cookie = page.headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Lax", cookie)
        kept = rows(self.data_dir, "SELECT state_hash, kept FROM oidc_logins")
        self.assertNotIn(asked["state"], str(kept))
        self.assertNotIn(asked["nonce"], str(kept))

    def assert_bad_state(self, page):
        self.assertEqual((page.status, page.json()["error_code"]), (400, "OIDC_STATE_INVALID"), page)

    def test_a_way_back_is_good_once_and_for_the_browser_that_left(self):
        browser, other = Browser(), Browser()
        back = self.back_from(self.email(), browser)
        self.assert_bad_state(other.load(back))
        self.back_from(self.email(), other)
        self.assert_bad_state(other.load(back))
        self.assert_bad_state(browser.load(back.replace("state=", "state=x")))
        self.assert_bad_state(browser.load(back.replace("iss=http", "iss=https")))
        kept = [(x.name, x.value) for x in browser.jar if x.name == "troupe_oidc"]
        self.assertEqual(browser.load(back).status, 200)
        again = urllib.request.Request(back, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in kept)})
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(again)
        self.assert_bad_state(Page(back, refused.exception))

    def test_a_wrong_code_is_refused_and_uses_the_attempt_up(self):
        browser = Browser()
        back = self.back_from(self.email(), browser)
        refused = browser.load(re.sub(r"code=[^&]+", "code=guessed", back))
        self.assertEqual((refused.status, refused.json()["error_code"]), (401, "OIDC_CODE_REFUSED"), refused)
        self.assert_bad_state(browser.load(back))

    def test_a_login_that_the_person_breaks_off_is_refused(self):
        browser = Browser()
        page = browser.follow(browser.load(self.base + "/api/v1/auth/oidc/login"))
        abort = re.search(r'href="([^"]*/abort)"', page.body)
        back = browser.follow(browser.load(urljoin(page.url, abort[1])), self.base + CALLBACK)
        refused = browser.load(back)
        self.assertEqual((refused.status, refused.json()["error_code"]), (401, "OIDC_DENIED"), refused)

    def test_an_account_that_is_there_is_never_taken_over_but_can_be_linked(self):
        ann = Person(self)
        before = rows(self.data_dir, "SELECT count(*) FROM sessions")
        taken = self.login(ann.email)
        self.assertEqual((taken.status, taken.json()["error_code"]), (409, "ACCOUNT_EXISTS"), taken)
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM oidc_links WHERE user_id=?", ann.id), [(0,)])
        self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM sessions"), before)
        self.link(ann, ann.email)
        inside = self.login(ann.email)
        self.assertEqual((inside.status, inside.json()["user_id"]), (200, ann.id), inside)
        bob = Person(self)
        self.assertEqual(self.link(bob, ann.email).status, 409, "that account is somebody's already")

    def link(self, person, name):
        answer = person.session.post("/api/v1/auth/oidc/link", {})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(Client(self.base, person.key).post("/api/v1/auth/oidc/link", {}).status, 403)
        browser = Browser()
        back = browser.log_in(answer.json()["authorization_url"], name, self.base)
        state = parse_qs(urlsplit(back).query)["state"][0]
        self.assertIn("troupe_oidc=" + state, answer.headers["Set-Cookie"])
        done = urllib.request.Request(back, headers={"Cookie": "troupe_oidc=" + state})
        try:
            page = Page(back, urllib.request.urlopen(done))
            self.assertEqual(page.json()["linked"], True)
            return page
        except urllib.error.HTTPError as refused:
            return Page(back, refused)

    def test_an_address_that_is_not_verified_opens_nothing(self):
        refused = self.login(self.email("new-bob"))
        self.assertEqual((refused.status, refused.json()["error_code"]), (403, "EMAIL_NOT_VERIFIED"), refused)

    def test_a_second_factor_is_asked_for_all_the_same(self):
        ann = Person(self).enable()
        self.link(ann, ann.email)
        inside = self.login(ann.email).json()
        self.assertTrue(inside["mfa_required"])
        session = Client(self.base, inside["access_token"])
        self.assertEqual(session.get("/api/v1/account").json()["error_code"], "MFA_REQUIRED")
        shown = session.post("/auth/mfa/verify", {"method": "totp", "token": totp(ann.secret, 30)})
        self.assertEqual(shown.status, 200, shown)
        self.assertEqual(session.get("/api/v1/account").status, 200)

    def test_a_login_goes_on_at_a_server_that_was_killed_meanwhile(self):
        browser = Browser()
        back = self.back_from(self.email(), browser)
        self.server.kill()
        self.start()
        self.assertEqual(browser.load(back).status, 200)

    def test_a_provider_that_is_away_is_503_and_changes_nothing(self):
        browser = Browser()
        back = self.back_from(self.email(), browser)
        users = rows(self.data_dir, "SELECT count(*) FROM users")
        self.stop_provider()
        try:
            away = browser.load(back)
            self.assertEqual((away.status, away.json()["error_code"]), (503, "OIDC_PROVIDER_ERROR"), away)
            self.assertEqual(rows(self.data_dir, "SELECT count(*) FROM users"), users)
        finally:
            self.start_provider()


class without_a_provider(House):
    flags = ("--slots", "0")

    def test_there_is_nothing_to_log_in_at(self):
        anybody = Client(self.server.dev["base_url"])
        for path in ("/api/v1/auth/oidc/login", CALLBACK + "?state=x&code=y"):
            self.assertEqual(anybody.get(path).status, 404)


if __name__ == "__main__":
    unittest.main()
