"""One verdict for a part that several cameras see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta

from nodes.transforms.joining import Joiner, Place
from pipeline.node import Flaw, Need, node
from pipeline.records import Gap, Verdict

Cameras = Annotated[tuple[str, ...], Meta(min_length=2, max_length=256, description="names of cameras, at least two")]
Distance = Annotated[float, Meta(ge=0, description="s, or counts")]
Offset = Annotated[float, Meta(description="s, or counts")]
Station = Annotated[str, Meta(min_length=1, max_length=128, description="text")]
By = Literal["time", "encoder", "part"]

NS = 1_000_000_000


def flaws(given: Any) -> Iterable[Flaw]:
    """What cannot be: a camera twice, a station called like one, an offset of a stranger."""
    for place, camera in enumerate(given.cameras):
        if camera in given.cameras[:place]:
            yield Flaw(("cameras", place), f"camera '{camera}' is named twice: each gives one view of a part")
    if given.station in given.cameras:
        yield Flaw(("station",), f"station: expected another name than the cameras have, got '{given.station}'")
    for camera in given.offsets:
        if camera not in given.cameras:
            yield Flaw(("offsets", camera), f"offsets: expected one of the cameras, got '{camera}'")
    if given.by == "part" and (given.offsets or given.within):
        yield Flaw(("by",), "by: ids are the same or not: `within` and `offsets` go with `time` and `encoder`")


def _needs(given: Any) -> Iterator[Need]:
    """An encoder, where it goes by one."""
    if given.by == "encoder":
        text = "by: expected an encoder count with every frame, found no source that tells one: join by time or part"
        yield Need("encoder", ("by",), text)


@node(check=flaws, needs=_needs)
def join(
    verdicts: Iterator[Verdict | Gap],
    *,
    cameras: Cameras,
    by: By = "time",
    within: Distance = 0.0,
    late: Distance = 10.0,
    offsets: dict[str, Offset] = {},  # noqa: B006 - read only
    station: Station = "station",
) -> Iterator[Verdict | Gap]:
    """Bring together what several cameras decided of the same part: its verdict is the worst of its views.

    A part without a view of each camera is NO_READ, unless it fails anyway; so is one whose view may be of its
    neighbour: the first after a gap of its camera, and one that follows another within `within`. Views that were
    judged by two versions of one book are NO_READ as well. The verdict names the views that it is made of, and each
    view is in one verdict. Gaps go on as they came.

    It goes on as soon as all views are there, or as the next part of a camera shows that one is missing. Which camera
    is heard first makes no difference unless one is more than `late` behind. A verdict that it cannot place at all, as
    where a mark is no number, ends the wait of all others: their parts lack a view.

    Args:
        cameras: Whose views a part needs; the first one's number and time become those of the verdict.
        by: What tells that views are of one part: time, where it lies on the belt (`track` with a `pulse` marks it, in
            counts of the encoder), or the id of the part, where ids are the same at all cameras.
        within: How far apart the views of one part may be; less than half the distance of two parts.
        late: How far a camera may be behind the others before they go on without it; for `part`, in parts.
        offsets: How much later the belt brings a part to a camera: camera → time or counts.
        station: What the cameras are called together: the joined verdict's camera.
    """
    scale = NS if by == "time" else 1
    joiner = Joiner(cameras, places(by, offsets), round(within * scale), round(late * scale), station)
    try:
        for record in verdicts:
            yield from joiner.take(record)
    except Exception:  # it begins anew and will know of no view that waits: their parts are decided now
        yield from joiner.close()
        raise
    yield from joiner.close()


def places(by: By, offsets: dict[str, float]) -> Place:
    """Where the part of a verdict is, the same for all cameras."""
    if by == "part":
        return lambda verdict: verdict.part
    if by == "encoder":
        return lambda verdict: None if verdict.mark is None else round(verdict.mark - offsets.get(verdict.camera, 0.0))
    times = {camera: round(offset * NS) for camera, offset in offsets.items()}
    return lambda verdict: verdict.t_ns - times.get(verdict.camera, 0)
