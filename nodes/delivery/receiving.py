"""Whether a consumer has everything: what is missing, came twice, or came late, by the numbers of each stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from nodes.delivery.envelope import STATE

Range = tuple[int, int]
What = Literal["new", "late", "twice", "state"]


class Numbered(Struct, frozen=True):
    """What a consumer needs of an envelope to know whether it has everything.

    Attributes:
        id: Of the event.
        type: What it is.
        stream: Of which outbox.
        sequence: Its number there.
        first: First number it speaks of; the same as `sequence` where it is left out.
        historical: It waited while nobody could be reached.
    """

    id: str
    type: str
    stream: str
    sequence: str
    first: str | None = None
    historical: bool = False

    @property
    def range(self) -> Range:
        """The numbers it speaks of, both ends included."""
        last = int(self.sequence)
        return int(self.first) if self.first else last, last


class Stream:
    """What came of one stream.

    Args:
        through: Everything up to this number is known to be here already; None to begin with whatever comes first.

    Attributes:
        came: Messages that were new.
        twice: Messages that were here already.
        late: Messages that came after a later one.
        states: Messages that only said how things are, ahead of their turn.
        missing: Numbers that have not come, as ranges, though later ones have.
        dropped: Numbers that the outbox says it had to drop, as ranges.
    """

    def __init__(self, through: int | None = None) -> None:
        self._highest = through
        self.begin = None if through is None else through + 1
        self.came = self.twice = self.late = self.states = 0
        self.missing: list[Range] = []
        self.dropped: list[Range] = []

    @property
    def through(self) -> int:
        """Everything up to this number has come or was dropped."""
        return self.missing[0][0] - 1 if self.missing else self._highest or 0

    def hear(self, first: int, last: int, *, dropped: bool = False) -> What:
        """A message has come; one that tells of dropped ones speaks of a range."""
        if self._highest is None:
            self.begin, self._highest = first, first - 1
        new = [*self._fresh(first, last)]
        late = any(low <= self._highest for low, _ in new)
        if first > self._highest + 1:
            self.missing.append((self._highest + 1, first - 1))
        self.missing = [part for hole in self.missing for part in _without(hole, (first, last))]
        self._highest = max(self._highest, last)
        if not new:
            self.twice += 1
            return "twice"
        if dropped:
            self.dropped += new
        else:
            self.came += 1
            self.late += late
        return "late" if late else "new"

    def _fresh(self, first: int, last: int) -> Iterator[Range]:
        """What of a range was not here."""
        assert self._highest is not None
        for low, high in [*self.missing, (self._highest + 1, last)]:
            if max(low, first) <= min(high, last):
                yield max(low, first), min(high, last)


numbered = msgspec.json.Decoder(Numbered).decode


class Ledger:
    """What came of every stream.

    Args:
        known: Per stream, up to which number everything is here already.

    Attributes:
        streams: By name.
    """

    def __init__(self, known: dict[str, int] | None = None) -> None:
        self.streams = {name: Stream(through) for name, through in (known or {}).items()}

    def hear(self, envelope: bytes) -> tuple[What, Numbered]:
        """A message has come.

        Raises:
            msgspec.MsgspecError: If it is not one of ours.
        """
        told = numbered(envelope)
        try:
            first, last = told.range
        except ValueError as error:
            raise msgspec.ValidationError(f"expected digits in `sequence` and `first`, found {error}") from error
        stream = self.streams.setdefault(told.stream, Stream())
        if told.type.startswith(STATE):
            stream.states += 1
            return "state", told
        return stream.hear(first, last, dropped=told.type == "kensa.dropped"), told

    @property
    def whole(self) -> bool:
        """Nothing is missing and nothing was dropped."""
        return not any(stream.missing or stream.dropped for stream in self.streams.values())

    @property
    def exact(self) -> bool:
        """And each message came once, in its order."""
        return self.whole and not any(stream.twice or stream.late for stream in self.streams.values())

    def told(self) -> Iterator[str]:
        """A line for each stream, for people."""
        for name, stream in self.streams.items():
            said = f"stream {name}: {stream.came:,} messages, {stream.begin} to {stream.through}"
            said += f"; missing: {ranges(stream.missing)}; dropped: {ranges(stream.dropped)}"
            states = f"; how things are: {stream.states:,}" if stream.states else ""
            yield f"{said}; twice: {stream.twice:,}; late: {stream.late:,}{states}"


def ranges(found: list[Range], most: int = 8) -> str:
    """Ranges for people.

    >>> ranges([(1, 1), (3, 7)]), ranges([])
    ('6 (1, 3-7)', 'none')
    """
    if not found:
        return "none"
    said = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in found[:most])
    more = ", …" * (len(found) > most)
    return f"{sum(high - low + 1 for low, high in found):,} ({said}{more})"


def _without(hole: Range, taken: Range) -> Iterator[Range]:
    """What is left of a range."""
    (low, high), (first, last) = hole, taken
    if last < low or first > high:
        yield hole
        return
    if low < first:
        yield low, first - 1
    if last < high:
        yield last + 1, high
