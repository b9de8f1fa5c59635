"""Put results where people read them: whole files, the manifest last, and nothing that does not balance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import numpy as np
from msgspec import Struct

from pipeline.batch.files import Listed, documented, fitting, keep, parquet, put
from pipeline.batch.observing import SUBJECTS
from pipeline.batch.parcels import unpack
from pipeline.batch.reading import Account
from pipeline.batch.results import COLUMNS, finish
from pipeline.batch.statistics import Aggregate
from pipeline.batch.stretches import LONG, unfolded
from pipeline.batch.studies import Study
from pipeline.batch.surveying import Dead, Home
from pipeline.columns import arrow
from pipeline.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST, LETTERS, STAGING = "manifest.json", "dead_letters.parquet", ".staging"


class Day(Struct, frozen=True):
    """The results of one line and day.

    Attributes:
        home: Whose they are.
        date: The day on which their windows begin, plant time.
        files: How many files of the archive they were made of.
        source: Digest of the names of these, with size and time where a name has no digest, and of the day's bounds.
        account: What became of the rows of those files that are of this day.
        aggregated: What the results count; of regions and verdicts `account` must say the same.
        results: Per table: file below the folder, rows, and BLAKE2b of the file.
        kept: Whether the results are older than the account: the archive has fewer rows of that day than it had.
    """

    home: Home
    date: str
    files: int
    source: str
    account: Account
    aggregated: dict[str, int]
    results: dict[str, Listed]
    kept: bool = False


class Manifest(Struct, frozen=True):
    """What a folder of results holds.

    Attributes:
        version: Of the results.
        asked: Everything that results depend on beside the archive.
        days: Sorted.
        dead: Files of the archive that have no footer.
        study: How the results of all days were looked at.
        conclusions: What all days say together, table by table.
    """

    version: str
    asked: dict[str, object]
    days: tuple[Day, ...] = ()
    dead: tuple[Dead, ...] = ()
    study: Study = Study()
    conclusions: dict[str, Listed] = {}


def stage(folder: Path, home: Home, date: str, source: tuple[int, str], parcel: bytes) -> Path:
    """Write the results of a day where nobody reads yet; the same again changes nothing.

    Args:
        folder: Of this run.
        home: Whose they are.
        date: ISO 8601.
        source: How many files they were made of, and the digest of these.
        parcel: The day's aggregate.

    Returns:
        The file that tells of them, a `Day`.
    """
    aggregate, account = unpack(parcel)
    results = dict(_written(folder, home, date, finish(aggregate)))
    told = Day(home, date, *source, account, aggregated(aggregate), results)
    path = folder / "days" / f"{date}.{_name(home)}.json"
    put(path, msgspec.json.encode(told))
    return path


def staged(folder: Path) -> list[Day]:
    """The days that a run has written, sorted."""
    found = [msgspec.json.decode(path.read_bytes(), type=Day) for path in (folder / "days").glob("*.json")]
    return sorted(found, key=lambda day: (day.home, day.date))


def balance(days: Iterable[Day], rows: Mapping[tuple[Home, str], int]) -> None:
    """Compare accounts with footers and with what was aggregated.

    Args:
        days: Every day of every line.
        rows: Rows that the archive's footers tell, per line and table.

    Raises:
        TableError: If anything is missing or there twice; the text says where.
    """
    found = dict.fromkeys(rows, 0)
    for day in days:
        for table, entries in day.account.tables.items():
            key = (day.home, table)
            found[key] = found.get(key, 0) + entries["rows"] - entries["elsewhere"]
            told = sum(n for entry, n in entries.items() if entry not in {"rows", "elsewhere"})
            _same(f"{_said(day.home)}, {day.date}: {table}", entries["rows"] - entries["elsewhere"], told)
            if table in day.aggregated and not day.kept:
                _same(f"{_said(day.home)}, {day.date}: aggregated {table}", entries["counted"], day.aggregated[table])
    for (home, table), count in found.items():
        _same(f"{_said(home)}: {table}", rows.get((home, table), 0), count)


def aggregated(aggregate: Aggregate) -> dict[str, int]:
    """How many regions, verdicts, exposures, missing exposures and set pixels an aggregate counts."""
    pc, counts, pixels = arrow().compute, aggregate.parts["counts"], aggregate.parts["pixels"]
    whole = pc.equal(aggregate.groups["span"].take(counts["group"]), "date")
    hourly = counts.filter(pc.invert(whole))
    words = {"regions": ["regions"], "verdicts": [*SUBJECTS], "exposures": ["frames"], "missing": ["missing"]}
    found = {
        name: hourly.filter(pc.is_in(hourly["what"], value_set=arrow().array(what))) for name, what in words.items()
    }
    # A run is the way from where it begins, +1, to where it ends, -1.
    steps, begin = unfolded(pixels["steps"]), pixels["stretch"].to_numpy().astype(np.int64) * LONG
    sums = steps.sum(axis=1, dtype=np.int64), steps.sum(axis=0, dtype=np.int64)
    area = -int((sums[0] * begin).sum() + (sums[1] * np.arange(LONG)).sum())
    return {name: pc.sum(rows["n"]).as_py() or 0 for name, rows in found.items()} | {"pixels": area}


def load(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none.

    Raises:
        TableError: If it is none that this version reads.
    """
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise TableError(
            f"{path}: expected a manifest of results, found none: {error}; use another --output"
        ) from error


def place(folder: Path, staging: Path, fresh: Iterable[Day]) -> None:
    """Move the results of some days to where they are read, file by file."""
    for day in fresh:
        for name, _, _ in day.results.values():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(folder / name)


def tell(folder: Path, manifest: Manifest) -> None:
    """Write the dead letters, then the manifest."""
    letters = [(day.home, letter) for day in manifest.days for letter in day.account.dead]
    put(folder / LETTERS, _letters([*letters, *((Home("", ""), letter) for letter in manifest.dead)]))
    put(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1))


def _written(folder: Path, home: Home, date: str, tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, Listed]]:
    for table, rows in tables.items():
        told = fitting(rows, documented(table, COLUMNS[table]))
        yield table, keep(folder, f"table={table}/date={date}/{_name(home)}.parquet", told)


def _letters(letters: list[tuple[Home, Dead]]) -> bytes:
    rows = sorted({(home.plant, home.line, each.path, each.table, each.reason, each.rows) for home, each in letters})
    kinds = dict.fromkeys(("plant", "line", "path", "table", "reason"), "string") | {"rows": "int64"}
    columns = [*zip(*rows, strict=True)] or [()] * len(kinds)
    named = dict(zip(kinds, columns, strict=True))
    return parquet(arrow().table({name: arrow().array(named[name], kind) for name, kind in kinds.items()}))


def _name(home: Home) -> str:
    return ".".join(quote(word, safe="").replace(".", "%2E") or "-" for word in (home.plant, home.line))


def _said(home: Home) -> str:
    return " ".join(word for word in (home.plant, home.line) if word) or "the line"


def _same(what: str, expected: int, found: int) -> None:
    if expected != found:
        raise TableError(
            f"{what}: expected {expected:,} rows, as the footers say, found {found:,}: nothing is published; "
            "run it again, with --runner=FnApiRunner"
        )
