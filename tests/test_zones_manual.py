"""Every example of docs/zones.md, run: layouts are read, brackets are judged, and what is told is what stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from nodes.sources.folder import image
from nodes.transforms.book import open_book
from nodes.transforms.gauge import gauge
from nodes.transforms.judge import Judge
from nodes.transforms.layout import open_layout, read_layout
from nodes.transforms.measure import measured
from pipeline.records import Regions
from tests.conftest import ROOT
from tests.nodes.scenes import frame
from tests.test_rules_manual import words

PAGE = (ROOT / "docs" / "zones.md").read_text(encoding="utf-8")
BRACKETS = ROOT / "topologies" / "brackets"
BLOCKS = dict(re.findall(r"```yaml (\w+)\n(.*?)```", PAGE, re.DOTALL))
TOLD = dict(re.findall(r"```yaml (\w+)\n(?:(?!```).)*```\n+```text\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the examples name."""
    shutil.copy(BRACKETS / "bracket.golden.yaml", tmp_path)
    (tmp_path / "layout.yaml").write_text(BLOCKS["layout"], encoding="utf-8")
    (tmp_path / "book.yaml").write_text(BLOCKS["book"], encoding="utf-8")
    return tmp_path


def test_the_layout_is_one(folder: Path) -> None:
    """It has a golden mask, a zone, a gap and a pattern."""
    view = open_layout(str(folder / "layout.yaml")).views["*"]
    assert view.golden
    assert [*view.zones, *view.gaps, *view.patterns] == ["foot", "slot", "holes"]


def test_the_faulty_layout_has_these_faults(tmp_path: Path) -> None:
    """Line, column and text."""
    path = tmp_path / "layout.yaml"
    path.write_text(BLOCKS["faulty"], encoding="utf-8")
    faults = [f"{fault.line}:{fault.column}: {fault.text}" for fault in read_layout(str(path)).faults]
    assert faults == TOLD["faulty"].splitlines()


@pytest.mark.parametrize("line", TOLD["book"].splitlines())
def test_a_bracket_is_judged_as_the_page_says(line: str, folder: Path) -> None:
    """The masks are those of topologies/brackets."""
    name, _, _ = line.partition(" → ")
    _, (layer,) = image(BRACKETS / f"bracket-{name}.png", "part", 127)
    seen = measured(frame(layer.mask.dense))
    (found,) = gauge(iter([seen]), layout=str(folder / "layout.yaml"), calibration=str(BRACKETS / "plane.yaml"))
    assert isinstance(found, Regions)
    assert f"{name} → {words(Judge(open_book(str(folder / 'book.yaml'))).judge(found))}" == line


def test_every_block_is_run() -> None:
    """A page whose blocks are written in another way would run none."""
    assert {*BLOCKS} == {"layout", "faulty", "book"}
    assert PAGE.count("```yaml") == 3
    assert len(TOLD["book"].splitlines()) == 6
