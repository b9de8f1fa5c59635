"""Whether an archive is complete: every frame of a session is in it, told missing, or pruned; else there is a hole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.archive import ERASED, SAME, Erased, once
from pipeline.columns import TABLES, arrow
from pipeline.errors import TableError
from pipeline.pieces import Damage, archive_of, days, load, pieces
from pipeline.places import Where, source

if TYPE_CHECKING:
    import pyarrow as pa

Key = tuple[str, str]
Spans = NDArray[np.int64]  # (N, 2), first and last frame of each stretch, ascending, none touches another
SEEN = ("frames", "settling")
NONE: Spans = np.empty((0, 2), np.int64)


class Session(Struct, frozen=True):
    """What an archive knows of one session of one camera.

    Attributes:
        camera: The camera.
        session: The session.
        frames: Frames that are there.
        missing: Frames that gaps tell missing.
        reasons: Of those, how many for which reason.
        erased: Frames that were pruned.
        holes: First and last frame of each stretch of which nobody knows anything; there should be none.
        last: Last frame that is spoken of.
    """

    camera: str
    session: str
    frames: int
    missing: int
    reasons: dict[str, int]
    erased: int
    holes: tuple[tuple[int, int], ...]
    last: int


class Completeness(Struct, frozen=True):
    """What an archive holds, and what it lacks.

    Attributes:
        sessions: By camera and session.
        without: Frames of which the archive has not as many regions as were found in them.
        files: Files that were read.
        damaged: Files that cannot be trusted, or were written by a newer version.
    """

    sessions: tuple[Session, ...]
    without: int
    files: int
    damaged: tuple[Damage, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing that nobody has told."""
        return not (self.without or self.damaged or any(session.holes for session in self.sessions))


def completeness(folder: Where, *, quick: bool = False) -> Completeness:
    """Look through a whole archive, day by day.

    Args:
        folder: The archive.
        quick: Believe files instead of holding each against its digest, and read few columns.

    Raises:
        TableError: If there is no such archive, or pyarrow is not installed.
    """
    look = _Look(archive_of(folder), quick=quick)
    for day in days(folder, TABLES):
        look.at(day)
    return look.done()


class _Look:
    def __init__(self, folder: Where, *, quick: bool) -> None:
        self._folder, self._quick = folder, quick
        self._seen: dict[Key, Spans] = defaultdict(lambda: NONE)
        self._told: dict[Key, Spans] = defaultdict(lambda: NONE)
        self._why: dict[Key, dict[str, Spans]] = defaultdict(lambda: defaultdict(lambda: NONE))
        self._erased = _erased(folder)
        self._files, self._without, self._damaged = 0, 0, list[Damage]()

    def at(self, day: str) -> None:
        """Take in one day."""
        found = {table: self._rows(table, day) for table in TABLES if table in READ or not self._quick}
        for table in SEEN:
            for key, rows in _by_session(found[table]):
                self._seen[key] = union(self._seen[key], stretches(rows["seq"].to_numpy()))
        for key, rows in _by_session(found["gaps"]):
            spans = np.stack([rows["seq"].to_numpy(), rows["last"].to_numpy()], axis=1)
            self._told[key] = union(self._told[key], spans)
            for reason in rows["reason"].unique().to_pylist():
                why = spans[arrow().compute.equal(rows["reason"], reason).to_numpy()]
                self._why[key][reason] = union(self._why[key][reason], why)
        self._without += _without(found["frames"], found["regions"])

    def done(self) -> Completeness:
        """Everything that was taken in."""
        keys = sorted({*self._seen, *self._told, *self._erased})
        sessions = tuple(self._session(key) for key in keys)
        return Completeness(sessions, self._without, self._files, tuple(self._damaged))

    def _session(self, key: Key) -> Session:
        seen, told, erased = self._seen[key], self._told[key], self._erased.get(key, NONE)
        known = union(union(seen, told), erased)
        reasons = {why: length(without(spans, seen)) for why, spans in sorted(self._why[key].items())}
        return Session(
            *key,
            frames=length(seen),
            missing=length(without(told, seen)),
            reasons={why: count for why, count in reasons.items() if count},
            erased=length(without(erased, union(seen, told))),
            holes=tuple((first, last) for first, last in holes(known).tolist()),
            last=int(known[-1, 1]),
        )

    def _rows(self, table: str, day: str) -> pa.Table:
        """Some columns of a table, each row once."""
        wanted = READ.get(table, ())
        found = [rows for path in pieces(self._folder, table, day) if (rows := self._read(path, table)) is not None]
        if not wanted or not found:
            return arrow().table({name: [] for name in wanted})
        return once(arrow().concat_tables(found), tuple(each for each in SAME[table] if each in wanted)).select(wanted)

    def _read(self, path: Where, table: str) -> pa.Table | None:
        """What is needed of a file; None where it cannot be trusted, or has gone meanwhile."""
        self._files += 1
        keys = [*dict.fromkeys((*READ.get(table, ()), *SAME[table]))]
        try:
            return _columns(path, keys) if self._quick else load(path, table).select(keys)
        except FileNotFoundError:
            self._files -= 1
        except (TableError, OSError, KeyError, ValueError, arrow().ArrowException) as error:
            self._damaged.append(Damage(path, str(error)))
        return None


