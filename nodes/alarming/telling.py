"""What people and plants are told of an alarm: an event that holds all that somebody needs to act on it."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.alarming.book import FLOOD_ENTRY, Priority, Ready
from nodes.alarming.chain import Row
from nodes.alarming.engine import Step
from nodes.alarming.life import Alarm, Because, Life, State, What
from nodes.sinks.events import Event, iso


class AlarmEvent(Event, frozen=True, kw_only=True):
    """An event of an alarm's life: whoever reads events reads it, too; its `subject` is `alarm`.

    Attributes:
        alarm: The alarm: its name, with `@camera` behind it where each camera has one.
        change: What happened to it.
        was: Its state before.
        state: Its state now.
        life: What its condition does and what people did about that, also while it is set aside.
        priority: How soon somebody must act.
        occurrence: Id of the event that told it was raised; who acknowledges names it.
        occurrences: How often it was raised.
        since: When it was raised last, ISO 8601, UTC.
        by: Who did it; empty where nobody did.
        reason: Why they did, or what they said.
        until: When a shelf ends, ISO 8601, UTC; empty where it is not shelved.
        first_out: It was the first of its group.
        chattering: It is held up until it has been calm.
        consequence: What comes of it if nobody acts.
        action: What to do.
        respond_s: How long there is for that, s; None where the alarm book does not say.
        verdict: Id of the event that tells the verdict that raised it; empty where none did.
        value: What was measured.
        limit: What it was held against.
        unit: Of both.
        link: Where the drawn verdict is.
        row: Row of the journal of alarms that holds it.
    """

    alarm: str
    change: What
    was: State
    state: State
    life: Life
    priority: Priority
    occurrence: str
    occurrences: int
    since: str
    by: str
    reason: str
    until: str
    first_out: bool
    chattering: bool
    consequence: str
    action: str
    respond_s: float | None
    verdict: str
    value: float | None
    limit: float | None
    unit: str
    link: str
    row: int


def told(row: Row, ready: Ready) -> Iterator[AlarmEvent]:
    """The events of a row: what is not quiet in it; the same row always gives the same events."""
    for step in row.steps:
        if not step.quiet:
            yield _event(row, step, ready)


def _event(row: Row, step: Step, ready: Ready) -> AlarmEvent:
    alarm, entry = step.after, ready.book.entry(step.alarm) or FLOOD_ENTRY
    because, order = alarm.because, row.order
    return AlarmEvent(
        id=step.id, time=row.time, t_ns=row.t_ns, camera=because.camera or step.alarm.partition("@")[2],
        session=because.session, seq=because.seq, first_seq=because.seq, subject="alarm", part=because.part,
        outcome=because.outcome, findings=(), book=ready.name, version=ready.version, cause=entry.cause,
        text=said(step, entry.priority), alarm=step.alarm, change=step.what, was=step.was, state=step.now,
        life=alarm.life, priority=entry.priority, occurrence=alarm.occurrence, occurrences=alarm.count,
        since=iso(alarm.raised_ns) if alarm.count else "", by=order.by if order else "",
        reason=order.reason if order else _reason(alarm),
        until=iso(alarm.shelved.until_ns) if alarm.shelved else "", first_out=alarm.first,
        chattering=alarm.chattering, consequence=entry.consequence, action=entry.action, respond_s=entry.respond,
        verdict=because.event, value=because.value, limit=because.limit, unit=because.unit,
        link=linked(entry.link or "", step.alarm, because), row=row.n,
    )  # fmt: skip


def said(step: Step, priority: str) -> str:
    """A step in one line, for people."""
    alarm = step.after
    marks = ", first of its group" * alarm.first + ", chattering" * alarm.chattering
    why = f": {alarm.because.text}" if alarm.because.text and step.what in ("raised", "realarmed", "announced") else ""
    return f"alarm {step.alarm} ({priority}{marks}) {step.what}, now {step.now}{why}"


def linked(link: str, alarm: str, because: Because) -> str:
    """Where the drawn verdict is; empty where the book does not say, or no verdict is behind it."""
    if not link or not because.event:
        return ""
    places = {"camera": because.camera, "session": because.session, "seq": because.seq, "event": because.event}
    return link.format(**places, part="" if because.part is None else because.part, alarm=alarm)


def _reason(alarm: Alarm) -> str:
    return alarm.aside.reason if alarm.aside else ""
