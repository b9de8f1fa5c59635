"""The sessions of a camera before the one on its page: ended by a gap, and yet perhaps not safe at their consumers.

Who is killed takes with it what its consumers had not committed; if they die as well before they do, the end of that
session is gone a second time. A session that ended well is on its way, too, until its line has ended. So the gaps of
the last minutes are told again by whoever comes next: a gap that is known is the same record, and a hole that nobody
knew of is found by it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.notices import board
from pipeline.records import Gap

MOST = 8  # sessions
OURS = os.urandom(8).hex()  # this process: what it told itself is still on its way
KEPT_NS = 600_000_000_000  # far longer than any sink keeps a batch open while its disk works


class Left(NamedTuple):
    """A session that may not have arrived whole: its name, the frames it had come to, and the time of the last, ns."""

    session: str
    frames: int
    t_ns: int

    def gap(self, camera: str, where: str) -> Gap:
        """What ends it: the frame that would have come next."""
        seq = self.frames
        return Gap(
            camera=camera, session=self.session, seq=seq, t_ns=self.t_ns, last=seq, reason="restart", where=where
        )


class _Step(NamedTuple):
    left: Left
    noted_ns: int
    by: str


_decode = msgspec.msgpack.Decoder(tuple[_Step, ...]).decode


class Trail:
    """The last sessions, oldest first, in a file of their own; without one they are kept here alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._steps = _read(path)

    @property
    def lefts(self) -> tuple[Left, ...]:
        """Those whose gap was told not long ago, by a process that is gone."""
        since = time.time_ns() - KEPT_NS
        return tuple(step.left for step in self._steps if step.noted_ns > since and step.by != OURS)

    def add(self, left: Left) -> None:
        """A session is over."""
        self._steps = (*self._steps, _Step(left, time.time_ns(), OURS))[-MOST:]
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            fresh = self._path.with_suffix(".fresh")
            fresh.write_bytes(msgspec.msgpack.encode(self._steps))
            fresh.replace(self._path)
            board.settle(f"trail {self._path}")
        except OSError as error:
            text = f"cannot keep which sessions broke off: {error}; if consumers die as well, frames may go untold"
            board.raise_(f"trail {self._path}", text)


def _read(path: Path | None) -> tuple[_Step, ...]:
    """What is there; nothing where that cannot be read."""
    try:
        return _decode(path.read_bytes()) if path else ()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return ()
