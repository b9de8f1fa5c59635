"""Follow the file of events that an `alarms` node on this host writes: what it says goes to consumers, too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from nodes.delivery.envelope import Entry
from nodes.delivery.outbox import Outbox
from nodes.sinks.events import RottenError, whole
from nodes.sinks.journal import Journal, set_aside
from nodes.sinks.room import log
from pipeline.notices import board

BEAT_S = 0.1  # seconds between two looks
MOST = 1000  # lines taken at a time
PLACE = "followed"


class _Told(Struct, frozen=True):
    """What of an event says whether it is an alarm's."""

    id: str
    subject: str
    time: str
    camera: str
    alarm: str = ""


_decode = msgspec.json.Decoder(_Told).decode


class Follower:
    """Copies what is new in the file to an outbox: place and messages in one step, so none is lost or told twice.

    Args:
        path: The file of events; it may not be there yet. Where it begins anew, it is read from its begin.
        outbox: A connection of its own.
        told: Called where something came.
        every: Take every event that is written from now on, those of verdicts as well; else those of alarms alone,
            and whoever is new hears how they are.

    Raises:
        OSError: If the disk refuses.
    """

    def __init__(self, path: Path, outbox: Outbox, told: Callable[[], None], *, every: bool = False) -> None:
        self._path, self._outbox, self._told, self._every = path, outbox, told, every
        if every and not outbox.fact(PLACE, ""):
            outbox.note([(PLACE, self._at(self._first()))])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.rotten = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._outbox.close()

    def look(self) -> int:
        """Take what is new; returns how many messages came of it.

        Raises:
            OSError: If the disk refuses.
        """
        place, total = self._place(), 0
        if not self._outbox.fact(PLACE, ""):
            total = self._greet()
            place = self._place()
        while lines := [*islice(_lines(self._path, place), MOST)]:
            place += sum(map(len, lines))
            entries = [entry for line in lines for entry in self._entries(line[:-1])]
            total += self._outbox.append(entries, [(PLACE, self._at(place))])
        if total:
            self._told()
        return total

    def _greet(self) -> int:
        """A consumer that is new hears how alarms are, not how they became so."""
        newest, place = dict[str, Entry](), 0
        for line in _lines(self._path, 0):
            place += len(line)
            newest |= {entry.subject: entry for entry in self._entries(line[:-1])}
        return self._outbox.append([*newest.values()], [(PLACE, self._at(place))])

    def _first(self) -> int:
        """Where a new outbox begins: at the end; one in the place of a damaged one begins as far back as it reaches."""
        if Path(f"{self._outbox.path}.damaged").exists():
            return Journal(self._path).last(self._outbox.most)
        return _size(self._path)

    def _at(self, place: int) -> str:
        return f"{place} {self._path}"

    def _place(self) -> int:
        place, _, path = str(self._outbox.fact(PLACE, self._at(0))).partition(" ")
        known = path == str(self._path) and int(place) <= _size(self._path) and _begins(self._path, int(place))
        return int(place) if known else 0

    def _entries(self, line: bytes) -> Iterator[Entry]:
        if not line:
            return
        try:
            told = _decode(whole(line))
        except (RottenError, msgspec.MsgspecError) as error:
            self.rotten += 1
            if self._every:
                set_aside(self._path, line)
            text = f"alarms: {self.rotten:,} rotten lines in {self._path} were not told to consumers"
            board.raise_(f"follower {self._path} rotten", f"{text}: {error}")
            return
        if told.subject == "alarm":
            yield Entry(told.id, "alarm", told.alarm, told.time, line)
        elif self._every:
            yield Entry(told.id, "verdict", told.camera, told.time, line)

    def _run(self) -> None:
        key = f"follower {self._path}"
        while not self._over.wait(BEAT_S):
            self._try(key)
        self._try(key)

    def _try(self, key: str) -> None:
        try:
            self.look()
        except OSError as error:
            board.raise_(key, f"alarms of {self._path} are not told to consumers: {error}; tried again")
            log().warning("cannot follow alarms", path=str(self._path), error=str(error))
        else:
            board.settle(key)


def _lines(path: Path, place: int) -> Iterator[bytes]:
    """The whole lines from a place on."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(place)
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield line


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _begins(path: Path, place: int) -> bool:
    """Whether a line begins at a place."""
    if not place:
        return True
    with path.open("rb") as file:
        file.seek(place - 1)
        return file.read(1) == b"\n"
