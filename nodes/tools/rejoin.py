"""What was judged again, brought together as the line did: one verdict for a part that several cameras saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from nodes.drawing.portrait import Shown
from nodes.transforms.joining import own, together, versions
from pipeline.errors import KensaError
from pipeline.records import Finding, Outcome, Part, Regions, Verdict, View

Key = tuple[str, str, str, int]  # subject, camera, session, number


class Again(Struct, frozen=True):
    """A part or a frame that was judged again.

    Attributes:
        record: What it is about; of several views, the first one's.
        was: What the line decided; None where its verdict is not in the archive.
        now: What each book decides, in their order; None where it could not.
        views: Every view, where it is about several.
    """

    record: Part | Regions
    was: Verdict | None
    now: tuple[Verdict | None, ...]
    views: tuple[Part | Regions, ...] = ()

    @property
    def camera(self) -> str:
        """Whose verdict it is: the camera's, or the station's that joins several."""
        return self.was.camera if self.views and self.was else self.record.camera

    def shown(self, verdict: Verdict | None, *, was: Outcome | None = None, gone: tuple[Finding, ...] = ()) -> Shown:
        """A verdict on it with the view that decided it: the one with the gravest finding."""
        said = (verdict.findings if verdict else ()) or gone
        told = (view for finding in said for view in self.views if view.camera == finding.camera)
        record = next(told, self.record)
        if self.views and verdict:
            verdict = replace(verdict, findings=_of(verdict.findings, record), kept=_of(verdict.kept, record))
        name = self.camera if self.views else ""
        return Shown(verdict, record, name=name, was=was, gone=_of(gone, record) if self.views else gone)


class Rejoiner:
    """Brings views together that the line brought together: which ones does not depend on how they are judged.

    What the line said of the views themselves (one is missing, or may be of another part) holds as it was.

    Args:
        chosen: Whether the views of a camera are judged again; where not, what the line said of them holds.
        apart: Whether the views of a camera are told by themselves, too.

    Attributes:
        lost: Parts of which a view is not in the archive.
        frames: Whether views of frames are joined, not only of parts.
    """

    def __init__(self, chosen: Callable[[str], bool], apart: Callable[[str], bool]) -> None:
        self._chosen, self._apart = chosen, apart
        self._groups: list[_Group] = []
        self._of: dict[Key, list[_Group]] = {}
        self.lost = 0
        self.frames = False

    def expect(self, verdict: Verdict, *, told: bool) -> None:
        """Here is what the line said of several views.

        Args:
            told: Whether the part itself is asked for, or its views alone.

        Raises:
            KensaError: If the same station said something else of them, by another book.
        """
        wanted = [key for view in verdict.views if self._chosen((key := _key(verdict, view))[1])]
        group = _Group(verdict, {*wanted} if told else set(), wanted)
        self._groups.append(group)
        self.frames |= verdict.subject == "frame"
        for key in wanted:
            same = self._of.setdefault(key, [])
            for other in same:
                once(other.verdict, verdict)
            same.append(group)

    def claims(self, key: Key) -> bool:
        """Whether it is one of several views."""
        return key in self._of

    def take(self, key: Key, again: Again) -> Iterator[Again]:
        """Take what was judged again; gives what there is to tell."""
        groups = self._of.pop(key, [])
        if self._apart(key[1]) or not groups:
            yield again if again.was or not groups else replace(again, was=_one(groups[0].verdict, key))
        for group in groups:
            if key in group.missing:
                group.missing.remove(key)
                group.seen[key] = again
                if not group.missing:
                    yield group.again()

    def before(self, t_ns: int | None) -> None:
        """Nothing more comes of what was told before a time; of anything, where none is given."""
        for group in self._groups:
            if t_ns is None or group.verdict.t_ns < t_ns:
                self.lost += any(key in self._of for key in group.wanted)
        for group in self._groups:
            if t_ns is None or group.verdict.t_ns < t_ns:
                for key in group.wanted:
                    self._of.pop(key, None)
        self._groups = [each for each in self._groups if t_ns is not None and each.verdict.t_ns >= t_ns]


class _Group:
    """One part: its verdict, and the views of it that are judged again."""

    def __init__(self, verdict: Verdict, missing: set[Key], wanted: Sequence[Key]) -> None:
        self.verdict, self.missing, self.wanted = verdict, missing, wanted
        self.seen: dict[Key, Again] = {}

    def again(self) -> Again:
        """All of it together."""
        keys = [_key(self.verdict, view) for view in self.verdict.views]
        seen = [self.seen[key] for key in keys if key in self.seen]
        books = range(len(seen[0].now))
        now = tuple(self._joined(keys, number) for number in books)
        return Again(seen[0].record, self.verdict, now, tuple(each.record for each in seen))

    def _joined(self, keys: Sequence[Key], number: int) -> Verdict | None:
        views = [self.seen[key].now[number] if key in self.seen else _one(self.verdict, key) for key in keys]
        told = [view for view in views if view is not None]
        if len(told) < len(views):
            return None
        kept = [_one(self.verdict, key) for key in keys if key not in self.seen]
        lead = replace(self.verdict, book=told[0].book, version=told[0].version)
        return together(lead, told, [*own(self.verdict), *versions(kept)])


def once(known: Verdict, verdict: Verdict) -> None:
    """Two verdicts on the same must be by the same book.

    Raises:
        KensaError: If they are not.
    """
    if known.camera == verdict.camera and known.book != verdict.book:
        number = verdict.seq if verdict.part is None else verdict.part
        raise KensaError(
            f"expected one verdict on {verdict.subject} {number} of '{verdict.camera}', found those of the books "
            f"'{known.book}' and '{verdict.book}': say with `--before` which one to compare with"
        )


def apart(joined: Verdict) -> list[Verdict]:
    """What the line said of each view, as far as the verdict on all tells it."""
    return [_one(joined, _key(joined, view)) for view in joined.views]


def _one(joined: Verdict, key: Key) -> Verdict:
    """What the line said of one view, as far as the verdict on all tells it."""
    view = next(each for each in joined.views if _key(joined, each) == key)
    alone = own(joined)
    return Verdict(
        camera=view.camera,
        session=view.session,
        seq=view.seq,
        t_ns=joined.t_ns,
        outcome=view.outcome,
        subject=joined.subject,
        part=view.part,
        first_seq=min(joined.first_seq, view.seq),
        findings=tuple(each for each in joined.findings if each.camera == view.camera and each not in alone),
        book=view.book,
        version=view.version,
        kept=tuple(each for each in joined.kept if each.camera == view.camera),
    )


def _key(joined: Verdict, view: View) -> Key:
    number = view.seq if view.part is None else view.part
    return ("part" if view.part is not None else joined.subject), view.camera, view.session, number


def _of(findings: Sequence[Finding], record: Part | Regions) -> tuple[Finding, ...]:
    """Those of one view, and those of none."""
    return tuple(each for each in findings if each.camera in ("", record.camera))
