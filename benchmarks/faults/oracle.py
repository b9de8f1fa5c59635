"""What a plant was given against what can be read of it: sets, not logs.

*Given* is a frame whose number is in its camera's journal, which is written before the frame is handed over.
*Readable* is what `pipeline.archive.read` finds in the archive, each row once, and the events in the file of `alarms`.
*Told* is a frame in a gap of the archive, or in a NO_READ verdict about a gap.
*Acknowledged* is what a sink has done with or a spool has committed: every row, event and spooled record that could be
read at any moment when somebody looked, and as many records as the ledgers say were delivered or spilled.

*Lost* is what was acknowledged and cannot be read at the end; *unaccounted* is what was given and is neither readable
nor told. Both have to be 0.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.faults.plant import Plant
from benchmarks.faults.spools import spooled
from nodes.sinks.events import event
from pipeline.archive import read
from pipeline.columns import schema
from pipeline.records import Gap, Verdict
from pipeline.table import gaps, verdicts

Key = tuple[object, ...]
Seen = tuple[str, str, int]
TOLD = ("FAIL", "NO_READ")
NEAR = 24.0  # counts of the encoder between two views of one part, at most: parts are twice as far apart
SINKS = ("→archive", "→alarms")
KEYS = {
    "frames": ("camera", "session", "seq", "kind"),
    "parts": ("camera", "session", "seq", "part", "mark"),
    "verdicts": ("camera", "session", "seq", "first_seq", "subject", "part"),
    "gaps": ("camera", "session", "seq", "last", "place"),
}


class Account(NamedTuple):
    """What became of everything.

    Attributes:
        given: Frames that the cameras gave.
        acknowledged: Records that the sinks were done with, by the ledgers of the commands that ended.
        lost: What was acknowledged and cannot be read.
        unaccounted: Frames that are neither readable nor told.
        told: Frames that are told as missing.
        resent: Records that travelled again.
        silent: Parts that are called good although frames of them are told as missing.
        faults: What else is wrong, in words.
    """

    given: int = 0
    acknowledged: int = 0
    lost: int = 0
    unaccounted: int = 0
    told: int = 0
    resent: int = 0
    silent: int = 0
    faults: tuple[str, ...] = ()

    def plus(self, other: Account) -> Account:
        """Two plants as one."""
        names = self._fields
        return Account(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def clean(self) -> bool:
        """Nothing is lost, unaccounted, or called good unseen."""
        return not (self.lost or self.unaccounted or self.silent or self.faults)


class Reading(NamedTuple):
    """What can be read of a plant at some moment: keys per table, ids of events, and which parts only a spool had."""

    tables: dict[str, frozenset[Key]]
    events: frozenset[str]
    spooled: frozenset[Key] = frozenset()

    def without(self, other: Reading) -> list[str]:
        """What this one has and the other has not, in words.

        A part that waited in a spool may be one that its sender's predecessor had told, under another id: whoever
        follows parts anew sees again those that were in view. It is one where the belt says that it lay in one place.
        """
        places = defaultdict[Key, list[Any]](list)
        for known in other.tables.get("parts", ()):
            places[known[:3]].append(known[4])
        again = {key for key in self.spooled if _lies(key[4], places[key[:3]])}
        gone = {name: keys - other.tables.get(name, set()) for name, keys in self.tables.items()}
        rows = [f"{name} {key}" for name, keys in gone.items() for key in keys if name != "parts" or key not in again]
        return rows + [f"event {each}" for each in self.events - other.events]

    def plus(self, later: Reading) -> Reading:
        """What could be read then or later."""
        names = self.tables.keys() | later.tables.keys()
        tables = {name: self.tables.get(name, frozenset()) | later.tables.get(name, frozenset()) for name in names}
        archived = later.tables.get("parts", frozenset()) - later.spooled
        return Reading(tables, self.events | later.events, (self.spooled | later.spooled) - archived)


def given(plant: Plant) -> set[Seen]:
    """Every frame that the cameras' journals name."""
    rows = ((path.name, *row.split()) for path in _journals(plant) for row in path.read_text().splitlines())
    return {(camera, session, int(seq)) for camera, session, seq in rows}


