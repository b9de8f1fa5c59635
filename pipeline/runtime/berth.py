"""A lane at work: its thread, what feeds it, and the ways in which it is brought to an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from pipeline.clock import RealClock
from pipeline.plan import Lane as Layout
from pipeline.runtime.feed import feed
from pipeline.runtime.lane import Lane, serve
from pipeline.runtime.sessions import marked
from pipeline.runtime.turn import here
from pipeline.transport.channel import Inbox

LOOK_S = 0.02  # between two looks at what another thread does
PASSING_S = 0.25  # after which a record that was on its way through a lane is through

Fault = Callable[[str, BaseException], None]
Over = Callable[["Berth"], None]


class Berth(threading.Thread):
    """Runs one lane until its source or all edges into it have ended, or it is told to end.

    Args:
        layout: What the plan says of it.
        lane: Its nodes.
        inbox: What feeds it; None for a source's lane.
        state: Folder of what must outlive the line.
        drain: Seconds that its edges may take to close at the end.
        fault: Told when the lane itself fails: its nodes may, but if this happens Kensa is at fault.
        over: Told last of all.

    Attributes:
        over: It has ended.
    """

    def __init__(
        self, layout: Layout, lane: Lane, inbox: Inbox | None, *, state: str, drain: float, fault: Fault, over: Over
    ) -> None:
        super().__init__(name=layout.name, daemon=True)
        self.layout, self.lane, self.inbox = layout, lane, inbox
        self.over = False
        self._clock = RealClock()
        self._state, self._drain, self._fault, self._tell = state, drain, fault, over

    @property
    def source(self) -> bool:
        """Whether a source feeds it."""
        return self.inbox is None

    def run(self) -> None:
        """The life of the lane."""
        here.turn = self.lane.turn
        try:
            self._live()
        except BaseException as error:  # noqa: BLE001 - also what a node has no right to raise
            self._fault(self.layout.name, error)
        finally:
            self.over = True
            self._tell(self)

    def stop(self) -> None:
        """End its source; any thread may ask."""
        self._clock.stop()

    def finish(self) -> None:
        """Take what has arrived, then end; any thread may ask."""
        self._clock.stop()
        if self.inbox is not None:
            self.inbox.finish()

    def finish_after(self, edges: Iterable[str], patience: float, stop: threading.Event) -> None:
        """End when these edges have ended, or nothing more can be waited for."""
        until = time.monotonic() + patience
        waiting = [*edges] if self.inbox is not None else []
        while self.inbox and not self.over and not all(map(self.inbox.over, waiting)) and time.monotonic() < until:
            if stop.is_set():
                return  # everybody ends now, in order
            stop.wait(LOOK_S)
        self.finish()

    def passed(self, stop: threading.Event) -> None:
        """Wait until no record is on its way through the lane that came before this call."""
        number, until = self.lane.turn.number, time.monotonic() + PASSING_S
        while self.lane.turn.number == number and time.monotonic() < until and not self.over:
            stop.wait(LOOK_S)

    def _live(self) -> None:
        if self.inbox is not None:
            serve(self.lane, self.inbox, self._drain)
            return
        run, camera = self.layout.runs[0], self.layout.cameras[0]
        with marked(self._state, run.node, camera) as mark:
            feed(self.lane, run, camera, self._clock, self._drain, mark=mark)
