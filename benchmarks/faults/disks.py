"""Disks that are full or read-only, under the archive, the file of events and the state: each a tmpfs of our own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.plant import Setting

HELD, BRIEFLY = 15.0, 6.0  # seconds that the harm lasts; in the short form: longer than a batch of the archive
CHUNK = bytes(1 << 16)


def filled(folder: str, at: str, scene: Scene) -> Over:
    """Somebody else fills the disk, and cleans up after a while."""
    other = scene.plant.folder / folder / "somebody-elses"
    _fill(other)
    time.sleep(BRIEFLY if scene.short else HELD)
    other.unlink()
    return Over(time.time_ns(), at)


def frozen(folder: str, at: str, scene: Scene) -> Over:
    """The file system becomes read-only, as after an error, and is mounted for writing again."""
    place = scene.plant.folder / folder
    subprocess.run(["mount", "--bind", place, place], check=True)  # one on top: what is open below would forbid it
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    time.sleep(BRIEFLY if scene.short else HELD)
    subprocess.run(["umount", "-l", place], check=True)
    return Over(time.time_ns(), at)


def cramped(scene: Scene) -> Over:
    """Temporary files, logs and run folders find no room; a process that dies then is started all the same."""
    others = [scene.plant.folder / name / "somebody-elses" for name in TEMPORARY]
    for other in others:
        _fill(other)
    scene.plant.kill("measure")
    time.sleep(BRIEFLY if scene.short else HELD)
    for other in others:
        other.unlink()
    return Over(time.time_ns())


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (len(CHUNK), 512, 1):
            with suppress(OSError):
                while file.write(CHUNK[:size]):
                    pass


TELLS = {"archive": "archive", "alarms": "alarms"}
TEMPORARY = {"out": "8m", "run": "1m"}


def _disk(name: str, folder: str, at: str, strike: Callable[[str, str, Scene], Over], *, short: bool = False) -> Fault:
    setting, tells = Setting(disks={folder: "48m"}), TELLS.get(folder, "")
    return Fault(name, partial(strike, folder, at), setting, ("ipc",), times=3, short=short, whole=True, tells=tells)


FAULTS = (
    _disk("disk full: archive", "archive", "archive", filled, short=True),
    _disk("disk full: events", "alarms", "alarms", filled),
    _disk("disk full: state and spools", "state", "seen", filled),
    Fault("disk full: /tmp, logs, run folder", cramped, Setting(disks=TEMPORARY), ("ipc",), times=3),
    _disk("disk read-only: archive", "archive", "archive", frozen),
    _disk("disk read-only: events", "alarms", "alarms", frozen),
    _disk("disk read-only: state and spools", "state", "seen", frozen),
)
