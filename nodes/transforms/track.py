"""Give regions an identity from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from nodes.transforms.free import Free
from nodes.transforms.motion import Belt
from nodes.transforms.odometer import Odometer
from nodes.transforms.places import REST, Way
from nodes.transforms.tracking import Tracker
from pipeline.errors import NodeError
from pipeline.node import Flaw, Mention, Need, node
from pipeline.records import Gap, Part, Regions, Tracks
from pipeline.units import Frames, Speed

Confirm = Annotated[int, Meta(ge=1, description="frames")]
Pulse = Annotated[float, Meta(description="px/count")]


def _check(params: Any) -> Iterator[Flaw]:
    """Whether a belt stands still nobody can say without an encoder."""
    if params.still and params.pulse is None:
        yield Flaw(("still",), "expected `pulse` beside it: the belt's encoder says whether it stands still")


def _mentions(params: Any) -> Iterator[Mention]:
    """The prompt that it follows."""
    if params.prompt:
        yield Mention(params.prompt, ("prompt",))


def _needs(params: Any) -> Iterator[Need]:
    """An encoder, where it goes by one."""
    if params.pulse is not None:
        text = (
            "pulse: expected an encoder count with every frame, found no source that tells one: let it, or leave it out"
        )
        yield Need("encoder", ("pulse",), text)


def _offers(params: Any) -> Iterator[str]:
    """Where on the belt parts lie, where an encoder says so."""
    if params.pulse is not None:
        yield "marks"


@node(per="camera", check=_check, mentions=_mentions, needs=_needs, offers=_offers)
def track(
    frames: Iterator[Regions | Gap],
    *,
    label: str = "part",
    prompt: str = "",
    motion: Literal["belt", "free"] = "belt",
    speed: Speed | None = None,
    pulse: Pulse | None = None,
    still: bool = False,
    overlap: Literal["box", "mask"] = "box",
    max_gap: Frames = 5,
    confirm: Confirm = 2,
) -> Iterator[Tracks | Part | Gap]:
    """Follow parts, and tell each of them once when it has left the view.

    On a belt all parts move together: how far is read off its encoder, given, or learnt from the first of them. So a
    part is found again although it moved by its own length or more, keeps its id while others flow together with it in
    one region or it falls apart in several, and is told as coasted where it was overlooked. Where parts move freely
    each has a Kalman filter, and overlap says which is which; one that is overlooked is told as coasted for as long as
    its place was well enough foretold before. A belt may be jogged back, by less than the view is wide: what it takes
    out of view and brings again is the same part, and what was told is not told again. Frames that a gap took are
    counted in the parts that they hid, whole or when they came or left. A new session is a new belt: ids begin at 0,
    and none is ever given twice.

    Args:
        label: Which regions are parts.
        prompt: Which prompt of the camera is followed; needed where it has several, since each is a view of its own.
        motion: Whether parts lie on a belt or move each for itself.
        speed: How far the belt moves along x in a frame; left out, it is learnt.
        pulse: How far the belt moves along x in one count of its encoder, which every frame then carries.
        still: Whether parts are looked at only while the belt stands still, as for a network that marks what rests in
            the middle of its crop. A frame counts as such where its encoder says what the one before it said.
        overlap: What is compared of parts that move freely: their boxes, or their pixels.
        max_gap: Most frames in a row in which a part may be overlooked or in pieces; what a gap took does not count.
        confirm: Frames in which a part must be seen, where it is in view for so many; what is seen less is noise.
    """
    if motion == "free" and (speed is not None or pulse is not None):
        raise NodeError("expected `speed` and `pulse` for a belt alone, found `motion: free`: leave them out")

    def begin() -> tuple[Tracker, Odometer | None]:
        odometer = Odometer(pulse) if pulse is not None else None
        way = Belt(Way(speed, 0.0) if speed else None, max_gap) if motion == "belt" else Free(masks=overlap == "mask")
        return Tracker(confirm, max_gap, way, odometer.mark if odometer else None), odometer

    session, view = "", None
    tracker, odometer = begin()
    for record in frames:
        if record.session != session:
            yield from tracker.close()
            session, view = record.session, None
            tracker, odometer = begin()
        if isinstance(record, Gap):
            tracker.miss(record.last)
            yield record
            continue
        if prompt in ("", record.prompt):
            view = one_view(record, view)
            parts, tracks = tracker.look(*_looked(record, label, odometer, still=still))
            yield from parts
            yield tracks
    yield from tracker.close()


def one_view(frame: Regions, view: str | None) -> str:
    """The prompt of a frame, which is that of all before it.

    Raises:
        NodeError: If it is another: what is at one place in one view is somewhere else in the other.
    """
    if view not in (None, frame.prompt):
        raise NodeError(f"expected one view to follow, found the prompts '{view}' and '{frame.prompt}': set `prompt`")
    return frame.prompt


def only(frame: Regions, label: str) -> Regions:
    """The frame with no other regions than those of a label."""
    return replace(frame, regions=tuple(region for region in frame.regions if region.label == label))


def _looked(frame: Regions, label: str, odometer: Odometer | None, *, still: bool) -> tuple[Regions, Way | None]:
    """What is looked at of a frame, and how far the belt has moved, where that is known."""
    moved = odometer.moved(frame) if odometer else None
    return (replace(frame, regions=()) if still and moved != REST else only(frame, label)), moved
