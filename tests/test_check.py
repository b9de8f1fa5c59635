"""Checking a topology: variables, settings, includes, speed, and the command's answers; texts are in test_faults."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.catalog import Catalog
from pipeline.check import check, load
from pipeline.cli import main
from pipeline.errors import TopologyError
from pipeline.topology import Topology
from tests.conftest import ROOT
from tests.specimens import catalog

LINE = """
hosts:
  edge-1: {cameras: [cam-1, cam-2]}
nodes:
  camera:  {use: sensor}
  clean:   {from: camera, with: {min_area: 40}}
  measure: {from: clean}
  track:   {from: measure}
  rules:   {from: track}
  archive: {from: [track, rules]}
"""


@pytest.fixture
def nodes() -> Catalog:
    """The specimens."""
    return catalog()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A topology that can run."""
    path = tmp_path / "line.yaml"
    path.write_text(LINE)
    return path


def _loaded(path: Path, text: str, nodes: Catalog, *settings: str, **environ: str) -> Topology:
    path.write_text(text)
    checked = check(path, settings, nodes, environ)
    assert checked.topology, checked.document.show()
    return checked.topology


def test_what_is_left_out(file: Path, nodes: Catalog) -> None:
    """A node is what its own name says, a line is called like its file, parameters are those that were given."""
    topology = load(file, nodes=nodes)
    assert topology.name == "line"
    assert topology.nodes["clean"].use == "clean"
    assert topology.nodes["clean"].params == {"min_area": 40}
    assert topology.nodes["archive"].inputs == ("track", "rules")
    assert topology.cameras == {"cam-1": "edge-1", "cam-2": "edge-1"}


def test_name_of_the_line(file: Path, nodes: Catalog) -> None:
    """Plant and line name it."""
    assert _loaded(file, "line: {plant: nagoya, line: a}\n" + LINE, nodes).name == "nagoya-a"


def test_variables(file: Path, nodes: Catalog) -> None:
    """`vars` come before the environment, the environment before a default; numbers become numbers."""
    text = "vars: {AREA: 7}\n" + LINE.replace("min_area: 40", "min_area: $AREA").replace(
        "use: sensor", "use: '${SOURCE:-sensor}', with: {rate: '${RATE:-25}'}"
    )
    topology = _loaded(file, text, nodes, AREA="8")
    assert topology.nodes["clean"].params == {"min_area": 7}
    assert topology.nodes["camera"].params == {"rate": 25}
    topology = _loaded(
        file,
        text.replace("{rate", "{path: $AREA, loop").replace("RATE:-25", "LOOP:-no"),
        nodes,
        SOURCE="film",
        LOOP="true",
    )
    assert topology.nodes["camera"].params == {"path": "7", "loop": True}


def test_two_dollars_are_one(file: Path, nodes: Catalog) -> None:
    """A text that begins with a dollar can be written."""
    topology = _loaded(file, LINE.replace("[track, rules]}", "[track, rules], with: {path: $$HOME}}"), nodes)
    assert topology.nodes["archive"].params == {"path": "$HOME"}


def test_settings(file: Path, nodes: Catalog) -> None:
    """The command line sets parameters, those of one camera, and variables, before the file does."""
    text = "vars: {AREA: 7}\n" + LINE.replace("min_area: 40", "min_area: $AREA")
    settings = ("AREA=9", "camera.rate=12.5", "cam-2.track.max_gap=3", "archive.path=30")
    topology = _loaded(file, text, nodes, *settings)
    assert topology.nodes["clean"].params == {"min_area": 9}
    assert topology.nodes["camera"].params == {"rate": 12.5}
    assert topology.nodes["track"].overrides == {"cam-2": {"max_gap": 3}}
    assert topology.nodes["archive"].params == {"path": "30"}


def test_settings_are_checked(file: Path, nodes: Catalog) -> None:
    """A setting that cannot be is shown as it was written."""
    document = check(file, ["claen.min_area=3", "clean.min_area=-3", "clean"], nodes).document
    assert document.show() == (
        "--set:1:1: no node called 'claen' in this topology; did you mean 'clean'?\n"
        "    claen.min_area=3\n"
        "    ^\n"
        "--set:2:16: min_area: expected at least 0 px², got -3\n"
        "    clean.min_area=-3\n"
        "                   ^\n"
        "--set:3:1: expected node.param=value, camera.node.param=value or NAME=value\n"
        "    clean\n"
        "    ^"
    )


def test_includes(file: Path, nodes: Catalog) -> None:
    """Files are put together name by name; a variable of the including file wins; each file is read once."""
    folder = file.parent
    (folder / "hosts.yaml").write_text("include: [vars.yaml]\nhosts: {edge-1: {cameras: [cam-1]}}\n")
    (folder / "vars.yaml").write_text(
        "vars: {AREA: 5, RATE: 20}\nnodes:\n  camera: {use: sensor, with: {rate: $RATE}}\n"
    )
    text = (
        "include: [hosts.yaml, vars.yaml]\nvars: {AREA: 6}\nnodes:\n  clean: {from: camera, with: {min_area: $AREA}}\n"
    )
    topology = _loaded(file, text, nodes)
    assert topology.nodes["clean"].params == {"min_area": 6}
    assert topology.nodes["camera"].params == {"rate": 20}
    assert topology.cameras == {"cam-1": "edge-1"}


