"""The list that a PLC acknowledges, as registers: what is in it stays until the PLC has written that it has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from nodes.sinks.calls import PRIORITIES_SAID, PRIORITY_CODES, STATE_CODES, Alarm, Calls, decode
from nodes.sinks.words import CODES, NOBODY, OUTCOMES, WORD, Field, Values, blank, length, packed, table
from pipeline.records import Outcome

if TYPE_CHECKING:
    from nodes.delivery.envelope import Message
    from nodes.delivery.outbox import Outbox

LIST_AT, ENTRIES_AT, ACKNOWLEDGE_AT = 400, 420, 900
SHOWN = 16  # entries at a time
NO_CAMERA = WORD - 1

LIST = (
    Field("stream", "long", "Which list this is: where it is another one, its numbers begin anew."),
    Field("last", "long", "Number of its newest entry, from 1."),
    Field("through", "long", "Up to which number the PLC has acknowledged."),
    Field("waiting", "long", "How many entries wait to be acknowledged."),
    Field("dropped", "long", "How many had to make room before they were acknowledged, ever."),
    Field("shown", "number", f"How many of those that wait stand below: the oldest, at most {SHOWN}."),
)
ENTRY = (
    Field("number", "long", "Its number; 0 where there is no entry."),
    Field("first", "long", "First number that it speaks of: another one only where `kind` is 3."),
    Field("kind", "number", "1 a verdict, 2 a step of an alarm, 3 entries that are no more."),
    Field("camera", "number", "Place of its camera among `cameras`, from 0; 65535 where it is about none of them."),
    Field("outcome", "number", f"Of a verdict: {OUTCOMES}."),
    Field("part", "long", "Id of the part, the lower 32 bits; 4294967295 where it is about none."),
    Field("what", "text", "The gravest reason of a verdict; the name of an alarm; its first 16 characters."),
    Field("state", "number", "How an alarm is since then, as `newest_state`."),
    Field("priority", "number", f"Of an alarm: {PRIORITIES_SAID}."),
    Field("time", "long", "When: s since 1970, UTC."),
    Field("ms", "number", "And ms."),
)
ACKNOWLEDGE = (
    Field("stream", "long", "The list that is meant, as it stands in `stream` of the list."),
    Field("through", "long", "The PLC has every entry up to this number."),
)


class _Finding(Struct, frozen=True):
    reason: str


class _Told(Struct, frozen=True):
    """What of an event of a verdict a PLC is told."""

    camera: str
    outcome: Outcome
    part: int | None = None
    findings: tuple[_Finding, ...] = ()


_told = msgspec.json.Decoder(_Told).decode


class Entries:
    """What waits in an outbox, as registers; any thread may ask, and say that something has come.

    Args:
        cameras: Names in the order of their places.
        outbox: A connection that nobody else uses.
        calls: Is told how alarms are.
    """

    def __init__(self, cameras: Sequence[str], outbox: Outbox, calls: Calls) -> None:
        self._places = {name: place for place, name in enumerate(cameras)}
        self._outbox, self._calls, self._lock = outbox, calls, Lock()
        self.stream = int(outbox.stream[:8], 16)
        self.waits = False
        self._blocks: dict[int, list[int]] = {}
        self.look()

    def look(self) -> None:
        """Show what is in the outbox now.

        Raises:
            OSError: If the disk refuses.
        """
        with self._lock:
            self._look()

    def acknowledge(self, words: Sequence[int]) -> bool:
        """A PLC has written what it has; False where that speaks of another list, or of what there is not.

        Raises:
            OSError: If the disk refuses: it is as if nothing had been written.
        """
        with self._lock:
            stream, through = ((high * WORD + low) for high, low in zip(words[::2], words[1::2], strict=True))
            if stream != self.stream or through > self._outbox.last:
                return False
            self._outbox.confirm(through)
            self._look()
            return True

    def registers(self) -> dict[int, list[int]]:
        """Its head, its entries, and what was acknowledged last."""
        with self._lock:
            return self._blocks

    def _look(self) -> None:
        box = self._outbox
        through, last = box.confirmed, box.last
        found = box.read(through, SHOWN)[:SHOWN]
        head = {"stream": self.stream, "last": last, "through": through, "waiting": box.waiting}
        words = packed(LIST, head | {"dropped": box.dropped, "shown": len(found)})
        entries = [word for each in found for word in packed(ENTRY, self._values(each))]
        self._blocks = {
            LIST_AT: words,
            ENTRIES_AT: entries + blank(ENTRY) * (SHOWN - len(found)),
            ACKNOWLEDGE_AT: packed(ACKNOWLEDGE, {"stream": self.stream, "through": through}),
        }
        self.waits = last > through
        steps = [(one.sequence, decode(one.entry.body)) for one in box.current() if one.entry.kind == "alarm"]
        self._calls.hear_alarms(steps)

    def _values(self, message: Message) -> Values:
        s, ms = divmod(round(datetime.fromisoformat(message.entry.time).timestamp() * 1000), 1000)
        about: dict[str, int | str] = {"number": message.sequence, "first": message.first, "time": s, "ms": ms}
        match message.entry.kind:
            case "verdict":
                return about | self._verdict(_told(message.entry.body))
            case "alarm":
                return about | self._alarm(decode(message.entry.body))
            case "dropped":
                return about | _nothing(3)

    def _verdict(self, told: _Told) -> dict[str, int | str]:
        part = NOBODY if told.part is None else told.part & NOBODY
        reason = told.findings[0].reason if told.findings else ""
        place = self._places.get(told.camera, NO_CAMERA)
        return _nothing(1) | {"camera": place, "outcome": CODES[told.outcome], "part": part, "what": reason}

    def _alarm(self, told: Alarm) -> dict[str, int | str]:
        place = self._places.get(told.alarm.partition("@")[2], NO_CAMERA)
        state, priority = STATE_CODES.get(told.state, 0), PRIORITY_CODES.get(told.priority, 0)
        return _nothing(2) | {"camera": place, "what": told.alarm, "state": state, "priority": priority}


def _nothing(kind: int) -> dict[str, int | str]:
    values: dict[str, int | str] = {"kind": kind, "camera": NO_CAMERA, "outcome": 0, "part": NOBODY}
    return values | {"what": "", "state": 0, "priority": 0}


def manual() -> Iterator[str]:
    """The list for people, in Markdown."""
    yield from table(f"The list to acknowledge, from register {LIST_AT}, where there is an `outbox`", LIST, LIST_AT)
    title = f"Its entries, the oldest first: registers {ENTRIES_AT} + {length(ENTRY)} n, n from 0 to {SHOWN - 1}"
    yield from table(title, ENTRY, ENTRIES_AT)
    title = f"What the PLC writes, {length(ACKNOWLEDGE)} registers from {ACKNOWLEDGE_AT} in one request"
    yield from table(title, ACKNOWLEDGE, ACKNOWLEDGE_AT)
