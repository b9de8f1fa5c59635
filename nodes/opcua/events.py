"""Events: one for each verdict, one for each step of an alarm; whoever subscribes to the Server object gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.opcua.naming import Condition, Result, Step
from nodes.opcua.space import RESULT, TWOFOLD, Space, members, plain, twofold
from nodes.opcua.times import utc

if TYPE_CHECKING:
    from asyncua import Server

RESULT_SEVERITY = {"PASS": 100, "WARN": 300, "FAIL": 500, "NO_READ": 500}
EXTRAS = ("Cause", "Consequence", "Action", "Link")


class Events:
    """Tells subscribers; all of it happens in the server's loop.

    Args:
        server: The server.
        space: Its address space, built.
    """

    def __init__(self, server: Server, space: Space) -> None:
        self._server, self._space = server, space
        self._result: Any = None

    async def build(self, index: int) -> None:
        """Make the type of events that verdicts have: `ResultReadyEventType`, OPC 40100-1, 1.00, 8.3.5."""
        from asyncua import ua

        properties = [(name, ua.VariantType[kind]) for name, kind in {**RESULT, "Historical": "Boolean"}.items()]
        kind = await self._server.create_custom_event_type(
            index, "ResultReadyEventType", ua.ObjectIds.BaseEventType, properties
        )
        generator = await self._server.get_event_generator(kind)
        self._result = generator.event

    async def tell_result(self, result: Result, *, historical: bool) -> None:
        """A verdict came; `historical`: it waited while nobody could be reached."""
        from asyncua import ua

        event = self._result
        for name, value in members(result).items():
            setattr(event, name, [*value] if isinstance(value, tuple) else value)
        event.Historical = historical
        self._head(event, result.result_id, result.creation_time, result.text, RESULT_SEVERITY[result.outcome])
        event.SourceName, event.SourceNode = result.camera, ua.NodeId(ua.ObjectIds.Server)
        await self._trigger(event)

    async def tell_step(self, step: Step, found: Condition) -> None:
        """An alarm has gone through something."""
        from asyncua import ua
        from asyncua.common.event_objects import AlarmCondition

        event = AlarmCondition()
        event.emitting_node = ua.NodeId(ua.ObjectIds.Server)
        self._head(event, step.id, step.t_ns, step.text, found.severity)
        event.add_property("NodeId", self._space.condition(step.alarm), ua.VariantType.NodeId)
        event.SourceName, event.SourceNode = step.camera or step.alarm, self._space.condition(step.alarm)
        event.ConditionName, event.Retain = step.alarm, found.retain
        event.add_property("Comment", ua.LocalizedText(step.reason), ua.VariantType.LocalizedText)
        event.add_property("ClientUserId", step.by, ua.VariantType.String)
        event.SuppressedOrShelved, event.FirstInGroupFlag = plain(step, found)["SuppressedOrShelved"], step.first_out
        for name, on in {"EnabledState": True, **twofold(found)}.items():
            word = TWOFOLD.get(name, ("Enabled", "Disabled"))[not on]
            event.add_variable(name, ua.LocalizedText(word), ua.VariantType.LocalizedText)
            event.add_property(f"{name}/Id", on, ua.VariantType.Boolean)
        for name in EXTRAS:
            event.add_property(name, getattr(step, name.lower()), ua.VariantType.String)
        await self._trigger(event)

    @staticmethod
    def _head(event: Any, name: str, t_ns: int, text: str, severity: int) -> None:
        """What every event has; its id is that of the event it tells, so that a repetition is known by it."""
        from asyncua import ua

        event.EventId, event.Time, event.ReceiveTime = bytes.fromhex(name), utc(t_ns), utc(t_ns)
        event.Message, event.Severity = ua.LocalizedText(text), severity

    async def _trigger(self, event: Any) -> None:
        await self._server.iserver.subscription_service.trigger_event(event)
