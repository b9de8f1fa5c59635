"""The last rejects of a line, each with what was seen of it: a part and its verdict come in either order.

WARN is no reject, but an alarm may lead to it: the last of them are kept beside rejects.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from nodes.drawing.portrait import Shown
from nodes.screen.tally import REJECTED
from nodes.sinks.events import identity
from pipeline.records import Frame, Image, Part, Record, Regions, Tracks, Verdict, View

Key = tuple[str, str, str, int]  # camera, session, subject, number
T = TypeVar("T")
SEEN = 256  # parts, and as many frames, whose verdict may be on its way


class Rejects:
    """FAIL and NO_READ, the newest of them, as many WARN, and those that somebody is still called for.

    Args:
        keep: How many of either.

    Attributes:
        pinned: Those that alarms lead to.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._waiting: dict[Key, str] = {}
        self._parts: OrderedDict[Key, Part] = OrderedDict()
        self._frames: OrderedDict[Key, Regions] = OrderedDict()
        self.pinned: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[tuple[str, Shown]]:
        """Newest first, each with its id: that of the event which tells it."""
        return reversed(self._shown.items())

    @property
    def parts(self) -> Iterable[tuple[Key, Part]]:
        """Parts whose verdict may be on its way, the oldest first."""
        return self._parts.items()

    def find(self, name: str) -> Shown | None:
        """The reject of that id."""
        return self._shown.get(name)

    def pin(self, names: Iterable[str]) -> bool:
        """Keep these, however many come after them: alarms lead to them; whether they are other ones than before."""
        before, self.pinned = self.pinned, frozenset(names)
        return before != self.pinned

    def see(self, record: Record) -> bool:
        """Something was seen; whether a reject is shown with it now."""
        if isinstance(record, Frame | Image):
            return False
        seen = _seen(record)
        if seen is None:
            return False
        key, what = seen
        if isinstance(what, Part):
            _hold(self._parts, key, what)
        else:
            _hold(self._frames, key, what)
        name = self._waiting.pop(key, "")
        if name not in self._shown:
            return False
        self._shown[name] = Shown(self._shown[name].verdict, what)
        return True

    def judge(self, verdict: Verdict) -> bool:
        """A verdict; whether it is a new reject."""
        if verdict.outcome == "PASS" or (name := identity(verdict)) in self._shown:
            return False
        seen = [self._parts.get(key) or self._frames.get(key) for key in _about(verdict)]
        self.put(name, Shown(verdict, next((each for each in seen if each), None)))
        return verdict.outcome in REJECTED

    def put(self, name: str, shown: Shown) -> None:
        """Hang one up; the oldest of its kind that nobody is called for goes."""
        self._shown[name] = shown
        if shown.record is None and shown.verdict:
            self._waiting.update(dict.fromkeys(_about(shown.verdict), name))
            while len(self._waiting) > SEEN:
                del self._waiting[next(iter(self._waiting))]
        alike = [each for each, other in self._shown.items() if _rejected(other) == _rejected(shown)]
        loose = [each for each in alike if each not in self.pinned]
        for old in loose[: -self._keep]:
            del self._shown[old]


def _hold(seen: OrderedDict[Key, T], key: Key, what: T) -> None:
    seen[key] = what
    if len(seen) > SEEN:
        seen.popitem(last=False)


def _rejected(shown: Shown) -> bool:
    return shown.outcome in REJECTED


def _seen(record: Record) -> tuple[Key, Part | Regions] | None:
    match record:
        case Part():
            return (record.camera, record.session, "part", record.id), record
        case Regions():
            return (record.camera, record.session, "frame", record.seq), record
        case Tracks():
            whole = Regions(
                camera=record.camera, session=record.session, seq=record.seq, t_ns=record.t_ns, size=record.size,
                regions=tuple(track.region for track in record.tracks), prompt=record.prompt, model=record.model,
                epoch=record.epoch, roi=record.roi,
            )  # fmt: skip
            return (record.camera, record.session, "frame", record.seq), whole
    return None


def _about(verdict: Verdict) -> Iterator[Key]:
    """What a verdict may be about; of several views, those that decided come first."""
    if verdict.views:
        for view in sorted(verdict.views, key=lambda view: view.outcome not in REJECTED):
            yield _viewed(view)
    elif verdict.part is not None:
        yield verdict.camera, verdict.session, "part", verdict.part
    elif verdict.subject == "frame":
        yield verdict.camera, verdict.session, "frame", verdict.seq


def _viewed(view: View) -> Key:
    if view.part is not None:
        return view.camera, view.session, "part", view.part
    return view.camera, view.session, "frame", view.seq
