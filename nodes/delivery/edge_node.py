"""An edge node of Sparkplug B 3.0 as a way to consumers. docs/consumers.md says what it publishes when."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import chain

import msgspec

from nodes.delivery.broker import Access, Broker, Publication, name
from nodes.delivery.channel import Listener, Receipt
from nodes.delivery.envelope import Message
from nodes.delivery.metrics import OUTBOX, VERDICT, device, metrics, milliseconds, names, unknown
from nodes.delivery.outbox import Outbox
from nodes.delivery.sparkplug_b import Metric, PayloadError, Type, commands, payload
from nodes.sinks.events import iso
from nodes.sinks.room import log
from pipeline.clock import line_time

SPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
RECEIPT = "Receipts/"
BD_SEQ = "bdSeq"
TURN = 256  # values of `seq` and of `bdSeq`


class State(msgspec.Struct, frozen=True):
    """What a host application says of itself.

    Attributes:
        online: Whether it is there.
    """

    online: bool


_state = msgspec.json.Decoder(State).decode


class EdgeNode:
    """A channel that is an edge node, with a device for each camera.

    Args:
        access: The broker.
        group: Its group id.
        node: Its own id in that.
        host: Id of the primary host, without which nothing is published; empty where there is none.
        confirm: Consumers that write how far they came, with a command to `Receipts/NAME`.
    """

    most = 64

    def __init__(self, access: Access, group: str, node: str, host: str = "", confirm: Sequence[str] = ()) -> None:
        self._access, self._group, self._node, self._host = access, group, node, host
        self._confirm, self._source = confirm, f"{group}/{node}"
        self._broker: Broker | None = None
        self._listener: Listener | None = None
        self._rebirth, self._online = threading.Event(), threading.Event()
        self._seq = self._missed = 0

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:  # noqa: ARG002 - births tell every state
        """Connect under a new `bdSeq`, wait for the primary host, and be born with how everything is."""
        self._outbox, self._listener = outbox, listener
        self._bd_seq = (int(outbox.fact(BD_SEQ, -1)) + 1) % TURN
        outbox.note([(BD_SEQ, self._bd_seq)])
        self._rebirth.clear()
        self._online.clear()
        hear = {f"{SPACE}/{self._group}/NCMD/{self._node}": self._obey}
        if self._host:
            hear[f"{SPACE}/STATE/{self._host}"] = self._greet
        self._broker = Broker(self._access, f"kensa-{outbox.stream}", will=self._death(), hear=hear, lost=listener.wake)
        if self._host and not self._online.wait(self._access.timeout):
            raise ConnectionError(f"the primary host {self._host} is not online at {self._access.url}")
        self._missed = outbox.last if self._host else 0  # what came while the host was waited for is history as well
        self._bear()

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Publish what a message says; first a new birth, where it speaks of what no birth has named."""
        assert self._broker
        self.tend()
        if not all(map(self._named, messages)):
            self._bear()
        for message in messages:
            told = metrics(message, self._source, historical=message.sequence <= max(history, self._missed))
            self._publish("DATA", device(message), told)
        self._broker.settle()

    def tend(self) -> None:
        """Be born anew where a host asks for it; stop where the primary host is gone."""
        assert self._broker
        self._broker.check()
        if self._host and not self._online.is_set():
            raise ConnectionError(f"the primary host {self._host} has gone offline")
        if self._rebirth.is_set():
            self._rebirth.clear()
            self._bear()

    def close(self, *, ended: bool) -> None:
        """Die in order: the broker would not tell of it, for whoever says goodbye leaves no will."""
        if self._broker is None:
            return
        try:
            if self._broker.alive:
                self._broker.publish([self._death()])
        except OSError as error:
            log().warning("could not say that the edge node is gone", error=str(error), ended=ended)
        self._broker.leave()
        self._broker = None

    def _bear(self) -> None:
        """NBIRTH with `seq` 0, then a DBIRTH for each camera, with every metric that they will ever tell."""
        self._seq, now = 0, milliseconds(iso(line_time.now_ns()))
        current: dict[str, list[Message]] = {"": []}
        for message in self._outbox.current():
            current.setdefault(device(message), []).append(message)
        self._known = {(each.entry.kind, each.entry.subject) for each in chain(*current.values())}
        for camera, messages in current.items():
            types = {**OUTBOX, **(VERDICT if camera else {})}
            for each in messages:
                types |= names(each)
            told = self._present(messages, types, now)
            self._publish("BIRTH", camera, told if camera else [*self._control(now), *told])

    def _present(self, current: Sequence[Message], types: dict[str, Type], now: int) -> list[Metric]:
        """The newest value of each metric."""
        values = {each.name: each for message in current for each in metrics(message, self._source)}
        return [values.get(known.name, known) for known in unknown(types, now)]

    def _control(self, now: int) -> list[Metric]:
        receipts = [
            Metric(f"{RECEIPT}{consumer}", "UInt64", self._outbox.place(consumer), now) for consumer in self._confirm
        ]
        stream = Metric("Outbox/Stream", "String", self._outbox.stream, now)
        return [Metric(BD_SEQ, "Int64", self._bd_seq, now), Metric(REBIRTH, "Boolean", False, now), stream, *receipts]

    def _publish(self, what: str, camera: str, told: Sequence[Metric]) -> None:
        assert self._broker
        topic = f"{SPACE}/{self._group}/{'D' if camera else 'N'}{what}/{self._node}{camera and f'/{name(camera)}'}"
        now = milliseconds(iso(line_time.now_ns()))
        self._broker.publish([Publication(topic, payload(told, now, self._seq), qos=0)])
        self._seq = (self._seq + 1) % TURN

    def _death(self) -> Publication:
        now = milliseconds(iso(line_time.now_ns()))
        said = payload([Metric(BD_SEQ, "Int64", self._bd_seq, now)], None, None)
        return Publication(f"{SPACE}/{self._group}/NDEATH/{self._node}", said)

    def _named(self, message: Message) -> bool:
        """Whether a birth has named what it says."""
        return message.entry.kind == "dropped" or (message.entry.kind, message.entry.subject) in self._known

    def _obey(self, _: str, data: bytes) -> None:
        assert self._listener
        try:
            wanted = commands(data)
        except PayloadError as error:
            log().warning("not a command of Sparkplug", error=str(error))
            return
        if wanted.get(REBIRTH) is True:
            self._rebirth.set()
        for told, value in wanted.items():
            if told.startswith(RECEIPT) and isinstance(value, int):
                self._listener.receive(Receipt(told.removeprefix(RECEIPT), self._outbox.stream, value))
        self._listener.wake()

    def _greet(self, _: str, data: bytes) -> None:
        try:
            online = _state(data).online
        except msgspec.MsgspecError as error:
            log().warning("not a state of a host", host=self._host, error=str(error))
            return
        (self._online.set if online else self._online.clear)()
        if self._listener:
            self._listener.wake()
