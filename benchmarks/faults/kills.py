"""kill -9, at random moments, of each kind of process; of everything; again and again."""

from __future__ import annotations

import time

from benchmarks.faults.fault import Fault, Over, Scene, arrived
from benchmarks.faults.oracle import look
from benchmarks.faults.plant import CAMERAS

TIMES = 50
IN_A_ROW = 3  # in one plant: after more of them the rest before a start would be what is measured
PROCESSES = {
    "source": ("front", "seen"),
    "transform": ("measure", "seen"),
    "archive": ("archive", "archive"),
    "alarms": ("alarms", "alarms"),
    "supervisor": ("supervisor", "running"),
}


def killed(process: str, at: str, scene: Scene) -> Over:
    """One process is killed."""
    scene.plant.kill(process, scene.random.choice(scene.plant.hosts))
    return Over(time.time_ns(), at)


def all_killed(scene: Scene) -> Over:
    """Everything is killed at once, on a host or on all; what is on the disk then is what was acknowledged."""
    plant = scene.plant
    for host in plant.hosts:
        plant.kill_all(host)
    scene.looks.append(look(plant))
    now = time.time_ns()
    plant.start()
    return Over(now)


def source_then_all(scene: Scene) -> Over:
    """A session ends, the next begins, and everything is killed before the archive has committed either."""
    plant = scene.plant
    offset = plant.seen.stat().st_size
    plant.kill("front")
    now = time.time_ns()
    plant.until(lambda: set(CAMERAS) <= arrived(plant, offset, now), "a new session's frames arrive")
    return all_killed(scene)


def _kill(kind: str) -> Fault:
    process, at = PROCESSES[kind]
    sink = kind in ("archive", "alarms")
    return Fault(
        f"kill -9: {kind}",
        lambda scene: killed(process, at, scene),
        times=TIMES,
        row=IN_A_ROW,
        short=True,
        whole=sink,
        tells="" if kind == "supervisor" else "was killed by SIGKILL",
    )


FAULTS = (
    *map(_kill, PROCESSES),
    Fault("kill -9: all processes at once", all_killed, times=TIMES, row=IN_A_ROW, short=True),
    Fault("kill -9: source, and all at once in the next session", source_then_all, times=10),
)
