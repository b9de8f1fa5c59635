"""Tests of `pipeline.runtime.folder`."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import KensaError
from pipeline.runtime.folder import About, RunFolder, running


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A root of our own, with a short path."""
    path = Path(f"/tmp/kensa-test-{os.getpid()}-{tmp_path.name[-8:]}")
    monkeypatch.setenv("KENSA_RUN", str(path))
    yield path
    if path.exists():
        path.rmdir()


def test_a_taken_folder_is_private_and_listed_until_it_is_released(root: Path) -> None:
    """Only its owner may look in; nothing is left behind."""
    folder = RunFolder.take("line-a", "edge-1")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert [one.about for one in running()] == [About("line-a", "edge-1", os.getpid())]
    folder.release()
    assert running() == []
    assert [*root.iterdir()] == []


def test_a_line_runs_once_per_host() -> None:
    """The refusal says who runs it, how to watch it and how to stop it; another host's share is another matter."""
    first = RunFolder.take("line-a", "edge-1")
    other = RunFolder.take("line-a", "edge-2")
    pid = os.getpid()
    with pytest.raises(KensaError) as refused:
        RunFolder.take("line-a", "edge-1")
    assert str(refused.value) == (
        f"line 'line-a' already runs on host 'edge-1' (process {pid}); "
        f"watch it with `kensa top line-a` or stop it with `kill {pid}`"
    )
    first.release()
    other.release()


def test_what_a_killed_run_left_is_cleared_away() -> None:
    """A lock that nobody holds is no lock, and old sockets are removed."""
    first = RunFolder.take("line-a", "edge-1")
    (first.path / "old.sock").touch()
    os.close(first.lock)
    second = RunFolder.take("line-a", "edge-1")
    assert [path.name for path in second.path.iterdir()] == ["lock"]
    second.release()


def test_processes_that_outlive_their_supervisor_still_hold_the_line() -> None:
    """A second run waits for them, and then says what is wrong."""
    script = (
        "import subprocess; from pipeline.runtime.folder import RunFolder; f = RunFolder.take('line-a', 'edge-1');"
        "p = subprocess.Popen(['sleep', '60'], pass_fds=(f.lock,), stdout=-3, stderr=-3); print(p.pid)"
    )
    orphan = int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    with pytest.raises(KensaError, match="its supervisor is gone but some of its processes still hold"):
        RunFolder.take("line-a", "edge-1", patience=0.2)
    os.kill(orphan, 9)
    RunFolder.take("line-a", "edge-1").release()


def test_a_root_that_others_may_change_is_refused(root: Path) -> None:
    """Whoever could put a folder in place of ours could take over the line's sockets."""
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(KensaError, match="others may change what is in it; `chmod go-w "):
        RunFolder.take("line-a", "edge-1")


def test_a_root_whose_path_is_too_long_for_sockets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Better said at once than as an obscure error of a socket."""
    monkeypatch.setenv("KENSA_RUN", "/tmp/" + "x" * 80)
    with pytest.raises(KensaError, match=r"expected at most 60 bytes, so that sockets fit; set \$KENSA_RUN"):
        RunFolder.take("line-a", "edge-1")
