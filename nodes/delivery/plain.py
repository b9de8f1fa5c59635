"""Plain MQTT: an event as JSON, on topics that say what it is about. docs/consumers.md has the topics."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from nodes.delivery.answers import RefusedError
from nodes.delivery.broker import Access, Broker, Publication, name
from nodes.delivery.channel import Listener, Receipt
from nodes.delivery.envelope import Message, wrap
from nodes.delivery.outbox import Outbox
from nodes.sinks.room import log

LARGEST = 1 << 20  # bytes of one message
BATCH = 64
_receipt = msgspec.json.Decoder(Receipt).decode


class Status(Struct, frozen=True):
    """What `<topic>/status` says.

    Attributes:
        online: Whether the line is there.
        stream: Its outbox.
        last: The newest number of that when it came.
        dropped: How many messages its outbox had to drop, ever.
    """

    online: bool
    stream: str
    last: int
    dropped: int


class Plain:
    """A channel to a broker.

    Args:
        access: The broker.
        topic: What every topic begins with; also the source that envelopes name.
    """

    most = BATCH

    def __init__(self, access: Access, topic: str) -> None:
        self._access, self._topic = access, topic.strip("/")
        self._broker: Broker | None = None
        self._outbox: Outbox | None = None

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:  # noqa: ARG002 - every state is told
        """Connect; say that the line is there, and how its cameras and alarms are."""
        self._outbox = outbox

        def hear(_: str, payload: bytes) -> None:
            try:
                listener.receive(_receipt(payload))
            except msgspec.MsgspecError as error:
                log().warning("not a receipt", topic=f"{self._topic}/receipts", error=str(error))

        self._broker = Broker(
            self._access,
            f"kensa-{outbox.stream}",
            will=self._status(online=False),
            hear={f"{self._topic}/receipts/+": hear},
            lost=listener.wake,
        )
        self._broker.publish([self._status(online=True), *map(self._state, outbox.current())])

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Publish each event, and the newest of each camera and alarm as its state."""
        assert self._broker
        items, newest = list[Publication](), dict[str, Publication]()
        for message in messages:
            past = message.sequence <= history
            told = wrap(message, self._topic, historical=past)
            if len(told) > LARGEST:
                raise RefusedError(f"expected at most {LARGEST:,} bytes for a message, found {len(told):,}")
            items.append(Publication(f"{self._topic}/events/{_place(message)}", told))
            if not past and message.entry.kind != "dropped":
                newest[_place(message)] = self._state(message)
        self._broker.publish([*items, *newest.values()])

    def tend(self) -> None:
        """See that the connection stands."""
        assert self._broker
        self._broker.check()

    def close(self, *, ended: bool) -> None:
        """Leave; at the end of the line say that it is no more there."""
        if self._broker is None:
            return
        try:
            if ended and self._broker.alive:
                self._broker.publish([self._status(online=False)])
        except OSError as error:
            log().warning("could not say that the line has ended", error=str(error))
        self._broker.leave()
        self._broker = None

    def _status(self, *, online: bool) -> Publication:
        assert self._outbox
        said = Status(online, self._outbox.stream, self._outbox.last, self._outbox.dropped)
        return Publication(f"{self._topic}/status", msgspec.json.encode(said), retain=True)

    def _state(self, message: Message) -> Publication:
        return Publication(f"{self._topic}/state/{_place(message)}", wrap(message, self._topic), retain=True)


def _place(message: Message) -> str:
    return f"{message.entry.kind}/{name(message.entry.subject)}"
