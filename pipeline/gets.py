"""A small HTTP server that answers GET and, unless told, nothing else: who reaches it can read, and change nothing."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"
TEXT = "text/plain; charset=utf-8"
AT_ONCE = 16  # requests; more are turned away, for each costs a thread
PATIENCE_S = 5  # for who has connected and asks slowly


class Server(ThreadingHTTPServer):
    """A server that a flood costs connections, not threads.

    Attributes:
        at_once: Requests that are served at a time.
    """

    daemon_threads = True
    at_once = AT_ONCE

    def __init__(self, *args: Any) -> None:
        self._room = threading.BoundedSemaphore(self.at_once)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread, while there are some left."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, and make room again."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up in the middle is not news."""


class Server6(Server):
    """The same by IPv6."""

    address_family = socket.AF_INET6


def server(address: str) -> type[Server]:
    """The server for an address."""
    return Server6 if ":" in address else Server


class Gets(BaseHTTPRequestHandler):
    """Answers GET with a page, and any other method with a refusal."""

    timeout = PATIENCE_S
    server_version, sys_version = "kensa", ""

    def page(self, path: str) -> tuple[int, str, bytes]:
        """Status, kind and body of a page."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer one request."""
        self._answer(*self.page(self.path.partition("?")[0]))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives
        """Requests are not news."""

    def __getattr__(self, name: str) -> Any:
        """What answers a method: for all but GET, that it is not allowed."""
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self.close_connection = True
        self._answer(405, TEXT, b"expected GET\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "GET")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