READ: dict[str, tuple[str, ...]] = {
    "frames": ("camera", "session", "seq", "kind", "prompt", "found"),
    "settling": ("camera", "session", "seq"),
    "gaps": ("camera", "session", "seq", "last", "place", "reason"),
    "regions": ("camera", "session", "seq", "kind", "place"),
}


def _columns(path: Where, names: list[str]) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(source(path)) as file:
        return file.read([name for name in names if name in file.schema_arrow.names])


def _by_session(rows: pa.Table) -> Iterator[tuple[Key, pa.Table]]:
    pc = arrow().compute
    for who in rows.group_by(["camera", "session"]).aggregate([]).to_pylist() if len(rows) else ():
        mine = pc.and_(pc.equal(rows["camera"], who["camera"]), pc.equal(rows["session"], who["session"]))
        yield (who["camera"], who["session"]), rows.filter(mine)


def _without(frames: pa.Table, regions: pa.Table) -> int:
    """Frames that tell of more regions than there are."""
    if not len(frames):
        return 0
    pa, keys = arrow(), ["camera", "session", "seq", "kind"]
    claimed = frames.filter(pa.compute.not_equal(frames["kind"], "frame")).group_by(keys).aggregate([("found", "max")])
    if not len(regions):
        return int(pa.compute.sum(pa.compute.greater(claimed["found_max"], 0)).as_py() or 0)
    there = regions.group_by(keys).aggregate([("place", "count_distinct")])
    both = claimed.join(there, keys, join_type="left outer")
    count = pa.compute.fill_null(both["place_count_distinct"], 0)
    return int(pa.compute.sum(pa.compute.greater(both["found_max"], count)).as_py() or 0)


def _erased(folder: Where) -> dict[Key, Spans]:
    found: dict[Key, Spans] = {}
    log = folder / ERASED
    for line in log.read_bytes().splitlines() if log.exists() else ():
        told = msgspec.json.decode(line, type=Erased)
        if told.table in {*SEEN, "gaps"}:
            key = told.camera, told.session
            found[key] = union(found.get(key, NONE), np.array([[told.first, told.last]], np.int64))
    return found


def stretches(numbers: NDArray[np.int64]) -> Spans:
    """Numbers, in any order, as stretches that have none missing."""
    known = np.unique(numbers)
    cuts = np.flatnonzero(np.diff(known) != 1)
    first, last = np.concatenate([known[:1], known[cuts + 1]]), np.concatenate([known[cuts], known[-1:]])
    return np.stack([first, last], axis=1)


def union(one: Spans, two: Spans) -> Spans:
    """What is in either."""
    both = np.concatenate([one, two])
    both = both[np.argsort(both[:, 0], kind="stable")]
    if not len(both):
        return NONE
    reach = np.maximum.accumulate(both[:, 1])
    begins = np.concatenate([[True], both[1:, 0] > reach[:-1] + 1])
    ends = np.concatenate([begins[1:], [True]])
    return np.stack([both[begins, 0], reach[ends]], axis=1)


def holes(known: Spans) -> Spans:
    """What lies between 0 and the last, and in none."""
    first = np.concatenate([[0], known[:-1, 1] + 1]) if len(known) else np.empty(0, np.int64)
    between = np.stack([first, known[:, 0] - 1], axis=1)
    return between[between[:, 0] <= between[:, 1]]


def without(one: Spans, two: Spans) -> Spans:
    """What is in the first, and not in the second."""
    if not len(one) or not len(two):
        return one
    end = max(int(one[-1, 1]), int(two[-1, 1])) + 2
    outside = union(holes(union(two, np.array([[end, end]]))), NONE)
    kept = [(max(a, c), min(b, d)) for a, b in one.tolist() for c, d in outside.tolist() if a <= d and c <= b]
    return np.array(kept, np.int64).reshape(-1, 2)


def length(spans: Spans) -> int:
    """How many numbers are in them."""
    return int((spans[:, 1] - spans[:, 0] + 1).sum())
