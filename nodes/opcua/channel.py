"""The way from an outbox to OPC UA clients: how things are as variables, what happens as events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import msgspec

from nodes.delivery.answers import RefusedError
from nodes.delivery.channel import Listener
from nodes.delivery.envelope import Message
from nodes.delivery.outbox import Outbox
from nodes.opcua.events import Events
from nodes.opcua.methods import Methods
from nodes.opcua.naming import Result, condition, result, states, step
from nodes.opcua.server import Running, Setting
from nodes.opcua.space import URI, Space
from pipeline.errors import KensaError
from pipeline.line import Opened, own
from pipeline.orders import Answer, Order

if TYPE_CHECKING:
    from asyncua import Server

LOOK_S = 1.0  # between two looks at how the line stands
REMEMBERED = 64  # events of an alarm that an acknowledgement may name


class Ua:
    """A channel that is a server: clients come to it.

    Args:
        setting: Where it listens, and for whom.
        reading: Opens another connection to the outbox, for what clients fetch.
        asks: Begins a conversation with the line.
    """

    most = 64

    def __init__(
        self, setting: Setting, reading: Callable[[], Outbox], asks: Callable[[], Opened | None] = own.ask
    ) -> None:
        self._setting, self._reading, self._asks = setting, reading, asks
        self._running: Running | None = None
        self._newest: dict[tuple[str, str], int] = {}  # what is shown: camera or alarm → its number
        self._spoken: dict[str, dict[bytes, str]] = {}  # alarm → its last events → the occurrence each speaks of
        self._looked = 0.0
        self._stack = ExitStack()

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:  # noqa: ARG002 - every state is shown
        """Listen, and show how cameras and alarms are."""
        if self._running is None:
            self._stack = ExitStack()
            self._read = self._reading()
            self._stack.callback(self._read.close)
            opened = self._asks()
            self._asking = self._stack.enter_context(opened) if opened else None
            self._running = Running(self._setting, lambda server: self._build(server, outbox.stream, listener))
        for message in outbox.current():
            self._show(message, event=False, historical=False)
        self._look()

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Show what is new, and tell subscribers of everything."""
        for message in messages:
            self._show(message, event=True, historical=message.sequence <= history)

    def tend(self) -> None:
        """Show how the line stands, now and then."""
        if time.monotonic() - self._looked >= LOOK_S:
            self._look()

    def close(self, *, ended: bool) -> None:
        """Stop listening, where the line has ended; after a failure clients are not sent away."""
        if self._running is not None and ended:
            with suppress(OSError):
                self._running.run(self._space.show_state(*states("ended", healthy=True), ()))
            self._running.stop()
            self._running = None
        if self._running is None:
            self._stack.close()

    async def _build(self, server: Server, stream: str, listener: Listener) -> None:
        index = await server.register_namespace(URI)
        self._space = Space(server, index, self._setting.line)
        await self._space.build()
        self._events = Events(server, self._space)
        await self._events.build(index)
        methods = Methods(
            self._space, give=self._give, occurrence=self._occurrence, read=self._read.read, find=self._find,
            receive=listener.receive, stream=stream, source=self._setting.line,
        )  # fmt: skip
        await methods.link(server)
        self._beating = asyncio.create_task(_beat(listener.wake))  # else the loop would forget it

    def _show(self, message: Message, *, event: bool, historical: bool) -> None:
        assert self._running
        entry = message.entry
        place = (entry.kind, entry.subject)
        fresh = message.sequence >= self._newest.get(place, 0)
        self._newest[place] = max(message.sequence, self._newest.get(place, 0))
        try:
            if entry.kind == "verdict":
                self._running.run(self._show_result(message, fresh=fresh, event=event, historical=historical))
            elif entry.kind == "alarm":
                self._running.run(self._show_step(message, fresh=fresh, event=event))
        except (msgspec.MsgspecError, ValueError) as error:
            raise RefusedError(f"expected an event, found {error}") from error

    async def _show_result(self, message: Message, *, fresh: bool, event: bool, historical: bool) -> None:
        found = self._result(message)
        if fresh:
            await self._space.show_result(found)
        if event:
            await self._events.tell_result(found, historical=historical)

    def _result(self, message: Message) -> Result:
        return result(message.entry.body, message.sequence, simulated=self._setting.simulated)

    def _find(self, name: str) -> Result | None:
        """The result of an id, as long as the outbox has it."""
        message = self._read.find(name)
        return self._result(message) if message and message.entry.kind == "verdict" else None

    async def _show_step(self, message: Message, *, fresh: bool, event: bool) -> None:
        told = step(message.entry.body)
        found = condition(told)
        spoken = self._spoken.setdefault(told.alarm, {})
        spoken[bytes.fromhex(told.id)] = told.occurrence
        while len(spoken) > REMEMBERED:
            spoken.pop(next(iter(spoken)))
        if fresh:
            await self._space.show_condition(told, found)
        if event or fresh:
            await self._events.tell_step(told, found)

    def _occurrence(self, alarm: str, event: bytes) -> str:
        return self._spoken.get(alarm, {}).get(event, "")

    def _look(self) -> None:
        assert self._running
        self._looked = time.monotonic()
        phase, faults = "running", tuple[str, ...]()
        if self._asking:
            standing = self._asking.stands()
            phase = standing.phase if standing else phase
            faults = standing.faults if standing else ("the line does not answer",)
        self._running.run(self._space.show_state(*states(phase, healthy=not faults), faults))

    def _give(self, order: Order) -> list[Answer]:
        opened = self._asks()
        if opened is None:
            raise KensaError("this server is part of no running line")
        with opened as asking:
            return asking.give(order)


async def _beat(wake: Callable[[], None]) -> None:
    """Have the channel tended to also while nothing comes."""
    while True:
        await asyncio.sleep(LOOK_S)
        wake()
