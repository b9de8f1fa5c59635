"""Edges for tests: both ends of any transport, a pulse that pumps as a process does, and patience with a deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pipeline.plan import Edge, Lane, Queue, Transport
from pipeline.records import Gap, Record, Stats
from pipeline.transport.channel import Closed, Delivery, Inbox, Ledger, Opening, Outbox
from pipeline.transport.connect import Context, open_inbox, open_outbox
from tests.keyring import one

Carrier = Transport | Literal["curve"]  # what carries an edge: `curve` is tcp with keys

PATIENCE = 20.0  # seconds after which a test that waits has failed


def record(camera: str, seq: int, session: str = "s", weight: int = 0) -> Stats:
    """A small record; `weight` makes it about that many bytes larger on the wire."""
    reasons = {"x" * weight: 1} if weight else {}
    return Stats(camera=camera, session=session, seq=seq, t_ns=seq, since_ns=0, frames=1, missing=0, reasons=reasons)


def eventually(holds: Callable[[], Any], what: str) -> None:
    """Wait until something holds; fail after `PATIENCE`."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain: {what}"
        pause.wait(0.002)


def free_port() -> int:
    """A tcp port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def edge(
    transport: Transport, address: str, name: str = "in→out", hosts: tuple[str, str] = ("here", "here"), **queue: Any
) -> Edge:
    """An edge from the lane `in` to the lane `out`."""
    return Edge(
        name=name,
        source=("in", "in"),
        target=("out", "out"),
        kinds=("gap", "stats"),
        transport=transport,
        address=address,
        queue=Queue(**queue),
        why="a test cuts here",
        hosts=hosts if transport == "tcp" else ("", ""),
    )


class Ends:
    """Everything a test opens on one transport; `close` ends it all and checks every ledger.

    Attributes:
        address: Where the lane `out` listens.
    """

    def __init__(self, carrier: Carrier, folder: Path, drain: float = 5.0) -> None:
        self.transport: Transport = "tcp" if carrier == "curve" else carrier
        self.address = {
            "memory": f"memory://{folder}",
            "ipc": f"ipc://{folder}/out.sock",
            "tcp": f"tcp://127.0.0.1:{free_port()}",
        }[self.transport]
        self.stop = threading.Event()
        keys = one(folder / f"keys-{time.monotonic_ns()}", "here") if carrier == "curve" else None
        self.context = Context(self.stop, drain, keys, "here" if keys else "", state=folder / "state")
        self.outboxes: list[Opening] = []
        self.inboxes: list[Inbox] = []
        self._over = threading.Event()
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()

    def edge(self, name: str = "in→out", address: str = "", **queue: Any) -> Edge:
        """An edge of this transport with a queue."""
        return edge(self.transport, address or self.address, name, **queue)

    def outbox(self, edge: Edge, incarnation: str = "one") -> Opening:
        """The producer's end, pumped."""
        self.outboxes.append(open_outbox(edge, incarnation, self.context))
        return self.outboxes[-1]

    def inbox(self, *edges: Edge) -> Inbox:
        """The consumer's end of some edges with one address."""
        lane = Lane(name="out", cameras=(), runs=(), addresses=(edges[0].address,))
        self.inboxes.append(open_inbox(lane, edges, self.context))
        return self.inboxes[-1]

    def forget(self, outbox: Opening) -> None:
        """Pump an outbox no more, as if its process had died."""
        self.outboxes.remove(outbox)

    def leave(self, inbox: Inbox) -> None:
        """The consumer goes, in good order."""
        self.inboxes.remove(inbox)
        inbox.close()

    def close(self) -> None:
        """End what is open; every ledger balances to the last."""
        for outbox in [*self.outboxes]:
            assert outbox.close(0.0).unaccounted == 0
        for inbox in self.inboxes:
            inbox.finish()
            inbox.close()
        self._over.set()
        self._pulse.join()
        self.context.close()

    def _beat(self) -> None:
        while not self._over.wait(0.005):
            for outbox in [*self.outboxes]:
                outbox.pump()


def send(outbox: Outbox, numbers: Iterable[int], camera: str = "cam") -> None:
    """Hand over small records with these numbers."""
    for seq in numbers:
        outbox.send(record(camera, seq))


def receive(inbox: Inbox) -> Delivery:
    """The next record; fails when none comes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (delivery := inbox.receive(0.5)) is not None:
            return delivery
    raise AssertionError(f"expected a record within {PATIENCE} s, none came")


def take(inbox: Inbox, count: int) -> list[Record]:
    """So many records, each done at once."""
    found = []
    for _ in range(count):
        delivery = receive(inbox)
        inbox.done(delivery)
        found.append(delivery.record)
    return found


def rest(inbox: Inbox) -> list[Record]:
    """All records up to the end of the stream, each done at once."""
    found: list[Record] = []
    while True:
        try:
            found += take(inbox, 1)
        except Closed:
            return found


def settled(outbox: Outbox, inbox: Inbox) -> Ledger:
    """Its ledger as soon as nothing is in flight; meanwhile the consumer asks for more, as a lane does."""

    def nothing_left() -> bool:
        with suppress(Closed):
            assert inbox.receive(0.0) is None
        ledger = outbox.ledger()
        return ledger.in_flight == ledger.spilled == 0

    eventually(nothing_left, "nothing in flight")
    return outbox.ledger()


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    """Run something beside the test; daemonic, so that a hanging one fails the test and not the run."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def joined(thread: threading.Thread) -> None:
    """Wait for its end."""
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"expected the thread to end within {PATIENCE} s"


def seqs(records: list[Record]) -> list[int]:
    """Numbers of the records that are no gaps."""
    return [one.seq for one in records if not isinstance(one, Gap)]


def missing(records: list[Record]) -> list[int]:
    """Numbers that the gaps cover, in the order told."""
    return [seq for one in records if isinstance(one, Gap) for seq in range(one.seq, one.last + 1)]
