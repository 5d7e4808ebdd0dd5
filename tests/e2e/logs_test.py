# What attempts write, against the real program: while they run, after they ended, and through kill -9.
import hashlib
import threading
import time
import unittest

from house import ENDS, PATIENCE, House, noop, script, until


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

    def test_a_follower_hears_every_character_whole_and_when_it_is_over(self):
        job = self.user.submit(script("printf 'a\\303'; sleep 0.5; printf '\\251b'; sleep 0.5; printf 'c\\377'"))
        text, offset, answers = "", 0, []
        while not (answers and answers[-1]["over"]):
            answers.append(self.log(job, f"follow=true&attempt=1&offset={offset}" if answers else "follow=true"))
            self.assertEqual(answers[-1]["offset"], offset)
            text, offset = text + answers[-1]["text"], answers[-1]["next_offset"]
        self.assertEqual(text, "aébc\ufffd")
        self.assertGreaterEqual(len(answers), 3)

    def test_the_tail_is_the_last_lines(self):
        job = self.user.submit(script("seq 100000; printf unended"))
        self.whole(job, "tail=1")
        self.assertEqual(self.log(job, "tail=1")["text"], "unended")
        tail = self.log(job, "tail=3")
        self.assertEqual(tail["text"], "99999\n100000\nunended")
        self.assertEqual(tail["next_offset"] - tail["offset"], len(tail["text"]))
        self.assertEqual(self.log(job, "tail=3&limit=10")["text"], "000\nunended"[-10:])
        both = self.log(job, "tail=1&stream=all")["streams"]
        self.assertEqual([x["text"] for x in both], ["unended", ""])
        for bad in ("tail=0", "tail=x", "tail=10001", "tail=1&offset=1"):
            self.assertEqual(self.user.get(f"/api/v1/jobs/{job}/logs?{bad}").status, 400, bad)

    def test_what_writes_nothing_is_over_with_its_end(self):
        job = self.user.submit(noop())
        self.ended(job)
        seen = self.log(job, "follow=true")
        self.assertEqual((seen["text"], seen["complete"], seen["over"]), ("", True, True))
        waits = self.user.submit(script("echo never", labels={"nowhere": "x"}))
        self.assertEqual((self.log(waits)["attempt"], self.log(waits)["over"]), (0, False))
        self.user.cancel(waits)
        self.ended(waits)
        self.assertTrue(self.log(waits, "follow=true")["over"])

    def test_each_attempt_has_a_log_of_its_own_and_they_are_counted_through_all_lives(self):
        gate = f"{self.folder}/lives"
        job = self.user.submit(script(f'echo life >> {gate}; wc -l < {gate}; cp {gate} "$TROUPE_ARTIFACTS/lives"; '
                                      f'[ "$(wc -l < {gate})" -gt 1 ]'))
        self.assertEqual(self.ended(job)["status"], "failed")
        self.assertEqual(self.user.post(f"/api/v1/jobs/{job}/redrive", {}).status, 202)
        until(lambda: self.user.job(job)["status"] == "completed", "the second life", 15, 0.05)
        self.assertEqual([self.whole(job, f"attempt={n}")["text"] for n in (1, 2)], ["1\n", "2\n"])
        self.assertEqual(self.whole(job)["attempt"], 2)
        rows = self.user.get(f"/api/v1/jobs/{job}/attempts").json()["attempts"]
        self.assertEqual([(x["attempt"], x["outcome"]) for x in rows], [(2, "succeeded"), (1, "failed")])
        path = f"/api/v1/jobs/{job}/artifacts"
        for n, text in ((1, b"life\n"), (2, b"life\nlife\n")):
            found = lambda: self.user.get(f"{path}?attempt={n}").json()["artifacts"]
            until(lambda: [x["name"] for x in found() if x["stored"]] == ["lives"], "it is stored", 15)
            self.assertEqual(self.user.get(f"{path}/lives?attempt={n}").body, text)
        for what in ("logs", "artifacts", "artifacts/lives"):
            self.assertEqual(self.user.get(f"/api/v1/jobs/{job}/{what}?attempt=3").status, 404)
            self.assertEqual(self.user.get(f"/api/v1/jobs/{job}/{what}?attempt=0").status, 400)
        stranger = self.new_user()
        for what in ("logs", "artifacts", "attempts", "artifacts/lives", "artifact?name=lives"):
            self.assertEqual(stranger.get(f"/api/v1/jobs/{job}/{what}").status, 404, what)
            self.assertEqual(self.admin.get(f"/api/v1/jobs/{job}/{what}").status, 200, what)


