"""What a line, or a rule book, said of known parts: looked up in archives."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOBase
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from nodes.drawing.portrait import Shown
from nodes.tools.known import PARTS, Known, Showing
from nodes.tools.rejoin import Again
from nodes.tools.rejudge import Reader
from pipeline.agreement import BAD, GOOD, UNFOUND
from pipeline.records import Outcome, Part, Verdict
from pipeline.score import NO_READ

THE_LINE = "the line"
CALLS: dict[Outcome, str] = {"PASS": GOOD, "WARN": GOOD, "FAIL": BAD, "NO_READ": NO_READ}
KEEP = 48  # pictures

Found = dict[tuple[str, str, int], tuple[Again, ...]]


class Called(Struct, frozen=True):
    """What was said of known parts.

    Attributes:
        calls: Appraiser → part → what was said, run by run.
        wrong: Some showings that were not called what they are, as (expected, verdict).
        others: Parts in the archives that nobody knows.
        untold: What could not be read or judged.
    """

    calls: dict[str, dict[str, list[str]]]
    wrong: list[tuple[str, Shown]]
    others: int
    untold: list[str]


def called(known: Known, archives: Iterable[Path], books: Sequence[str]) -> Called:
    """Look parts up, archive by archive; each archive, and each session where none is named, is another run.

    Raises:
        KensaError: If an archive or a book cannot be used.
    """
    told = Called({name: defaultdict(list) for name in [Path(b).stem for b in books] or [THE_LINE]}, [], 0, [])
    others, looked = 0, set[Showing]()
    for archive in archives:
        reader = Reader(archive, books, cameras={s.camera for s in known.showings}, apart=True)
        seen, sessions, strange = _seen(reader, known)
        others += strange
        for showing, session in _runs(known.showings, sessions):
            looked.add(showing)
            _call(told, known.truth[showing.name], showing, seen.get((showing.camera, session, showing.part)))
        told.untold.extend(f"{archive}: {said}" for said in reader.untold())
    for showing in known.showings:
        if showing not in looked:  # no archive has this camera, or this session of it
            _call(told, known.truth[showing.name], showing, None)
    return Called({name: dict(calls) for name, calls in told.calls.items()}, told.wrong, others, told.untold)


def blank(archive: Path, sheet: TextIOBase) -> int:
    """Write what parts an archive shows, for people to say what they are; returns how many.

    Raises:
        KensaError: If it is no archive.
    """
    writer, count = csv.writer(sheet), 0
    writer.writerow(PARTS)
    for again in Reader(archive, []):
        if isinstance(again.record, Part):
            count += 1
            record = again.record
            writer.writerow([f"{again.camera}/{record.id}", "", again.camera, record.session, record.id])
    return count


def _seen(reader: Reader, known: Known) -> tuple[dict[tuple[str, str, int], Again], dict[str, set[str]], int]:
    """The parts that are known, every session of each camera, and how many parts are not known."""
    wanted = {(showing.camera, showing.part, showing.session) for showing in known.showings}
    seen: dict[tuple[str, str, int], Again] = {}
    sessions: dict[str, set[str]] = defaultdict(set)
    others = 0
    for again in reader:
        record, camera = again.record, again.camera
        sessions[camera].add(record.session)
        if isinstance(record, Part):
            if {(camera, record.id, session) for session in ("", record.session)} & wanted:
                seen[camera, record.session, record.id] = again
            else:
                others += 1
    return seen, sessions, others


def _runs(showings: Sequence[Showing], sessions: dict[str, set[str]]) -> Iterator[tuple[Showing, str]]:
    """Every showing with each session of this archive that it was in."""
    for showing in showings:
        for session in sorted(sessions[showing.camera]):
            if showing.session in ("", session):
                yield showing, session


def _call(told: Called, truth: str, showing: Showing, again: Again | None) -> None:
    verdicts = (again.now or (again.was,)) if again else (None,) * len(told.calls)
    for (_, calls), verdict in zip(told.calls.items(), verdicts, strict=True):
        said = _word(verdict) if again else UNFOUND
        calls[showing.name].append(said)
        if said != truth and again and len(told.wrong) < KEEP:
            told.wrong.append((truth, replace(again.shown(verdict), name=showing.name)))


def _word(verdict: Verdict | None) -> str:
    """What a verdict calls a part; one that nobody could judge is not read."""
    return CALLS[verdict.outcome] if verdict else NO_READ
