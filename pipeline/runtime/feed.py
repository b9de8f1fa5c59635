"""The loop of a source's lane: iterate the source, begin it anew after it raised, stop it when asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.clock import RealClock
from pipeline.plan import NodeRun
from pipeline.records import Gap, Record
from pipeline.runtime import gaps
from pipeline.runtime.lane import Lane
from pipeline.runtime.sessions import Mark
from pipeline.runtime.step import Source


def new_session() -> str:
    """A name that no other run of a source has: when it began, UTC, and 32 random bits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z-{os.urandom(4).hex()}"


def feed(lane: Lane, run: NodeRun, camera: str, clock: RealClock, timeout: float, *, mark: Mark) -> None:
    """Work until a source has ended or the clock is stopped, then drain its lane.

    A source that raises is begun anew in a new session, after a rest; the gap that is told
    instead of what it did not give ends the old session. So does the one that is told first of
    all where the process before this one was killed.
    """
    feeder = Feeder(lane, run, camera, clock, mark=mark)
    lane.open()
    feeder.mend()
    while not clock.stopping and feeder.work():
        pass
    feeder.part()
    lane.close()
    ledgers = lane.leave(timeout)
    if lane.released or not any(ledger.dropped.get("shutdown") for ledger in ledgers.values()):
        mark.told()


class Feeder:
    """Runs one source of a lane, over and over for as long as it raises.

    Args:
        lane: The lane that begins with it.
        run: The source as the plan names it.
        camera: The camera it sits at.
        clock: What it waits for; while it does, the source is idle and not stuck.
        mark: How far its session came.
        session: Names each of its runs.
    """

    def __init__(
        self,
        lane: Lane,
        run: NodeRun,
        camera: str,
        clock: RealClock,
        *,
        mark: Mark,
        session: Callable[[], str] = new_session,
    ) -> None:
        self._lane, self._run, self._camera, self._mark, self._session = lane, run, camera, mark, session
        self._cell = lane.cells[run.node]
        self._clock = self._cell.clock = clock
        self._given: Record | None = None

    def mend(self) -> None:
        """End the session of a process that could not end it itself."""
        for left in self._mark.broken:
            self._cell.give(left.gap(self._camera, self._cell.node))
        self._mark.told()

    def work(self) -> bool:
        """One run of the source; True when it raised and has rested, so that it should be begun anew."""
        source = Source(self._run, self._cell.spec, self._camera, self._session(), self._clock)
        try:
            with source:
                self._iterate(source)
        except Exception as error:  # noqa: BLE001 - a source may raise anything, and the line goes on
            return self._rest(error, source.last)
        finally:
            self._clock.woken_ns = 0
        self._given = source.last if self._clock.stopping else None
        return False

    def part(self) -> None:
        """End the session with a gap where the lane is begun anew at once: exposures in between are nobody's."""
        if self._lane.again and self._given is not None:
            self._cell.give(gaps.broken(self._given, self._clock.now_ns(), self._cell.node))

    def _iterate(self, source: Source) -> None:
        """Hand on what it gives until it ends or the line stops; it is at work from when it last waited."""
        cell, lane, clock, tick = self._cell, self._lane, self._clock, time.monotonic_ns
        turn, batches, mark, came, session = lane.turn, lane.batches, self._mark, self._mark.came, None
        note = cell.latency.note
        clock.woken_ns = tick()
        for record in source:
            turn.origin_ns = now = tick()
            note(now - clock.woken_ns)
            clock.woken_ns = 0
            turn.number += 1
            source.last = record
            cell.given += 1
            if record.session is not session:
                session = mark.begin(record)
            kind = type(record)
            for target in cell.targets.get(kind) or cell.reach(kind):
                target(record)
            if kind is Gap:
                mark.note(record)
            else:
                came[0], came[1] = record.seq + 1, record.t_ns
            if batches:
                lane.poll()
            if clock.stopping:
                return
            clock.woken_ns = tick()

    def _rest(self, error: Exception, last: Record | None) -> bool:
        cell = self._cell
        self._clock.woken_ns = 0
        row = cell.failing(last, error)
        cell.failed += 1
        cell.restarts += 1
        if last is not None:
            cell.give(gaps.broken(last, self._clock.now_ns(), cell.node))
            self._mark.told()
        return self._clock.wait_until(self._clock.now_ns() + row.rest_ns)
