"""The way of each cable through a drawing: right angles only, each in a track of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pipeline.drawing.grid import EXIT, PAD, PORT, TRACK, Grid
from pipeline.outline import Cable

Point = tuple[float, float]


class Route(NamedTuple):
    """One cable's way.

    Attributes:
        cable: The cable.
        points: Corners, from its beginning to its end.
        label: Where its label ends, above the last straight stretch.
    """

    cable: Cable
    points: tuple[Point, ...]
    label: Point


class _Way(NamedTuple):
    """The fixed parts of a way: all but its place in the channels."""

    cable: Cable
    out: tuple[Point, ...]
    into: Point
    bus: float | None

    @property
    def leaves(self) -> float:
        """The height at which it leaves its strand."""
        return self.out[-1][1]


def routes(grid: Grid) -> list[Route]:
    """The way of every cable."""
    ends = _ends(grid)
    beginnings = _beginnings(grid, ends)
    buses = _buses(grid)
    ways = [_Way(cable, beginnings[at], ends[at], buses.get(at)) for at, cable in enumerate(grid.cables)]
    first = _tracks(grid, ways, lambda way: grid.ranks[way.cable.begin.key] + 1)
    last = _tracks(grid, ways, lambda way: grid.ranks[way.cable.end.key])
    return [_route(way, first[at], last[at]) for at, way in enumerate(ways)]


def _route(way: _Way, first: float, last: float) -> Route:
    (x, y) = way.into
    label = (x - 2 * PAD - 8, y)
    if way.bus is None:
        return Route(way.cable, (*way.out, (first, way.leaves), (first, y), (x, y)), label)
    points = (*way.out, (first, way.leaves), (first, way.bus), (last, way.bus), (last, y), (x, y))
    return Route(way.cable, points, label)


def _ends(grid: Grid) -> list[Point]:
    """Where each cable ends: at the left of its node, those from above first."""
    found: dict[int, Point] = {}
    for strand in grid.outline.strands:
        entering = [at for at, cable in enumerate(grid.cables) if cable.end.key == strand.key]
        entering.sort(key=lambda at: _height(grid, grid.cables[at]))
        node = grid.nodes[strand.key, strand.nodes[0]]
        top = node.y + (node.h - (len(entering) - 1) * PORT) / 2
        found |= {at: (node.x, top + place * PORT) for place, at in enumerate(entering)}
    return [found[at] for at in range(len(grid.cables))]


def _height(grid: Grid, cable: Cable) -> tuple[float, int]:
    """The order in which cables stand at their end: as they leave, so that few of them cross."""
    return grid.strands[cable.begin.key].y, -cable.begin.nodes.index(cable.source)


def _beginnings(grid: Grid, ends: list[Point]) -> list[tuple[Point, ...]]:
    """How each cable leaves its strand: to the right from the last node, below the nodes from any other."""
    found: dict[int, tuple[Point, ...]] = {}
    for strand in grid.outline.strands:
        leaving = [at for at, cable in enumerate(grid.cables) if cable.begin.key == strand.key]
        leaving.sort(key=lambda at: ends[at][1])
        straight = [at for at in leaving if grid.cables[at].source == strand.nodes[-1]]
        node = grid.nodes[strand.key, strand.nodes[-1]]
        top = node.y + (node.h - (len(straight) - 1) * EXIT) / 2
        found |= {at: ((node.right, top + place * EXIT),) for place, at in enumerate(straight)}
        under = [at for at in leaving if at not in straight]
        under.sort(key=lambda at: -strand.nodes.index(grid.cables[at].source))
        for place, at in enumerate(under):
            found[at] = _below(grid, at, place, under)
    return [found[at] for at in range(len(grid.cables))]


def _below(grid: Grid, at: int, place: int, under: list[int]) -> tuple[Point, ...]:
    """Down from a node, then right in a track below its neighbours; the node nearest to the end runs highest."""
    cable = grid.cables[at]
    strand, node = grid.strands[cable.begin.key], grid.nodes[cable.begin.key, cable.source]
    alike = [each for each in under if grid.cables[each].source == cable.source]
    x = node.x + node.w / 2 + (alike.index(at) - (len(alike) - 1) / 2) * -EXIT
    y = node.bottom + TRACK * (place + 1)
    return ((x, node.bottom), (x, y), (strand.right, y))


def _buses(grid: Grid) -> dict[int, float]:
    """The height at which each cable that passes a column runs below everything of its host."""
    found: dict[int, float] = {}
    used: dict[str, int] = {}
    for at, cable in enumerate(grid.cables):
        if grid.far(cable):
            host = cable.begin.process.host
            found[at] = grid.hosts[host].bottom - PAD / 2 - TRACK * used.get(host, 0)
            used[host] = used.get(host, 0) + 1
    return found


def _tracks(grid: Grid, ways: list[_Way], channel: Callable[[_Way], int]) -> list[float]:
    """The place of each cable in the channel in front of a column.

    Those that go down stand the more to the right the higher they begin, so that they do not cross.
    """
    found: dict[int, float] = {}
    for rank in range(1, len(grid.lefts)):
        inside = [at for at, way in enumerate(ways) if rank in (_first(grid, way), grid.ranks[way.cable.end.key])]
        inside.sort(key=lambda at: (_up(ways[at]), -ways[at].leaves if not _up(ways[at]) else ways[at].leaves))
        start = _right(grid, rank - 1) + 2 * PAD
        found |= {at: start + place * TRACK for place, at in enumerate(inside) if channel(ways[at]) == rank}
    return [found[at] for at in range(len(ways))]


def _first(grid: Grid, way: _Way) -> int:
    return grid.ranks[way.cable.begin.key] + 1


def _up(way: _Way) -> bool:
    return (way.into[1] if way.bus is None else way.bus) < way.leaves


def _right(grid: Grid, rank: int) -> float:
    """The right end of a column."""
    return max(grid.strands[key].right for key, at in grid.ranks.items() if at == rank)
