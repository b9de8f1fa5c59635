"""One alarm, after ISA-18.2-2016 / IEC 62682: frozen data; what becomes of it says `step`.

What the condition does and what people have done about it are told apart from whether the alarm is set aside: while
it is shelved, suppressed by design or out of service it lives on unseen, as OPC UA Part 9 asks, and nothing is lost.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Life = Literal[
    "normal", "unacknowledged", "acknowledged", "returned_unacknowledged", "latched_unacknowledged", "latched"
]
State = Literal[Life, "shelved", "suppressed", "out_of_service"]
Kind = Literal[
    "on", "off", "tick", "acknowledge", "comment", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove",
    "restore",
]  # fmt: skip
What = Literal[
    "raised", "returned", "realarmed", "chattering", "acknowledged", "reset", "shelved", "unshelved", "shelf_ended",
    "suppressed", "unsuppressed", "removed", "restored", "announced", "commented",
]  # fmt: skip
ACTIVE: frozenset[Life] = frozenset({"unacknowledged", "acknowledged"})
AWAITING: frozenset[Life] = frozenset({"unacknowledged", "returned_unacknowledged", "latched_unacknowledged"})


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
        remark: What somebody has noted beside it last.
        remarked_by: Who did.
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
    remark: str = ""
    remarked_by: str = ""
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
