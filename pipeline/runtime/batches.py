"""A node that reads lists: what waits for its batch, and what becomes of a batch that it could not take."""

from __future__ import annotations

from msgspec import Struct

from pipeline.node import Batch
from pipeline.records import Record
from pipeline.runtime.step import Calls, Stream
from pipeline.runtime.turn import Turn


class Waiting(Struct, frozen=True):
    """A record in an open batch.

    Attributes:
        record: The record.
        turn: The lane's turn that brought it.
        origin_ns: When it came about, ns of `time.monotonic_ns`.
    """

    record: Record
    turn: int
    origin_ns: int


class Pending(Struct):
    """A micro-batch that is still open.

    Attributes:
        deadline_ns: When it is handed over next, full or not.
        waiting: What is in it so far, oldest first.
        resting: The world was in the way when it was handed over; only its deadline counts now.
    """

    deadline_ns: int
    waiting: list[Waiting] = []
    resting: bool = False

    @property
    def turn(self) -> int:
        """The lane's turn that brought its first record."""
        return self.waiting[0].turn


class Batches(Stream):
    """A node that reads an iterator of lists: records wait here until their batch is full or its time is up.

    Where it raises an `OSError` (a full disk, a server that does not answer) the world is in the way: nothing is
    lost, the batch waits and is handed over again. Where it raises anything else a record is at fault: the batch is
    halved until the culprits stand alone, and only they are lost. A node must therefore bear to see a record twice.

    Attributes:
        pending: The open batch of each run.
        settled_ns: When the records of handed-over batches came about; whoever measures ages empties it.
        lost: Turns that brought the records the last exception was about.
        again: What is still pending at the end is given to somebody else: to who takes its place, or, by a producer
            that keeps it on disk, to its next incarnation.
    """

    def __init__(self, node: str, calls: Calls, *, per: bool, batch: Batch, turn: Turn) -> None:
        super().__init__(node, calls, per=per)
        self._batch, self._turn = batch, turn
        self.pending: dict[str, Pending] = {}
        self.settled_ns: list[int] = []
        self.lost: list[int] = []
        self.again = False

    def push(self, record: Record, outs: list[Record]) -> None:
        """Put a record into the batch of its run, and hand the batch over when that filled it."""
        key = record.camera if self._per else ""
        batch = self.pending.get(key)
        if batch is None:
            batch = self.pending[key] = Pending(self._turn.now() + round(self._batch.seconds * 1e9))
        batch.waiting.append(Waiting(record, self._turn.number, self._turn.origin_ns))
        if len(batch.waiting) >= self._batch.records and not batch.resting:
            self.flush(key, outs)

    def flush(self, key: str, outs: list[Record]) -> None:
        """Hand over what waits, full or not.

        When this returns, the node has asked for more: it is done with it.

        Raises:
            OSError: The world is in the way; what was not taken is still pending, and rests.
            Exception: What the node raised; the culprits are out of the batch, everybody else was taken.
        """
        waiting = self.pending[key].waiting
        culprits, failure = self._hand_over(key, waiting, outs)
        if waiting:
            self.pending[key].resting = True
        else:
            del self.pending[key]
        if failure is not None:
            self.culprits = [culprit.record for culprit in culprits]
            self.lost = [culprit.turn for culprit in culprits]
            raise failure

    def rest(self, until_ns: int) -> None:
        """Batches that the world is in the way of are handed over again at `until_ns`."""
        for batch in self.pending.values():
            if batch.resting:
                batch.deadline_ns = until_ns

    def runs(self) -> tuple[str, ...]:
        """The runs that have begun, and those that wait for their first batch."""
        return tuple(dict.fromkeys((*self._runs, *self.pending)))

    def end(self, key: str, outs: list[Record]) -> None:
        """Hand over what waits, then flush the run; what the world is in the way of even now is lost."""
        if key in self.pending:
            try:
                self.flush(key, outs)
            except OSError:
                if self.again:
                    raise
                given_up = self.pending.pop(key).waiting
                self.culprits = [waiting.record for waiting in given_up]
                self.lost = [waiting.turn for waiting in given_up]
                raise
        super().end(key, outs)

    def _hand_over(
        self, key: str, waiting: list[Waiting], outs: list[Record]
    ) -> tuple[list[Waiting], Exception | None]:
        """Empty `waiting` from the front, as far as the world lets; returns the culprits, and the last failure."""
        culprits: list[Waiting] = []
        failure: Exception | None = None
        sizes = [len(waiting)]
        while sizes:
            size = sizes.pop()
            records = [one.record for one in waiting[:size]]
            try:
                self.run(key, outs).resume(records)
            except Exception as error:  # noqa: BLE001 - a node may raise anything
                self.blame(key, records, error)
                failure = error
                if isinstance(error, OSError):
                    break
                if size > 1:
                    sizes += [size - size // 2, size // 2]
                    continue
                culprits.append(waiting[0])
            else:
                self.settled_ns += [one.origin_ns for one in waiting[:size]]
            del waiting[:size]
        return culprits, failure
