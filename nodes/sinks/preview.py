"""A contact sheet: people look before they read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nodes.sinks.gallery import Gallery
from nodes.sinks.journal import replace
from nodes.sinks.sheet import draw
from pipeline.node import Batch, node
from pipeline.records import Frame, Gap, Image, Part, Regions, Tracks, Verdict

Tiles = Annotated[int, Meta(ge=1, le=24, description="count")]


@node(batch=Batch(records=4096, seconds=2.0), commits=False)
def preview(
    batches: Iterator[list[Frame | Image | Regions | Tracks | Part | Verdict | Gap]],
    *,
    path: str,
    title: str = "Inspection",
    parts: Tiles = 8,
) -> None:
    """Draw what the line sees and decides: a PNG with a row per camera, written anew every two seconds.

    A row has the camera's counts, the crop of each of its prompts on the whole sensor, its newest view with an
    outline per track, and its last parts with their verdict and the limit they did not keep. All parts of a row have
    the same scale. Which prompt a view is of, and whether its crop was settling, stands below it; a camera whose
    images leave it is marked. A viewer never meets half a picture.

    Args:
        path: The PNG file.
        title: Head line of the sheet.
        parts: Parts that are shown per camera, newest first.
    """
    gallery = Gallery(parts)
    for batch in batches:
        for record in batch:
            gallery.add(record)
        replace(Path(path), draw(gallery, title, parts))
