"""Crashes that are planned: a process is killed at one of the moments at which it changes a disk, and at no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.truncate"}
PRELOADED = ["pyarrow.parquet", "nodes.upkeep.pruning", "nodes.upkeep.compaction", "tests.nodes.test_archive"]


def crashed(work: Callable[[Path], None], folder: Path, at: int) -> bool:
    """Let a process do some work in a folder, and kill it (-9) just before its change number `at`.

    Changes are: a file is opened to be written, synced, renamed or removed, a folder is made.

    Returns:
        Whether it came so far; False: it was done before.
    """
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(PRELOADED)
    child = forks.Process(target=_doomed, args=(work, folder, at))
    child.start()
    child.join()
    assert child.exitcode in {0, -signal.SIGKILL}, f"{work.__name__} ended with {child.exitcode}"
    return child.exitcode != 0


def _doomed(work: Callable[[Path], None], folder: Path, at: int) -> None:
    numbers, sync = count(), os.fsync

    def change() -> None:
        if next(numbers) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event: str, args: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        if (event in CHANGES or opened) and str(folder) in str(args[0]):
            change()

    def synced(fd: Any) -> None:
        change()
        sync(fd)

    os.fsync = synced
    sys.addaudithook(watch)
    work(folder)
