"""The address space: a vision system with its results, recipes, states and alarms; docs/plant.md draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from nodes.opcua.naming import Condition, Mode, Result, State, Step
from nodes.opcua.times import utc
from pipeline.clock import line_time

if TYPE_CHECKING:
    from asyncua import Node, Server

URI = "urn:kensa:vision"
MOST = 2000  # conditions and cameras; whoever comes beyond is in events alone
RESULT: dict[str, str] = {  # the members of a result, with their types
    "ResultId": "String", "HasTransferableDataOnFile": "Boolean", "IsPartial": "Boolean", "IsSimulated": "Boolean",
    "ResultState": "Int32", "MeasId": "String", "PartId": "String", "ExternalRecipeId": "String",
    "InternalRecipeId": "String", "InternalConfigurationId": "String", "JobId": "String", "CreationTime": "DateTime",
    "ResultContent": "String", "Camera": "String", "Outcome": "String", "Reasons": "String", "Text": "String",
    "Sequence": "UInt64",
}  # fmt: skip
TWOFOLD = {  # two-state variables of a condition: words for true and false
    "ActiveState": ("Active", "Inactive"),
    "AckedState": ("Acknowledged", "Unacknowledged"),
    "LatchedState": ("Latched", "Not latched"),
    "SuppressedState": ("Suppressed", "Unsuppressed"),
    "OutOfServiceState": ("Out of service", "In service"),
}
PLAIN: dict[str, str] = {
    "ConditionName": "String", "Severity": "UInt16", "Message": "LocalizedText", "Retain": "Boolean",
    "EventId": "ByteString", "Time": "DateTime", "Comment": "LocalizedText", "ClientUserId": "String",
    "SuppressedOrShelved": "Boolean", "FirstInGroupFlag": "Boolean",
}  # fmt: skip
OURS = ("Cause", "Consequence", "Action", "Link")


class Space:
    """What clients browse and read; all of it happens in the server's loop.

    Args:
        server: The server, before it listens.
        index: Of our namespace.
        line: Name of the line.

    Attributes:
        index: See there.
    """

    def __init__(self, server: Server, index: int, line: str) -> None:
        self._server, self.index, self._line = server, index, line
        self._known: set[str] = set()
        self._until: dict[str, int] = {}  # alarm → when its shelf ends, ns

    async def build(self) -> None:
        """Make what is there before anything has happened."""
        system = await self._object(self._server.nodes.objects, self._line)
        machine = await self._object(system, "VisionStateMachine")
        await self._variable(machine, "VisionStateMachine.CurrentState", "LocalizedText")
        await self._variable(machine, "VisionStateMachine.Faults", "String", [])
        mode = await self._object(machine, "VisionStateMachine.AutomaticMode")
        await self._variable(mode, "VisionStateMachine.AutomaticMode.CurrentState", "LocalizedText")
        for parent, child in (("RecipeManagement", "Recipes"), ("ResultManagement", "Results")):
            await self._object(await self._object(system, parent), f"{parent}.{child}")
        await self._object(system, "Alarms")

    async def show_state(self, state: State, mode: Mode, faults: tuple[str, ...]) -> None:
        """How the line stands."""
        await self._write(
            "VisionStateMachine", {"CurrentState": (state, "LocalizedText"), "Faults": (faults, "String")}
        )
        await self._write("VisionStateMachine.AutomaticMode", {"CurrentState": (mode, "LocalizedText")})

    async def show_result(self, result: Result) -> None:
        """A camera's newest verdict, and the recipe that it was decided by."""
        place, recipe = f"ResultManagement.Results.{result.camera}", f"RecipeManagement.Recipes.{result.camera}"
        if place not in self._known and not await self._meet(result.camera, place, recipe):
            return
        values = members(result)
        await self._write(place, {name: (values[name], kind) for name, kind in RESULT.items()})
        names = ("ExternalRecipeId", "InternalRecipeId")
        await self._write(recipe, {name: (values[name], "String") for name in names})

    async def show_condition(self, step: Step, found: Condition) -> bool:
        """How an alarm is; whether it has a place here."""
        place = f"Alarms.{step.alarm}"
        if place not in self._known and not await self._meet_alarm(step.alarm, place):
            return False
        said: dict[str, tuple[Any, str]] = {name: (value, PLAIN[name]) for name, value in plain(step, found).items()}
        said |= {name: (getattr(step, name.lower()), "String") for name in OURS}
        for name, on in twofold(found).items():
            said |= {name: (TWOFOLD[name][not on], "LocalizedText"), f"{name}.Id": (on, "Boolean")}
        said["ShelvingState.CurrentState"] = ("TimedShelved" if found.shelved else "Unshelved", "LocalizedText")
        self._until[step.alarm] = found.until_ns
        await self._write(place, said)
        return True

    def condition(self, alarm: str) -> Any:
        """The id of the node that stands for an alarm."""
        return self.place(f"Alarms.{alarm}")

    @property
    def management(self) -> Node:
        """The node of results, which has our methods."""
        return self._node("ResultManagement")

    def named(self, node: Any) -> str:
        """The alarm that a node, or a part of it, stands for; empty where it is none."""
        _, _, rest = str(node.Identifier).partition(".Alarms.")
        name = rest.removesuffix(".ShelvingState")
        return name if f"Alarms.{name}" in self._known else ""

    async def _meet(self, camera: str, place: str, recipe: str) -> bool:
        if len(self._known) >= MOST:
            return False
        parent = await self._object(self._node("ResultManagement.Results"), place, camera)
        for name, kind in RESULT.items():
            await self._variable(parent, f"{place}.{name}", kind, [] if name == "Reasons" else None)
        parent = await self._object(self._node("RecipeManagement.Recipes"), recipe, camera)
        for name in ("ExternalRecipeId", "InternalRecipeId"):
            await self._variable(parent, f"{recipe}.{name}", "String")
        self._known.add(place)
        return True

    async def _meet_alarm(self, alarm: str, place: str) -> bool:
        if len(self._known) >= MOST:
            return False
        from asyncua import ua

        node = await self._object(self._node("Alarms"), place, alarm)
        await node.delete_reference(ua.ObjectIds.BaseObjectType, ua.ObjectIds.HasTypeDefinition, bidirectional=False)
        await node.add_reference(ua.ObjectIds.AlarmConditionType, ua.ObjectIds.HasTypeDefinition, bidirectional=False)
        for name, kind in {**PLAIN, **dict.fromkeys(OURS, "String")}.items():
            await self._variable(node, f"{place}.{name}", kind)
        for name in TWOFOLD:
            state = await self._variable(node, f"{place}.{name}", "LocalizedText")
            await self._variable(state, f"{place}.{name}.Id", "Boolean")
        shelf = await self._object(node, f"{place}.ShelvingState")
        await self._variable(shelf, f"{place}.ShelvingState.CurrentState", "LocalizedText")
        left = await self._variable(shelf, f"{place}.ShelvingState.UnshelveTime", "Double")
        self._server.set_attribute_value_callback(left.nodeid, lambda *_: self._left(alarm))
        self._known.add(place)
        return True

    def _left(self, alarm: str) -> Any:
        """How long an alarm is shelved yet, ms, as it is read."""
        from asyncua import ua

        left = max(0.0, (self._until.get(alarm, 0) - line_time.now_ns()) / 1e6)
        return ua.DataValue(ua.Variant(left, ua.VariantType.Double))

    async def _object(self, parent: Node, place: str, name: str = "") -> Node:
        from asyncua import ua

        called = name or place.rpartition(".")[2]
        return await parent.add_object(self.place(place), ua.QualifiedName(called, self.index))

    async def _variable(self, parent: Node, place: str, kind: str, value: Any = None) -> Node:
        from asyncua import ua

        name = place.rpartition(".")[2]
        standard = name in PLAIN or name in TWOFOLD or name in ("Id", "CurrentState", "UnshelveTime")
        empty = value if value is not None else self._variant(EMPTY[kind], kind).Value
        named = ua.QualifiedName(name, 0 if standard else self.index)
        return await parent.add_variable(self.place(place), named, empty, ua.VariantType[kind])

    async def _write(self, place: str, values: Mapping[str, tuple[Any, str]]) -> None:
        from asyncua import ua

        for name, (value, kind) in values.items():
            told = ua.DataValue(self._variant(value, kind))
            await self._server.write_attribute_value(self.place(f"{place}.{name}"), told)

    @staticmethod
    def _variant(value: Any, kind: str) -> Any:
        from asyncua import ua

        value = ua.LocalizedText(value) if kind == "LocalizedText" else value
        return ua.Variant([*value] if isinstance(value, tuple) else value, ua.VariantType[kind])

    def _node(self, place: str) -> Node:
        return self._server.get_node(self.place(place))

    def place(self, place: str) -> Any:
        """The id of the node at a place below the line."""
        from asyncua import ua

        return ua.NodeId(place if place == self._line else f"{self._line}.{place}", self.index)


