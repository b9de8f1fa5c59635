"""How well a line judged parts whose truth is known: who is who, the confusion table, precision and recall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

GOOD = "good"
PASS, NO_READ, OTHER, MISSED, PHANTOM = "pass", "no read", "other", "missed", "phantom"


class Truth(Protocol):
    """What a perfect inspector would know about one part; frames count from 0."""

    @property
    def number(self) -> int:
        """Its place in the order of parts."""

    @property
    def kind(self) -> str:
        """`good`, or the name of its defect."""

    @property
    def enters(self) -> int:
        """First frame that shows any of it."""

    @property
    def first(self) -> int:
        """First frame that shows the whole of it."""

    @property
    def last(self) -> int:
        """Last frame that shows the whole of it."""

    @property
    def leaves(self) -> int:
        """Last frame that shows any of it."""


class Judged(Struct, frozen=True):
    """One part as the line saw it: its first and last frame, its outcome, and the reasons it was given."""

    first_seq: int
    seq: int
    outcome: str
    reasons: tuple[str, ...] = ()


class Ratio(Struct, frozen=True):
    """So many of so many; `value` is None where there was nothing to count."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """Hits over all, 0…1."""
        return self.hits / self.of if self.of else None


class Score(Struct, frozen=True):
    """Every part once: (what it was, what the line said) → how many."""

    confusion: Mapping[tuple[str, str], int]

    def __add__(self, other: Score) -> Score:
        return Score(Counter(self.confusion) + Counter(other.confusion))

    @property
    def parts(self) -> int:
        """Parts that there were."""
        return sum(count for (kind, _), count in self.confusion.items() if kind != PHANTOM)

    @property
    def found(self) -> int:
        """Parts that the line noticed, whatever it said of them."""
        return sum(count for (kind, said), count in self.confusion.items() if kind != PHANTOM and said != MISSED)

    @property
    def phantoms(self) -> int:
        """Parts that the line saw where none was."""
        return sum(count for (kind, _), count in self.confusion.items() if kind == PHANTOM)

    def precision(self, kind: str) -> Ratio:
        """Of the parts that were said to have this defect, those that had it."""
        return Ratio(
            self.confusion.get((kind, kind), 0), sum(n for (_, said), n in self.confusion.items() if said == kind)
        )

    def recall(self, kind: str) -> Ratio:
        """Of the parts that had this defect, those that were said to have it."""
        return Ratio(
            self.confusion.get((kind, kind), 0), sum(n for (was, _), n in self.confusion.items() if was == kind)
        )

    def caught(self) -> Ratio:
        """Of the parts with any defect, those that were not passed as good; a missed part was passed."""
        bad = {key: n for key, n in self.confusion.items() if key[0] not in (GOOD, PHANTOM)}
        return Ratio(sum(n for (_, said), n in bad.items() if said not in (PASS, MISSED)), sum(bad.values()))

    def accused(self) -> Ratio:
        """Of the good parts, those that were said to have a defect."""
        good = {said: n for (kind, said), n in self.confusion.items() if kind == GOOD}
        return Ratio(sum(n for said, n in good.items() if said not in (PASS, NO_READ, MISSED)), sum(good.values()))


def score(truth: Iterable[Truth], judged: Sequence[Judged], last_seq: int, kinds: Sequence[str]) -> Score:
    """Compare what one camera's line said in one session with what was there.

    A part counts when some frame showed the whole of it; a part that the first or last frame cut off does not.

    Args:
        truth: Parts in order; may be endless.
        judged: What the line said about parts, in any order.
        last_seq: Last frame that the camera gave.
        kinds: Names of the defects.
    """
    there = _until(truth, last_seq)
    pairs = pair(there, judged)
    said = {number: decision(part, kinds) for number, part in pairs.items()}
    whole = [part for part in there if part.first <= min(part.last, last_seq)]
    confusion = Counter((part.kind, said.get(part.number, MISSED)) for part in whole)
    taken = {id(part) for part in pairs.values()}
    confusion.update((PHANTOM, decision(part, kinds)) for part in judged if id(part) not in taken)
    return Score(confusion)


def decision(part: Judged, kinds: Sequence[str]) -> str:
    """What the line said, in one word: `pass`, `no read`, the first defect it named, or `other`."""
    if part.outcome in ("PASS", "NO_READ"):
        return PASS if part.outcome == "PASS" else NO_READ
    return next((reason.lower() for reason in part.reasons if reason.lower() in kinds), OTHER)


def pair(truth: Sequence[Truth], judged: Sequence[Judged]) -> dict[int, Judged]:
    """Which judged part is which true one: the closest first, each used once, by when they came and went.

    Returns:
        Number of the true part → what was said about it.
    """
    near = sorted(
        (apart, here, there)
        for here, part in enumerate(judged)
        for there, true in enumerate(truth)
        if (apart := _apart(true, part)) is not None
    )
    pairs: dict[int, int] = {}
    for _, here, there in near:
        if here not in pairs and there not in pairs.values():
            pairs[here] = there
    return {truth[there].number: judged[here] for here, there in pairs.items()}


def _apart(true: Truth, part: Judged) -> int | None:
    """Frames between two sightings, None where they never overlap.

    Either end may have been hidden by a gap; the end that was seen tells them apart.
    """
    if part.first_seq > true.leaves or part.seq < true.enters:
        return None
    ends = abs(part.first_seq - true.enters), abs(part.seq - true.leaves)
    return 2 * min(ends) + max(ends)


def _until(truth: Iterable[Truth], last_seq: int) -> list[Truth]:
    there = []
    for part in truth:
        if part.enters > last_seq:
            break
        there.append(part)
    return there
