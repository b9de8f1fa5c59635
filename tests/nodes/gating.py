"""A simulated line before a gate: a belt that is sped up, stopped and jogged back, a camera, and late or lost verdicts.

Everything that is asked of a gate is told from outside: what its output is while the middle of a part is there.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from nodes.gating.axis import Counts
from nodes.gating.gate import Gate, Policy
from nodes.gating.place import Place
from pipeline.records import Outcome, Tracks, Verdict
from pipeline.regions import Track
from tests.nodes.scenes import region

WIDTH, PULSE, WINDOW = 400, 0.5, 35.0  # px, px per count, counts
VIEW = WIDTH / PULSE  # counts
DISTANCE = 2000.0  # from x = 0 of the view, counts
BOX = 30  # px: 60 counts


class Faults(Struct, frozen=True, kw_only=True):
    """What goes wrong, how often."""

    lost: float = 0.0
    twice: float = 0.0
    slow: float = 0.0
    blind: float = 0.0
    stops: float = 0.02
    jogs: float = 0.0


@dataclass(slots=True)
class Part:
    """A part of the simulated belt."""

    number: int
    mark: float
    bad: bool
    id: int = -1
    unseen: bool = False
    told: bool = False
    sent: bool = False
    verdict: Outcome | None = None
    in_time: Outcome | None = None
    close: bool = False
    rejected: bool | None = None

    @property
    def place(self) -> float:
        """Where its middle is at the actuator."""
        return self.mark + DISTANCE


@dataclass(slots=True)
class Line:
    """The whole line; `run` lets it go until so many parts have passed the gate."""

    seed: int = 0
    faults: Faults = field(default_factory=Faults)
    forwards: int = 1
    wrap: int = 0
    pitch: tuple[float, float] = (70.0, 200.0)
    every: int = 20
    fastest: int = 12
    start: int = 0

    dice: random.Random = field(init=False)
    axis: Counts = field(init=False)
    gate: Gate = field(init=False)
    parts: deque[Part] = field(init=False, default_factory=deque)
    passed: list[Part] = field(init=False, default_factory=list)
    tick: int = 0
    count: int = 0
    high: int = 0
    seq: int = -1
    ids: int = 0
    made: int = 0
    edge: float = 0.0
    speed: int = 6
    until: int = 0
    dark: int = 0
    mail: deque[tuple[int, Tracks | Verdict, Part | None]] = field(init=False, default_factory=deque)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.axis = Counts(self.forwards, self.wrap)
        place = Place(PULSE, DISTANCE, WINDOW)
        self.gate = Gate({"cam-1": place}, Policy(), self.axis)
        self.count = self.high = self.start
        self.edge = float(self.start + 50)

    def encoder(self, count: float) -> int:
        """What the counter shows."""
        told = round(count) * self.forwards
        return told % self.wrap if self.wrap else told

    def run(self, parts: int) -> None:
        """Let the line go."""
        while len(self.passed) < parts:
            self.step()

    def step(self) -> None:
        """One tick: the belt moves, the camera looks, mail comes, the gate acts, parts go by."""
        self.tick += 1
        self._drive()
        if self.tick % self.every == 0:
            self._expose()
        position = self.axis.read(self.encoder(self.count))
        self._deliver()
        state = self.gate.at(position, self.tick)
        self._watch(reject=state.reject)

    def _drive(self) -> None:
        """The belt holds its speed for a while, then takes another one; it is jogged back by less than the view."""
        if self.tick >= self.until:
            roll = self.dice.random()
            stops, jogs = self.faults.stops, self.faults.stops + self.faults.jogs
            self.speed = 0 if roll < stops else -4 if roll < jogs else self.dice.randint(1, self.fastest)
            self.until = self.tick + self.dice.randint(5, 40 if self.speed < 0 else 150)
        self.count += self.speed
        self.high = max(self.high, self.count)
        while self.edge < self.high + 100:
            self.edge += self.dice.uniform(*self.pitch)
            self.parts.append(Part(self.made, self.edge, self.dice.random() < 0.2))
            self.made += 1

    def _expose(self) -> None:
        self.seq += 1
        if self.dark:
            self.dark -= 1
        elif self.dice.random() < self.faults.blind:
            self.dark = self.dice.randint(1, 30)
        seen: list[Track] = []
        waits = False
        for part in self.parts:
            left = (self.count - part.mark) * PULSE - BOX / 2
            shown = None if part.told else region((left, 30, BOX, 20), (96, WIDTH))
            if shown is None:
                self._gone(part, left)
                continue
            if self.dark:
                part.unseen = True
                continue
            waits = True
            if part.id < 0:
                part.id, self.ids = self.ids, self.ids + 1
            seen.append(Track(part.id, shown))
        if not self.dark:
            self._post(self._tracks(seen, self.seq if waits else self.seq + 1), None, 2)
            self._judge()

    def _gone(self, part: Part, left: float) -> None:
        """What has left on the far side is told; what is before the view again will come with another id."""
        if left >= WIDTH and not part.told and not self.dark:
            part.told = True
        elif left < 0 and not part.told:
            part.unseen = part.unseen or (part.id >= 0 and self.dark > 0)  # nobody saw it go back
            part.id = part.id if self.dark else -1

    def _judge(self) -> None:
        for part in self.parts:
            if part.told and not part.sent:
                part.sent = True
                if part.id >= 0:
                    self._decide(part)

    def _decide(self, part: Part) -> None:
        part.verdict = "NO_READ" if part.unseen else "FAIL" if part.bad else "PASS"
        if self.dice.random() < self.faults.lost:
            return
        late = self.dice.randint(100, 600) if self.dice.random() < self.faults.slow else self.dice.randint(1, 8)
        for _ in range(1 + (self.dice.random() < self.faults.twice)):
            self._post(self._verdict(part), part, late)
            late += self.dice.randint(0, 200)

    def _post(self, record: Tracks | Verdict, part: Part | None, ticks: int) -> None:
        self.mail.append((self.tick + ticks, record, part))

    def _deliver(self) -> None:
        if not any(due <= self.tick for due, _, _ in self.mail):
            return
        waiting = sorted(self.mail, key=lambda letter: letter[0])
        self.mail.clear()
        for due, record, part in waiting:
            if due > self.tick:
                self.mail.append((due, record, part))
            elif isinstance(record, Tracks):
                self.gate.see(record)
            else:
                self.gate.judge(record)
                assert part is not None
                begins = part.place - WINDOW
                part.close = part.close or abs(begins - self.high) <= 30
                if self.high < begins and part.in_time is None:
                    part.in_time = part.verdict

    def _watch(self, *, reject: bool) -> None:
        """What happens to the parts whose middles are at the actuator now."""
        while self.parts and self.parts[0].place <= self.count:
            part = self.parts.popleft()
            part.rejected = reject
            self.passed.append(part)

    def _who(self) -> dict[str, Any]:
        return {"camera": "cam-1", "session": "s", "t_ns": self.tick}

    def _tracks(self, seen: list[Track], watermark: int) -> Tracks:
        size = (96, WIDTH)
        encoder = self.encoder(self.count)
        return Tracks(**self._who(), seq=self.seq, size=size, tracks=tuple(seen), watermark=watermark, encoder=encoder)

    def _verdict(self, part: Part) -> Verdict:
        mark = float(self.encoder(part.mark)) if self.dice.random() < 0.5 else None
        assert part.verdict is not None
        return Verdict(
            **self._who(), seq=self.seq, outcome=part.verdict, subject="part", part=part.id, first_seq=0, mark=mark
        )


def wrong(line: Line) -> list[Part]:
    """Parts with which the gate did what it should not have done; a verdict at the last moment may count or not."""
    return [
        part
        for part in line.passed
        if part.rejected != (part.in_time != "PASS") and not (part.close and part.verdict == "PASS")
    ]
