"""Numbers that nodes count for monitoring: what became of parts, and how alarms stand.

The nodes of a process share one counter; the supervisor shows what it holds as metrics, and a process that begins anew
begins at 0, as Prometheus expects. Label values are bounded: cameras, actuators and reasons by the plan and its books,
the rest by closed sets. Nothing is decided by these numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

MOST = 1024  # label values of a family in one process; whatever comes beyond is counted together
OTHER = "other"

Labels = tuple[str, ...]


class Family(Struct, frozen=True):
    """What is counted.

    Attributes:
        kind: A counter grows; a gauge is what is so now.
        said: What it says, for people.
        labels: Names of its labels.
    """

    kind: Literal["counter", "gauge"]
    said: str
    labels: Labels


FAMILIES: dict[str, Family] = {
    "kensa_verdicts": Family("counter", "Verdicts that came to alarms.", ("camera", "outcome")),
    "kensa_findings": Family("counter", "Limits that were not kept.", ("camera", "reason")),
    "kensa_gap_frames": Family("counter", "Frames that were told missing.", ("camera",)),
    "kensa_alarms": Family("gauge", "Alarms that are not normal.", ("book", "priority", "state")),
    "kensa_alarms_raised": Family("counter", "Times that alarms were raised.", ("book", "priority")),
    "kensa_alarms_chattering": Family("gauge", "Alarms that chatter.", ("book",)),
    "kensa_alarms_flooded": Family("gauge", "1 while more alarms come than people can follow.", ("book",)),
    "kensa_gate_parts": Family("counter", "Parts that reached the actuator of a gate.", ("actuator", "action")),
    "kensa_gate_missing": Family("counter", "Of these, parts without a verdict in time.", ("actuator",)),
    "kensa_gate_skipped": Family("counter", "Of these, parts that got no pulse and should.", ("actuator",)),
    "kensa_gate_ignored": Family("counter", "Records that moved nothing at a gate.", ("actuator", "reason")),
    "kensa_gate_unseen": Family("counter", "Stretches of belt for which nobody vouched.", ("actuator",)),
    "kensa_gate_stopped": Family("gauge", "1 while a gate wants its line to stop.", ("actuator",)),
    "kensa_gate_away": Family("gauge", "1 while what a gate is wired to does not answer.", ("actuator",)),
}


class Number(Struct, frozen=True):
    """One of them."""

    name: str
    labels: Labels
    value: float


class Numbers:
    """The numbers of one process; any thread may count and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, dict[Labels, float]] = {}

    def add(self, name: str, labels: Labels, by: float = 1.0) -> None:
        """It happened so many times more."""
        with self._lock:
            held = self._held.setdefault(name, {})
            if labels not in held and len(held) >= MOST:
                labels = (OTHER,) * len(labels)
            held[labels] = held.get(labels, 0.0) + by

    def put(self, name: str, first: str, values: Mapping[Labels, float]) -> None:
        """This is so now of everything whose first label has that value, and nothing else."""
        with self._lock:
            rest = {labels: value for labels, value in self._held.get(name, {}).items() if labels[0] != first}
            fresh = {(first, *labels): value for labels, value in values.items()}
            self._held[name] = {**rest, **fresh}

    def read(self) -> tuple[Number, ...]:
        """All of them."""
        with self._lock:
            held = [(name, labels, value) for name, each in self._held.items() for labels, value in each.items()]
        return tuple(Number(*each) for each in held)


numbers = Numbers()  # this process's
