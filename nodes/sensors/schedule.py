"""Whose turn it is: several prompts share one sensor, one crop after the other.

A sensor has one crop at a time. After a change, the frames under way and some more have masks that are not certainly of
the new one. So a turn costs at most `2 + settle + dwell` frames and gives `dwell` masks. Prompts take turns in their
order; one that has a deadline is let in earlier, and more often, where it would miss it. What is said of rates is what
a prompt gets at least: a host that is quick finds only one frame under way. Computed before the line starts; pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from nodes.sensors.prompts import Aim, Prompt, aims, flaws
from pipeline.node import Flaw
from pipeline.records import Epoch

TURNS = 4096  # that are looked at until they repeat
FASTEST = 30.02  # frames per second of the whole array, binned: 744 MHz / 9398 / (1520 + 1117)
UNDER_WAY = 2  # frames, at most, that have begun before the mask that ends a turn has led to another crop
PATIENCE = 2  # times its frames that a turn lasts where inferences fail to come


class Share(NamedTuple):
    """What a prompt gets of a sensor's time.

    Attributes:
        rate: Masks per second, on average.
        wait: Longest time from one of its masks to the next, s; infinite where it has no turn.
    """

    rate: float
    wait: float


class Schedule(Struct, frozen=True):
    """Turns that repeat for ever.

    Attributes:
        aims: The prompts.
        turns: Whose turn it is, as places in `aims`.
        settle: Frames of each turn whose masks are not certain, with those under way; 0 where the crop never moves.
        rate: Frames per second.
    """

    aims: tuple[Aim, ...]
    turns: tuple[int, ...]
    settle: int
    rate: float

    @property
    def frames(self) -> int:
        """Frames until everything repeats."""
        return sum(self.settle + self.aims[turn].dwell for turn in self.turns)

    def share(self, place: int) -> Share:
        """What one of the prompts gets."""
        starts, at = [], 0
        for turn in self.turns:
            starts += [at] if turn == place else []
            at += self.settle + self.aims[turn].dwell
        if not starts:
            return Share(0.0, math.inf)
        dwell = self.aims[place].dwell
        apart = [then - now for now, then in zip(starts, [*starts[1:], starts[0] + at], strict=True)]
        wait = max(1, max(apart) - dwell + 1)
        return Share(self.rate * len(starts) * dwell / at, wait / self.rate)

    def late(self) -> Iterator[tuple[Aim, Share]]:
        """Prompts that do not get what they ask for."""
        for place, aim in enumerate(self.aims):
            share = self.share(place)
            if math.isinf(share.wait) or (aim.deadline and share.wait > aim.deadline * (1 + 1e-9)):
                yield aim, share


def schedule(aims: Sequence[Aim], rate: float, settle: int) -> Schedule:
    """Turns in which no prompt is late; where none are found, those in which each has one turn, for the reason.

    Args:
        aims: At least one.
        rate: Frames per second.
        settle: Frames after a change of crop, beside those under way, whose masks are not certain.
    """
    known = tuple(aims)
    lost = settle + UNDER_WAY if len(known) > 1 else 0
    even = Schedule(known, tuple(range(len(known))), lost, rate)
    if len(known) == 1 or not any(even.late()):
        return even
    found = Schedule(known, _turns(known, rate, lost), lost, rate)
    return even if not found.turns or any(found.late()) else found


def _turns(aims: tuple[Aim, ...], rate: float, lost: int) -> tuple[int, ...]:
    """Turns by least recent use, unless somebody would then be late: earliest deadline first; empty if none repeat."""
    costs = [lost + aim.dwell for aim in aims]
    # The latest start of the next turn, counted from the start of the last one.
    periods = [math.floor(a.deadline * rate * (1 + 1e-9)) + a.dwell - 1 if a.deadline else math.inf for a in aims]
    waiting, due, at = [*range(len(aims))], [*periods], 0
    seen: dict[tuple[object, ...], int] = {}
    turns: list[int] = []
    while len(turns) < TURNS:
        state = (*waiting, *(max(limit - at, -1) for limit in due))
        if state in seen:
            return tuple(turns[seen[state] :])
        seen[state] = len(turns)
        turn = _next(waiting, due, costs, at)
        turns.append(turn)
        due[turn] = at + periods[turn]
        at += costs[turn]
        waiting.remove(turn)
        waiting.append(turn)
    return ()


def _next(waiting: Sequence[int], due: Sequence[float], costs: Sequence[int], at: int) -> int:
    """Who has waited longest, if nobody else is late for it; the last in the row was just on."""
    able = waiting[:-1]
    patient = (each for each in able if _bears(each, able, due, costs, at))
    return next(patient, min(able, key=lambda each: due[each]))


def _bears(first: int, able: Sequence[int], due: Sequence[float], costs: Sequence[int], at: int) -> bool:
    """Whether all others can still begin in time when this one goes first."""
    at += costs[first]
    for each in sorted((each for each in able if each != first), key=lambda each: due[each]):
        if at > due[each]:
            return False
        at += costs[each]
    return True


class Rota:
    """Whose turn it is at one camera, frame by frame."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._place = 0
        self._masks = self._frames = 0
        self._last: dict[int, int] = {}

    @property
    def aim(self) -> Aim:
        """The prompt whose turn it is."""
        return self.schedule.aims[self.schedule.turns[self._place]]

    def look(self, epoch: Epoch, t_ns: int, *, mask: bool) -> Aim | None:
        """Count a frame; returns the prompt whose turn comes now, if the turn is over.

        A turn ends with its last mask. One in which inferences fail to come ends after twice its frames, so that
        they cost their own prompt a mask and nobody else a turn.

        Args:
            epoch: Whether the frame's mask is certainly of the crop.
            t_ns: When it was exposed.
            mask: Whether it has one.
        """
        self._frames += 1
        if mask and epoch != "settling":
            self._masks += 1
            self._last[self.schedule.turns[self._place]] = t_ns
        frames = PATIENCE * (self.schedule.settle + self.aim.dwell)
        if len(self.schedule.turns) == 1 or (self._masks < self.aim.dwell and self._frames < frames):
            return None
        self._place = (self._place + 1) % len(self.schedule.turns)
        self._masks = self._frames = 0
        return self.aim

    def overdue(self, t_ns: int) -> Iterator[tuple[Aim, float]]:
        """Prompts that have missed their deadline, and how long their last mask is ago, s."""
        for place, aim in enumerate(self.schedule.aims):
            since = (t_ns - self._last.setdefault(place, t_ns)) / 1e9
            if aim.deadline and since > aim.deadline:
                yield aim, since


