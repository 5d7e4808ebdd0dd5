# A listener on /v1/stream: collects frames on its own thread; can be dropped like a pulled cable, or closed politely.
import asyncio
import json
import threading

import websockets

from house import PATIENCE


class Refused(Exception):
    """The server answered the upgrade with an ordinary status."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Stream:
    def __init__(self, base_url, key, query="", path="/v1/stream"):
        self.url = base_url.replace("http", "ws", 1) + path + query
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.frames, self.news = [], threading.Condition()
        self.opened = self.closed = False
        self.close_code, self.problem = None, None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        with self.news:
            self.news.wait_for(lambda: self.opened or self.closed, 15 * PATIENCE)
        if not self.opened:
            self.thread.join(5)
            raise self.problem or AssertionError("no answer to the upgrade")

    def _run(self):
        try:
            self.loop.run_until_complete(self._listen())
        except websockets.InvalidStatusCode as refusal:
            self.problem = Refused(refusal.status_code)
        except Exception as problem:  # raised again in the thread that waits
            self.problem = problem
        finally:
            self.loop.run_until_complete(self._rest())
            with self.news:
                self.closed = True
                self.news.notify_all()
            self.loop.close()

    async def _rest(self):
        """Whatever the library still has under way ends here, or is ended."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=5)

    async def _listen(self):
        self.socket = await websockets.connect(self.url, extra_headers=self.headers, max_size=None, ping_interval=None)
        with self.news:
            self.opened = True
            self.news.notify_all()
        try:
            async for text in self.socket:
                with self.news:
                    self.frames.append(json.loads(text))
                    self.news.notify_all()
        except websockets.ConnectionClosed:
            pass
        self.close_code = self.socket.close_code

    def wait(self, wanted, seconds=15):
        """The first frame of which wanted(frame) is true."""
        def found():
            return next((x for x in self.frames if wanted(x)), None)

        with self.news:
            self.news.wait_for(lambda: found() or self.closed, seconds * PATIENCE)
            frame = found()
        if frame is None:
            raise AssertionError(f"no such frame among {len(self.frames)}, closed={self.closed}: {self.frames[-8:]}")
        return frame

    def wait_for(self, job_id, kind, seconds=15, attempt=None):
        return self.wait(lambda x: x["job_id"] == job_id and x["type"] == kind and
                         (attempt is None or x["data"].get("attempt") == attempt), seconds)

    def wait_end(self, job_id, seconds=15):
        return self.wait(lambda x: x["job_id"] == job_id and x.get("terminal"), seconds)

    def wait_ends(self, job_ids, seconds=60):
        """Until each of the jobs has its terminal frame."""
        wanted = set(job_ids)

        def missing():
            return wanted - {x["job_id"] for x in self.frames if x.get("terminal")}

        with self.news:
            self.news.wait_for(lambda: not missing() or self.closed, seconds * PATIENCE)
            left = missing()
        assert not left, f"{len(left)} of {len(wanted)} jobs did not end: {sorted(left)[:5]}"

    def of(self, job_id):
        with self.news:
            return [x for x in self.frames if x["job_id"] == job_id]

    def say(self, text):
        asyncio.run_coroutine_threadsafe(self.socket.send(text), self.loop).result(10)

    def wait_closed(self, seconds=10):
        with self.news:
            assert self.news.wait_for(lambda: self.closed, seconds * PATIENCE), "the socket stays open"
        return self.close_code

    def drop(self):
        """No closing handshake, no last word."""
        self.loop.call_soon_threadsafe(self.socket.transport.abort)
        self.wait_closed()

    def close(self):
        if not self.closed:
            asyncio.run_coroutine_threadsafe(self.socket.close(), self.loop)
            self.wait_closed()
