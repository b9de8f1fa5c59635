"""Tell the plant what went wrong: a file of events, and a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from nodes.sinks.counting import count
from nodes.sinks.events import encode, event
from nodes.sinks.journal import Journal
from nodes.sinks.room import log, room
from pipeline.disk import Limits
from pipeline.node import Batch, node
from pipeline.records import Gap, Verdict
from pipeline.units import Count, Seconds, Url

if TYPE_CHECKING:
    from nodes.alarming.keeper import Keeper, Put
    from nodes.sinks.courier import Courier
    from pipeline.located import Document

Least = Literal["WARN", "FAIL"]
BALLAST = 1 << 20  # bytes: room for two thousand events on a disk that others have filled
BELOW: dict[Least, tuple[str, ...]] = {"WARN": ("PASS",), "FAIL": ("PASS", "WARN")}


def _book(path: str) -> Document:
    """See `read_alarms`; a line without an alarm book does not load what reads one."""
    from nodes.alarming.book import read_alarms

    return read_alarms(path)


AlarmBook = Annotated[str, Meta(description="a file", extra={"beside": True, "read": _book})]


@node(batch=Batch(records=256, seconds=0.2))
def alarms(
    batches: Iterator[list[Verdict | Gap]],
    *,
    path: str,
    book: AlarmBook | None = None,
    url: Url | None = None,
    least: Least = "FAIL",
    timeout: Seconds = 2.0,
    backlog: Count = 10_000,
    patience: Seconds = 2.0,
) -> None:
    """Write an event for every verdict that somebody must hear of, and post it to a webhook.

    An event is one JSON object on a line of its own, on the disk before the next records are taken.
    What was not inspected (NO_READ, gaps) is always told. The webhook is asked in order and again
    until it answers, and never holds up the file; each request carries the event's id as
    `Idempotency-Key`. Events that cannot be delivered are kept in `<path>.undelivered.jsonl`.

    What a full disk refuses waits at its producers and is written when there is room again. Each line
    ends with a checksum; torn and rotten lines are kept in `<path>.damaged` and never sent.

    With an alarm book, alarms have a life after ISA-18.2 / IEC 62682: each of their steps is an event as well, and
    people answer with `kensa alarm`. What happened to them stands in `<path>.alarms`, chained row by row, and is where
    the next start goes on. See docs/alarms.md.

    Args:
        path: File of events, one JSON object per line.
        book: The alarm book; a relative path starts at the folder of the topology.
        url: Where to post each event; nowhere if it is not given.
        least: Mildest outcome that is told: `FAIL`, or `WARN` as well.
        timeout: Longest wait for an answer of the webhook.
        backlog: Most events that may wait for the webhook; beyond it the oldest are set aside.
        patience: How long the end of the line may wait for the webhook.
    """
    file = Path(path)
    mine = room("alarms", file.parent, file.with_name(f".{file.name}.ballast"), BALLAST, Limits())
    with ExitStack() as stack:
        with mine.writing():
            journal = _opened(file)
            courier = stack.enter_context(_courier(journal, url, timeout, backlog, patience))
            put = _putting(journal, courier)
            keeper = stack.enter_context(_keeper(book, file, put))
        for batch in batches:
            lines = [encode(event(record)) for record in batch if _told(record, least)]
            with mine.writing():
                if keeper:
                    keeper.hear(batch, lines)
                else:
                    put(lines)
                mine.warn()
            count(batch)


def _putting(journal: Journal, courier: Courier | None) -> Put:
    """What writes events, and wakes the courier; any thread may."""
    lock = Lock()

    def put(lines: list[bytes]) -> None:
        with lock:
            journal.append(lines)
        if courier:
            courier.tell(len(lines))

    return put


def _keeper(book: str | None, file: Path, put: Put) -> AbstractContextManager[Keeper | None]:
    if book is None:
        return nullcontext()
    from nodes.alarming.book import open_alarms  # only a line with an alarm book pays for it
    from nodes.alarming.keeper import Keeper

    return Keeper(open_alarms(book), file.with_name(f"{file.name}.alarms"), put)


def _opened(path: Path) -> Journal:
    journal = Journal(path)
    if journal.torn:
        log().warning("a torn event was set aside; its sender sends it again", kept_in=str(journal.damaged))
    return journal


def _told(record: Verdict | Gap, least: Least) -> bool:
    return isinstance(record, Gap) or record.outcome not in BELOW[least]


def _courier(
    journal: Journal, url: str | None, timeout: float, backlog: int, patience: float
) -> AbstractContextManager[Courier | None]:
    if not url:
        return nullcontext()
    from nodes.sinks.courier import Courier  # an HTTP client costs 8 MB: only a line with a webhook pays
    from nodes.sinks.post import poster

    return Courier(journal, poster(url, timeout), backlog=backlog, patience=patience)
