"""A webhook of ours: it keeps what it was sent, and answers as badly as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Mood = Literal["well", "500", "429", "410", "hangs", "loses its answers"]
HANGS = 3.0  # seconds without an answer: longer than the sink waits


class Hook:
    """Listens on a port of its own until it is closed.

    Attributes:
        mood: How it answers.
        got: Ids of the events that it has taken, each as often as it came.
        newest_ns: When it took the last one, ns UTC.
    """

    def __init__(self) -> None:
        self.mood: Mood = "well"
        self.got: Counter[str] = Counter()
        self.newest_ns = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_port}/events"

    def take(self, event: str) -> int:
        """An event has come: what to answer; 0: nothing."""
        mood = self.mood
        if mood.isdigit():
            return int(mood)
        if mood == "hangs":
            time.sleep(HANGS)
            return 0
        with self._lock:
            self.got[event] += 1
            self.newest_ns = time.time_ns()
        return 204 if mood == "well" else 0

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()


def _handler(hook: Hook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if answer := hook.take(json.loads(body)["id"]):
                self.send_response(answer)
                self.end_headers()
            else:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
