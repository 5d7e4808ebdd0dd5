# The life of a job as its owner sees it on /v1/stream, and what a listener is promised about it.
import os
import unittest

from house import House, nano, noop, script
from stream import Refused, Stream

TEXT = "/usr/share/common-licenses/GPL-3"
COUNT_WORDS = """
total=$(wc -l < %s)
seen=0
while [ $seen -lt 8 ]; do
  seen=$((seen + 1))
  head -n $((total * seen / 8)) %s | wc -w > words
  echo "TROUPE {\\"progress\\":0.$((seen * 12)),\\"message\\":\\"part $seen\\"}"
  sleep 0.12
done
echo words: $(cat words)
""" % (TEXT, TEXT)


class a_job_is_seen_on_the_stream(House):
    def listen(self, query="?after=0", key=None):
        stream = Stream(self.server.dev["base_url"], key or self.user.key, query)
        self.addCleanup(stream.close)
        return stream

    def test_from_queued_over_started_and_progress_to_completed(self):
        stream = self.listen("")
        job = self.user.submit(script(COUNT_WORDS, "word statistics"))
        end = stream.wait_end(job)
        frames = stream.of(job)
        kinds = [x["type"] for x in frames]
        self.assertEqual(kinds[:2], ["queued", "started"])
        self.assertEqual(kinds[-1], "completed")
        self.assertEqual(set(kinds[2:-1]), {"progress"})
        self.assertGreaterEqual(kinds.count("progress"), 3)
        numbers = [x["data"]["progress"] for x in frames if x["type"] == "progress"]
        self.assertEqual(numbers, sorted(numbers))
        self.assertTrue(frames[2]["data"]["message"].startswith("part "))
        sequence = [x["seq"] for x in frames]
        self.assertEqual(sequence, sorted(set(sequence)))
        shown = self.user.job(job)
        with open(TEXT) as file:
            self.assertEqual(shown["result"]["stdout"].split(), ["words:", str(len(file.read().split()))])
        self.assertEqual((shown["status"], shown["attempts"], shown["progress"]), ("completed", 1, 1.0))
        self.assertEqual(shown["cost"], end["data"]["cost"])
        self.assertGreater(nano(shown["cost"]), 0)
        self.assertEqual(end["data"]["progress"], 1.0)

    def test_a_failing_script_ends_in_one_failed_frame_with_its_exit_code(self):
        stream = self.listen("")
        job = self.user.submit(script("echo out; echo err >&2; exit 7"))
        self.assertEqual(stream.wait_end(job)["type"], "failed")
        shown = self.user.job(job)
        result = shown["result"]
        self.assertEqual((result["exit_code"], result["stdout"], result["stderr"]), (7, "out\n", "err\n"))
        self.assertEqual(shown["status"], "failed")
        self.assertTrue(shown["error"]["code"])

    def test_one_who_reconnects_after_n_misses_nothing_and_hears_nothing_twice(self):
        seen, after, jobs = [], self.newest(), []
        for _ in range(4):
            stream = self.listen(f"?after={after}")
            jobs.append(self.user.submit(script(COUNT_WORDS)))
            jobs.append(self.user.submit(noop(100)))
            stream.wait(lambda x: x["type"] == "progress" and x["seq"] > after)
            stream.drop()
            seen += [x["seq"] for x in stream.frames]
            after = seen[-1]
        last = self.listen(f"?after={after}")
        last.wait_ends(set(jobs) - self.ended(jobs, after))
        seen += [x["seq"] for x in last.frames]
        self.assertEqual(seen, sorted(set(seen)))
        replay = self.listen("?after=0")
        replay.wait(lambda x: x["seq"] == seen[-1])
        self.assertEqual(seen, [x["seq"] for x in replay.frames if seen[0] <= x["seq"] <= seen[-1]])
        for job in jobs:
            kinds = [x["type"] for x in replay.of(job) if x["type"] != "progress"]
            self.assertEqual(kinds, ["queued", "started", "completed"])
            self.assertEqual(len([x for x in replay.of(job) if x.get("terminal")]), 1)

    def newest(self):
        """The sequence of a job that is over: everything before it is history."""
        stream = self.listen("")
        return stream.wait_end(self.user.submit(noop()))["seq"]

    def ended(self, jobs, after):
        """Those whose terminal frame is at `after` or before: the last stream need not show it."""
        stream = self.listen("?after=0")
        stream.wait(lambda x: x["seq"] >= after)
        return {x["job_id"] for x in stream.frames if x.get("terminal") and x["seq"] <= after} & set(jobs)

    def test_hundreds_of_events_come_in_order_to_a_socket_that_is_opened_late(self):
        batch = {"jobs": [noop(name=f"n{i}") for i in range(400)]}
        answers = self.user.post("/api/v1/jobs/batch", batch).json()["jobs"]
        live = self.listen("?after=0")
        live.wait_ends([x["id"] for x in answers])
        late = self.listen("?after=0")
        late.wait_ends([x["id"] for x in answers])
        for stream in (live, late):
            sequence = [x["seq"] for x in stream.frames]
            self.assertEqual(sequence, sorted(set(sequence)))
            ends = [x["job_id"] for x in stream.frames if x.get("terminal")]
            self.assertEqual(len(ends), len(set(ends)))

    def test_job_id_narrows_the_stream_to_one_job(self):
        first, second = self.user.submit(noop()), self.user.submit(noop())
        stream = self.listen(f"?after=0&job_id={second}")
        stream.wait_end(second)
        self.assertEqual({x["job_id"] for x in stream.frames}, {second})
        self.assertNotEqual(first, second)

    def test_nobody_sees_another_users_frames(self):
        stranger = self.new_user(10**9)
        theirs = stranger.submit(noop())
        mine = self.user.submit(noop())
        stream = self.listen("?after=0", stranger.key)
        stream.wait_end(theirs)
        narrowed = self.listen(f"?after=0&job_id={mine}", stranger.key)
        narrowed.say('{"type":"ping"}')
        narrowed.wait(lambda x: x["type"] == "pong")
        self.assertEqual([x["type"] for x in narrowed.frames], ["pong"])
        self.assertEqual({x["job_id"] for x in stream.frames}, {theirs})

    def test_a_bad_after_is_400_and_a_bad_key_401_before_the_upgrade(self):
        for after in ("", "-1", "x", "1.5", "1e3", "0x1", "9" * 30, "%00", "%zz", "+1"):
            with self.subTest(after=after), self.assertRaises(Refused) as refused:
                self.listen(f"?after={after}")
            self.assertEqual(refused.exception.status, 400, after)
        for key in (None, "fsk_wrong", "not.a.token", self.user.key + "x"):
            with self.subTest(key=key), self.assertRaises(Refused) as refused:
                Stream(self.server.dev["base_url"], key, "?after=0")
            self.assertEqual(refused.exception.status, 401)

    def test_words_of_a_client_that_mean_nothing_get_an_error_frame_and_change_nothing(self):
        stream = self.listen("")
        for text in ("", "not json", "[]", '{"type":5}', '{"type":"subscribe_all"}', "\x00"):
            stream.say(text)
            stream.wait(lambda x: x["type"] == "error")
            self.assertEqual(stream.frames.pop()["type"], "error")
        job = self.user.submit(noop())
        stream.wait_end(job)


if __name__ == "__main__":
    assert os.path.exists(TEXT), "base-files ships this text on Debian"
    unittest.main()
