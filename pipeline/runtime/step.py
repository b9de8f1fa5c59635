"""Nodes made callable: records are pushed in, what comes out is collected, all in the caller's thread.

A node that is handed an iterator runs in a greenlet: asking for its next record switches back to
whoever pushed the last one. So a chain of nodes needs neither threads nor queues, and the same
records pushed in the same order give the same records in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from typing import Any, Protocol

import msgspec
from greenlet import getcurrent, greenlet

from pipeline.clock import Clock
from pipeline.errors import NodeError
from pipeline.node import Batch, Spec
from pipeline.plan import NodeRun
from pipeline.records import Record
from pipeline.runtime.turn import Turn

Call = Callable[..., Any]
END: Any = object()


class Step(Protocol):
    """A node inside a lane, for all cameras of that lane.

    Attributes:
        restarts: Times a run was begun anew after it had raised.
        culprits: The records that the last exception was about.
    """

    restarts: int
    culprits: Sequence[Record]

    def open(self, key: str, outs: list[Record]) -> None:
        """Begin what needs no record to begin; `key` is `""`."""

    def push(self, record: Record, outs: list[Record]) -> None:
        """Hand a record in; what the node gives is appended, also when it raises."""

    def runs(self) -> tuple[str, ...]:
        """The runs that have begun: camera names, or `""` for the one run of all cameras."""

    def end(self, key: str, outs: list[Record]) -> None:
        """End one run's input and take what it still gives; after that it is gone."""


class Calls(dict[str, Call]):
    """A node's function closed over its parameters: camera → callable; `""` knows no overrides."""

    def __init__(self, run: NodeRun, spec: Spec) -> None:
        super().__init__()
        self._run, self._spec = run, spec

    def __missing__(self, camera: str) -> Call:
        given = {**self._run.params, **self._run.overrides.get(camera, {})}
        try:
            params = msgspec.convert(given, self._spec.params)
        except msgspec.ValidationError as error:
            place = f" for camera '{camera}'" if camera in self._run.overrides else ""
            raise NodeError(f"node '{self._run.node}'{place}: parameters of '{self._spec.name}': {error}") from error
        # A call without keywords costs a quarter of one with them.
        call = self[camera] = partial(self._spec.fn, **msgspec.structs.asdict(params)) if given else self._spec.fn
        return call


def build(run: NodeRun, spec: Spec, turn: Turn) -> Step:
    """The step that runs one node of a lane; for a source see `begin`."""
    calls = Calls(run, spec)
    if spec.shape == "map":
        return Map(run.node, calls, spec.gives)
    if spec.batch is not None:
        return Batches(run.node, calls, per=spec.per is not None, batch=spec.batch, turn=turn)
    return Stream(run.node, calls, per=spec.per is not None)


def begin(run: NodeRun, spec: Spec, camera: str, session: str, clock: Clock) -> Generator[Record]:
    """One run of a source: iterate it to let it work.

    Raises:
        Exception: Whatever the source raises, with a note that names it and the last record it gave.
    """
    seat = {"camera": camera, "session": session, "clock": clock}
    place, last = f"in node '{run.node}', camera '{camera}', session '{session}'", "before its first record"
    try:
        records = iter(Calls(run, spec)[camera](*(seat[name] for name in spec.seat)))
        with closing(records) if isinstance(records, Generator) else nullcontext():
            for record in records:
                last = f"after seq {record.seq}"
                yield record
    except Exception as error:
        error.add_note(f"{place}, {last}")
        raise


class Map:
    """A node that is called once per record."""

    restarts = 0

    def __init__(self, node: str, calls: Calls, gives: frozenset[type[Record]]) -> None:
        self._node, self._calls, self._gives = node, calls, gives
        self.culprits: Sequence[Record] = ()

    def open(self, key: str, outs: list[Record]) -> None:
        """Nothing needs to begin."""

    def push(self, record: Record, outs: list[Record]) -> None:
        """Call the node on a record."""
        try:
            given = self._calls[record.camera](record)
            if type(given) in self._gives or isinstance(given, Record):
                outs.append(given)
            elif given is not None:
                outs.extend(given)
        except Exception as error:
            self.culprits = (record,)
            error.add_note(_place(self._node, self.culprits))
            raise

    def runs(self) -> tuple[str, ...]:
        """No run has ever begun: there is nothing to flush."""
        return ()

    def end(self, key: str, outs: list[Record]) -> None:
        """Nothing needs to end."""


class Run:
    """One run of a node that reads an iterator, suspended wherever it asks for what comes next.

    A run that returns before its input ends takes the rest and gives nothing for it.

    Attributes:
        outs: Where what it gives goes; set it before each `resume`.
        resume: Hand it its next input, `END` for none, and let it work until it asks for more.
    """

    __slots__ = ("_home", "outs", "resume")

    def __init__(self, call: Call, outs: list[Record]) -> None:
        self.outs = outs
        self._home = getcurrent()
        self.resume = greenlet(self._body).switch
        self.resume(call)

    def _body(self, call: Call) -> None:
        for out in call(iter(self._home.switch, END)) or ():
            self.outs.append(out)


