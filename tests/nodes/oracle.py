"""Components and holes of a mask found the slow and obvious way: pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Spot = tuple[int, int]
Pixels = np.ndarray[Any, np.dtype[np.bool_]]

CROSS: Sequence[Spot] = ((0, 1), (1, 0), (0, -1), (-1, 0))
ROUND: Sequence[Spot] = (*CROSS, (1, 1), (1, -1), (-1, 1), (-1, -1))


def pieces(pixels: Pixels, *, corners: bool = True) -> list[set[Spot]]:
    """The connected pieces of what is set, as sets of (row, column)."""
    return _grown({(int(y), int(x)) for y, x in np.argwhere(pixels)}, ROUND if corners else CROSS)


def holes(pixels: Pixels, piece: set[Spot]) -> list[set[Spot]]:
    """The holes of one piece: what its own pixels cut off from the outside, less what it shares with none."""
    height, width = pixels.shape
    padded = {(y, x) for y in range(-1, height + 1) for x in range(-1, width + 1)}
    empty = {(int(y), int(x)) for y, x in np.argwhere(~pixels)}
    inner = [each for each in _grown(padded - piece, CROSS) if (-1, -1) not in each]
    # What is cut off may hold other pieces, and holes of those: its own hole is what touches it there.
    return [hole for each in inner for hole in _grown(each & empty, CROSS) if _touches(hole, piece, each)]


def paint(size: Spot, spots: Iterable[Spot]) -> Pixels:
    """(H, W) bool with these set."""
    pixels = np.zeros(size, bool)
    for spot in spots:
        pixels[spot] = True
    return pixels


def _touches(hole: set[Spot], piece: set[Spot], inside: set[Spot]) -> bool:
    """Whether a hole lies against this piece, on the leftmost of its pixels."""
    y, x = min(hole, key=lambda spot: (spot[1], spot[0]))
    return (y, x - 1) in piece and (y, x) in inside


def _grown(spots: set[Spot], ways: Sequence[Spot]) -> list[set[Spot]]:
    left, found = set(spots), []
    while left:
        edge = [left.pop()]
        piece = set(edge)
        while edge:
            y, x = edge.pop()
            near = {(y + dy, x + dx) for dy, dx in ways} & left
            left -= near
            piece |= near
            edge.extend(near)
        found.append(piece)
    return found
