"""A screen at work: records come in on the node's thread, time and the line on another, pages are told by a third."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from nodes.screen import acting
from nodes.screen.kept import Memory
from nodes.screen.people import People, Person
from nodes.screen.picture import picture, sheet
from nodes.screen.screen import Screen, encode
from nodes.screen.sections import Alarms, reject
from nodes.screen.server import Answers, serve
from nodes.screen.viewers import Viewers
from nodes.sinks.room import log
from pipeline.clock import line_time
from pipeline.errors import KensaError, NodeError
from pipeline.line import Asking, Opened, Standing, own
from pipeline.records import Record

ALARMS_S = 0.2  # between two questions how alarms are, while somebody looks
BEATS = 5  # of them between two questions how the line stands, and between two of them where nobody looks
DRAWN = 256  # drawings that are kept


class Stage:
    """Everything around a screen; use it as a context.

    Args:
        screen: What is shown.
        memory: Where it is kept.
        people: Who may act.
        where: Address and port to listen at.
        asks: Begins a conversation with the line.
        now: The time, UTC, ns.

    Raises:
        NodeError: If nobody can listen there.
    """

    def __init__(
        self,
        screen: Screen,
        memory: Memory,
        people: People,
        where: tuple[str, int],
        *,
        asks: Callable[[], Opened | None] = own.ask,
        now: Callable[[], int] = line_time.now_ns,
    ) -> None:
        self._screen, self._memory, self._asks, self._now = screen, memory, asks, now
        self._lock, self._keeping, self._over = threading.Lock(), threading.Lock(), threading.Event()
        self._drawn: OrderedDict[tuple[str, bool], bytes | None] = OrderedDict()
        self.viewers = Viewers()
        acts = {"/act": self._order, "/batch": self._batch, "/who": _who}
        answers = Answers(people, self.viewers, self._say, self._draw, self._picture, acts, sheet())
        try:
            self._server = serve(answers, *where)
        except OSError as error:
            raise NodeError(
                f"the screen cannot listen at {where[0]}, port {where[1]}: {error.strerror or error}; give `dashboard` "
                "another `port` or an `address` of this host, or end what holds it"
            ) from error
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="screen", daemon=True),
            threading.Thread(target=self._watch, name="screen watch", daemon=True),
        ]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def __enter__(self) -> Self:
        self._tell(slow=True)
        self.viewers.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()
        self.viewers.__exit__(kind, error, tb)
        self._memory.close()

    def add(self, records: Iterable[Record]) -> None:
        """Show records; when this returns, what must outlive the process is kept."""
        with self._keeping:
            with self._lock:
                for record in records:
                    self._screen.add(record)
                self._publish()
            self._keep()

    def begin(self, name: str, by: str, came_from: str) -> None:
        """A batch begins; when this returns, that is kept."""
        with self._keeping:
            with self._lock:
                self._screen.begin(name, by, self._now())
                self._publish()
            self._keep()
        log().info("batch begun", batch=name, by=by, at=came_from)

    def _keep(self) -> None:
        """Keep what is not kept yet; pages need not wait for the disk, so it is done behind their back."""
        with self._lock:
            if not self._screen.unkept:
                return
            self._screen.unkept = False
            change = self._memory.changes(self._screen.tally, self._screen.rejects)
        self._memory.keep(change)

    def _publish(self, *, slow: bool = False) -> None:
        for name, body in self._screen.fresh(slow=slow):
            self.viewers.tell(name, body)

    def _watch(self) -> None:
        """Let time pass, and ask the line."""
        beat = 0
        with ExitStack() as stack:
            opened = self._asks()
            line = stack.enter_context(opened) if opened else None
            standing: Standing | None = None
            while not self._over.wait(ALARMS_S):
                beat += 1
                slow = beat % BEATS == 1
                if slow:
                    standing = line.stands() if line else None
                if slow or len(self.viewers):
                    self._hear(standing, _alarms(line))
                if slow:
                    self._tell(slow=True)

    def _hear(self, standing: Standing | None, alarms: Alarms) -> None:
        with self._lock:
            self._screen.hear(standing, alarms)
            self._publish()

    def _tell(self, *, slow: bool) -> None:
        """What stands above everything, though nothing has changed: so who hears nothing knows it."""
        now = self._now()
        with self._lock:
            self._screen.turn(now)
            self._publish(slow=slow)
            self.viewers.tell("head", self._screen.told(now, len(self.viewers), self.viewers.skipped))

    def _say(self, name: str) -> bytes:
        """What there is to say of a verdict; nothing where it is not kept."""
        with self._lock:
            shown = self._screen.rejects.find(name)
        return encode(reject(name, shown) if shown else None)

    def _draw(self, name: str, small: bool) -> bytes | None:
        """The drawing of a reject; drawn once."""
        with self._lock:
            shown = self._screen.rejects.find(name)
            key = (f"{name} {shown is not None and shown.record is not None}", small)
            if shown is None or key in self._drawn:
                return self._drawn.get(key)
        drawn = picture(shown, small=small)
        with self._lock:
            self._drawn[key] = drawn
            if len(self._drawn) > DRAWN:
                self._drawn.popitem(last=False)
        return drawn

    def _picture(self, camera: str) -> tuple[str, bytes] | None:
        found = self._screen.pictures.get(camera)
        return (f"image/{found.format}", found.data) if found else None

    def _order(self, body: bytes, person: Person, came_from: str) -> acting.Said:
        return acting.order(body, person, came_from, self._asks)

    def _batch(self, body: bytes, person: Person, came_from: str) -> acting.Said:
        return acting.batch(body, person, lambda name, by: self.begin(name, by, came_from))


def _who(_: bytes, person: Person, __: str) -> acting.Said:
    """Whose token it is."""
    from msgspec import json

    return 200, json.encode({"name": person.name})


def _alarms(line: Asking | None) -> Alarms:
    """How alarms are; who does not answer is silent, and that is told."""
    try:
        answers = line.give(None) if line else []
    except KensaError:
        return Alarms(known=True, silent=True)
    shown = tuple(one for answer in answers for one in answer.alarms)
    per_hour = sum(answer.figures.per_hour for answer in answers if answer.figures)
    return Alarms(
        bool(answers), silent=False, alarms=shown, more=sum(a.more for a in answers), per_hour=round(per_hour, 1)
    )