class Pointed(Protocol):
    """The parameters of a source that takes prompts."""

    @property
    def prompts(self) -> Mapping[str, Prompt] | None:
        """Prompts by name."""

    @property
    def rate(self) -> float:
        """Frames per second."""

    @property
    def settle(self) -> int:
        """Frames after a change of crop, beside those under way, whose masks are not certain."""

    @property
    def dwell(self) -> int:
        """Masks in a turn."""


def check(params: Pointed) -> Iterator[Flaw]:
    """Why a camera cannot look where it is told to: crops that are not legal, or turns that come too late."""
    if params.rate > FASTEST:
        text = f"expected at most {FASTEST} frames/s, the most that the sensor gives, got {params.rate:g}"
        yield Flaw(("rate",), text)
    found = [*flaws(params.prompts)]
    yield from (Flaw(("prompts", *flaw.path), flaw.text) for flaw in found)
    if found or not params.prompts:
        return
    planned = _planned(params)
    for aim, share in planned.late():
        yield Flaw(("prompts", *_where(aim.name, params.prompts)), _too_late(aim, share, planned))


def tells(params: Pointed) -> Iterator[str]:
    """What each prompt gets, in words."""
    planned = _planned(params)
    for place, aim in enumerate(planned.aims):
        share, roi = planned.share(place), aim.roi
        rate = f"{share.rate:.3g} masks/s"
        often = rate if len(planned.aims) == 1 else f"at least {rate}, one every {share.wait:.3g} s or sooner"
        name = f"prompt {aim.name}" if aim.name else "whole view"
        yield f"{name}: {roi.width} × {roi.height} px at ({roi.x}, {roi.y}), {often}"


def _planned(params: Pointed) -> Schedule:
    return schedule(aims(params.prompts, params.dwell), params.rate, params.settle)


def _where(name: str, prompts: Mapping[str, Prompt]) -> tuple[str, ...]:
    """Where in the prompts one of them asks for its time; a cell of a grid is asked for by the grid."""
    told = name if name in prompts else name.rsplit("-", 2)[0]
    return (told, "deadline") if prompts[told].deadline else (told,)


def _too_late(aim: Aim, share: Share, planned: Schedule) -> str:
    asks = f"'{aim.name}' asks for a mask every {aim.deadline:g} s"
    if len(planned.aims) == 1:
        return (
            f"{asks}; the camera gives one every {share.wait:.3g} s: expected a longer `deadline`, or a higher `rate`"
        )
    turns = f"{len(planned.aims)} prompts take turns of up to {planned.settle} settling frames and their masks"
    return (
        f"{asks}; when {turns} at {planned.rate:g} frames/s, it has one every {share.wait:.3g} s: "
        f"expected a longer `deadline`, fewer prompts, or another camera"
    )
