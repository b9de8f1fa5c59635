"""The control charts of a report: which are shown, in which phases, and what their flags say in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from pipeline.batch.patterns import RULES, flagged
from pipeline.batch.splitting import PLACE, Row
from pipeline.columns import arrow
from pipeline.report.charts import Phase, Say, control
from pipeline.report.findings import Camera, Shown, Story
from pipeline.report.reading import Results
from pipeline.report.wording import called, measured, moment, number, percent, whose

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = (*PLACE, "label", "chart", "what", "name")
EACH = 2  # charts of a camera
TOLD = 6  # flags of a chart, in words
ALL = 24  # charts of a report


class Drawn(Struct, frozen=True):
    """A control chart of a report.

    Attributes:
        name: Of its file.
        camera: Whose it is.
        svg: The chart.
        flags: What its flags say, sentence by sentence.
    """

    name: str
    camera: str
    svg: str
    flags: list[str]


def chosen(results: Results, stories: Sequence[Story]) -> list[Drawn]:
    """Charts that show what stands out, camera by camera; where nothing does, those of the most flagged series."""
    ranked = most_flagged(results.charts)
    known: dict[tuple[Camera, Shown], Row] = {}
    for row in ranked:
        known.setdefault((whose(row), (row["label"], row["what"], row["name"])), row)
    some = [row for story in stories for row in _of(story, known)] if stories else ranked[:EACH]
    return [drawn(results.charts, row, number) for number, row in enumerate(some[:ALL])]


def most_flagged(charts: pa.Table) -> list[Row]:
    """Every series with how many points it has and how many are flagged, most flagged first."""
    up = arrow().compute.not_equal(charts["rules"], "").cast("int64")
    rows = (
        charts.append_column("up", up).group_by([*KEYS], use_threads=False).aggregate([("up", "sum"), ("up", "count")])
    )
    return sorted(rows.to_pylist(), key=lambda row: (-row["up_sum"], *(row[key] for key in KEYS)))


def by_chance(rules: Sequence[str]) -> float:
    """The share of points that rules flag of a process that is left alone, by 100,000 normal values."""
    flags = flagged(np.random.default_rng(0).normal(size=100_000), rules)
    return float(np.any([*flags.values()], axis=0).mean()) if flags else 0.0


def drawn(charts: pa.Table, who: Row, number: int) -> Drawn:
    """One series, all of its phases, in order of time."""
    pc, rows = arrow().compute, charts
    for key in KEYS:
        rows = rows.filter(pc.equal(rows[key], who[key]))
    points = rows.sort_by("begin_ns").to_pylist()
    phases = [
        Phase(_phase(own), [*some]) for own, some in groupby(points, key=lambda row: (row["version"], row["model"]))
    ]
    title, say = _title(who), _say(who)
    name = f"control-{number + 1:02}-{who['camera']}"
    return Drawn(name, who["camera"], control(title, phases, say), [*_flags(points, say)])


def _of(story: Story, known: Mapping[tuple[Camera, Shown], Row]) -> list[Row]:
    """The series that show a story: one of each kind of finding first, then the others."""
    first = [next(some).shown for _, some in groupby(story.findings, key=lambda finding: finding.kind)]
    series = dict.fromkeys([*first, *(finding.shown for finding in story.findings)])
    found = [known[story.camera, shown] for shown in series if shown and (story.camera, shown) in known]
    return found[:EACH]


def _phase(own: tuple[str, str]) -> str:
    version, model = own
    return f"recipe {version or 'none'}, network {model[:12] or 'unknown'}"


def _title(who: Row) -> str:
    if who["what"] == "measures":
        what = f"mean {called(who['name'], who['label'])}"
    elif who["what"] == "regions":
        what = f"{who['label']} regions per frame"
    else:
        what = f"{who['what']}s with {who['name']}"
    return f"{who['camera']}: {what} ({who['chart']} chart)"


def _say(who: Row) -> Say:
    if who["chart"] in {"ewma", "cusum up", "cusum down"}:
        return number
    if who["what"] == "measures":
        return partial(measured, measure=who["name"])
    return number if who["what"] == "regions" else percent


def _flags(points: Sequence[Row], say: Say) -> Iterator[str]:
    """What flags say; those of one rule in a row are one sentence."""
    found = list[str]()
    for up, some in groupby(points, key=lambda row: bool(row["rules"])):
        run = [*some]
        if up:
            rules = dict.fromkeys(rule for row in run for rule in row["rules"].split())
            found.append(_sentence(run, [RULES[rule].words for rule in rules], say))
    yield from found[:TOLD]
    if len(found) > TOLD:
        yield f"… and {len(found) - TOLD} more like these."


def _sentence(run: Sequence[Row], why: Sequence[str], say: Say) -> str:
    first, last = run[0], run[-1]
    limits = f"limits {say(first['low'])} … {say(first['high'])}"
    if len(run) == 1:
        return f"{moment(first['window'])}: {say(first['value'])} is {' and '.join(why)} ({limits})."
    values = sorted(row["value"] for row in run)
    between = f"{moment(first['window'])} to {moment(last['window'])}"
    reason = " or ".join(why)
    return f"{between}: {len(run)} points, {say(values[0])} … {say(values[-1])}, each {reason} ({limits})."
