"""Keeps the alarms of a line: in memory, on the disk, and in the ears of people.

First the journal has it, then the file of events, and only then a cursor moves: a crash between any two of these
leaves events to tell again, under the same ids. What was counted of a batch that comes again is not counted twice.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from nodes.alarming import counting, memory
from nodes.alarming.book import SECOND, Ready
from nodes.alarming.chain import Chain, Row, read
from nodes.alarming.checks import FLOOD
from nodes.alarming.conditions import Conditions
from nodes.alarming.engine import Engine, Step
from nodes.alarming.figures import Tally
from nodes.alarming.life import Alarm, Event
from nodes.alarming.machine import Machine, used
from nodes.alarming.memory import Memory
from nodes.alarming.showing import listed, show
from nodes.alarming.telling import told
from nodes.sinks.cursor import Cursor
from nodes.sinks.events import encode, identity
from nodes.sinks.room import log
from pipeline.clock import line_time
from pipeline.notices import board, bulletin
from pipeline.orders import Answer, Order, desk
from pipeline.records import Gap, Verdict

BEAT_S = 0.2  # seconds between two looks at the time
DAY_NS = 24 * 3600 * SECOND  # of the journal is read at the start: figures speak of so much
LOOK_NS = SECOND  # between two looks at the machine
REMEMBERED = 1 << 14  # records that may come again after a crash
SHORT = 16  # digits of the id by which they are known
AGAIN = 1000  # rows that are told again where nobody knows how far that came

Put = Callable[[list[bytes]], None]


class Keeper:
    """The alarms of one alarm book, and the journal they live in.

    Use it as a context: inside it, time passes for its alarms and `kensa alarm` finds it.

    Args:
        ready: The book.
        path: The journal; beside it `<path>.told` says how far it was told, `<path>.counts` what was counted.
        put: Writes events where people hear of them; may raise OSError.
        now: The time, UTC ns, by a clock that does not jump.
        machine: What the host says of itself.

    Raises:
        OSError: If the journal cannot be read or written.
    """

    def __init__(
        self,
        ready: Ready,
        path: Path,
        put: Put,
        *,
        now: Callable[[], int] = line_time.now_ns,
        machine: Callable[[set[str]], Machine] | None = None,
    ) -> None:
        self._ready, self._path, self._put, self._now = ready, path, put, now
        self._machine = machine or _machine
        self._counts = Path(f"{path}.counts")
        self._lock, self._over = threading.RLock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
        self._named = f"{ready.name} {ready.version}"
        self._stale, self._looked = False, 0
        self._counted: tuple[str, ...] = ()
        self._load()

    def __enter__(self) -> Self:
        self._heeds = self._conditions.heeds
        if self._heeds:
            bulletin.come()
        self._thread.start()
        desk.come(self.answer)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        desk.go(self.answer)
        self._over.set()
        self._thread.join()
        if self._heeds:
            bulletin.go()

    @property
    def alarms(self) -> dict[str, Alarm]:
        """Every alarm that was met, by key."""
        return self._engine.alarms

    def hear(self, records: Sequence[Verdict | Gap], lines: Sequence[bytes] = ()) -> None:
        """Take records, and write the events that tell them together with those of alarms.

        Raises:
            OSError: If the disk refuses; the records may come again.
        """
        with self._lock, self._sure():
            t_ns = self._now()
            fresh = {short: record for record in records if (short := _short(record)) not in self._counted}
            steps = self._engine.apply(self._conditions.greet(fresh.values(), t_ns), t_ns)
            for short, record in fresh.items():
                said = [*self._conditions.hear(record, t_ns)]
                if short not in self._known:
                    steps += self._engine.apply(said, t_ns)
            if steps:
                self._note(t_ns, steps, heard=tuple(fresh))
            self._tell(lines)
            self._counted = (self._counted + tuple(fresh))[-memory.MOST :]
            memory.write(self._counts, self._conditions.counted(self._counted))

    def beat(self) -> None:
        """Let time pass.

        Raises:
            OSError: If the disk refuses.
        """
        with self._lock, self._sure():
            t_ns = self._now()
            steps: list[Step] = []
            if not self._looked <= t_ns < self._looked + LOOK_NS:
                self._looked = t_ns
                machine = self._machine(self._conditions.folders)
                steps += self._engine.apply(self._conditions.look(t_ns, machine), t_ns)
                counting.standing(self.alarms, self._ready.book, self._ready.name)
            steps += self._engine.tick(t_ns)
            if steps:
                self._note(t_ns, steps)
            self._tell()
            self._turn(t_ns)

    def answer(self, order: Order | None) -> Answer:
        """Do what an operator wants, and note that they wanted it; without an order, say how alarms are."""
        about = Answer(book=self._ready.name, journal=str(self._path))
        with self._lock:
            if order is None:
                if self._stale:
                    with suppress(OSError):
                        self._load()
                figures = self._tally.figures(self.alarms, self._now(), FLOOD)
                return replace(about, figures=figures, **listed(self.alarms, self._ready.book))
            if order.alarm not in self.alarms and order.alarm not in self._conditions.alarms:
                return replace(about, knows=False)
            try:
                with self._sure():
                    refused = self._obey(order)
            except OSError as error:
                refused = f"the disk of {self._path} refuses: {error.strerror or error}; nothing was done"
            alarm = self.alarms.get(order.alarm)
            shown = (show(order.alarm, alarm, self._ready.book),) if alarm else ()
            return replace(about, refused=refused, alarms=shown)

    def _obey(self, order: Order) -> str:
        t_ns = self._now()
        steps, refused = self._engine.order(order, t_ns)
        self._note(t_ns, steps, order=order, refused=refused)
        with suppress(OSError):  # it is done: it is told at the next beat that can
            self._tell()
        return refused

    def _load(self) -> None:
        """Begin where the journal ends."""
        self._tally, t_ns = Tally(), self._now()
        self._known, short = set[str](), deque[str](maxlen=REMEMBERED)

        def count(row: Row) -> None:
            self._tally.add(row.steps, row.t_ns)
            short.extend(row.heard)

        keep = self._ready.book.journal
        most = round(keep.megabytes * 1e6)
        self._chain = Chain(self._path, count, since_ns=t_ns - DAY_NS, most=most, kept=keep.files)
        self._known.update(short)
        self._cursor = Cursor(Path(f"{self._path}.told"), self._chain.journal)
        self._place = self._remembered()
        self._cursor.write(self._place)
        self._engine = Engine(self._ready.book, self._chain.past.alarms, self._chain.seed)
        past = self._recollect()
        self._counted = past.heard
        up = [key for key, alarm in self.alarms.items() if alarm.active]
        self._conditions: Conditions = Conditions(self._ready.book, str(self._path.parent), t_ns, past, up)
        self._judge_journal()
        self._turn(t_ns)
        gone = [key for key in self.alarms if not self._ready.book.has(key)]
        self._note(t_ns, self._engine.apply([(key, Event("off")) for key in gone], t_ns))
        self._stale = False

    def _recollect(self) -> Memory:
        found = memory.read(self._counts)
        if found is None:
            log().error("what alarms had counted is not readable; counting anew", path=str(self._counts))
        return found or Memory()

    def _judge_journal(self) -> None:
        """Tell people where the journal is not what was written."""
        key, flaws = f"alarms {self._path} broken", self._chain.past.flaws
        if not flaws:
            board.settle(key)
            return
        text = f"alarms: the journal is not as it was written, {len(flaws):,} places: {flaws[0]}"
        board.raise_(key, f"{text}; keep a copy of it, and find out who changed it: `kensa journal` lists all")
        log().error("journal of alarms broken", path=str(self._path), flaws=flaws[:20])

    def _note(
        self,
        t_ns: int,
        steps: Sequence[Step],
        *,
        heard: tuple[str, ...] = (),
        order: Order | None = None,
        refused: str = "",
    ) -> None:
        """Write down what came about, if anything did."""
        if not steps and order is None:
            return
        self._chain.add(t_ns, self._named, steps=tuple(steps), heard=heard, order=order, refused=refused)
        self._tally.add(steps, t_ns)
        counting.raised(steps, self._ready.book, self._ready.name)

    def _tell(self, lines: Sequence[bytes] = ()) -> None:
        """Write events, and those of rows that were not told yet."""
        end = self._chain.journal.size
        late = [*self._untold()] if end > self._place else []
        if lines or late:
            self._put([*lines, *late])
        if end > self._place:
            self._cursor.write(end)
            self._place = end

    def _turn(self, t_ns: int) -> None:
        """Go on in a new file where this one is full, and everything in it was told."""
        if self._chain.full and self._place == self._chain.journal.size:
            self._chain.turn(t_ns, self._named, self.alarms)
            self._place = self._chain.journal.size
            self._cursor.write(self._place)

    def _untold(self) -> Iterator[bytes]:
        for _, found in read(self._path, self._place):
            if not isinstance(found, str):
                yield from map(encode, told(found[0], self._ready))

    def _remembered(self) -> int:
        place = self._cursor.read()
        if place is None:
            place = self._chain.journal.last(AGAIN)
            log().error("how far alarms were told is not readable; telling again", path=str(self._cursor.path))
        return place

    @contextmanager
    def _sure(self) -> Iterator[None]:
        """Around whatever changes alarms: what the disk did not take has not happened."""
        if self._stale:
            self._load()
        try:
            yield
        except BaseException:
            self._stale = True
            raise

    def _run(self) -> None:
        key = f"alarms {self._path} cannot write"
        while not self._over.wait(BEAT_S):
            try:
                self.beat()
            except OSError as error:
                text = (
                    f"alarms cannot write {self._path}: {error.strerror or error}; they are told when that is possible"
                )
                board.raise_(key, text)
            else:
                board.settle(key)


def _machine(folders: set[str]) -> Machine:
    return Machine(line_time.step_ns() / SECOND, used(folders), bulletin.read())


def _short(record: Verdict | Gap) -> str:
    return identity(record)[:SHORT]
