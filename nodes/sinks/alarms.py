"""Tell the plant what went wrong: a file of events, and a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from nodes.delivery.line import Most, Source, Wanted, begin
from nodes.sinks.counting import count
from nodes.sinks.events import encode, event
from nodes.sinks.journal import Journal
from nodes.sinks.room import log, room
from pipeline.disk import Limits
from pipeline.node import Batch, Flaw, node
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds, Url

if TYPE_CHECKING:
    from nodes.alarming.keeper import Keeper, Put
    from nodes.delivery.channel import Channel
    from pipeline.located import Document

Least = Literal["WARN", "FAIL"]
BALLAST = 1 << 20  # bytes: room for two thousand events on a disk that others have filled
BELOW: dict[Least, tuple[str, ...]] = {"WARN": ("PASS",), "FAIL": ("PASS", "WARN")}


def _book(path: str) -> Document:
    """See `read_alarms`; a line without an alarm book does not load what reads one."""
    from nodes.alarming.book import read_alarms

    return read_alarms(path)


AlarmBook = Annotated[str, Meta(description="a file", extra={"beside": True, "read": _book})]


def _check(params: Any) -> Iterator[Flaw]:
    """What means nothing alone."""
    for name in ("secret_file", "ca"):
        if getattr(params, name) and not params.url:
            yield Flaw((name,), f"{name}: expected a webhook's `url` with it, found none")


@node(batch=Batch(records=256, seconds=0.2), check=_check)
def alarms(
    batches: Iterator[list[Verdict | Gap]],
    *,
    path: str,
    book: AlarmBook | None = None,
    url: Url | None = None,
    source: Source = "kensa",
    secret_file: str = "",
    ca: str = "",
    least: Least = "FAIL",
    timeout: Seconds = 5.0,
    backlog: Most = 100_000,
    patience: Seconds = 2.0,
) -> None:
    """Write an event for every verdict that somebody must hear of, and post it to a webhook.

    An event is one JSON object on a line of its own, on the disk before the next records are taken.
    What was not inspected (NO_READ, gaps) is always told. With `url`, what is written goes on from an outbox,
    `<path>.outbox`, as from the sink `webhook`: numbered, signed where there is a secret, in order, again until it is
    answered. It never holds up the file. See docs/consumers.md.

    What a full disk refuses waits at its producers and is written when there is room again. Each line
    ends with a checksum; a torn line is kept in `<path>.damaged`, and no rotten one is ever sent.

    With an alarm book, alarms have a life after ISA-18.2 / IEC 62682: each of their steps is an event as well, and
    people answer with `kensa alarm`. What happened to them stands in `<path>.alarms`, chained row by row, and is where
    the next start goes on. See docs/alarms.md.

    Args:
        path: File of events, one JSON object per line.
        book: The alarm book; a relative path starts at the folder of the topology.
        url: Where to post each event; nowhere if it is not given.
        source: The line, as posted events name it.
        secret_file: File with the secret of the signatures, `whsec_` and base64; left out, posts are not signed.
        ca: File with the certificates to trust; left out, those of the system.
        least: Mildest outcome that is told: `FAIL`, or `WARN` as well.
        timeout: Longest wait for the connection to the webhook and for each part of an answer.
        backlog: Most events in the outbox; beyond it the oldest are dropped there, counted, and the webhook told.
        patience: How long the end of the line may wait for the webhook.
    """
    file = Path(path)
    mine = room("alarms", file.parent, file.with_name(f".{file.name}.ballast"), BALLAST, Limits())
    wanted = Wanted(outbox=f"{path}.outbox", backlog=backlog, alarms=path, every=True, patience=patience)
    with ExitStack() as stack:
        with mine.writing():
            journal = _opened(file)
            if url:
                begin("alarms", wanted, _hook(url, timeout, ca, source, secret_file), stack)
            put = _putting(journal)
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


def _hook(url: str, timeout: float, ca: str, source: str, secret_file: str) -> Channel:
    """The way to a webhook; an HTTP client costs 8 MB: only a line with one pays."""
    from nodes.delivery.posting import hook

    return hook(url, timeout, ca, source, secret_file)


def _putting(journal: Journal) -> Put:
    """What writes events; any thread may."""
    lock = Lock()

    def put(lines: list[bytes]) -> None:
        with lock:
            journal.append(lines)

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
