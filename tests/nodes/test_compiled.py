"""Kernels are loaded beside the line, kept where their text says, and done without where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nodes.transforms.fast import compiled


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
    loader.thread.join()
    assert compiled.ready() is loader.kernels is compiled.compiled()
    assert (compiled.folder() / compiled.MADE).exists()


def test_a_line_does_without_what_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be written to is told once; masks are measured all the same."""

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled, "make", full)
    with capture_logs() as logs:
        compiled.ready()
        loader = compiled.loader()
        assert loader is not None
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
