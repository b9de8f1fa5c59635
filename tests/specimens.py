"""Small nodes for tests of the graph: what they take, give and can be told matters, not what they do."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

from nodes.sensors.prompts import Dwell, Prompts
from nodes.sensors.schedule import check, tells
from pipeline.catalog import GROUP, Catalog, Installed
from pipeline.node import node
from pipeline.records import Frame, Gap, Image, Part, Regions, Stats, Tracks, Verdict
from pipeline.units import Area, Count, Frames, Rate, Ratio


@node(live=True)
def sensor(camera: str, *, rate: Rate = 30.0) -> Iterator[Frame]:
    """Give frames from a live camera.

    Args:
        rate: Frames in a second.
    """
    yield from ()


@node()
def film(camera: str, *, path: str, loop: bool = False) -> Iterator[Frame]:
    """Give frames from a file.

    Args:
        path: The file.
        loop: Begin again at the end.
    """
    yield from ()


@node(live=True, check=check, tells=tells)
def eye(
    camera: str,
    *,
    prompts: Prompts | None = None,
    rate: Rate = 30.0,
    settle: Frames = 3,
    dwell: Dwell = 1,
    images: bool = False,
) -> Iterator[Frame | Image | Gap]:
    """Look at prompts in turn.

    Args:
        prompts: Where to look.
        rate: Frames in a second.
        settle: Frames after a change of crop.
        dwell: Masks in a turn.
        images: Give pictures as well, whether they may leave or not.
    """
    yield from ()


@node()
def clean(frame: Frame, *, min_area: Area = 25) -> Frame:
    """Remove specks from a mask.

    Args:
        min_area: Blobs with fewer pixels are noise.
    """
    return frame


@node()
def measure(frame: Frame) -> Regions:
    """Measure each blob of a mask."""
    return Regions(camera=frame.camera, session=frame.session, seq=frame.seq, t_ns=frame.t_ns, size=frame.size)


@node(per="camera")
def track(records: Iterator[Regions | Gap], *, max_gap: Frames = 5, overlap: Ratio = 0.3) -> Iterator[Tracks | Part]:
    """Give every region an id that is stable over time.

    Args:
        max_gap: A track that was not seen for longer has ended.
        overlap: Share of two boxes that makes them one part.
    """
    yield from ()


@node(per="camera")
def rules(records: Iterator[Regions | Part | Gap], *, limit: Count = 2, grade: str = "a") -> Iterator[Verdict]:
    """Judge parts.

    Args:
        limit: Most holes that a part may have.
        grade: Name of the product's grade.
    """
    yield from ()


@node()
def stats(records: Iterator[Verdict | Gap]) -> Iterator[Stats]:
    """Count verdicts over all cameras."""
    yield from ()


@node()
def archive(batches: Iterator[list[Image | Tracks | Verdict | Gap]], *, path: str = "out") -> None:
    """Write everything down.

    Args:
        path: The folder.
    """
    for _ in batches:
        pass


@node()
def alarms(records: Iterator[Verdict]) -> None:
    """Tell people."""
    for _ in records:
        pass


@node(per="camera")
def lamp(records: Iterator[Verdict]) -> None:
    """Switch the lamp beside the camera."""
    for _ in records:
        pass


def catalog() -> Catalog:
    """Every specimen under its name, found as an installed node is."""
    names = ("sensor", "film", "eye", "clean", "measure", "track", "rules", "stats", "archive", "alarms", "lamp")
    return Installed([EntryPoint(name, f"tests.specimens:{name}", GROUP) for name in names])
