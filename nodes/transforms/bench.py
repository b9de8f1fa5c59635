"""What the tools of a view measure of one mask: golden mask, zones, gaps and patterns, in px and in mm."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nodes.transforms import presence
from nodes.transforms.align import Astray, Laid, carried
from nodes.transforms.components import components
from nodes.transforms.edges import Line, Lost, Opening, edge, opening, sought, through
from nodes.transforms.layout import places, tools
from nodes.transforms.metric import Plane, in_mm
from nodes.transforms.template import Template, middle
from nodes.transforms.vantage import Told, Vantage
from nodes.transforms.views import GOLDEN, HALF, Gap, Pattern, View
from pipeline.gauges import Clearance, Fill, Fit, Gauge, Place, Pose, Presence
from pipeline.masks import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Dense = NDArray[np.bool_]
    Floats = NDArray[np.float64]

SLACK = 1e-3  # px: what rounding may do to a place, and to a distance from an outline
OUTSIDE = "it is not all in view"
Size = tuple[int, int]


def gauges(vantage: Vantage, mask: Mask) -> tuple[Gauge, ...]:
    """What every tool of a view measures of a mask, in the order of the layout."""
    told = vantage.told
    if lost := vantage.unlike:
        return _none(vantage.view, lost, told)
    laid = vantage.laid(mask)
    if isinstance(laid, Astray):
        return _none(vantage.view, Lost("NOT_ALIGNED", laid.note), told)
    return tuple(Bench(vantage, mask, laid).gauges())


class Bench:
    """One mask under the tools of a view.

    Args:
        vantage: Where everything is.
        mask: The mask.
        laid: How the golden mask lies on it.
    """

    def __init__(self, vantage: Vantage, mask: Mask, laid: Laid) -> None:
        self._vantage, self._laid, self._told = vantage, laid, vantage.told
        self._pixels = mask.dense
        self._found: dict[str, Line | Lost] = {}

    def gauges(self) -> Iterator[Gauge]:
        """What every tool measures."""
        view = self._vantage.view
        if self._vantage.golden:
            yield self._made(GOLDEN, "golden", self._golden())
        for name in view.zones:
            yield self._made(name, "zone", self._zone(name))
        for name, gap in view.gaps.items():
            yield self._made(name, "gap", self._gap(gap))
        for name, pattern in view.patterns.items():
            yield self._made(name, "pattern", self._pattern(name, pattern))

    def _made(self, name: str, kind: Any, found: dict[str, Any] | Lost) -> Gauge:
        if isinstance(found, Lost):
            return Gauge(name, kind, found.fault, found.note, *self._told)
        return Gauge(name, kind, "", "", *self._told, **found)

    @cached_property
    def _off(self) -> tuple[Dense, Dense]:
        """The pixels that are missing, and those that are too many: (H, W) bool each."""
        tolerance, there = self._vantage.view.tolerance * self._vantage.scale, self._laid.distances
        inside = there > (tolerance + SLACK if tolerance else 0)
        outside = there < -(tolerance + SLACK) if tolerance else ~inside
        return inside & ~self._pixels, outside & self._pixels

    def _golden(self) -> dict[str, Any] | Lost:
        golden, laid = self._vantage.golden, self._laid
        assert golden
        if not laid.still and not self._inside(laid.points(golden.hull)):
            return Lost("OUT_OF_VIEW", "the part is not all in view")
        missing, extra = self._off
        moved = None if self._vantage.seen is None else _apart(self._vantage.seen, *_both(golden, laid))
        masks = {"missing": missing, "extra": extra}
        return {
            "fit": self._fit(None),
            "pose": Pose(laid.shift, laid.turn, moved),
            **{name: Mask.from_dense(each) for name, each in masks.items() if each.any()},
        }

    def _fit(self, zone: Dense | None) -> Fit:
        import numpy as np

        own, there = self._pixels, self._laid.distances > 0
        missing, extra = self._off
        either, both = own | there, own & there
        if zone is not None:
            missing, extra, either, both = (each & zone for each in (missing, extra, either, both))
        less, more, some = (int(np.count_nonzero(each)) for each in (missing, extra, either))
        iou = int(np.count_nonzero(both)) / some if some else 1.0
        lost, gained = self._mm2(missing), self._mm2(extra)
        total = None if lost is None or gained is None else lost + gained
        return Fit(less, more, less + more, iou, lost, gained, total)

    def _zone(self, name: str) -> dict[str, Any] | Lost:
        import numpy as np

        corners, pixels = self._vantage.zones[name]
        corners, zone = self._laid.points(corners), carried(pixels, self._laid)
        if not self._inside(corners):
            return Lost("OUT_OF_VIEW", OUTSIDE)
        if not (whole := int(np.count_nonzero(zone))):
            return Lost("NOT_MEASURED", "no pixel has its centre in it")
        own = self._pixels & zone
        filled = int(np.count_nonzero(own))
        moved = self._moved(own, zone)
        fill = Fill(filled, filled / whole, components(own).count, moved[0], self._mm2(own), moved[1])
        fit = self._fit(zone) if self._vantage.golden else None
        return {"fill": fill, "fit": fit, "points": _points(corners)}

    def _moved(self, own: Dense, zone: Dense) -> tuple[float | None, float | None]:
        """How far the centroid of the material in a zone is from that of the golden mask there."""
        import numpy as np

        if not self._vantage.golden:
            return None, None
        ends = np.array([middle(each) for each in (own, zone & (self._laid.distances > 0))])
        if np.isnan(ends).any():
            return None, None
        seen = self._vantage.seen
        return float(np.hypot(*(ends[1] - ends[0]))), None if seen is None else _apart(seen, *ends)

    def _gap(self, gap: Gap) -> dict[str, Any] | Lost:
        lines = [self._edge(name) for name in gap.between]
        for name, line in zip(gap.between, lines, strict=True):
            if isinstance(line, Lost):
                return line._replace(note=f"edge '{name}': {line.note}")
        one, other = (line for line in lines if isinstance(line, Line))
        px = opening(one, other)
        mm = self._in_plane(one, other)
        if isinstance(px, Lost):
            return px
        told = (None,) * 3 if mm is None or isinstance(mm, Lost) else (mm.gap, mm.distance, mm.parallelism)
        clearance = Clearance(px.gap, px.distance, px.parallelism, px.inclination, *told)
        return {"clearance": clearance, "points": _points(px.ends.reshape(-1, 2))}

    def _in_plane(self, one: Line, other: Line) -> Opening | Lost | None:
        if (seen := self._vantage.seen) is None:
            return None
        return opening(*(through(in_mm(seen, line.places)) for line in (one, other)))

    def _edge(self, name: str) -> Line | Lost:
        if name not in self._found:
            ends = self._laid.points(self._vantage.lines[name])
            wanted = sought(self._vantage.view.edges[name], ends, self._vantage.scale)
            self._found[name] = edge(self._pixels, wanted)
        return self._found[name]

    def _pattern(self, name: str, pattern: Pattern) -> dict[str, Any] | Lost:
        wanted = self._laid.points(self._vantage.places[name])
        if not self._inside(wanted):
            return Lost("OUT_OF_VIEW", OUTSIDE)
        found = self._things(pattern)
        seen, metric = self._vantage.seen, self._vantage.view.unit == "mm"
        mm = None if seen is None else (in_mm(seen, wanted), in_mm(seen, found))
        pairs = presence.matched(*(mm if metric and mm else (wanted, found)), pattern.tolerance)
        px = presence.spacing(pattern, wanted, found, pairs)
        plane = (None,) * 3 if mm is None else presence.spacing(pattern, *mm, pairs)
        absent = [place for place in range(len(wanted)) if place not in pairs]
        every = [*places(pattern)]
        names = tuple(every[place] for place in absent)
        counts = len(wanted), len(pairs), len(names), len(found), len(found) - len(pairs)
        return {"presence": Presence(*counts, names, *px, *plane), "points": _points(wanted[[*pairs, *absent]])}

    def _things(self, pattern: Pattern) -> Floats:
        """What counts as a thing of a pattern."""
        found = presence.things(self._pixels, pattern)
        if pattern.zone is None:
            return found
        zone = carried(self._vantage.zones[pattern.zone][1], self._laid)
        x, y = found.round().astype("i8").T
        inside: Floats = found[zone[y, x]]
        return inside

    def _mm2(self, pixels: Dense) -> float | None:
        return None if self._vantage.seen is None else float(self._vantage.seen.areas[pixels].sum())

    def _inside(self, points: Floats) -> bool:
        """Whether places are all in view."""
        height, width = self._vantage.size
        low, high = points.min(axis=0) + HALF + SLACK, (width, height) - points.max(axis=0) - HALF + SLACK
        return bool((low >= 0).all() and (high >= 0).all())


def _none(view: View, lost: Lost, told: Told) -> tuple[Gauge, ...]:
    """Every tool of a view, and why it measured nothing."""
    return tuple(Gauge(name, kind, lost.fault, lost.note, *told) for name, kind in tools(view).items())  # type: ignore[arg-type]


def _both(golden: Template, laid: Laid) -> tuple[Floats, Floats]:
    """Where the centroid of a golden mask was, and where it is."""
    import numpy as np

    was = np.array(golden.centroid)
    return was, laid.points(was[None])[0]


def _apart(seen: Plane, one: Floats, other: Floats) -> float:
    """The distance between two places of a mask, mm."""
    import numpy as np

    a, b = in_mm(seen, np.stack([one, other]))
    return float(math.hypot(*(b - a)))


def _points(points: Floats) -> tuple[Place, ...]:
    return tuple(Place(x, y) for x, y in points.tolist())
