"""A process of the plan, as the supervisor starts it: `python -m pipeline.runtime.process`.

It reads its `Launch` from standard input, runs each of its lanes in a thread, and ends when all of
them have. Exit status: 0 when everything was delivered, 1 when a lane failed for good, 3 when the
launch cannot be carried out.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

import msgspec

from pipeline.catalog import Catalog, Targets
from pipeline.clock import RealClock, line_time
from pipeline.errors import KensaError
from pipeline.plan import Lane as Layout
from pipeline.records import Record
from pipeline.runtime import logs
from pipeline.runtime.feed import feed
from pipeline.runtime.health import Command, Finish, Launch, Stop, decode_launch
from pipeline.runtime.lane import Exit, Lane, serve
from pipeline.runtime.pulse import Pulse
from pipeline.runtime.sessions import marked
from pipeline.runtime.turn import Turn, here
from pipeline.transport.channel import Inbox
from pipeline.transport.connect import Context, guarding, open_inbox, open_outbox

OK, FAILED, BAD_LAUNCH = 0, 1, 3


class Process:
    """The lanes of one process, and the threads that run them."""

    def __init__(self, launch: Launch, nodes: Catalog) -> None:
        self.launch = launch
        line_time.epoch_ns = launch.epoch_ns or line_time.epoch_ns
        self.log = logs.logger(launch.line, launch.process.name)
        self.clock = RealClock()
        self.stop = threading.Event()
        self.context = Context(self.stop, launch.drain, guarding(launch.keys, launch.insecure), launch.process.host)
        self.error = ""
        layouts = launch.process.lanes
        self.inboxes = {lane.name: inbox for lane in layouts if (inbox := self._inbox(lane)) is not None}
        self.lanes = {lane.name: self._lane(lane, nodes) for lane in layouts}
        self.pulse = Pulse(
            launch,
            [*self.lanes.values()],
            [*self.inboxes.values()],
            command=self.command,
            lifeline=sys.stdin.fileno(),
            context=self.context,
        )

    def run(self) -> int:
        """Run all lanes until the last has ended; returns the exit status."""
        threads = [
            threading.Thread(target=self._live, args=(lane,), name=lane.name, daemon=True)
            for lane in self.launch.process.lanes
        ]
        self.pulse.start()
        for thread in threads:
            thread.start()
        self.pulse.state = "running"
        for thread in threads:
            thread.join()
        self.pulse.end("failed" if self.error else "ended", self.error)
        self.context.close()
        return FAILED if self.error else OK

    def command(self, command: Command) -> None:
        """Do what the supervisor asks; also called for SIGTERM."""
        self.pulse.state = "draining"
        self.stop.set()
        self.clock.stop()
        if isinstance(command, Finish):
            for inbox in self.inboxes.values():
                inbox.finish()

    def _inbox(self, layout: Layout) -> Inbox | None:
        edges = tuple(edge for edge in self.launch.edges if edge.target[1] == layout.name)
        return open_inbox(layout, edges, self.context) if layout.addresses else None

    def _lane(self, layout: Layout, nodes: Catalog) -> Lane:
        edges = self.launch.edges
        return Lane(
            layout,
            nodes,
            entries=[edge for edge in edges if edge.target[1] == layout.name],
            exits=[
                Exit(edge, open_outbox(edge, self.launch.incarnation, self.context))
                for edge in edges
                if edge.source[1] == layout.name
            ],
            turn=Turn(time.monotonic_ns),
            failure=self._failed,
        )

    def _live(self, layout: Layout) -> None:
        """The life of a lane; its nodes may fail, but if this raises, Kensa itself is at fault."""
        lane = self.lanes[layout.name]
        here.turn = lane.turn
        try:
            if inbox := self.inboxes.get(layout.name):
                serve(lane, inbox, self.launch.drain)
            else:
                run, camera = layout.runs[0], layout.cameras[0]
                with marked(self.launch.state, run.node, camera) as mark:
                    feed(lane, run, camera, self.clock, self.launch.drain, mark=mark)
        except BaseException as error:
            self.error = f"lane '{layout.name}': {type(error).__name__}: {error}"
            self.log.exception("lane failed", lane=layout.name)
            self.command(Finish())

    def _failed(self, node: str, record: Record | None, error: Exception) -> None:
        self.log.error("node failed", node=node, **logs.about(record), error=str(error), exc_info=error)


def read_launch(stdin: int) -> Launch:
    """What the supervisor wants run: 4 bytes of length, big-endian, then the message.

    Raises:
        KensaError: If standard input ends early or holds something else.
    """
    size = int.from_bytes(_read(stdin, 4), "big")
    try:
        return decode_launch(_read(stdin, size))
    except msgspec.MsgspecError as error:
        raise KensaError(f"expected a launch on standard input, got: {error}") from error


def main() -> int:
    """Carry out the launch on standard input; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        launch = read_launch(sys.stdin.fileno())
        runs = [run for lane in launch.process.lanes for run in lane.runs]
        process = Process(launch, Targets({run.use: run.target or run.use for run in runs}))
    except (KensaError, KeyError) as error:
        sys.stderr.write(f"kensa: cannot start: {error}\n")
        return BAD_LAUNCH

    def stop(_: int, __: FrameType | None) -> None:
        process.command(Stop())

    signal.signal(signal.SIGTERM, stop)
    return process.run()


def _read(stdin: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        chunk = os.read(stdin, size - len(found))
        if not chunk:
            raise KensaError(
                f"expected {size} more bytes on standard input, got {len(found)}: started by hand? use `kensa run`"
            )
        found += chunk
    return bytes(found)


if __name__ == "__main__":
    sys.exit(main())
