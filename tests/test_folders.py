"""Tests of `pipeline.folders`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.folders import root, run_folder


def test_the_root_is_what_the_user_says_then_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of our own, the runtime folder of the login, a folder per user in /tmp: in that order."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setenv("KENSA_RUN", "/srv/kensa")
    assert root() == Path("/srv/kensa")
    monkeypatch.delenv("KENSA_RUN")
    assert root() == Path("/run/user/7/kensa")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert root() == Path(f"/tmp/kensa-{os.getuid()}")


def test_each_line_on_each_host_has_a_short_folder_of_its_own() -> None:
    """Long names that begin alike, and names with odd characters, do not meet."""
    pairs = [("x" * 60 + "a", "h"), ("x" * 60 + "b", "h"), ("a/b", "h"), ("a-b", "h"), ("a-b", "k")]
    names = [run_folder(line, host).name for line, host in pairs]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 21
    assert all("/" not in name for name in names)