def test_a_parameter_may_be_given_by_every_camera(file: Path, nodes: Catalog) -> None:
    """What has no default may come from the camera table, if it does for each camera."""
    table = "cameras: {cam-1: {camera: {path: a}}, cam-2: {camera: {path: b}}}\n"
    topology = _loaded(file, table + LINE.replace("use: sensor", "use: film"), nodes)
    assert topology.nodes["camera"].overrides == {"cam-1": {"path": "a"}, "cam-2": {"path": "b"}}


def test_faults_of_a_rule_book_are_told(file: Path) -> None:
    """What a node reads from a file beside the topology is checked with it, each fault at its own place."""
    (file.parent / "book.yaml").write_text(
        "rules:\n  - {name: no hole, measure: hole, fail: {high: 0}, reason: HOLE}\n"
    )
    text = LINE.replace("use: sensor", "use: synthetic").replace(
        "{from: track}", "{from: track, with: {book: book.yaml}}"
    )
    file.write_text(text.replace("{from: [track, rules]}", "{from: [track, rules], with: {path: out}}"))
    document = check(file).document
    assert document.show().splitlines()[0] == (
        f"{file.parent}/book.yaml:2:30: measure: unknown measurement 'hole'; did you mean 'holes'?"
    )
    assert len(document.faults) == 1


def test_load_raises_every_fault(file: Path, nodes: Catalog) -> None:
    """Whoever needs a topology gets all reasons at once."""
    file.write_text(LINE.replace("min_area: 40", "min_area: -1").replace("use: sensor", "use: senser"))
    with pytest.raises(TopologyError) as raised:
        load(file, nodes=nodes)
    assert "did you mean 'sensor'?" in str(raised.value)
    assert "expected at least 0 px², got -1" in str(raised.value)


def _large(cameras: int) -> str:
    hosts = (
        f"  edge-{h}: {{address: 10.0.0.{h}, cameras: [{', '.join(f'cam-{h}-{c}' for c in range(10))}]}}"
        for h in range(cameras // 10)
    )
    rows = (f"  cam-{h}-{c}: {{clean: {{min_area: {c}}}}}" for h in range(cameras // 10) for c in range(10))
    nodes = LINE.partition("nodes:\n")[2].replace("[track, rules]}", "[track, rules], at: edge-0}")
    return "\n".join(["hosts:", *hosts, "cameras:", *rows, "nodes:", nodes])


def test_a_hundred_cameras_in_under_a_second(file: Path, nodes: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    """A plant's file is checked, and planned, before one looks up."""
    file.write_text(_large(100).replace("use: sensor", "use: tests.specimens:sensor"))
    begun = time.process_time()
    assert main(["check", str(file), "--set", "archive.path=out", "--set", "BOOK=x"]) == 1  # rules wants its book
    assert time.process_time() - begun < 1
    file.write_text(_large(100))
    begun = time.process_time()
    load(file, nodes=nodes)
    assert time.process_time() - begun < 1


def test_a_hundred_faults_in_under_a_second(file: Path, nodes: Catalog) -> None:
    """Faults cost no more than their text; beyond 200 they are counted."""
    file.write_text(_large(300).replace("min_area: 4}", "min_aera: 4}").replace("{clean", "{claen"))
    begun = time.process_time()
    document = check(file, nodes=nodes).document
    shown = document.show()
    assert time.process_time() - begun < 1
    assert len(document.faults) == 300
    assert shown.endswith("… and 100 faults more")


def test_ten_megabytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no topology by its size alone is answered at once."""
    path = tmp_path / "big.yaml"
    path.write_bytes(b"nodes: [" + b"a, " * (10 << 20) + b"]")
    begun = time.process_time()
    assert main(["check", str(path)]) == 1
    assert time.process_time() - begun < 1
    assert "expected at most 1,048,576 bytes, got" in capsys.readouterr().out


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """0 and a line each where all can run; 1 and the faults where one cannot; 2 where there is no file."""
    line = ROOT / "topologies" / "line_a.yaml"
    assert main(["check", str(line)]) == 0
    assert capsys.readouterr().out == f"{line}: ok (8 cameras on 2 hosts, 8 nodes; 5 processes, 40 edges)\n"
    assert main(["check", str(line), "--set", "clean.min_area=-1"]) == 1
    assert capsys.readouterr().out == (
        "--set:1:16: min_area: expected at least 0 px², got -1\n"
        "    clean.min_area=-1\n"
        "                   ^\n"
        f"{line}: 1 fault\n"
    )
    assert main(["check", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "nowhere.yaml: expected a topology, found no such file\n"


def test_json_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault is an object with file, line, column and text."""
    assert main(["check", str(ROOT / "topologies"), "--format", "json", "--set", "clean.min_area=-1"]) == 1
    faults = json.loads(capsys.readouterr().out)
    assert {fault["file"] for fault in faults} == {"--set"}
    assert (faults[0]["line"], faults[0]["column"]) == (1, 16)
    assert faults[0]["text"] == "min_area: expected at least 0 px², got -1"


@pytest.mark.slow
def test_check_is_light() -> None:
    """Checking a line with a source, vision and an archive loads none of the libraries that those need."""
    code = (
        "import sys; from pipeline.cli import main; main(['check', 'topologies']); print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert {"picamera2", "torch", "cv2", "apache_beam", "pyarrow"} & {*run.stderr.split()} == set()
