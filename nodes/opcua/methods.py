"""Methods: what operators do about alarms, by the methods that OPC 10000-9 gives conditions, and what consumers fetch.

The library knows the methods and does nothing on them: what they do is ours. Each becomes an order that goes where
those of `kensa alarm` go, so that a client, the screen and a terminal are heard by the same journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from msgspec import json

from nodes.delivery.channel import Receipt
from nodes.delivery.envelope import Message, wrap
from nodes.opcua.naming import Result
from nodes.opcua.people import caller
from nodes.opcua.space import Space, members
from pipeline.errors import KensaError
from pipeline.orders import Answer, Order, Verb

if TYPE_CHECKING:
    from asyncua import Server

Give = Callable[[Order], Sequence[Answer]]
Read = Callable[[int, int], Sequence[Message]]
MOST = 1000  # events in one answer
NOT_KEPT = -1  # error of GetResultById: those of the standard are 0 and above
# Methods of types, by their names in namespace 0; what a refusal is called. Each has a twin, with `2` behind its name,
# that takes a comment.
VERBS: dict[str, tuple[Verb, str]] = {
    "AlarmConditionType_Reset": ("reset", "BadInvalidState"),
    "AlarmConditionType_Suppress": ("suppress", "BadInvalidState"),
    "AlarmConditionType_Unsuppress": ("unsuppress", "BadInvalidState"),
    "AlarmConditionType_RemoveFromService": ("remove", "BadInvalidState"),
    "AlarmConditionType_PlaceInService": ("restore", "BadInvalidState"),
}
SHELVES = (("AlarmConditionType_ShelvingState", ""), ("ShelvedStateMachineType", ""), ("ShelvedStateMachineType", "2"))
ONCE_S = 3600.0  # longest that OneShotShelve hides an alarm
ACKNOWLEDGE, COMMENT = "AcknowledgeableConditionType_Acknowledge", "ConditionType_AddComment"


class Methods:
    """What methods do; all of it happens in the server's loop, but orders, which wait for the line.

    Args:
        space: The address space.
        give: Has an order carried out; may raise KensaError.
        occurrence: The occurrence that an event of an alarm speaks of; empty where it is not known.
        read: Messages of the outbox after a number.
        find: The result of an id; None where it is not kept.
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
        find: Callable[[str], Result | None],
        receive: Callable[[Receipt], None],
        stream: str,
        source: str,
    ) -> None:
        self._space, self._give, self._occurrence = space, give, occurrence
        self._read, self._find, self._receive, self._stream, self._source = read, find, receive, stream, source

    async def link(self, server: Server) -> None:
        """Give the library's methods something to do, and make our own."""
        from asyncua import ua

        def bind(name: str, does: Callable[..., Any]) -> None:
            server.link_method(server.get_node(ua.NodeId(getattr(ua.ObjectIds, name))), does)

        bind(ACKNOWLEDGE, self._acknowledge)
        bind(COMMENT, self._comment)
        unshelve = self._doing("unshelve", "BadConditionNotShelved")
        for name, twin in SHELVES:
            bind(f"{name}_TimedShelve{twin}", self._shelve)
            bind(f"{name}_OneShotShelve{twin}", self._shelve_once)
            bind(f"{name}_Unshelve{twin}", unshelve)
        for (name, (verb, refusal)), twin in product(VERBS.items(), ("", "2")):
            bind(name + twin, self._doing(verb, refusal))
        await self._make()

    async def _make(self) -> None:
        """The methods of our own, on the object of results."""
        from asyncua import ua

        kinds, node = ua.VariantType, self._space.management
        made: dict[str, tuple[Callable[..., Any], list[Any], list[Any]]] = {
            "GetResultById": (self._result, [kinds.String, kinds.Int32], [kinds.UInt32, kinds.String, kinds.Int32]),
            "GetEvents": (self._events, [kinds.UInt64, kinds.UInt32], [kinds.String, kinds.String]),
            "AcknowledgeResults": (self._receipt, [kinds.String, kinds.String, kinds.UInt64, kinds.Boolean], []),
        }
        for name, (does, takes, gives) in made.items():
            named = ua.QualifiedName(name, self._space.index)
            await node.add_method(self._space.place(f"ResultManagement.{name}"), named, does, takes, gives)

    async def _acknowledge(self, place: Any, event: Any, comment: Any) -> Any:
        """Acknowledge(EventId, Comment): the occurrence that the event spoke of, and no other."""
        alarm = self._space.named(place)
        occurrence = self._occurrence(alarm, event.Value or b"")
        if alarm and not occurrence:
            return _status("BadEventIdUnknown")
        said = _text(comment)
        return await self._order(alarm, "acknowledge", "BadConditionBranchAlreadyAcked", said, occurrence=occurrence)

    async def _comment(self, place: Any, event: Any, comment: Any) -> Any:
        """AddComment(EventId, Comment): noted beside the alarm; a comment without a word changes nothing."""
        alarm = self._space.named(place)
        if alarm and not self._occurrence(alarm, event.Value or b""):
            return _status("BadEventIdUnknown")
        if caller.get() and not _text(comment):
            return _status("Good")
        return await self._order(alarm, "comment", "BadInvalidState", _text(comment))

    async def _shelve(self, place: Any, duration: Any, comment: Any = None) -> Any:
        """TimedShelve(ShelvingTime, ms), TimedShelve2(ShelvingTime, Comment)."""
        return await self._hide(place, comment, seconds=float(duration.Value) / 1000)

    async def _shelve_once(self, place: Any, comment: Any = None) -> Any:
        """OneShotShelve(), OneShotShelve2(Comment): until its next return, an hour at most."""
        return await self._hide(place, comment, seconds=ONCE_S, once=True)

    async def _hide(self, place: Any, comment: Any, **said: Any) -> Any:
        alarm = self._space.named(place)
        return await self._order(alarm, "shelve", "BadShelvingTimeOutOfRange", _text(comment), **said)

    def _doing(self, verb: Verb, refusal: str) -> Callable[..., Any]:
        async def does(place: Any, comment: Any = None) -> Any:
            return await self._order(self._space.named(place), verb, refusal, _text(comment))

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

    async def _result(self, _: Any, name: Any, __: Any) -> Any:
        """GetResultById(ResultId, Timeout): handle, the result's members as JSON, error; nothing is held."""
        from asyncua import ua

        found = self._find(str(name.Value or ""))
        told = json.encode(members(found)).decode() if found else ""
        kinds = ua.VariantType
        return [
            ua.Variant(0, kinds.UInt32), ua.Variant(told), ua.Variant(0 if found else NOT_KEPT, kinds.Int32)
        ]  # fmt: skip

    async def _receipt(self, _: Any, consumer: Any, stream: Any, through: Any, again: Any) -> Any:
        """AcknowledgeResults(Consumer, Stream, Through, Again): a consumer has all up to a number."""
        if not caller.get():
            return _status("BadUserAccessDenied")
        self._receive(Receipt(str(consumer.Value), str(stream.Value), int(through.Value), bool(again.Value)))
        return _status("Good")


def _text(comment: Any) -> str:
    """The words of a comment; empty where there is none."""
    return (comment.Value.Text or "").strip() if comment is not None and comment.Value else ""


def _status(name: str) -> Any:
    from asyncua import ua

    return ua.StatusCode(getattr(ua.StatusCodes, name))
