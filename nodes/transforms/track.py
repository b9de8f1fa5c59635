"""Give regions an identity from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from nodes.transforms.motion import Belt
from nodes.transforms.places import Way
from nodes.transforms.tracking import Tracker
from pipeline.errors import NodeError
from pipeline.node import node
from pipeline.records import Gap, Part, Regions, Tracks
from pipeline.units import Frames, Speed

Confirm = Annotated[int, Meta(ge=1, description="frames")]


@node(per="camera")
def track(
    frames: Iterator[Regions | Gap],
    *,
    label: str = "part",
    prompt: str = "",
    speed: Speed | None = None,
    max_gap: Frames = 5,
    confirm: Confirm = 2,
) -> Iterator[Tracks | Part | Gap]:
    """Follow the parts on a belt, and tell each of them once when it has left the view.

    All parts move together: the belt's speed is learnt from the first of them, or given. So a part
    is found again although it moved by its own length or more. Frames that a gap took are counted
    in the parts that they hid, whole or when they came or left. A new session is a new belt: ids begin at 0.

    Args:
        label: Which regions are parts.
        prompt: Which prompt of the camera is followed; needed where it has several, since each is a view of its own.
        speed: How far the belt moves along x in a frame; left out, it is learnt.
        max_gap: Most frames in a row in which a part may be overlooked; what a gap took does not count.
        confirm: Frames in which a part must be seen; what is seen less often is noise.
    """
    session, tracker, view = "", Tracker(confirm, max_gap, Belt(None, max_gap)), None
    for record in frames:
        if record.session != session:
            yield from tracker.close()
            session, view = record.session, None
            tracker = Tracker(confirm, max_gap, Belt(Way(speed, 0.0) if speed else None, max_gap))
        if isinstance(record, Gap):
            tracker.miss(record.last)
            yield record
            continue
        if prompt in ("", record.prompt):
            view = one_view(record, view)
            parts, tracks = tracker.look(only(record, label))
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
