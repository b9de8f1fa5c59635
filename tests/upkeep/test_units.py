"""Units of systemd in deploy/: systemd finds no fault in them, and what they start does what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nodes.sinks.archive import archive
from pipeline.cli import main
from pipeline.pieces import pieces
from tests.conftest import ROOT
from tests.nodes.test_archive import everything

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

UNITS = ROOT / "deploy" / "systemd"


def commands(unit: str, kept: Path, results: Path) -> list[list[str]]:
    """The words that a unit gives to `kensa`, for an archive and where its results go."""
    text = (UNITS / unit).read_text(encoding="utf-8")
    found = [line.split()[1:] for line in re.findall(r"^ExecStart=-?(/opt/kensa/bin/kensa .*)$", text, re.MULTILINE)]
    said = {"%f": [str(kept)], "/var/lib/kensa/statistics/%i": [str(results)], "$OPTIONS": ["--window", "day"]}
    return [[each for word in words for each in said.get(word, [word])] for words in found]


def test_upkeep_makes_an_archive_smaller_and_proves_it(tmp_path: Path) -> None:
    """Compacted, pruned and verified, in this order; all succeed."""
    archive(iter([everything(n) for n in range(3)]), path=str(tmp_path))
    asked = commands("kensa-upkeep@.service", tmp_path, tmp_path)
    assert [words[1] for words in asked] == ["compact", "prune", "verify"]
    assert [main(words) for words in asked] == [0, 0, 0]
    assert len(pieces(tmp_path, "frames")) == 1


@pytest.mark.slow
def test_statistics_are_published_and_reported(tmp_path: Path) -> None:
    """With the options of the file beside the unit."""
    pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
    archive(iter([everything(n) for n in range(3)]), path=str(tmp_path / "archive"))
    asked = commands("kensa-statistics@.service", tmp_path / "archive", tmp_path / "results")
    assert [words[0] for words in asked] == ["aggregate", "report"]
    assert [main(words) for words in asked] == [0, 0]
    assert (tmp_path / "results" / "report.html").stat().st_size > 1000


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("*@.*")))
def test_systemd_reads_them(name: str, tmp_path: Path) -> None:
    """Every word of a unit is one that it knows."""
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("no systemd-analyze")
    for path in UNITS.glob("*@.*"):  # as an instance; what it starts is there
        text = path.read_text(encoding="utf-8").replace("/opt/kensa/bin/kensa", "/bin/true")
        (tmp_path / path.name.replace("@.", "@data.")).write_text(text, encoding="utf-8")
    asked = [analyze, "verify", "--man=no", str(tmp_path / name.replace("@.", "@data."))]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "data" in line] == []
    assert done.returncode == 0
