"""Clocks that somebody sets, and numbers that grow beyond what others hold."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from struct import pack

from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.plant import Setting

SHIM = Path(__file__).resolve().parent / "shim"
HOUR, YEARS = 3600.0, 10 * 365.25 * 86400.0
HELD = 3.0  # seconds between two steps
SKEWED = Setting(shim=SHIM)
AHEAD = {"2³²": 2**32 - 150, "2⁵³": 2**53 - 150}  # first numbers, five seconds before they reach


def stepped(steps: tuple[float, ...], scene: Scene) -> Over:
    """The clock of the cameras' host is set again and again, and right in the end."""
    for step in (*steps, 0.0):
        skew(scene.plant.folder, scene.plant.hosts[0], step)
        time.sleep(HELD)
    return Over(time.time_ns())


def drifting(scene: Scene) -> Over:
    """The clock of the cameras' host runs a tenth too fast for a while, and is set right at once."""
    for tick in range(1, 101):
        skew(scene.plant.folder, scene.plant.hosts[0], tick * 0.01)
        time.sleep(0.1)
    skew(scene.plant.folder, scene.plant.hosts[0], 0.0)
    return Over(time.time_ns())


def skew(folder: Path, host: str, seconds: float) -> None:
    """Set a host's clock so far off."""
    with (folder / f"skew-{host}").open("r+b") as file:
        file.write(pack("<q", round(seconds * 1e9)))


def crossed(_: Scene) -> Over:
    """Numbers have passed a power of two."""
    time.sleep(2 * HELD)
    return Over(time.time_ns())


def _numbers(name: str) -> Fault:
    first = f"/given, ahead: {AHEAD[name]},"
    return Fault(
        f"numbers pass {name}", crossed, Setting(change=lambda text: text.replace("/given,", first)), whole=True
    )


def _clock(name: str, *steps: float, short: bool = False) -> Fault:
    return Fault(name, partial(stepped, steps), SKEWED, times=2, short=short, whole=True, tells="clock of this host")


FAULTS = (
    _clock("clock set forward and back by 1 h", HOUR, -HOUR, short=True),
    _clock("clock set forward and back by 10 years", YEARS, -YEARS),
    Fault("clock that drifts by 1 s in 10 s", drifting, SKEWED, times=2, whole=True),
    *map(_numbers, AHEAD),
)
