"""One node of a lane: its step, its counters, what happens when it raises, and where its records go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.clock import RealClock
from pipeline.node import Spec
from pipeline.records import Gap, Record
from pipeline.runtime import gaps
from pipeline.runtime.backoff import Backoff
from pipeline.runtime.batches import Batches, Pending
from pipeline.runtime.followed import Followed
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.histogram import Durations
from pipeline.runtime.step import Call, Map, Step, several, taken_by_nobody
from pipeline.runtime.turn import Turn
from pipeline.runtime.veil import undeclared
from pipeline.transport.came import MARKED
from pipeline.transport.channel import Outbox

Target = Callable[[Record], Any]
Tap = Callable[[str, Record], Any]
Failure = Callable[[str, Record | None, Exception], Any]

# What is older than this was recorded long ago: its age says nothing about the line.
RECORDED_NS = 3_600_000_000_000

_clock = time.monotonic_ns


class Cell:
    """A node at work in a lane; its thread alone counts, and anybody may read the numbers.

    Attributes:
        node: Name in the topology.
        spec: What it takes and gives.
        step: What runs it; None for a source, which the lane iterates.
        after: Cells of the same lane that it feeds, in plan order.
        exits: Outboxes of the edges it feeds, each with the kinds that travel on it.
        busy_since: When it was given what it works on, ns of `time.monotonic_ns`; 0 when idle.
        clock: What a source waits for.
        latency: How long it worked on each record, and on beginning and ending each run.
        age: For a sink, how old records were when it was done with them.
        targets: Who is handed a record of a kind, as far as asked for; see `reach`.
    """

    # One stretch of memory: a lane wakes with cold caches.
    __slots__ = (
        "_age", "_calls", "_failure", "_followed", "_free", "_hindered", "_kind", "_note", "_open", "_patient", "_push",
        "_route", "_rows", "_sink", "_tap", "_turn", "after", "age", "busy_since", "clock", "exits", "failed", "given",
        "latency", "node", "restarts", "spec", "step", "taken", "targets",
    )  # fmt: skip

    def __init__(self, node: str, spec: Spec, step: Step | None, turn: Turn, failure: Failure) -> None:
        self.node, self.spec, self.step = node, spec, step
        self.clock: RealClock | None = None
        self.after: list[Cell] = []
        self.exits: list[tuple[frozenset[str], Outbox]] = []
        self.taken = self.given = self.failed = self.restarts = self.busy_since = 0
        self.latency, self.age = Durations(), Durations(RECORDED_NS)
        self._turn, self._failure = turn, failure
        self._sink, self._open = spec.kind == "sink", spec.gives | {Gap}
        self._kind: type[Any] = next(iter(sorted(spec.gives - {Gap}, key=_name)), Gap)
        self._note, self._age = self.latency.note, self.age.note
        self._patient = isinstance(step, Batches)
        self._push: Callable[[Record, list[Record]], None] = step.push if step else taken_by_nobody
        self._calls: Mapping[str, Call] | None = step.calls if isinstance(step, Map) else None
        self._free = 0 if step is None else 1
        self._tap: Tap | None = None
        self.targets: dict[type, tuple[Target, ...]] = {}
        self._route: tuple[Target, ...] = ()
        self._followed = Followed(follows=not self._sink and spec.shape != "map" and not spec.gives.isdisjoint(MARKED))
        self._rows: dict[str, Backoff] = {}
        self._hindered = False

    def open(self) -> None:
        """Begin what needs no record to begin."""
        if self.step is not None:
            self._work(self.step.open, "")

    def take(self, record: Record) -> None:
        """Work on a record, and hand on what comes of it, each piece as deep as it goes.

        A lane wakes with cold caches, where each kind of call costs a microsecond: where all is well and a map gives
        one record, this calls nothing but the node, the clock and whoever takes what it gave.
        """
        if self._rows and self._rests(record):
            return
        turn, calls, failure = self._turn, self._calls, None
        given: Any = []
        turn.node, turn.record, self.taken = self.node, record, self.taken + 1
        since = self.busy_since = _clock()
        try:
            if calls is None:
                self._push(record, given)
            elif type(given := calls[record.camera](record)) is not self._kind and given is not None:
                given = several(given)
        except Exception as error:  # noqa: BLE001 - a node may raise anything, and the line goes on
            failure = error
        self._note((now := _clock()) - since)
        self.busy_since = 0
        if type(given) is self._kind:
            self.given += 1
            for target in self._route or self.reach(self._kind):
                target(given)
        elif given:
            self._spread(record, given)
        if failure is not None or self._rows or self._patient:
            self._judge(record, failure, now)
        elif self._sink:
            self._age(now - turn.origin_ns)

    def _spread(self, record: Record, given: Sequence[Record]) -> None:
        for out in self._followed.told(record, given):
            self.give(out)

    def close_batch(self, key: str) -> None:
        """Hand over the open batch of one run; where only the world was in the way, this one success ends the row."""
        assert isinstance(self.step, Batches)
        if self._work(self.step.flush, key) and self._hindered:
            self._rows.pop("", None)
            self._hindered = False
        self._settle(_clock())

    def close(self) -> None:
        """End all its runs, in the order in which they began, and hand on what they still give."""
        if self.step is None:
            return
        for key in self.step.runs():
            self._work(self.step.end, key)
        if isinstance(self.step, Batches):
            self._settle(_clock())

    def give(self, record: Record) -> None:
        """Hand a record to everything in this lane that takes its kind, then to the edges that carry it."""
        self.given += 1
        kind = type(record)
        for target in self.targets.get(kind) or self.reach(kind):
            target(record)

    def failing(self, record: Record | None, error: Exception) -> Backoff:
        """Report an exception; returns how long its run has to rest."""
        self._failure(self.node, record, error)
        key = self._key(record) if record is not None else ""
        row = self._rows[key] = self._rows.get(key, Backoff(free=self._free)).failed(self._turn.now())
        return row

    def connect(self, exits: list[tuple[frozenset[str], Outbox]]) -> None:
        """Feed these edges from the next record on, and no others; any thread may ask."""
        if exits != self.exits:
            self.exits = exits
            self._forget()

    def tap(self, tap: Tap | None) -> None:
        """Show every record it gives to `tap`, or no longer; any thread may ask."""
        self._tap = tap
        self._forget()

    def _forget(self) -> None:
        """Who is handed what is found out anew."""
        self.targets, self._route = {}, ()

    def reach(self, kind: type) -> tuple[Target, ...]:
        """Who is handed a record of this kind: each once; a gap goes past a node that does not take it."""
        known = self.targets
        if kind not in known:
            tap = self._tap
            reached = dict.fromkeys(self._reach(kind))
            known[kind] = (lambda r: tap(self.node, r), *reached) if tap and kind in self._open else tuple(reached)
        if kind is self._kind and known is self.targets:
            self._route = known[kind]
        return known[kind]

    def entrance(self, kind: type) -> tuple[Target, ...]:
        """Who is handed a record of this kind that comes to this node from outside its lane."""
        if kind in self.spec.takes:
            return (self.take,)
        return tuple(dict.fromkeys(self._reach(Gap))) if kind is Gap else ()

    @property
    def busy_ns(self) -> int:
        """How long it has been working on what it was given; 0 when idle."""
        since = self.busy_since or (self.clock.woken_ns if self.clock else 0)
        return _clock() - since if since else 0

    def health(self, lane: str, unsettled: int) -> NodeHealth:
        """What it tells the supervisor; `unsettled` deliveries wait until whoever is at work comes back."""
        busy = self.busy_ns
        return NodeHealth(
            node=self.node,
            lane=lane,
            taken=self.taken,
            given=self.given,
            failed=self.failed,
            restarts=self.restarts + (self.step.restarts if self.step else 0),
            busy_ns=busy,
            waiting=unsettled if busy else sum(len(batch.waiting) for batch in self._open_batches()),
            degraded=any(row.degraded and not row.over(self._turn.now()) for row in [*self._rows.values()]),
            latency=self.latency.read(),
            age=self.age.read(),
        )

    def _work(self, act: Callable[[Any, list[Record]], None], what: Any) -> bool:
        outs: list[Record] = []
        failure: Exception | None = None
        since = self.busy_since = _clock()
        try:
            act(what, outs)
        except Exception as error:  # noqa: BLE001 - a node may raise anything, and the line goes on
            failure = error
        self.latency.note(_clock() - since)
        self.busy_since = 0
        for out in outs:
            self.give(out)
        if failure is not None:
            self._fail(failure)
        return failure is None

    def _judge(self, record: Record, failure: Exception | None, now: int) -> None:
        """One failure more, or the good record that ends a row of them; and how old a sink's records have become."""
        if failure is not None:
            if isinstance(self.step, Map):
                self.step.blame(record, failure)
            self._fail(failure)
        elif self._rows and self.spec.shape == "map":
            self._rows.pop(record.camera, None)
        if self._patient:
            self._settle(now)
        elif self._sink:
            self._age(now - self._turn.origin_ns)

    def _fail(self, error: Exception) -> None:
        assert self.step is not None
        culprits, self.step.culprits = self.step.culprits, ()
        row = self.failing(culprits[0] if culprits else None, error)
        turns: Iterable[int] = (self._turn.number,)
        if isinstance(self.step, Batches):
            self.step.rest(row.retry_ns)
            self._hindered = isinstance(error, OSError)
            turns, self.step.lost = self.step.lost, []
        self._lose(culprits, turns)

    def _lose(self, lost: Sequence[Record], turns: Iterable[int]) -> None:
        """What nobody could work on goes on as gaps; what a sink could not keep, its producer is told."""
        self.failed += len(lost)
        if self._sink and lost and self._turn.lost is not None:
            self._turn.lost.update(turns)
        for record in lost:
            gap = gaps.failed(record, self.node, self._followed.forgotten(record))
            for target in self.targets.get(Gap) or self.reach(Gap):
                target(gap)

    def _refuse(self, _: Record) -> None:
        self.failed += 1

    def _key(self, record: Record) -> str:
        """Which run a record belongs to: a failure rests that run alone."""
        return record.camera if self.spec.per or self.spec.shape == "map" else ""

    def _rests(self, record: Record) -> bool:
        """Whether the run that a record belongs to still rests; then the record is lost."""
        key = self._key(record)
        row, now = self._rows.get(key), self._turn.now()
        if row is not None and row.over(now):
            del self._rows[key]
        if self._patient or row is None or row.ready(now):
            return False
        self._lose((record,), (self._turn.number,))
        return True

    def _open_batches(self) -> Iterable[Pending]:
        return [*self.step.pending.values()] if isinstance(self.step, Batches) else ()

    def _settle(self, now: int) -> None:
        """Note how old the batches it is done with at `now`, ns, have become."""
        assert isinstance(self.step, Batches)
        origins, self.step.settled_ns = self.step.settled_ns, []
        for origin in origins:
            self.age.note(now - origin)

    def _reach(self, kind: type) -> Iterator[Target]:
        if kind not in self._open:
            self.failing(None, undeclared(self.node, kind, self.spec.gives))
            yield self._refuse
            return
        for cell in self.after:
            if kind in cell.spec.takes:
                yield cell.take
            elif kind is Gap:
                yield from cell._reach(kind)  # noqa: SLF001 - the same class
        yield from (outbox.send for kinds, outbox in self.exits if kind.__name__.lower() in kinds)


def _name(kind: type) -> str:
    return kind.__name__
