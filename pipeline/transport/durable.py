"""The producer's end of a durable edge: what its consumer cannot take goes to disk, and is sent from there."""

from __future__ import annotations

import time

from pipeline import codec
from pipeline.plan import Edge
from pipeline.transport.channel import Ledger
from pipeline.transport.context import Context
from pipeline.transport.item import Item
from pipeline.transport.keeper import Keeper
from pipeline.transport.zeromq import ZeromqOutbox

GRACE_S = 1.0  # seconds that a consumer may be away before all that waits for it goes to disk
SPILL_S = 3.0  # seconds that writing the rest may take when the edge is closed


class DurableOutbox(ZeromqOutbox):
    """An outbox over ZeroMQ that never waits for its consumer and drops nothing that a disk can hold."""

    def __init__(self, edge: Edge, incarnation: str, context: Context) -> None:
        super().__init__(edge, incarnation, context)
        self._writer = context.writer
        self._keeper = Keeper(edge, context.state, self._lock)
        self._flow = self._backlog = self._keeper.backlog
        self._seen = time.monotonic()  # when there last was a consumer, or nothing for it
        self._writer.add(self._keeper)

    def close(self, timeout: float, *, ends: bool = True) -> Ledger:
        """End the edge: deliver what waits, at most for `timeout` seconds; the rest stays on disk."""
        super().close(timeout, ends=ends)
        self._writer.remove(self._keeper)
        return self.ledger()

    def _content(self) -> bool:
        return self._backlog.idle and super()._content()

    def _hold(self, item: Item) -> bool:
        """Past the bounds of the queue: what gathers is far below them."""
        self._backlog.join(item)
        self._flow.queue.put(item)
        return True

    def _enqueue(self, item: Item) -> None:
        """Take a record into the queue; what is too much there goes to disk."""
        if item.size > codec.MAX_BYTES:
            self._flow.queue.turn_away(item, "oversized")
        elif self._closed:
            self._flow.queue.turn_away(item, "shutdown")
        else:
            self._flow.offer(item, time.monotonic())
            self._advance()

    def _advance(self) -> None:
        super()._advance()
        now = time.monotonic()
        if self._linked:
            self._seen = now
        self._backlog.look(now, away=now - self._seen >= GRACE_S)
        if not self._backlog.idle or self._backlog.disk == "unknown":
            self._writer.wake(self._keeper, self._keeper.wish)

    def _leave(self, ends: bool) -> None:
        self._closed = True
        if not self._over(ends):
            self._spill()
        super()._leave(ends)

    def _spill(self) -> None:
        """Let all that is not done go to disk, and wait until it is there."""
        until, backlog, written = time.monotonic() + SPILL_S, self._backlog, False
        while time.monotonic() < until and backlog.disk != "ill":
            if backlog.disk == "well" and not written:
                backlog.stage()
                written = True
            if written and not backlog.staged:
                return
            self._writer.wake(self._keeper, 0.0)
            self._keeper.changed.wait(0.1)
