from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import cli
from pipeline.capture import capture
from pipeline.check import load
from pipeline.clock import RealClock
from pipeline.recordings import Recording
from pipeline.records import Record
from tests.conftest import ROOT
from tests.toys import TOYS

LINE = "hosts: {a: {cameras: [cam-2, cam-1]}}\nnodes: {source: {with: {count: 3}}, keep: {from: source}}\n"


def _fail(node: str, record: Record | None, error: Exception) -> None:
    raise AssertionError(f"{node} failed") from error


def test_only_sources_run_and_their_records_are_merged(tmp_path: Path) -> None:
    """What all cameras gave comes in the order of exposure, then camera, each with its source; nothing else runs."""
    (tmp_path / "line.yaml").write_text(LINE)
    given = [*capture(load(tmp_path / "line.yaml", nodes=TOYS), TOYS, RealClock(), _fail)]
    assert {one.node for one in given} == {"source"}
    assert sorted((one.record.camera, one.record.seq) for one in given) == [
        (f"cam-{c}", s) for c in (1, 2) for s in range(3)
    ]
    order = [(one.record.t_ns, one.record.camera) for one in given]
    assert order == sorted(order)


@pytest.mark.slow
def test_record_then_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`kensa record` writes what the sources give; `kensa replay` runs the line over it and writes what nodes gave."""
    line, rec, out = str(ROOT / "topologies" / "line_a.yaml"), tmp_path / "line.kensa", tmp_path / "out"
    assert cli.main(["record", line, "-o", str(rec), "--set", "camera.frames=20", "--set", "camera.rate=20"]) == 0
    told = capsys.readouterr().out
    assert f"{rec}: " in told
    assert "cam-4: 20 records, 0 gaps" in told
    assert len([*Recording(rec)]) == 160
    assert cli.main(["replay", line, str(rec), "--no-sinks", "--out", str(out), "--node", "measure"]) == 0
    rows = [
        row.split() for row in capsys.readouterr().out.splitlines() if row.strip().startswith(("camera", "measure"))
    ]
    assert [row[:4] for row in rows] == [["camera", "0", "160", "0"], ["measure", "160", "160", "0"]]
    assert [path.name for path in out.iterdir()] == ["measure.kensa"]
    assert {given.node for given in Recording(out / "measure.kensa")} == {"measure"}


@pytest.mark.slow
def test_record_ends_after_its_time(tmp_path: Path) -> None:
    """An endless source is stopped when the time is over."""
    line, rec = str(ROOT / "topologies" / "line_a.yaml"), tmp_path / "line.kensa"
    assert cli.main(["record", line, "-o", str(rec), "--for", "500ms"]) == 0
    assert len([*Recording(rec)]) > 4


def test_replay_tells_an_unknown_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--node` with a name that nobody has is refused before anything runs."""
    line, rec = str(ROOT / "topologies" / "line_a.yaml"), tmp_path / "line.kensa"
    assert cli.main(["record", line, "-o", str(rec), "--set", "camera.frames=1"]) == 0
    assert cli.main(["replay", line, str(rec), "--no-sinks", "--out", str(tmp_path), "--node", "rulez"]) == 2
    assert "--node rulez: no such node; did you mean 'rules'?; nodes: 'camera'" in capsys.readouterr().err
