"""What a preview has seen lately: per camera the newest view, and the last things that were judged."""

from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from pipeline.masks import Mask
from pipeline.records import Epoch, Frame, Gap, Image, Outcome, Part, Record, Regions, Roi, Tracks, Verdict

Key = tuple[str, str, int]
MEMORY = 64


class Shape(Struct, frozen=True):
    """Something with an outline.

    Attributes:
        label: What its pixels mean.
        mask: Its pixels, in the frame's size.
        box: (x, y, width, height), px; the whole view where nobody has measured it.
        id: The id its track has, if any.
    """

    label: str
    mask: Mask
    box: tuple[int, int, int, int]
    id: int | None = None


class View(Struct, frozen=True):
    """One frame: its size (height, width) in px, what was found in it, and where the camera looked.

    Attributes:
        prompt: Name of the prompt; empty for the whole view.
        roi: The crop, sensor pixels, where it was told.
        epoch: Whether the masks are of that crop.
    """

    seq: int
    t_ns: int
    size: tuple[int, int]
    shapes: tuple[Shape, ...]
    prompt: str = ""
    roi: Roi | None = None
    epoch: Epoch = "settled"


class Exhibit(Struct, frozen=True):
    """A part, a frame or a gap, and what was decided about it; either may still be on its way.

    Attributes:
        name: `#12` for a part, the frame's number for a frame, `gap`.
        view: Where it was seen.
        verdict: What was decided.
        close: Whether to show what was seen close up, not where in the view it was.
    """

    name: str
    view: View | None = None
    verdict: Verdict | None = None
    close: bool = False


class Row:
    """One camera, as far as it was seen lately.

    Attributes:
        view: Its newest view.
        crops: Where on the sensor it looks, for each prompt that was seen in this session.
        pictured: Whether its pictures leave it.
        outcomes: How often each was decided.
        reasons: How often each was given.
    """

    def __init__(self, keep: int) -> None:
        self.view: View | None = None
        self.crops: dict[str, Roi] = {}
        self.pictured = False
        self.outcomes: Counter[Outcome] = Counter()
        self.reasons: Counter[str] = Counter()
        self._keep, self._session = keep, ""
        self._exhibits: OrderedDict[Key, Exhibit] = OrderedDict()
        self._views: OrderedDict[Key, View] = OrderedDict()

    def recent(self) -> list[Exhibit]:
        """The last exhibits that can be shown, newest first."""
        ready = (e for e in reversed(self._exhibits.values()) if e.view or (e.verdict and e.verdict.subject == "gap"))
        return [*islice(ready, self._keep)]

    def see(self, session: str, view: View) -> None:
        """A new frame of this camera."""
        key = ("frame", session, view.seq)
        if known := self._views.get(key):
            view = _together(known, view)
        self.view = self._views[key] = view
        self._crop(session, view)
        if len(self._views) > MEMORY:
            self._views.popitem(last=False)
        if key in self._exhibits:
            self._put(key, replace(self._exhibits[key], view=view))

    def _crop(self, session: str, view: View) -> None:
        """Prompts of an earlier session may have been other ones."""
        if session != self._session:
            self._session, self.crops = session, {}
        if view.roi and (view.prompt in self.crops or len(self.crops) < MEMORY):
            self.crops[view.prompt] = view.roi

    def show(self, part: Part) -> None:
        """A part has left the view."""
        shape = Shape(part.best.label, part.best.mask, part.best.box, part.id)
        view = View(part.best_seq, part.t_ns, part.best.mask.size, (shape,))
        self._put(("part", part.session, part.id), Exhibit(f"#{part.id}", view=view, close=True))

    def judge(self, verdict: Verdict) -> None:
        """A verdict, before or after what it is about."""
        key, name = _about(verdict)
        if (known := self._exhibits.get(key)) and known.verdict:
            return
        self.outcomes[verdict.outcome] += 1
        self.reasons.update({finding.reason for finding in verdict.findings})
        self._put(key, Exhibit(name, view=self._views.get(key), verdict=verdict))

    def _put(self, key: Key, exhibit: Exhibit) -> None:
        known = self._exhibits.get(key, exhibit)
        view, verdict = exhibit.view or known.view, exhibit.verdict or known.verdict
        self._exhibits[key] = replace(exhibit, view=view, verdict=verdict, close=exhibit.close or known.close)
        if len(self._exhibits) > MEMORY + self._keep:
            self._exhibits.popitem(last=False)


class Gallery:
    """Everything a preview knows; it forgets what is old."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._rows: dict[str, Row] = {}
        self.t_ns = 0

    @property
    def rows(self) -> dict[str, Row]:
        """Cameras in alphabetical order."""
        return dict(sorted(self._rows.items()))

    @property
    def outcomes(self) -> Counter[Outcome]:
        """Verdicts of all cameras."""
        return sum((row.outcomes for row in self._rows.values()), Counter[Outcome]())

    def add(self, record: Record) -> None:
        """Hang up a record."""
        self.t_ns = max(self.t_ns, record.t_ns)
        row = self._rows.setdefault(record.camera, Row(self._keep))
        match record:
            case Part():
                row.show(record)
            case Verdict():
                row.judge(record)
            case Gap():
                row.judge(_unseen(record))
            case Image():
                row.pictured = True
            case Frame() | Regions() | Tracks():
                row.see(record.session, _view(record))


def _view(record: Frame | Regions | Tracks) -> View:
    return View(record.seq, record.t_ns, record.size, _shapes(record), record.prompt, record.roi, record.epoch)


def _together(known: View, view: View) -> View:
    """Two records about one frame: crop and prompt of the one that was told them, outlines of the one that has ids."""
    sensed = view if view.roi or not known.roi else known
    shapes = known.shapes if any(shape.id is not None for shape in known.shapes) else view.shapes
    return replace(view, shapes=shapes, prompt=sensed.prompt, roi=sensed.roi, epoch=sensed.epoch)


def _shapes(record: Frame | Regions | Tracks) -> tuple[Shape, ...]:
    if isinstance(record, Tracks):
        return tuple(Shape(t.region.label, t.region.mask, t.region.box, t.id) for t in record.tracks)
    if isinstance(record, Regions):
        return tuple(Shape(r.label, r.mask, r.box) for r in record.regions)
    height, width = record.size
    return tuple(Shape(layer.label, layer.mask, (0, 0, width, height)) for layer in record.layers)


def _about(verdict: Verdict) -> tuple[Key, str]:
    if verdict.subject == "part" and verdict.part is not None:
        return ("part", verdict.session, verdict.part), f"#{verdict.part}"
    if verdict.subject == "frame":
        return ("frame", verdict.session, verdict.seq), str(verdict.seq)
    return ("gap", verdict.session, verdict.first_seq), "gap"


def _unseen(gap: Gap) -> Verdict:
    return Verdict(
        camera=gap.camera,
        session=gap.session,
        seq=gap.last,
        t_ns=gap.t_ns,
        outcome="NO_READ",
        subject="gap",
        first_seq=gap.seq,
    )
