"""A drawing shows everything of the plan, inside its frames, and two boxes never overlap."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given

from pipeline.catalog import catalog as installed
from pipeline.check import load
from pipeline.cli import main
from pipeline.drawing.grid import Grid, Rect
from pipeline.drawing.mermaid import mermaid
from pipeline.drawing.routes import routes
from pipeline.drawing.svg import svg
from pipeline.errors import TopologyError
from pipeline.outline import outline, several, size
from pipeline.plan import Plan
from pipeline.planner import plan
from pipeline.topology import Topology
from tests.conftest import ROOT, Golden
from tests.test_planner import NODES, topologies

SVG = "{http://www.w3.org/2000/svg}"
FOLDER = Path("/run/kensa/line")


@pytest.fixture(scope="module", params=["laptop", "line_a"])
def planned(request: pytest.FixtureRequest) -> Plan:
    """The plans of the examples, with four and with eight cameras."""
    nodes = installed()
    return plan(load(ROOT / "topologies" / f"{request.param}.yaml", nodes=nodes), nodes, folder=FOLDER)


def test_svg_shows_everything(planned: Plan) -> None:
    """Hosts, processes, nodes, kinds, policies and the reason of every cut are to be read; lanes alike are one."""
    words = {text.text for text in ET.fromstring(svg(planned)).iter(f"{SVG}text")}
    for process in planned.processes:
        assert {f"host {process.host}", f"process {process.name}"} <= words
    assert {run.node for process in planned.processes for lane in process.lanes for run in lane.runs} <= words
    assert {f"cut because {edge.why}" for edge in planned.edges} <= words
    count = len({camera for lane in planned.processes[0].lanes for camera in lane.cameras})
    assert f"gap, verdict · drop_oldest ×{count}" in words
    assert f"cam-1 … cam-{count} ×{count}" in words


def test_golden_drawings(planned: Plan, golden: Golden) -> None:
    """The drawings of the examples are as they were looked at."""
    golden(f"graph/{planned.line}.svg", svg(planned))
    golden(f"graph/{planned.line}.mmd", mermaid(planned))


@pytest.mark.slow
@given(topologies())
def test_any_plan_can_be_drawn(topology: Topology) -> None:
    """Nothing lies on anything else, everything is inside its frame, every cable ends at its node, at right angles."""
    try:
        whole = outline(plan(topology, NODES, folder=FOLDER))
    except TopologyError:
        return
    if not whole.strands:
        return
    grid = Grid(whole)
    for boxes in (grid.strands, grid.nodes, grid.processes, grid.hosts):
        rects = [*boxes.values()]
        assert not any(_overlap(a, b) for a, b in itertools.combinations(rects, 2))
    for strand in whole.strands:
        assert _inside(grid.strands[strand.key], grid.processes[strand.process.name])
        assert _inside(grid.processes[strand.process.name], grid.hosts[strand.process.host])
        assert all(_inside(grid.nodes[strand.key, node], grid.strands[strand.key]) for node in strand.nodes)
    for route in routes(grid):
        end = grid.nodes[route.cable.end.key, route.cable.target]
        assert route.points[-1][0] == end.x
        assert end.y <= route.points[-1][1] <= end.bottom
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(route.points))


def _overlap(a: Rect, b: Rect) -> bool:
    return a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom


def _inside(inner: Rect, outer: Rect) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def test_names_cannot_break_out(planned: Plan) -> None:
    """What stands in a file becomes text of the drawing, never part of its markup."""
    assert re.search(r"<script|on\w+=", svg(planned)) is None
    assert "&#x27;archive&#x27;" in svg(planned)


def test_mermaid(planned: Plan) -> None:
    """Every frame that is opened is closed, and every arrow joins nodes that are there."""
    lines = mermaid(planned).splitlines()
    assert lines[0] == "flowchart LR"
    assert sum("subgraph" in line for line in lines) == sum(line.strip() == "end" for line in lines)
    nodes = {match[1] for line in lines if (match := re.match(r" +(n\d+_\d+)\[", line))}
    arrows = [
        match.groups() for line in lines if (match := re.match(r" +(n\d+_\d+) \S+?(?:\|.*\|)? (n\d+_\d+)$", line))
    ]
    assert arrows
    assert {name for arrow in arrows for name in arrow} <= nodes


def test_several_and_size() -> None:
    """What repeats is told by its first, its last and its number; bytes as people say them."""
    assert several(["cam-1"]) == "cam-1"
    assert several(["cam-1", "cam-2"]) == "cam-1, cam-2"
    assert several(["cam-1", "cam-2", "cam-3"]) == "cam-1 … cam-3 ×3"
    assert [size(n) for n in (64 << 20, 1 << 30, 3 << 10, 1000)] == ["64 MiB", "1 GiB", "3 KiB", "1,000 bytes"]


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`kensa plan` prints text or JSON, `kensa graph` writes SVG or Mermaid; `--here` leaves no TCP."""
    line = str(ROOT / "topologies" / "line_a.yaml")
    assert main(["plan", line]) == 0
    assert "because sink 'alarms' sees all cameras: its own process; 'alarms' runs on edge-2" in capsys.readouterr().out
    assert main(["plan", line, "--format", "json", "--here"]) == 0
    assert {edge["transport"] for edge in json.loads(capsys.readouterr().out)["edges"]} == {"ipc"}
    assert main(["graph", line, "-o", str(tmp_path / "line.svg")]) == 0
    assert (tmp_path / "line.svg").read_text(encoding="utf-8").startswith("<svg ")
    assert main(["graph", line, "--format", "mermaid"]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")
    assert main(["plan", line, "--set", "clean.min_area=x"]) == 2
    assert "expected a whole number, at least 0 px², got 'x'" in capsys.readouterr().err
