"""What a PLC is to acknowledge, on the disk until it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nodes.delivery.line import BALLAST, entry
from nodes.sinks.calls import Calls
from nodes.sinks.entries import Entries
from nodes.sinks.room import Room, room
from pipeline.disk import Limits
from pipeline.notices import board
from pipeline.records import Gap, Verdict

if TYPE_CHECKING:
    from nodes.delivery.outbox import Outbox


class Kept:
    """Keeps records, and shows them in the list to acknowledge.

    Args:
        outbox: Where they are kept.
        entries: The list.
        mine: The room on its disk.
    """

    def __init__(self, outbox: Outbox, entries: Entries, mine: Room) -> None:
        self._outbox, self.entries, self._room = outbox, entries, mine
        self._lost = outbox.dropped

    def put(self, records: Sequence[Verdict | Gap]) -> None:
        """Keep some; they are on the disk then.

        Raises:
            OSError: If the disk refuses.
        """
        with self._room.writing():
            self._outbox.append([entry(record) for record in records])
            self._room.warn()
            self.entries.look()
        if (lost := self._outbox.dropped - self._lost) > 0:
            text = f"modbus: {lost:,} entries of {self._outbox.path} were dropped before the PLC acknowledged them"
            board.raise_(f"modbus {self._outbox.path} dropped", f"{text}: look whether it does; it is told which")


@contextmanager
def keeping(cameras: Sequence[str], path: str, alarms: str | None, backlog: int, calls: Calls) -> Iterator[Kept]:
    """Open what is kept; steps of alarms come into the list by themselves.

    Args:
        cameras: Names in the order of their places.
        path: The outbox.
        alarms: File of events of an `alarms` node, or None.
        backlog: Most entries.
        calls: Is told how alarms are.

    Raises:
        OSError: If the disk refuses.
    """
    from nodes.delivery.following import Follower  # a line that is only checked loads no SQLite
    from nodes.delivery.outbox import Outbox

    file = Path(path)
    mine = room("modbus", file.parent, file.with_name(f".{file.name}.ballast"), BALLAST, Limits())
    with ExitStack() as stack:
        with mine.writing():
            outbox = stack.enter_context(closing(Outbox(file, backlog)))
            shown = stack.enter_context(closing(Outbox(file, backlog, durable=False, check=False)))
            entries = Entries(cameras, shown, calls)
            if alarms:
                followed = Outbox(file, backlog, check=False)
                stack.enter_context(Follower(Path(alarms), followed, entries.look))
        yield Kept(outbox, entries, mine)
