"""What follows when a process has died: people are told, and one that crashes again and again is taken apart."""

from __future__ import annotations

import signal
from pathlib import Path

from pipeline.runtime.alarms import Alarms
from pipeline.runtime.children import BAD_LAUNCH, Child
from pipeline.runtime.crew import Crew
from pipeline.runtime.reload import Reloads
from pipeline.runtime.split import divisible, split

TWICE = 2
WINDOW_NS = 600_000_000_000  # within which two crashes are one too many
SIGNALS = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS}
)
SAID = frozenset({0, 1, BAD_LAUNCH, 4})  # statuses with which a process says itself what is wrong


def crashed(child: Child) -> bool:
    """Whether a process died of what it runs, and did not say of which of its nodes.

    A node that raises or hangs is named without it; who is killed from outside has done nothing.
    """
    if child.opinion.kill:
        return child.opinion.condition == "running"  # it held too much memory
    status = child.running.returncode if child.running else 0
    return -status in SIGNALS if status < 0 else status not in SAID


class Mourning:
    """Sounds the alarms about processes that died, and finds out which node is at fault.

    Args:
        alarms: Where people are told.
        crew: The processes of the host.
        reloads: The plan of the host.
        folder: Where its sockets are.
    """

    def __init__(self, alarms: Alarms, crew: Crew, reloads: Reloads, folder: Path) -> None:
        self._alarms, self._crew, self._reloads, self._folder = alarms, crew, reloads, folder
        self._crashes: dict[str, list[int]] = {}
        self._suspects: set[str] = set()

    def mourn(self, child: Child, *, killed: bool) -> None:
        """A process died, and its accounts are closed.

        Args:
            child: The process, not yet started again.
            killed: The line is being ended by force.
        """
        wanted = not killed and self._crew.wanted(child)
        self._alarms.sound(_words(child, wanted=wanted), process=child.name, failures=child.backoff.failures)
        self._alarms.forget(child.name)
        if wanted and crashed(child):
            child.suspect = True
            self._blame(child)

    def _blame(self, child: Child) -> None:
        now = child.backoff.failed_ns
        recent = self._crashes[child.name] = [t for t in self._crashes.get(child.name, []) if now - t < WINDOW_NS]
        recent.append(now)
        if divisible(child.process):
            if len(recent) >= TWICE and not self._reloads.stage and self._crew.stopped is None:
                self._take_apart(child, (now - recent[0]) / 1e9)
        elif child.name in self._suspects:
            lane = child.process.lanes[0]
            text = f"node '{lane.runs[0].node}' of {', '.join(lane.cameras)} is what crashes: process '{child.name}'"
            self._alarms.sound(f"{text} {child.why}; everything else runs on", process=child.name)

    def _take_apart(self, child: Child, seconds: float) -> None:
        plan = split(self._reloads.plan, child.name, self._folder)
        parts = self._reloads.divide(child, plan)
        self._suspects.update(parts)
        del self._crashes[child.name]
        names = ", ".join(f"'{name}'" for name in parts)
        text = f"process '{child.name}' crashed twice in {seconds:.0f} s: it runs as {names}"
        self._alarms.sound(
            f"{text} until the line is started again, to show which part is at fault", process=child.name
        )


def _words(child: Child, *, wanted: bool) -> str:
    if not wanted:
        return f"process '{child.name}' {child.why}; it is not started again"
    text = f"process '{child.name}' {child.why}; starting it again in {child.backoff.rest_ns / 1e9:g} s"
    return f"{text}; degraded: {child.backoff.often}" if child.backoff.degraded else text
