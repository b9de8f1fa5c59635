"""A line of one camera in which everything may be lost: real nodes, real lanes, both ends of each edge, no sockets.

Its nodes stand in groups, each group a process with one lane. A process may be killed at any moment: its lane, its
queues and what it had received are gone, and another one takes its place at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from msgspec.structs import replace

from nodes.sources.belt import truth
from nodes.sources.synthetic import synthetic
from nodes.transforms.clean import clean
from nodes.transforms.measure import measured
from nodes.transforms.rules import rules
from nodes.transforms.track import track
from pipeline.clock import FakeClock
from pipeline.node import Spec, node
from pipeline.plan import Edge, NodeRun, Queue
from pipeline.plan import Lane as Layout
from pipeline.records import Frame, Gap, Part, Record, Regions, Tracks, Verdict
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.trail import Left
from pipeline.runtime.turn import Turn
from pipeline.score import Truth
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.came import Trails
from pipeline.transport.channel import Delivery, Ledger
from pipeline.transport.flow import Flow
from pipeline.transport.item import Item
from tests.conftest import ROOT
from tests.toys import edge

NODES = ("camera", "clean", "measure", "track", "rules")
FRAMES = 120
BELT = {"speed": 6.0, "defects": 0.5, "seed": 4}
CAMERA = "cam-1"
BOOK = str(ROOT / "topologies" / "rules" / "plate.yaml")
GIVES = {("camera", ""): "frame", ("clean", ""): "frame", ("measure", ""): "regions", ("track", ""): "part"} | {
    ("track", "archive"): "tracks",
    ("rules", "archive"): "verdict",
}
KINDS = ("frame", "gap", "part", "regions", "tracks", "verdict")

faults: set[tuple[str, int]] = set()  # (node, seq) on which it raises, once


def _stumble(name: str, seq: int) -> None:
    if (name, seq) in faults:
        faults.remove((name, seq))
        raise ValueError(f"{name} cannot bear {seq}")


@cache
def shown() -> tuple[Frame, ...]:
    """What the camera shows in every session."""
    given = synthetic(CAMERA, "", FakeClock(), frames=FRAMES, **BELT)  # type: ignore[arg-type]
    return tuple(frame for frame in given if isinstance(frame, Frame))


@cache
def there() -> tuple[Truth, ...]:
    """The parts it shows."""
    return tuple(truth(CAMERA, frames=FRAMES, **BELT))


@cache
def _cleaned(seq: int) -> Frame:
    return clean(shown()[seq], min_area=25, fill_holes=4)


@cache
def _measured(seq: int) -> Regions:
    return measured(_cleaned(seq))


@node()
def camera() -> Iterator[Frame | Gap]:
    """The line hands its frames over itself."""
    yield from ()


@node()
def cleaning(frame: Frame) -> Frame:
    """`clean`, from memory."""
    _stumble("clean", frame.seq)
    return replace(_cleaned(frame.seq), session=frame.session)


@node()
def measuring(frame: Frame) -> Regions:
    """`measure`, from memory."""
    _stumble("measure", frame.seq)
    return replace(_measured(frame.seq), session=frame.session)


@node(per="camera")
def tracking(frames: Iterator[Regions | Gap]) -> Iterator[Tracks | Part | Gap]:
    """`track`, as it is."""

    def given() -> Iterator[Regions | Gap]:
        for record in frames:
            _stumble("track", record.seq)
            yield record

    yield from track(given())


@node()
def judging(record: Part | Gap) -> Verdict:
    """`rules`, as it is."""
    _stumble("rules", record.seq)
    return next(rules(iter([record]), book=BOOK))


@node()
def archive(record: Tracks | Verdict | Gap) -> None:
    """What the archive keeps is asked of the line."""


CATALOG: dict[str, Spec] = {
    name: function.spec  # type: ignore[attr-defined]
    for name, function in zip(
        (*NODES, "archive"), (camera, cleaning, measuring, tracking, judging, archive), strict=True
    )
}


class Wire:
    """An edge: the queue in its producer, the account in its consumer, and what the consumer noted on disk."""

    def __init__(self, source: str, target: str, messages: int) -> None:
        self.edge = edge(source, target, *KINDS)
        self.name, self._limits = self.edge.name, Queue(policy="drop_oldest", messages=messages)
        self._flow, self._life = Flow(self.name, self._limits), 1
        self._kinds = ("gap", GIVES.get((source, target)) or GIVES[source, ""])
        self._arrivals, self._noted = Arrivals(self.name, self._kinds), ("", Trails())
        self._arrivals.meet("1", 1)
        self._ready: deque[Delivery] = deque()

    def send(self, record: Record) -> None:
        """The producer's lane hands a record over."""
        item = Item(record.camera, record.session, record.seq, record.t_ns, record, 1, 0.0)
        assert self._flow.offer(item, 0.0)

    def pump(self) -> None:
        """The line moves what waits."""

    def ledger(self) -> Ledger:
        """As its producer sees it."""
        return self._flow.ledger()

    def close(self, timeout: float) -> Ledger:
        """The line has an end of its own."""
        return self.ledger()

    def carry(self, most: int) -> None:
        """So many records reach the consumer."""
        while most and (entry := self._flow.peek(0.0)) is not None:
            number, item = entry
            assert isinstance(item.payload, Record)
            self._flow.sent()
            if self._arrivals.accept(number):
                self._ready.extend(self._arrivals.place(number, item.payload))
            self._flow.acknowledge(number, 0)
            most -= 1

    def work(self, lane: Lane) -> None:
        """The consumer's lane works on what has arrived."""
        while self._ready:
            lane.accept(self._ready.popleft())
            for done, refused in lane.settled():
                if done.number and done.producer == self._arrivals.producer:
                    self._arrivals.settle(done.number, refused)

    def acknowledge(self) -> None:
        """The producer hears what is done, and the consumer notes it."""
        self._flow.acknowledge(self._arrivals.received, self._arrivals.done, self._arrivals.refused(0))
        if (came := self._arrivals.milestone()) is not None:
            self._noted = (self._arrivals.producer, came)

    def lose_producer(self) -> None:
        """What waited or was not done is gone; another producer greets."""
        self._life += 1
        self._flow = Flow(self.name, self._limits)
        self._arrivals.meet(str(self._life), 1)

    def lose_consumer(self) -> None:
        """What it had received and not finished is sent again to the next one, which reads the note."""
        self._ready.clear()
        self._arrivals = Arrivals(self.name, self._kinds)
        if self._noted[0]:
            self._arrivals.remember(*self._noted)
        self._flow.rewind()
        self._arrivals.meet(str(self._life), self._flow.base)

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return self._flow.queue.empty and not self._flow.ahead and not self._ready


