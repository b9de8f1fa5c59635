"""The station of the demo: its camera runs the network that is shipped, and its verdicts hold against the truth."""

from __future__ import annotations

import hashlib
from itertools import islice

import pytest

from pipeline.appraisal import truths
from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.clock import FakeClock
from pipeline.plan import NodeRun
from pipeline.recordings import Given
from pipeline.records import Frame, Record, Verdict
from pipeline.replay import replay
from pipeline.runtime.step import begin
from pipeline.score import Judged, score
from pipeline.topology import Topology
from tests.conftest import ROOT

pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")
pytest.importorskip("onnxruntime", reason="pip install 'kensa[virtual]'")

NETWORKS = ROOT / "topologies" / "networks"
CAMERA, FRAMES = "cam-5", 200
KINDS = ("burr", "chip", "hole", "short")


@pytest.mark.slow
def test_the_network_that_is_shipped_judges_well() -> None:
    """Some seconds: every part is found, nearly every defect is not passed, hardly a good part is failed."""
    topology = _line()
    step = topology.nodes["camera"]
    run = NodeRun(node="camera", use=step.use, params=step.params, overrides=step.overrides)
    shown = [*islice(begin(run, catalog()[step.use], CAMERA, "session", FakeClock()), FRAMES)]
    (shipped,) = NETWORKS.glob("kensa-s-int8-*.onnx")
    assert {frame.model for frame in shown if isinstance(frame, Frame)} == {
        hashlib.sha256(shipped.read_bytes()).hexdigest()
    }
    found = score(truths(topology)[CAMERA]() or (), _judged(topology, shown), FRAMES - 1, KINDS)
    assert found.found == found.parts > 20
    assert found.phantoms == 0
    assert found.caught().of >= 6
    assert found.caught().hits >= 0.9 * found.caught().of
    assert found.accused().hits <= 0.1 * found.accused().of


def _line() -> Topology:
    """The demo's line up to its verdicts."""
    topology = load(ROOT / "topologies" / "laptop.yaml")
    for sink in ("archive", "alarms", "preview"):
        del topology.nodes[sink]
    return topology


def _judged(topology: Topology, shown: list[Record]) -> list[Judged]:
    """What the line says of the parts."""
    said: list[Verdict] = []

    def watch(node: str, record: Record) -> None:
        if node == "rules" and isinstance(record, Verdict):
            said.append(record)

    replay(topology, catalog(), (Given("camera", record) for record in shown), failure=_failed, watch=watch)
    return [Judged(v.first_seq, v.seq, v.outcome, tuple(f.reason for f in v.findings)) for v in said]


def _failed(node: str, record: Record | None, error: Exception) -> None:
    raise AssertionError(f"{node} failed on {record}") from error
