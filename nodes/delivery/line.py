"""What all sinks with an outbox do with what comes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from nodes.sinks.events import encode, event
from nodes.sinks.room import room
from pipeline.disk import Limits
from pipeline.node import Batch
from pipeline.records import Gap, Verdict

if TYPE_CHECKING:
    from nodes.delivery.channel import Channel
    from nodes.delivery.dispatcher import Dispatcher
    from nodes.delivery.envelope import Entry
    from nodes.delivery.outbox import Outbox

Least = Literal["PASS", "WARN", "FAIL"]
Most = Annotated[int, Meta(ge=1, le=10_000_000, description="messages")]
Consumers = Annotated[tuple[str, ...], Meta(max_length=16, description="names of consumers")]
Topic = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^+#\x00]+$", description="levels of a topic")]
Source = Annotated[str, Meta(min_length=1, max_length=200, description="name of the line")]
Broker = Annotated[str, Meta(pattern=r"^mqtts?://[^/]+/?$", description="mqtt(s) URL")]
Keepalive = Annotated[int, Meta(ge=1, le=3600, description="s")]
QUICK = Batch(records=256, seconds=0.02)  # a commit takes some milliseconds; consumers wait for the next one
BALLAST = 1 << 20  # bytes
BELOW: dict[Least, tuple[str, ...]] = {"PASS": (), "WARN": ("PASS",), "FAIL": ("PASS", "WARN")}


class Wanted(Struct, frozen=True, kw_only=True):
    """What a sink tells, and where it keeps that meanwhile.

    Attributes:
        outbox: The file of its outbox.
        backlog: Most messages in it.
        least: Mildest outcome that is told.
        alarms: File of events of an `alarms` node on this host, or None.
        every: Whether all events of that file are told; else those of alarms alone.
        confirm: Consumers whose receipts decide what is delivered.
        patience: How long the end of the line may wait for consumers, s.
    """

    outbox: str
    backlog: int
    least: Least = "PASS"
    alarms: str | None = None
    every: bool = False
    confirm: tuple[str, ...] = ()
    patience: float = 2.0


def carry(name: str, batches: Iterator[list[Verdict | Gap]], wanted: Wanted, channel: Callable[[], Channel]) -> None:
    """Put what is told into an outbox, and let a dispatcher take it from there; neither waits for the other.

    Raises:
        OSError: If the disk refuses: what was to be written waits at its producers.
    """
    file = Path(wanted.outbox)
    mine = room(name, file.parent, file.with_name(f".{file.name}.ballast"), BALLAST, Limits())
    with ExitStack() as stack:
        with mine.writing():
            outbox, dispatcher = begin(name, wanted, channel(), stack)
        for batch in batches:
            entries = [entry(record) for record in batch if is_told(record, wanted.least)]
            with mine.writing():
                outbox.append(entries)
                mine.warn()
            dispatcher.wake()


def entry(record: Verdict | Gap) -> Entry:
    """What is told of a record."""
    from nodes.delivery.envelope import Entry

    told = event(record)
    return Entry(told.id, "verdict", told.camera, told.time, encode(told))


def begin(name: str, wanted: Wanted, channel: Channel, stack: ExitStack) -> tuple[Outbox, Dispatcher]:
    """A sink's outbox, and what takes messages out of it; a line that is only checked loads neither.

    Raises:
        OSError: If the disk refuses.
    """
    from nodes.delivery.dispatcher import Dispatcher
    from nodes.delivery.following import Follower
    from nodes.delivery.outbox import Outbox

    path = Path(wanted.outbox)

    def connection(*, durable: bool = True, check: bool = False) -> Outbox:
        return Outbox(path, wanted.backlog, wanted.confirm, durable=durable, check=check)

    outbox = connection(check=True)
    stack.callback(outbox.close)
    dispatcher = Dispatcher(
        connection(durable=False), channel, name=name, confirm=wanted.confirm, patience=wanted.patience
    )
    stack.enter_context(dispatcher)
    if wanted.alarms:
        follower = Follower(Path(wanted.alarms), connection(), dispatcher.wake, every=wanted.every)
        stack.enter_context(follower)
    return outbox, dispatcher


def is_told(record: Verdict | Gap, least: Least) -> bool:
    """Whether a consumer is told of a record: what was not inspected always, the rest from an outcome on."""
    return isinstance(record, Gap) or record.outcome not in BELOW[least]
