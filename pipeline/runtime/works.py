"""The lanes of one process, and the edges that begin in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

from pipeline.catalog import Targets
from pipeline.errors import KensaError
from pipeline.plan import Edge
from pipeline.plan import Lane as Layout
from pipeline.runtime.berth import Berth, Fault
from pipeline.runtime.careful import careful
from pipeline.runtime.cell import Failure, Tap
from pipeline.runtime.exits import Exits
from pipeline.runtime.health import Launch, NodeHealth
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.state import merged
from pipeline.runtime.turn import Turn
from pipeline.transport.channel import Inbox
from pipeline.transport.connect import Context, open_inbox


class Works:
    """Everything that runs in a process; `pipeline.runtime.changing` changes it while it runs.

    Args:
        launch: What it begins with.
        nodes: The nodes its lanes use.
        context: Makes the edges.
        failure: Told of each exception of a node.
        fault: Told when a lane itself fails.

    Attributes:
        nodes: As given; more may be loaded.
        exits: The beginnings of its edges.
        berths: Lanes that belong here, by name; those that have ended too. Read from any thread, written under `lock`.
        going: Lanes that belong here no longer and have not yet ended.
        unmade: Lanes that cannot begin, with the reason.
        held: Stay, whatever has ended: something else is to come.
    """

    def __init__(self, launch: Launch, nodes: Targets, *, context: Context, failure: Failure, fault: Fault) -> None:
        self._launch, self._context, self._failure, self._fault = launch, context, failure, fault
        self.nodes = nodes
        self.exits = Exits(launch.incarnation, context)
        self.lock = threading.Condition()
        self.berths: dict[str, Berth] = {}
        self.going: tuple[Berth, ...] = ()
        self.unmade: dict[str, str] = {}
        self.held = 0
        self._past: dict[tuple[str, str], NodeHealth] = {}
        self._taps: dict[str, Tap] = {}
        for layout in launch.process.lanes:
            self.berths[layout.name] = self.berth(layout, launch.edges, launch.edges)

    @property
    def all(self) -> tuple[Berth, ...]:
        """Every lane, those that are about to end too."""
        with self.lock:
            return (*self.berths.values(), *self.going)

    def start(self) -> None:
        """Let the lanes begin."""
        for berth in self.all:
            berth.start()

    def wait(self) -> None:
        """Until everything has ended; then close what nobody uses any more."""
        with self.lock:
            self.lock.wait_for(self._ended)
        self.exits.close(self._launch.drain)

    def stop(self) -> None:
        """End every source."""
        for berth in self.all:
            berth.stop()

    def finish(self) -> None:
        """Wait for no producer any more."""
        for berth in self.all:
            berth.finish()

    def tap(self, node: str, tap: Tap | None) -> None:
        """Show what a node gives to `tap`, or no longer, in every lane there is and will be."""
        self._taps.pop(node, None)
        if tap is not None:
            self._taps[node] = tap
        for berth in self.all:
            berth.lane.tap(node, tap)

    def health(self) -> Iterator[NodeHealth]:
        """What the nodes tell the supervisor: one that was begun anew goes on counting."""
        with self.lock:
            berths, past = (*self.berths.values(), *self.going), dict(self._past)
        for berth in berths:
            for told in berth.lane.health():
                before = past.get((told.node, told.lane))
                yield merged(before, told) if before else told

    def labours(self, ns: int) -> bool:
        """Whether any node has been working on one record for longer than this."""
        return any(cell.busy_ns > ns for berth in self.all for cell in berth.lane.cells.values())

    def received(self) -> dict[str, int]:
        """Per edge into this process the highest number received from its current producer."""
        return {edge: number for berth in self.all if berth.inbox for edge, number in berth.inbox.received().items()}

    @property
    def awaited(self) -> bool:
        """Whether a producer on this host has not said yet that no more will come."""
        near = [edge for edge in self._launch.edges if edge.hosts[0] == edge.hosts[1]]
        inboxes = {berth.name: berth.inbox for berth in self.all if berth.inbox and not berth.over}
        return any((box := inboxes.get(edge.target[1])) is not None and not box.over(edge.name) for edge in near)

    def bury(self, gone: Iterable[Berth]) -> None:
        """These have ended: keep what they have counted."""
        with self.lock:
            self.going = tuple(berth for berth in self.going if berth not in gone)
            for told in (told for berth in gone for told in berth.lane.health()):
                key = (told.node, told.lane)
                self._past[key] = merged(self._past[key], told) if key in self._past else told

    def outs(self, lane: str, gives: Iterable[Edge]) -> list[Exit]:
        """The edges that a lane gives to, open."""
        return [Exit(edge, self.exits.take(edge)) for edge in gives if edge.source[1] == lane]

    def berth(self, layout: Layout, takes: Iterable[Edge], gives: Iterable[Edge]) -> Berth:
        """A lane with its thread, not yet begun.

        Raises:
            KensaError: If it cannot listen at its address, or one of its edges cannot be opened.
        """
        gives = [*gives]
        entries = [edge for edge in takes if edge.target[1] == layout.name]
        exact = any(edge.source[1] == layout.name for edge in gives)
        inbox: Inbox | None = None
        if layout.addresses:
            inbox = open_inbox(layout, tuple(entries), self._context, exact=exact)
        try:
            lane = self._lane(layout, entries, self.outs(layout.name, gives))
        except KensaError:
            if inbox is not None:
                inbox.close()
            raise
        state, drain = self._launch.state, self._launch.drain
        if inbox is not None and self._launch.careful and not lane.batches:
            inbox = careful(inbox, layout, state)
        return Berth(layout, lane, inbox, state=state, drain=drain, fault=self._fault, over=self._over)

    def _lane(self, layout: Layout, entries: list[Edge], exits: list[Exit]) -> Lane:
        turn = Turn(time.monotonic_ns)
        lane = Lane(layout, self.nodes, entries=entries, exits=exits, turn=turn, failure=self._failure)
        for node, tap in self._taps.items():
            lane.tap(node, tap)
        return lane

    def _ended(self) -> bool:
        berths = (*self.berths.values(), *self.going)
        return not self.held and all(berth.over for berth in berths)

    def _over(self, berth: Berth) -> None:
        if not berth.lane.released:
            self.exits.spent(exit_.edge.name for exit_ in berth.lane.exits)
        with self.lock:
            self.lock.notify_all()
