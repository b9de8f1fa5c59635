"""Nodes made callable: records are pushed in, what comes out is collected, all in the caller's thread.

A node that is handed an iterator runs in a greenlet: asking for its next record switches back to
whoever pushed the last one. So a chain of nodes needs neither threads nor queues, and the same
records pushed in the same order give the same records in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from types import FunctionType
from typing import Any, Protocol, Self

import msgspec
from greenlet import getcurrent, greenlet

from pipeline.clock import Clock
from pipeline.conversion import convert
from pipeline.errors import NodeError
from pipeline.node import Spec
from pipeline.plan import NodeRun
from pipeline.records import Record

Call = Callable[..., Any]
END: Any = object()


class Step(Protocol):
    """A node inside a lane, for all cameras of that lane.

    Attributes:
        restarts: Times a run was begun anew after it had raised.
        culprits: The records that the last exception was about.
        calls: The node itself, camera by camera.
    """

    calls: Calls
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

    def learn(self, run: NodeRun) -> None:
        """Other parameters hold for cameras that have none yet, or had others; any thread may tell."""
        before, self._run = self._run.overrides, run
        for camera in before.keys() | run.overrides.keys():
            if before.get(camera) != run.overrides.get(camera):
                self.pop(camera, None)

    def __missing__(self, camera: str) -> Call:
        given = self._run.given(camera)
        try:
            params = convert(given, self._spec.params)
        except msgspec.ValidationError as error:
            place = f" for camera '{camera}'" if camera in self._run.overrides else ""
            raise NodeError(f"node '{self._run.node}'{place}: parameters of '{self._spec.name}': {error}") from error
        call = self[camera] = bound(self._spec.fn, msgspec.structs.asdict(params)) if given else self._spec.fn
        return call


def bound(fn: Call, params: dict[str, Any]) -> Call:
    """A function with other defaults for its keywords: to call it costs less than to call a `partial` of it."""
    if not isinstance(fn, FunctionType):
        return partial(fn, **params)
    twin = FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    twin.__kwdefaults__ = (fn.__kwdefaults__ or {}) | params
    return twin


class Source:
    """One run of a source: iterate it inside `with`, and keep its last record.

    An exception leaves with a note that names the source and that record. Nothing of Kensa stands between the
    loop and the source's own iterator.

    Attributes:
        last: What it gave last, as whoever iterates it says.
    """

    def __init__(self, run: NodeRun, spec: Spec, camera: str, session: str, clock: Clock) -> None:
        self._run, self._spec, self._camera, self._session = run, spec, camera, session
        self._seat = {"camera": camera, "session": session, "clock": clock}
        self._records: Iterator[Record] = iter(())
        self.last: Record | None = None

    def __enter__(self) -> Self:
        return self

    def __iter__(self) -> Iterator[Record]:
        call = Calls(self._run, self._spec)[self._camera]
        self._records = iter(call(*(self._seat[name] for name in self._spec.seat)))
        return self._records

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(self._records, Generator):
            self._records.close()
        if isinstance(error, Exception):
            last = "before its first record" if self.last is None else f"after seq {self.last.seq}"
            place = f"in node '{self._run.node}', camera '{self._camera}', session '{self._session}'"
            error.add_note(f"{place}, {last}")


def begin(run: NodeRun, spec: Spec, camera: str, session: str, clock: Clock) -> Generator[Record]:
    """One run of a source as a generator.

    Raises:
        Exception: Whatever the source raises, with a note that names it and the last record it gave.
    """
    with Source(run, spec, camera, session, clock) as source:
        for record in source:
            source.last = record
            yield record


class Map:
    """A node that is called once per record.

    Attributes:
        calls: The node itself, camera by camera: a cell may call it past `push`.
    """

    restarts = 0

    def __init__(self, node: str, calls: Calls, gives: frozenset[type[Record]]) -> None:
        self._node, self._gives = node, gives
        self.calls = calls
        self.culprits: Sequence[Record] = ()

    def open(self, key: str, outs: list[Record]) -> None:
        """Nothing needs to begin."""

    def push(self, record: Record, outs: list[Record]) -> None:
        """Call the node on a record."""
        try:
            given = self.calls[record.camera](record)
            if type(given) in self._gives or isinstance(given, Record):
                outs.append(given)
            elif given is not None:
                outs.extend(given)
        except Exception as error:
            self.blame(record, error)
            raise

    def blame(self, record: Record, error: Exception) -> None:
        """The node has raised on a record: the error says where that was."""
        self.culprits = (record,)
        error.add_note(place(self._node, self.culprits))

    def runs(self) -> tuple[str, ...]:
        """No run has ever begun: there is nothing to flush."""
        return ()

    def end(self, key: str, outs: list[Record]) -> None:
        """Nothing needs to end."""


def several(given: Any) -> list[Record]:
    """What a map gave, where that is no record of a kind it has declared."""
    return [given] if isinstance(given, Record) else [*given]


def taken_by_nobody(record: Record, _: list[Record]) -> None:
    """What a source does with a record that is handed to it.

    Raises:
        NodeError: Always.
    """
    raise NodeError(f"a source takes no records, found {type(record).__name__}")


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
        self._node, self.calls, self._per = node, calls, per
        self._runs: dict[str, Run] = {}
        self._broken: set[str] = set()

    def open(self, key: str, outs: list[Record]) -> None:
        """Begin the one run of all cameras."""
        if self._per:
            return
        try:
            self._begin(key, outs)
        except Exception as error:
            self.blame(key, (), error)
            raise

    def push(self, record: Record, outs: list[Record]) -> None:
        """Hand a record to its run."""
        key = record.camera if self._per else ""
        try:
            run = self._runs.get(key) or self._begin(key, outs)
            run.outs = outs
            run.resume(record)
        except Exception as error:
            self.blame(key, (record,), error)
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
            self.blame(key, (), error)
            raise

    def run(self, key: str, outs: list[Record]) -> Run:
        """The run of this key, begun if it has not; what it gives from now on goes to `outs`."""
        run = self._runs.get(key) or self._begin(key, outs)
        run.outs = outs
        return run

    def _begin(self, key: str, outs: list[Record]) -> Run:
        if key in self._broken:
            self._broken.discard(key)
            self.restarts += 1
        run = self._runs[key] = Run(self.calls[key], outs)
        return run

    def blame(self, key: str, culprits: Sequence[Record], error: Exception) -> None:
        """A run has raised: it is gone, and the error says where it was."""
        self._runs.pop(key, None)
        self._broken.add(key)
        self.culprits = culprits
        error.add_note(place(self._node, culprits, key))


def place(node: str, culprits: Sequence[Record], key: str = "") -> str:
    """Which node, camera and seq an exception was about, in words."""
    if not culprits:
        return f"in node '{node}'" + (f", camera '{key}'" if key else "") + ", between records"
    first, last = culprits[0], culprits[-1]
    place = f"in node '{node}', camera '{first.camera}', session '{first.session}', seq {first.seq}"
    if len(culprits) == 1:
        return place
    return f"{place}, the first of a batch of {len(culprits)} up to camera '{last.camera}', seq {last.seq}"
