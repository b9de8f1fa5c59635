"""Count alarms, for monitoring: how many stand, how they are, how often they were raised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nodes.alarming.book import FLOOD_ENTRY, Book
from nodes.alarming.checks import FLOOD
from nodes.alarming.engine import Step
from nodes.alarming.life import Alarm
from pipeline.numbers import numbers


def raised(steps: Iterable[Step], book: Book, name: str) -> None:
    """Count what was raised."""
    for step in steps:
        if step.what == "raised":
            numbers.add("kensa_alarms_raised", (name, _priority(step.alarm, book)))


def standing(alarms: Mapping[str, Alarm], book: Book, name: str) -> None:
    """Say how alarms are."""
    found: Counter[tuple[str, ...]] = Counter()
    found.update((_priority(key, book), alarm.state) for key, alarm in alarms.items() if alarm.state != "normal")
    numbers.put("kensa_alarms", name, {**found})
    chattering = sum(alarm.chattering for alarm in alarms.values())
    numbers.put("kensa_alarms_chattering", name, {(): chattering})
    flood = alarms.get(FLOOD)
    numbers.put("kensa_alarms_flooded", name, {(): float(flood is not None and flood.active)})


def _priority(key: str, book: Book) -> str:
    return (book.entry(key) or FLOOD_ENTRY).priority