class Kept(NamedTuple):
    """What the archive holds of one session: frames, frames told missing by the edge of frames, verdicts, gaps."""

    frames: set[int]
    missing: set[int]
    verdicts: list[Verdict]
    untold: set[int]


class Line:
    """The line: groups of nodes, the edges between them, and an archive that loses nothing it was given."""

    def __init__(self, groups: Sequence[Sequence[str]], messages: int) -> None:
        self._groups = [tuple(group) for group in groups]
        self.wires = [Wire(a[-1], b[0], messages) for a, b in zip(self._groups, self._groups[1:], strict=False)]
        self.tracks, self.verdicts = Wire("track", "archive", 100_000), Wire("rules", "archive", 100_000)
        self._lanes = [self._lane(at) for at in range(len(self._groups))]
        self._archive = self._sink()
        self._session, self._seq = 0, 0
        self.given: dict[str, int] = {}
        self._kept: dict[Wire, list[Record]] = {self.tracks: [], self.verdicts: []}

    def show(self) -> None:
        """The camera gives its next frame."""
        frame, session = shown()[self._seq % FRAMES], f"s{self._session}"
        if self._seq < FRAMES:
            self._lanes[0].cells["camera"].give(replace(frame, session=session))
            self.given[session] = self._seq + 1
            self._seq += 1

    def carry(self, wire: int, most: int) -> None:
        """An edge carries so many records, and its consumer works on them."""
        at = wire % len(self.wires) if self.wires else 0
        if self.wires:
            self.wires[at].carry(most)
            self.wires[at].work(self._lanes[at + 1])

    def collect(self) -> None:
        """The archive takes all that has reached it."""
        for wire in (self.tracks, self.verdicts):
            wire.carry(100_000)
            wire.work(self._archive)

    def acknowledge(self) -> None:
        """Everybody hears what is done."""
        for wire in (*self.wires, self.tracks, self.verdicts):
            wire.acknowledge()

    def kill(self, group: int) -> None:
        """A process dies without a word."""
        at = group % len(self._groups)
        if at:
            self.wires[at - 1].lose_consumer()
        for wire in self._out(at):
            wire.lose_producer()
        self._lanes[at] = self._lane(at)
        if at == 0:
            self._begin_again()

    def kill_archive(self) -> None:
        """The archive dies; what it kept it kept."""
        for wire in (self.tracks, self.verdicts):
            wire.lose_consumer()
        self._archive = self._sink()

    def end(self) -> None:
        """The line drains and ends."""
        self._through()
        for at, lane in enumerate(self._lanes):
            lane.close()
            for onward in range(at, len(self.wires)):
                while not self.wires[onward].idle:
                    self.carry(onward, 10)
                    self.acknowledge()
        self.collect()

    def _through(self) -> None:
        """What was told reaches everybody: nobody is killed twice in a fifth of a second."""
        while any(not wire.idle for wire in self.wires):
            for at in range(len(self.wires)):
                self.carry(at, 10)
            self.acknowledge()
        self.collect()
        self.acknowledge()

    def kept(self, session: str) -> Kept:
        """What the archive holds of a session."""
        frames = [one for one in self._kept[self.tracks] if one.session == session]
        judged = [one for one in self._kept[self.verdicts] if one.session == session]
        return Kept(
            {one.seq for one in frames if isinstance(one, Tracks)},
            _covered(one for one in frames if isinstance(one, Gap)),
            [one for one in judged if isinstance(one, Verdict) and one.subject == "part"],
            _covered(one for one in judged if isinstance(one, Gap))
            | {
                seq
                for one in judged
                if isinstance(one, Verdict) and one.subject == "gap"
                for seq in range(one.first_seq, one.seq + 1)
            },
        )

    def _begin_again(self) -> None:
        session = f"s{self._session}"
        if self._seq:
            gap = Left(session, self._seq, 0).gap(CAMERA, "camera")
            self._lanes[0].cells["camera"].give(gap)
            self._through()
        self._session, self._seq = self._session + 1, 0

    def _out(self, at: int) -> list[Wire]:
        group, wires = self._groups[at], self.wires[at : at + 1]
        return [*wires, *([self.tracks] if "track" in group else []), *([self.verdicts] if "rules" in group else [])]

    def _lane(self, at: int) -> Lane:
        group = self._groups[at]
        runs = [NodeRun(node=name, use=name, inputs=(group[i - 1],) if i else ()) for i, name in enumerate(group)]
        entries = [self.wires[at - 1].edge] if at else []
        return _opened(runs, entries, [Exit(wire.edge, wire) for wire in self._out(at)])

    def _sink(self) -> Lane:
        lane = _opened([NodeRun(node="archive", use="archive")], [self.tracks.edge, self.verdicts.edge], [])
        cell, take = lane.cells["archive"], lane.accept

        def accept(delivery: Delivery) -> None:
            wire = self.tracks if delivery.edge == self.tracks.name else self.verdicts
            self._kept[wire].append(delivery.record)
            take(delivery)

        assert cell.spec.kind == "sink"
        lane.accept = accept  # type: ignore[method-assign]
        return lane


def _opened(runs: list[NodeRun], entries: list[Edge], exits: list[Exit]) -> Lane:
    layout = Layout(name=runs[0].node, cameras=(CAMERA,), runs=tuple(runs))
    lane = Lane(
        layout,
        CATALOG,
        entries=entries,
        exits=exits,
        turn=Turn(lambda: 0),
        failure=lambda *_: None,
    )
    lane.open()
    return lane


def _covered(gaps: Iterator[Gap]) -> set[int]:
    return {seq for gap in gaps for seq in range(gap.seq, gap.last + 1)}
