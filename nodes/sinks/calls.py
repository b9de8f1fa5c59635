"""What a line calls people for, and what its gate did, as registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import get_args
from zlib import crc32

import msgspec
from msgspec import Struct

from nodes.alarming.life import AWAITING, State
from nodes.sinks.words import Field, Values, blank, packed, table
from pipeline.numbers import Number

ALARMS_AT, GATE_AT = 300, 350
PRIORITIES = ("critical", "high", "medium", "low")
STATES: tuple[str, ...] = get_args(State)
ASIDE = ("shelved", "suppressed", "out_of_service")
PRIORITY_CODES = {name: code for code, name in enumerate(PRIORITIES, 1)}
STATE_CODES = {name: code for code, name in enumerate(STATES)}
PRIORITIES_SAID = f"{', '.join(f'{code} {name}' for name, code in PRIORITY_CODES.items())}; 0 none"
STATES_SAID = ", ".join(f"{code} {name}" for name, code in STATE_CODES.items())

ALARMS = (
    Field("standing", "number", "Alarms that are not normal, without those that are set aside."),
    *(Field(each, "number", f"Of these, of priority {each}.") for each in PRIORITIES),
    Field("unacknowledged", "number", "Of the standing ones, those that nobody has acknowledged."),
    *(Field(f"unacknowledged_{each}", "number", f"Of these, of priority {each}.") for each in PRIORITIES),
    Field("aside", "number", "Alarms that are shelved, suppressed or out of service."),
    Field("newest", "text", "Of which alarm the newest step is, its first 16 characters."),
    Field("newest_code", "long", "CRC-32 of its whole name, for who cannot compare text; 0 where there is none."),
    Field("newest_state", "number", f"How that alarm is now: {STATES_SAID}."),
    Field("newest_priority", "number", f"Its priority: {PRIORITIES_SAID}."),
    Field("newest_number", "long", "Number of that step in the list to acknowledge."),
)
COUNTED = {
    "passed": ("kensa_gate_parts", "pass", "Parts that were let pass."),
    "rejected": ("kensa_gate_parts", "reject", "Parts that were rejected."),
    "diverted": ("kensa_gate_parts", "divert", "Parts that were diverted."),
    "missing": ("kensa_gate_missing", "", "Of these, parts without a verdict in time."),
    "skipped": ("kensa_gate_skipped", "", "Of these, parts that should have got a pulse and got none."),
    "late": ("kensa_gate_ignored", "late", "Verdicts that came too late."),
    "repeated": ("kensa_gate_ignored", "repeated", "Verdicts that came again."),
    "unplaced": ("kensa_gate_ignored", "unplaced", "Records that did not say where on the belt."),
    "untracked": ("kensa_gate_ignored", "untracked", "Verdicts that came before any frame."),
    "unseen": ("kensa_gate_unseen", "", "Stretches of belt for which nobody vouched."),
}
GATE = (
    Field("gates", "number", "How many gates this host runs; where it is 0 the rest of this block says nothing."),
    Field("stopped", "number", "How many of them want the line to stop."),
    Field("away", "number", "How many of them are wired to something that does not answer."),
    *(Field(name, "long", said) for name, (_, _, said) in COUNTED.items()),
)


class Alarm(Struct, frozen=True):
    """What of an event of an alarm a PLC is told.

    Attributes:
        alarm: Its name.
        state: Its state.
        priority: How soon somebody must act.
    """

    alarm: str
    state: str
    priority: str


decode = msgspec.json.Decoder(Alarm).decode


class Calls:
    """The alarms of a line and its gate; any thread may say how they are, and ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._alarms, self._gate = blank(ALARMS), blank(GATE)
        self._called = self._grave = self._stopped = False

    def hear_alarms(self, steps: Iterable[tuple[int, Alarm]]) -> None:
        """The newest step of each alarm, with its number in the outbox, in their order."""
        told = [*steps]
        standing = [one for _, one in told if one.state != "normal" and one.state not in ASIDE]
        waiting = [one for one in standing if one.state in AWAITING]
        values: dict[str, int | str] = {
            "standing": len(standing),
            "unacknowledged": len(waiting),
            "aside": sum(one.state in ASIDE for _, one in told),
            **_newest(*(told[-1] if told else (0, None))),
        }
        for prefix, some in (("", standing), ("unacknowledged_", waiting)):
            found = Counter(one.priority for one in some)
            values |= {f"{prefix}{each}": found[each] for each in PRIORITIES}
        with self._lock:
            self._alarms = packed(ALARMS, values)
            self._called = bool(waiting)
            self._grave = any(one.priority in PRIORITIES[:2] for one in waiting)

    def hear_numbers(self, numbers: Iterable[Number]) -> None:
        """What the nodes of this host have counted."""
        found: Counter[tuple[str, str]] = Counter()
        gates = set[str]()
        for one in numbers:
            if one.name.startswith("kensa_gate_"):
                actuator, *reason = one.labels
                gates.add(actuator)
                found[one.name, reason[0] if reason else ""] += round(one.value)
        stopped, away = found["kensa_gate_stopped", ""], found["kensa_gate_away", ""]
        counted = {name: found[family, reason] for name, (family, reason, _) in COUNTED.items()}
        with self._lock:
            self._gate = packed(GATE, {"gates": len(gates), "stopped": stopped, "away": away, **counted})
            self._stopped = stopped > 0

    def registers(self) -> dict[int, list[int]]:
        """Both blocks."""
        with self._lock:
            return {ALARMS_AT: self._alarms, GATE_AT: self._gate}

    def bits(self) -> list[bool]:
        """Whether somebody is called, and for something grave; whether a gate wants the line to stop."""
        with self._lock:
            return [self._called, self._grave, self._stopped]


def _newest(number: int, alarm: Alarm | None) -> Values:
    if alarm is None:
        return {"newest": "", "newest_code": 0, "newest_state": 0, "newest_priority": 0, "newest_number": 0}
    return {
        "newest": alarm.alarm,
        "newest_code": crc32(alarm.alarm.encode()),
        "newest_state": STATE_CODES.get(alarm.state, 0),
        "newest_priority": PRIORITY_CODES.get(alarm.priority, 0),
        "newest_number": number,
    }


def manual() -> Iterator[str]:
    """Both blocks for people, in Markdown."""
    yield from table(f"Alarms, from register {ALARMS_AT}", ALARMS, ALARMS_AT)
    yield from table(f"The reject gate, from register {GATE_AT}", GATE, GATE_AT)
