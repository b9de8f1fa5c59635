"""Carry out another state of the plan in a process that runs.

Whoever asks for it says what it should come to. What is the same in both goes on undisturbed: its thread, its session,
its edges with all they have not yet delivered. A lane that begins anew keeps its edges as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from pipeline.catalog import Targets
from pipeline.errors import KensaError
from pipeline.notices import board
from pipeline.plan import Edge
from pipeline.plan import Lane as Layout
from pipeline.runtime.backoff import Backoff
from pipeline.runtime.berth import LOOK_S, Berth, Fault
from pipeline.runtime.health import Become, Prepare
from pipeline.runtime.works import Works

PATIENCE = 300.0  # seconds that a change waits for an edge to deliver what it has taken, or to be ended
ADMIT = 5.0  # seconds for a lane to let in an edge

Berths = dict[str, Berth]


class Changing:
    """Does what it is told in threads of its own, so that nobody waits for it.

    Args:
        works: What it changes.
        revision: The state of the plan that it has already.
        stop: Set when the process is to end.
        fault: Told when a change fails halfway.

    Attributes:
        revision: The state of the plan that was carried out last.
        refused: Why it cannot carry out what it was told to prepare for.
    """

    def __init__(self, works: Works, revision: int, stop: threading.Event, fault: Fault) -> None:
        self._works, self._stop, self._fault = works, stop, fault
        self.revision, self.refused = revision, ""
        self._wanted = revision
        self._more = False
        self._turn = threading.Lock()

    def begin(self, command: Prepare | Become) -> None:
        """Begin to do it; after the one before, if that is not yet done."""
        self._hold(1)
        self._wanted = command.revision
        threading.Thread(target=self._carry_out, args=(command,), name="change", daemon=True).start()

    def release(self) -> None:
        """The process is to end: nothing more will come."""
        if self._more:
            self._more = False
            self._hold(-1)

    def _hold(self, more: int) -> None:
        with self._works.lock:
            self._works.held += more
            self._works.lock.notify_all()

    def _carry_out(self, command: Prepare | Become) -> None:
        try:
            with self._turn:
                if isinstance(command, Prepare):
                    self._prepare(command)
                else:
                    self._become(command)
                self.revision = command.revision
            if isinstance(command, Become):
                self._retry(command)
        except BaseException as error:  # noqa: BLE001 - a change that fails halfway must not pass in silence
            self._fault("change", error)
        finally:
            self._hold(-1)

    def _prepare(self, command: Prepare) -> None:
        """Load what could be missing and open every door: nothing else can be refused."""
        self.refused = ""
        try:
            self._works.nodes.update(Targets(command.uses))
        except KensaError as error:
            self.refused = str(error)
        else:
            self._admit(command.takes, self._works.berths)

    def _become(self, wanted: Become) -> None:
        """Everything that is to end is told at once; what takes its place begins as soon as its nodes have ended."""
        works, layouts = self._works, {layout.name: layout for layout in wanted.lanes}
        self._stay(wanted)
        works.exits.forget(edge.name for edge in wanted.gives)
        staying = {n: b for n, b in works.berths.items() if n in layouts and n not in wanted.again}
        self._admit(wanted.takes, staying)
        closing = self._rejoin(staying, layouts, wanted)
        gone = self._retire([berth for name, berth in works.berths.items() if name not in staying], layouts)
        helpers = [
            *(threading.Thread(target=self._let_go, args=(berth, wanted), daemon=True) for berth in gone),
            *(threading.Thread(target=self._close, args=(*each, wanted), daemon=True) for each in closing),
        ]
        for helper in helpers:
            helper.start()
        for berth in gone:
            if berth.source or berth.layout.name in layouts:
                berth.join()
        self._make([layouts[name] for name in layouts if name not in staying], wanted, gone)
        for helper in helpers:
            helper.join()
        works.bury(gone)
        self._dismiss(staying, {edge.name for edge in wanted.takes})

    def _stay(self, wanted: Become) -> None:
        """Do not leave while something else is to come, even without a lane."""
        if wanted.more != self._more and not self._stop.is_set():
            self._more = wanted.more
            self._hold(1 if wanted.more else -1)

    def _admit(self, edges: Iterable[Edge], berths: Berths) -> None:
        """Let edges into lanes that stay, and wait until they are."""
        until = time.monotonic() + ADMIT
        for name, berth in berths.items():
            mine = [edge for edge in edges if edge.target[1] == name]
            if berth.inbox is None or berth.over or not mine:
                continue
            berth.lane.learn(berth.layout, mine)
            for edge in mine:
                berth.inbox.admit(edge)
            while not {edge.name for edge in mine} <= berth.inbox.received().keys() and time.monotonic() < until:
                self._stop.wait(LOOK_S)

    def _rejoin(self, staying: Berths, layouts: dict[str, Layout], wanted: Become) -> list[tuple[str, Berth | None]]:
        """Give lanes that stay their new edges; returns the edges to be closed, each with the lane that leaves it."""
        works, kept = self._works, {edge.name for edge in wanted.gives}
        closing = [(n, works.berths.get(edge.source[1])) for n, edge in works.exits.open.items() if n not in kept]
        for name, berth in staying.items():
            berth.layout = layouts[name]
            berth.lane.learn(berth.layout, ())
            if not berth.over:
                berth.lane.connect(works.outs(name, wanted.gives))
        return closing

    def _retire(self, gone: list[Berth], layouts: dict[str, Layout]) -> list[Berth]:
        works = self._works
        for berth in gone:
            if not berth.lane.release(again=berth.layout.name in layouts):
                works.exits.spent(exit_.edge.name for exit_ in berth.lane.exits)
        with works.lock:
            works.going += tuple(gone)
            works.berths = {name: berth for name, berth in works.berths.items() if berth not in gone}
        return gone

    def _let_go(self, berth: Berth, wanted: Become) -> None:
        """Let a lane end in good order, and wait until it has."""
        ending = berth.inbox.received().keys() & {*wanted.ending} if berth.inbox else ()
        berth.finish_after(ending, PATIENCE, self._stop)
        berth.join()

    def _close(self, edge: str, berth: Berth | None, wanted: Become) -> None:
        """Close an edge after its lane has given it the last record."""
        if berth is not None:
            if berth in self._works.berths.values():
                berth.passed(self._stop)
            else:
                berth.join()
        self._works.exits.shut(edge, PATIENCE, ends=edge not in wanted.onward)

    def _make(self, layouts: Iterable[Layout], wanted: Become, gone: Iterable[Berth] = ()) -> None:
        """Begin lanes; one whose producers had ended before it began anew does not wait for them again."""
        over = {name for b in gone if b.inbox for name in b.inbox.received() if b.inbox.over(name)}
        takes = [edge for edge in wanted.takes if edge.name not in over]
        works = self._works
        for layout in layouts:
            if self._stop.is_set():
                return
            try:
                works.nodes.update(Targets({run.use: run.target or run.use for run in layout.runs}))
                berth = works.berth(layout, takes, wanted.gives)
            except KensaError as error:
                self._cannot(layout.name, str(error))
                continue
            works.unmade = {name: why for name, why in works.unmade.items() if name != layout.name}
            board.settle(f"lane {layout.name}")
            with works.lock:
                works.berths = {**works.berths, layout.name: berth}
            berth.start()
            if self._stop.is_set():
                berth.stop()

    def _cannot(self, lane: str, why: str) -> None:
        self._works.unmade = {**self._works.unmade, lane: why}
        board.raise_(f"lane {lane}", f"lane '{lane}' cannot begin, and is tried again and again: {why}")

    def _retry(self, wanted: Become) -> None:
        """Try again what could not begin, until it can or something else is wanted."""
        works, row = self._works, Backoff()
        wishes = {layout.name for layout in wanted.lanes}
        for lane in works.unmade.keys() - wishes:
            board.settle(f"lane {lane}")
        works.unmade = {name: why for name, why in works.unmade.items() if name in wishes}
        while works.unmade and not self._stop.is_set() and self._wanted == wanted.revision:
            row = row.failed(time.monotonic_ns())
            self._stop.wait(row.rest_ns / 1e9)
            if self._wanted == wanted.revision:
                self._make([layout for layout in wanted.lanes if layout.name in works.unmade], wanted)

    def _dismiss(self, staying: Berths, taken: set[str]) -> None:
        for berth in staying.values():
            if berth.inbox is not None and not berth.over:
                for edge in berth.inbox.received().keys() - taken:
                    berth.inbox.dismiss(edge)
