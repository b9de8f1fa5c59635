"""What of an event a Sparkplug host sees: metrics of a device for each camera, and of the edge node for the line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import Struct

from nodes.delivery.envelope import Message, wrap
from nodes.delivery.sparkplug_b import Metric, Type, Value


class Said(Struct, frozen=True):
    """What of an event becomes metrics; what an event does not have is not said.

    Attributes:
        camera: Which one.
        outcome: Of the verdict.
        text: For people.
        seq: Frame.
        part: Part, where it is about one.
        findings: What was not kept.
        state: Of the alarm.
        priority: How soon somebody must act.
        cause: Why.
        consequence: What comes of it.
        action: What to do.
        link: Where the drawn verdict is.
        by: Who acknowledged it, shelved it, or the like.
    """

    camera: str = ""
    outcome: str = ""
    text: str = ""
    seq: int | None = None
    part: int | None = None
    findings: tuple[dict[str, object], ...] = ()
    state: str = ""
    priority: str = ""
    cause: str = ""
    consequence: str = ""
    action: str = ""
    link: str = ""
    by: str = ""


VERDICT: dict[str, Type] = {
    "Verdict/Outcome": "String",
    "Verdict/Text": "String",
    "Verdict/Reasons": "String",
    "Verdict/Frame": "Int64",
    "Verdict/Part": "Int64",
}
WORDS = ("State", "Priority", "Text", "Cause", "Consequence", "Action", "Link", "By")
ALARM: dict[str, Type] = {**dict.fromkeys(WORDS, "String"), "Active": "Boolean"}
OUTBOX: dict[str, Type] = {"Outbox/Event": "String", "Outbox/Sequence": "UInt64", "Outbox/First": "UInt64"}
UP = ("unacknowledged", "acknowledged")  # states in which an alarm's condition holds

_decode = msgspec.json.Decoder(Said).decode


def device(message: Message) -> str:
    """The camera that a message is about; empty where it is about the whole line."""
    kind, subject = message.entry.kind, message.entry.subject
    return subject if kind == "verdict" else subject.partition("@")[2] if kind == "alarm" else ""


def names(message: Message) -> dict[str, Type]:
    """Every metric that a message of this subject can have."""
    if message.entry.kind == "verdict":
        return VERDICT
    if message.entry.kind == "alarm":
        alarm = message.entry.subject.partition("@")[0]
        return {f"Alarms/{alarm}/{name}": kind for name, kind in ALARM.items()}
    return {}


def metrics(message: Message, source: str, *, historical: bool = False) -> list[Metric]:
    """A message as metrics: what it says, and the whole of it with its number."""
    time_ms = milliseconds(message.entry.time)
    values = _values(message)
    types = names(message) | OUTBOX
    values |= {
        "Outbox/Event": wrap(message, source, historical=historical).decode(),
        "Outbox/Sequence": message.sequence,
        "Outbox/First": message.first,
    }
    return [Metric(name, types[name], value, time_ms, historical) for name, value in values.items()]


def unknown(types: dict[str, Type], time_ms: int) -> Iterable[Metric]:
    """Metrics of which nothing is known yet."""
    return (Metric(name, kind, None, time_ms) for name, kind in types.items())


def milliseconds(time: str) -> int:
    """ISO 8601 as milliseconds since the Unix epoch.

    >>> milliseconds("2026-11-22T16:00:00.099000Z")
    1795363200099
    """
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _values(message: Message) -> dict[str, Value]:
    if message.entry.kind == "dropped":
        return {}
    said = _decode(message.entry.body)
    if message.entry.kind == "verdict":
        reasons = ", ".join(dict.fromkeys(str(finding.get("reason", "")) for finding in said.findings))
        values = (said.outcome, said.text, reasons, said.seq, said.part)
        return dict(zip(VERDICT, values, strict=True))
    told = (said.state, said.priority, said.text, said.cause, said.consequence, said.action, said.link, said.by)
    active = said.state in UP
    return dict(zip(names(message), (*told, active), strict=True))
