"""Methods: what operators do about alarms, by the methods that OPC 10000-9 gives conditions, and what consumers fetch.

The library knows the methods and does nothing on them: what they do is ours. Each becomes an order that goes where
those of `kensa alarm` go, so that a client, the screen and a terminal are heard by the same journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nodes.delivery.channel import Receipt
from nodes.delivery.envelope import Message, wrap
from nodes.opcua.people import caller
from nodes.opcua.space import Space
from pipeline.errors import KensaError
from pipeline.orders import Answer, Order, Verb

if TYPE_CHECKING:
    from asyncua import Server

Give = Callable[[Order], Sequence[Answer]]
Read = Callable[[int, int], Sequence[Message]]
MOST = 1000  # events in one answer
VERBS: dict[str, tuple[Verb, str]] = {  # methods of types, by their names in namespace 0; what a refusal is called
    "AlarmConditionType_Reset": ("reset", "BadInvalidState"),
    "AlarmConditionType_Suppress": ("suppress", "BadInvalidState"),
    "AlarmConditionType_Unsuppress": ("unsuppress", "BadInvalidState"),
    "AlarmConditionType_RemoveFromService": ("remove", "BadInvalidState"),
    "AlarmConditionType_PlaceInService": ("restore", "BadInvalidState"),
}
SHELVES = ("AlarmConditionType_ShelvingState", "ShelvedStateMachineType")
ONCE_S = 3600.0  # longest that OneShotShelve hides an alarm
ACKNOWLEDGE = "AcknowledgeableConditionType_Acknowledge"


class Methods:
    """What methods do; all of it happens in the server's loop, but orders, which wait for the line.

    Args:
        space: The address space.
        give: Has an order carried out; may raise KensaError.
        occurrence: The occurrence that an event of an alarm speaks of; empty where it is not known.
        read: Messages of the outbox after a number.
        receive: Takes a consumer's receipt.
        stream: Name of the outbox.
        source: Name of the line.
    """

    def __init__(
        self,
        space: Space,
        *,
        give: Give,
        occurrence: Callable[[str, bytes], str],
        read: Read,
        receive: Callable[[Receipt], None],
        stream: str,
        source: str,
    ) -> None:
        self._space, self._give, self._occurrence = space, give, occurrence
        self._read, self._receive, self._stream, self._source = read, receive, stream, source

    async def link(self, server: Server) -> None:
        """Give the library's methods something to do, and make our own."""
        from asyncua import ua

        def bind(name: str, does: Callable[..., Any]) -> None:
            server.link_method(server.get_node(ua.NodeId(getattr(ua.ObjectIds, name))), does)

        bind(ACKNOWLEDGE, self._acknowledge)
        for name in SHELVES:
            bind(f"{name}_TimedShelve", self._shelve)
            bind(f"{name}_OneShotShelve", self._shelve_once)
            bind(f"{name}_Unshelve", self._doing("unshelve", "BadConditionNotShelved"))
        for name, (verb, refusal) in VERBS.items():
            bind(name, self._doing(verb, refusal))
        index, kinds, node = self._space.index, ua.VariantType, self._space.management
        place = "ResultManagement"
        await node.add_method(
            self._space.place(f"{place}.GetEvents"), ua.QualifiedName("GetEvents", index), self._events,
            [kinds.UInt64, kinds.UInt32], [kinds.String, kinds.String],
        )  # fmt: skip
        await node.add_method(
            self._space.place(f"{place}.AcknowledgeResults"), ua.QualifiedName("AcknowledgeResults", index),
            self._receipt, [kinds.String, kinds.String, kinds.UInt64, kinds.Boolean], [],
        )  # fmt: skip

    async def _acknowledge(self, place: Any, event: Any, comment: Any) -> Any:
        """Acknowledge(EventId, Comment): the occurrence that the event spoke of, and no other."""
        alarm = self._space.named(place)
        occurrence = self._occurrence(alarm, event.Value or b"")
        if alarm and not occurrence:
            return _status("BadEventIdUnknown")
        text = (comment.Value.Text or "") if comment.Value else ""
        return await self._order(alarm, "acknowledge", "BadConditionBranchAlreadyAcked", text, occurrence=occurrence)

    async def _shelve(self, place: Any, duration: Any) -> Any:
        """TimedShelve(ShelvingTime, ms)."""
        seconds = float(duration.Value) / 1000
        return await self._order(self._space.named(place), "shelve", "BadShelvingTimeOutOfRange", seconds=seconds)

    async def _shelve_once(self, place: Any) -> Any:
        """OneShotShelve(): until its next return, an hour at most."""
        return await self._order(
            self._space.named(place), "shelve", "BadShelvingTimeOutOfRange", seconds=ONCE_S, once=True
        )

    def _doing(self, verb: Verb, refusal: str) -> Callable[..., Any]:
        async def does(place: Any) -> Any:
            return await self._order(self._space.named(place), verb, refusal)

        return does

    async def _order(self, alarm: str, verb: Verb, refusal: str, reason: str = "", **said: Any) -> Any:
        """Have it done by whoever has logged in."""
        by = caller.get()
        if not by:
            return _status("BadUserAccessDenied")
        if not alarm:
            return _status("BadNodeIdUnknown")
        order = Order(verb=verb, alarm=alarm, by=by, reason=reason or f"{verb} by OPC UA", login="opcua", **said)
        try:
            answers = await asyncio.to_thread(self._give, order)
        except KensaError:
            return _status("BadTimeout")
        knowing = [answer for answer in answers if answer.knows]
        if not knowing:
            return _status("BadNodeIdUnknown")
        return _status(refusal if any(answer.refused for answer in knowing) else "Good")

    async def _events(self, _: Any, after: Any, most: Any) -> Any:
        """GetEvents(After, Most): the stream's name, and the events after a number, each in its envelope as JSON."""
        from asyncua import ua

        found = self._read(int(after.Value), max(1, min(MOST, int(most.Value))))
        told = [wrap(message, self._source).decode() for message in found]
        return [ua.Variant(self._stream), ua.Variant(told, ua.VariantType.String)]

    async def _receipt(self, _: Any, consumer: Any, stream: Any, through: Any, again: Any) -> Any:
        """AcknowledgeResults(Consumer, Stream, Through, Again): a consumer has all up to a number."""
        if not caller.get():
            return _status("BadUserAccessDenied")
        self._receive(Receipt(str(consumer.Value), str(stream.Value), int(through.Value), bool(again.Value)))
        return _status("Good")


def _status(name: str) -> Any:
    from asyncua import ua

    return ua.StatusCode(getattr(ua.StatusCodes, name))
