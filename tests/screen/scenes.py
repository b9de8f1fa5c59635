"""What tests of the screen share: records, a screen at work with a real alarm engine behind it, and who looks at it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from nodes.screen.kept import Memory
from nodes.screen.people import People
from nodes.screen.rejects import Rejects
from nodes.screen.screen import Screen
from nodes.screen.sections import Head
from nodes.screen.shifts import zoned
from nodes.screen.stage import Stage
from nodes.screen.tally import open_tally
from pipeline.line import Standing
from pipeline.masks import Mask
from pipeline.orders import Answer, Order, desk
from pipeline.records import Finding, Outcome, Part, Region, Track, Tracks, Verdict
from tests.nodes.alarming import NOON, S

TOKEN = "anna-token-1"
SHARED = "shared-token"
STARTS = ("06:00", "14:00", "22:00")
HOLE = Finding("no hole", "HOLE", "hole_area_px", 31.0, high=0.0, unit="px²")
SHORT = Finding("long enough", "SHORT", "box_width", 20.0, low=32.0, unit="px")


def region(x: int = 20, width: int = 33, *, hole: bool = False) -> Region:
    """A plate in a view of 96 × 96."""
    pixels = np.zeros((96, 96), bool)
    pixels[24:73, x : x + width] = True
    if hole:
        pixels[40:46, x + 10 : x + 16] = False
    mask = Mask.from_dense(pixels)
    holes = (1, 36) if hole else (0, 0)
    return Region("part", mask.area, mask.box, (x + width / 2, 48.0), *holes, 1.0, True, 1.0, mask)


def names(seq: int, camera: str = "cam-1") -> dict[str, Any]:
    """The fields that name a frame."""
    return {"camera": camera, "session": "s", "seq": seq, "t_ns": NOON + seq * S}


def tracks(seq: int, camera: str = "cam-1", model: str = "b5ae03c883c2") -> Tracks:
    """A view with a plate in it."""
    size, seen = (96, 96), (Track(seq, region(10 + seq % 40)),)
    return Tracks(**names(seq, camera), size=size, tracks=seen, prompt="belt", model=model)


def part(number: int, camera: str = "cam-1", finding: Finding | None = None) -> Part:
    """Part `number`, as it looked."""
    best = region(20, 20 if finding == SHORT else 33, hole=finding == HOLE)
    return Part(**names(number, camera), id=number, first_seq=number, views=5, hidden=0, best=best, best_seq=number)


def verdict(
    number: int,
    outcome: Outcome = "FAIL",
    camera: str = "cam-1",
    finding: Finding = HOLE,
    version: str = "5d1c0ffee123",
) -> Verdict:
    """What was decided about part `number`."""
    found = () if outcome in ("PASS", "NO_READ") else (finding,)
    return Verdict(
        **names(number, camera), outcome=outcome, subject="part", part=number, first_seq=number, findings=found,
        book="plate", version=version,
    )  # fmt: skip


class Line:
    """A line to ask: how it stands is what the test says, alarms are those at this process's desk."""

    def __init__(self) -> None:
        self.standing: Standing | None = Standing(line="nagoya-a", host="edge-1", phase="running", since_ns=NOON)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Nothing to close."""

    def stands(self) -> Standing | None:
        """How it stands."""
        return self.standing

    def give(self, order: Order | None) -> list[Answer]:
        """Carried out by whoever stands at the desk."""
        return [*desk.ask(order)]


def head(**said: Any) -> Head:
    """What does not change."""
    given: dict[str, Any] = {
        "title": "Plates", "line": "", "phase": "", "faults": (), "notices": (), "pictured": (), "images": False,
        "rules": [], "models": [], "moving": None, "now": 0.0, "zone": "UTC", "lang": "en", "actions": True,
        "viewers": 0, "skipped": 0,
    }  # fmt: skip
    return Head(**(given | said))


def tokens(folder: Path, text: str = f"# who may act\nanna {TOKEN}\n{SHARED}\n", mode: int = 0o600) -> Path:
    """A file of tokens."""
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    return path


@contextmanager
def staged(
    folder: Path, *, people: Path | None = None, line: Line | None = None, port: int = 0, **said: Any
) -> Iterator[Stage]:
    """A screen at work on a free port, or on one that it had before, at noon."""
    memory, there = Memory(folder / "screen"), line or Line()
    rejects = Rejects(96)
    memory.recall(rejects)
    tally = open_tally(memory.counted(), STARTS, zoned("UTC"), 10.0, lambda: NOON)
    screen = Screen(tally, rejects, head(**{"actions": people is not None, **said}), 10.0)
    with Stage(
        screen, memory, People(people, rest=0.0), ("127.0.0.1", port), asks=lambda: there, now=lambda: NOON + 60 * S
    ) as stage:
        yield stage


def get(port: int, path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    link.request(method, path, headers={"Host": f"{host}:{port}"})
    answer = link.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    link.close()
    return found


def post(port: int, path: str, said: Any, token: str | None = TOKEN, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and answer; `token` None leaves it out."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}) | headers
    link.request("POST", path, said if isinstance(said, bytes) else json.dumps(said).encode(), sent)
    answer = link.getresponse()
    found = answer.status, json.loads(answer.read())
    link.close()
    return found


class Onlooker:
    """A page that only reads its stream."""

    def __init__(self, port: int) -> None:
        self.link = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.link.sendall(b"GET /events HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        self._file = self.link.makefile("rb")
        self._newest: dict[str, Any] = {}
        self.status = self._file.readline().decode()
        while self._file.readline().strip():
            pass

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """What it is told: (section, its JSON)."""
        while line := self._file.readline():
            if line.startswith(b"event: "):
                name, body = line[7:].strip().decode(), json.loads(self._file.readline()[6:])
                self._newest[name] = body
                yield name, body

    def sees(self, section: str, holds: Callable[[Any], bool]) -> Any:
        """A section once something holds of it; one that does not change is told only once."""
        told = chain(self._newest.items(), self)
        return next(body for name, body in told if name == section and holds(body))

    def until(self, section: str, *, most: int = 1000) -> Any:
        """The next of a section."""
        return next(body for (name, body), _ in zip(self, range(most), strict=False) if name == section)

    def close(self) -> None:
        """Look away."""
        self._file.close()
        self.link.close()
