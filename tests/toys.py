"""Small nodes, records and channels that tests of the engine are made of."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import structlog

from pipeline.clock import Clock
from pipeline.node import Batch, Spec, node
from pipeline.plan import Edge, NodeRun, Queue
from pipeline.plan import Lane as Layout
from pipeline.records import Frame, Gap, Record, Stats, Tracks
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.turn import Turn
from pipeline.transport.channel import Closed, Delivery, Ledger
from pipeline.transport.gathering import Gathering


def frame(seq: int = 0, camera: str = "cam-1", session: str = "s", t_ns: int = 0) -> Frame:
    """An empty frame."""
    return Frame(camera=camera, session=session, seq=seq, t_ns=t_ns, size=(1, 1))


def gap(seq: int, camera: str = "cam-1") -> Gap:
    """A gap of one frame."""
    return Gap(camera=camera, session="s", seq=seq, t_ns=0, last=seq, reason="overflow", where="test")


@node()
def source(camera: str, session: str, clock: Clock, *, count: int = 3) -> Iterator[Frame]:
    """Give frames, a tenth of a second apart."""
    start = clock.now_ns()
    for seq in range(count):
        if not clock.wait_until(start + seq * 100_000_000):
            return
        yield frame(seq, camera, session, start + seq * 100_000_000)


@node()
def quitter(camera: str, session: str, *, count: int = 3) -> Iterator[Frame]:
    """End the whole program, which no node may do."""
    yield frame(count, camera, session)
    raise SystemExit(0)


@node()
def shift(frame_: Frame, *, by: int = 100) -> Frame:
    """Add to seq."""
    return frame(frame_.seq + by, frame_.camera, frame_.session, frame_.t_ns)


@node()
def odd(frame_: Frame) -> Frame | None:
    """Let odd frames through."""
    return frame_ if frame_.seq % 2 else None


@node()
def bare(frame_: Frame) -> Frame | None:
    """Say a word, and let frames through where no terminal was loaded for it."""
    structlog.get_logger().info("bare")
    return None if sys.modules.get("rich") else frame_


@node()
def twice(frame_: Frame) -> Iterator[Frame]:
    """Give each frame and a copy of it."""
    yield frame_
    yield frame_


@node()
def fragile(frame_: Frame, *, bad: tuple[int, ...] = ()) -> Frame:
    """Break on some frames."""
    if frame_.seq in bad:
        raise ValueError(f"no {frame_.seq}")
    return frame_


@node()
def brittle(frame_: Frame) -> Frame:
    """Break on frame 101."""
    if frame_.seq == 101:
        raise ValueError("no 101")
    return frame_


@node(per="camera")
def count(frames: Iterator[Frame], *, bad: tuple[int, ...] = (), start: int = 0) -> Iterator[Tracks]:
    """Number the frames of a camera, and tell how many there were when they end."""
    seen = start
    for one in frames:
        if one.seq in bad:
            raise ValueError(f"no {one.seq}")
        yield Tracks(camera=one.camera, session=one.session, seq=seen, t_ns=one.t_ns, size=(1, 1))
        seen += 1
    yield Tracks(camera="end", session="s", seq=seen, t_ns=0, size=(1, 1))


@node()
def tally(records: Iterator[Frame | Gap]) -> Iterator[Stats]:
    """Count what all cameras gave."""
    frames = missing = 0
    for record in records:
        frames += isinstance(record, Frame)
        missing += isinstance(record, Gap)
        yield Stats(
            camera="all", session="s", seq=record.seq, t_ns=record.t_ns, since_ns=0, frames=frames, missing=missing
        )


seen: list[Record] = []
batches: list[list[int]] = []
disk = {"full": False}


@node()
def keep(records: Iterator[Frame | Tracks | Stats | Gap]) -> None:
    """Put every record into `seen`."""
    seen.extend(records)


hoarded: list[tuple[str, int]] = []


@node(batch=Batch(records=100, seconds=60.0))
def hoard(batches: Iterator[list[Stats | Gap]], *, bad: tuple[int, ...] = (), gaps: bool = True) -> None:
    """Remember kind and number of everything it could take; it breaks on some records, and on gaps where it is told."""
    for batch in batches:
        if any(one.seq in bad if isinstance(one, Stats) else not gaps for one in batch):
            raise ValueError("cannot bear it")
        hoarded.extend((type(one).__name__, one.seq) for one in batch)


@node()
def liar(frame_: Frame) -> Frame:
    """Gives what its signature does not name."""
    tracks = Tracks(camera=frame_.camera, session="s", seq=frame_.seq, t_ns=0, size=(1, 1))
    return cast(Frame, tracks)


@node()
def picky(frame_: Frame, *, bad: tuple[int, ...] = ()) -> None:
    """A sink that raises on some numbers."""
    if frame_.seq in bad:
        raise ValueError(f"not {frame_.seq}")


@node(batch=Batch(records=3, seconds=1.0))
def store(records: Iterator[list[Frame]], *, bad: tuple[int, ...] = ()) -> None:
    """Put the numbers of each batch into `batches`, unless one of them is bad or the disk is full."""
    for batch in records:
        if disk["full"]:
            raise OSError("disk full")
        if any(record.seq in bad for record in batch):
            raise ValueError("bad record")
        batches.append([record.seq for record in batch])
    batches.append([])


@node(per="camera", batch=Batch(records=2, seconds=1.0))
def store_each(records: Iterator[list[Frame]]) -> None:
    """As `store`, a run per camera."""
    batches.extend([record.seq for record in batch] for batch in records)


FUNCTIONS: tuple[Any, ...] = (
    source,
    quitter,
    shift,
    odd,
    twice,
    fragile,
    liar,
    picky,
    brittle,
    count,
    tally,
    keep,
    store,
    store_each,
    hoard,
)
TOYS: dict[str, Spec] = {function.__name__: function.spec for function in FUNCTIONS}


def run(name: str, *inputs: str, node: str = "", **params: object) -> NodeRun:
    """A node of a lane."""
    return NodeRun(node=node or name, use=name, params=params, inputs=inputs)


class Outlet:
    """An outbox that keeps what it was handed."""

    def __init__(self, name: str = "out") -> None:
        self.name = name
        self.records: list[Record] = []
        self.closed = False

    def send(self, record: Record) -> None:
        """Keep it."""
        self.records.append(record)

    def pump(self) -> None:
        """Nothing waits."""

    def ledger(self) -> Ledger:
        """Everything was delivered."""
        return Ledger(sent=len(self.records), delivered=len(self.records))

    def close(self, timeout: float) -> Ledger:
        """Remember that it was closed."""
        self.closed = True
        return self.ledger()


class Inlet:
    """An inbox with a list of records in it; None stands for a moment in which nothing comes."""

    def __init__(self, edge: str, records: Iterable[Record | None]) -> None:
        self._records = iter(records)
        self._edge, self._number = edge, itertools.count(1)
        self.done_numbers: list[int] = []
        self.refused: dict[int, str] = {}
        self.closed = False
        self.gathering = Gathering()

    def receive(self, timeout: float) -> Delivery | None:
        """The next one."""
        try:
            record = next(self._records)
        except StopIteration:
            raise Closed from None
        return None if record is None else Delivery(self._edge, "p", next(self._number), record)

    def done(self, delivery: Delivery, refused: str = "") -> None:
        """Remember it."""
        self.done_numbers.append(delivery.number)
        if refused:
            self.refused[delivery.number] = refused

    def finish(self) -> None:
        """It ends by itself."""

    def received(self) -> dict[str, int]:
        """Nothing of interest."""
        return {}

    def admit(self, edge: Edge) -> None:
        """There is one edge."""

    def dismiss(self, edge: str) -> None:
        """It stays."""

    def over(self, edge: str) -> bool:
        """It is there until its list ends."""
        return False

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def edge(source: str, target: str, *kinds: str) -> Edge:
    """An edge between nodes, by names `node@lane`."""
    ends = [(name.split("@")[0], name.split("@")[-1]) for name in (source, target)]
    return Edge(
        name=f"{source}→{target}",
        source=ends[0],
        target=ends[1],
        kinds=kinds,
        transport="memory",
        address="",
        queue=Queue(),
        why="test",
    )


class Bench:
    """A lane on a bench: what its failures were, and a clock to turn by hand."""

    def __init__(self, *runs: NodeRun, exits: Sequence[Exit] = (), entries: Sequence[Edge] = ()) -> None:
        self.now = 0
        self.failures: list[tuple[str, int | None, Exception]] = []
        self.lane = Lane(
            Layout(name="lane", cameras=("cam-1", "cam-2"), runs=runs),
            TOYS,
            entries=entries,
            exits=exits,
            turn=Turn(lambda: self.now),
            failure=lambda name, record, error: self.failures.append((name, record.seq if record else None, error)),
        )

    def push(self, node: str, *records: Record) -> None:
        """Let records come to a node."""
        for record in records:
            self.lane.push(node, record)

    def gave(self, node: str) -> list[Record]:
        """What a node gives from now on."""
        found: list[Record] = []
        self.lane.tap(node, lambda _, record: found.append(record))
        return found
