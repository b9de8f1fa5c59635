"""A webhook that fails in every way HTTP has: each event arrives there, or is set aside where somebody finds it."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.hook import Mood
from benchmarks.faults.plant import Setting

ILL, BRIEFLY = 6.0, 2.0  # seconds; in the short form
HOOKED = Setting(hooked=True)
MOODS: dict[Mood, str] = {
    "500": "webhook: 500",
    "429": "webhook: 429",
    "410": "webhook: 410",
    "hangs": "webhook: no answer",
    "loses its answers": "webhook: takes events, answers nothing",
}


def ill(mood: Mood, scene: Scene) -> Over:
    """The receiver is ill for a while; the file of events grows all the same."""
    plant, hook = scene.plant, scene.plant.hook
    assert hook
    hook.mood, began = mood, time.time_ns()
    time.sleep(BRIEFLY if scene.short else ILL)
    plant.until(lambda: plant.events.stat().st_mtime_ns > began, "events are written while their receiver is ill")
    hook.mood = "well"
    return Over(time.time_ns(), "hook")


def _ill(mood: Mood, name: str) -> Fault:
    tells, short = "that were refused" if mood == "410" else "are sent when that ends", mood == "500"
    return Fault(name, partial(ill, mood), HOOKED, ("ipc",), times=3, row=3, whole=True, short=short, tells=tells)


FAULTS = tuple(_ill(mood, name) for mood, name in MOODS.items())
