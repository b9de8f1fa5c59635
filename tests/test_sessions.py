"""Tests of `pipeline.runtime.sessions`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.notices import board
from pipeline.records import Gap
from pipeline.runtime import trail
from pipeline.runtime.sessions import FOLDER, Mark, marked, safe
from pipeline.runtime.trail import Left
from pipeline.transport.page import SIZE
from tests.conftest import ROOT
from tests.toys import frame

KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.runtime import trail
from pipeline.runtime.sessions import Mark
from tests.toys import frame
mark = Mark(Path(sys.argv[1]))
for seq in range(1000):
    mark.note(frame(seq, "cam-1", "boot"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def left(path: Path) -> Left | None:
    """What a new process finds."""
    with Mark(path) as mark:
        return mark.left


def test_what_was_noted_outlives_a_kill(tmp_path: Path) -> None:
    """Nothing was flushed or closed, and yet the last frame is known."""
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "mark"], check=False, cwd=ROOT)
    assert run.returncode == -signal.SIGKILL
    assert left(tmp_path / "mark") == Left("boot", 1000, frame(999).t_ns)


def test_a_session_begins_before_anything_of_it_is_done(tmp_path: Path) -> None:
    """Whoever is killed with its first frame in hand has given it: the gap that ends the session is that frame."""
    with Mark(tmp_path / "mark") as mark:
        assert mark.begin(frame(4)) == frame(4).session
    assert left(tmp_path / "mark") == Left(frame(4).session, 4, frame(4).t_ns)
    with Mark(tmp_path / "mark") as mark:
        mark.note(frame(4))
        mark.begin(frame(5))
    assert left(tmp_path / "mark") == Left(frame(4).session, 5, frame(4).t_ns)


def test_a_session_that_is_over_leaves_the_page(tmp_path: Path) -> None:
    """It is not the one that was broken off, nor is a page that nobody ever wrote on."""
    with Mark(tmp_path / "mark") as mark:
        assert mark.left is None
        mark.note(frame(3))
        mark.told()
    assert left(tmp_path / "mark") is None


def test_a_gap_counts_to_its_last_frame(tmp_path: Path) -> None:
    """What the source itself told missing is not told again."""
    with Mark(tmp_path / "mark") as mark:
        mark.note(Gap(camera="cam-1", session="s", seq=4, last=9, t_ns=5, reason="sensor", where="camera"))
    assert left(tmp_path / "mark") == Left("s", 10, 5)


def test_another_session_takes_the_page(tmp_path: Path) -> None:
    """A recording that begins again is a new session: the page speaks of the newest."""
    with Mark(tmp_path / "mark") as mark:
        mark.note(frame(8, "cam-1", "a much longer name"))
        mark.note(frame(0, "cam-1", "b"))
    assert left(tmp_path / "mark") == Left("b", 1, frame(0).t_ns)


def test_the_gap_is_the_frame_that_would_have_come(tmp_path: Path) -> None:
    """It names the camera, the old session, and who would have given it."""
    gap = Left("old", 7, 123).gap("cam-1", "camera")
    assert (gap.camera, gap.session, gap.seq, gap.last, gap.t_ns) == ("cam-1", "old", 7, 7, 123)
    assert (gap.reason, gap.where) == ("restart", "camera")


@given(st.binary(max_size=SIZE + 8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_page_of_rubbish_is_no_session_or_one_with_a_name(tmp_path: Path, rubbish: bytes) -> None:
    """Whatever a failing disk left there: reading it never raises, and what is found can be told."""
    (tmp_path / "mark").write_bytes(rubbish)
    found = left(tmp_path / "mark")
    assert found is None or (found.session and found.frames >= 0 and found.t_ns >= 0)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The line runs on without marks, and people know what that means."""
    (tmp_path / "sessions").write_text("a file")
    with marked(str(tmp_path), "camera", "cam-1") as mark:
        mark.note(frame(1))
    key = f"page {tmp_path / 'sessions' / 'camera@cam-1'}"
    notice = next(notice for notice in board.read() if notice.key == key)
    board.settle(key)
    assert notice.text.startswith("cannot keep how far a session came: [Errno ")
    assert notice.text.endswith("; if this process is killed, parts in view get no verdict")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_does_not_kill_who_notes(tmp_path: Path) -> None:
    """A page that could not be allocated would end the process with SIGBUS when it is touched."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "kensa-test", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        (small / "filler").write_bytes(bytes(4096))
        with marked(str(small), "camera", "cam-1") as mark:
            mark.note(frame(1))
    finally:
        subprocess.run(["umount", small], check=True)
        board.settle(f"page {small / 'sessions' / 'camera@cam-1'}")


def test_sessions_that_broke_off_are_told_again_until_all_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who told their gaps, or ended, may have been heard by nobody who lives; the end of the line forgets them."""
    path = tmp_path / FOLDER / "camera@cam-1.left"
    with Mark(path) as mark:
        mark.note(frame(3, "cam-1", "a"))
    with Mark(path) as mark:
        assert [each.session for each in mark.broken] == ["a"]
        mark.told()
        assert mark.broken == (mark.left,)  # it is this process that told it
        mark.note(frame(5, "cam-1", "b"))
    monkeypatch.setattr(trail, "OURS", "the process after this one")
    with Mark(path) as mark:
        assert [(each.session, each.frames) for each in mark.broken] == [("a", 4), ("b", 6)]
        mark.told()
        mark.note(frame(7, "cam-1", "c"))
        mark.told()
    monkeypatch.setattr(trail, "OURS", "the one after that")
    with Mark(path) as mark:
        assert [each.session for each in mark.broken] == ["a", "b", "c"]
    safe(tmp_path)
    with Mark(path) as mark:
        assert mark.broken == ()
