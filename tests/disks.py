"""Small disks that tests may fill up: a tmpfs in a mount namespace of its own, reached through /proc."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOLD = """
mount -t tmpfs -o "size=$1,nr_inodes=$2" none "$3" || exit
echo ready
while read -r command; do eval "$command"; done
"""
CHUNK = 4096


class Disk:
    """A file system of a few MB that goes away with the process that holds it.

    Attributes:
        path: Its top folder, for every process of this user.
    """

    def __init__(self, holder: subprocess.Popen[str], mount: Path) -> None:
        self._holder, self._mount = holder, mount
        self.path = Path(f"/proc/{holder.pid}/root{mount}")
        self._filler = self.path / f"filler-{uuid.uuid4().hex[:6]}"

    @property
    def used(self) -> float:
        """Share that is taken."""
        found = os.statvfs(self.path)
        return 1 - found.f_bavail / found.f_blocks

    def fill(self, share: float = 1.0) -> None:
        """Take room, or give some back, until so much is taken."""
        size = os.statvfs(self.path).f_blocks * CHUNK
        with self._filler.open("ab") as file:
            file.truncate(max(0, file.tell() - round(max(0.0, self.used - share) * size)))
        try:
            with self._filler.open("ab", buffering=0) as file:
                while self.used < share:
                    file.write(os.urandom(CHUNK))
        except OSError:
            assert share >= 1.0

    def empty(self) -> None:
        """Give back all that was taken by `fill`."""
        self._filler.unlink(missing_ok=True)

    def writable(self, yes: bool) -> None:
        """Mount it anew, for reading alone or for writing too, as soon as nobody has a file open for writing."""
        deadline = time.monotonic() + 20
        while (said := self._asked(f"mount -o remount,{'rw' if yes else 'ro'} {self._mount} && echo done")) != "done\n":
            assert time.monotonic() < deadline, said
            threading.Event().wait(0.05)

    def _asked(self, command: str) -> str:
        """What the process that holds the disk answers to a command."""
        assert self._holder.stdin
        assert self._holder.stdout
        self._holder.stdin.write(f"{{ {command}; }} 2>&1 | head -n 1\n")
        self._holder.stdin.flush()
        return self._holder.stdout.readline()


@contextmanager
def disk(mount: Path, size: str = "2m", inodes: int = 10_000) -> Iterator[Disk]:
    """A disk of its own; skips the test where this user may not have one.

    Args:
        mount: An empty folder, which itself stays empty.
        size: As tmpfs(5) has it.
        inodes: How many files and folders there may be.
    """
    if not shutil.which("unshare"):
        pytest.skip("no unshare(1) here: a small disk cannot be made")
    words = ["unshare", "-Urm", "sh", "-c", HOLD, "sh", size, str(inodes), str(mount)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        if holder.stdout.readline() != "ready\n":
            _, said = holder.communicate()
            pytest.skip(f"a small disk cannot be mounted here: {said.strip()}")
        try:
            yield Disk(holder, mount)
        finally:
            holder.stdin.close()
            holder.wait()
