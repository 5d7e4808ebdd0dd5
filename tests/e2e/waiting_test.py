# Jobs that wait, against the real program: deadlines, parents, timetables and another life, with kill -9 in between.
import os
import sqlite3
import time
import unittest

from house import ENDS, House, nano, noop, rows, script, until


class jobs_wait_for_their_time_their_parents_and_their_owners(House):
    def ended(self, job_id, seconds=20):
        return until(lambda: (j := self.user.job(job_id))["status"] in ENDS and j, f"the end of {job_id}", seconds, 0.05)

    def test_a_job_that_is_not_started_in_time_expires_and_costs_nothing(self):
        before = self.user.balance()
        job = self.user.submit(noop(name="late", gpu_type="h200", queue_ttl_seconds=1))
        found = self.ended(job, 5)
        self.assertEqual((found["status"], found["state"], found["error"]["code"]), ("failed", "expired", "expired"))
        self.assertEqual(self.user.balance(), before)

    def test_bad_times_to_wait_get_one_clear_error(self):
        for field in ({"queue_ttl_seconds": 0}, {"queue_ttl_seconds": "1"}, {"deadline": "yesterday"}, {"deadline": 5},
                      {"deadline": -1}, {"delay_seconds": -1}, {"delay_seconds": 10**12}, {"depends_on": "x"},
                      {"depends_on": ["job_x"] * 65}, {"depends_on": ["#0"]}, {"depends_on": [""]}, {"retry": 5},
                      {"retry": {"base_seconds": 0}}, {"retry": {"base_seconds": 60, "max_seconds": 5}},
                      {"retry": {"more": 1}}, {"delay_seconds": 60, "queue_ttl_seconds": 30},
                      {"delay_seconds": 5, "run_at": "2030-01-01T00:00:00Z"}):
            answer = self.user.post("/api/v1/jobs", noop(**field))
            self.assertEqual(answer.status, 400, (field, answer))
        self.assertEqual(self.user.post("/api/v1/jobs", noop(depends_on=["job_none"])).status, 404)

    def test_a_batch_runs_in_the_order_of_its_dependencies(self):
        mark = os.path.join(self.folder, "order")
        jobs = [script(f"echo a >> {mark}", "a"), script(f"echo b >> {mark}", "b", depends_on=["#0"]),
                script(f"echo c >> {mark}", "c", depends_on=["#1", "#0"])]
        ids = [x["id"] for x in self.user.post("/api/v1/jobs/batch", {"jobs": jobs}).json()["jobs"]]
        self.assertEqual(self.ended(ids[2])["status"], "completed")
        with open(mark) as file:
            self.assertEqual(file.read().split(), ["a", "b", "c"])
        self.assertEqual(self.user.job(ids[2])["depends_on"], [ids[1], ids[0]])

    def test_a_parent_that_fails_cancels_what_depends_on_it(self):
        before = self.user.balance()["held"]
        jobs = [script("exit 3"), noop(depends_on=["#0"]), noop(depends_on=["#1"]), noop(depends_on=["#7"])]
        answers = self.user.post("/api/v1/jobs/batch", {"jobs": jobs}).json()["jobs"]
        self.assertEqual(answers[3]["status"], 400)
        last = self.ended(answers[2]["id"])
        self.assertEqual((last["status"], last["error"]["code"]), ("cancelled", "parent_failed"))
        self.assertEqual(self.user.balance()["held"], before)

    def test_a_batch_sent_again_under_its_key_is_the_same_jobs(self):
        jobs = {"jobs": [noop(), noop(depends_on=["#0"])]}
        first = self.user.post("/api/v1/jobs/batch", jobs, "batch-1").json()["jobs"]
        again = self.user.post("/api/v1/jobs/batch", jobs, "batch-1").json()["jobs"]
        self.assertEqual([x["id"] for x in first], [x["id"] for x in again])

    def test_a_child_that_was_too_dear_joins_its_parent_when_the_batch_comes_again(self):
        poor = self.new_user(nano("0.3"))
        jobs = {"jobs": [noop(seconds=3600, max_price_per_hour="0.2"),
                         noop(seconds=3600, max_price_per_hour="0.2", depends_on=["#0"])]}
        first = poor.post("/api/v1/jobs/batch", jobs, "dear").json()["jobs"]
        self.assertEqual(first[1]["status"], 402)
        gift = {"user_id": poor.id, "amount": "1", "currency": "dGPU", "description": "more"}
        self.assertEqual(self.admin.post("/api/admin/credits/grant", gift).status, 200)
        again = poor.post("/api/v1/jobs/batch", jobs, "dear").json()["jobs"]
        self.assertEqual(again[0]["id"], first[0]["id"])
        self.assertEqual(poor.job(again[1]["id"])["depends_on"], [first[0]["id"]])

    def test_a_failed_job_is_redriven_and_paid_for_each_of_its_lives(self):
        mark = os.path.join(self.folder, "second-life")
        job = self.user.submit(script(f"test -e {mark}"))
        self.assertEqual(self.ended(job)["state"], "failed")
        self.assertEqual(self.user.post(f"/api/v1/jobs/{job}/redrive", {"x": 1}).status, 400)
        open(mark, "w").close()
        first = self.user.post(f"/api/v1/jobs/{job}/retry", None, "again")
        self.assertEqual(first.status, 202, first)
        self.assertEqual(self.ended(job)["status"], "completed")
        again = self.user.post(f"/api/v1/jobs/{job}/retry", None, "again")
        self.assertEqual((again.status, again.headers["Idempotent-Replayed"]), (202, "true"))
        self.assertEqual(self.user.post(f"/api/v1/jobs/{job}/redrive", None).status, 409)
        self.assertEqual(self.new_user().post(f"/api/v1/jobs/{job}/redrive", None).status, 404)

    def test_failed_jobs_are_listed_by_state_and_redriven_together(self):
        user = self.new_user(nano("10"))
        ids = [user.submit(script("exit 1")) for _ in range(3)]
        for x in ids:
            until(lambda: user.job(x)["status"] == "failed", "its end")
        listed = user.get("/api/v1/jobs?state=failed").json()["jobs"]
        self.assertEqual({x["id"] for x in listed}, set(ids))
        self.assertEqual(user.get("/api/v1/jobs?state=dead").json()["jobs"], [])
        for bad in ("?state=x", "?state=dead&status=completed"):
            self.assertEqual(user.get("/api/v1/jobs" + bad).status, 400)
        many = user.post("/api/v1/jobs/redrive", {"state": "failed", "limit": 2}).json()["jobs"]
        self.assertEqual(len(many), 2)
        some = user.post("/api/v1/jobs/redrive", {"ids": [ids[0], "job_none"]}).json()["jobs"]
        self.assertEqual(some[1]["status"], 404)
        for bad in ({}, {"ids": []}, {"state": "succeeded"}, {"ids": ids, "state": "dead"}, {"ids": "x"}):
            self.assertEqual(user.post("/api/v1/jobs/redrive", bad).status, 400, bad)

    def test_a_waiting_job_is_put_off_and_brought_forward(self):
        job = self.user.submit(noop(delay_seconds=3600))
        path = f"/api/v1/jobs/{job}"
        self.assertEqual(self.user.job(job)["state"], "scheduled")
        for bad in ({}, {"priority": 10}, {"run_at": 5}, {"name": "x"}):
            self.assertEqual(self.user.ask("PATCH", path, bad).status, 400, bad)
        changed = self.user.ask("PATCH", path, {"priority": 9, "run_at": "2001-01-01T00:00:00Z"})
        self.assertEqual((changed.status, changed.json()["priority"]), (200, 9))
        self.assertEqual(self.ended(job)["status"], "completed")
        self.assertEqual(self.user.ask("PATCH", path, {"priority": 1}).status, 409)

    def test_timetables_are_made_shown_changed_run_and_removed(self):
        body = {"name": "nightly", "cron": "0 3 * * *", "timezone": "UTC", "job": noop(name="n"), "overlap": "skip"}
        for bad in ({"cron": "61 * * * *"}, {"timezone": "Europe/Berlin"}, {"job": {"type": "noop"}}, {"job": 5},
                    {"overlap": "never"}, {"catch_up": 1}, {"end_at": "2001-01-01T00:00:00Z"}, {"name": ""},
                    {"job": noop(depends_on=["x"])}, {"more": 1}):
            answer = self.user.post("/api/v1/schedules", {**body, **bad})
            self.assertEqual(answer.status, 400, (bad, answer))
        made = self.user.post("/api/v1/schedules", body, "s-1")
        self.assertEqual(made.status, 201, made)
        path = "/api/v1/schedules/" + made.json()["id"]
        self.assertEqual(self.user.post("/api/v1/schedules", body, "s-1").json()["id"], made.json()["id"])
        self.assertTrue(made.json()["next_run_at"].endswith("T03:00:00.000Z"), made.json())
        self.assertEqual(self.new_user().get(path).status, 404)
        self.assertIsNone(self.user.post(path + "/pause", None).json()["next_run_at"])
        self.assertIsNotNone(self.user.post(path + "/resume", None).json()["next_run_at"])
        changed = self.user.ask("PUT", path, {**body, "cron": "@hourly"})
        self.assertTrue(changed.json()["next_run_at"].endswith(":00:00.000Z"), changed)
        run = self.user.post(path + "/run", None, "r-1")
        self.assertEqual(run.status, 202, run)
        self.assertEqual(self.user.post(path + "/run", None, "r-1").json()["id"], run.json()["id"])
        self.assertEqual(self.ended(run.json()["id"])["status"], "completed")
        self.assertEqual([x["job_id"] for x in self.user.get(path).json()["runs"]], [run.json()["id"]])
        self.assertIn(made.json()["id"], [x["id"] for x in self.user.get("/api/v1/schedules").json()["schedules"]])
        self.assertEqual(self.user.ask("DELETE", path).status, 200)
        self.assertEqual(self.user.get(path).status, 404)

    def test_zz_the_books_are_right(self):
        self.assert_books()


