"""Masks of devices that Sony's modlib drives: the Triton smart camera, its recordings, and networks on a PC."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nodes.sensors.modlib import devices, interchange
from nodes.sensors.modlib.devices import PART, Device, Interpreter, Labels, Playback, Triton
from nodes.sensors.modlib.interchange import InterchangeError, Told
from nodes.sensors.modlib.link import listen
from nodes.sensors.modlib.message import Message
from nodes.sensors.states import SensorError
from nodes.sources.parsed import Stamp, Teller, parsed_ns
from pipeline.clock import Clock
from pipeline.node import Flaw, node
from pipeline.notices import board
from pipeline.records import Frame, Gap
from pipeline.units import Seconds


def check(given: Any) -> Iterator[Flaw]:
    """What types cannot say is wrong with the parameters of `modlib`."""
    yield from devices.flaws(_device(given), given.labels)


def tells(given: Any) -> Iterator[str]:
    """How the time of frames is known, in the plan."""
    known = "as recorded: the host's clock when modlib parsed it" if given.playback else "that of arrival on this host"
    yield f"{_device(given).name} of modlib: a frame's time is {known}; nobody knows since when its crop holds"


def _device(given: Any) -> Device:
    return Device(given.triton, given.playback, given.interpreter)


@node(live=True, check=check, tells=tells)
def modlib(
    camera: str,
    session: str,
    clock: Clock,
    *,
    triton: Triton | None = None,
    playback: Playback | None = None,
    interpreter: Interpreter | None = None,
    labels: Labels | None = None,
    patience: Seconds = 10.0,
) -> Iterator[Frame | Gap]:
    """Show the masks of a device of Sony's modlib, which must be installed: `pip install 'kensa[modlib]'`.

    The library attaches the masks of an earlier frame to one whose inference is late: such a frame is a gap (`late`).
    So are frames that it threw away or that are missing from its count (`sensor`), and what is no mask (`malformed`).
    Its own time stamp is the host's clock when it parsed the frame, and it may jump. So frames have the time of the
    line when they came out of modlib (`arrival`), and only those of a recording the stamp that was recorded
    (`parsed`), at whose pace they are shown. Whether a crop had settled, nobody knows (`unknown`).

    Args:
        triton: A Triton smart camera.
        playback: A recording of modlib, in JSON.
        interpreter: A network on a PC, behind an interpreter server.
        labels: Which number of the masks is which label; left out, 0 is `part`. Any other number is its own label.
        patience: Longest time without a frame before the device is begun anew; before the first it is five minutes.
    """
    device, told = Device(triton, playback, interpreter), f"sensor {camera}"
    names = {number: label for label, number in (labels or PART).items()}
    teller = Teller(camera, session, names, _digest(triton))
    times = Recorded(clock) if playback else Arrival(clock)
    try:
        for heard in listen(device, clock, patience):
            board.settle(told)
            message, frame = _opened(heard)
            if not (stamp := times.stamp(message, frame)):
                return
            yield from teller.tell(message, frame, stamp)
    except SensorError as error:
        board.raise_(told, f"{camera}: {error}")
        raise


def _digest(triton: Triton | None) -> str:
    """Of the network, where it lies on this host."""
    return hashlib.sha256(Path(triton.network).read_bytes()).hexdigest() if triton else ""


def _opened(message: Message) -> tuple[Message, Told | None]:
    """The frame in a message; one that cannot be read says why."""
    if message.skipped:
        return message, None
    try:
        return message, interchange.told(message.frame)
    except InterchangeError as error:
        return Message(at_ns=message.at_ns, skipped=str(error)), None


class Arrival:
    """Frames have the time at which they came out of modlib, by the clock of the line."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def stamp(self, message: Message, _: Told | None) -> Stamp | None:
        """The time of a frame."""
        age = time.monotonic_ns() - message.at_ns if message.at_ns else 0
        return Stamp(self._clock.now_ns() - age, "arrival")


class Recorded:
    """Frames have the time that was recorded, never an earlier one than the frame before, and come at its pace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ns: int | None = None
        self._last_ns = 0

    def stamp(self, _: Message, frame: Told | None) -> Stamp | None:
        """The time of a frame, when it is due; None where the line stops meanwhile. One without a time has the last."""
        read = parsed_ns(frame.timestamp) if frame else None
        if read is None:
            return Stamp(self._last_ns, "parsed") if self._last_ns else Stamp(self._clock.now_ns(), "arrival")
        if self._ahead_ns is None:
            self._ahead_ns = self._clock.now_ns() - read
        self._last_ns = max(read, self._last_ns + 1)
        return Stamp(self._last_ns, "parsed") if self._clock.wait_until(self._last_ns + self._ahead_ns) else None