class Stream:
    """A node that reads an iterator: one run for all cameras, or one per camera, begun when its camera appears."""

    def __init__(self, node: str, calls: Calls, *, per: bool) -> None:
        self.restarts = 0
        self.culprits: Sequence[Record] = ()
        self._node, self._calls, self._per = node, calls, per
        self._runs: dict[str, Run] = {}
        self._broken: set[str] = set()

    def open(self, key: str, outs: list[Record]) -> None:
        """Begin the one run of all cameras."""
        if self._per:
            return
        try:
            self._begin(key, outs)
        except Exception as error:
            self._blame(key, (), error)
            raise

    def push(self, record: Record, outs: list[Record]) -> None:
        """Hand a record to its run."""
        key = record.camera if self._per else ""
        try:
            run = self._runs.get(key) or self._begin(key, outs)
            run.outs = outs
            run.resume(record)
        except Exception as error:
            self._blame(key, (record,), error)
            raise

    def runs(self) -> tuple[str, ...]:
        """The runs that have begun, in the order in which they did."""
        return tuple(self._runs)

    def end(self, key: str, outs: list[Record]) -> None:
        """Flush one run."""
        try:
            run = self._runs.pop(key)
            run.outs = outs
            run.resume(END)
        except Exception as error:
            self._blame(key, (), error)
            raise

    def _begin(self, key: str, outs: list[Record]) -> Run:
        if key in self._broken:
            self._broken.discard(key)
            self.restarts += 1
        run = self._runs[key] = Run(self._calls[key], outs)
        return run

    def _blame(self, key: str, culprits: Sequence[Record], error: Exception) -> None:
        self._runs.pop(key, None)
        self._broken.add(key)
        self.culprits = culprits
        error.add_note(_place(self._node, culprits, key))


class Pending(msgspec.Struct):
    """A micro-batch that is still open.

    Attributes:
        deadline_ns: When it closes, full or not.
        turn: The lane's turn that brought its first record.
        records: What is in it so far.
        origins_ns: When each of them came about, ns of `time.monotonic_ns`.
    """

    deadline_ns: int
    turn: int
    records: list[Record] = []
    origins_ns: list[int] = []


class Batches(Stream):
    """A node that reads an iterator of lists: records wait here until their batch is full or its time is up.

    Attributes:
        pending: The open batch of each run.
        settled_ns: When the records of handed-over batches came about; whoever measures ages empties it.
    """

    def __init__(self, node: str, calls: Calls, *, per: bool, batch: Batch, turn: Turn) -> None:
        super().__init__(node, calls, per=per)
        self._batch, self._turn = batch, turn
        self.pending: dict[str, Pending] = {}
        self.settled_ns: list[int] = []

    def push(self, record: Record, outs: list[Record]) -> None:
        """Put a record into the batch of its run, and hand the batch over when that filled it."""
        key = record.camera if self._per else ""
        waiting = self.pending.get(key)
        if waiting is None:
            deadline_ns = self._turn.now() + round(self._batch.seconds * 1e9)
            waiting = self.pending[key] = Pending(deadline_ns, self._turn.number)
        waiting.records.append(record)
        waiting.origins_ns.append(self._turn.origin_ns)
        if len(waiting.records) >= self._batch.records:
            self.flush(key, outs)

    def flush(self, key: str, outs: list[Record]) -> None:
        """Hand over what waits, full or not; when this returns, the node has asked for more: it is done with it."""
        batch = self.pending.pop(key)
        try:
            run = self._runs.get(key) or self._begin(key, outs)
            run.outs = outs
            run.resume(batch.records)
        except Exception as error:
            self._blame(key, batch.records, error)
            raise
        self.settled_ns.extend(batch.origins_ns)

    def runs(self) -> tuple[str, ...]:
        """The runs that have begun, and those that wait for their first batch."""
        return tuple(dict.fromkeys((*self._runs, *self.pending)))

    def end(self, key: str, outs: list[Record]) -> None:
        """Hand over what waits, then flush the run."""
        if key in self.pending:
            self.flush(key, outs)
        super().end(key, outs)


def _place(node: str, culprits: Sequence[Record], key: str = "") -> str:
    if not culprits:
        return f"in node '{node}'" + (f", camera '{key}'" if key else "") + ", between records"
    first, last = culprits[0], culprits[-1]
    place = f"in node '{node}', camera '{first.camera}', session '{first.session}', seq {first.seq}"
    if len(culprits) == 1:
        return place
    return f"{place}, the first of a batch of {len(culprits)} up to camera '{last.camera}', seq {last.seq}"
