from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.clock import Clock, RealClock
from pipeline.node import Spec, node
from pipeline.plan import Lane as Layout
from pipeline.records import Frame, Gap, Record
from pipeline.runtime.feed import feed, new_session
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.sessions import Mark
from pipeline.runtime.trail import Left
from pipeline.runtime.turn import Turn
from tests.toys import Outlet, edge, frame, run

MEETING = threading.Barrier(2)
CLOSED: list[int] = []
LIVES: list[str] = []


class RestlessClock(RealClock):
    """A clock on which every rest is over at once, and that remembers how long each was to be."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[float] = []

    def wait_until(self, t_ns: int) -> bool:
        """Go on at once."""
        self.rests.append(round((t_ns - self.now_ns()) / 1e9, 1))
        return not self.stopping


@node(live=True)
def flaky(camera: str, session: str) -> Iterator[Frame]:
    """Break after two frames for as long as there are lives."""
    yield frame(0, camera, session)
    yield frame(1, camera, session)
    if LIVES:
        raise OSError(LIVES.pop())


@node(live=True)
def patient(camera: str, session: str, clock: Clock) -> Iterator[Frame]:
    """Wait for ever after the first frame, until the line stops."""
    yield frame(0, camera, session)
    MEETING.wait()
    clock.wait_until(2**62)


@node(live=True)
def deaf(camera: str, session: str) -> Iterator[Frame]:
    """Ignore the clock."""
    seq = 0
    try:
        while True:
            yield frame(seq, camera, session)
            seq += 1
    finally:
        CLOSED.append(seq)


FUNCTIONS: tuple[Any, ...] = (flaky, patient, deaf)
NODES: dict[str, Spec] = {function.__name__: function.spec for function in FUNCTIONS}


class Fed:
    """A source in a lane, and what it gives."""

    def __init__(self, name: str, clock: RealClock, mark: Path | None = None) -> None:
        self._mark = mark
        self.out, self.failures, self._clock = Outlet(), list[tuple[str, BaseException]](), clock
        self.source = run(name)
        self.lane = Lane(
            Layout(name="cam-1", cameras=("cam-1",), runs=(self.source,)),
            NODES,
            entries=(),
            exits=[Exit(edge(f"{name}@cam-1", "x", "frame", "gap"), self.out)],
            turn=Turn(lambda: 0),
            failure=self._failed,
        )

    def _failed(self, name: str, _: Record | None, error: Exception) -> None:
        self.failures.append((name, error))

    def run(self) -> None:
        """Until the source has ended."""
        with Mark(self._mark) as mark:
            feed(self.lane, self.source, "cam-1", self._clock, 1, mark=mark)


def test_a_source_that_raises_begins_a_new_session() -> None:
    """The old session ends with a gap for what did not come; the new one counts from 0 and has another name."""
    clock = RestlessClock()
    LIVES[:] = ["two", "one"]
    fed = Fed("flaky", clock)
    fed.run()
    kinds = [(type(record).__name__, record.seq) for record in fed.out.records]
    assert kinds == [*([("Frame", 0), ("Frame", 1), ("Gap", 2)] * 2), ("Frame", 0), ("Frame", 1)]
    assert len({record.session for record in fed.out.records}) == 3
    gap = fed.out.records[2]
    assert isinstance(gap, Gap)
    assert (gap.session, gap.reason, gap.where) == (fed.out.records[0].session, "restart", "flaky")
    assert clock.rests == [0.2, 0.4]
    health = fed.lane.health()[0]
    assert (health.given, health.failed, health.restarts) == (8, 2, 2)
    assert fed.failures[0][1].__notes__[0].endswith(", after seq 1")
    assert fed.out.closed


def test_stopping_wakes_a_source_at_once() -> None:
    """A source that waits for the clock ends when the line stops, and its lane is drained."""
    clock = RealClock()
    fed = Fed("patient", clock)
    thread = threading.Thread(target=fed.run)
    thread.start()
    MEETING.wait()
    assert fed.lane.health()[0].busy_ns < 10_000_000_000
    clock.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert fed.out.closed


def test_a_source_that_ignores_the_clock_is_closed_after_its_next_record() -> None:
    """What it gave before is delivered; then it is closed, and its `finally` runs."""
    clock = RealClock()
    fed = Fed("deaf", clock)
    CLOSED.clear()
    fed.lane.tap("deaf", lambda _, record: clock.stop() if record.seq == 3 else None)
    fed.run()
    assert [record.seq for record in fed.out.records] == [0, 1, 2, 3]
    assert CLOSED == [3]


def test_whoever_is_killed_with_a_first_frame_in_hand_leaves_its_session(tmp_path: Path) -> None:
    """While a record is handed on its session is on the page already, and that record is not yet counted."""
    fed, seen = Fed("flaky", RestlessClock(), tmp_path / "mark"), list[tuple[int, Left | None]]()

    def look(_: str, record: Record) -> None:
        with Mark(tmp_path / "mark") as other:
            seen.append((record.seq, other.left))

    fed.lane.tap("flaky", look)
    fed.run()
    session = fed.out.records[0].session
    assert [(seq, left and (left.session, left.frames)) for seq, left in seen] == [(0, (session, 0)), (1, (session, 1))]


def test_a_session_that_a_killed_process_left_open_is_ended_first(tmp_path: Path) -> None:
    """Its gap comes before the first frame of the new session, and is told once only."""
    with Mark(tmp_path / "mark") as before:
        before.note(frame(6, "cam-1", "old"))
    first, second = (Fed("flaky", RestlessClock(), tmp_path / "mark") for _ in range(2))
    first.run()
    second.run()
    gap = first.out.records[0]
    assert isinstance(gap, Gap)
    assert (gap.session, gap.seq, gap.last, gap.reason, gap.where) == ("old", 7, 7, "restart", "flaky")
    assert [type(record) for record in [*first.out.records[1:], *second.out.records]] == [Frame] * 4


def test_sessions_are_unique_and_in_order_of_time() -> None:
    """No two runs of a source share a name."""
    names = [new_session() for _ in range(100)]
    assert len(set(names)) == 100
    assert all(name[:4].isdigit() and name[8] == "T" for name in names)
