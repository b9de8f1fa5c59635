"""A fault: what is done to a plant, how it ends, and what must hold; the families add theirs to one list."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.faults.oracle import Account, Reading, judge, look, resent
from benchmarks.faults.plant import CAMERAS, WITHIN, Plant, Setting

BEFORE = (0.3, 2.0)  # seconds that a plant runs on before it is struck
SOON = (0.1, 0.6)  # the same in the short form
CALM = 1.0  # seconds that it runs on after the last one


class Scene(NamedTuple):
    """A plant that runs, and what a fault needs to know besides.

    Attributes:
        plant: The plant.
        random: Where moments and choices come from.
        short: The short form: what takes long takes less.
        looks: Readings of what is acknowledged; a fault may add to them.
    """

    plant: Plant
    random: Random
    short: bool
    looks: list[Reading]


class Over(NamedTuple):
    """When the harm ended, ns UTC, and where the first new record is waited for: `seen`, `archive`, `alarms`,
    `hook`; `running`: seen, and every supervisor says that its host runs; or at a sink of `consumers`.
    """

    t_ns: int
    at: str = "seen"


class Fault(NamedTuple):
    """One row of the table.

    Attributes:
        name: What happens, for people.
        strike: Does it, and undoes it where the line cannot.
        setting: The plant that it happens to; its transport is set by the row.
        transports: Over which edges.
        times: How often; once where a moment more or less cannot matter.
        row: Times that it happens to one plant before that is stopped and judged.
        short: Belongs to the short form.
        whole: Nothing at all may be missing: all that was given must be readable.
        calm: Seconds that the plant runs on afterwards.
        tells: Words of an alarm that people must have read by then.
    """

    name: str
    strike: Callable[[Scene], Over]
    setting: Setting = Setting()
    transports: tuple[str, ...] = ("ipc", "tcp")
    times: int = 1
    row: int = 1
    short: bool = False
    whole: bool = False
    calm: float = CALM
    tells: str = ""


class Result(NamedTuple):
    """What a fault did: the account of all its plants, and how long each recovery took, s."""

    account: Account
    times: int
    recoveries: tuple[float, ...]


def suffer(faults: Sequence[Fault], transport: str, folder: Path, random: Random, *, short: bool = False) -> Result:
    """Strike a plant with one fault after the other, let it end, and judge it; its setting is the first one's."""
    with Plant(folder, faults[0].setting._replace(transport=transport)) as plant:
        scene = Scene(plant, random, short, [])
        plant.start()
        runs(plant)
        recoveries = [_struck(fault, scene) for fault in faults]
        time.sleep(max(fault.calm for fault in faults))
        again = resent(plant)
        plant.stop()
        account = judge(plant, scene.looks, again)
        if plant.consumers:
            told = plant.consumers.judge(plant.archive)
            account = account._replace(faults=(*account.faults, *told))
        if account.told and all(fault.whole for fault in faults):
            account = account._replace(faults=(*account.faults, f"{account.told} frames are missing, though told"))
        return Result(account, len(faults), tuple(recoveries))


def runs(plant: Plant) -> None:
    """Wait until every camera's frames arrive."""
    plant.until(lambda: set(CAMERAS) <= arrived(plant, 0, 0), "every camera's frames arrive")


def arrived(plant: Plant, offset: int, since_ns: int) -> set[str]:
    """Cameras of which the witness has seen a frame taken since then, from an offset of its file on."""
    if not plant.seen.exists():
        return set()
    with plant.seen.open("rb") as file:
        file.seek(offset)
        rows = [row.split() for row in file.read().decode().split("\n")[:-1]]
    return {row[0] for row in rows if len(row) == 4 and int(row[3]) >= since_ns}


def _struck(fault: Fault, scene: Scene) -> float:
    """Strike once; seconds from the end of the harm to the first new record of everybody it touched."""
    plant = scene.plant
    time.sleep(scene.random.uniform(*(SOON if scene.short else BEFORE)))
    offset = plant.seen.stat().st_size
    over = fault.strike(scene)
    looking = threading.Thread(target=lambda: scene.looks.append(look(plant)))
    looking.start()  # beside what is timed
    began = over.t_ns
    checks = {
        "running": lambda: plant.running and set(CAMERAS) <= arrived(plant, offset, began),
        "seen": lambda: set(CAMERAS) <= arrived(plant, offset, began),
        "archive": lambda: _newest(plant.archive) > began,
        "alarms": lambda: plant.events.exists() and plant.events.stat().st_mtime_ns > began,
        "hook": lambda: plant.hook is not None and plant.hook.newest_ns > began,
    }
    told = lambda: plant.consumers is not None and plant.consumers.newest_ns(over.at) > began  # noqa: E731
    plant.until(checks.get(over.at, told), f"new records arrive after: {fault.name}", 2 * WITHIN)
    took = (time.time_ns() - began) / 1e9
    looking.join()
    plant.until(lambda: plant.told(fault.tells), f"an alarm says '{fault.tells}'")
    return took


def _newest(archive: Path) -> int:
    """When the archive's newest file was written, ns UTC."""
    files = archive.glob("table=frames/date=*/*.parquet")
    return max((path.stat().st_mtime_ns for path in files), default=0)
