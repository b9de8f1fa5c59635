"""What a screen has counted: verdicts and reasons by shift and batch, and the windows of its trend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from msgspec import Struct, field

from nodes.screen.shifts import SECOND, shift
from nodes.sinks.events import identity
from pipeline.records import Outcome, Verdict

REJECTED: frozenset[Outcome] = frozenset({"FAIL", "NO_READ"})
HEARD = 4096  # verdicts that may come again after a crash: more than a batch has
SHORT = 16  # digits of the id by which they are known
WINDOWS = 48  # of the trend that are kept
CAMERAS = 256  # that are counted; a stranger's made-up names must not fill the memory


class Period(Struct, kw_only=True):
    """A shift or a batch, and what was decided in it.

    Attributes:
        name: What people call it.
        begin_ns: When it began, UTC, ns.
        end_ns: When it ends, where that is known; else 0.
        by: Who began it; empty where nobody did.
        outcomes: Camera → outcome → how many verdicts.
        reasons: Camera → FAIL or NO_READ → reason → how many verdicts; the reason is `""` where they give none.
    """

    name: str = ""
    begin_ns: int = 0
    end_ns: int = 0
    by: str = ""
    outcomes: dict[str, dict[str, int]] = {}
    reasons: dict[str, dict[str, dict[str, int]]] = {}

    def count(self, verdict: Verdict) -> None:
        """Count a verdict."""
        if verdict.camera not in self.outcomes and len(self.outcomes) >= CAMERAS:
            return
        _add(self.outcomes.setdefault(verdict.camera, {}), verdict.outcome)
        if verdict.outcome in REJECTED:
            for reason in {finding.reason for finding in verdict.findings} or {""}:
                _add(self.reasons.setdefault(verdict.camera, {}).setdefault(verdict.outcome, {}), reason)


class Window(Struct, kw_only=True):
    """A stretch of the trend.

    Attributes:
        begin_ns: When it begins, UTC, ns.
        rules: Camera → the rule book that decided, with its version: another one begins a phase with limits of its own.
        counts: Camera → (verdicts, FAIL among them); what could not be inspected is not among them.
    """

    begin_ns: int
    rules: dict[str, str] = {}
    counts: dict[str, tuple[int, int]] = {}


class Kept(Struct, kw_only=True):
    """All that is counted, as it outlives the process.

    Attributes:
        shift: The shift that is.
        before: The one before it.
        batch: The batch that is.
        windows: Of the trend, the oldest first.
        heard: Short ids of the verdicts that were counted last: they are not counted again.
    """

    shift: Period = field(default_factory=Period)
    before: Period = field(default_factory=Period)
    batch: Period = field(default_factory=Period)
    windows: list[Window] = []
    heard: list[str] = []


class Tally:
    """Counts verdicts by their time of exposure; the same verdict counts once.

    Args:
        kept: What was counted before.
        starts: When shifts begin.
        zone: Of the plant.
        every_ns: Length of a window of the trend.
    """

    def __init__(self, kept: Kept, starts: tuple[str, ...], zone: tzinfo, every_ns: int) -> None:
        self.kept = kept
        self._starts, self._zone, self._every = starts, zone, every_ns
        self._heard = dict.fromkeys(kept.heard)
        self._new: list[str] = []
        self._old: list[str] = []

    def turn(self, t_ns: int) -> bool:
        """A moment has come; whether a shift began with it."""
        if t_ns < self.kept.shift.end_ns:
            return False
        now = shift(t_ns, self._starts, self._zone)
        self.kept.before, self.kept.shift = self.kept.shift, Period(
            name=now.name, begin_ns=now.begin_ns, end_ns=now.end_ns
        )  # fmt: skip
        return True

    def begin(self, name: str, by: str, t_ns: int) -> None:
        """A batch begins."""
        self.kept.batch = Period(name=name, begin_ns=t_ns, by=by)

    def add(self, verdict: Verdict) -> bool:
        """Count a verdict; whether it was a new one."""
        short = identity(verdict)[:SHORT]
        if short in self._heard:
            return False
        self._heard[short] = None
        self._new.append(short)
        if len(self._heard) > HEARD:
            self._old.append(old := next(iter(self._heard)))
            del self._heard[old]
        self.turn(verdict.t_ns)
        kept = self.kept
        kept.batch.begin_ns = kept.batch.begin_ns or verdict.t_ns
        late = verdict.t_ns < kept.shift.begin_ns
        (kept.before if late else kept.shift).count(verdict)
        kept.batch.count(verdict)
        self._chart(verdict)
        return True

    def whole(self) -> Kept:
        """All of it, to be kept."""
        self.kept.heard = [*self._heard]
        return self.kept

    def news(self) -> tuple[list[str], list[str]]:
        """Short ids of the verdicts that were heard since this was asked last, and of those that were forgotten."""
        found, self._new, self._old = (self._new, self._old), [], []
        return found

    def _chart(self, verdict: Verdict) -> None:
        if verdict.outcome == "NO_READ":
            return
        window = self._window(verdict.t_ns // self._every * self._every)
        window.rules[verdict.camera] = f"{verdict.book} {verdict.version}".strip()
        of, failed = window.counts.get(verdict.camera, (0, 0))
        if of or len(window.counts) < CAMERAS:
            window.counts[verdict.camera] = (of + 1, failed + (verdict.outcome == "FAIL"))

    def _window(self, begin_ns: int) -> Window:
        """The window that begins then; one that comes later than its successor is counted in the one before it."""
        windows = self.kept.windows
        if not windows or windows[-1].begin_ns < begin_ns:
            windows.append(Window(begin_ns=begin_ns))
            del windows[:-WINDOWS]
        return next((window for window in reversed(windows) if window.begin_ns <= begin_ns), windows[0])


def total(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    """The counts of all cameras together."""
    found: dict[str, int] = {}
    for mine in counts.values():
        for name, count in mine.items():
            found[name] = found.get(name, 0) + count
    return found


def open_tally(kept: Kept, starts: tuple[str, ...], zone: tzinfo, every_s: float, now: Callable[[], int]) -> Tally:
    """A tally that stands in the shift that is."""
    tally = Tally(kept, starts, zone, round(every_s * SECOND))
    tally.turn(now())
    return tally


def _add(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
