"""How far a camera had come on an edge, and from where on something may be missing when its sender dies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.records import Part, Record, Tracks, Verdict

SEVERAL_PER_SEQ = frozenset({"part", "verdict"})
MARKED = (Tracks, Part, Verdict)


class Came(NamedTuple):
    """How far a camera had come in a session.

    Attributes:
        session: Its name.
        seq: The last frame that anything told of.
        since: From which frame on something may be missing, where that is not the one after it: parts, and verdicts
            on them, do not come in the order of their last sight.
    """

    session: str
    seq: int
    since: int | None = None


Trails = dict[str, list[Came]]  # of each camera the last sessions, oldest first


def several(kinds: Iterable[str]) -> bool:
    """Whether several records may have one number: where somebody died, more of them may be missing than came."""
    return not SEVERAL_PER_SEQ.isdisjoint(kinds)


def watermark(record: Record) -> int | None:
    """The frame before which nobody was seen last of whom a later record tells; None where the record does not say."""
    return record.watermark if isinstance(record, MARKED) else None


def of_part(record: Record) -> bool:
    """Whether a record tells of a part, by its last sight: of others with that number nothing need have come."""
    return isinstance(record, Part) or (isinstance(record, Verdict) and record.subject == "part")
