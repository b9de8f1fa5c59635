"""What the machine says of itself: its disks, its clock, and what its processes give notice of."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from nodes.alarming.book import When
from nodes.alarming.edge import Edge, measured, over
from nodes.alarming.life import Event
from pipeline.disk import measure
from pipeline.notices import Notice

DRIFT = "drift *"  # keys of the notices of the sink `drift`


class Machine(Struct, frozen=True):
    """What the host says of itself.

    Attributes:
        step_s: How far its clock was set since the line began, s.
        used: Used share of the disk under each folder, 0…1.
        notices: What the processes of the host give notice of; None where nobody has said.
    """

    step_s: float = 0.0
    used: dict[str, float] = {}
    notices: tuple[Notice, ...] | None = None


class Level(Edge):
    """The disk, or the clock."""

    def __init__(self, when: When, folder: str) -> None:
        super().__init__()
        self._when, self.folder = when, when.folder or folder

    def look(self, machine: Machine) -> Event | None:
        """Time has passed."""
        if self._when.disk is not None:
            found, limit, unit = machine.used.get(self.folder), self._when.disk, ""
            text = f"the disk of {self.folder} is {found or 0:.0%} full, at most {limit:.0%}"
        else:
            found, limit, unit = abs(machine.step_s), self._when.clock or 1.0, "s"
            text = f"the clock was set by {machine.step_s:+.1f} s, at most {limit:g} s"
        if found is None:
            return None
        on = over(found, limit, self._when.deadband, self.on)
        return self.turn(on, lambda: measured(text, found or 0.0, limit, unit))


class Noticed(Edge):
    """So many notices of a kind: of the whole host, or of one camera."""

    def __init__(self, pattern: str, need: int, camera: str = "") -> None:
        super().__init__()
        self._pattern, self._need, self._camera = pattern, need, camera

    def look(self, machine: Machine) -> Event | None:
        """Time has passed."""
        if machine.notices is None:
            return None
        found = [each for each in of(machine.notices, self._pattern) if self._camera in ("", each.camera)]
        text = "; ".join(" ".join(each.text.split()) for each in found)[:1024]
        on = len(found) >= self._need
        return self.turn(on, lambda: measured(text, float(len(found)), float(self._need), "", self._camera))


def of(notices: Iterable[Notice], pattern: str) -> list[Notice]:
    """The notices whose keys have this form; `*` stands for anything."""
    return [each for each in notices if fnmatchcase(each.key, pattern)]


def used(folders: set[str]) -> dict[str, float]:
    """The used share of the disk under each folder; one that does not answer is left out."""
    found: dict[str, float] = {}
    for folder in folders:
        with suppress(OSError):
            found[folder] = measure(Path(folder)).used
    return found
