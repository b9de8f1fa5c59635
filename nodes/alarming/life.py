"""The life of one alarm, after ISA-18.2-2016 / IEC 62682: frozen data and one pure function, `step`.

What the condition does and what people have done about it are told apart from whether the alarm is set aside: while
it is shelved, suppressed by design or out of service it lives on unseen, as OPC UA Part 9 asks, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Life = Literal[
    "normal", "unacknowledged", "acknowledged", "returned_unacknowledged", "latched_unacknowledged", "latched"
]
State = Literal[Life, "shelved", "suppressed", "out_of_service"]
Kind = Literal[
    "on", "off", "tick", "acknowledge", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove", "restore"
]
What = Literal[
    "raised", "returned", "realarmed", "chattering", "acknowledged", "reset", "shelved", "unshelved", "shelf_ended",
    "suppressed", "unsuppressed", "removed", "restored", "announced",
]  # fmt: skip
ACTIVE: frozenset[Life] = frozenset({"unacknowledged", "acknowledged"})
AWAITING: frozenset[Life] = frozenset({"unacknowledged", "returned_unacknowledged", "latched_unacknowledged"})
RETURN: dict[Life, tuple[Life, Life]] = {  # without a latch, with one
    "unacknowledged": ("returned_unacknowledged", "latched_unacknowledged"),
    "acknowledged": ("normal", "latched"),
}
ACKNOWLEDGED: dict[Life, Life] = {
    "unacknowledged": "acknowledged",
    "returned_unacknowledged": "normal",
    "latched_unacknowledged": "latched",
}


class Terms(Struct, frozen=True):
    """How patient an alarm is.

    Attributes:
        on_delay_ns: How long its condition must hold before it is raised.
        off_delay_ns: How long its condition must be over before it returns.
        re_alarm_ns: After which an acknowledged alarm that still holds must be acknowledged anew; 0: never.
        latched: It stays until somebody resets it.
        chatter: Raised so often within `chatter_ns` it chatters: from then on it returns only once its condition has
            been over for all of `chatter_ns`. 0: it never does.
        chatter_ns: See there.
        shelf_ns: Longest it may be shelved.
    """

    on_delay_ns: int = 0
    off_delay_ns: int = 0
    re_alarm_ns: int = 0
    latched: bool = False
    chatter: int = 3
    chatter_ns: int = 60_000_000_000
    shelf_ns: int = 8 * 3600 * 1_000_000_000


class Because(Struct, frozen=True, omit_defaults=True):
    """What made a condition hold.

    Attributes:
        text: In words.
        event: Id of the event that tells the verdict or gap; empty for a condition of the machine.
        camera: Who saw it.
        session: Its session.
        seq: Last frame it speaks of.
        part: Id of the part, where it is about one.
        outcome: What was decided; NO_READ for a condition of the machine.
        value: What was measured.
        limit: What it was held against.
        unit: Of both.
    """

    text: str = ""
    event: str = ""
    camera: str = ""
    session: str = ""
    seq: int = 0
    part: int | None = None
    outcome: Literal["PASS", "WARN", "FAIL", "NO_READ"] = "NO_READ"
    value: float | None = None
    limit: float | None = None
    unit: str = ""


class Aside(Struct, frozen=True, omit_defaults=True):
    """That an alarm is set aside.

    Attributes:
        since_ns: Since when.
        by: Who did it; empty where the alarm book says so.
        reason: Why.
        until_ns: When that ends by itself; 0: not by time.
        once: It ends with the alarm's next return, too.
    """

    since_ns: int
    by: str = ""
    reason: str = ""
    until_ns: int = 0
    once: bool = False


class Alarm(Struct, frozen=True, omit_defaults=True):
    """One alarm.

    Attributes:
        life: What its condition does and what people did about that.
        raised_ns: When it was raised last.
        returned_ns: When it returned last.
        count: How often it was raised.
        occurrence: Id of the event that told it was raised last; who acknowledges names it.
        because: Why it was raised.
        acknowledged_ns: When it was acknowledged last; so with the next two.
        acknowledged_by: By whom.
        comment: What they said.
        shelved: By an operator, for a time.
        suppressed: By design, or by an operator until further notice.
        removed: Out of service.
        recent: When it was raised within the window in which chatter is looked for.
        chattering: It is held up until it has been calm.
        first: It was the first of its group.
        unsaid: It was raised while it was set aside, or in a flood: people were not told.
    """

    life: Life = "normal"
    raised_ns: int = 0
    returned_ns: int = 0
    count: int = 0
    occurrence: str = ""
    because: Because = Because()
    acknowledged_ns: int = 0
    acknowledged_by: str = ""
    comment: str = ""
    shelved: Aside | None = None
    suppressed: Aside | None = None
    removed: Aside | None = None
    recent: tuple[int, ...] = ()
    chattering: bool = False
    first: bool = False
    unsaid: bool = False

    @property
    def active(self) -> bool:
        """Whether it is raised and has not returned."""
        return self.life in ACTIVE

    @property
    def aside(self) -> Aside | None:
        """Why nobody is to be troubled with it; None where people are."""
        return self.removed or self.suppressed or self.shelved

    @property
    def state(self) -> State:
        """What it is called: the gravest way in which it is set aside, else its life."""
        if self.removed:
            return "out_of_service"
        if self.suppressed:
            return "suppressed"
        return "shelved" if self.shelved else self.life


class Pending(Struct, frozen=True):
    """What an alarm's condition did last: known only since this process looks; after a restart it is seen anew.

    Attributes:
        on: Whether it holds; None before anything was seen.
        since_ns: Since when.
        because: What made it hold.
    """

    on: bool | None = None
    since_ns: int = 0
    because: Because = Because()


class Event(Struct, frozen=True):
    """Something that happens to an alarm.

    Attributes:
        kind: `on` and `off` are its condition, `tick` is time alone; the rest is done by people, or by the alarm book.
        by: Who does it.
        reason: Why, or what they say.
        until_ns: For `shelve`: its end.
        once: For `shelve`: it ends with the next return, too.
        occurrence: For `acknowledge`: the occurrence that is meant; the last one where it is empty.
        because: For `on`: what made the condition hold.
    """

    kind: Kind
    by: str = ""
    reason: str = ""
    until_ns: int = 0
    once: bool = False
    occurrence: str = ""
    because: Because = Because()


class Held(Struct, frozen=True):
    """An alarm with what its condition does: the state that `step` goes on from."""

    alarm: Alarm = Alarm()
    pending: Pending = Pending()

    def timed(self, terms: Terms) -> bool:
        """Whether time alone may change it."""
        alarm = self.alarm
        waits = self.pending.on is not None and self.pending.on != alarm.active
        return waits or alarm.shelved is not None or (alarm.life == "acknowledged" and terms.re_alarm_ns > 0)


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
        acknowledged_ns=0, acknowledged_by="", recent=recent if terms.chatter else (), chattering=chatters,
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