EMPTY: dict[str, Any] = {
    "String": "", "Boolean": False, "Double": 0.0, "Int32": 0, "UInt16": 0, "UInt64": 0, "LocalizedText": "",
    "ByteString": b"", "DateTime": utc(0),
}  # fmt: skip


def members(result: Result) -> dict[str, Any]:
    """A result's members under their names."""
    values = {name.title().replace("_", ""): value for name, value in asdict(result).items()}
    return values | {"CreationTime": utc(result.creation_time)}


def plain(step: Step, found: Condition) -> dict[str, Any]:
    """What stands in `PLAIN`."""
    return {
        "ConditionName": step.alarm, "Severity": found.severity, "Message": step.text, "Retain": found.retain,
        "EventId": bytes.fromhex(step.id), "Time": utc(step.t_ns), "Comment": step.reason, "ClientUserId": step.by,
        "SuppressedOrShelved": found.aside, "FirstInGroupFlag": step.first_out,
    }  # fmt: skip


def twofold(found: Condition) -> dict[str, bool]:
    """What stands in `TWOFOLD`."""
    return {
        "ActiveState": found.active,
        "AckedState": found.acked,
        "LatchedState": found.latched,
        "SuppressedState": found.suppressed,
        "OutOfServiceState": found.out_of_service,
    }
