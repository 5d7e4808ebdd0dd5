# What attempts write, against the real program: while they run, after they ended, and through kill -9.
import hashlib
import unittest

from house import ENDS, House, script, until


class logs_and_artifacts_are_kept_by_attempt(House):
    def ended(self, job_id, seconds=30):
        return until(lambda: (j := self.user.job(job_id))["status"] in ENDS and j, f"the end of {job_id}", seconds, 0.05)

    def log(self, job_id, query=""):
        answer = self.user.get(f"/api/v1/jobs/{job_id}/logs?{query}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def whole(self, job_id, query=""):
        return until(lambda: (x := self.log(job_id, query))["complete"] and x, "the last byte", 15, 0.1)

    def test_a_log_is_read_while_the_job_runs_and_is_complete_with_its_last_byte(self):
        job = self.user.submit(script("echo one; read x < gate; echo two; echo bad >&2; exit 3".replace(
            "read x < gate", f"while [ ! -e {self.folder}/gate ]; do sleep 0.05; done")))
        first = self.log(job, "follow=true")
        self.assertEqual((first["text"], first["complete"]), ("one\n", False))
        open(f"{self.folder}/gate", "w").close()
        rest = self.log(job, f"follow=true&offset={first['next_offset']}")
        self.assertEqual(rest["text"], "two\n")
        self.assertEqual(self.ended(job)["status"], "failed")
        self.assertEqual(self.whole(job)["text"], "one\ntwo\n")
        both = self.log(job, "stream=all")["streams"]
        self.assertEqual([x["text"] for x in both], ["one\ntwo\n", "bad\n"])
        plain = self.user.get(f"/api/v1/jobs/{job}/logs?stream=stderr&format=text")
        self.assertEqual((plain.body, plain.headers["X-Log-Complete"]), (b"bad\n", "true"))
        for bad in ("stream=x", "offset=-1", "limit=0", "attempt=x", "follow=1", "format=xml", "stream=all&format=text"):
            self.assertEqual(self.user.get(f"/api/v1/jobs/{job}/logs?{bad}").status, 400, bad)
        self.assertEqual(self.new_user().get(f"/api/v1/jobs/{job}/logs").status, 404)

    def test_artifacts_are_downloaded_whole_in_part_and_only_by_their_owner(self):
        job = self.user.submit(script('mkdir "$TROUPE_ARTIFACTS/deep"; seq 100000 > "$TROUPE_ARTIFACTS/numbers";'
                                      ' echo x > "$TROUPE_ARTIFACTS/deep/x"; : > "$TROUPE_ARTIFACTS/empty"'))
        self.assertEqual(self.ended(job)["status"], "completed")
        path = f"/api/v1/jobs/{job}/artifacts"
        found = until(lambda: (x := self.user.get(path).json()["artifacts"]) and all(a["stored"] for a in x) and x,
                      "all of them stored", 15, 0.1)
        self.assertEqual([a["name"] for a in found], ["deep/x", "empty", "numbers"])
        whole = self.user.get(path + "/numbers")
        self.assertEqual(hashlib.sha256(whole.body).hexdigest(), found[2]["sha256"])
        part = self.user.ask("GET", path + "/numbers", None, {"Range": "bytes=2-5"})
        self.assertEqual((part.status, part.body), (206, whole.body[2:6]))
        self.assertEqual(self.user.ask("GET", path + "/numbers", None, {"Range": "bytes=-3"}).body, whole.body[-3:])
        self.assertEqual(self.user.ask("GET", path + "/numbers", None, {"Range": "bytes=9999999-"}).status, 416)
        self.assertEqual(self.user.get(path + "/empty").body, b"")
        self.assertEqual(self.user.get(f"/api/v1/jobs/{job}/artifact?name=deep/x").body, b"x\n")
        self.assertEqual(self.user.get(path + "/none").status, 404)
        self.assertEqual(self.new_user().get(path + "/numbers").status, 404)

    def test_more_than_is_kept_stays_on_the_node_and_is_listed(self):
        job = self.user.submit(script('head -c 17000000 /dev/zero > "$TROUPE_ARTIFACTS/big"; echo s > "$TROUPE_ARTIFACTS/small"'))
        self.assertEqual(self.ended(job)["status"], "completed")
        path = f"/api/v1/jobs/{job}/artifacts"
        stored = lambda: {a["name"]: a["stored"] for a in self.user.get(path).json()["artifacts"]}
        until(lambda: stored()["small"], "the small one stored", 15, 0.1)
        self.assertEqual(stored(), {"big": False, "small": True})

    def test_a_log_survives_the_gateways_kill_9(self):
        node = self.join("logger")
        job = self.user.submit(script(f"echo before; while [ ! -e {self.folder}/on ]; do sleep 0.05; done; seq 1000",
                                      labels={}))
        until(lambda: self.log(job)["text"] == "before\n", "its first words", 15, 0.1)
        holder = self.user.job(job)["provider_id"]
        self.server.kill()
        self.user.hang_up()
        open(f"{self.folder}/on", "w").close()
        type(self).start()
        end = self.ended(job, 60)
        text = self.whole(job)["text"] if end["status"] == "completed" else ""
        if holder == node.node_id or text:
            self.assertTrue(text.endswith("999\n1000\n"), text[-40:])
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
