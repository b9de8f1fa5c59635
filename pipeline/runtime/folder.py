"""The run folder of a line on this host: a lock that says who runs it, and the sockets of its processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.errors import KensaError
from pipeline.folders import VARIABLE, root, run_folder

LONGEST = 60  # of a folder's path: sun_path holds 108 bytes, and a socket's own name must fit as well


class About(msgspec.Struct, frozen=True):
    """Who runs a line: what its lock file says."""

    line: str
    host: str
    pid: int


class Running(NamedTuple):
    """A line that runs on this host."""

    about: About
    folder: Path


class RunFolder:
    """The folder of one line on one host, ours alone while we hold its lock.

    The lock is inherited by the line's processes, so that a line whose supervisor was killed
    cannot be started a second time while they still leave.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    @classmethod
    def take(cls, line: str, host: str, *, patience: float = 20.0) -> RunFolder:
        """Make the folder and lock it.

        Args:
            line: Name of the line.
            host: Name of the host, as the topology has it.
            patience: Seconds to wait for the processes of a supervisor that was killed.

        Raises:
            KensaError: If the line already runs here.
        """
        path = made() / run_folder(line, host).name
        lock = _locked(path, About(line, host, os.getpid()), patience)
        for left in path.iterdir():
            if left.name != "lock":
                left.unlink()
        return cls(path, lock)

    def release(self) -> None:
        """Remove the folder and give up the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def made() -> Path:
    """The folder of all run folders, made if it is not there.

    Raises:
        KensaError: If it belongs to somebody else, others may write to it, or its path is too long for a socket.
    """
    path = root()
    if len(os.fsencode(path)) > LONGEST:
        raise KensaError(f"run folder {path}: expected at most {LONGEST} bytes, so that sockets fit; set ${VARIABLE}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise KensaError(f"run folder {path} belongs to another user; set ${VARIABLE} to a folder of your own")
    if path.stat().st_mode & 0o022:
        raise KensaError(f"run folder {path}: others may change what is in it; `chmod go-w {path}`, or set ${VARIABLE}")
    return path


def running() -> list[Running]:
    """Every line that runs on this host under this user, by name."""
    found = [Running(about, lock.parent) for lock in sorted(made().glob("*/lock")) if (about := _holder(lock))]
    return sorted(found, key=lambda one: (one.about.line, one.about.host))


def _locked(path: Path, about: About, patience: float) -> int:
    deadline = time.monotonic() + patience
    while True:
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        if (lock := _try(path / "lock", about)) is not None:
            return lock
        holder = _holder(path / "lock")
        if holder and _alive(holder.pid):
            raise KensaError(
                f"line '{about.line}' already runs on host '{about.host}' (process {holder.pid}); "
                f"watch it with `kensa top {about.line}` or stop it with `kill {holder.pid}`"
            )
        if time.monotonic() > deadline:
            raise KensaError(
                f"line '{about.line}': its supervisor is gone but some of its processes still hold {path}/lock"
            )
        threading.Event().wait(0.1)


def _try(path: Path, about: About) -> int | None:
    """Lock the file and write who we are; None when somebody else holds it or has just removed it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino == path.stat().st_ino:
            os.ftruncate(lock, 0)
            os.pwrite(lock, msgspec.json.encode(about), 0)
            return lock
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        return None
    os.close(lock)
    return None


def _holder(path: Path) -> About | None:
    """Who holds the lock, or None when nobody does."""
    try:
        with path.open("rb") as file:
            if _free(file.fileno()):
                return None
            return msgspec.json.decode(file.read(), type=About)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
