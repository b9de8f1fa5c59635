"""Frames of modlib as records: a mask of its own for every frame that has one, and a gap for every one that has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from nodes.sensors.modlib import interchange
from nodes.sensors.modlib.interchange import InterchangeError, Told
from nodes.sensors.modlib.message import Message
from pipeline.errors import MaskError
from pipeline.records import Frame, Gap, Timing

WHERE = "modlib"
BYTE = 256  # a sensor's count of frames begins anew


class Stamp(NamedTuple):
    """When a frame was taken, as far as anybody knows."""

    t_ns: int
    timing: Timing


class Count:
    """Finds the frames that are missing by the numbers of those that are not; only fresh ones are sure of theirs."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._stale = 0

    def missing(self, number: int | None, *, fresh: bool) -> int:
        """Frames that should have come before this one; 0 where nobody can tell."""
        if not fresh:
            self._stale += 1
            return 0
        last, stale, self._last, self._stale = self._last, self._stale, number, 0
        if number is None or last is None or number == last:
            return 0
        wrapped = number < last < BYTE
        steps = number - last + (BYTE if wrapped else 0)
        return max(0, steps - 1 - stale)


class Teller:
    """Makes records of one session's frames in their order.

    Args:
        camera: Name of the camera.
        session: Of this run.
        names: Label of each number.
        model: Digest of the network.
    """

    def __init__(self, camera: str, session: str, names: Mapping[int, str], model: str) -> None:
        self._camera, self._session, self._names, self._model = camera, session, names, model
        self._seq, self._count = 0, Count()

    def tell(self, message: Message, told: Told | None, stamp: Stamp) -> Iterator[Frame | Gap]:
        """What is missing before a frame, and the frame; a gap, where it could not be read at all."""
        if told is None:
            yield self._odd(stamp, message.skipped)
            return
        missing = max(message.dropped, self._count.missing(told.frame_count, fresh=told.new_detection))
        if missing:
            yield self._gap(stamp, missing, "sensor")
        if not told.new_detection:
            yield self._gap(stamp, 1, "late")
            return
        try:
            yield self._frame(told, stamp)
        except (InterchangeError, MaskError) as error:
            yield self._odd(stamp, str(error))

    def _frame(self, told: Told, stamp: Stamp) -> Frame:
        found = interchange.found(told, self._names)
        frame = Frame(
            **self._who(stamp),
            size=found.size,
            layers=found.layers,
            roi=interchange.crop(told, compensated=found.compensated),
            model=self._model,
            epoch="unknown",
            timing=stamp.timing,
        )
        self._seq += 1
        return frame

    def _odd(self, stamp: Stamp, why: str) -> Gap:
        import structlog

        said = {"camera": self._camera, "session": self._session, "seq": self._seq, "error": why}
        structlog.get_logger().warning("frame skipped", **said)
        return self._gap(stamp, 1, "malformed")

    def _gap(self, stamp: Stamp, frames: int, reason: str) -> Gap:
        gap = Gap(**self._who(stamp), last=self._seq + frames - 1, reason=reason, where=WHERE)
        self._seq += frames
        return gap

    def _who(self, stamp: Stamp) -> dict[str, Any]:
        return {"camera": self._camera, "session": self._session, "seq": self._seq, "t_ns": stamp.t_ns}


def parsed_ns(timestamp: str) -> int | None:
    """The time that a recording has, UTC ns; None where it has none. Without a time zone it is this host's."""
    try:
        read = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    seconds = read.replace(microsecond=0).timestamp()
    return int(seconds) * 1_000_000_000 + read.microsecond * 1000
