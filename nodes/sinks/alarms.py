"""Tell the plant what went wrong: a file of events, and a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nodes.sinks.events import encode, event
from nodes.sinks.journal import Journal
from nodes.sinks.room import log, room
from pipeline.disk import Limits
from pipeline.node import Batch, node
from pipeline.records import Gap, Verdict
from pipeline.units import Count, Seconds, Url

if TYPE_CHECKING:
    from nodes.sinks.courier import Courier

Least = Literal["WARN", "FAIL"]
BALLAST = 1 << 20  # bytes: room for two thousand events on a disk that others have filled
BELOW: dict[Least, tuple[str, ...]] = {"WARN": ("PASS",), "FAIL": ("PASS", "WARN")}


@node(batch=Batch(records=256, seconds=0.2))
def alarms(
    batches: Iterator[list[Verdict | Gap]],
    *,
    path: str,
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

    Args:
        path: File of events, one JSON object per line.
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
        for batch in batches:
            lines = [encode(event(record)) for record in batch if _told(record, least)]
            with mine.writing():
                journal.append(lines)
                mine.warn()
            if courier:
                courier.tell(len(lines))


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
