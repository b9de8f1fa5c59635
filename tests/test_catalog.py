"""Nodes are found by name: Kensa's own, those of packages that others install, and those of a file at hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pipeline.catalog import GROUP, Installed, catalog, own
from pipeline.errors import NodeError
from tests.conftest import ROOT

NODE = '''"""A third party's node."""

from pipeline.node import node
from pipeline.records import Frame
from pipeline.units import Pixels


@node()
def blur(frame: Frame, *, radius: Pixels = 2) -> Frame:
    """Smooth the edge of a mask.

    Args:
        radius: How far an edge may move.
    """
    return frame
'''
TOPOLOGY = """
hosts: {box: {cameras: [cam-1]}}
nodes:
  camera: {use: synthetic}
  blur:   {from: camera, with: {radius: -1}}
"""


def _package(folder: Path, name: str, points: Mapping[str, str]) -> None:
    """What `pip install` leaves behind: a module and the metadata of its distribution."""
    (folder / f"{name}.py").write_text(NODE)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{point} = {value}\n" for point, value in points.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")


def _kensa(folder: Path, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line in a fresh interpreter that sees a folder of packages."""
    code = "import sys; from pipeline.cli import main; sys.exit(main(sys.argv[1:]))"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True, cwd=cwd, env=environ
    )


@pytest.mark.slow
def test_third_party(tmp_path: Path) -> None:
    """A node of an installed package is listed, explained and checked like any other."""
    _package(tmp_path, "acme", {"blur": "acme:blur"})
    (tmp_path / "line.yaml").write_text(TOPOLOGY)
    assert re.search(r"\n  blur +Smooth the edge of a mask\.\n", _kensa(tmp_path, "nodes").stdout)
    assert "radius: whole number, at least 0 px; default 2" in _kensa(tmp_path, "nodes", "blur").stdout
    checked = _kensa(tmp_path, "check", str(tmp_path / "line.yaml"))
    assert checked.returncode == 1
    assert "line.yaml:5:41: radius: expected at least 0 px, got -1" in checked.stdout
    assert "blur" not in _kensa(tmp_path, "nodes", "--markdown").stdout


@pytest.mark.slow
def test_a_broken_package_costs_only_who_uses_it(tmp_path: Path) -> None:
    """A package that cannot be imported is told where its node is used, and nowhere else."""
    _package(tmp_path, "acme", {"blur": "acme_is_gone:blur"})
    (tmp_path / "line.yaml").write_text(TOPOLOGY)
    assert _kensa(tmp_path, "check", "topologies/line_a.yaml").returncode == 0
    listed = _kensa(tmp_path, "nodes")
    assert listed.returncode == 0
    assert "node 'blur' (acme_is_gone:blur): expected a module that can be imported" in listed.stdout
    checked = _kensa(tmp_path, "check", str(tmp_path / "line.yaml"))
    assert "line.yaml:5:3: node 'blur' (acme_is_gone:blur): expected a module" in checked.stdout


@pytest.mark.slow
def test_a_file_at_hand(tmp_path: Path) -> None:
    """`module:function` names a node of a file beside which the command is run."""
    (tmp_path / "mine.py").write_text(NODE)
    (tmp_path / "line.yaml").write_text(TOPOLOGY.replace("{from: camera,", "{use: 'mine:blur', from: camera,"))
    checked = _kensa(tmp_path / "nowhere", "check", "line.yaml", "--set", "blur.radius=3", cwd=tmp_path)
    assert checked.stdout == "line.yaml: ok (1 camera on 1 host, 2 nodes; 1 process, 0 edges)\n", checked.stderr


def test_two_packages_of_one_name() -> None:
    """Two packages that give the same name are never chosen between silently."""
    points = [EntryPoint("blur", f"{module}:blur", GROUP) for module in ("acme", "bolt")]
    said = "node 'blur': expected one package that provides it, got 'acme:blur' and 'bolt:blur'"
    with pytest.raises(NodeError, match=f"^{said}$"):
        Installed(points)["blur"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("pipeline.nowhere:thing", "expected a module that can be imported, got: No module named 'pipeline.nowhere'"),
        ("pipeline.units:Area", "expected a function marked with @node\\(\\), found none called 'Area'"),
        ("pipeline.units:nothing", "expected a function marked with @node\\(\\), found none called 'nothing'"),
        (":", "expected module:function"),
        ("pipeline.units:", "expected module:function"),
    ],
)
def test_what_is_no_node(value: str, said: str) -> None:
    """A name that leads to no node says what was looked for and what was found."""
    with pytest.raises(NodeError, match=said):
        Installed([])[value]


def test_unknown_names() -> None:
    """A name that nobody gives is a KeyError, as in any mapping."""
    nodes = catalog()
    assert "nothing" not in nodes
    assert "some.module:function" in nodes
    with pytest.raises(KeyError):
        nodes["nothing"]


def test_own_nodes_are_alphabetical() -> None:
    """What Kensa brings is listed in one order, and each node is called as its function."""
    names = [*own()]
    assert names == sorted(names)
    assert len(names) == len(own())
    assert {name: own()[name].name for name in names} == {name: name for name in names}