def look(plant: Plant) -> Reading:
    """Everything that can be read now: archive, events, and what waits in spools."""
    waiting = [*spooled(plant.folder / "state")]  # before the archive: what leaves a spool has come to the archive
    tables = {name: frozenset(_keys(plant.archive, name)) for name in KEYS}
    alone = frozenset(key for name, key in waiting if name == "parts") - tables["parts"]
    for name, key in waiting:
        tables[name] |= {key}
    return Reading(tables, frozenset(_events(plant.events)), alone)


def judge(plant: Plant, looks: Iterable[Reading], resent: int = 0) -> Account:
    """The account of a plant whose commands have ended; `looks` are readings that were taken before."""
    known, now = given(plant), look(plant)
    kept = verdicts(_table(plant.archive, "verdicts"))
    told = [*gaps(_table(plant.archive, "gaps"))]
    missing = _gaps(told) | _ranges((v.camera, v.session, v.first_seq, v.seq) for v in kept if v.subject == "gap")
    readable = {(str(k[0]), str(k[1]), int(str(k[2]))) for k in now.tables["frames"] if k[3] == "tracks"}
    gone = {each for past in looks for each in past.without(now)} | {*_unsent(plant, now.events)}
    archived, alarmed = (sum(_delivered(text, to) for _, text in plant.ended) for to in SINKS)
    blind = _blind(kept, _hidden(told) - readable)
    unaccounted, made_up = known - readable - missing, readable - known
    return Account(
        given=len(known),
        acknowledged=archived + alarmed,
        lost=len(gone) + max(0, archived - _rows(plant.archive, told)),
        unaccounted=len(unaccounted),
        told=len((known - readable) & missing),
        resent=resent + _repeated(plant),
        silent=len(blind),
        faults=(
            *_faults(plant, kept, now, told),
            *_first("was acknowledged", gone),
            *_first("unaccounted", unaccounted),
            *_first("never given", made_up),
            *_first("called good unseen", blind),
        ),
    )


def resent(plant: Plant) -> int:
    """Records that travelled again, by the supervisors' books now."""
    states = filter(None, map(plant.snapshot, plant.hosts))
    return sum(edge.account.total.resent for state in states for edge in state.edges)


def _unsent(plant: Plant, events: frozenset[str]) -> Iterator[str]:
    """Events that neither reached the webhook nor were set aside."""
    if plant.hook:
        aside = frozenset(_events(Path(f"{plant.events}.outbox.undelivered.jsonl")))
        yield from (f"event {each}, which its receiver never got" for each in events - plant.hook.got.keys() - aside)


def _repeated(plant: Plant) -> int:
    """Events that reached the webhook more than once."""
    return plant.hook.got.total() - len(plant.hook.got) if plant.hook else 0


def _first(what: str, found: Iterable[Any]) -> list[str]:
    return [f"{what}: {each}" for each in sorted(found)[:3]]


def _faults(plant: Plant, kept: list[Verdict], now: Reading, told: list[Gap]) -> Iterator[str]:
    """Ledgers that do not balance, and what only one of two places has where nothing says why."""
    for status, text in plant.ended:
        if status not in (0, 4):
            yield f"exit status {status}: {text[-600:]}"
    holes = _gaps(told) | _heard(plant.events)
    for verdict in silent([v for v in kept if not _unseen(v, holes, any_of=True)], plant.events):
        yield f"no event for {event(verdict).text}"
    judged = defaultdict[Key, list[Any]](list)
    for verdict in kept:
        judged[_leaving(verdict)] += [verdict.mark] if verdict.subject == "part" else []
    for camera, session, seq, part, mark in now.tables["parts"]:
        if not _lies(mark, judged[camera, session, seq]) and (camera, session, seq) not in holes:
            yield f"no verdict on part {part} of {camera} at {seq} in {session}"


def silent(kept: Sequence[Verdict], path: Path) -> Iterator[Verdict]:
    """Verdicts of which no event tells.

    A tracker that began anew sees again what its predecessor was not done with, and gives the same part under another
    id. What that one had sent of it on one of its edges it need not have sent on the other: nobody had acknowledged
    it. So for each part an event has to tell of one of its verdicts, or of one that the archive has not.
    """
    known, found = {event(verdict).id for verdict in kept}, _about(path, "part", "frame", "gap")
    events = {each["id"] for each in found}
    others = Counter((e["camera"], e["session"], e["seq"]) for e in found if e["id"] not in known)
    for thing in _things(verdict for verdict in kept if verdict.outcome in TOLD):
        if not any(event(verdict).id in events for verdict in thing):
            others[_leaving(thing[0])] -= 1
            if thing[0].subject != "part" or others[_leaving(thing[0])] < 0:
                yield thing[0]


