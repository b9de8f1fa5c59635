"""Nodes that behave badly on purpose, for tests with real processes: `use: tests.actors:<name>`."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from pipeline.clock import Clock
from pipeline.node import Batch, node
from pipeline.notices import board
from pipeline.records import Frame, Gap, Verdict


def _frame(camera: str, session: str, seq: int, t_ns: int) -> Frame:
    return Frame(camera=camera, session=session, seq=seq, t_ns=t_ns, size=(1, 1))


@node(live=True)
def ticking(camera: str, session: str, clock: Clock, *, rate: float = 100.0, count: int = 0) -> Iterator[Frame]:
    """Give empty frames at a rate, for ever or a number of them."""
    start = clock.now_ns()
    for seq in range(count) if count else itertools.count():
        if not clock.wait_until(start + int(seq * 1e9 / rate)):
            return
        yield _frame(camera, session, seq, clock.now_ns())


@node()
def burst(camera: str, session: str, clock: Clock, *, count: int = 1000) -> Iterator[Frame]:
    """Give frames as fast as they are taken."""
    for seq in range(count):
        yield _frame(camera, session, seq, clock.now_ns())


@node()
def through(frame: Frame | Gap) -> Frame | Gap:
    """Give what it takes."""
    return frame


@node()
def throwing(frame: Frame, *, bad: int = 5) -> Frame:
    """Raise on one number."""
    if frame.seq == bad:
        raise ValueError(f"cannot bear {frame.seq}")
    return frame


@node()
def crashing(frame: Frame, *, bad: int = 20, once: str = "") -> Frame:
    """Kill its process on one number; once only, where a file is named that remembers it."""
    if frame.seq == bad and not (once and Path(once).exists()):
        if once:
            Path(once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return frame


@node()
def aborting(frame: Frame, *, bad: int = 20, camera: str = "cam-2") -> Frame:
    """Abort its process on one number of one camera, in every session."""
    if (frame.camera, frame.seq) == (camera, bad):
        os.abort()
    return frame


@node()
def hanging(frame: Frame, *, bad: int = 5, once: str = "") -> Frame:
    """Never come back from one number, the first time."""
    if frame.seq == bad and not Path(once).exists():
        Path(once).touch()
        threading.Event().wait()
    return frame


@node()
def noting(frames: Iterator[Frame | Gap], *, path: str = "", pause: float = 0.0) -> None:
    """Write each record's camera, session and number to a file at once; slowly, if asked to."""
    with Path(path).open("a", encoding="utf-8") as out:
        for record in frames:
            if pause:
                threading.Event().wait(pause)
            kind = "gap" if isinstance(record, Gap) else "frame"
            out.write(f"{kind} {record.camera} {record.session} {record.seq}\n")
            out.flush()


@node()
def spanning(frames: Iterator[Frame | Gap], *, path: str = "", pause: float = 0.0) -> None:
    """As `noting`, with the first and the last number of each record."""
    with Path(path).open("a", encoding="utf-8") as out:
        for record in frames:
            threading.Event().wait(pause)
            kind, last = ("gap", record.last) if isinstance(record, Gap) else ("frame", record.seq)
            out.write(f"{kind} {record.camera} {record.session} {record.seq} {last}\n")
            out.flush()


@node(batch=Batch(records=100_000, seconds=60.0))
def batching(batches: Iterator[list[Frame]], *, path: str = "") -> None:
    """Write the numbers of each batch to a file; in its own time it hands over once a minute."""
    with Path(path).open("a", encoding="utf-8") as out:
        for batch in batches:
            out.write("".join(f"frame {one.camera} {one.session} {one.seq}\n" for one in batch))
            out.flush()


@node()
def dating(frames: Iterator[Frame | Gap], *, path: str = "") -> None:
    """Write each record's kind, number and time to a file at once."""
    with Path(path).open("a", encoding="utf-8") as out:
        for record in frames:
            kind = "gap" if isinstance(record, Gap) else "frame"
            out.write(f"{kind} {record.seq} {record.t_ns}\n")
            out.flush()


@node()
def all_cameras(frames: Iterator[Frame | Gap]) -> Iterator[Frame | Gap]:
    """Give what it takes, from one state for all cameras."""
    yield from frames


@node()
def booked(frame: Frame | Gap, *, book: str = "") -> Frame | Gap:
    """Give what it takes, if its book can be read."""
    Path(book).read_text(encoding="utf-8")
    return frame


@node()
def versions(verdicts: Iterator[Verdict], *, path: str) -> None:
    """Note what was judged by which version of a book."""
    with Path(path).open("a", encoding="utf-8", buffering=1) as file:
        file.writelines(
            f"{one.camera} {one.version} {one.session} {one.subject} {one.part} {one.first_seq} {one.seq}\n"
            for one in verdicts
        )


@node()
def drifting(frames: Iterator[Frame | Gap]) -> None:
    """Say of every camera that its network drifts, as the sink `drift` does."""
    for frame in frames:
        board.raise_(f"drift {frame.camera} hole area", f"{frame.camera}: hole area is unlike the card's", frame.camera)


@node()
def failing(frame: Frame | Gap) -> Verdict | Gap:
    """Find every frame bad."""
    if isinstance(frame, Gap):
        return frame
    where = {"camera": frame.camera, "session": frame.session, "seq": frame.seq, "t_ns": frame.t_ns}
    return Verdict(outcome="FAIL", subject="frame", first_seq=frame.seq, **where)  # type: ignore[arg-type]
