"""Masks for those who use Sony's modlib: its own recordings, which need no modlib to be written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from msgspec import Meta

from nodes.sensors.modlib import devices, interchange
from nodes.sensors.modlib.devices import PART, Labels
from nodes.sensors.roi import ARRAY
from nodes.sinks.journal import Journal
from nodes.sinks.room import room
from pipeline.disk import Limits
from pipeline.node import Batch, Flaw, node
from pipeline.records import Frame

BALLAST = 1 << 20  # bytes: room for some thousand masks on a disk that others have filled
Side = Annotated[int, Meta(ge=1, le=65536, description="px")]
Array = Annotated[tuple[Side, Side], Meta(description="[width, height], px")]


def check(given: Any) -> Iterator[Flaw]:
    """What types cannot say is wrong with the parameters of `segments`."""
    yield from devices.numbered(given.labels)


@node(batch=Batch(records=256, seconds=1.0), check=check)
def segments(
    batches: Iterator[list[Frame]],
    *,
    path: str,
    labels: Labels | None = None,
    array: Array = ARRAY,
) -> None:
    """Write masks as frames of Sony's modlib: a file per camera and session, that its `Playback` reads.

    Each line is a `Frame` in JSON with `Segments`, numbered by `frame_count`; a number that is missing is a frame that
    nobody inspected. A crop that was settling has no masks there. Lines are on the disk before the next records are
    taken; a repetition writes nothing. modlib has neither prompts, nor sessions, nor hashes of networks: they stay out.

    What a full disk refuses waits at its producers and is written when there is room again. A torn line, left by a
    crash, goes to a file of the same name with `.damaged` behind it.

    Args:
        path: Folder of the recordings, `<camera>@<session>.json`; it is made where there is none.
        labels: The number that each label has there; left out, `part` is 0. Where masks lie upon one another, the label
            that stands later is seen; a frame with any other label is refused.
        array: Size of the sensor, of which modlib tells the crop as a share.
    """
    folder = Path(path)
    mine = room("segments", folder, folder / ".ballast", BALLAST, Limits())
    written: dict[Path, int] = {}
    for batch in batches:
        lines = _lines(folder, batch, labels or PART, array)
        with mine.writing():
            for file, numbered in lines.items():
                _append(file, numbered, written)


def _lines(folder: Path, batch: list[Frame], labels: Labels, array: tuple[int, int]) -> dict[Path, dict[int, bytes]]:
    """The lines of a batch by file and number: all of them are made before the first is written."""
    found: dict[Path, dict[int, bytes]] = defaultdict(dict)
    for frame in batch:
        found[folder / _name(frame)][frame.seq] = interchange.frame(frame, labels, array)
    return found


def _name(frame: Frame) -> str:
    """A file of its own for every session of every camera, whatever they are called."""
    return f"{quote(frame.camera, safe='')}@{quote(frame.session, safe='')}.json"


def _append(file: Path, numbered: dict[int, bytes], written: dict[Path, int]) -> None:
    """Add the lines that are not there yet."""
    journal = Journal(file)
    last = written[file] if file in written else _last(journal)
    fresh = [number for number in sorted(numbered) if number > last]
    journal.append([numbered[number] for number in fresh])
    written[file] = max([last, *fresh])


def _last(journal: Journal) -> int:
    """Number of the last frame in a recording; -1 where there is none."""
    if not journal.size:
        return -1
    number = json.loads(journal.read(journal.last(1)))["frame_count"]
    return int(number)
