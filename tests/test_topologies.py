"""The example topologies: every one of them checks, plans and replays."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.clock import FakeClock
from pipeline.codec import encode
from pipeline.plan import NodeRun
from pipeline.planner import plan
from pipeline.recordings import Given
from pipeline.records import Record
from pipeline.replay import replay
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.step import begin
from pipeline.topology import Topology
from tests.conftest import ROOT
from tests.edges import free_port
from tests.standins.around_modlib import modlib

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")
pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

EXAMPLES = sorted(path for path in (ROOT / "topologies").glob("*.yaml") if not path.name.endswith(".cases.yaml"))
FILES = {"archive": "archive", "alarms": "alarms.jsonl", "preview": "preview.png", "segments": "segments"}
DELIVERED = {"mqtt"}  # sinks with an outbox
SINKS = {*FILES, *DELIVERED, "dashboard", "drift", "reject"}
NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
FRAMES = 60

examples = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@pytest.fixture
def played(path: Path) -> None:
    """What an example's source needs, which not every Python has."""
    if path.stem == "modlib":
        modlib()


@examples
def test_it_checks_and_plans(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no fault, wherever it is checked from, and always the same plan, in which every node runs."""
    monkeypatch.chdir("/")
    topology = load(path)
    planned = plan(topology, catalog(), here=True)
    assert planned == plan(load(path), catalog(), here=True)
    runs = [run.node for process in planned.processes for lane in process.lanes for run in lane.runs]
    assert {*runs} == {*topology.nodes}


@pytest.mark.slow
@pytest.mark.usefixtures("played")
@examples
def test_two_replays_are_the_same(path: Path, tmp_path: Path) -> None:
    """The same frames give the same records, byte for byte, and the same files; no node fails on any."""
    one, two = (_replayed(path, tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.usefixtures("played")
@examples
def test_every_node_has_something_to_do(path: Path, tmp_path: Path) -> None:
    """Sources give, transforms give what they make of it, sinks take it and leave a file."""
    topology, health = _told(path, tmp_path / "out")
    assert {node: told.failed for node, told in health.items() if told.failed} == {}
    assert [node for node, told in health.items() if not told.given and topology.nodes[node].use not in SINKS] == []
    assert [node for node, told in health.items() if not told.taken and topology.nodes[node].use in SINKS] == []
    assert _files(tmp_path)


def _replayed(path: Path, out: Path) -> list[tuple[str, bytes]]:
    """Every record that every node gave, in order."""
    given: list[tuple[str, bytes]] = []
    _told(path, out, lambda node, record: given.append((node, encode(record))))
    assert given
    return given


def _told(path: Path, out: Path, watch: object = None) -> tuple[Topology, dict[str, NodeHealth]]:
    topology = _timeless(load(path, _settings(load(path), out)))
    return topology, replay(topology, catalog(), _given(topology), failure=_failed, watch=watch)


def _settings(topology: Topology, out: Path) -> Iterator[str]:
    """Sinks write into a folder of their own, and nobody waits for consumers that are not there.

    Outboxes, which have a name that nothing else has, are in a folder beside it.
    """
    for name, step in topology.nodes.items():
        if step.use in FILES:
            yield f"{name}.path={out / FILES[step.use]}"
        if step.use in DELIVERED:
            yield f"{name}.outbox={out.with_name(f'{out.name}-outboxes') / name}"
            yield f"{name}.alarms={out / FILES['alarms']}"
        if "url" in step.params:
            yield f"{name}.patience=0"
        if step.use == "dashboard":
            yield f"{name}.port={free_port()}"


def _timeless(topology: Topology) -> Topology:
    """The same without what goes by the time of the host: alarms with a life, and the shift that is."""
    left = {"alarms": "book", "dashboard": "path"}
    steps = {
        name: replace(step, params={key: value for key, value in step.params.items() if key != left.get(step.use)})
        for name, step in topology.nodes.items()
    }
    return replace(topology, nodes=steps)


def _given(topology: Topology) -> Iterator[Given]:
    """What the sources give from noon on, in the order of exposure."""
    shown = (_shown(topology, name, camera) for name in _sources(topology) for camera in topology.cameras)
    return heapq.merge(*shown, key=lambda given: (given.record.t_ns, given.record.camera))


def _shown(topology: Topology, name: str, camera: str) -> Iterator[Given]:
    step, nodes = topology.nodes[name], catalog()
    run = NodeRun(node=name, use=step.use, params=step.params, overrides=step.overrides)
    records = begin(run, nodes[step.use], camera, "session", FakeClock(NOON))
    return (Given(name, record) for record in islice(records, FRAMES))


def _sources(topology: Topology) -> list[str]:
    return [name for name, step in topology.nodes.items() if not step.inputs]


def _failed(node: str, record: Record | None, error: Exception) -> None:
    raise AssertionError(f"{node} failed on {record}") from error


def _files(folder: Path) -> dict[str, bytes]:
    """What the sinks left: name → bytes; an outbox has a name that nothing else has, which is in it."""
    left = [Path(where, name) for where, _, names in os.walk(folder) for name in names]
    found = [path for path in left if ".outbox" not in path.name]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}
