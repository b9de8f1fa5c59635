"""What the fault suite puts into a line: cameras that keep a journal of what they give, a sink that keeps what it saw.

A line of a camera's journal is written before the frame is handed over, with one call of the system, so that it
survives the process: whatever the line was given is in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from nodes.sources.belt import Belt
from nodes.sources.synthetic import Pulse, offers, show
from pipeline.clock import Clock
from pipeline.node import node
from pipeline.records import Frame, Gap, Regions, Tracks
from pipeline.units import Frames, Rate, Ratio


@node(live=True, offers=offers)
def belt(
    camera: str,
    session: str,
    clock: Clock,
    *,
    journal: str,
    rate: Rate = 30.0,
    defects: Ratio = 0.5,
    pulse: Pulse = 1.0,
    wrong: Frames = 0,
    ahead: Frames = 0,
) -> Iterator[Frame | Gap]:
    """Show the belt of `synthetic`, every frame journalled before it is given.

    Args:
        journal: Folder of the journals: a file per camera, a line `session seq` per frame.
        rate: Frames per second.
        defects: Share of parts that have a defect.
        pulse: How far the belt moves in one count of its encoder, px.
        wrong: Raise once, at this frame; 0 is never.
        ahead: The first frame's number is so high.
    """
    shown = show(Belt(camera=camera, rate=rate, defects=defects, speed=8.0, pulse=pulse), session, clock)
    handle = os.open(Path(journal, camera), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        for record in shown:
            moved = _moved(record, ahead)
            if isinstance(moved, Frame):
                os.write(handle, f"{session} {moved.seq}\n".encode())
            yield moved
            if wrong and record.seq >= wrong and _first(journal, camera):
                raise RuntimeError(f"camera '{camera}' does not answer")
    finally:
        os.close(handle)


@node()
def stumble(frame: Frame, *, every: Frames = 50) -> Frame:
    """Give what it takes, and raise on one frame of so many."""
    if frame.seq % every == every - 1:
        raise ValueError(f"cannot bear frame {frame.seq}")
    return frame


@node(per="camera")
def falter(frames: Iterator[Regions | Gap], *, every: Frames = 50) -> Iterator[Regions | Gap]:
    """Give what it takes as a stream, which ends badly on one frame of so many."""
    for record in frames:
        if isinstance(record, Regions) and record.seq % every == every - 1:
            raise ValueError(f"cannot bear frame {record.seq}")
        yield record


@node()
def grumble(frames: Iterator[Tracks | Gap], *, every: Frames = 50) -> None:
    """Take everything, and raise on one frame of so many."""
    for record in frames:
        if isinstance(record, Tracks) and record.seq % every == every - 1:
            raise ValueError(f"cannot bear frame {record.seq}")


@node()
def storm(frames: Iterator[Frame | Gap]) -> None:
    """Take the process along at the first frame."""
    for _ in frames:
        os._exit(9)


@node()
def hoard(frames: Iterator[Frame | Gap], *, mib: Frames = 2) -> None:
    """Keep everything, and so many MiB of memory with each frame."""
    kept = [os.urandom(1 << 10) * (mib << 10) for _ in frames]
    kept.clear()


@node()
def witness(frames: Iterator[Tracks | Gap], *, path: str) -> None:
    """Write down `camera session seq t_ns` of every frame as it arrives."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        for record in frames:
            if isinstance(record, Tracks):
                os.write(handle, f"{record.camera} {record.session} {record.seq} {record.t_ns}\n".encode())
    finally:
        os.close(handle)


@node()
def counted(camera: str, session: str, clock: Clock, *, count: Frames, rate: float = 0.0) -> Iterator[Frame]:
    """So many empty frames, at a rate or as fast as they are taken."""
    begin = clock.now_ns()
    for seq in range(count):
        if rate and not clock.wait_until(begin + int(seq * 1e9 / rate)):
            return
        yield Frame(camera=camera, session=session, seq=seq, t_ns=clock.now_ns(), size=(1, 1))


@node()
def once(frame: Frame, *, dies: Frames, path: str) -> Frame:
    """Give what it takes; its process exits at one frame, the first time."""
    if frame.seq == dies and not Path(path).exists():
        Path(path).touch()
        os._exit(1)
    return frame


@node()
def tally(frames: Iterator[Frame], *, path: str, pause: float = 0.0) -> None:
    """Write down the number of each frame as it arrives.

    Args:
        path: Where to.
        pause: How long it takes for a frame, s.
    """
    with Path(path).open("a", encoding="utf-8") as seen:
        for frame in frames:
            time.sleep(pause)
            seen.write(f"{frame.seq}\n")
            seen.flush()


def _moved(record: Frame | Gap, ahead: int) -> Frame | Gap:
    if not ahead:
        return record
    if isinstance(record, Gap):
        return replace(record, seq=record.seq + ahead, last=record.last + ahead)
    return replace(record, seq=record.seq + ahead)


def _first(journal: str, camera: str) -> bool:
    """Whether this is the first time that this is asked."""
    try:
        Path(journal, f".{camera}.raised").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