def _things(kept: Iterable[Verdict]) -> list[list[Verdict]]:
    """Verdicts by what they are about: of parts those of one last sight that by the belt lay in one place."""
    things: list[list[Verdict]] = []
    for one in sorted(kept, key=lambda verdict: (*_leaving(verdict), verdict.subject, verdict.mark or 0.0)):
        last = things[-1][-1] if things else one
        same = things and _leaving(last) == _leaving(one) and last.subject == one.subject == "part"
        if same and _lies(one.mark, [last.mark]):
            things[-1].append(one)
        else:
            things.append([one])
    return things


def _lies(mark: Any, places: Iterable[Any]) -> bool:
    """Whether something that lay here lay in one of these places."""
    return any(abs(mark - place) <= NEAR for place in places)


def _leaving(verdict: Verdict) -> Seen:
    return verdict.camera, verdict.session, verdict.seq


def _unseen(verdict: Verdict, hidden: set[Seen], *, any_of: bool = False) -> bool:
    """Whether a part that is called good, or any verdict, speaks of a frame that is told as missing."""
    if not any_of and (verdict.subject != "part" or verdict.outcome in TOLD):
        return False
    numbers = range(verdict.first_seq, verdict.seq + 1)
    return any((verdict.camera, verdict.session, seq) in hidden for seq in numbers)


def _heard(path: Path) -> set[Seen]:
    """Frames that events tell as missing."""
    told = _about(path, "gap")
    return _ranges((each["camera"], each["session"], each["first_seq"], each["seq"]) for each in told)


def _about(path: Path, *subjects: str) -> list[dict[str, Any]]:
    """The events about such subjects."""
    found = map(json.loads, path.read_text().splitlines() if path.exists() else ())
    return [each for each in found if each["subject"] in subjects]


def _events(path: Path) -> Iterator[str]:
    rows = path.read_bytes().split(b"\n")[:-1] if path.exists() else ()
    return (json.loads(row)["id"] for row in rows)


def _keys(archive: Path, name: str) -> Iterator[Key]:
    columns = KEYS[name]
    return (tuple(row[column] for column in columns) for row in _table(archive, name).select(columns).to_pylist())


def _table(archive: Path, name: str) -> Any:
    return read(archive, name) if archive.is_dir() else schema(name).empty_table()


def _rows(archive: Path, told: Iterable[Gap]) -> int:
    """Records in the archive's files, repetitions too; gaps that were merged on their way count as they were sent."""
    import pyarrow.parquet as pq

    files = (path for name in KEYS for path in archive.glob(f"table={name}/date=*/*.parquet"))
    rows: int = sum(pq.read_metadata(path).num_rows for path in files)
    return rows + sum(gap.last - gap.seq for gap in told)


def _delivered(text: str, sink: str) -> int:
    """Records that a printed ledger calls delivered or spilled on the edges into a sink."""
    rows = [re.split(r"  +", row.strip()) for row in text.splitlines() if "  " in row]
    head = next((row for row in rows if row[0] == "edge"), [])
    wanted = [head.index(name) for name in ("delivered", "spilled") if name in head]
    into = [row for row in rows if row[0].endswith(sink)]
    return sum(int(row[column].replace(",", "")) for row in into for column in wanted)


def _blind(kept: Iterable[Verdict], hidden: set[Seen]) -> list[str]:
    """Parts that are called good although nobody saw all of their frames."""
    return [event(verdict).text for verdict in kept if _unseen(verdict, hidden)]


def _hidden(told: Iterable[Gap]) -> set[Seen]:
    """Frames that a tracker was told it would not see; it may have seen them before, which their tracks show."""
    return _gaps(gap for gap in told if not gap.where.endswith(SINKS))


def _gaps(told: Iterable[Gap]) -> set[Seen]:
    return _ranges((gap.camera, gap.session, gap.seq, gap.last) for gap in told)


def _ranges(found: Iterable[tuple[str, str, int, int]]) -> set[Seen]:
    return {(camera, session, seq) for camera, session, first, last in found for seq in range(first, last + 1)}


def _journals(plant: Plant) -> list[Path]:
    return [path for path in (plant.folder / "given").iterdir() if not path.name.startswith(".")]
