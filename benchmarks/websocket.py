# The least of a WebSocket client: text frames from the server, pings answered. Enough to measure one stream.
import base64
import json
import os
import socket
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    def __init__(self, host, port, path, api_key, timeout_s=10):
        self.socket = socket.create_connection((host, port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                             f"Authorization: Bearer {api_key}\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError("no WebSocket: " + head.decode(errors="replace"))

    def close(self):
        self.socket.close()

    def _more(self):
        got = self.socket.recv(65536)
        if not got:
            raise RuntimeError("the stream was closed")
        self.buffer += got

    def _take_frame(self):
        """(kind, payload) of the first whole frame in the buffer, or None."""
        if len(self.buffer) < 2:
            return None
        kind, length, at = self.buffer[0] & 15, self.buffer[1] & 127, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            if len(self.buffer) < at:
                return None
            length = struct.unpack(">H" if at == 4 else ">Q", self.buffer[2:at])[0]
        if len(self.buffer) < at + length:
            return None
        payload, self.buffer = self.buffer[at:at + length], self.buffer[at + length:]
        return kind, payload

    def _pong(self, payload):
        mask = os.urandom(4)
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        self.socket.sendall(bytes([0x80 | PONG, 0x80 | len(payload)]) + mask + body)

    def receive(self):
        """Reads once from the socket; all the frames that are whole now."""
        self._more()
        frames = []
        while (frame := self._take_frame()) is not None:
            kind, payload = frame
            if kind == PING:
                self._pong(payload)
            elif kind == CLOSE:
                raise RuntimeError("the server closed the stream")
            elif kind == TEXT:
                frames.append(json.loads(payload))
        return frames
