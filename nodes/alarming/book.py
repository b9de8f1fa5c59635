"""Alarm books: what people are called for, why, and what they should do, in YAML; every fault is told at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct
from msgspec.structs import replace

from nodes.alarming.checks import FLOOD, KINDS, SHARED, check, check_link
from nodes.alarming.life import Terms
from nodes.version import version
from pipeline.conform import Conform
from pipeline.conversion import convert
from pipeline.errors import KensaError
from pipeline.located import Document, read
from pipeline.units import Seconds

AlarmName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="lower-case letters, digits and dashes")
]
Words = Annotated[str, Meta(min_length=1, max_length=1024, description="text")]
Name = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
Number = Annotated[int, Meta(ge=1, le=100_000, description="count")]
Share = Annotated[float, Meta(gt=0, le=1, description="0…1")]
Wait = Annotated[float, Meta(gt=0, description="s")]
Priority = Literal["critical", "high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)  # the gravest first
SECOND = 1_000_000_000


class AlarmBookError(KensaError):
    """An alarm book that cannot be used; the text holds every fault with its place."""


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """The condition of an alarm: exactly one of the fields that `KINDS` names.

    Attributes:
        row: So many verdicts in a row that match.
        rate: Such a share of the last `of` verdicts matches.
        of: See there; before so many were seen nobody knows.
        outcome: Verdicts match that have this outcome;
        reason: and, where it is given, a finding with this reason code;
        rule: and, where it is given, a finding of this rule. Where both are, one finding must have both.
        stalled: A camera has given no verdict and no gap for so long.
        gaps: Such a share of its frames was told missing within the last `over` seconds.
        over: See there.
        disk: Such a share of the disk under `folder` is used.
        folder: See there; the folder of the alarms' own file where it is left out.
        clock: The host's clock was set by so much since the line began.
        drift: So many measures of a camera are unlike those that its network's card knows; the sink `drift` says so.
        notice: A process of this host gives notice of something whose key has this form; `*` stands for anything.
        deadband: By how much `rate`, `gaps`, `disk` or `clock` must fall below its limit before it is over.
    """

    row: Number | None = None
    rate: Share | None = None
    of: Number = 100
    outcome: Literal["FAIL", "WARN", "NO_READ"] = "FAIL"
    reason: Name | None = None
    rule: Name | None = None
    stalled: Wait | None = None
    gaps: Share | None = None
    over: Wait = 60.0
    disk: Share | None = None
    folder: Name | None = None
    clock: Wait | None = None
    drift: Number | None = None
    notice: Name | None = None
    deadband: Seconds = 0.0

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One alarm: what people are called for.

    Attributes:
        when: Its condition.
        priority: How soon somebody must act.
        cause: What is most likely wrong.
        consequence: What comes of it if nobody acts.
        action: What to do.
        respond: How long there is for that.
        per: Whether each camera has an alarm of its own. Disk, clock and notices are the line's, silence, gaps
            and drift a camera's.
        on_delay: How long the condition must hold before the alarm is raised.
        off_delay: How long it must be over before the alarm returns.
        re_alarm: After which an acknowledged alarm that still holds must be acknowledged anew; 0: never.
        latched: It stays until somebody resets it.
        group: Of the alarms of one group that are up, the first is marked as such.
        suppressed_by: While one of these is up, of the same camera or of the line, this one is suppressed.
        link: Where the drawn verdict is; `{camera}`, `{session}`, `{seq}`, `{part}`, `{event}` and `{alarm}` are
            filled in.
    """

    when: When
    priority: Priority
    cause: Words
    consequence: Words
    action: Words
    respond: Seconds | None = None
    per: Literal["camera", "line"] = "camera"
    on_delay: Seconds = 0.0
    off_delay: Seconds = 0.0
    re_alarm: Seconds = 0.0
    latched: bool = False
    group: Name | None = None
    suppressed_by: tuple[AlarmName, ...] = ()
    link: Words | None = None

    @property
    def single(self) -> bool:
        """Whether the whole line has one."""
        return self.per == "line" or self.when.kind in SHARED


class Chatter(Struct, frozen=True, forbid_unknown_fields=True):
    """An alarm that is raised again and again.

    Attributes:
        times: Raised so often within `within` it chatters, and returns only once it was calm for so long; 0: never.
        within: See there.
    """

    times: Annotated[int, Meta(ge=0, le=100, description="count")] = 3
    within: Wait = 60.0


