"""What reaches people and plants can be acted on: on every way cause, consequence, action and the drawn verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from nodes.delivery.envelope import Entry, Message, wrap
from nodes.delivery.metrics import metrics
from nodes.opcua.naming import step
from nodes.opcua.space import OURS
from nodes.sinks.events import identity
from tests.nodes.alarming import BOOK, World, book, verdict

SCREEN = "http://panel-3:8088/verdict"
WANTED = {
    "cause": "The gripper is worn.",
    "consequence": "Bad parts reach the customer.",
    "action": "Stop the feeder and look at the gripper.",
    "link": f"{SCREEN}/{identity(verdict(3))}",
}


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    """Way → what it says of an alarm that was just raised."""
    linked = BOOK.replace('    link: "http://line/{camera}/{session}/{seq}?part={part}"\n', "")
    linked += f'link: "{SCREEN}/{{event}}"\n'
    world = World(tmp_path, book(tmp_path, linked))
    world.keeper.hear([verdict(number) for number in (1, 2, 3)])
    (line,) = [each for each in (tmp_path / "events.jsonl").read_bytes().splitlines() if b'"bad@cam-1"' in each]
    said = json.loads(line)
    message = Message("stream", 1, Entry(said["id"], "alarm", said["alarm"], said["time"], line), 1)
    values = {metric.name.rpartition("/")[2].lower(): metric.value for metric in metrics(message, "plates")}
    return {
        "JSON lines": said,
        "MQTT and webhook": json.loads(wrap(message, "plates"))["data"],
        "Sparkplug": values,
        "OPC UA": {name.lower(): getattr(step(line), name.lower()) for name in OURS},
        "screen and `kensa alarm`": asdict(world.keeper.answer(None).alarms[0]),
    }


@pytest.mark.parametrize("way", ["JSON lines", "MQTT and webhook", "Sparkplug", "OPC UA", "screen and `kensa alarm`"])
def test_whoever_hears_of_an_alarm_can_act(told: dict[str, Any], way: str) -> None:
    """All four, in the words of the alarm book; the link names the verdict that raised it."""
    assert {name: told[way][name] for name in WANTED} == WANTED
