"""The thread that keeps a process in touch: it reports, listens, pumps the outboxes, and forwards what is tapped.

It reads what the lanes count and never waits for them, so that a stuck node is told of by a process that is not.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import zmq

from pipeline import codec, readings
from pipeline.clock import line_time
from pipeline.disk import ratios
from pipeline.notices import board, bulletin
from pipeline.numbers import numbers
from pipeline.orders import desk
from pipeline.records import Record
from pipeline.runtime import health
from pipeline.runtime.absence import Absences
from pipeline.runtime.changing import Changing
from pipeline.runtime.health import (
    Answered,
    Asked,
    Command,
    Finish,
    Launch,
    Notices,
    Report,
    State,
    Stop,
    Tap,
    Tapped,
    Tell,
)
from pipeline.runtime.works import Works
from pipeline.transport.context import Context

BEAT_S = 0.05  # between two looks at outboxes and taps; with neither, only reports wake it
REPORT_S = 0.5  # between two reports while a node does not come back from a record
CALM_S = 1.0  # between two reports while all is well
LONG_NS = 250_000_000  # work on one record that may turn out to have no end
TAPPED = 256
ORDERS = 8  # that are worked on at a time; who gives more gets no answer and tries again
LAST_WORD_MS = 1000
REMOTE_S = 2.0  # without a supervisor, after which nobody on another host is waited for
ABANDONED = 4
PAGE = os.sysconf("SC_PAGE_SIZE")


class Pulse(threading.Thread):
    """Speaks with the supervisor for all lanes of a process.

    Args:
        launch: What the process runs, and where the supervisor listens.
        works: Its lanes and edges.
        changing: What changes them.
        command: Does what the supervisor asks.
        lifeline: File descriptor that the supervisor holds open; its end means that nobody is there any more.
        context: Makes the socket.

    Attributes:
        error: Why it failed, for people.
    """

    def __init__(
        self,
        launch: Launch,
        works: Works,
        changing: Changing,
        *,
        command: Callable[[Command], None],
        lifeline: int,
        context: Context,
    ) -> None:
        super().__init__(name="pulse", daemon=True)
        self.error = ""
        self._state: State = "starting"
        self._launch, self._works, self._changing = launch, works, changing
        self._command, self._lifeline, self._context = command, lifeline, context
        self._ending = threading.Event()
        self._nudge = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._tapping = self._asked = False
        self._orphaned = 0.0
        self._absences = Absences(launch.state)
        self._tapped: deque[tuple[str, Record]] = deque()
        self._missed: Counter[str] = Counter()
        self._answered: deque[Answered] = deque()
        self._orders = threading.Semaphore(ORDERS)

    @property
    def state(self) -> State:
        """What the process does; a change is reported at once."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        os.eventfd_write(self._nudge, 1)

    def end(self, state: State, error: str = "") -> None:
        """Say one last word and stop; returns when it is said."""
        self.error = error
        self._ending.set()
        self.state = state
        self.join()

    def run(self) -> None:
        """Beat until `end`."""
        with self._context.zmq.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.MAXMSGSIZE, health.LARGEST)
            socket.connect(self._launch.control)
            self._beat(socket)
            self._show(socket)
            _send(socket, self._report())
            socket.close(linger=LAST_WORD_MS)

    def _beat(self, socket: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(self._lifeline, zmq.POLLIN)
        poller.register(self._nudge, zmq.POLLIN)
        due, look, told = 0.0, 0.0, (self.state, 0)
        while not self._ending.is_set():
            ready = dict(poller.poll(self._patience_ms(min(due, look))))
            if self._nudge in ready:
                os.eventfd_read(self._nudge)
            if socket in ready:
                with suppress(msgspec.DecodeError):  # of a supervisor that knows more: this process runs on
                    self._obey(health.decode_command(socket.recv()))
            if self._lifeline in ready and not os.read(self._lifeline, 4096):
                poller.unregister(self._lifeline)
                self._orphaned = time.monotonic()
                self._command(Stop())
            self._care()
            self._show(socket)
            now, state = time.monotonic(), (self.state, self._changing.revision)
            if state != told or self._asked or now >= due or (now >= look and self._works.labours(LONG_NS)):
                due, told, self._asked = now + CALM_S, state, False
                _send(socket, self._report())
            look = look if now < look else now + REPORT_S

    def _patience_ms(self, due: float) -> int:
        """How long nothing need be done."""
        left = due - time.monotonic()
        if self._tapping or self._works.exits.open:
            left = min(left, BEAT_S)
        return max(0, math.ceil(left * 1000))

    def _obey(self, command: Command) -> None:
        if isinstance(command, Tap):
            self._tapping = True  # from now on: that a tap has ended does not mean that another has not begun
            self._works.tap(command.node, self._look if command.on else None)
        elif isinstance(command, Tell):
            self._asked = True
        elif isinstance(command, Notices):
            bulletin.hear(command.notices)
        elif isinstance(command, Asked):
            if self._orders.acquire(blocking=False):
                threading.Thread(target=self._answer, args=(command,), name="order", daemon=True).start()
        else:
            self._command(command)

    def _answer(self, asked: Asked) -> None:
        """Let nodes do what was ordered; on a thread of its own, for they may wait for a disk."""
        try:
            self._answered.append(Answered(number=asked.number, answers=desk.ask(asked.order)))
            os.eventfd_write(self._nudge, 1)
        finally:
            self._orders.release()

    def _care(self) -> None:
        """Push on what waits in outboxes; do not wait for ever when the supervisor is gone."""
        self._works.exits.pump()
        self._absences.look(time.monotonic(), self._works.exits.ends)
        if self._orphaned:
            self._depart(time.monotonic() - self._orphaned)

    def _depart(self, alone: float) -> None:
        """The supervisor has been gone for so long: wait for no producer any more, and in the end for no node.

        Producers on other hosts have not heard of it and go on: its place is wanted by whoever comes next.
        """
        if alone > 2 * self._launch.drain:
            os._exit(ABANDONED)
        if alone > self._launch.drain or (alone > REMOTE_S and not self._works.awaited):
            self._command(Finish())

    def _look(self, node: str, record: Record) -> None:
        """Called by the lanes' threads: never more than a moment of their time."""
        if len(self._tapped) < TAPPED:
            self._tapped.append((node, record))
        else:
            self._missed[node] += 1

    def _show(self, socket: zmq.Socket[bytes]) -> None:
        while self._answered:
            _send(socket, health.encode(self._answered.popleft()))
        while self._tapped:
            node, record = self._tapped.popleft()
            missed = self._missed.pop(node, 0)
            if not _send(socket, health.encode(Tapped(node=node, record=codec.encode(record), missed=missed))):
                self._missed[node] += missed + 1

    def _report(self) -> bytes:
        report = Report(
            process=self._launch.process.name,
            incarnation=self._launch.incarnation,
            pid=os.getpid(),
            state=self.state,
            t_ns=line_time.now_ns(),
            revision=self._changing.revision,  # read first: what is told beside it is no older
            refused=self._changing.refused,
            nodes=tuple(self._works.health()),
            edges=self._works.exits.ledgers(),
            received=self._works.received(),
            unmade=self._works.unmade,
            rss_bytes=_rss(),
            fds=_fds(),
            disks=ratios(),
            readings=readings.newest(),
            numbers=numbers.read(),
            error=self.error,
            notices=board.read(),
            heeds=bulletin.wanted,
        )
        return health.encode(report)


def _send(socket: zmq.Socket[bytes], message: bytes) -> bool:
    """False where the supervisor does not keep up or is gone: then nothing waits for it."""
    try:
        socket.send(message, zmq.NOBLOCK)
    except zmq.Again:
        return False
    return True


def _rss() -> int:
    """Memory this process holds, bytes; from /proc/self/statm, see proc(5)."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * PAGE


def _fds() -> int:
    """Files and sockets this process holds open: since Linux 6.2 the size of that folder, before it 0."""
    held = Path("/proc/self/fd")
    return held.stat().st_size or sum(1 for _ in held.iterdir())
