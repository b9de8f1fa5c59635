"""Keep everything: Parquet files that any reader understands, whole after any crash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from nodes.sinks.room import log, room
from nodes.sinks.shelf import Shelf, shelf
from nodes.sinks.store import Store
from pipeline.disk import BALLAST, Limits
from pipeline.node import Batch, node
from pipeline.notices import board
from pipeline.pieces import ASIDE, DamageError, aside, newest, set_aside, verified
from pipeline.places import remote
from pipeline.records import Frame, Gap, Image, Part, Record, Regions, Tracks, Verdict
from pipeline.table import rows
from pipeline.units import Ratio

MASKED = ("frames", "settling", "regions", "parts", "images")  # tables that have pixels
INSPECTED = 16  # newest files of each table that are verified at the start


@node(batch=Batch(records=4096, seconds=5.0))
def archive(
    batches: Iterator[list[Frame | Image | Regions | Tracks | Part | Verdict | Gap]],
    *,
    path: str,
    warn: Ratio = 0.70,
    lean: Ratio = 0.85,
    stop: Ratio = 0.95,
) -> None:
    """Write records to Parquet: one folder per table and day of exposure (UTC), `table=frames/date=2026-11-22/…`.

    A batch is on the disk before it counts as delivered, so what was delivered can be read after a power cut, and
    what was not is sent again. A repetition is harmless: readers drop rows that they have already seen. A new set
    of files begins every 4,096 records or 5 seconds, compressed with zstd. Frames whose crop was settling are kept
    apart, in the table `settling`; the table `images` is there only where the topology says `images: true`.

    A disk that fills up does not stop the line. Its used share, of bytes or inodes, is looked at once a second; a
    level ends 3 points below where it began. What a disk refuses, or is too full for, waits at its producers as their
    queues allow and is written when there is room again. Damaged files go to the folder `quarantine`.

    In an object store, batches that it refuses wait as well; masks are never left out, and nothing is set aside.

    Args:
        path: Folder of the archive; it is made where there is none. Or the URL of an object store, such as
            s3://bucket/plant=nagoya/line=a; its keys come from the environment, as its own tools have them.
        warn: Used share of the disk from which people are told.
        lean: Used share from which masks and pictures are left out (null); what was measured stays.
        stop: Used share from which nothing is archived.
    """
    if remote(path):
        _stored(batches, Store(path))
        return
    folder = Path(path.removeprefix("file://"))
    mine = room("archive", folder, folder / ".ballast", BALLAST, Limits(warn, lean, stop))
    with ExitStack() as stack:
        with mine.writing():
            kept = stack.enter_context(shelf(folder))
            inspect(folder)
        for batch in batches:
            with mine.writing():
                keep(kept, batch, masks=mine.admit(len(batch)))


def _stored(batches: Iterator[Any], kept: Store) -> None:
    for batch in batches:
        with kept.writing():
            keep(kept, batch, masks=True)


def keep(kept: Shelf | Store, batch: Sequence[Record], *, masks: bool) -> None:
    """Commit a batch, day by day.

    Raises:
        OSError: If the disk refuses; what is already there will be recognised when the batch comes again.
    """
    for day, records in days(batch).items():
        begins = min(record.t_ns for record in records)
        # Frames last: a frame that is in the archive has its regions there too.
        for name, table in sorted(rows(records, masks=masks).items(), key=lambda item: item[0] == "frames"):
            kept.commit(f"table={name}/date={day}", table, begins, masks=masks or name not in MASKED)


@cache
def inspect(folder: Path) -> None:
    """Verify the newest files, once in a process, and move what is damaged out of the way of every reader.

    Raises:
        OSError: If the disk refuses.
    """
    for path in newest(folder, INSPECTED):
        with suppress(FileNotFoundError):  # another writer has just set it aside
            _verify(folder, path)
    if found := aside(folder):
        text = f"archive: {found:,} damaged files lie in {folder / ASIDE}; restore them from a copy, or delete them"
        board.raise_(f"archive {folder} damaged", text)


def _verify(folder: Path, path: Path) -> None:
    reason = ""
    try:
        verified(path)
    except DamageError as error:
        reason = str(error)
    if reason:
        log().error("damaged file set aside", path=str(set_aside(folder, path, reason).path), reason=reason)


def days(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records by day of exposure, UTC, `2026-11-22`."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[f"{datetime.fromtimestamp(record.t_ns // 1_000_000_000, UTC):%Y-%m-%d}"].append(record)
    return found
