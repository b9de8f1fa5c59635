"""Kernels are loaded beside the line, kept where their text says, and done without where they cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from nodes.transforms.fast import compiled
from tests.conftest import ROOT

# A process of a line: what it gives for some frames, before it has kernels and when it has them.
START = """
import sys
from nodes.transforms import clean, measure, plain
from nodes.transforms.fast import compiled
from tests.nodes.scenes import frame
import numpy as np

noise = np.random.default_rng(7)
frames = [frame(noise.random((96, 96)) < share, seq=seq) for seq, share in enumerate((0.01, 0.1, 0.5, 0.9, 1.0, 0.0))]

def given():
    return [measure.measured(clean.clean(each, min_area=3, fill_holes=4)) for each in frames]

def never(*_):
    raise AssertionError("a mask went past the kernels")

first, loader = given(), compiled.loader()
assert loader.thread.is_alive() and compiled.ready() is None
assert "numba" not in sys.modules, "a start waits for numba"
assert sum(len(each.regions) for each in first) > 20
loader.due.set()
loader.thread.join()
assert compiled.ready() is loader.kernels is not None
plain.counted = clean._plain = never
assert given() == first
"""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not asked for kernels yet."""
    monkeypatch.delenv("KENSA_KERNELS")
    compiled.loader.cache_clear()
    yield
    compiled.loader.cache_clear()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_line_does_not_wait_for_them() -> None:
    """Who asks first goes on without them; once they are loaded they are there."""
    compiled.compiled.cache_clear()
    compiled.ready()
    loader = compiled.loader()
    assert loader is not None
    assert compiled.ready() is None
    loader.due.set()
    loader.thread.join()
    assert compiled.ready() is loader.kernels is compiled.compiled()
    assert (compiled.folder() / compiled.MADE).exists()


def test_lanes_whose_first_masks_come_at_once_share_a_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them would turn numba's one setting to their own folder, and back, under each other."""
    made: list[object] = []
    lanes: list[threading.Thread] = []

    class Slow:
        kernels = None

        def __init__(self) -> None:
            made.append(self)
            if not lanes:  # another lane asks before this one is made, and has a moment to be wrong
                lanes.append(threading.Thread(target=compiled.ready))
                lanes[0].start()
                lanes[0].join(0.1)

    monkeypatch.setattr(compiled, "Loader", Slow)
    compiled.ready()
    lanes[0].join()
    assert len(made) == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_start_is_over_before_they_are_loaded() -> None:
    """First masks are measured without numba; later ones by kernels, and what comes of them is the same."""
    run = subprocess.run([sys.executable, "-c", START], check=False, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr


def test_others_work_while_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each module that the loading thread has not loaded it sleeps; others find theirs at once."""
    naps: list[str] = []
    monkeypatch.setattr(time, "sleep", lambda _: naps.append(threading.current_thread().name))
    with compiled.breathing():
        for name in ("kensa_first", "kensa_second"):
            assert find_spec(name) is None
        other = threading.Thread(target=find_spec, args=("kensa_third",))
        other.start()
        other.join()
    assert find_spec("kensa_fourth") is None
    assert naps == [threading.current_thread().name] * 2


def test_a_line_does_without_what_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be written to is told once; masks are measured all the same."""

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled, "make", full)
    with capture_logs() as logs:
        compiled.ready()
        loader = compiled.loader()
        assert loader is not None
        loader.due.set()
        loader.thread.join()
    assert compiled.ready() is None
    (told,) = logs
    assert told["text"] == "masks are cleaned and measured without numba: [Errno 28] No space left on device"


def test_whoever_says_plain_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread, no numba."""
    monkeypatch.setenv("KENSA_KERNELS", compiled.PLAIN)
    assert compiled.loader() is None
    assert compiled.ready() is None


def test_another_text_is_kept_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A function that changed is never taken for the one that was compiled before."""
    monkeypatch.setenv("KENSA_CACHE", str(tmp_path))
    before = compiled.folder()
    monkeypatch.setattr(compiled, "MODULES", compiled.MODULES[1:])
    assert compiled.folder() != before
    assert compiled.folder().parent == tmp_path


def test_a_text_that_was_written_anew_is_kept_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Numba would not take what was compiled of it before, and the line would compile it itself."""
    module = ModuleType("module")
    module.__file__ = str(file := tmp_path / "module.py")
    file.write_text("text", encoding="utf-8")
    monkeypatch.setattr(compiled, "_modules", lambda: [module])
    before = compiled.folder()
    assert compiled.folder() == before
    os.utime(file, ns=(1, 1))
    later = compiled.folder()
    assert later != before
    module.__file__ = str(file.rename(tmp_path / "other.py"))
    assert compiled.folder() not in (before, later)
