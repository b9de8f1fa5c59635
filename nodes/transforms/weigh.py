"""What one rule says of what it is asked: pure arithmetic on measured values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nodes.transforms.check import Check, Corners
from nodes.transforms.expression import Formula
from nodes.transforms.meaning import Term
from nodes.transforms.measures import gauge_of
from nodes.transforms.outline import surface
from nodes.transforms.quantity import base
from nodes.transforms.unread import unmeasured
from pipeline.gauges import Gauge
from pipeline.records import Finding, Outcome, Part, Region

NOTE = 500  # characters of a list of places
RANK: dict[Outcome, int] = {"PASS": 0, "WARN": 1, "NO_READ": 2, "FAIL": 3}


class Scene(NamedTuple):
    """What a rule is asked of.

    Attributes:
        regions: The regions it is about; a part has one, its best view.
        part: The part, where it is one.
        area_px: Pixels of the view, or of the zone that the rule is about.
        rate: How often such a thing came, 1/s.
    """

    regions: Sequence[Region]
    part: Part | None
    area_px: float
    rate: float


class Weighed(NamedTuple):
    """A value held against limits.

    Attributes:
        rank: Of its outcome.
        beyond: How far it is beyond the nearest limit of that outcome.
        value: What was measured, in base units.
        guard: Its uncertainty.
        region: Whose it is; None where it is of all together.
    """

    rank: int
    beyond: float
    value: float
    guard: float
    region: Region | None


def about(check: Check, region: Region) -> bool:
    """Whether a rule is about a region."""
    if region.label != check.label or (check.whole and not region.whole):
        return False
    return check.corners is None or inside(region.centroid, check.corners)


def chosen(check: Check, region: Region) -> bool | None:
    """Whether a rule's `where` holds for a region; None where nobody can say."""
    if check.where is None:
        return True
    holds = value(check.where, region, Scene((region,), None, 0, 0))
    return None if holds is None else bool(holds)


def kept(check: Check, regions: Sequence[Region]) -> bool:
    """Whether every region certainly keeps the limits: the quick answer, for what is good nearly always.

    Between the least and the most of them lie all others; a value that is missing or no number is not kept.
    """
    if check.read is None or (check.guard and check.guard.of != "unit"):
        return False
    values = [found for region in regions if (found := check.read(region)) is not None]
    if len(values) < len(regions) or not math.isfinite(sum(values)):
        return False
    if not values:
        return True
    drawn = check.guard.value if check.guard else 0.0
    low, high = min(values), max(values)
    if low < check.fail[0] + drawn or high > check.fail[1] - drawn:
        return False
    return low >= check.warn[0] and high <= check.warn[1]


def weigh(check: Check, scene: Scene, *, settled: bool = True, unknown: int = 0, tells: bool = True) -> Finding | None:
    """What a rule says of a scene: its finding about the worst region; None where there is nothing to ask.

    Args:
        check: The rule.
        scene: What it is asked of.
        settled: Whether what came before was seen for as long as the rule's window: only then a rate can be too low.
        unknown: Regions of which nobody can say whether the rule is about them.
        tells: Whether it has something to say where all is well.
    """
    worst: Weighed | None = None
    unread: Region | None = None
    for region in scene.regions if check.each else (None,):
        found = value(check.formula, region, scene)
        if found is None:
            unknown, unread = unknown + 1, unread or region
            continue
        guard = _guard(check, region, scene, found)
        weighed = Weighed(*_state(check, found, guard, low=settled), found, guard, region)
        if worst is None or weighed[:2] > worst[:2]:
            worst = weighed
    if unknown and (worst is None or worst.rank < RANK["FAIL"]):
        return unmeasured(check, unknown, unread)
    return _told(check, scene, worst) if worst is not None and (worst.rank or tells) else None


def value(formula: Formula, region: Region | None, scene: Scene) -> float | None:
    """What an expression gives; None where something in it could not be measured."""
    values: dict[str, float] = {}
    for name, term in formula.terms.items():
        found = _term(term, region, scene)
        if found is None:
            return None
        values[name] = found
    try:
        result = formula.run(values)
    except ArithmeticError:
        return None
    return result if math.isfinite(result) else None


def _term(term: Term, region: Region | None, scene: Scene) -> float | None:
    read = term.measure.read
    if term.level in ("region", "tool"):
        return None if region is None else read(region)
    if term.level == "part":
        return None if scene.part is None else read(scene.part)
    return _over(term, scene) if term.function else _of_frame(term.measure.name, scene)


