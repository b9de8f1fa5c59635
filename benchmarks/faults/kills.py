"""kill -9, at random moments, of each kind of process; of everything; again and again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from benchmarks.faults.fault import Fault, Over, Scene, arrived
from benchmarks.faults.oracle import look
from benchmarks.faults.plant import CAMERAS, Setting

TIMES = 50
DRAINING = 1.0  # seconds after its supervisor in which a process has not left yet
STILL = 5.0  # seconds: what waits goes to disk a second after the heartbeat has given its consumer up
IN_A_ROW = 3  # in one plant: after more of them the rest before a start would be what is measured
PROCESSES = {
    "source": ("front", "seen"),
    "transform": ("measure", "seen"),
    "archive": ("archive", "archive"),
    "alarms": ("alarms", "alarms"),
    "supervisor": ("supervisor", "running"),
}
CONSUMED = {"mqtt": "mqtt", "webhook": "post", "modbus": "plc", "gate": "gate"}  # sink → its node
SINK_TIMES = 20


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


def orphans_killed(scene: Scene) -> Over:
    """A supervisor is killed, and while its processes drain in good order everything else is, too."""
    os.kill(scene.plant.commands[scene.plant.hosts[0]].pid, signal.SIGKILL)
    time.sleep(scene.random.uniform(0.0, DRAINING))
    return all_killed(scene)


def still_then(strike: Callable[[Scene], Over], scene: Scene) -> Over:
    """Sinks stand still until what waits for them goes to disk; then somebody is killed who has more in memory."""
    sinks = [scene.plant.process(name) for name in ("archive", "alarms")]
    for pid in sinks:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(STILL + scene.random.random())
    over = strike(scene)
    for pid in sinks:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    return over


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


def _kill_sink(kind: str) -> Fault:
    """A sink that tells a consumer is killed; what the archive has each of them has at the end."""
    node = CONSUMED[kind]
    return Fault(
        f"kill -9: {kind}",
        lambda scene: killed(node, node, scene),
        Setting(consumed=True),
        ("ipc",),
        times=SINK_TIMES,
        row=IN_A_ROW,
        whole=True,
        tells="was killed by SIGKILL",
    )


STILL_TRANSFORM = partial(still_then, partial(killed, "measure", "seen"))
STILL_ALL = partial(still_then, all_killed)
FAULTS = (
    *map(_kill, PROCESSES),
    *map(_kill_sink, CONSUMED),
    Fault("kill -9: all processes at once", all_killed, times=TIMES, row=IN_A_ROW, short=True),
    Fault("kill -9: supervisor, then all at once", orphans_killed, times=20, row=2),
    Fault("kill -9: transform, while sinks stand still", STILL_TRANSFORM, transports=("tcp",), times=10, row=2),
    Fault("kill -9: all at once, while sinks stand still", STILL_ALL, transports=("tcp",), times=10, row=2),
    Fault("kill -9: source, and all at once in the next session", source_then_all, times=10),
)