class what_waits_survives_kill_9(House):
    flags = ("--slots", "4")

    def kill(self):
        self.server.kill()
        self.user.hang_up()

    def test_between_a_parents_end_and_its_childs_start_the_server_dies_again_and_again(self):
        user = self.user
        jobs = [noop(150, f"parent {i}") for i in range(20)]
        jobs += [noop(5, f"child {i}", depends_on=[f"#{i}", f"#{(i + 7) % 20}"]) for i in range(20)]
        ids = [x["id"] for x in user.post("/api/v1/jobs/batch", {"jobs": jobs}).json()["jobs"]]
        late = user.submit(noop(name="late", gpu_type="h200", queue_ttl_seconds=2))
        for _ in range(5):
            done = sum(user.job(x)["status"] == "completed" for x in ids)
            self.kill()
            type(self).start()
            if done == len(ids):
                break
        until(lambda: all(user.job(x)["status"] == "completed" for x in ids), "every child's end", 40, 0.1)
        until(lambda: user.job(late)["state"] == "expired", "the end of what came too late", 15, 0.1)
        open_holds = rows(self.data_dir, "SELECT count(*) FROM holds WHERE state = 1")[0][0]
        self.assertEqual(open_holds, 0)
        self.assert_books()
        self.assert_paid_once()

    def test_a_timetable_fires_once_for_each_time_across_a_kill(self):
        made = self.user.post("/api/v1/schedules", {"name": "m", "cron": "* * * * *", "catch_up": "one",
                                                    "job": noop(name="by the clock")}).json()
        due = int(time.time() // 60 * 60 - 60) * 1000
        self.kill()
        db = sqlite3.connect(os.path.join(self.data_dir, "troupe.db"))
        with db:  # the clock cannot be turned from outside, the timetable can
            db.execute("UPDATE schedules SET next_ms = ? WHERE id = ?", (due, made["id"]))
        db.close()
        for _ in range(3):
            type(self).start()
            path = "/api/v1/schedules/" + made["id"]
            until(lambda: self.user.get(path).json()["last_job_id"], "its firing")
            self.kill()
        type(self).start()
        fired = rows(self.data_dir, "SELECT fire_ms, job_id FROM firings WHERE schedule_id = ?", made["id"])
        self.assertLessEqual(len(fired), 2)  # a minute may begin meanwhile
        self.assertEqual(len({x for _, x in fired}), len(fired))
        self.user.ask("DELETE", "/api/v1/schedules/" + made["id"])
        self.assert_books()


if __name__ == "__main__":
    unittest.main()
