"""Reports of little: whatever results there are have one, and where there are none people are told what to do."""

from __future__ import annotations

import doctest
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import peers
from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.publishing import load, tell
from pipeline.batch.windows import Calendar, Window
from pipeline.cli import main
from pipeline.records import Gap, Record, Verdict
from pipeline.report import drawing, wording
from pipeline.report.drawing import ticks
from pipeline.report.maps import coarse, gridded, heat_map
from pipeline.report.reporting import report
from tests.batch.plants import NOON, SECOND, plant, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pytest.importorskip("scipy", reason="pip install 'kensa[batch]'")

HTML = '<b>"&'
LOT = 1200 * SECOND


def made(folder: Path, records: list[Record]) -> str:
    """The report of some records."""
    shelve(folder / "archive", [*records])
    aggregate(Request(folder / "archive", folder / "out"))
    return report(folder / "out").page


@pytest.mark.parametrize("module", [drawing, wording, peers])
def test_examples(module: Any) -> None:
    """As their docstrings show them."""
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted


@pytest.mark.slow
def test_an_afternoon(tmp_path: Path) -> None:
    """Two cameras have no peers, and a day no drift; the rest is there, the outline of the part among it."""
    page = made(tmp_path, plant(1, 150))
    assert "Fewer than three cameras have the same prompt" in page
    assert "five days with values each are needed" in page
    assert "pit on the part (top)" in page
    assert "PIT" in page
    assert "There are none: every file could be read" in page


@pytest.mark.slow
def test_one_gap(tmp_path: Path) -> None:
    """Nobody saw anything, and the page says so."""
    page = made(tmp_path, [Gap(camera="c", session="s", seq=3, t_ns=NOON, last=5, reason="sensor", where="camera")])
    assert "No region was found." in page
    assert "No verdict told a reason." in page
    assert "1 of 1 cameras miss frames" in page


@pytest.mark.slow
def test_nothing_was_read(tmp_path: Path) -> None:
    """Every verdict is NO_READ: the share is 100 %, and no part of the page divides by nothing."""
    who: list[dict[str, Any]] = [{"camera": "c", "session": "s", "seq": n, "t_ns": NOON + n} for n in range(20)]
    told: list[Record] = [
        Verdict(**each, outcome="NO_READ", subject="frame", first_seq=each["seq"], book="b", version="v")
        for each in who
    ]
    page = made(tmp_path, told)
    assert "<b>100 %</b><span>are NO_READ" in page


@pytest.mark.slow
def test_names_are_text(tmp_path: Path) -> None:
    """Whatever a camera, a label or a reason is called, it is read, not obeyed."""
    records = [msgspec.structs.replace(each, camera=HTML) for each in plant(1, 60)]
    page = made(tmp_path, records)
    assert HTML not in page
    assert "&lt;b&gt;&quot;&amp;" in page


@pytest.mark.slow
def test_what_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says what to do: no folder, results of an older version, a file that is gone."""
    assert main(["report", str(tmp_path)]) == 2
    assert "expected results, found none; make them: kensa aggregate ARCHIVE --output" in capsys.readouterr().err
    made(tmp_path, plant(1, 40))
    out = tmp_path / "out"
    (out / "spots.parquet").unlink()
    assert main(["report", str(out)]) == 2
    assert "expected every file that manifest.json lists, found: " in capsys.readouterr().err
    manifest = load(out)
    assert manifest
    older = {name: listed for name, listed in manifest.conclusions.items() if name != "phases"}
    tell(out, msgspec.structs.replace(manifest, conclusions=older))
    assert main(["report", str(out)]) == 2
    assert "expected phases.parquet, which an older version did not make; aggregate anew" in capsys.readouterr().err


@pytest.mark.slow
def test_without_resvg_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pages and SVG need nothing; PNG does."""
    made(tmp_path, plant(1, 60))
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert main(["report", str(tmp_path / "out"), "--png"]) == 2
    assert "expected resvg-py, which draws PNG, found none: pip install 'kensa[report]'" in capsys.readouterr().err


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_lie_between(low: float, wide: float) -> None:
    """A few round numbers, ascending, between the two they are asked for."""
    found = ticks(low, low + wide)
    assert 0 < len(found) <= 11
    assert found == sorted(found)
    room = 1e-6 * wide + 1e-11 * abs(low) + 1e-11
    assert all(low - room <= tick <= low + wide + room for tick in found)


def test_maps_keep_every_count() -> None:
    """Cells counted together lose nothing, and stop where one holds enough."""
    cells = gridded({"x": np.array([0, 5, 63]), "y": np.array([0, 5, 63]), "n": np.array([1, 2, 3])})
    assert coarse(cells).sum() == 6
    assert coarse(cells).shape == (16, 16)
    assert coarse(10 * cells).shape == (64, 64)
    assert coarse(0 * cells).shape == (64, 64)
    assert "3 in a cell" in heat_map("map", cells)


def test_an_outline_runs_around() -> None:
    """Around one pixel in the middle of three: four sides."""
    inside = np.zeros((3, 3), bool)
    inside[1, 1] = True
    (drawn,) = (
        part for part in heat_map("map", np.ones((64, 64)), inside).split("<path") if 'stroke-width="1.6"' in part
    )
    assert drawn.count("M") == 4


@pytest.mark.slow
def test_batches_are_called_by_their_names(tmp_path: Path) -> None:
    """On charts and in sentences, as text; the report says by what its windows are."""
    shelve(tmp_path / "archive", plant(5, 100))
    lots = [(NOON + n * LOT, NOON + (n + 1) * LOT, f"<i>lot {n}") for n in range(8)]
    batches = tuple(Window(*lot, date(2026, 11, 22)) for lot in lots)
    aggregate(Request(tmp_path / "archive", tmp_path / "out", Calendar(span="batch", batches=batches)))
    page = report(tmp_path / "out").page
    assert "UTC time, by batch" in page
    assert "&lt;i&gt;lot 0" in page
    assert "<i>" not in page