class logs_outlive_kill_9(House):
    flags = ("--slots", "0")

    def log(self, job_id, query=""):
        answer = self.user.get(f"/api/v1/jobs/{job_id}/logs?{query}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def test_of_the_gateway_while_the_program_writes_on(self):
        node = self.join("writer")
        self.addCleanup(node.kill)
        job = self.user.submit(script(f'echo before; while [ ! -e {self.folder}/on ]; do sleep 0.05; done; seq 1000;'
                                      ' echo kept > "$TROUPE_ARTIFACTS/file"'))
        until(lambda: self.log(job)["text"] == "before\n", "its first words", 15, 0.1)
        self.server.kill()
        open(f"{self.folder}/on", "w").close()
        type(self).start()
        until(lambda: self.log(job)["complete"], "the last byte", 30, 0.1)
        self.assertEqual(self.log(job)["text"], "before\n" + "".join(f"{i}\n" for i in range(1, 1001)))
        until(lambda: self.user.job(job)["status"] == "completed", "its end", 30, 0.1)
        self.assertEqual(self.user.job(job)["attempts"], 1)
        path = f"/api/v1/jobs/{job}/artifacts"
        until(lambda: self.user.get(path).json()["artifacts"][0]["stored"], "its file is stored", 15, 0.1)
        self.assertEqual(self.user.get(path + "/file").body, b"kept\n")
        self.server.kill()
        type(self).start()
        self.assertEqual(self.log(job, "tail=1")["text"], "1000\n")
        self.assertEqual(self.user.get(path + "/file").body, b"kept\n")
        self.assert_books()

    def test_a_server_that_is_told_to_stop_does_not_wait_for_who_follows(self):
        job = self.user.submit(noop(run_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))))
        heard = []

        def follow():
            heard.append("asks")
            heard.append(self.log(job, "follow=true")["over"])

        follower = threading.Thread(target=follow)
        follower.start()
        until(lambda: heard, "it asks")
        for _ in range(20):
            self.assertEqual(self.user.job(job)["state"], "scheduled")
        begun = time.monotonic()
        self.assertEqual(self.server.terminate(15), 0)
        self.assertLess(time.monotonic() - begun, 8 * PATIENCE)
        follower.join(10)
        self.assertEqual(heard, ["asks", False])
        type(self).start()
        self.user.hang_up()
        self.assertEqual(self.user.cancel(job).status, 202)

    def test_of_the_node_as_far_as_it_was_stored(self):
        one = self.join("dies")
        job = self.user.submit(script(f"echo one $TROUPE_ATTEMPT; [ -e {self.folder}/again ] || sleep 60"))
        until(lambda: self.log(job)["text"] == "one 1\n", "its first words", 15, 0.1)
        one.kill()
        open(f"{self.folder}/again", "w").close()
        other = self.join("lives")
        self.addCleanup(other.kill)
        until(lambda: self.user.job(job)["status"] == "completed", "its end", 30, 0.1)
        first = self.log(job, "attempt=1")
        self.assertEqual((first["text"], first["complete"]), ("one 1\n", False))
        until(lambda: self.log(job, "attempt=2")["complete"], "the second log", 15, 0.1)
        self.assertEqual(self.log(job)["text"], "one 2\n")
        rows = self.user.get(f"/api/v1/jobs/{job}/attempts").json()["attempts"]
        self.assertEqual([(x["attempt"], x["outcome"], x["provider_id"]) for x in rows],
                         [(2, "succeeded", other.node_id), (1, "lost", one.node_id)])
        over = until(lambda: (x := self.log(job, "attempt=1&follow=true&offset=6"))["over"] and x, "it is over", 60)
        self.assertEqual((over["text"], over["complete"]), ("", False))


if __name__ == "__main__":
    unittest.main()
