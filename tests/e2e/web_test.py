# What browsers, proxies and strangers in between may do: hosts, origins, forwarded headers, protection on every answer.
import http.client
import unittest

import house
from house import Client, House, noop, run

PAGE, EVIL = "https://app.example.org", "https://evil.example.org"
PROTECTION = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
              "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}


class pages_of_named_origins_may_ask_and_others_may_not(House):
    flags = ("--slots", "1", "--cors-origin", PAGE, "--cors-origin", "http://localhost:3000")

    def test_a_preflight_needs_no_credential_on_any_path(self):
        for path in ("/api/v1/jobs", "/api/v1/jobs/job_x", "/api/admin/users", "/no/such/path"):
            answer = Client(self.user_url()).ask("OPTIONS", path, headers={"Origin": PAGE, **PREFLIGHT})
            self.assertEqual(answer.status, 204, answer)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], PAGE)
            self.assertIn("Idempotency-Key", answer.headers["Access-Control-Allow-Headers"])
            self.assertIn("PATCH", answer.headers["Access-Control-Allow-Methods"])
            self.assertIsNone(answer.headers["Access-Control-Allow-Credentials"])

    def test_a_preflight_of_another_origin_is_refused(self):
        for origin in (EVIL, "null", PAGE + ".evil.org", PAGE.upper(), "http://app.example.org"):
            answer = Client(self.user_url()).ask("OPTIONS", "/api/v1/jobs", headers={"Origin": origin, **PREFLIGHT})
            self.assertEqual(answer.status, 403, answer)
            self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])

    def user_url(self):
        return self.server.dev["base_url"]

    def test_answers_and_errors_may_be_read_by_the_page(self):
        for client, path, status in ((self.user, "/api/v1/account", 200), (Client(self.user_url()), "/api/v1/account", 401),
                                     (self.user, "/api/v1/jobs/job_none", 404), (self.user, "/none", 404)):
            answer = client.ask("GET", path, headers={"Origin": PAGE})
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], PAGE)
            answer = client.ask("GET", path, headers={"Origin": EVIL})
            self.assertEqual((answer.status, answer.headers["Access-Control-Allow-Origin"]), (status, None))
            self.assertEqual(client.ask("GET", path).headers["Vary"], "Origin")

    def test_a_stream_opens_for_the_page_and_for_programs_only(self):
        key, url = self.server.dev["api_key"], self.user_url()
        self.assertEqual(self.opened(url, key, PAGE), 101)
        self.assertEqual(self.opened(url, key, None), 101)
        self.assertEqual(self.opened(url, key, EVIL), 403)

    def opened(self, url, key, origin):
        headers = {"Origin": origin} if origin else {}
        headers.update({"Authorization": f"Bearer {key}", "Connection": "Upgrade", "Upgrade": "websocket",
                        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        line.request("GET", "/v1/stream", headers=headers)
        status = line.getresponse().status
        line.close()
        return status


class every_answer_is_protected(House):
    def test_on_answers_errors_and_refusals_of_the_server_itself(self):
        anonymous = Client(self.server.dev["base_url"])
        answers = [self.user.get("/api/v1/account"), self.user.get("/health"), anonymous.get("/api/v1/account"),
                   self.user.get("/nothing"), self.user.ask("PUT", "/health"), self.user.post("/api/v1/jobs", "{"),
                   self.user.post("/api/v1/jobs", noop()),
                   self.user.ask("POST", "/api/v1/jobs", b"x" * 2_000_000), self.user.get("/" + "x" * 5000),
                   self.user.ask("GET", "/health", headers={"X-Long": "x" * 17_000})]
        self.assertEqual([x.status for x in answers], [200, 200, 401, 404, 405, 400, 202, 413, 414, 431])
        for answer in answers:
            self.assertEqual({k: answer.headers[k] for k in PROTECTION}, PROTECTION, answer)
            self.assertIsNone(answer.headers["Strict-Transport-Security"])
            self.assertEqual(answer.headers.get_all("X-Content-Type-Options"), ["nosniff"])

    def test_without_origins_nothing_is_said_to_pages(self):
        answer = self.user.ask("GET", "/api/v1/account", headers={"Origin": PAGE})
        self.assertEqual((answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]), (None, None))
        self.assertEqual(self.user.ask("OPTIONS", "/api/v1/jobs", headers={"Origin": PAGE, **PREFLIGHT}).status, 405)

    def test_headers_that_pretend_change_nothing(self):
        lies = {"X-User-ID": self.server.dev["user_id"], "X-User-Tier": "unlimited", "X-User-Role": "admin",
                "X-User-Username": "admin", "X-User-Email": self.server.dev["admin_email"], "X-Forwarded-For": "127.0.0.1",
                "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Forwarded-Proto": "https",
                "X-Original-URL": "/health", "X-Rewrite-URL": "/health", "X-HTTP-Method-Override": "DELETE"}
        anonymous = Client(self.server.dev["base_url"])
        self.assertEqual(anonymous.ask("GET", "/api/v1/account", headers=lies).status, 401)
        self.assertEqual(self.user.ask("GET", "/api/admin/usage", headers=lies).status, 403)
        account = self.user.ask("GET", "/api/v1/account", headers=lies)
        self.assertEqual(account.json()["id"], self.server.dev["user_id"])
        self.assertIsNone(account.headers["Strict-Transport-Security"])
        profile = self.user.ask("GET", "/api/v1/auth/profile", headers=lies).json()
        self.assertEqual(profile["role"], self.user.get("/api/v1/auth/profile").json()["role"])


class only_named_hosts_are_answered(House):
    flags = ("--slots", "0", "--trusted-host", "127.0.0.1", "--trusted-host", "*.example.org",
             "--trusted-proxy", "127.0.0.0/8")

    def test_others_get_421_whatever_they_ask(self):
        for host in ("api.example.org", "API.EXAMPLE.ORG:8080", f"127.0.0.1:{self.port}"):
            self.assertEqual(self.user.ask("GET", "/health", headers={"Host": host}).status, 200, host)
        for host in ("example.org", "evil.org", "localhost", "api.example.org.evil.org", "[::1]", ""):
            answer = self.user.ask("GET", "/health", headers={"Host": host})
            self.assertEqual((answer.status, answer.json()["error_code"]), (421, "MISDIRECTED_REQUEST"), host)

    def test_a_trusted_proxy_says_that_there_was_TLS(self):
        answer = self.user.ask("GET", "/health", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"})
        self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000")


class settings_of_the_door_are_checked(House):
    flags = None

    def test_one_line_each(self):
        for flags, words in ((("--cors-origin", "https://a.org/path"), "is not http(s)://HOST[:PORT]"),
                             (("--cors-origin", "https://*.a.org"), "is not http(s)://HOST[:PORT]"),
                             (("--cors-origin", "*", "--cors-credentials"), "is refused together with the origin *"),
                             (("--trusted-host", "a.org:80"), "is no host name"),
                             (("--trusted-host", "a b"), "is no host name"),
                             (("--trusted-proxy", "10.0.0.0/33"), "is no address and no range"),
                             (("--outbound-allow", "localhost"), "is no address and no range"),
                             (("--cors-header", "a b"), "is no name of a header")):
            code, out, err = run("config", "check", *flags)
            self.assertEqual((code, len(err.splitlines())), (2, 1), (flags, out, err))
            self.assertIn(words, err)

    def test_lists_of_the_environment_are_read(self):
        house.ENVIRONMENT["CORS_ORIGINS"] = '["http://a","http://b"]'
        house.ENVIRONMENT["TRUSTED_HOSTS"] = "a.org,*.b.org"
        self.addCleanup(house.ENVIRONMENT.pop, "CORS_ORIGINS")
        self.addCleanup(house.ENVIRONMENT.pop, "TRUSTED_HOSTS")
        code, out, err = run("config", "show")
        self.assertEqual(code, 0, err)
        self.assertIn('cors_origin = ["http://a", "http://b"]', out)
        self.assertIn('trusted_host = ["a.org", "*.b.org"]', out)


if __name__ == "__main__":
    unittest.main()
