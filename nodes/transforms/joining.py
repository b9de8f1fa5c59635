"""Which views are of one part, and what they make of it together: a merge of one queue per camera.

A group is decided by the oldest view of each queue alone, and only when every queue has one, or its camera is too far
behind. So it depends on what each camera said in which order, and not on which camera was heard first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec.structs import replace

from nodes.transforms.weigh import RANK
from pipeline.records import Finding, Gap, Verdict, View

KNOWN = 256  # verdicts of a camera that are recognised when they come again
MOST = 4096  # findings that a verdict may hold
VIEWS = ("view", "views", "NO_READ", "")  # rule, measure, outcome and severity, which rules of a book have, of `own`
Place = Callable[[Verdict], "int | None"]


class Sight(NamedTuple):
    """A view that waits for the others.

    Attributes:
        verdict: What its camera decided.
        place: Where the part is: nanoseconds, counts, or its id.
        doubt: Why it may be of another part than it seems; empty where it is not.
        lost: What took records of its camera just before it; empty where nothing did.
    """

    verdict: Verdict
    place: int
    doubt: str
    lost: str


class Joiner:
    """Brings together the views of each part.

    Args:
        cameras: Whose views a part needs; the first gives the joined verdict its number and time.
        place: Where the part of a verdict is, the same for all cameras; None where it does not say.
        within: How far apart the views of one part may be.
        late: How far a camera may be behind the others before they go on without it.
        station: What all the cameras together are called.
    """

    def __init__(self, cameras: Sequence[str], place: Place, within: int, late: int, station: str) -> None:
        self._cameras, self._place, self._within, self._late, self._station = cameras, place, within, late, station
        self._waiting: dict[str, deque[Sight]] = {camera: deque() for camera in cameras}
        self._known: dict[str, deque[object]] = {camera: deque(maxlen=KNOWN) for camera in cameras}
        self._came: dict[str, int] = {}
        self._lost: dict[str, str] = {}
        self._newest: int | None = None

    def take(self, record: Verdict | Gap) -> Iterator[Verdict | Gap]:
        """Take a record in; gives what it decides. Gaps, and what is of no camera here, go on as they came."""
        if record.camera not in self._waiting or isinstance(record, Gap) or record.subject == "gap":
            if record.camera in self._waiting:
                self._lost[record.camera] = _reason(record)
            yield record
        elif self._new(record):
            place = self._place(record)
            if place is None:
                finding = _unread("NO_PLACE", record.camera, "it does not say where the part is")
                yield self._joined({record.camera: record}, [finding])
            else:
                self._enter(record, place)
                yield from self._decided()

    def close(self) -> Iterator[Verdict | Gap]:
        """Nothing more comes: decide with what there is."""
        yield from self._decided(last=True)

    def _new(self, verdict: Verdict) -> bool:
        """Whether it has not come before: a producer that died may send what it had sent."""
        key = (verdict.session, verdict.first_seq, verdict.seq, verdict.part)
        known = self._known[verdict.camera]
        if key in known:
            return False
        known.append(key)
        return True

    def _enter(self, verdict: Verdict, place: int) -> None:
        camera = verdict.camera
        before = self._came.get(camera)
        lost = self._lost.pop(camera, "")
        near = self._within and before is not None and abs(place - before) <= self._within
        self._came[camera] = place
        self._newest = place if self._newest is None else max(self._newest, place)
        self._waiting[camera].append(Sight(verdict, place, lost or ("CROWDED" if near else ""), lost))

    def _decided(self, *, last: bool = False) -> Iterator[Verdict]:
        while heads := {camera: queue[0] for camera, queue in self._waiting.items() if queue}:
            first = min(sight.place for sight in heads.values())
            assert self._newest is not None
            if len(heads) < len(self._cameras) and not last and self._newest - first <= self._late:
                return
            group = {camera: sight for camera, sight in heads.items() if sight.place - first <= self._within}
            for camera in group:
                self._waiting[camera].popleft()
            missing = [_missing(camera, heads.get(camera)) for camera in self._cameras if camera not in group]
            doubts = [_doubt(camera, sight) for camera, sight in group.items() if sight.doubt]
            yield self._joined({camera: sight.verdict for camera, sight in group.items()}, [*missing, *doubts])

    def _joined(self, views: Mapping[str, Verdict], said: Iterable[Finding]) -> Verdict:
        verdicts = [views[camera] for camera in self._cameras if camera in views]
        lead = replace(verdicts[0], camera=self._station, watermark=None)
        return together(lead, verdicts, [*said, *versions(verdicts)])


def together(lead: Verdict, verdicts: Sequence[Verdict], said: Iterable[Finding]) -> Verdict:
    """One verdict: the worst of its views and of what is wrong with them.

    Args:
        lead: What it is about and by which book, and all else that is not decided here.
        verdicts: On its views.
        said: What is wrong with the views themselves.
    """
    found = [replace(finding, camera=each.camera) for each in verdicts for finding in each.findings]
    findings = sorted([*found, *said], key=lambda finding: -RANK[finding.outcome])
    outcomes = chain((each.outcome for each in verdicts), (finding.outcome for finding in findings))
    return replace(
        lead,
        outcome=max(outcomes, key=RANK.__getitem__),
        findings=tuple(findings[:MOST]),
        kept=tuple(replace(each, camera=one.camera) for one in verdicts for each in one.kept)[:MOST],
        views=tuple(map(_view, verdicts)),
    )


def own(joined: Verdict) -> list[Finding]:
    """What a verdict on several views says of the views themselves, whatever they show and whoever judges them."""
    return [each for each in joined.findings if (each.rule, each.measure, each.outcome, each.severity) == VIEWS]


def _view(verdict: Verdict) -> View:
    return View(
        camera=verdict.camera,
        session=verdict.session,
        seq=verdict.seq,
        outcome=verdict.outcome,
        part=verdict.part,
        book=verdict.book,
        version=verdict.version,
    )


def versions(verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    """Views that were judged by two versions of one book: together they were judged by neither."""
    known: dict[str, set[str]] = {}
    for verdict in verdicts:
        known.setdefault(verdict.book, set()).add(verdict.version)
    for book, versions in known.items():
        if len(versions) > 1:
            note = f"the book '{book}' was changed between its views: {', '.join(sorted(versions))}"
            yield Finding("book", "BOOK_CHANGED", "versions", len(versions), high=1, outcome="NO_READ", note=note)


def _missing(camera: str, later: Sight | None) -> Finding:
    lost = later.lost if later else ""
    note = f"no view of {camera}" + (f": it lost records then ({lost})" if lost else "")
    return _unread(lost or "VIEW_MISSING", camera, note)


def _doubt(camera: str, sight: Sight) -> Finding:
    if sight.lost:
        return _unread(sight.lost, camera, f"{camera} lost records just before: the view may be of the next part")
    return _unread(sight.doubt, camera, "two views too close together: nobody can say which is of which part")


def _unread(reason: str, camera: str, note: str) -> Finding:
    return Finding("view", reason, "views", 0, low=1, outcome="NO_READ", note=note, camera=camera)


def _reason(record: Verdict | Gap) -> str:
    if isinstance(record, Gap):
        return record.reason.upper() or "GAP"
    return record.findings[0].reason if record.findings else "GAP"
