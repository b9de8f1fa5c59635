"""reserve: what the supervisor does about the disk under its line's state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import disk as disks
from pipeline.disk import Ballast, Limits, Usage, Watch
from pipeline.notices import board
from pipeline.runtime.reserve import Reserve
from tests.disks import disk


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk is measured at every look, and nobody else has anything to tell."""
    monkeypatch.setattr(disks, "PERIOD_S", 0.0)
    for notice in board.read():
        board.settle(notice.key)
    yield
    for notice in board.read():
        board.settle(notice.key)


def test_people_are_told_when_it_gets_tight(tmp_path: Path) -> None:
    """At 85 and at 95 %, each once, and it is over when there is room."""
    used, texts = [0.5], []
    reserve = Reserve(tmp_path, Watch(tmp_path, Limits(), measure=lambda _: Usage(used[0], 9_000_000, 1 << 30)))
    for used[0] in (0.5, 0.75, 0.86, 0.96, 0.3):
        reserve.tend()
        texts.append([notice.text for notice in board.read()])
    words = f"the disk of the line's state, {tmp_path}, is %d%% full, 9 MB free: spools end where it ends; "
    assert texts == [[], [], *([words % share + "delete what you need no more"] for share in (86, 96)), []]
    assert reserve.used == {str(tmp_path): 0.3}


def test_a_disk_that_does_not_answer_ends_nothing(tmp_path: Path) -> None:
    """The supervisor runs on, and people know."""

    def broken(_: Path) -> Usage:
        raise OSError(5, "Input/output error")

    Reserve(tmp_path, Watch(tmp_path, Limits(), measure=broken)).tend()
    assert [notice.text for notice in board.read()] == [
        f"the disk of the line's state, {tmp_path}, does not answer: Input/output error"
    ]


def test_a_full_disk_gets_its_ballast_back_as_room(tmp_path: Path) -> None:
    """What a spool or a cursor must write to give room of its own can then be written."""
    with disk(tmp_path) as small:
        ballast = Ballast(small.path / "ballast")
        reserve = Reserve(small.path)
        reserve.tend()
        assert ballast.held
        small.fill()
        reserve.tend()
        assert not ballast.held
        (small.path / "cursor").write_bytes(b"7" * 4096)
