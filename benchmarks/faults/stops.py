"""Processes that stand still, nodes that raise, and one that dies again and again."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.kills import PROCESSES
from benchmarks.faults.plant import CAMERAS, Plant, Setting

STILL, BRIEFLY = 30.0, 5.0  # seconds that a process is stopped; in the short form
FAILING = 6.0  # seconds in which nodes raise
HERE = "benchmarks.faults.nodes"


def stopped(process: str, at: str, scene: Scene) -> Over:
    """SIGSTOP; if its supervisor has not killed it by then, SIGCONT."""
    pid = scene.plant.process(process)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(BRIEFLY if scene.short else STILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return Over(time.time_ns(), at)


def raised(scene: Scene) -> Over:
    """Every camera's source has raised once."""
    given = scene.plant.folder / "given"
    scene.plant.until(lambda: all((given / f".{one}.raised").exists() for one in CAMERAS), "every source raises")
    return Over(time.time_ns())


def failing(_: Scene) -> Over:
    """A node raises on every fiftieth frame for a while."""
    time.sleep(FAILING)
    return Over(time.time_ns())


def storming(scene: Scene) -> Over:
    """A process has died so often that it is called degraded."""
    plant = scene.plant
    plant.until(lambda: _condition(plant, "storm") in ("degraded", "lost"), "the process that always dies is degraded")
    return Over(time.time_ns())


def glutted(scene: Scene) -> Over:
    """A sink that takes more memory than its host allows is started anew, and nobody else."""
    plant = scene.plant
    plant.until(lambda: _restarts(plant, "hoard") > 0, "the process that takes too much memory is started again")
    return Over(time.time_ns())


def _restarts(plant: Plant, name: str) -> int:
    states = [state for host in plant.hosts for state in getattr(plant.snapshot(host), "processes", ())]
    return sum(state.restarts for state in states if state.name.startswith(name))


def _condition(plant: Plant, name: str) -> str:
    states = [state for host in plant.hosts for state in getattr(plant.snapshot(host), "processes", ())]
    worst = [state for state in states if state.name.startswith(name)]
    return "degraded" if any(state.restarts >= 5 for state in worst) else next((s.condition for s in worst), "")


def _stop(kind: str) -> Fault:
    process, at = PROCESSES[kind]
    return Fault(
        f"SIGSTOP, 30 s: {kind}",
        lambda scene: stopped(process, at, scene),
        times=2,
        short=kind in ("transform", "archive"),
        whole=kind in ("archive", "alarms", "supervisor"),
        tells="" if kind == "supervisor" else "has said nothing for",
    )


RAISING = Setting(change=lambda text: text.replace("/given,", "/given, wrong: 100,"))
STORM = Setting(
    change=lambda text: f'{text}  storm: {{use: "{HERE}:storm", from: clean}}\n', options=("--drain-within", "5s")
)
MOST = f"memory: {200 << 20}, cameras: ["
GLUTTON = Setting(
    change=lambda text: f'{text.replace("cameras: [", MOST, 1)}  hoard: {{use: "{HERE}:hoard", from: clean}}\n',
    options=("--drain-within", "5s"),
)
MAPPED = Setting(change=lambda text: _inserted(text, "clean", "camera", "stumble"))
STREAMED = Setting(change=lambda text: _inserted(text, "track", "measure", "falter"))
SUNK = Setting(change=lambda text: f'{text}  grumble: {{use: "{HERE}:grumble", from: track}}\n')


def _inserted(text: str, node: str, source: str, use: str) -> str:
    """The line with one of our nodes between two others."""
    begin = text.index(f"  {node}:")
    line = text[begin : text.index("\n", begin)]
    more = f'  {use}: {{use: "{HERE}:{use}", from: {source}}}\n'
    return text.replace(line, more + line.replace(f"from: {source}", f"from: {use}"))


FAULTS = (
    *map(_stop, PROCESSES),
    Fault("exceptions: source", raised, RAISING, ("ipc",), short=True),
    Fault("exceptions: map", failing, MAPPED, ("ipc",), short=True),
    Fault("exceptions: stream", failing, STREAMED, ("ipc",)),
    Fault("exceptions: sink", failing, SUNK, ("ipc",), whole=True),
    Fault("a process takes too much memory", glutted, GLUTTON, ("ipc",), times=2, whole=True, tells="MiB of memory"),
    Fault("restart storm of another sink", storming, STORM, ("ipc",), whole=True, tells="degraded"),
)
