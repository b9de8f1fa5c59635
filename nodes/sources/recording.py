"""What was seen earlier, once more."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from nodes.sources import coco, folder
from nodes.sources.shots import develop, skipped
from pipeline.clock import Clock
from pipeline.errors import NodeError
from pipeline.node import node
from pipeline.recordings import Recording, RecordingError
from pipeline.records import Frame, Gap, Record

Stored = Annotated[str, Meta(description="a file or a folder", extra={"beside": True})]
Level = Annotated[int, Meta(ge=0, le=255, description="0…255")]
Pace = Annotated[float, Meta(ge=0, le=1000, description="1/s")]


@node()
def recording(
    camera: str,
    session: str,
    clock: Clock,
    *,
    path: Stored,
    files: str = "**/*.png",
    time: str = "",
    label: str = "",
    threshold: Level = 127,
    rate: Pace = 0.0,
    loop: bool = False,
) -> Iterator[Frame | Gap]:
    """Show masks that were recorded: by Kensa, as COCO JSON, or as a folder of images or labelme files.

    It waits for whoever is slow, so nothing is lost. Something that cannot be read is logged and told as a gap
    (`malformed`). Frames keep the number and time that Kensa recorded; others are numbered from 0 and
    have the time in their name, else that of reading.

    Args:
        path: A recording of Kensa (the records of this camera are shown), a JSON file (a COCO dataset, a list of
            COCO results, an SA-V video), or a folder. A relative path starts at the folder of the topology.
        files: Which files of a folder, as a glob pattern; `**/` is any folder in it.
        time: How a file's name tells its time, in the letters of `strptime`, such as `%y%m%d%H%M%S`; files are
            then in the order of time, else in that of their names and numbers.
        label: Label of all masks; left out, it is what the file says: its category, or the folder that an image is in.
        threshold: Pixels of an image that are brighter are set.
        rate: Frames per second; 0 is as fast as they are taken.
        loop: Begin again at the end, as a new session.
    """
    store = Store(Path(path), files, time, label, threshold)
    records = _renamed(_rounds(store, camera, session, clock.now_ns, loop=loop), session)
    due = float(clock.now_ns())
    while clock.wait_until(round(due)) and (record := next(records, None)) is not None:
        yield record
        due += 1e9 / rate if rate else 0


class Store(NamedTuple):
    """Where records are kept, and how they are read; the parameters of `recording`."""

    path: Path
    files: str
    time: str
    label: str
    threshold: int


def _rounds(
    store: Store, camera: str, session: str, now: Callable[[], int], *, loop: bool
) -> Iterator[tuple[int, Frame | Gap]]:
    """Everything in the store, with the number of the round; nothing at all ends the rounds too."""
    for number in itertools.count():
        empty = True
        for record in _read(store, camera, session, now):
            empty = False
            yield number, record
        if empty or not loop:
            return


def _renamed(rounds: Iterator[tuple[int, Frame | Gap]], session: str) -> Iterator[Frame | Gap]:
    """Records under this run's session; each further session or round in the store gets a number.

    A frame that is shown again is another inspection: under its old name it would hide the first one.
    """
    run, before = -1, (0, "")
    for number, record in rounds:
        run += before != (number, record.session)
        before = (number, record.session)
        yield replace(record, session=f"{session}.{run}" if run else session)


def _read(store: Store, camera: str, session: str, now: Callable[[], int]) -> Iterator[Frame | Gap]:
    if store.path.is_dir():
        shots = folder.shots(*store)
    elif store.path.suffix.lower() == ".json":
        shots = coco.shots(store.path, store.label)
    else:
        return recorded(store.path, camera)
    return develop(shots, camera, session, now)


def recorded(path: Path, camera: str) -> Iterator[Frame | Gap]:
    """The records of one camera in a recording of Kensa; where it is damaged, a gap tells so and it ends.

    Raises:
        RecordingError: If it is no recording.
        NodeError: If the camera is not in it, or its source gave something other than frames.
    """
    cameras: set[str] = set()
    last: Frame | Gap | None = None
    given = Recording(path)
    try:
        for _, record in given:
            cameras.add(record.camera)
            if record.camera == camera:
                last = _frame(path, record)
                yield last
    except RecordingError as error:
        if last is None:
            raise
        seq = (last.last if isinstance(last, Gap) else last.seq) + 1
        yield skipped(camera, last.session, seq, last.t_ns, file=str(path), error=str(error))
    if last is None:
        raise NodeError(f"{path}: expected records of camera '{camera}', found those of {_listed(cameras)}")


def _frame(path: Path, record: Record) -> Frame | Gap:
    if not isinstance(record, Frame | Gap):
        raise NodeError(f"{path}: expected frames and gaps, found {type(record).__name__.lower()}")
    return record


def _listed(names: set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "no camera at all"
