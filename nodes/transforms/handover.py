"""Give a part the same number at every camera that it passes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from pipeline.errors import NodeError
from pipeline.node import Need, node
from pipeline.records import Gap, Part

Counts = Annotated[float, Meta(gt=0, description="encoder counts")]
Stations = dict[str, float]

MOST = 65536  # pieces between the first camera and the last


class _Piece(NamedTuple):
    number: int
    mark: float
    cameras: frozenset[str]


def _needs(_: Any) -> Iterator[Need]:
    """Parts whose place on the belt is known."""
    yield Need(
        "marks", ("stations",), "stations: expected parts with a mark on the belt: give `track` before a `pulse`"
    )


@node(needs=_needs)
def handover(parts: Iterator[Part | Gap], *, stations: Stations, tolerance: Counts) -> Iterator[Part | Gap]:
    """Number the parts of one belt, each once, however many cameras it passes.

    `track` with a `pulse` says where on the belt a part lies, in counts of the encoder. Less how far its camera is
    down the belt that is the same at every camera: parts within the tolerance are one piece. Whichever camera tells it
    first gives it its number; none is given twice, and no camera sees a piece twice.

    Args:
        stations: How many counts of the encoder the belt goes from the first camera's x = 0 to that of each camera.
        tolerance: Most counts that two views of one part may be apart; less than half of what parts are.
    """
    belt = _Pieces(stations, tolerance)
    for record in parts:
        yield record if isinstance(record, Gap) else replace(record, piece=belt.number(record))


class _Pieces:
    """What is on the belt between the first camera and the last."""

    def __init__(self, stations: Stations, tolerance: float) -> None:
        self._stations, self._tolerance = stations, tolerance
        self._open: list[_Piece] = []
        self._passed = dict.fromkeys(stations, -math.inf)
        self._numbers = 0

    def number(self, part: Part) -> int:
        """The number of a part's piece.

        Raises:
            NodeError: If nobody knows where it lies.
        """
        mark = self._mark(part)
        near = [p for p in self._open if abs(p.mark - mark) <= self._tolerance and part.camera not in p.cameras]
        piece = min(near, key=lambda each: abs(each.mark - mark), default=None)
        if piece is None:
            piece = _Piece(self._numbers, mark, frozenset())
            self._numbers += 1
        else:
            self._open.remove(piece)
        seen = piece._replace(cameras=piece.cameras | {part.camera})
        self._open.append(seen)
        self._forget(part.camera, mark)
        return seen.number

    def _mark(self, part: Part) -> float:
        if part.camera not in self._stations:
            known = ", ".join(sorted(self._stations)) or "none"
            raise NodeError(f"expected a part of a camera in `stations` ({known}), found one of '{part.camera}'")
        if part.mark is None:
            raise NodeError(
                f"expected parts with a mark on the belt, found part {part.id} of '{part.camera}' without: "
                "give `track` a `pulse`"
            )
        return part.mark - self._stations[part.camera]

    def _forget(self, camera: str, mark: float) -> None:
        """Let go what every camera has seen, and what no camera can see any more."""
        self._passed[camera] = max(self._passed[camera], mark)
        behind = min(self._passed.values()) - self._span
        done = [p for p in self._open if p.mark < behind or len(p.cameras) == len(self._stations)]
        self._open = [p for p in self._open if p not in done][-MOST:]

    @property
    def _span(self) -> float:
        """How far out of order a camera may tell parts: by no more than the cameras are apart."""
        return max(self._stations.values()) - min(self._stations.values()) + self._tolerance
