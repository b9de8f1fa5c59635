"""What waits on disk: the records of one edge, in their order, in segments that only grow and are removed whole.

What `append` has returned from survives a kill of any process; with `survives="power"` a power cut too. A record is
forgotten when it is released, which is after its consumer is done with it. A segment is named by its first row.
Removing one needs no room, so a full disk gets better by itself.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pipeline.plan import Survival
from pipeline.transport.came import Came
from pipeline.transport.files import read_place, sync_folder, write, write_place
from pipeline.transport.item import Item
from pipeline.transport.segment import Row, Segment, look, row, scan, stretches, told, written

SEGMENT = 8 << 20  # bytes after which a new one is begun
PARTS = 8  # a bound holds at least so many segments, for what is let go is whole ones
CLOSED = "closed"  # a file that says that whoever wrote here had nothing more
BUFFERS = 512  # given to one call of writev, which takes 1024


class Shed(NamedTuple):
    """What was let go for want of room: records handed over, and rows that are fewer now."""

    weight: int = 0
    rows: int = 0


class Spool:
    """One edge's folder. Used by one thread at a time.

    Args:
        folder: Where its segments are; made where there is none.
        name: Of the edge, for the gaps that it tells.
        survives: What must not lose a record that was appended: a `kill`, or a `power` cut too.
        bound: Most bytes that it should hold.
        quarantine: Where damaged segments are kept for a look.

    Attributes:
        records: Rows that were found in it.
        weight: Records handed over that they stand for.
        lost: Records that were torn out of its segments, as far as their neighbours tell.
        tails: How far each camera had come in what was found, where whoever wrote it did not close it. What came
            after that in its memory is lost.
        damaged: Where segments are kept that were not as they had been written.

    Raises:
        BlockingIOError: If another process has it.
        OSError: Whatever else the disk is in the way with, here and in every method.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        survives: Survival = "kill",
        bound: int = 1 << 30,
        quarantine: Path | None = None,
    ) -> None:
        self.folder, self._name, self._bound = folder, name, bound
        self._syncs = survives == "power"
        self._limit = max(1, min(SEGMENT, bound // PARTS))
        self._file = -1
        self.damaged: list[Path] = []
        self._at = (0, 0, 0)  # row after which, segment in which, and byte from which the next is read
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open(quarantine)
        except OSError:
            os.close(self._lock)
            raise

    def _open(self, quarantine: Path | None) -> None:
        closed = self.folder / CLOSED
        whole = closed.exists()
        closed.unlink(missing_ok=True)
        self._done = read_place(self.folder / "done")
        paths = sorted(path for path in self.folder.glob("*.seg") if path.stem.isdecimal())
        self._segments = [look(path, self._done) for path in paths]
        for segment, after in pairwise(self._segments):
            segment.missing += after.first - segment.next
        torn = [segment for segment in self._segments if segment.torn]
        for segment in torn:
            self._set_aside(quarantine, segment)
        self.lost = sum(segment.missing for segment in torn)
        self.records = sum(segment.records for segment in self._segments)
        self.weight = sum(segment.weight for segment in self._segments)
        self._next = max([self._done + 1, *(segment.next for segment in self._segments)])
        self.tails: dict[str, Came] = {}
        for segment in self._segments if not whole else ():
            self.tails |= segment.tails
        self._drop(self._done)

    @property
    def bytes(self) -> int:
        """Bytes of its segments."""
        return sum(segment.size for segment in self._segments)

    @property
    def done(self) -> int:
        """Everything up to this row is forgotten."""
        return self._done

    @property
    def empty(self) -> bool:
        """It holds nothing that is not forgotten."""
        return all(segment.next <= max(self._done + 1, segment.first) for segment in self._segments)

    def append(self, items: Sequence[Item]) -> range:
        """Put records behind all others; returns their rows. All of them are there then, or none."""
        rows = range(self._next, self._next + len(items))
        if self._file < 0 or self._segments[-1].size >= self._limit:
            self._begin()
        segment = self._segments[-1]
        parts = [part for number, item in zip(rows, items, strict=True) for part in written(number, item)]
        try:
            for at in range(0, len(parts), BUFFERS):
                write(self._file, parts[at : at + BUFFERS])
            if self._syncs:
                os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, segment.size)
            raise
        segment.size += sum(map(len, parts))
        self._next = segment.next = rows.stop
        return rows

    def read(self, after: int, records: int, size: int) -> list[Row]:
        """The oldest after a row: at most so many, and no more than one beyond so many bytes."""
        found: list[Row] = []
        for one in self._rows(after):
            found.append(one)
            size -= one.item.size
            if len(found) >= records or size <= 0:
                break
        return found

    def release(self, until: int) -> None:
        """Forget everything up to a row."""
        write_place(self.folder / "done", until, sync=self._syncs)
        self._done = max(self._done, until)
        self._drop(until)

    def shed(self, after: int) -> Shed:
        """Let whole segments after a row go, the oldest first, until the bound is kept; gaps stand where they were.

        The one that is written to stays, and so do those that hold a record up to that row.
        """
        over = self.bytes - self._bound
        gone = [*self._oldest(after, over)] if over > 0 else []
        if not gone:
            return Shed()
        rows = [each for segment in gone for each in self._whole(segment)]
        gaps = told(rows, self._name)
        place = self._segments.index(gone[0])
        self._segments[place : place + len(gone)] = [self._replace(gone, gaps)]
        lost = sum(each.torn + each.item.weight for each in rows) - sum(gap.item.weight for gap in gaps)
        return Shed(lost, len(rows) - len(gaps))

    def close(self) -> None:
        """Close it; one that holds nothing is removed."""
        if self._file >= 0:
            os.close(self._file)
        if self.empty:
            import shutil  # brings two compressors, and is needed at the end alone

            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            with suppress(OSError):
                (self.folder / CLOSED).touch()
        os.close(self._lock)

    def _whole(self, segment: Segment) -> list[Row]:
        data = segment.path.read_bytes()
        return [row(data, found, self._name) for found in scan(data)]

    def _begin(self) -> None:
        """Begin a segment; what an earlier process left is not written to."""
        path = self.folder / f"{self._next:020}.seg"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        if self._segments and self._segments[-1].path == path:
            self._segments.pop()
        self._segments.append(Segment(path, self._next, 0, self._next))
        if self._syncs:
            sync_folder(self.folder)

    def _drop(self, until: int) -> None:
        """Remove the segments that hold nothing after a row, but for the one that is written to."""
        written = self._segments[-1] if self._file >= 0 else None
        for segment in [one for one in self._segments if one.next <= until + 1 and one is not written]:
            segment.path.unlink(missing_ok=True)
            self._segments.remove(segment)

    def _oldest(self, after: int, need: int) -> Iterator[Segment]:
        for segment in self._segments[:-1]:
            if need <= 0:
                return
            if segment.first > after:
                need -= segment.size
                yield segment

    def _replace(self, gone: Sequence[Segment], gaps: Sequence[Row]) -> Segment:
        """Put gaps in the place of segments; at every moment each record stands there or its gap does."""
        data = b"".join(part for gap in gaps for part in written(gap.row, gap.item))
        fresh = gone[0].path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(gone[0].path)
        for segment in gone[1:]:
            segment.path.unlink(missing_ok=True)
        return Segment(gone[0].path, gone[0].first, len(data), gone[-1].next)

    def _rows(self, after: int) -> Iterator[Row]:
        """Every row after one; begins where the last reading ended, if that was there."""
        for segment in [one for one in self._segments if one.next > after + 1]:
            known, first, byte = self._at
            at = byte if (known, first) == (after, segment.first) else 0
            with segment.path.open("rb") as file:
                for begin, data, several in stretches(file.fileno(), at, segment.size):
                    for found in several:
                        if found.about.row > after:
                            after = found.about.row
                            self._at = (after, segment.first, begin + found.end)
                            yield row(data, found, self._name)

    def _set_aside(self, quarantine: Path | None, segment: Segment) -> None:
        """Keep a damaged segment for a look; it is read on nevertheless. A second name for it needs no room."""
        if quarantine is None:
            return
        to = quarantine / f"spool-{self.folder.name}-{segment.path.name}"
        with suppress(FileExistsError):
            quarantine.mkdir(parents=True, exist_ok=True)
            to.hardlink_to(segment.path)
            self.damaged.append(to)
