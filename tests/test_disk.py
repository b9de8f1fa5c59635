"""disk: what a used share means, how it is measured, and the ballast for when nothing is left."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.disk import BALLAST, RANK, Ballast, Level, Limits, Usage, Watch, judge, measure, ratios, watch
from tests.disks import Disk, disk

LIMITS = Limits()
SHARES = st.floats(0, 1)
LEVELS = st.sampled_from([*RANK])
ROOMY = Usage(0.1, 90 << 30, 100 << 30)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 2 MB."""
    with disk(tmp_path) as one:
        yield one


@pytest.mark.parametrize(
    ("used", "level"), [(0.69, "ok"), (0.70, "warn"), (0.84, "warn"), (0.85, "lean"), (0.95, "stop"), (1.0, "stop")]
)
def test_a_level_begins_at_its_share(used: float, level: Level) -> None:
    """Seventy, eighty-five and ninety-five per cent, inclusive."""
    assert judge(used, "ok", LIMITS) == level


def test_a_level_ends_below_where_it_began() -> None:
    """A disk that swings about a limit changes its level once, not at every look."""
    levels: list[Level] = ["ok"]
    for used in (0.94, 0.951, 0.949, 0.951, 0.93, 0.919, 0.86, 0.83, 0.819, 0.68, 0.669, 0.69):
        levels.append(judge(used, levels[-1], LIMITS))
    assert levels[1:] == ["lean", *["stop"] * 4, *["lean"] * 3, "warn", "warn", "ok", "ok"]


@given(SHARES, SHARES, LEVELS)
def test_fuller_is_never_better(a: float, b: float, before: Level) -> None:
    """From the same level, a fuller disk is judged the same or worse."""
    assert RANK[judge(min(a, b), before, LIMITS)] <= RANK[judge(max(a, b), before, LIMITS)]


@given(SHARES, LEVELS)
def test_a_second_look_changes_nothing(used: float, before: Level) -> None:
    """A level is settled at once: the same share judged again gives the same level."""
    level = judge(used, before, LIMITS)
    assert judge(used, level, LIMITS) == level


def test_a_level_above_a_worse_one_is_never_reached() -> None:
    """Who sets `lean` above `stop` does without it."""
    limits = Limits(lean=1.0, stop=0.9)
    assert [judge(share, "ok", limits) for share in (0.89, 0.9, 1.0)] == ["warn", "stop", "stop"]


def test_a_folder_is_measured_once_a_second() -> None:
    """However often a sink asks; and at once where something has happened."""
    asked, now = [], [100.0]

    def fake(folder: Path) -> Usage:
        asked.append(folder)
        return Usage(0.3 * len(asked))

    one = Watch(Path("/archive"), LIMITS, measure=fake, now=lambda: now[0])
    assert [one.look() for _ in range(3)] == ["ok"] * 3
    now[0] += 1.0
    assert [one.look() for _ in range(3)] == ["ok"] * 3
    one.hurry()
    assert one.look() == "lean"
    assert asked == [Path("/archive")] * 3


def test_a_watch_is_shared_and_shown(tmp_path: Path) -> None:
    """Two who ask for a folder with the same limits look through one watch, and its share is there for a gauge."""
    one = watch(tmp_path, LIMITS)
    assert watch(tmp_path, Limits()) is one
    one.look()
    assert 0 < ratios()[str(tmp_path)] < 1


def test_a_folder_that_is_not_there_yet_is_measured(tmp_path: Path) -> None:
    """By the nearest one above it."""
    assert measure(tmp_path / "not" / "yet").size == measure(tmp_path).size > 0


def test_blocks_are_counted_as_df_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for root is neither taken nor left; inodes count where they are scarcer; none at all do not."""

    class Said:
        f_blocks, f_bfree, f_bavail, f_frsize = 1000, 300, 250, 4096
        f_files, f_ffree, f_favail = 100, 5, 5

    monkeypatch.setattr(os, "statvfs", lambda _: Said)
    assert measure(Path("/")) == Usage(0.95, 250 * 4096, 1000 * 4096)
    Said.f_files = Said.f_ffree = Said.f_favail = 0
    assert measure(Path("/")).used == pytest.approx(700 / 950)


def test_inodes_run_out_too(tmp_path: Path) -> None:
    """A disk with room but no names left is full."""
    with disk(tmp_path, inodes=100) as one:
        for number in range(96):
            (one.path / str(number)).touch()
        assert judge(measure(one.path).used, "ok", LIMITS) == "stop"


def test_a_ballast_gives_room_when_nothing_is_left(small: Disk) -> None:
    """It is made while there is room, is thrown off when less than it is free, and comes back with the room."""
    ballast = Ballast(small.path / "ballast")
    ballast.tend(measure(small.path), "ok")
    size = ballast.path.stat().st_size
    assert size == (2 << 20) // 128
    small.fill()
    with pytest.raises(OSError, match="No space left"):
        (small.path / "cursor").write_bytes(b"7" * size)
    ballast.tend(measure(small.path), "stop")
    assert not ballast.held
    (small.path / "cursor").write_bytes(b"7" * (size - 4096))
    ballast.tend(measure(small.path), "stop")
    assert not ballast.held
    small.fill(0.5)
    ballast.tend(measure(small.path), "ok")
    assert ballast.held


def test_a_ballast_is_small_beside_its_disk(tmp_path: Path) -> None:
    """4 MiB where there is plenty, and never enough to end a level by being thrown off."""
    Ballast(tmp_path / "large").tend(ROOMY, "ok")
    assert (tmp_path / "large").stat().st_size == BALLAST
    Ballast(tmp_path / "small").tend(Usage(0.1, 90_000, 128_000), "ok")
    assert (tmp_path / "small").stat().st_size == 1000
    assert min(above - below for below, above in pairwise((LIMITS.warn, LIMITS.lean, LIMITS.stop))) > LIMITS.margin
    assert LIMITS.margin > 1 / 128


@pytest.mark.parametrize("level", ["stop", "lean"])
def test_no_ballast_is_made_on_a_full_disk(tmp_path: Path, level: Level) -> None:
    """Neither at the level that stops everything, nor where it would take much of what is left."""
    Ballast(tmp_path / "b").tend(Usage(0.96, 4 << 30 if level == "stop" else 15 << 20, 100 << 30), level)
    assert not (tmp_path / "b").exists()


def test_a_disk_that_refuses_a_ballast_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a ballast would be a lie: what was begun is gone, nothing is raised, and the next look tries again."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    ballast = Ballast(tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        ballast.tend(ROOMY, "ok")
        assert not ballast.held
    ballast.tend(ROOMY, "ok")
    assert ballast.held
    assert ballast.release()
    assert not ballast.release()
