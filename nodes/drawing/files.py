"""Pictures as files: what the name ends with says how they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nodes.drawing.pen import Pen
from nodes.drawing.svg import Svg
from nodes.drawing.theme import Theme
from nodes.sinks.canvas import Canvas
from nodes.sinks.journal import replace
from pipeline.errors import KensaError

SUFFIXES = (".png", ".svg")


def write(path: Path, size: tuple[int, int], theme: Theme, draw: Callable[[Pen], None]) -> None:
    """Draw into a PNG or SVG file; it is there whole or not at all.

    Args:
        path: The file.
        size: (width, height), px.
        theme: Its colours.
        draw: What draws with the pen it is given.

    Raises:
        KensaError: If the name ends with something else.
        NodeError: If OpenCV is not installed.
        OSError: If the disk refuses.
    """
    known(path)
    if path.suffix == ".svg":
        drawn = Svg(*size, theme.back)
        draw(drawn)
        replace(path, drawn.file())
    else:
        canvas = Canvas(*size, theme.back)
        draw(canvas)
        replace(path, canvas.png())


def known(path: Path) -> Path:
    """The path, where its name ends as pictures do.

    Raises:
        KensaError: If it does not.
    """
    if path.suffix not in SUFFIXES:
        raise KensaError(f"{path}: expected a picture that ends in {' or '.join(SUFFIXES)}, found '{path.suffix}'")
    return path
