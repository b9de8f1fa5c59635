"""Hold parts against what they should be: zones, golden masks, gaps between edges, patterns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from nodes.transforms.bench import gauges
from nodes.transforms.layout import flaws, mentions, open_layout, read_layout, uncovered
from nodes.transforms.measure import CalibrationFile
from nodes.transforms.vantage import Vantage
from nodes.transforms.views import ANY, GOLDEN, Label, View, Views
from pipeline.calibration import open_calibration
from pipeline.errors import KensaError
from pipeline.gauges import Gauge
from pipeline.masks import Mask, union
from pipeline.node import Flaw, Mention, node
from pipeline.records import Gap, Region, Regions, Roi

LayoutFile = Annotated[str, Meta(description="a file", extra={"beside": True, "read": read_layout})]
VIEW = "view"  # the label of what is measured of a view as a whole
MOST = 256  # sizes and crops that are kept ready


def _check(params: Any) -> Iterator[Flaw]:
    """Flaws that types cannot see."""
    if (params.layout is None) == (params.views is None):
        got = "both" if params.layout else "neither"
        yield Flaw(("views",) if params.views else (), f"expected `layout`, a file, or `views` in its place, got {got}")
        return
    if params.views:
        yield from (Flaw(("views", *flaw.path), flaw.text) for flaw in flaws(params.views))
    try:
        views = params.views or open_layout(params.layout).views
    except KensaError:
        return
    if params.calibration is None and any(view.unit == "mm" for view in views.values()):
        yield Flaw((), "expected `calibration` beside a layout in mm: without one nobody knows where that is")


def _mentions(params: Any) -> Iterator[Mention]:
    """The prompts that it has views of."""
    if params.layout:
        yield from mentions(params.layout)
    for prompt in params.views or ():
        if prompt != ANY:
            yield Mention(prompt, ("views", prompt))


def _lacks(params: Any, prompts: Collection[str]) -> Iterator[Mention]:
    """The prompts that it has no view of."""
    if params.layout:
        yield from uncovered(params.layout, prompts)
    elif params.views and ANY not in params.views:
        yield from (Mention(prompt, ("views",)) for prompt in sorted(prompts) if prompt not in params.views)


def _offers(_: Any) -> Iterator[str]:
    """What tools measure."""
    yield "gauges"


@node(per="camera", check=_check, mentions=_mentions, lacks=_lacks, offers=_offers)
def gauge(
    frames: Iterator[Regions | Gap],
    *,
    layout: LayoutFile | None = None,
    views: Views | None = None,
    label: Label = "part",
    each: Literal["region", "view"] = "region",
    calibration: CalibrationFile | None = None,
) -> Iterator[Regions | Gap]:
    """Hold what was measured against what it should be: a golden mask, zones, gaps between edges, patterns.

    Each region gains what the tools of its prompt's view measure of it, and rule books limit that by the tool's name.
    What a tool cannot measure, because a part could not be aligned or an edge was not found, is NO_READ with that
    reason, never good. Each prompt of a camera needs a view, its own or `"*"`, which may be empty. See docs/zones.md.

    Args:
        layout: Where zones, edges and patterns are; a relative path starts at the folder of the topology.
        views: The same, written here.
        label: Which regions it is about.
        each: Whether every region is measured by itself, as a part on a belt, or all of a frame together: these become
            one more region, labelled `view`, which is there also where nothing was found.
        calibration: How sensor pixels become mm; `kensa calibrate` makes it. A relative path starts at the folder of
            the topology.
    """
    known = open_layout(layout).views if layout else views or {}
    seen = open_calibration(calibration) if calibration else None
    vantages: dict[tuple[str, tuple[int, int], Roi | None], Vantage | None] = {}
    for record in frames:
        if isinstance(record, Gap):
            yield record
            continue
        key = record.prompt, record.size, record.roi
        if key not in vantages:
            if len(vantages) >= MOST:  # a camera whose crop wanders needs no more memory than one that stands still
                vantages.clear()
            view = known.get(record.prompt) or known.get(ANY)
            vantages[key] = None if view is None else Vantage(view, record.size, record.roi, seen)
        yield _gauged(record, label, vantages[key], together=each == "view", known=known)


def _gauged(record: Regions, label: str, vantage: Vantage | None, *, together: bool, known: dict[str, View]) -> Regions:
    regions = [region for region in record.regions if region.label == label]
    if together:
        whole = _whole(record, regions)
        return replace(
            record, regions=(*record.regions, replace(whole, gauges=_measured(vantage, whole, record, known)))
        )
    if not regions:
        return record
    return replace(
        record,
        regions=tuple(
            replace(region, gauges=(*region.gauges, *_measured(vantage, region, record, known)))
            if region.label == label
            else region
            for region in record.regions
        ),
    )


def _measured(vantage: Vantage | None, region: Region, record: Regions, known: dict[str, View]) -> tuple[Gauge, ...]:
    if vantage is not None:
        return gauges(vantage, region.mask)
    note = f"the layout has no view for the prompt '{record.prompt}'; it has {', '.join(sorted(known))}"
    return (Gauge(GOLDEN, "golden", "NO_TEMPLATE", note),)


def _whole(record: Regions, regions: list[Region]) -> Region:
    """Everything together that a view shows, as one region; of nothing, where it shows nothing."""
    height, width = record.size
    mask = union(*(region.mask for region in regions)) if regions else Mask.empty(record.size)
    area, box = mask.area, mask.box
    x, y = (sum(region.centroid[axis] * region.area_px for region in regions) / max(area, 1) for axis in (0, 1))
    return Region(
        label=VIEW,
        area_px=area,
        box=box,
        centroid=(x, y) if area else ((width - 1) / 2, (height - 1) / 2),
        holes=sum(region.holes for region in regions),
        hole_area_px=sum(region.hole_area_px for region in regions),
        extent=area / (box[2] * box[3]) if area else 0.0,
        whole=True,
        score=min((region.score for region in regions), default=1.0),
        mask=mask,
    )
