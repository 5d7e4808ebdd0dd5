# The public door under TLS: 1.3 and nothing else, for REST, WebSockets and our own client; certificates change under way.
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import unittest

from certificates import make_ca, make_server_certificate
from house import ENVIRONMENT, PATIENCE, Client, House, noop, run
from stream import Stream


class SecureClient(Client):
    """REST over TLS; trusts the test's CA only."""

    def __init__(self, base_url, key, ca):
        super().__init__(base_url, key)
        self.rules = ssl.create_default_context(cafile=ca)

    def ask(self, method, path, body=None, headers=None, timeout=30):
        if getattr(self.own, "line", None) is None:
            self.own.line = http.client.HTTPSConnection(self.host, self.port, timeout=timeout * PATIENCE,
                                                        context=self.rules)
        return super().ask(method, path, body, headers, timeout)

    def certificate(self):
        return self.own.line.sock.getpeercert()["subject"]


class Secure(House):
    flags = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls is Secure:
            raise unittest.SkipTest("only its children are tests")
        pki = os.path.join(cls.folder, "pki")
        make_ca(pki)
        cls.ca, cls.pki = f"{pki}/ca.pem", pki
        cls.cert, cls.key = make_server_certificate(pki, "first")
        os.environ["SSL_CERT_FILE"] = ENVIRONMENT["SSL_CERT_FILE"] = cls.ca  # for the WebSockets and our own client
        cls.flags = ("--slots", "2", "--tls-cert", cls.cert, "--tls-key", cls.key)
        cls.start()
        cls.user = cls.client()

    @classmethod
    def client(cls):
        return SecureClient(cls.server.dev["base_url"], cls.server.dev["api_key"], cls.ca)

    def s_client(self, *args, say=""):
        """What openssl's client prints, and its exit code."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-CAfile", self.ca, *args],
                              input=say, capture_output=True, text=True, timeout=30 * PATIENCE)
        return done.stdout + done.stderr, done.returncode


class the_public_door_speaks_tls_1_3_only(Secure):
    GET = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    def test_a_job_is_submitted_and_read(self):
        self.assertEqual(self.server.dev["base_url"], f"https://127.0.0.1:{self.port}")
        job = self.user.submit(noop(name="over TLS"))
        answer = self.user.get(f"/api/v1/jobs/{job}")
        self.assertEqual((answer.status, answer.json()["name"]), (200, "over TLS"))
        self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000")

    def test_version_ciphers_and_what_is_switched_off(self):
        said, code = self.s_client("-ign_eof", "-alpn", "http/1.1", say=self.GET)
        self.assertEqual(code, 0, said)
        self.assertIn("HTTP/1.1 200 OK", said)
        for words in ("New, TLSv1.3, Cipher is TLS_AES_", "Verification: OK", "ALPN protocol: http/1.1",
                      "Compression: NONE", "Early data was not sent", "Server Temp Key: X25519"):
            self.assertIn(words, said)

    def test_every_older_version_is_refused(self):
        for version in ("-tls1_2", "-tls1_1", "-tls1"):
            said, code = self.s_client(version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotEqual(code, 0, said)
            self.assertIn("Cipher is (NONE)", said)

    def test_nothing_is_renegotiated(self):
        said, _ = self.s_client(say="R\n")
        self.assertNotIn("RENEGOTIATING\ndepth", said)
        self.assertIn("Secure Renegotiation IS NOT supported", said)

    def test_weak_ciphers_and_foreign_protocols_are_refused(self):
        said, code = self.s_client("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256")
        self.assertNotEqual(code, 0, said)
        said, code = self.s_client("-alpn", "h2")
        self.assertIn("no application protocol", said)
        said, code = self.s_client("-ign_eof", "-alpn", "h2,http/1.1", say=self.GET)
        self.assertIn("ALPN protocol: http/1.1", said)

    def test_plain_http_and_rubbish_get_no_answer_and_do_no_harm(self):
        for words in (self.GET.encode(), os.urandom(4096), b"\x16\x03\x01\xff\xff" + b"\0" * 3000, b""):
            with socket.create_connection(("127.0.0.1", self.port), 10) as line:
                line.sendall(words)
                line.shutdown(socket.SHUT_WR)
                got = b""
                try:
                    while part := line.recv(4096):
                        got += part
                except ConnectionResetError:
                    pass
            self.assertNotIn(b"HTTP/1.1", got)
        self.assertEqual(self.user.get("/health").status, 200)

    def test_large_bodies_both_ways(self):
        jobs = {"jobs": [noop(name="x" * 200, description="d" * 400) for _ in range(1000)]}
        answer = self.user.post("/api/v1/jobs/batch", jobs)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(len(answer.json()["jobs"]), 1000)
        listed = self.user.get("/api/v1/jobs?limit=1000")
        self.assertEqual(len(listed.json()["jobs"]), 1000)

    def test_a_body_over_the_bound_gets_its_answer_before_the_end(self):
        """The answer must not be lost to a reset while the client is still sending."""
        with self.user.rules.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 20),
                                         server_hostname="127.0.0.1") as line:
            line.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
            try:
                for _ in range(30):
                    line.sendall(b"x" * 100_000)
            except OSError:
                pass
            self.assertIn(b"HTTP/1.1 413 ", line.recv(4096))

    def test_a_stream_over_wss_and_our_own_client(self):
        with_stream = Stream(self.server.dev["base_url"], self.server.dev["api_key"])
        job = self.user.submit(noop(name="watched"))
        with_stream.wait_for(job, "completed")
        with_stream.say('{"type":"ping"}')
        with_stream.wait(lambda x: x["type"] == "pong")
        with_stream.close()
        code, out, err = run("wallet", "--url", self.server.dev["base_url"].replace("127.0.0.1", "localhost"),
                             "--api-key", self.server.dev["api_key"])
        self.assertEqual(code, 0, out + err)

    def test_a_second_connection_of_a_client_is_resumed(self):
        ticket = os.path.join(self.folder, "ticket")
        said, _ = self.s_client("-ign_eof", "-sess_out", ticket, say=self.GET)
        said, _ = self.s_client("-ign_eof", "-sess_in", ticket, say=self.GET)
        self.assertIn("Reused, TLSv1.3", said)
        self.assertIn("HTTP/1.1 200 OK", said)


class a_certificate_changes_without_a_restart(Secure):
    def replace(self, cert, key):
        shutil.copy(cert, self.cert + ".new")
        shutil.copy(key, self.key + ".new")
        os.replace(self.cert + ".new", self.cert)
        os.replace(self.key + ".new", self.key)

    def name_now(self):
        fresh = self.client()
        self.assertEqual(fresh.get("/health").status, 200)
        name = dict(x[0] for x in fresh.certificate())["commonName"]
        fresh.hang_up()
        return name

    def test_new_connections_see_it_and_open_ones_go_on(self):
        stream = Stream(self.server.dev["base_url"], self.server.dev["api_key"])
        self.assertEqual(self.user.get("/health").status, 200)
        line = self.user.own.line
        self.assertEqual(self.name_now(), "first")
        start = len(self.server.lines)
        self.replace(*make_server_certificate(self.pki, "second"))
        self.server.wait_log("certificate read again", start=start)
        self.assertEqual(self.name_now(), "second")
        job = self.user.submit(noop())
        self.assertIs(self.user.own.line, line, "the kept connection broke")
        stream.wait_for(job, "completed")

        start = len(self.server.lines)
        with open(self.cert, "w") as file:
            file.write("no certificate\n")
        self.server.wait_log("the new certificate cannot serve; the one before stays", start=start)
        self.assertEqual(self.name_now(), "second")

        third = make_server_certificate(self.pki, "third")
        self.replace(*third)
        self.server.wait_log("certificate read again", start=start)
        self.assertEqual(self.name_now(), "third")
        self.assertEqual(len(self.server.said("the new certificate cannot serve; the one before stays")), 1)
        job = self.user.submit(noop())
        stream.wait_for(job, "completed")
        self.assertIs(self.user.own.line, line, "the kept connection broke")


class files_that_cannot_serve_are_refused_at_the_start(House):
    flags = None

    def test_one_line_and_code_2(self):
        pki = os.path.join(self.folder, "pki")
        make_ca(pki)
        cert, key = make_server_certificate(pki, "one")
        other = make_server_certificate(pki, "two")[1]
        for flags, words in ((("--tls-cert", cert), "--tls-cert and --tls-key go together"),
                             (("--tls-key", key), "--tls-cert and --tls-key go together"),
                             (("--tls-cert", cert, "--tls-key", other), "is not the key of"),
                             (("--tls-cert", key, "--tls-key", key), "holds no PEM certificate"),
                             (("--tls-cert", pki + "/none", "--tls-key", key), "holds no PEM certificate")):
            code, out, err = run("serve", "--data-dir", os.path.join(self.folder, "d"), *flags)
            self.assertEqual((code, len(err.splitlines())), (2, 1), err)
            self.assertIn(words, err)
        code, out, err = run("config", "check", "--tls-cert", cert, "--tls-key", key, "--listen", "0.0.0.0:8080")
        self.assertEqual(code, 0, err)
        self.assertIn("public door: TLS 1.3, the certificate ends on ", out)
        code, out, err = run("config", "check", "--listen", "0.0.0.0:8080")
        self.assertEqual(code, 0, err)
        self.assertIn("warning: --listen: 0.0.0.0:8080 is not loopback and without TLS", out)


if __name__ == "__main__":
    unittest.main()
