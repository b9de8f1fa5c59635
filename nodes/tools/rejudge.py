"""Judge an archive again, by another rule book: everything that was seen once more, nothing else changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.tools.rejoin import Again, Key, Rejoiner, once
from nodes.transforms.book import open_book
from nodes.transforms.judge import Judge
from pipeline.archive import Stretch, stretches
from pipeline.errors import KensaError
from pipeline.pieces import Damage
from pipeline.records import Gap, Part, Regions, Verdict
from pipeline.regionrows import pictured
from pipeline.table import gaps, parts, regions, verdicts

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 2048  # rows that are records at the same time
LEAD = ("parts", "verdicts", "gaps")
AHEAD = 10  # stretches whose verdicts are read before records are: the last camera of a line may see a part so late


class Reader:
    """Reads an archive, judges it again, and counts what could not be.

    Args:
        folder: The archive.
        books: Rule books, as paths.
        cameras: Only these; all where none is named.
        before: Name of the book whose verdicts the new ones are compared with, where several judged the same parts.
        apart: Where several cameras' views were joined, tell each view as well; only the whole parts otherwise.

    Attributes:
        damaged: Files that were not read.
        bare: Parts and frames whose masks the disk had no room for.
        lost: Verdicts on parts and frames that are not in the archive.
        gaps: Stretches that nobody saw: NO_READ under every book.
        errors: How often a book failed on something, by what it said.
        covered: Exposure that was read, by camera and session: first and last, UTC nanoseconds.
    """

    def __init__(
        self,
        folder: Path,
        books: Sequence[str],
        *,
        cameras: Collection[str] = (),
        before: str | None = None,
        apart: bool = False,
    ) -> None:
        # With every fault at its place, before anything is read; one version of a book, however long it takes.
        self._books = [open_book(book) for book in books]
        self._folder, self._cameras, self._before, self._apart = folder, {*cameras}, before, apart
        self._stations: set[str] = set()  # cameras of stations that are asked for by name
        self._rejoiner = Rejoiner(self._judged, self._told_apart)
        self._judges: dict[tuple[int, str], Judge] = {}
        self.damaged: list[Damage] = []
        self.bare = self.lost = self.gaps = 0
        self.errors: dict[str, int] = {}
        self.covered: dict[tuple[str, str], tuple[int, int]] = {}

    def __iter__(self) -> Iterator[Again]:
        """Everything that was judged again, by exposure.

        Raises:
            KensaError: If there is no archive, or it holds several verdicts on a part and `before` does not choose.
        """
        for stretch, told, unseen in self._ahead():
            self.gaps += len(unseen)
            self._rejoiner.before(stretch.begin_ns - AHEAD * (stretch.end_ns - stretch.begin_ns))
            framed = self._rejoiner.frames or any(key[0] == "frame" for key in told)
            for record in self._records(stretch, unseen, framed=framed):
                now = tuple(self._judge(record, number) for number in range(len(self._books)))
                if not isinstance(record, Gap):
                    self._cover(record)
                    key = _key(record)
                    yield from self._rejoiner.take(key, Again(record, told.pop(key, None), now))
            self.lost += sum(not self._rejoiner.claims(key) for key in told)
        self._rejoiner.before(None)
        self.lost += self._rejoiner.lost

    def _ahead(self) -> Iterator[tuple[Stretch, dict[Key, Verdict], list[Gap]]]:
        """Stretches with what the line decided; what it decided of several views is known some stretches before."""
        waiting: deque[tuple[Stretch, dict[Key, Verdict], list[Gap]]] = deque()
        for stretch in stretches(self._folder, self.damaged, LEAD):
            try:
                waiting.append((stretch, *self._verdicts(stretch)))
            except KensaError as error:
                raise KensaError(f"{self._folder}: {error}") from error
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        yield from waiting

    @property
    def seconds(self) -> float:
        """Exposure that was read: what several cameras saw at the same time counts once."""
        total, until = 0, 0
        for first, last in sorted(self.covered.values()):
            total += max(0, last - max(first, until))
            until = max(until, last)
        return total / 1e9

    def untold(self) -> Iterator[str]:
        """What was not judged again, and why."""
        if self.bare:
            yield f"not judged: {self.bare:,} whose masks the disk had no room for"
        if self.lost:
            yield f"not judged: {self.lost:,} that have a verdict in the archive, and are not in it themselves"
        for said, count in self.errors.items():
            yield f"not judged: {count:,}: {said}"
        for damage in self.damaged:
            yield f"not read: {damage.path}: {damage.reason}"

    def _verdicts(self, stretch: Stretch) -> tuple[dict[Key, Verdict], list[Gap]]:
        """What the line decided, by what it is about; and the stretches that nobody saw, by exposure."""
        told: dict[Key, Verdict] = {}
        unseen = gaps(self._chosen(stretch.read("gaps")))
        for batch in _batches(stretch.read("verdicts")):
            for verdict in verdicts(batch):
                if verdict.views:
                    self._expect(verdict)
                elif not self._judged(verdict.camera):
                    continue
                elif verdict.subject == "gap":
                    unseen.append(_gap(verdict))
                elif self._before in (None, verdict.book):
                    once(told.setdefault(_about(verdict), verdict), verdict)
        single = {(gap.camera, gap.session, gap.seq, gap.last): gap for gap in unseen}
        return told, sorted(single.values(), key=_when)

    def _expect(self, verdict: Verdict) -> None:
        """A verdict on several views; of a station that is asked for by its name, all of them are."""
        if self._before not in (None, *(view.book for view in verdict.views)):
            return
        asked = not self._cameras or verdict.camera in self._cameras
        if asked and self._cameras:
            self._stations.update(view.camera for view in verdict.views)
        self._rejoiner.expect(verdict, told=asked or not self._apart)

    def _judged(self, camera: str) -> bool:
        """Whether what a camera saw is judged again."""
        return not self._cameras or camera in self._cameras or camera in self._stations

    def _told_apart(self, camera: str) -> bool:
        """Whether what a camera saw is told by itself where it was joined."""
        return self._apart and (not self._cameras or camera in self._cameras)

    def _records(self, stretch: Stretch, unseen: Iterable[Gap], *, framed: bool) -> Iterator[Part | Regions | Gap]:
        """By exposure, as the line met them: a rule on several frames must know of those that nobody saw."""
        seen: list[Iterable[Part | Regions | Gap]] = [unseen, self._parts(stretch)]
        if framed:
            seen.append(self._frames(stretch))
        yield from merge(*seen, key=_when)

    def _parts(self, stretch: Stretch) -> Iterator[Part]:
        for batch in _batches(self._masked(self._chosen(stretch.read("parts")))):
            yield from parts(batch)

    def _frames(self, stretch: Stretch) -> Iterator[Regions]:
        import pyarrow.compute as pc

        frames, inside = self._chosen(stretch.read("frames")), self._chosen(stretch.read("regions"))
        frames = _as_told(frames.filter(pc.equal(frames["kind"], "regions")))
        for begin in range(0, frames.num_rows, BATCH):
            some = frames.slice(begin, BATCH)
            first, last = pc.min(some["t_ns"]), pc.max(some["t_ns"])
            near = pc.and_(pc.greater_equal(inside["t_ns"], first), pc.less_equal(inside["t_ns"], last))
            yield from self._whole(some, inside.filter(near))

    def _whole(self, frames: pa.Table, inside: pa.Table) -> Iterator[Regions]:
        """Frames whose regions are all there, with their masks; one by one, where some of a batch are not."""
        try:
            yield from regions(frames, inside)
        except KensaError:
            if frames.num_rows == 1:
                self.bare += 1
                return
            half = frames.num_rows // 2
            yield from self._whole(frames.slice(0, half), inside)
            yield from self._whole(frames.slice(half), inside)

    def _masked(self, table: pa.Table) -> pa.Table:
        found = table.filter(pictured(table))
        self.bare += table.num_rows - found.num_rows
        return found

    def _chosen(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = [*self._cameras, *self._stations]
        return table.filter(pc.is_in(table["camera"], pa.array(wanted))) if self._cameras else table

    def _judge(self, record: Part | Regions | Gap, number: int) -> Verdict | None:
        """What a book decides; a book that fails on a record is told, and has not decided."""
        book, key = self._books[number], (number, record.camera)
        judge = self._judges.get(key) or self._judges.setdefault(key, Judge(book))
        try:
            return judge.judge(record)
        except Exception as error:  # noqa: BLE001 - on a line it would cost this one record, too
            said = f"{book.name}: {type(error).__name__}: {error}"
            self.errors[said] = self.errors.get(said, 0) + 1
            return None

    def _cover(self, record: Part | Regions) -> None:
        key = record.camera, record.session
        first, last = self.covered.get(key, (record.t_ns, record.t_ns))
        self.covered[key] = min(first, record.t_ns), max(last, record.t_ns)


def _key(record: Part | Regions) -> Key:
    subject, number = ("part", record.id) if isinstance(record, Part) else ("frame", record.seq)
    return subject, record.camera, record.session, number


def _about(verdict: Verdict) -> Key:
    number = verdict.seq if verdict.part is None else verdict.part
    return verdict.subject, verdict.camera, verdict.session, number


def _when(record: Part | Regions | Gap) -> tuple[int, int]:
    return record.t_ns, record.seq


def _gap(verdict: Verdict) -> Gap:
    """The gap that a verdict is about."""
    who = {name: getattr(verdict, name) for name in ("camera", "session", "t_ns")}
    said = next(iter(verdict.findings), None)
    first = verdict.first_seq if said is None else max(verdict.first_seq, verdict.seq + 1 - int(said.value))
    since = verdict.first_seq if verdict.first_seq < first else None
    reason = said.reason.lower() if said else ""
    return Gap(**who, seq=first, last=verdict.seq, reason=reason, where="the line", since=since)


def _as_told(frames: pa.Table) -> pa.Table:
    """Frames by exposure, but none before one of its camera with a smaller number: what came stale, is stale again."""
    import pyarrow as pa

    frames, latest, times = frames.sort_by("seq"), dict[tuple[str, str], int](), []
    for who in zip(*(frames[name].to_pylist() for name in ("camera", "session", "t_ns")), strict=True):
        latest[who[:2]] = max(who[2], latest.get(who[:2], who[2]))
        times.append(latest[who[:2]])
    told = frames.append_column("told", pa.array(times, pa.int64()))
    return told.sort_by([("told", "ascending"), ("seq", "ascending")])


def _batches(table: pa.Table) -> Iterator[Any]:
    for begin in range(0, table.num_rows, BATCH):
        yield table.slice(begin, BATCH)
