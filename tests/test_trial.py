from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import cli
from pipeline.catalog import catalog
from pipeline.recordings import Writer, header
from pipeline.trial import test as run_cases
from tests.conftest import ROOT
from tests.toys import TOYS, frame

LINE = """
hosts: {a: {cameras: [cam-1]}}
nodes:
  source: {}
  fragile: {from: source, with: {bad: [1]}}
  shift: {from: fragile}
"""


def _tested(folder: Path, cases: str, line: str = LINE) -> str:
    """The faults of a file of cases, places without their folder."""
    (folder / "line.yaml").write_text(line)
    (folder / "cases").mkdir()
    file = folder / "cases" / "line.yaml"
    file.write_text(cases)
    return run_cases(file, TOYS).faults.replace(f"{folder}/", "")


def test_examples_hold() -> None:
    """Every case beside the example topologies holds."""
    for path in sorted((ROOT / "topologies" / "cases").glob("*.yaml")):
        tested = run_cases(path, catalog())
        assert (tested.faults, tested.failed) == ("", ())
        assert tested.held


def test_what_does_not_hold_is_shown_at_its_line(tmp_path: Path) -> None:
    """A fault says what was expected and what came, at the line that expects it."""
    cases = "cases: {one: {set: ['fragile.bad=[]'], sources: {frames: 3},\n  expect: {given: {shift: 4, source: 3}}}}\n"
    faults = _tested(tmp_path, cases)
    assert faults == (
        "cases/line.yaml:2:27: expected 4, got 3 (beside fragile: 3, source: 3)\n"
        "      expect: {given: {shift: 4, source: 3}}}}\n"
        "                              ^"
    )


def test_a_node_that_fails_fails_the_case(tmp_path: Path) -> None:
    """Even where nothing is expected of it."""
    faults = _tested(tmp_path, "cases:\n  one:\n    sources: {frames: 3}\n    expect: {}\n")
    assert faults.splitlines()[0] == (
        "cases/line.yaml:2:3: expected every node to work, "
        "got an error of 'fragile' on camera 'cam-1', seq 1: ValueError: no 1"
    )


def test_a_recording_may_enter_anywhere(tmp_path: Path) -> None:
    """A recording beside the cases is input for any node; its path starts at the cases."""
    with Writer(tmp_path / "some.kensa", header("line", ["x"])) as writer:
        writer.write("x", frame(1))
    faults = _tested(
        tmp_path, "cases:\n  one: {at: shift, recording: ../some.kensa, expect: {given: {shift: 1, fragile: 0}}}\n"
    )
    assert faults == ""


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{expect: {}}", "this case cannot run: expected one of `recording`, `sources`, `frames` and `belt`, got none"),
        ("{sources: {frames: 1}, frames: [], expect: {}}", "this case cannot run: expected one of"),
        (
            "{at: shft, frames: [{draw: '#'}], expect: {}}",
            "expected a node of the topology, got 'shft'; did you mean 'shift'?",
        ),
        ("{frames: [{draw: 'x'}], expect: {}}", "expected a drawing of '#' and '.', got 'x'"),
        (
            "{sources: {frames: 1}, expect: {verdicts: {cam-2: []}}}",
            "no camera 'cam-2' in the topology; did you mean 'cam-1'?",
        ),
        ("{sources: {frames: 0}, expect: {}}", "frames: expected"),
        ("{sources: {frames: 1}}", "missing field 'expect'"),
        ("{sources: {frames: 1}, expects: {}, expect: {}}", "unknown field 'expects'; did you mean 'expect'?"),
        ("{set: [shift.bye=3], sources: {frames: 1}, expect: {}}", "this case cannot run: "),
    ],
)
def test_faults_of_cases(tmp_path: Path, case: str, said: str) -> None:
    """What is wrong with a case is told at its place, in words."""
    faults = _tested(tmp_path, f"cases:\n  one: {case}\n")
    assert faults.startswith("cases/line.yaml:")
    assert said in faults


@pytest.mark.parametrize("text", ["", "- a", "cases: [", "cases: 3"])
def test_files_that_are_no_cases(tmp_path: Path, text: str) -> None:
    """An empty or broken file is a fault, never a success."""
    assert _tested(tmp_path, text).startswith("cases/line.yaml:")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`kensa test` takes a folder, a topology or a file of cases; 0 all hold, 1 some do not, 2 there are none."""
    folder = tmp_path / "topologies"
    (folder / "cases").mkdir(parents=True)
    (folder / "line.yaml").write_text("hosts: {a: {cameras: [c]}}\nnodes: {synthetic: {}, clean: {from: synthetic}}\n")
    (folder / "cases" / "line.yaml").write_text("cases: {one: {sources: {frames: 2}, expect: {given: {clean: 2}}}}\n")
    for path in (folder, folder / "line.yaml", folder / "cases" / "line.yaml"):
        assert cli.main(["test", str(path)]) == 0
    (folder / "cases" / "line.yaml").write_text("cases: {one: {sources: {frames: 2}, expect: {given: {clean: 3}}}}\n")
    assert cli.main(["test", str(folder)]) == 1
    assert "does not hold: one" in capsys.readouterr().out
    assert cli.main(["test", str(tmp_path)]) == 2
    assert (
        f"{tmp_path}: expected cases, found none; write them as {tmp_path}/cases/NAME.yaml" in capsys.readouterr().err
    )
