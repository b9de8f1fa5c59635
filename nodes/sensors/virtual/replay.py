"""Hardware that says again what was recorded in the field: the same metadata, the same clock, the same ROI."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nodes.sensors.sensor import Identity, Package, Raw, Stream
from nodes.sensors.virtual.takes import ENCODER, Event, events
from pipeline.clock import Clock
from pipeline.conversion import convert
from pipeline.errors import NodeError
from pipeline.records import Roi

FAR = 64  # events that are looked ahead: whoever was above had a queue between it and the camera


class Tape:
    """The events of a recording, taken kind by kind: those of other kinds wait for whoever asks for them."""

    def __init__(self, path: Path) -> None:
        self._coming: Iterator[Event] = events(path)
        self._waiting: deque[Event] = deque()

    def next(self, *kinds: str) -> Event | None:
        """The next event of these kinds, and it is taken; None where none is near."""
        event = self.peek(*kinds)
        if event is not None:
            self._waiting.remove(event)
        return event

    def peek(self, *kinds: str) -> Event | None:
        """The next event of these kinds; None where none is near."""
        while True:
            found = next((event for event in self._waiting if event.kind in kinds), None)
            if found or len(self._waiting) >= FAR or (read := next(self._coming, None)) is None:
                return found
            self._waiting.append(read)

    def drop(self, kind: str) -> None:
        """Forget the events of a kind that wait."""
        self._waiting = deque(event for event in self._waiting if event.kind != kind)


class Replay:
    """A field recording as hardware; `step` delivers.

    Whoever is above asks for the same ROI at the same frames, because it sees the same frames and the same clock; a
    ROI that was not recorded there is refused.

    Attributes:
        discard: Frames that will be thrown away before the next one that counts.
        ready: Whether it streams.
        ended: Whether the recording is over.

    Args:
        path: A field recording.
        clock: How it waits between frames; with a fake one that begins at `begin_ns`, records have their old times.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.discard, self.ready, self.ended = 0, False, False
        self._path, self._clock = path, clock
        self._tape = Tape(path)
        self._now_ns = self._ahead_ns = 0
        self._device = ""
        self._deliver: Callable[[Raw], None] = _nobody

    def open(self) -> Identity:
        """The camera that was recorded, as it was; the recording begins anew."""
        self._tape, self.ended = Tape(self._path), False
        return convert(self._expected("identity").told, Identity)

    def load(self, package: Package) -> None:
        """Every mask was made by the network that was loaded then: another is refused."""
        told = self._expected("load").told
        if told["sha256"] != package.sha256:
            raise NodeError(
                f"{self._path}: expected the network that was recorded, {told['name']} ({told['sha256'][:12]}), "
                f"found {package.name} ({package.sha256[:12]})"
            )

    def uploaded(self) -> tuple[int, int]:
        """Nothing goes up."""
        return (0, 0)

    def start(self, stream: Stream, deliver: Callable[[Raw], None]) -> None:
        """Begin where the recorded stream began."""
        self._ahead_ns = self._clock.now_ns() - self._expected("start").at_ns
        self._deliver, self.discard, self.ready = deliver, stream.discard, True

    def step(self) -> bool:
        """Deliver the next frame when it is due; False where the recorded stream ended."""
        event = self._tape.peek("raw", "stop") if self.ready else None
        if event is None or event.kind == "stop":
            # Where a stream stood still it was started anew after some time: whoever is above will do so again.
            self.ended = self.ready and self._tape.peek("start") is None
            return False
        self._tape.next("raw")
        if not self._clock.wait_until(event.at_ns + self._ahead_ns):
            return False
        metadata = {name: told for name, told in event.told.items() if name != ENCODER}
        self._deliver(Raw(metadata, encoder=event.told.get(ENCODER)))
        return True

    def write_roi(self, roi: Roi) -> None:
        """Look where it was looked then."""
        told, asked = self._expected("roi").told, [roi.x, roi.y, roi.width, roi.height]
        if told != asked:
            raise NodeError(f"{self._path}: expected the ROI {told} that was recorded here, found {asked}")

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """What was exposed is exposed."""

    def now_ns(self) -> int:
        """What the sensor's clock answered then."""
        if event := self._tape.next("now"):
            self._now_ns = event.told["answer"]
        return self._now_ns

    def device(self) -> str:
        """Serial number."""
        return self._device

    def stop(self) -> None:
        """End the stream."""
        if self.ready and (event := self._tape.next("stop")):
            self._tape.drop("raw")
            self._device = event.told["device"]
        self.ready = False

    def close(self) -> None:
        """Let go of the recording."""
        self.stop()

    def _expected(self, kind: str) -> Event:
        event = self._tape.next(kind)
        if event is None:
            raise NodeError(f"{self._path}: expected '{kind}' to come next in the recording, found no more of it")
        return event


def recorded(path: Path) -> tuple[Package, int]:
    """The network of a recording, and when its stream began in the time of the line.

    Raises:
        NodeError: If it holds no stream.
    """
    found = {event.kind: event for event in events(path) if event.kind in {"load", "start"}}
    if len(found) < 2:
        raise NodeError(f"{path}: expected a network and a stream in the recording, found {sorted(found) or 'neither'}")
    told = found["load"].told
    return Package(path, told["name"], told["sha256"], tuple(told["input_size"])), found["start"].at_ns


def settled(path: Path) -> int:
    """How many frames the camera of a recording settled: whoever replays it must say the same.

    Raises:
        NodeError: If it holds no stream.
    """
    for event in events(path):
        if event.kind == "start":
            return int(event.told["settle"])
    raise NodeError(f"{path}: expected a stream in the recording, found none")


def _nobody(raw: Raw) -> None:
    """Take a frame that nobody asked for."""
