"""What becomes of an alarm: one pure function, after ISA-18.2-2016 / IEC 62682 and OPC UA Part 9."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from nodes.alarming.life import AWAITING, Alarm, Aside, Event, Held, Kind, Life, Pending, Terms, What

RETURN: dict[Life, tuple[Life, Life]] = {  # without a latch, with one
    "unacknowledged": ("returned_unacknowledged", "latched_unacknowledged"),
    "acknowledged": ("normal", "latched"),
}
ACKNOWLEDGED: dict[Life, Life] = {
    "unacknowledged": "acknowledged",
    "returned_unacknowledged": "normal",
    "latched_unacknowledged": "latched",
}

Stepped = tuple[Held, tuple[What, ...]]


def step(held: Held, event: Event, t_ns: int, terms: Terms) -> Stepped:
    """What becomes of an alarm; pure.

    Args:
        held: The alarm.
        event: What happens.
        t_ns: When, by a clock that does not jump, ns.
        terms: How patient it is.

    Returns:
        The alarm afterwards, and what it went through, in order. Where the event is refused, see `refusal`, that is
        what time alone makes of it.
    """
    done: tuple[What, ...] = ()
    if not refusal(held.alarm, event, t_ns, terms):
        held, done = _DOES[event.kind](held, event, t_ns)
    held, due = _due(held, t_ns, terms)
    return held, (*done, *due)


def refusal(alarm: Alarm, event: Event, t_ns: int, terms: Terms) -> str:
    """Why an event cannot happen to an alarm now, for people; empty where it can."""
    match event.kind:
        case "acknowledge":
            return _unacknowledgeable(alarm, event)
        case "reset":
            return _unresettable(alarm)
        case "shelve":
            return _unshelvable(event, t_ns, terms)
        case "suppress" | "remove" if event.by and not event.reason:
            return "expected a reason, got none"
        case "comment" if not event.reason:
            return "expected a comment, got none"
    there = {"unshelve": alarm.shelved, "unsuppress": alarm.suppressed, "restore": alarm.removed}
    names = {"unshelve": "shelved", "unsuppress": "suppressed", "restore": "out of service"}
    return f"it is not {names[event.kind]}" if there.get(event.kind, alarm) is None else ""


def _unacknowledgeable(alarm: Alarm, event: Event) -> str:
    if event.occurrence not in ("", alarm.occurrence):
        return f"occurrence {event.occurrence} is over or never was; the last one is {alarm.occurrence or 'none'}"
    if alarm.life in AWAITING:
        return ""
    return f"already acknowledged by {alarm.acknowledged_by}" if alarm.acknowledged_by else "nothing to acknowledge"


def _unresettable(alarm: Alarm) -> str:
    if alarm.life == "latched":
        return ""
    return "acknowledge it first" if alarm.life == "latched_unacknowledged" else "it is not latched"


def _unshelvable(event: Event, t_ns: int, terms: Terms) -> str:
    if not event.reason:
        return "expected a reason, got none"
    if event.until_ns <= t_ns:
        return "expected an end that is yet to come"
    if event.until_ns - t_ns > terms.shelf_ns:
        longest, found = terms.shelf_ns / 60e9, (event.until_ns - t_ns) / 60e9
        return f"expected at most {longest:g} min, got {found:g} min"
    return ""


def _condition(held: Held, event: Event, t_ns: int) -> Stepped:
    on = event.kind == "on"
    if held.pending.on is on:
        return held, ()
    return replace(held, pending=Pending(on, t_ns, event.because)), ()


def _nothing(held: Held, _: Event, __: int) -> Stepped:
    return held, ()


def _acknowledge(held: Held, event: Event, t_ns: int) -> Stepped:
    said = {"acknowledged_ns": t_ns, "acknowledged_by": event.by, "comment": event.reason}
    alarm = replace(held.alarm, life=ACKNOWLEDGED[held.alarm.life], unsaid=False, **said)
    return replace(held, alarm=alarm), ("acknowledged",)


def _comment(held: Held, event: Event, _: int) -> Stepped:
    return _with(held, remark=event.reason, remarked_by=event.by), ("commented",)


def _reset(held: Held, _: Event, __: int) -> Stepped:
    return _with(held, life="normal"), ("reset",)


def _shelve(held: Held, event: Event, t_ns: int) -> Stepped:
    return _with(held, shelved=Aside(t_ns, event.by, event.reason, event.until_ns, event.once)), ("shelved",)


def _unshelve(held: Held, _: Event, __: int) -> Stepped:
    return _with(held, shelved=None), ("unshelved",)


def _suppress(held: Held, event: Event, t_ns: int) -> Stepped:
    return _with(held, suppressed=Aside(t_ns, event.by, event.reason)), ("suppressed",)


def _unsuppress(held: Held, _: Event, __: int) -> Stepped:
    return _with(held, suppressed=None), ("unsuppressed",)


def _remove(held: Held, event: Event, t_ns: int) -> Stepped:
    return _with(held, removed=Aside(t_ns, event.by, event.reason)), ("removed",)


def _restore(held: Held, _: Event, __: int) -> Stepped:
    return _with(held, removed=None), ("restored",)


_DOES: dict[Kind, Callable[[Held, Event, int], Stepped]] = {
    "on": _condition,
    "off": _condition,
    "tick": _nothing,
    "acknowledge": _acknowledge,
    "comment": _comment,
    "reset": _reset,
    "shelve": _shelve,
    "unshelve": _unshelve,
    "suppress": _suppress,
    "unsuppress": _unsuppress,
    "remove": _remove,
    "restore": _restore,
}


def _due(held: Held, t_ns: int, terms: Terms) -> Stepped:
    """What is due by time: each of these at most once."""
    done: tuple[What, ...] = ()
    for look in (_shelf_end, _raise, _return, _re_alarm):
        held, came = look(held, t_ns, terms)
        done = (*done, *came)
    return held, done


def _shelf_end(held: Held, t_ns: int, _: Terms) -> Stepped:
    """A clock that was set back while nobody looked ends it as well: rather told too early than hidden too long."""
    shelf = held.alarm.shelved
    if shelf is None or shelf.since_ns <= t_ns < shelf.until_ns:
        return held, ()
    return _with(held, shelved=None), ("shelf_ended",)


def _raise(held: Held, t_ns: int, terms: Terms) -> Stepped:
    alarm, pending = held.alarm, held.pending
    if not pending.on or alarm.active or not _past(t_ns, pending.since_ns, terms.on_delay_ns):
        return held, ()
    recent = tuple(each for each in (*alarm.recent, t_ns) if 0 <= t_ns - each <= terms.chatter_ns)[-terms.chatter :]
    chatters = 0 < terms.chatter <= len(recent)
    raised = _with(
        held, life="unacknowledged", raised_ns=t_ns, count=alarm.count + 1, because=pending.because, comment="",
        remark="", remarked_by="", acknowledged_ns=0, acknowledged_by="", recent=recent if terms.chatter else (),
        chattering=chatters,
    )  # fmt: skip
    return raised, ("raised", "chattering") if chatters else ("raised",)


def _return(held: Held, t_ns: int, terms: Terms) -> Stepped:
    alarm, pending = held.alarm, held.pending
    delay = max(terms.off_delay_ns, terms.chatter_ns) if alarm.chattering else terms.off_delay_ns
    if pending.on is not False or not alarm.active or not _past(t_ns, pending.since_ns, delay):
        return held, ()
    once = alarm.shelved is not None and alarm.shelved.once
    life = RETURN[alarm.life][terms.latched]
    shelved = None if once else alarm.shelved
    returned = _with(held, life=life, returned_ns=t_ns, chattering=False, shelved=shelved)
    return returned, ("returned", "shelf_ended") if once else ("returned",)


def _re_alarm(held: Held, t_ns: int, terms: Terms) -> Stepped:
    alarm = held.alarm
    if alarm.life != "acknowledged" or not terms.re_alarm_ns:
        return held, ()
    if not _past(t_ns, alarm.acknowledged_ns, terms.re_alarm_ns):
        return held, ()
    return _with(held, life="unacknowledged", acknowledged_by="", comment=""), ("realarmed",)


def _past(t_ns: int, since_ns: int, span_ns: int) -> bool:
    """Whether so much time has gone by; a clock that was set back does not make anybody wait."""
    return t_ns - since_ns >= span_ns or t_ns < since_ns


def _with(held: Held, **changes: object) -> Held:
    return replace(held, alarm=replace(held.alarm, **changes))
