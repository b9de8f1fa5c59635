"""Archives of older versions are counted like those of today."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.batch.observing import Asked
from pipeline.batch.reading import read
from pipeline.batch.surveying import Home, slices, survey
from pipeline.batch.windows import Calendar
from tests.conftest import GOLDEN

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

HOME = Home("", "")


@pytest.mark.parametrize("version", sorted(folder.name for folder in (GOLDEN / "archive").iterdir()))
def test_what_a_version_wrote_is_counted(tmp_path: Path, version: str) -> None:
    """No row of it is a dead letter, and its mask has the pixels that it had."""
    for path in (GOLDEN / "archive" / version).glob("*.parquet"):
        there = tmp_path / f"table={path.stem}" / "date=2026-11-22"
        there.mkdir(parents=True)
        shutil.copy(path, there)
    found, dead = survey(tmp_path, HOME)
    (cut,) = slices(HOME, found[HOME], Calendar(span="day"))
    seen, account = read(tmp_path, cut, Asked())
    assert ([*dead], account.dead) == ([], ())
    counted = {name: told["counted"] for name, told in account.tables.items()}
    assert counted == {"frames": 3, "regions": 1, "verdicts": 1, "gaps": 1}
    assert seen.runs is not None
    assert int(seen.runs.end.sum() - seen.runs.begin.sum()) == 11
