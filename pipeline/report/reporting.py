"""Make a report: one page, and its charts as files for slides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from pipeline.batch.files import put
from pipeline.batch.splitting import split
from pipeline.errors import TableError
from pipeline.report import fleet, sections, trust
from pipeline.report.controlling import chosen
from pipeline.report.counting import counted
from pipeline.report.drawing import alone
from pipeline.report.findings import Camera, stories
from pipeline.report.mapping import maps
from pipeline.report.page import page
from pipeline.report.reading import Results, results
from pipeline.report.wording import day, text, whose

ZOOM = 2.0


class Report(Struct, frozen=True):
    """A report.

    Attributes:
        page: HTML that needs nothing else.
        charts: SVG by name.
    """

    page: str
    charts: dict[str, str]


def report(folder: Path) -> Report:
    """Make the report of a folder of results; the same results give the same bytes.

    Raises:
        TableError: If there are none, or they cannot be read.
    """
    found = results(folder)
    seen, known = counted(found), stories(found.told, found.charts)
    drawn, (where, mapped) = chosen(found, known), maps(found)
    parts = [
        fleet.standing_out(known),
        fleet.overview(found, seen, known),
        fleet.worst(found),
        fleet.reasons(found),
        sections.controls(found, drawn),
        where,
        sections.drifting(found, _daily(found)),
        sections.capability(found),
        trust.quality(found, seen),
        sections.method(found),
    ]
    title, lead = _head(found)
    charts = {each.name: each.svg for each in drawn} | mapped
    return Report(
        page(title, lead, [part for part in parts if part]), {name: alone(svg) for name, svg in charts.items()}
    )


def kept(charts: Mapping[str, str], folder: Path, *, png: bool) -> Iterator[Path]:
    """Write charts as files, SVG, or PNG twice as large.

    Raises:
        TableError: If PNG is asked for and what draws it is not installed.
    """
    for name, svg in charts.items():
        plain = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
        path = folder / f"{plain}.{'png' if png else 'svg'}"
        put(path, _png(svg) if png else svg.encode())
        yield path


def _png(svg: str) -> bytes:
    try:
        import resvg_py
    except ImportError as error:
        raise TableError("expected resvg-py, which draws PNG, found none: pip install 'kensa[report]'") from error
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, sans_serif_family="DejaVu Sans"))


def _head(found: Results) -> tuple[str, str]:
    dates = found.dates
    plants = sorted({each.home.plant for each in found.manifest.days} - {""})
    title = ", ".join(["Inspection report", *plants])
    return title, f"{day(dates[0])} to {day(dates[-1])}, {text(found.zone)} time, by {text(found.span)}"


def _daily(found: Results) -> dict[tuple[Camera, str, str], list[float | None]]:
    """The mean of every measure day by day."""
    rows = found.measures
    weighted = [mean * n for mean, n in zip(rows["mean"].to_pylist(), rows["n"].to_pylist(), strict=True)]
    keys = ("plant", "line", "camera", "label", "measure")
    told = rows.append_column("weighted", [weighted]).group_by([*keys, "date"], use_threads=False)
    found_: dict[tuple[Camera, str, str], list[float | None]] = {}
    for who, some in split(told.aggregate([("weighted", "sum"), ("n", "sum")]), keys):
        means = dict(
            zip(
                some["date"].to_pylist(),
                zip(some["weighted_sum"].to_pylist(), some["n_sum"].to_pylist(), strict=True),
                strict=True,
            )
        )
        line = [means[date][0] / means[date][1] if date in means else None for date in found.dates]
        found_[whose(who), who["label"], who["measure"]] = line
    return found_
