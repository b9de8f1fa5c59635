"""docs/analysts.md: what it shows runs, in ten lines each, and all of it gives the numbers that counting gives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.batch.aggregating import Request, aggregate
from pipeline.records import Record, Regions
from tests.batch.plants import plant, shelve
from tests.conftest import ROOT
from tests.test_readme import blocks

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")

# What polars and pandas warn of is theirs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

CODE = blocks((ROOT / "docs" / "analysts.md").read_text(encoding="utf-8"), "python")
HOUR = 3600 * 10**9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive, half of which was sent again, and its statistics."""
    folder = tmp_path_factory.mktemp("analysts")
    shelve(folder / "archive", RECORDS)
    shelve(folder / "archive", RECORDS[50:], batch=7)
    aggregate(Request(folder / "archive", folder / "statistics"))
    return folder


RECORDS: list[Record] = plant(6, 120)


def expected() -> list[tuple[Any, ...]]:
    """Camera, hour, frames, those with a pit, and the share, counted one by one."""
    frames, pits = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for record in RECORDS:
        if isinstance(record, Regions):
            at = record.camera, record.t_ns // HOUR
            frames[at] += 1
            pits[at] += any(region.label == "pit" for region in record.regions)
    return [(*at, frames[at], pits[at], pits[at] / frames[at]) for at in sorted(frames)]


@pytest.mark.parametrize("library", ["duckdb", "polars", "pandas"])
def test_each_library_gives_the_numbers(library: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them alone, in about ten lines, run where the archive lies."""
    pytest.importorskip(library, reason="make install")
    (code,) = (each for each in CODE if f"import {library}" in each and "found =" in each)
    assert len([line for line in code.splitlines() if line.strip()]) <= 11
    assert ran(code, folder, monkeypatch)["found"] == expected()


def test_results_can_be_asked_as_well(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst hours, with their intervals."""
    pytest.importorskip("duckdb", reason="make install")
    (code,) = (each for each in CODE if "worst =" in each)
    worst = ran(code, folder, monkeypatch)["worst"]
    assert len(worst) == 5
    assert all(n / of == rate and low <= rate <= high for _, _, n, of, rate, low, high in worst)


def ran(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a piece of the page leaves behind."""
    monkeypatch.chdir(folder)
    left: dict[str, Any] = {}
    exec(compile(code, "docs/analysts.md", "exec"), left)
    return left
