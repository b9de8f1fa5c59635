"""Hosts that may not speak with each other: revoked keys, strange keys; and real networks between namespaces."""

from __future__ import annotations

import time

from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.plant import WITHIN

HELD = 5.0  # seconds that a host is refused


def replaced(scene: Scene) -> Over:
    """The cameras' host makes itself new keys, which the other refuses until somebody adds them there."""
    plant = scene.plant
    near, far = plant.hosts
    plant.kensa(near, "keys", "init", "--host", near, "--replace").check_returncode()
    plant.kill_all(near)
    plant.start(near)
    plant.until(lambda: _refused(scene, far), "a host with a strange key is refused and told", WITHIN)
    time.sleep(HELD)
    plant.kensa(far, "keys", "add", plant.keys(near) / f"{near}.public").check_returncode()
    return Over(time.time_ns())


def _refused(scene: Scene, host: str) -> bool:
    state = scene.plant.snapshot(host)
    return any("refused" in alarm.text for alarm in (state.alarms if state else ()))


FAULTS = (Fault("strange keys, until they are added", replaced, transports=("tcp",), times=3, tells="refused"),)
