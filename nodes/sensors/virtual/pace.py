"""Which frames of a stream arrive, when, and with an inference or without: pure arithmetic, frames count from 0."""

from __future__ import annotations

import math

from nodes.sensors.virtual.behaviour import Behaviour

MS, S = 1_000_000, 1_000_000_000


class Pace:
    """The calendar of one stream.

    Attributes:
        begin_ns: When the first frame begins to be exposed.
        period_ns: From frame to frame.
    """

    def __init__(self, behaviour: Behaviour, rate: float, begin_ns: int, *, stalls: bool = True) -> None:
        self.begin_ns, self.period_ns = begin_ns, round(S / rate)
        self._does = behaviour
        self._late_ns = self.period_ns + round(behaviour.dnn_ms * MS)
        self._every = max(1, math.ceil((behaviour.dnn_ms + behaviour.dsp_ms) * MS / self.period_ns))
        self._stall = range(0)
        if stalls and behaviour.stall_after:
            length = math.ceil(behaviour.stall_s * rate) or (1 << 62)
            self._stall = range(behaviour.stall_after, behaviour.stall_after + length)

    def exposed_ns(self, frame: int) -> int:
        """When its first row is exposed."""
        return self.begin_ns + frame * self.period_ns

    def due_ns(self, frame: int) -> int:
        """When the host has it: it is read out, and then the network runs."""
        return self.exposed_ns(frame) + self._late_ns

    def after(self, t_ns: int) -> int:
        """The first frame that is exposed at a time or later."""
        return max(0, -(-(t_ns - self.begin_ns) // self.period_ns))

    def stalling(self, frame: int) -> bool:
        """Whether the sensor stands still."""
        return frame in self._stall

    def arriving(self, frame: int, now_ns: int) -> int | None:
        """The first frame from this one on that arrives; None where none ever does.

        A host that is late finds the newest that buffers hold; the rest was never written.
        """
        newest = (now_ns - self.begin_ns - self._late_ns) // self.period_ns
        frame = max(frame, newest - self._does.buffers + 1)
        if frame in self._stall:
            frame = self._stall.stop
        while self._missing(frame):
            frame += 1
        return None if frame > 1 << 61 else frame

    def inferred(self, frame: int) -> bool:
        """Whether the network was ready in time; one that runs longer than a frame never is for each."""
        late, number = self._does.late_every, frame + 1
        return frame >= self._does.blind and number % self._every == 0 and not (late and number % late == 0)

    def temperature(self, frame: int) -> float:
        """Of the sensor, °C."""
        does, seconds = self._does, frame * self.period_ns / S
        return does.warm_c + (does.cold_c - does.warm_c) * math.exp(-seconds / does.warming_s)

    def sharpness(self, frame: int) -> float:
        """How sharp the lens is, 0…1: sharpest half-way between the two ends of its thread."""
        turn = self._does.lens_s
        return 0.1 + 0.9 * math.sin(math.pi * frame * self.period_ns / S / turn) ** 2 if turn else 1.0

    def _missing(self, frame: int) -> bool:
        every, gap = self._does.gap_every, self._does.gap
        return bool(every) and frame % (every + gap) >= every
