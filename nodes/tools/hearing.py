"""Where `kensa listen` gets messages: a broker, posts to a webhook, a file."""

from __future__ import annotations

import queue
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import msgspec

from nodes.delivery.broker import Access, Broker, Publication
from nodes.delivery.channel import Receipt
from nodes.delivery.receiving import Ledger
from nodes.delivery.signing import ForgedError, secret, verify
from pipeline.errors import KensaError

Take = Callable[[bytes], Any]
BACKLOG = 10_000  # messages between the connection and whoever keeps them
AGAIN_S = 1.0  # between two requests to send again
PAUSE_S = 0.5  # between two attempts to reach a broker
LARGEST = 4 << 20  # bytes of a post


class Ear(Protocol):
    """Something that hears messages."""

    def turn(self, seconds: float) -> None:
        """Hear for so long at most."""


class Mqtt:
    """Hears from a broker, and says to the sink what has come: `<topic>/receipts/<name>`, retained.

    Args:
        where: `mqtt://host:port/topic`.
        name: Of this consumer.
        take: Keeps a message.
        ledger: Knows what has come.
        args: `user`, `password_file`, `ca`.
    """

    def __init__(self, where: str, name: str, take: Take, ledger: Ledger, args: Namespace) -> None:
        found = urlsplit(where)
        self._topic, self._name, self._take, self._ledger = found.path.strip("/"), name, take, ledger
        if not self._topic:
            raise KensaError(f"expected mqtt://host/TOPIC, the `topic` of the sink, found {where}")
        self._access = Access(f"{found.scheme}://{found.netloc}", args.user, args.password_file, args.ca)
        self._heard = queue.Queue[bytes](BACKLOG)
        self._broker: Broker | None = None
        self._said, self._asked = dict[str, int](), 0.0

    def __enter__(self) -> Self:
        try:
            self._connect()
        except OSError as error:
            raise KensaError(str(error)) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._broker:
            if kind is None:
                with suppress(OSError):
                    self._confirm(again=False)
            self._broker.leave()

    def turn(self, seconds: float) -> None:
        """Take what has come, then say so; where something is missing, ask for it."""
        try:
            if not (self._broker and self._broker.alive):
                self._connect()
            self._take(self._heard.get(timeout=seconds))
            while not self._heard.empty():
                self._take(self._heard.get_nowait())
        except queue.Empty:
            pass
        except OSError as error:
            print(f"{error}; trying again")
            time.sleep(PAUSE_S)
            return
        with suppress(OSError):
            self._confirm(again=any(stream.missing for stream in self._ledger.streams.values()))

    def _connect(self) -> None:
        def hear(_: str, payload: bytes) -> None:
            self._heard.put(payload)

        if self._broker:
            self._broker.leave()
        topics = {f"{self._topic}/events/#": hear}
        self._broker = Broker(self._access, f"kensa-{self._name}", hear=topics, session=True)
        self._said.clear()
        with suppress(OSError):
            self._confirm(again=True)

    def _confirm(self, *, again: bool) -> None:
        assert self._broker
        again = again and time.monotonic() >= self._asked + AGAIN_S
        self._asked = time.monotonic() if again else self._asked
        known = {name: stream.through for name, stream in self._ledger.streams.items()}
        for stream, through in known.items():
            if again or self._said.get(stream) != through:
                said = msgspec.json.encode(Receipt(self._name, stream, through, again))
                self._broker.publish([Publication(f"{self._topic}/receipts/{self._name}", said, retain=True)])
        self._said = known


class Posts:
    """Is a webhook: what is posted is answered after it was kept.

    Args:
        where: `http://address:port`.
        take: Keeps a message.
        secret_file: With what signatures are made; empty where posts are not signed.
    """

    def __init__(self, where: str, take: Take, secret_file: str) -> None:
        found, key, lock = urlsplit(where), secret(secret_file) if secret_file else b"", threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.send_response(_answer(self, key, take, lock))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """What came is told by the ledger."""

        try:
            self._server = ThreadingHTTPServer(
                (found.hostname or "", 80 if found.port is None else found.port), Handler
            )
        except OSError as error:
            raise KensaError(f"cannot listen at {where}: {error.strerror}") from error
        self.port = int(self._server.server_address[1])
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def turn(self, seconds: float) -> None:
        """Its threads hear; wait."""
        self._thread.join(seconds)


def _answer(request: BaseHTTPRequestHandler, key: bytes, take: Take, lock: threading.Lock) -> int:
    """Keep what was posted; the status to answer with."""
    length = int(request.headers.get("Content-Length") or 0)
    if not 0 < length <= LARGEST:
        return 413
    body = request.rfile.read(length)
    try:
        if key:
            verify(key, {name.lower(): value for name, value in request.headers.items()}, body, time.time())
    except ForgedError as error:
        print(f"refused: {error}", flush=True)
        return 401
    with lock:
        return 204 if take(body) else 422


def lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file.

    Raises:
        KensaError: If there is none.
    """
    if not path.is_file():
        raise KensaError(f"expected a file of JSON lines, found none at {path}")
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]
