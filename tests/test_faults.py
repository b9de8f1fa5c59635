"""Every broken topology under tests/faults, and the exact words that its author reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.check import check
from tests.conftest import Golden
from tests.specimens import catalog

FAULTS = Path(__file__).parent / "faults"
NAMES = sorted(path.stem for path in FAULTS.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault is told with its place, what was expected, what was found and what to do."""
    monkeypatch.chdir(FAULTS)
    checked = check(f"{name}.yaml", nodes=catalog(), environ={})
    assert checked.topology is None
    golden(f"../faults/{name}.txt", checked.document.show() + "\n")
