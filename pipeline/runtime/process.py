"""A process of the plan, as the supervisor starts it: `python -m pipeline.runtime.process`.

It reads its `Launch` from standard input, runs each of its lanes in a thread, and ends when all of
them have. Exit status: 0 when everything was delivered, 1 when a lane failed for good, 3 when the
launch cannot be carried out.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from pipeline.runtime.slim import without

with without("typing_extensions"):  # 1 MB where msgspec finds it; `typing` of this Python has all of it
    import msgspec

from pipeline.catalog import Targets
from pipeline.clock import line_time
from pipeline.errors import KensaError
from pipeline.line import Opened, own
from pipeline.records import Record
from pipeline.runtime import logs
from pipeline.runtime.changing import Changing
from pipeline.runtime.health import Become, Command, Finish, Launch, Prepare, Stop, decode_launch
from pipeline.runtime.pulse import Pulse
from pipeline.runtime.works import Works
from pipeline.transport.connect import Context, guarding

OK, FAILED, BAD_LAUNCH = 0, 1, 3


class Process:
    """The lanes of one process, and the threads that run them.

    Raises:
        KensaError: If one of its nodes cannot be loaded, or a lane cannot be made.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        line_time.epoch_ns = launch.epoch_ns or line_time.epoch_ns
        self.log = logs.logger(launch.line, launch.process.name)  # before nodes: these would import structlog with rich
        nodes = Targets({run.use: run.target or run.use for lane in launch.process.lanes for run in lane.runs})
        self.stop = threading.Event()
        own.found(self._asking)
        keys, state = guarding(launch.keys, launch.insecure), Path(launch.state) if launch.state else None
        self.context = Context(self.stop, launch.drain, keys, launch.process.host, state=state)
        self.error = ""
        self.works = Works(launch, nodes, context=self.context, failure=self._failed, fault=self._fault)
        self.changing = Changing(self.works, launch.revision, self.stop, self._fault)
        self.pulse = Pulse(
            launch,
            self.works,
            self.changing,
            command=self.command,
            lifeline=sys.stdin.fileno(),
            context=self.context,
        )

    def run(self) -> int:
        """Run all lanes until the last has ended; returns the exit status."""
        self.pulse.start()
        if self.launch.mends:
            self.command(Stop())
        self.works.start()
        self.pulse.state = "draining" if self.launch.mends else "running"
        self.works.wait()
        self.pulse.end("failed" if self.error else "ended", self.error)
        self.context.close()
        return FAILED if self.error else OK

    def command(self, command: Command) -> None:
        """Do what the supervisor asks; also called for SIGTERM."""
        if isinstance(command, Prepare | Become):
            if not self.stop.is_set():
                self.changing.begin(command)
            return
        self.pulse.state = "draining"
        self.stop.set()
        self.changing.release()
        self.works.stop()
        if isinstance(command, Finish):
            self.works.finish()

    def _asking(self) -> Opened:
        from pipeline.runtime.asking import Asker  # only a process that asks pays for it

        folder = Path(self.launch.control.removeprefix("ipc://")).parent
        return Asker(self.launch.line, self.launch.process.host, folder)

    def _fault(self, what: str, error: BaseException) -> None:
        """Something of Kensa's own has failed, and not only a node of it."""
        self.error = f"lane '{what}': {type(error).__name__}: {error}"
        self.log.error("lane failed", lane=what, exc_info=error)
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
    faulthandler.enable()  # a library that crashes leaves in the log where every thread was
    try:
        launch = read_launch(sys.stdin.fileno())
        process = Process(launch)
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
