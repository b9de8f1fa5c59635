"""The beginnings of all edges that leave a process, over everything that gives to them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from pipeline.plan import Edge
from pipeline.runtime.health import EdgeHealth
from pipeline.runtime.ledger import followed
from pipeline.transport.channel import Ledger, Opening
from pipeline.transport.connect import Context, open_outbox


class Exits:
    """Openinges by the name of their edge; one that was closed and opened again goes on counting.

    Attributes:
        open: The edges that are open now.
    """

    def __init__(self, incarnation: str, context: Context) -> None:
        self._incarnation, self._context = incarnation, context
        self._lock = threading.Lock()
        self._times: Counter[str] = Counter()
        self.open: dict[str, Edge] = {}
        self._boxes: dict[str, list[Opening]] = {}

    def take(self, edge: Edge) -> Opening:
        """The outbox of an edge, with its bounds as they are now; opened where it is not.

        Raises:
            KensaError: If it cannot be opened.
        """
        with self._lock:
            before = self.open.get(edge.name)
            if before is None:
                self._boxes.setdefault(edge.name, []).append(open_outbox(edge, self._name(edge.name), self._context))
            box = self._boxes[edge.name][-1]
            if before is not None and before.queue != edge.queue:
                box.retune(edge.queue)
            self.open = {**self.open, edge.name: edge}
            return box

    def spent(self, edges: Iterable[str]) -> None:
        """Their lane has closed them."""
        with self._lock:
            gone = {*edges}
            self.open = {name: edge for name, edge in self.open.items() if name not in gone}

    def shut(self, edge: str, timeout: float, *, ends: bool) -> None:
        """Close one, within so many seconds."""
        with self._lock:
            box = self._boxes[edge][-1]
        box.close(timeout, ends=ends)
        self.spent([edge])

    def forget(self, kept: Iterable[str]) -> None:
        """No longer account for edges that are closed and that nobody gives to any more."""
        with self._lock:
            named = {*kept, *self.open}
            self._boxes = {name: boxes for name, boxes in self._boxes.items() if name in named}

    def pump(self) -> None:
        """Carry on with what waits."""
        for boxes in [*self._boxes.values()]:
            boxes[-1].pump()

    def ends(self) -> list[tuple[Edge, Opening]]:
        """Every edge that is open, with its outbox."""
        with self._lock:
            return [(edge, self._boxes[name][-1]) for name, edge in self.open.items()]

    def ledgers(self) -> tuple[EdgeHealth, ...]:
        """What became of everything so far."""
        with self._lock:
            boxes = {name: [*some] for name, some in self._boxes.items()}
        return tuple(EdgeHealth(edge=name, ledger=_sum(some)) for name, some in boxes.items())

    def close(self, timeout: float) -> None:
        """Close what is still open, all side by side."""
        closing = [threading.Thread(target=self.shut, args=(e, timeout), kwargs={"ends": True}) for e in self.open]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _name(self, edge: str) -> str:
        """A consumer tells one opening of an edge from the next by the incarnation."""
        again = self._times[edge]
        self._times[edge] += 1
        return f"{self._incarnation}+{again}" if again else self._incarnation


def _sum(boxes: Iterable[Opening]) -> Ledger:
    total = Ledger()
    for box in boxes:
        total = followed(total, box.ledger())
    return total
