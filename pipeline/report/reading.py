"""Read a folder of results: what a report is made of, and nothing that is not in the folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pipeline.batch.concluding import HEAT, TABLES, read, summed
from pipeline.batch.publishing import Manifest, load
from pipeline.batch.splitting import Row, windowed
from pipeline.columns import arrow
from pipeline.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa


LAST = 7  # days whose parts tell the outline of a part
PIXELS = ("prompt", "label", "height", "width", "x", "y")


class Results(Struct, frozen=True):
    """What a folder of results says.

    Attributes:
        manifest: What was asked, and the account of every day.
        rates: Of windows, with a column `date`.
        measures: Likewise.
        heat: Over all days, of views and of parts.
        parts: Pixels of parts, over the last days.
        charts: Points of control charts.
        told: The other conclusions, row by row.
    """

    manifest: Manifest
    rates: pa.Table
    measures: pa.Table
    heat: pa.Table
    parts: pa.Table
    charts: pa.Table
    told: dict[str, list[Row]]

    @property
    def zone(self) -> str:
        """The plant's time zone."""
        calendar = self.manifest.asked["calendar"]
        assert isinstance(calendar, dict)
        return str(calendar["zone"])

    @property
    def span(self) -> str:
        """What windows are: hour, shift, day or batch."""
        calendar = self.manifest.asked["calendar"]
        assert isinstance(calendar, dict)
        return str(calendar["span"])

    @property
    def dates(self) -> list[str]:
        """The days of all results, ascending."""
        return sorted({day.date for day in self.manifest.days})


def results(folder: Path) -> Results:
    """Read a folder of results.

    Raises:
        TableError: If there are none, or a file of them cannot be read.
    """
    arrow()
    manifest = load(folder)
    if manifest is None or not manifest.days:
        make = f"kensa aggregate ARCHIVE --output {folder}"
        raise TableError(f"{folder}: expected results, found none; make them: {make}")
    if not manifest.conclusions:
        raise TableError(f"{folder}: expected conclusions, found counts alone; aggregate without --no-conclusions")
    if missing := {*TABLES} - {*manifest.conclusions}:
        found = f"expected {min(missing)}.parquet, which an older version did not make"
        raise TableError(f"{folder}: {found}; aggregate anew")
    try:
        return _read(folder, manifest)
    except (OSError, ValueError, arrow().ArrowException) as error:
        found = f"expected every file that manifest.json lists, found: {str(error).splitlines()[0]}"
        raise TableError(f"{folder}: {found}; aggregate anew") from error


def _read(folder: Path, manifest: Manifest) -> Results:
    import pyarrow.parquet as pq

    rates, measures = (read(folder, manifest.days, name) for name in ("rates", "measures"))
    heat = summed(folder, manifest.days, "heat", HEAT, space=["view", "part"])
    charts = pq.read_table(folder / "charts.parquet")
    told = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in TABLES if name != "charts"}
    return Results(manifest, windowed(rates), measures, heat, _parts(folder, manifest), charts, told)


def _parts(folder: Path, manifest: Manifest) -> pa.Table:
    dates = sorted({day.date for day in manifest.days})[-LAST:]
    days = [day for day in manifest.days if day.date in dates]
    return summed(folder, days, "pixels", PIXELS, label=[str(manifest.asked["part"])])
