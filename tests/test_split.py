"""Tests of `pipeline.runtime.split`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.plan import Plan
from pipeline.planner import plan
from pipeline.runtime.kin import kin, node_order
from pipeline.runtime.split import divisible, split
from tests.conftest import ROOT

FOLDER = Path("/run/kensa")
LINE = """
hosts: {{box: {{cameras: [cam-1, cam-2], memory: 1000}}}}
nodes:
  camera: {{use: "tests.actors:burst", with: {{count: 3}}}}
  shift: {{use: "tests.actors:through", from: camera}}
  again: {{use: "tests.actors:through", from: shift}}
  out: {{use: "tests.actors:noting", from: again, queue: {{policy: {policy}}}}}
"""


def line(tmp_path: Path, policy: str = "block") -> Plan:
    """Two cameras whose lanes share a process, and a sink."""
    file = tmp_path / "line.yaml"
    file.write_text(LINE.format(policy=policy))
    return plan(load(file, nodes=catalog()), catalog(), folder=FOLDER)


def names(of: Plan) -> list[str]:
    """Its processes."""
    return [process.name for process in of.processes]


def test_first_the_cameras_part(tmp_path: Path) -> None:
    """Each lane has a process of its own, with all that was said of the process; edges stay as they were."""
    whole = line(tmp_path)
    apart = split(whole, "box", FOLDER)
    assert names(whole) == ["box", "out@box"]
    assert names(apart) == ["cam-1@box", "cam-2@box", "out@box"]
    assert apart.edges == whole.edges
    assert [process.memory for process in apart.processes] == [1000] * 3


def test_then_the_nodes_of_a_lane_part(tmp_path: Path) -> None:
    """The source keeps the lane's name, so that its mark and its edges are known; calls become edges."""
    apart = split(split(line(tmp_path), "box", FOLDER), "cam-2@box", FOLDER)
    assert names(apart) == ["cam-1@box", "camera@cam-2", "shift@cam-2", "again@cam-2", "out@box"]
    assert [edge.name for edge in apart.edges] == [
        "again@cam-1→out",
        "again@cam-2→out",
        "camera@cam-2→shift@cam-2",
        "shift@cam-2→again@cam-2",
    ]
    inner = apart.edges[2]
    assert (inner.source, inner.target) == (("camera", "cam-2"), ("shift", "shift@cam-2"))
    assert inner.why == "its process crashed: each part of it runs alone, so that the one at fault shows"
    assert apart.edges[1].source == ("again", "again@cam-2")
    assert apart.edges[0] == line(tmp_path).edges[0]


@pytest.mark.parametrize(("policy", "inside"), [("block", "block"), ("drop_oldest", "drop_oldest")])
def test_what_may_not_wait_does_not_wait_inside_either(tmp_path: Path, policy: str, inside: str) -> None:
    """A camera that sheds load behind its lane sheds it between the lane's nodes."""
    apart = split(split(line(tmp_path, policy), "box", FOLDER), "cam-1@box", FOLDER)
    assert [edge.queue.policy for edge in apart.edges[2:]] == [inside] * 2


def test_a_single_node_cannot_be_split(tmp_path: Path) -> None:
    """It is the culprit."""
    whole = line(tmp_path)
    assert split(whole, "out@box", FOLDER) is whole


@pytest.mark.parametrize("name", ["laptop", "line_a", "tiles"])
def test_a_plan_that_was_split_to_the_end_is_still_a_plan(name: str) -> None:
    """Whatever crashes: every node still runs once for every camera, every edge finds both its ends."""
    whole = plan(load(ROOT / "topologies" / f"{name}.yaml", nodes=catalog()), catalog(), here=True, folder=FOLDER)
    apart = whole
    while more := [process.name for process in apart.processes if divisible(process)]:
        apart = split(apart, more[-1], FOLDER)
    lanes = {lane.name: lane for process in apart.processes for lane in process.lanes}
    assert len(lanes) == len(apart.processes) == len(set(names(apart)))
    assert _seats(apart) == _seats(whole)
    for edge in apart.edges:
        assert edge.source[0] == lanes[edge.source[1]].runs[0].node
        assert edge.target[0] == lanes[edge.target[1]].runs[0].node
        assert edge.address in lanes[edge.target[1]].addresses
        assert edge.transport == "ipc"
    assert len({edge.name for edge in apart.edges}) == len(apart.edges)
    assert {edge.name for edge in whole.edges} <= {edge.name for edge in apart.edges}
    assert sorted(node_order(apart)) == sorted(node_order(whole))
    assert len(kin(apart).processes) == len(apart.processes)


def _seats(of: Plan) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((run.node, lane.cameras) for process in of.processes for lane in process.lanes for run in lane.runs)
