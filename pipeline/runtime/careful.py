"""Which record a lane was at work on when its process crashed: the next run tells that one as a gap and goes on.

What was not done is sent again, so a record that kills its node would kill it for ever. A process that has crashed is
therefore started carefully: it notes each record before it is worked on, where the note outlives it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pipeline.errors import KensaError
from pipeline.notices import board
from pipeline.plan import Edge, Lane
from pipeline.records import Gap, Record
from pipeline.runtime import gaps
from pipeline.transport.channel import Delivery, Inbox

FOLDER = "work"
NOTHING = bytes(4)
Work = tuple[str, str, int]  # edge, producer, number

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Work).decode


class Careful:
    """An inbox that notes what it hands out, and hands out a gap for what the process before this one died of.

    Args:
        inbox: What feeds the lane.
        lane: The lane; it works on one record at a time.
        state: Folder of what outlives the line.

    Raises:
        KensaError: If nothing can be noted there.
    """

    def __init__(self, inbox: Inbox, lane: Lane, state: Path) -> None:
        self._inbox, self._node = inbox, lane.runs[0].node
        self.gathering = inbox.gathering
        path = state / FOLDER / lane.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._culprit = _read(self._file)
            os.pwrite(self._file, NOTHING, 0)
        except OSError as error:
            raise KensaError(f"cannot note what lane '{lane.name}' works on: {error}") from error

    def receive(self, timeout: float) -> Delivery | None:
        """The next record, noted; a gap for the one that the last process died of.

        Raises:
            Closed: When every edge has ended.
        """
        delivery = self._inbox.receive(timeout)
        if delivery is None or not delivery.number:
            return delivery
        work = (delivery.edge, delivery.producer, delivery.number)
        if work == self._culprit:
            return replace(delivery, record=self._spared(delivery.record))
        note = _encode(work)
        os.pwrite(self._file, len(note).to_bytes(4, "big") + note, 0)
        return delivery

    def done(self, delivery: Delivery, refused: str = "") -> None:
        """The lane has finished with a record, and lives."""
        os.pwrite(self._file, NOTHING, 0)
        self._inbox.done(delivery, refused)

    def finish(self) -> None:
        """Do not wait for producers that have not ended."""
        self._inbox.finish()

    def received(self) -> dict[str, int]:
        """Per edge the highest number received from its current producer."""
        return self._inbox.received()

    def admit(self, edge: Edge) -> None:
        """Take from this edge, too."""
        self._inbox.admit(edge)

    def dismiss(self, edge: str) -> None:
        """Forget an edge by which nothing more will come."""
        self._inbox.dismiss(edge)

    def over(self, edge: str) -> bool:
        """Whether an edge's producer has said that no more will come."""
        return self._inbox.over(edge)

    def close(self) -> None:
        """Give up the address."""
        self._inbox.close()
        os.close(self._file)

    def _spared(self, record: Record) -> Gap:
        """What is told instead of a record that nobody survived."""
        board.raise_(
            f"spared {self._node} {record.camera}",
            f"node '{self._node}' crashed twice on camera '{record.camera}', session '{record.session}', "
            f"seq {record.seq}: that record was left out and told as a gap",
        )
        return gaps.failed(record, self._node)


def careful(inbox: Inbox, lane: Lane, state: str) -> Inbox:
    """The inbox with a memory; as it is where there is nothing to write on: the lane shall run all the same."""
    try:
        return Careful(inbox, lane, Path(state)) if state else inbox
    except KensaError as error:
        board.raise_(f"careful {lane.name}", str(error))
        return inbox


def _read(file: int) -> Work | None:
    held = os.pread(file, 1 << 16, 0)
    size = int.from_bytes(held[:4], "big")
    try:
        return _decode(held[4 : 4 + size]) if size else None
    except msgspec.DecodeError:
        return None
