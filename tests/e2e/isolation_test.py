# Programs that hide from their node's end, and docker jobs: where they go, and where they must not.
import http.server
import json
import os
import socketserver
import threading
import unittest

import house
from house import House, is_gone, run, script, until
from stream import Stream

ESCAPE = """
setsid sh -c 'echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 1000' >/dev/null 2>&1 &
while [ ! -f {pid} ]; do sleep 0.02; done
"""


class programs_that_hide_in_sessions_of_their_own(House):
    flags = ("--slots", "0")

    def start_one(self, name):
        node = self.start_node(name, "--slots", "2")
        words = node.wait_log("isolation")["control_groups"]
        if not words.startswith("v"):
            self.skipTest(f"no control groups here: {words}")
        node.wait_log("joined")
        return node

    def hidden(self, name, then):
        """The job, and the number of a process that it left in a session of its own."""
        stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(stream.close)
        path = os.path.join(self.folder, name)
        job = self.user.submit(script(ESCAPE.format(pid=path) + then))
        until(lambda: os.path.exists(path), "the program has hidden a process", 20)
        with open(path) as file:
            return stream, job, file.read().strip()

    def test_end_with_their_job(self):
        node = self.start_one("orderly")
        stream, job, pid = self.hidden("first", "echo done")
        self.assertEqual(stream.wait_end(job)["type"], "completed")
        self.assertTrue(is_gone(pid))
        self.assertEqual(node.terminate(20), 0)

    def test_end_when_their_killed_node_comes_back(self):
        node = self.start_one("killed")
        stream, job, pid = self.hidden("second", "sleep 1000")
        node.kill()
        self.assertFalse(is_gone(pid), "nobody is there who could end it")
        heard = self.start_one("killed")
        self.assertTrue(heard.said("ended programs of an earlier life"))
        self.assertTrue(is_gone(pid))
        self.user.cancel(job)
        stream.wait_end(job, 30)
        self.assert_books()


class Engine(http.server.BaseHTTPRequestHandler):
    """As much of a container engine as one job needs: every container says hello and ends."""

    protocol_version = "HTTP/1.1"
    asked = []

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_all(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        path = self.path.partition("?")[0]
        if path == "/_ping":
            self.answer(200, b"OK")
        elif path == "/containers/create":
            self.answer(201, b'{"Id":"c","Warnings":null}')
        elif path.endswith("/logs"):
            self.answer(200, b"\x01\x00\x00\x00\x00\x00\x00\x06hello\n")
        elif path.endswith("/wait"):
            self.answer(200, b'{"StatusCode":0}')
        elif path == "/containers/json":
            self.answer(200, b'[{"Id":"left"}]')
        else:
            self.answer(204)

    do_GET = do_POST = do_DELETE = handle_all

    def log_message(self, *_):
        pass

    def address_string(self):
        return "a unix socket"


class docker_jobs(House):
    flags = ("--slots", "1")  # the gateway's own node has no engine

    def engine(self):
        path = os.path.join(self.folder, "engine.sock")
        server = socketserver.ThreadingUnixStreamServer(path, Engine)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"unix://{path}"

    def test_wait_for_a_node_where_an_engine_answers_and_run_there(self):
        if not self.server.wait_log("isolation")["docker"].startswith("no"):
            self.skipTest("a real engine answers here")
        stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(stream.close)
        job = self.user.submit({"type": "docker", "name": "d", "params": {"docker_image": "busybox"}})
        after = self.user.submit(script("echo passed it"))
        self.assertEqual(stream.wait_end(after)["type"], "completed")
        self.assertEqual(self.user.job(job)["status"], "queued", "no node of today may run it")
        house.ENVIRONMENT["DOCKER_HOST"] = self.engine()
        self.addCleanup(house.ENVIRONMENT.pop, "DOCKER_HOST")
        node = self.join("with-an-engine", 1)
        self.assertTrue(node.said("removed containers of an earlier life"))
        self.assertEqual(stream.wait_end(job)["type"], "completed")
        shown = self.user.job(job)
        self.assertEqual((shown["provider_id"], shown["result"]["stdout"]), (node.node_id, "hello\n"))
        made = [json.loads(body) for verb, path, body in Engine.asked if path.startswith("/containers/create")]
        self.assertEqual([x["Labels"]["troupe.job"] for x in made], [job])
        self.assertTrue([x for x in Engine.asked if x[0] == "DELETE" and f"troupe-{job}-1" in x[1]])
        self.assert_books()
        self.assert_paid_once()

    def test_with_a_mistake_are_refused_and_nothing_is_held(self):
        before = self.user.balance()["held"]
        for params in ({}, {"docker_image": "a b"}, {"docker_image": "x", "volumes": ["/:/host"]},
                       {"docker_image": "x", "docker_network": "host"}):
            body = {"type": "docker", "name": "d", "params": params}
            self.assertEqual(self.user.post("/api/v1/jobs", body).status, 400)
        body = {"type": "docker", "name": "d", "gpu_count": 1, "params": {"docker_image": "x", "docker_gpus": 2}}
        self.assertEqual(self.user.post("/api/v1/jobs", body).status, 400)
        self.assertEqual(self.user.balance()["held"], before)


class the_check_of_the_configuration(unittest.TestCase):
    def test_says_how_programs_are_kept_apart(self):
        code, out, _ = run("config", "check")
        self.assertEqual(code, 0)
        for about in ("control groups: ", "namespaces: ", "container engine: "):
            self.assertIn(about, out)


if __name__ == "__main__":
    unittest.main()
