"""Where everything of a plan stands in a drawing: columns from the cameras to the sinks, one band per host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.outline import Cable, Outline, Strand

LETTER = 6.6  # width of a letter, px; a little more than most fonts need
SMALL = 5.9  # the same for labels
NODE = 34  # height of a node
GAP = 30  # between nodes of a lane
PAD = 14  # inside every frame
HEAD = 24  # for the name of a frame
PORT = 21  # between the ends of edges that come in, so that their labels fit
EXIT = 10  # between the ends of edges that go out
BOW = 16  # for a link that passes a node
TRACK = 11  # between edges that run side by side


class Rect(NamedTuple):
    """A rectangle, px."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.h


class Grid:
    """A plan laid out.

    Attributes:
        strands: Where each strand stands, by its key.
        nodes: Where each node stands, by the key of its strand and its name.
        processes: Where each process stands.
        hosts: Where each host stands.
        ranks: The column of each strand.
        lefts: Where each column begins, and one beyond the last.
    """

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.cables = outline.cables
        self.ranks = _ranks(outline)
        self.strands: dict[str, Rect] = {}
        self.nodes: dict[tuple[str, str], Rect] = {}
        self.processes: dict[str, Rect] = {}
        self.hosts: dict[str, Rect] = {}
        self.lefts = self._columns()
        self._stack()

    @property
    def width(self) -> float:
        """Right end of everything."""
        return max(rect.right for rect in self.hosts.values())

    @property
    def bottom(self) -> float:
        """Lower end of everything."""
        return max(rect.bottom for rect in self.hosts.values())

    def leaving(self, strand: Strand) -> list[Cable]:
        """The cables that begin in a strand."""
        return [cable for cable in self.cables if cable.begin.key == strand.key]

    def entering(self, strand: Strand) -> list[Cable]:
        """The cables that end in a strand."""
        return [cable for cable in self.cables if cable.end.key == strand.key]

    def under(self, strand: Strand) -> list[Cable]:
        """The cables that leave a strand below its nodes, because its last node is in their way."""
        return [cable for cable in self.leaving(strand) if cable.source != strand.nodes[-1]]

    def far(self, cable: Cable) -> bool:
        """Whether a cable passes a column, so that it runs below everything that stands there."""
        return self.ranks[cable.end.key] - self.ranks[cable.begin.key] > 1

    def channel(self, rank: int) -> int:
        """How many cables run up or down in front of a column."""
        return sum(rank in (self.ranks[c.begin.key] + 1, self.ranks[c.end.key]) for c in self.cables)

    def _columns(self) -> list[float]:
        """The left end of each column: behind the one before it, room for tracks, and room for labels."""
        lefts = [3.0 * PAD]
        for rank in range(1, max(self.ranks.values(), default=0) + 2):
            wide = max(self._width(strand) for strand in self._column(rank - 1))
            entering = [cable for strand in self._column(rank) for cable in self.entering(strand)]
            labels = max((long(cable) for cable in entering), default=0.0)
            lefts.append(lefts[-1] + wide + 6 * PAD + self.channel(rank) * TRACK + labels)
        return lefts

    def _column(self, rank: int) -> list[Strand]:
        return [strand for strand in self.outline.strands if self.ranks[strand.key] == rank]

    def _width(self, strand: Strand) -> float:
        nodes = sum(breadth(node) for node in strand.nodes) + GAP * (len(strand.nodes) - 1)
        return max(nodes, len(strand.name) * SMALL, len(f"process {strand.process.name}") * SMALL) + 2 * PAD

    def _row(self, strand: Strand) -> float:
        """Height of the nodes of a strand: room for all that comes in and goes out at their sides."""
        ends = len(self.entering(strand)) * PORT
        beginnings = (len(self.leaving(strand)) - len(self.under(strand)) + 1) * EXIT
        return max(NODE, ends + 8, beginnings)

    def _height(self, strand: Strand) -> float:
        return _head(strand) + self._row(strand) + len(self.under(strand)) * TRACK + PAD

    def _stack(self) -> None:
        """Place hosts one below the other, and in each of them its processes, as high as they fit."""
        top = 52.0
        for host, processes in self.outline.hosts().items():
            floor = [top + HEAD + 8.0] * (len(self.lefts) + 1)
            for name, strands in processes.items():
                self._process(name, strands, floor)
            passing = [c for c in self.cables if c.begin.process.host == host and self.far(c)]
            self.hosts[host] = _around(self.processes[name] for name in processes)
            self.hosts[host] = self.hosts[host]._replace(h=self.hosts[host].h + len(passing) * TRACK)
            top = self.hosts[host].bottom + 20

    def _process(self, name: str, strands: list[Strand], floor: list[float]) -> None:
        ranks = [self.ranks[strand.key] for strand in strands]
        span = slice(min(ranks), max(ranks) + 1)
        top = max(floor[span])
        heights = dict.fromkeys(ranks, top + HEAD)
        for strand, rank in zip(strands, ranks, strict=True):
            self._strand(strand, self.lefts[rank], heights[rank])
            heights[rank] = self.strands[strand.key].bottom + 10
        self.processes[name] = _around((self.strands[strand.key] for strand in strands), HEAD)
        floor[span] = [self.processes[name].bottom + 12] * len(floor[span])

    def _strand(self, strand: Strand, x: float, y: float) -> None:
        self.strands[strand.key] = Rect(x, y, self._width(strand), self._height(strand))
        left = x + PAD
        for node in strand.nodes:
            wide = breadth(node) if strand.links else self._width(strand) - 2 * PAD
            self.nodes[strand.key, node] = Rect(left, y + _head(strand), wide, self._row(strand))
            left += wide + GAP


def breadth(node: str) -> float:
    """Width of a node, from its name."""
    return max(len(node) * LETTER + 24, 60.0)


def long(cable: Cable) -> float:
    """Width of a cable's label, with the number of its cut in front."""
    return len(cable.label) * SMALL + 24


def _head(strand: Strand) -> float:
    """Room above the nodes: for the lane's name, and for the bows of links that pass a node."""
    place = strand.nodes.index
    return HEAD + (BOW if any(place(end) - place(begin) > 1 for begin, end in strand.links) else 0)


def _ranks(outline: Outline) -> dict[str, int]:
    """The column of each strand: one behind the last of those that feed it."""
    ranks = {strand.key: 0 for strand in outline.strands}
    for _ in outline.strands:
        for cable in outline.cables:
            ranks[cable.end.key] = max(ranks[cable.end.key], ranks[cable.begin.key] + 1)
    return ranks


def _around(rects: Iterable[Rect], head: float = HEAD + 8.0) -> Rect:
    """The frame around some rectangles, with room for its name."""
    inner = [*rects]
    left, top = min(rect.x for rect in inner) - PAD, min(rect.y for rect in inner) - head
    right, bottom = max(rect.right for rect in inner) + PAD, max(rect.bottom for rect in inner) + PAD
    return Rect(left, top, right - left, bottom - top)
