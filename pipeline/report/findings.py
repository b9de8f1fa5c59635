"""What stands out, camera by camera, in sentences: what the tests of the results say, at the rate that they state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from pipeline.batch.charting import JUDGED
from pipeline.batch.measures import CELLS
from pipeline.batch.splitting import PLACE, Row
from pipeline.batch.spotting import BLOCK
from pipeline.batch.trends import DAY
from pipeline.columns import arrow
from pipeline.report.wording import called, measured, moment, number, percent, whose

if TYPE_CHECKING:
    import pyarrow as pa

LEVEL = 0.05
# Of one camera the first tells the most; what has a cause that somebody set comes last among cameras.
KINDS = ("spot", "recipe", "model", "drift", "trend", "change", "peers")
URGENT = ("spot", "peers", "drift", "trend", "change", "recipe", "model")
HEADS = {
    "spot": "sees one place of its view too often: look for dirt on the lens or the window",
    "recipe": "is judged by another recipe",
    "model": "is seen by another network",
    "drift": "drifts",
    "trend": "rises or falls",
    "change": "has changed",
    "peers": "sees otherwise than its peers",
}
Camera = tuple[str, str, str]
Shown = tuple[str, str, str]  # label, what and name of a charted series
Centres = Mapping[tuple[Camera, str, str, str], float]


class Finding(Struct, frozen=True):
    """One thing that stands out.

    Attributes:
        kind: One of `KINDS`.
        words: A sentence for people.
        weight: How far it is from what was to be expected, for the order.
        shown: The series whose chart shows it; None where none does.
    """

    kind: str
    words: str
    weight: float = 0.0
    shown: Shown | None = None


class Story(Struct, frozen=True):
    """All that stands out of a camera.

    Attributes:
        camera: Plant, line and name.
        findings: The most telling kind first.
    """

    camera: Camera
    findings: tuple[Finding, ...]

    @property
    def kind(self) -> str:
        """What it comes to."""
        return self.findings[0].kind

    @property
    def head(self) -> str:
        """The same in a few words."""
        return HEADS[self.kind]


def stories(told: Mapping[str, Sequence[Row]], charts: pa.Table) -> list[Story]:
    """Every camera that stands out, most urgent first.

    Args:
        told: The conclusions, by name.
        charts: Their charts.
    """
    found: dict[Camera, list[Finding]] = defaultdict(list)
    for name, worded in (
        ("spots", _spot),
        ("drift", _drift),
        ("trends", _trend),
        ("changes", _change),
        ("comparison", _peers),
    ):
        for row in told[name]:
            if row["p_all"] <= LEVEL:
                found[whose(row)].append(worded(row))
    centres = _centres(charts)
    for _, some in groupby(told["phases"], key=lambda row: [row[key] for key in PLACE]):
        for before, row in pairwise(some):
            found[whose(row)].extend(_phases(before, row, centres))
    known = [Story(camera, _sorted(some)) for camera, some in found.items()]
    return sorted(known, key=lambda story: (URGENT.index(story.kind), -story.findings[0].weight, story.camera))


def _sorted(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The weightiest of each kind, then the others."""
    ordered = sorted(found, key=_order)
    first = [next(some) for _, some in groupby(ordered, key=lambda finding: finding.kind)]
    return (*first, *(each for each in ordered if each not in first))


def _order(finding: Finding) -> tuple[int, float]:
    return KINDS.index(finding.kind), -finding.weight


def _spot(row: Row) -> Finding:
    x, y = 100 * (row["x"] + BLOCK / 2) / CELLS, 100 * (row["y"] + BLOCK / 2) / CELLS
    where = f"around {x:.0f} % from the left and {y:.0f} % from the top"
    said = f"{percent(row['rate'])} of its {row['label']} regions ({row['n']:,} of {row['of']:,}) lie {where}"
    words = f"{said}; of its peers' {percent(row['peers'])} do."
    return Finding("spot", words, row["score"], (row["label"], "regions", ""))


