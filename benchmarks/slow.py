# A crowd of clients that send their header as slowly as they may, in a process of its own, and come again when cut.
import contextlib
import subprocess
import sys

DRIP = """
import socket, sys, time
port, crowd = int(sys.argv[1]), int(sys.argv[2])
def begin():
    s = socket.create_connection(("127.0.0.1", port))
    s.setblocking(False)
    s.send(b"GET /health HTTP/1.1\\r\\nHost: h\\r\\nX-Slow: ")
    return s
lines = [begin() for _ in range(crowd)]
print("ready", flush=True)
while True:
    time.sleep(0.5)
    for i, s in enumerate(lines):
        try:
            s.send(b"x")
            if s.recv(4096) == b"":
                raise OSError
        except BlockingIOError:
            continue
        except OSError:
            s.close()
            lines[i] = begin()
"""


@contextlib.contextmanager
def crowd(port, size):
    child = subprocess.Popen([sys.executable, "-c", DRIP, str(port), str(size)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    try:
        if child.stdout.readline() != b"ready\n":
            raise RuntimeError("the crowd of slow clients did not come")
        yield
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
