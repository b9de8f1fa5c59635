"""Count what a gate did, for monitoring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pipeline.numbers import numbers

FAMILIES: dict[str, tuple[str, ...]] = {  # what the gate counts → its family, and what is told beside the actuator
    "passed": ("kensa_gate_parts", "pass"),
    "rejected": ("kensa_gate_parts", "reject"),
    "diverted": ("kensa_gate_parts", "divert"),
    "missing": ("kensa_gate_missing",),
    "skipped": ("kensa_gate_skipped",),
    "late": ("kensa_gate_ignored", "late"),
    "repeated": ("kensa_gate_ignored", "repeated"),
    "unplaced": ("kensa_gate_ignored", "unplaced"),
    "untracked": ("kensa_gate_ignored", "untracked"),
    "unseen": ("kensa_gate_unseen",),
}


class Tally:
    """Adds what a gate has counted to the numbers of its process, from 0 on.

    Args:
        actuator: What the gate is wired to.
    """

    def __init__(self, actuator: str) -> None:
        self._actuator = actuator
        self._told: Counter[str] = Counter()

    def tell(self, counts: Mapping[str, int], *, stopped: bool, away: bool) -> None:
        """Say how much more it is than when this was told last, and how things are."""
        for name, (family, *labels) in FAMILIES.items():
            numbers.add(family, (self._actuator, *labels), counts[name] - self._told[name])
        self._told = Counter(counts)
        numbers.put("kensa_gate_stopped", self._actuator, {(): float(stopped)})
        numbers.put("kensa_gate_away", self._actuator, {(): float(away)})
