"""The five stages of the chain benchmarks as nodes: a source, three that touch one field, and a sink that keeps times.

Each pair of times is (arrival, age), ns: what the peers in `benchmarks.peers` write too.
"""

from __future__ import annotations

import atexit
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import count

from msgspec.structs import replace

from benchmarks.peers.work import PAYLOAD, SIDE, Arrivals, phase, save
from pipeline.clock import Clock
from pipeline.masks import Mask
from pipeline.node import node
from pipeline.records import Frame, Layer, Scores
from pipeline.units import Rate

# Made once, as the peers make their 9 KB once: what is measured is the carrying.
SCORES = Scores(size=(SIDE, SIDE), data=PAYLOAD, scale=0.1)
LAYERS = (Layer(label="part", mask=Mask.empty((SIDE, SIDE)), score=0.9, scores=SCORES),)

SEEN = defaultdict[tuple[str, str], Arrivals](list)


@node(live=True)
def paced(camera: str, session: str, clock: Clock, *, rate: Rate = 30.0) -> Iterator[Frame]:
    """A camera of 30 frames/s; cameras are out of step.

    Args:
        rate: Frames per second.
    """
    begin = clock.now_ns() + int(phase(camera) * 1e9 / rate)
    for seq in count():
        if not clock.wait_until(begin + int(seq * 1e9 / rate)):
            return
        yield _frame(camera, session, seq)


@node()
def flood(camera: str, session: str, clock: Clock) -> Iterator[Frame]:
    """As many frames as the line takes."""
    for seq in count():
        if not clock.wait_until(0):
            return
        yield _frame(camera, session, seq)


@node()
def touch(frame: Frame, *, word: str) -> Frame:
    """Change one field and pass the rest on.

    Args:
        word: What to write.
    """
    return replace(frame, prompt=word)


@node(per="camera")
def arrivals(frame: Frame, *, folder: str) -> None:
    """Write down when each frame arrived and how old it was then: a function per record, as the peers' stages are.

    Args:
        folder: Where a file per camera goes, at the end.
    """
    now = time.time_ns()
    SEEN[folder, frame.camera].append((now, now - frame.t_ns, frame.seq))


@node(per="camera")
def kept(frames: Iterator[Frame], *, folder: str) -> None:
    """The same as a node that reads an iterator and keeps its own state.

    Args:
        folder: Where a file per camera goes, at the end.
    """
    for frame in frames:
        now = time.time_ns()
        SEEN[folder, frame.camera].append((now, now - frame.t_ns, frame.seq))


@atexit.register
def _keep() -> None:
    for (folder, camera), seen in SEEN.items():
        save(folder, camera, seen)


def _frame(camera: str, session: str, seq: int) -> Frame:
    t_ns = time.time_ns()
    return Frame(camera=camera, session=session, seq=seq, t_ns=t_ns, size=(SIDE, SIDE), layers=LAYERS, model="8c1f")