class Flood(Struct, frozen=True, forbid_unknown_fields=True):
    """More alarms than people can follow.

    Attributes:
        alarms: So many raised within `within` are a flood; it is over once there were fewer than half.
        within: See there.
        told: In a flood only alarms of this priority or a graver one are told singly.
    """

    alarms: Annotated[int, Meta(ge=2, le=10_000, description="count")] = 10
    within: Wait = 600.0
    told: Priority = "critical"


class Keep(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the journal of alarms is kept.

    Attributes:
        megabytes: As large a file may grow; the journal then goes on in a new one.
        files: So many full ones are kept; older ones are removed.
    """

    megabytes: Wait = 8.0
    files: Annotated[int, Meta(ge=1, le=100_000, description="count")] = 100


class Book(Struct, frozen=True, forbid_unknown_fields=True):
    """An alarm book.

    Attributes:
        alarms: The alarms by name.
        name: Name of the book; the file's name where it is left out.
        link: Where drawn verdicts are, for each alarm that does not say so itself.
        cameras: Cameras that are waited for from the start; others from their first record on.
        longest_shelf: How long an alarm may be shelved at most.
        chatter: When an alarm chatters.
        flood: When there are too many.
        journal: How much of what happened is kept.
    """

    alarms: dict[AlarmName, Entry]
    name: Name | None = None
    link: Words | None = None
    cameras: tuple[Name, ...] = ()
    longest_shelf: Wait = 8 * 3600.0
    chatter: Chatter = Chatter()
    flood: Flood = Flood()
    journal: Keep = Keep()

    def entry(self, key: str) -> Entry | None:
        """What the book says of an alarm; None where it says nothing any more."""
        return FLOOD_ENTRY if key == FLOOD else self.alarms.get(key.partition("@")[0])

    def has(self, key: str) -> bool:
        """Whether there can be an alarm of that key; the cameras are not asked."""
        entry = self.entry(key)
        return entry is not None and entry.single is not ("@" in key)

    def terms(self, key: str) -> Terms:
        """How patient an alarm is."""
        entry = self.entry(key) or FLOOD_ENTRY
        return Terms(
            on_delay_ns=round(entry.on_delay * SECOND),
            off_delay_ns=round(entry.off_delay * SECOND),
            re_alarm_ns=round(entry.re_alarm * SECOND),
            latched=entry.latched,
            chatter=0 if key == FLOOD else self.chatter.times,
            chatter_ns=round(self.chatter.within * SECOND),
            shelf_ns=round(self.longest_shelf * SECOND),
        )


FLOOD_ENTRY = Entry(
    when=When(clock=1.0),  # it has a condition of its own: how many others are raised
    priority="high",
    cause="Many alarms have one cause: see which came first.",
    consequence="People cannot follow them, and miss the one that matters.",
    action="Look for the first of its group, and act on that.",
    per="line",
)


class Ready(Struct, frozen=True):
    """A book that can be gone by.

    Attributes:
        name: Its name in events.
        version: Digest of its words.
        book: What it says.
    """

    name: str
    version: str
    book: Book


def open_alarms(path: str) -> Ready:
    """Read an alarm book.

    Raises:
        AlarmBookError: If it cannot be read or does not say what a book says.
    """
    document = read_alarms(path)
    if document.faults:
        raise AlarmBookError(document.show())
    book = convert(document.data, Book)
    alarms = {name: replace(entry, link=entry.link or book.link) for name, entry in book.alarms.items()}
    return Ready(book.name or Path(path).stem, version(document), replace(book, alarms=alarms))


def read_alarms(path: str) -> Document:
    """Read an alarm book as a document that holds every fault of it: `kensa check` tells them as its own."""
    document = read(path)
    if document.faults:
        return document
    if not isinstance(document.data, dict):
        document.complain((), "expected `alarms`, got something else")
        return document
    data = Conform(document)(document.data, Book, ())
    check_link(document, data, ())
    alarms = data.get("alarms")
    for name, entry in alarms.items() if isinstance(alarms, dict) else ():
        if isinstance(entry, dict):
            check(document, name, entry, alarms)
    if alarms == {}:
        document.complain(("alarms",), "alarms: expected at least one alarm, got none")
    return document