def _phases(before: Row, row: Row, centres: Centres) -> Iterator[Finding]:
    """What is not as in the phase before, and what became of the share of FAIL."""
    since = f"Since {moment(row['window'])}, {row['n']:,} frames"
    effect, shown = "", None
    for what in JUDGED:
        one, two = (centres.get((whose(row), what, each["version"], each["model"])) for each in (before, row))
        if one is not None and two is not None:
            effect, shown = (
                f" {what.capitalize()}s with FAIL: {percent(two)}, before {percent(one)}.",
                ("", what, "FAIL"),
            )
    for kind, said, key in (("recipe", "judged by recipe", "version"), ("model", "seen by network", "model")):
        if kind in row["changed"]:
            now, then = (each[key][:12] or "none" for each in (row, before))
            yield Finding(kind, f"{since}: {said} {now}, before by {then}.{effect}", 0.0, shown)


def _centres(charts: pa.Table) -> Centres:
    pc = arrow().compute
    rows = charts.filter(pc.and_(pc.equal(charts["chart"], "p′"), pc.equal(charts["name"], "FAIL")))
    keys = ["plant", "line", "camera", "what", "version", "model"]
    told = rows.group_by(keys, use_threads=False).aggregate([("center", "min")]).to_pylist()
    return {(whose(row), row["what"], row["version"], row["model"]): row["center_min"] for row in told}


def _drift(row: Row) -> Finding:
    what = called(row["measure"], row["label"])
    since, before, by = (measured(row[name], row["measure"]) for name in ("mean_since", "mean_before", "shift"))
    days = f"{since} in the last {row['days_since']} days, {before} in the {row['days_before']} before"
    words = f"{what[:1].upper()}{what[1:]}: {days}; a shift of {by} (p = {number(row['p_all'])}, all measures minded)."
    return Finding("drift", words, row["distance"], (row["label"], "measures", row["measure"]))


def _trend(row: Row) -> Finding:
    said = _shares(row) if row["what"] != "measures" else called(row["name"], row["label"])
    way, days = "up" if row["tau"] > 0 else "down", (row["end_ns"] - row["begin_ns"]) / DAY
    much = _valued(row, abs(row["slope"])).replace("%", "percentage points")
    words = f"{said[:1].upper()}{said[1:]}: {way} by {much} a day, for {days:.0f} days."
    return Finding("trend", words, abs(row["tau"]), (row["label"], row["what"], row["name"]))


def _change(row: Row) -> Finding:
    said = _shares(row) if row["what"] != "measures" else called(row["name"], row["label"])
    before, after = (_valued(row, row[name]) for name in ("before", "after"))
    words = f"From {moment(row['window'])} on: {said} {after}, before {before}."
    return Finding("change", words, -row["p"], (row["label"], row["what"], row["name"]))


def _peers(row: Row) -> Finding:
    if row["what"] == "measures":
        what, shown = called(row["name"], row["label"]), (row["label"], "measures", row["name"])
        value, peers = (measured(row[name], row["name"]) for name in ("rate", "peers"))
    else:
        what, value, peers = _shares(row), percent(row["rate"]), percent(row["peers"])
        subject = row["what"].removesuffix(" reasons")
        shown = (row["label"], "regions", "") if subject == "frames with" else ("", subject, "FAIL")
    return Finding("peers", f"{what[:1].upper()}{what[1:]}: {value}, its peers {peers}.", abs(row["score"]), shown)


def _shares(row: Row) -> str:
    """What a share is of."""
    if row["what"] == "regions":
        return f"{row['label']} regions per frame"
    if row["what"] == "frames with":
        return f"frames that show {row['label']}"
    return f"{row['what'].removesuffix(' reasons')}s with {row['name']}"


def _valued(row: Row, value: float) -> str:
    if row["what"] == "measures":
        return measured(value, row["name"])
    return number(value) if row["what"] == "regions" else percent(value)