def _over(term: Term, scene: Scene) -> float | None:
    values = [term.measure.read(region) for region in scene.regions]
    known = [each for each in values if each is not None]
    if len(known) < len(values):
        return None
    if term.function == "total":
        return sum(known)
    if not known:
        return None
    return {"mean": sum(known) / len(known), "least": min(known), "most": max(known)}[term.function]


def _of_frame(name: str, scene: Scene) -> float | None:
    if name == "count":
        return len(scene.regions)
    if name == "coverage":
        return sum(region.area_px for region in scene.regions) / scene.area_px
    if name == "rate":
        return scene.rate
    density = len(scene.regions) / scene.area_px
    if name == "density_px2" or not density:
        return density
    pixel = _pixel(scene.regions[0])
    return density / pixel**2 if pixel else None


def _pixel(region: Region, check: Check | None = None) -> float:
    """Side of a pixel there, mm; 0 where there is no calibration."""
    if check and check.tool and (gauge := gauge_of(region, check.tool)):
        return gauge.pixel_mm
    return float(getattr(getattr(region, "metric", None), "pixel_mm", 0.0))


def _guard(check: Check, region: Region | None, scene: Scene, found: float) -> float:
    guard = check.guard
    if guard is None:
        return 0.0
    if guard.of == "pixel":
        return guard.value * max((_pixel(each, check) for each in scene.regions if region in (None, each)), default=0.0)
    return guard.value * abs(found) if guard.of == "value" else guard.value


def _state(check: Check, found: float, guard: float, *, low: bool) -> tuple[int, float]:
    """The rank of what a value is, and how far it is beyond the nearest limit of that rank."""
    beyond = _beyond(check.fail, found, low=low)
    if beyond > 0:
        return RANK["FAIL"], beyond
    if guard and beyond + guard > 0:
        return RANK[check.unproven], beyond + guard
    usual = _beyond(check.warn, found, low=low)
    return (RANK["WARN"], usual) if usual > 0 else (RANK["PASS"], max(beyond, usual))


def _beyond(limits: tuple[float, float], found: float, *, low: bool) -> float:
    """How far a value is beyond the nearest limit; not positive where it is allowed."""
    return max(limits[0] - found if low else -math.inf, found - limits[1])


_OUTCOMES: dict[int, Outcome] = {rank: outcome for outcome, rank in RANK.items()}


def _told(check: Check, scene: Scene, worst: Weighed) -> Finding:
    outcome, found, guard, region = _OUTCOMES[worst.rank], worst.value, worst.guard, worst.region
    unproven = (
        guard > 0 and _beyond(check.fail, found, low=True) <= 0 and _beyond(check.fail, found, low=True) + guard > 0
    )
    scale = float(check.unit.scale)
    usual = (outcome == "WARN" and not unproven) or check.fail_told == (None, None)
    low, high = check.warn_told if usual else check.fail_told
    gauge = gauge_of(region, check.tool) if check.tool and region else None
    notes = ["keeps the limit, but not by its uncertainty"] if unproven else []
    return Finding(
        check.name,
        check.reason,
        check.formula.text,
        found / scale,
        low,
        high,
        unit=check.unit.name,
        outcome=outcome,
        severity=check.severity,
        guard=guard / scale if check.guard else None,
        calibration=_calibration(check, region, scene) if check.metric else "",
        note="; ".join([*notes, *_notes(check, scene, region, gauge)]),
        tool=check.tool or "",
        template=gauge.template if gauge else "",
    )


def _notes(check: Check, scene: Scene, region: Region | None, gauge: Gauge | None) -> Iterator[str]:
    """What is not where it should be, and the numbers behind a condition."""
    if gauge and gauge.presence and gauge.presence.names:
        yield f"not there: {', '.join(gauge.presence.names)}"[:NOTE]
    if not check.formula.alone:
        yield ", ".join(_number(term, region, scene) for term in check.formula.terms.values())


def _number(term: Term, region: Region | None, scene: Scene) -> str:
    found = _term(term, region, scene)
    shown = "?" if found is None else f"{found:.4g}"
    return f"{term.text} {shown} {base(term.measure.dims).name}".rstrip()


def _calibration(check: Check, region: Region | None, scene: Scene) -> str:
    one = region or next(iter(scene.regions), None)
    if check.tool and (gauge := one and gauge_of(one, check.tool)):
        return gauge.calibration
    return str(getattr(getattr(one, "metric", None), "calibration", ""))


def inside(point: tuple[float, float], corners: Corners) -> bool:
    """Whether a point lies in a polygon, by how many of its edges a ray to the right crosses."""
    x, y = point
    crossed = False
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            crossed = not crossed
    return crossed


def polygon_area(corners: Corners) -> float:
    """Area of a polygon, px²; never 0."""
    return surface(corners) or 1.0
