"""Serves a screen: one page and what it needs, the stream of states, drawings, and what people do at it.

Nothing of it changes the line but an order with a token; whoever reaches it can read. Bodies are bounded, each request
has a time-out, and a page of another site can neither read nor act: its scripts are refused, its `Host` too.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from nodes.screen.acting import Said, said
from nodes.screen.people import People, Person
from nodes.screen.viewers import Viewers
from pipeline.gets import TEXT, Gets, Server, server

LARGEST = 1 << 12  # bytes of a body
AT_ONCE = 64  # requests
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
JSON = "application/json"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
LOCAL = ("127.0.0.1", "localhost", "[::1]")
Page = tuple[int, str, bytes]
NONE: Page = (404, TEXT, b"no such page\n")


class Answers(Struct, frozen=True):
    """What a server asks of the screen that it serves.

    Attributes:
        people: Who may act.
        viewers: Who looks.
        told: What there is to say of a verdict by its id, JSON; `null` where it is not kept.
        drawn: The drawing of one by its id, SVG, small or large; None where there is none.
        picture: The newest picture of a camera with its type; None where there is none.
        acts: By path: what an order comes to.
        theme: The style sheet of its colours.
    """

    people: People
    viewers: Viewers
    told: Callable[[str], bytes]
    drawn: Callable[[str, bool], bytes | None]
    picture: Callable[[str], tuple[str, bytes] | None]
    acts: Mapping[str, Callable[[bytes, Person, str], Said]]
    theme: bytes


def serve(answers: Answers, address: str, port: int) -> Server:
    """A server that listens.

    Raises:
        OSError: If it cannot.
    """
    base = server(address)

    class Screens(base):  # type: ignore[misc, valid-type]
        """Leaves the connections of viewers open."""

        at_once = request_queue_size = AT_ONCE

        def __init__(self, *args: Any) -> None:
            self.kept: set[int] = set()
            super().__init__(*args)

        def shutdown_request(self, request: socket.socket) -> None:
            """Close a connection; where a viewer has another end of it, without a goodbye."""
            if request.fileno() in self.kept:
                self.kept.discard(request.fileno())
                self.close_request(request)
            else:
                super().shutdown_request(request)

    local = address in LOCAL or address == "::1"
    return Screens((address, port), type("Mine", (Pages,), {"answers": answers, "local": local}))


@cache
def asset(name: str) -> Page | None:
    """A file of the page; None where there is none of that name."""
    kind = KINDS.get(name.rpartition(".")[2])
    found = {each.name: each for each in files("nodes.screen").joinpath("web").iterdir()}
    return (200, kind, found[name].read_bytes()) if kind and name in found else None


class Pages(Gets):
    """Answers GET with pages and drawings, POST with what came of an order.

    Attributes:
        answers: What it asks of the screen.
        local: Only this host is served.
    """

    answers: Answers
    local: bool

    def page(self, path: str) -> Page:
        """Status, kind and body."""
        if not self._here():
            return 421, TEXT, b"expected this host's own name\n"
        folder, _, name = path.removeprefix("/").partition("/")
        match folder:
            case "" | "verdict":
                found = asset("screen.html")
            case "web":
                found = (200, KINDS["css"], self.answers.theme) if name == "theme.css" else asset(name)
            case "told":
                found = (200, JSON, self.answers.told(name))
            case "drawn" | "tile":
                svg = self.answers.drawn(name.removesuffix(".svg"), folder == "tile")
                found = None if svg is None else (200, KINDS["svg"], svg)
            case "picture":
                picture = self.answers.picture(unquote(name))
                found = (200, *picture) if picture else None
            case _:
                found = None
        return found or NONE

    def do_GET(self) -> None:  # noqa: N802 - the name http.server gives
        """Answer one request, or let a page look on."""
        if self.path == "/events" and self._here():
            self._look()
        else:
            super().do_GET()

    def do_POST(self) -> None:  # noqa: N802 - likewise
        """Do what somebody with a token orders."""
        self.close_connection = True
        status, body = self._acted()
        self._answer(status, JSON, body)

    def end_headers(self) -> None:
        """Every answer says what a browser may do with it."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _here(self) -> bool:
        """Whether, where this host alone is served, it was asked for by its name, not by one of a stranger's site."""
        host = self.headers.get("Host", "")
        name, _, port = host.rpartition(":")
        return not self.local or (name if port.isdigit() else host) in LOCAL

    def _look(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        mine = self.connection.dup()
        if self.answers.viewers.join(mine):
            self.server.kept.add(self.connection.fileno())  # type: ignore[attr-defined]
        else:
            mine.close()

    def _acted(self) -> Said:
        act, size = self.answers.acts.get(self.path), self.headers.get("Content-Length", "")
        if act is None or not self._here():
            return said(404, "no such action")
        if not size.isdigit() or int(size) > LARGEST or self.headers.get("Content-Type") != JSON:
            return said(400, f"expected JSON of at most {LARGEST:,} bytes")
        body = self.rfile.read(int(size))
        if not self.answers.people.open:
            return said(403, "nobody can act at this screen")
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        person = self.answers.people.find(token) if kind == "Bearer" and token else None
        return act(body, person, self.client_address[0]) if person else said(401, "the token is not known")
