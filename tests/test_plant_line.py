"""An OPC UA client at a line that runs: it acknowledges, over the supervisor, what another process holds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from nodes.alarming.chain import recall
from tests.conftest import ROOT
from tests.edges import free_port
from tests.nodes.test_opcua import ANNA, acknowledging, patient, place, ua
from tests.test_alarm_command import BOOK
from tests.test_run import Started, start

__all__ = ["start"]

PATIENCE_S = 100.0
PLANT = ROOT / "topologies" / "plant" / "plant.yaml"

LINE = """
hosts: {edge-1: {cameras: [cam-1]}}
nodes:
  camera: {use: "tests.actors:ticking", with: {rate: 5}}
  judge: {use: "tests.actors:failing", from: camera}
  alarms: {from: judge, with: {path: told.jsonl, book: book.yaml}}
  opcua:
    from: judge
    with: {line: plates, outbox: ua.outbox, alarms: told.jsonl, tokens: operators, endpoint: "opc.tcp://127.0.0.1:PORT/k"}
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_client_at_a_line_that_runs(start: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarms' process writes its journal, the server shows what came of it; killed, it has lost nothing."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    port = free_port()
    (tmp_path / "book.yaml").write_text(BOOK)
    (tmp_path / "operators").write_text(f"{ANNA['name']} {ANNA['token']}\n")
    (tmp_path / "operators").chmod(0o600)
    run = start(LINE.replace("PORT", str(port)), "--stuck-after", "60s")  # the library needs seconds of a core to begin
    journal = tmp_path / "told.jsonl.alarms"
    run.wait(lambda: journal.exists() and recall(journal).rows > 0, PATIENCE_S)
    asyncio.run(_acknowledge(url := f"opc.tcp://127.0.0.1:{port}/k"))
    assert recall(journal).alarms["all-bad@cam-1"].acknowledged_by == "anna"

    snapshot = run.until(lambda snapshot: True, PATIENCE_S)
    os.kill(next(p.pid for p in snapshot.processes if p.name.startswith("opcua")), signal.SIGKILL)
    told = asyncio.run(_fetch(url))
    assert [int(one["sequence"]) for one in told] == [*range(1, len(told) + 1)]
    changes = [one["data"]["change"] for one in told if one["type"] == "kensa.alarm"]
    assert changes[:2] == ["raised", "acknowledged"]
    parts = [one["data"]["seq"] for one in told if one["type"] == "kensa.verdict"]
    assert parts == [*range(parts[0], parts[0] + len(parts))]
    run.stop()


async def _acknowledge(url: str) -> None:
    client = await _connected(url)
    try:
        node = client.get_node(place("Alarms.all-bad@cam-1.EventId"))
        event = (await _read(node)).hex()
        await acknowledging(event, "all-bad@cam-1")(client)
        await _comes(client, "Alarms.all-bad@cam-1.AckedState.Id", True)
        await _comes(client, "VisionStateMachine.CurrentState", ua.LocalizedText("Operational"))
    finally:
        await client.disconnect()


async def _fetch(url: str) -> list[Any]:
    """Once it listens again: alarms are as they were, and everything is there to be fetched."""
    client = await _connected(url)
    try:
        await _comes(client, "Alarms.all-bad@cam-1.AckedState.Id", True)
        number, most = ua.Variant(0, ua.VariantType.UInt64), ua.Variant(1000, ua.VariantType.UInt32)
        node = client.get_node(place("ResultManagement"))
        _, told = await node.call_method(place("ResultManagement.GetEvents"), number, most)
        return [json.loads(one) for one in told]
    finally:
        await client.disconnect()


async def _connected(url: str) -> Any:
    """A client, as soon as the server listens."""
    until = time.monotonic() + PATIENCE_S
    while True:
        client = patient(url)
        client.set_user(ANNA["name"])
        client.set_password(ANNA["token"])
        try:
            await client.connect()
        except OSError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)
        else:
            return client


async def _read(node: Any) -> Any:
    """A value, as soon as the node is there."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await node.read_value()
        except ua.UaStatusCodeError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)


async def _comes(client: Any, path: str, wanted: object) -> None:
    """A value is there, in the end."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = await _read(client.get_node(place(path)))
        if found == wanted:
            return
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    """topologies/plant/plant.yaml, with the tokens that it says how to make; only its port is another one."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "operators").write_text(f"{ANNA['name']} {ANNA['token']}\n")
    (tmp_path / "out" / "operators").chmod(0o600)
    endpoint = f"opc.tcp://127.0.0.1:{free_port()}/kensa"
    command = [sys.executable, "-m", "pipeline", "run", str(PLANT), "--stuck-after", "60s", "--set"]
    with tempfile.TemporaryDirectory(prefix="kensa-") as run:
        environment = {**os.environ, "KENSA_RUN": run, "KENSA_STATE": str(tmp_path / "state"), "PYTHONPATH": str(ROOT)}
        line = subprocess.Popen([*command, f"opcua.endpoint={endpoint}"], cwd=tmp_path, env=environment)
        try:
            told = asyncio.run(_looked(endpoint))
        finally:
            line.send_signal(signal.SIGINT)
            ended = line.wait(PATIENCE_S)
    assert ended == 0
    assert told["Outcome"] in {"PASS", "WARN", "FAIL", "NO_READ"}
    assert (told["ExternalRecipeId"], told["IsSimulated"]) == ("plate", True)
    assert recall(tmp_path / "out" / "alarms.jsonl.alarms").flaws == []


async def _looked(url: str) -> dict[str, Any]:
    """What a client that has logged in finds of the first camera."""
    client = await _connected(url)
    try:
        await _comes(client, "VisionStateMachine.CurrentState", ua.LocalizedText("Operational"))
        names = ("Outcome", "ExternalRecipeId", "IsSimulated")
        found = {name: client.get_node(place(f"ResultManagement.Results.cam-1.{name}")) for name in names}
        return {name: await _read(node) for name, node in found.items()}
    finally:
        await client.disconnect()
