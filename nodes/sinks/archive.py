"""Keep everything: Parquet files that any reader understands, whole after any crash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nodes.sinks.shelf import shelf
from pipeline.node import Batch, node
from pipeline.records import Frame, Gap, Part, Record, Regions, Tracks, Verdict
from pipeline.table import rows


@node(batch=Batch(records=4096, seconds=5.0))
def archive(batches: Iterator[list[Frame | Regions | Tracks | Part | Verdict | Gap]], *, path: str) -> None:
    """Write records to Parquet: one folder per table and day of exposure (UTC), `table=frames/date=2026-11-22/…`.

    A batch is on the disk before it counts as delivered, so what was delivered can be read after a power cut, and
    what was not is sent again. A repetition is harmless: readers drop rows that they have already seen. A new set
    of files begins every 4,096 records or 5 seconds, compressed with zstd.

    Args:
        path: Folder of the archive; it is made where there is none.
    """
    with shelf(Path(path)) as kept:
        for batch in batches:
            for day, records in days(batch).items():
                begins = min(record.t_ns for record in records)
                # Frames last: a frame that is in the archive has its regions there too.
                for name, table in sorted(rows(records).items(), key=lambda item: item[0] == "frames"):
                    kept.commit(f"table={name}/date={day}", table, begins)


def days(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records by day of exposure, UTC, `2026-11-22`."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[f"{datetime.fromtimestamp(record.t_ns // 1_000_000_000, UTC):%Y-%m-%d}"].append(record)
    return found
