"""What people order of a running line's alarms, and what they are answered.

A node that takes orders stands at its process's desk; `kensa alarm` asks the supervisor, who asks every process. What
is at the desk is answered on a thread of its own, so that neither the node's lane nor the reports wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

Verb = Literal[
    "acknowledge", "comment", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove", "restore"
]  # fmt: skip
Name = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=1024)]


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator wants.

    Attributes:
        verb: What is to be done.
        alarm: To which alarm: its name, with `@camera` behind it where each camera has one.
        by: Who wants it.
        reason: Why, or what they say.
        seconds: For `shelve`: for how long, s.
        once: For `shelve`: until its next return at the latest.
        occurrence: For `acknowledge`: the occurrence that is meant; the last one where it is empty.
        login: The user of the host who gave the order.
    """

    verb: Verb
    alarm: Name
    by: Name
    reason: Text = ""
    seconds: float = 0.0
    once: bool = False
    occurrence: Name = ""
    login: Name = ""


class Shown(Struct, frozen=True, kw_only=True):
    """An alarm as people see it.

    Attributes:
        alarm: Its name, with `@camera` behind it where each camera has one.
        state: What it is called.
        life: What its condition does and what people did about that, also while it is set aside.
        priority: How soon somebody must act.
        since_ns: When it was raised last, UTC, ns; 0: never.
        count: How often it was raised.
        occurrence: What to name when it is acknowledged.
        text: Why it was raised.
        by: Who acknowledged it or set it aside.
        reason: What they said.
        until_ns: When a shelf ends, UTC, ns; 0 where it is not shelved.
        first: It was the first of its group.
        chattering: It is held up until it has been calm.
        cause: What is most likely wrong.
        consequence: What comes of it if nobody acts.
        action: What to do.
        link: Where the drawn verdict is.
        verdict: Id of the event that tells the verdict that raised it; empty where none did.
        remark: What somebody has noted beside it last.
        remarked_by: Who did.
    """

    alarm: str
    state: str
    life: str
    priority: str
    since_ns: int
    count: int
    occurrence: str
    text: str
    by: str
    reason: str
    until_ns: int
    first: bool
    chattering: bool
    cause: str
    consequence: str
    action: str
    link: str
    verdict: str = ""
    remark: str = ""
    remarked_by: str = ""


class Figures(Struct, frozen=True):
    """How well alarms serve people: after ISA-18.2-2016, clause 16, over the last day.

    Attributes:
        hours: Over how many hours it is counted.
        raised: How often alarms were raised in that time.
        per_hour: The same an hour.
        busiest: The most in one of these hours.
        standing: Alarms that are up now.
        waiting: Alarms that wait to be acknowledged.
        aside: Alarms that are shelved, suppressed or out of service.
        stale: Alarms that have been up for more than a day.
        chattering: Alarms that chatter now.
        floods: Floods in that time.
        top: The ten that were raised most, with how often.
    """

    hours: float
    raised: int
    per_hour: float
    busiest: int
    standing: tuple[str, ...]
    waiting: int
    aside: tuple[str, ...]
    stale: tuple[str, ...]
    chattering: tuple[str, ...]
    floods: int
    top: tuple[tuple[str, int], ...]


class Answer(Struct, frozen=True, kw_only=True):
    """What a node says to an order.

    Attributes:
        book: Name of its alarm book.
        journal: File of its journal.
        knows: It has that alarm.
        refused: Why it did not do it; empty where it did.
        alarms: The alarm that was meant; all that are not normal where none was, the gravest first.
        more: Others that are left out, so that an answer is never too long.
        figures: How well its alarms serve people; None where one alarm was meant.
    """

    book: str
    journal: str
    knows: bool = True
    refused: str = ""
    alarms: tuple[Shown, ...] = ()
    more: int = 0
    figures: Figures | None = None


Handler = Callable[[Order | None], Answer]


class Desk:
    """Who takes orders in this process; any thread may come, go and ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handlers: list[Handler] = []

    def come(self, handler: Handler) -> None:
        """From now on ask this one, too."""
        with self._lock:
            self._handlers.append(handler)

    def go(self, handler: Handler) -> None:
        """Ask it no more."""
        with self._lock:
            self._handlers.remove(handler)

    def ask(self, order: Order | None) -> tuple[Answer, ...]:
        """Give an order to everybody, or, where it is None, ask how alarms are."""
        with self._lock:
            handlers = [*self._handlers]
        return tuple(handler(order) for handler in handlers)


desk = Desk()  # this process's
