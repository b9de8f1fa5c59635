"""Aggregate an archive into a folder: what is new or changed is read, checked against the footers, and published."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
from msgspec import Struct

from pipeline.batch import job, surveying
from pipeline.batch.concluding import conclude
from pipeline.batch.files import VERSION, Listed
from pipeline.batch.observing import Asked
from pipeline.batch.publishing import STAGING, Day, Manifest, balance, load, place, staged, tell
from pipeline.batch.studies import Study
from pipeline.batch.surveying import GONE, LOOKS, Dead, Home, Slice, Unit, print_of, slices, survey
from pipeline.batch.windows import Calendar
from pipeline.errors import TableError
from pipeline.places import Where

EVERY = 5.0  # s
PORTION = 1 << 23  # rows of a pipeline in this process; other runners have all days at once, to spread them
Key = tuple[str, str, str]  # plant, line, date
Say = Callable[[str], Any]


class Request(Struct, frozen=True):
    """What to aggregate, and how.

    Attributes:
        archive: Where the archive lies.
        output: Folder of the results.
        calendar: How the plant divides time.
        home: Plant and line where the archive's folders do not say.
        asked: What is asked of its rows.
        study: How the results of all days are looked at.
        concludes: Whether they are: charts, drift and whatever else all days say together. Otherwise what was said of
            fewer days goes, and the next run that does says it anew.
    """

    archive: Where
    output: Path
    calendar: Calendar = Calendar()
    home: Home = Home("", "")
    asked: Asked = Asked()
    study: Study = Study()
    concludes: bool = True


class Work(Struct, frozen=True):
    """What there is to do.

    Attributes:
        rows: Rows that the footers tell, per line and table.
        dead: Files without a footer.
        days: Slices of every line and day of the archive.
        sources: How many files each day is made of, and the digest of these.
        fresh: Days whose results are missing or were made of something else.
    """

    rows: dict[tuple[Home, str], int]
    dead: tuple[Dead, ...]
    days: dict[Key, list[Slice]]
    sources: dict[Key, tuple[int, str]]
    fresh: tuple[Key, ...]


class Outcome(Struct, frozen=True):
    """What a run has done.

    Attributes:
        manifest: What the folder holds now.
        fresh: Days that were read.
        kept: Of those, days whose older results know more and stay.
    """

    manifest: Manifest
    fresh: tuple[Key, ...]
    kept: tuple[Key, ...]


def aggregate(request: Request, words: Sequence[str] = (), say: Say = lambda _: None) -> Outcome:
    """Bring the results in a folder up to what an archive holds.

    Args:
        request: What to aggregate.
        words: Beam's options.
        say: Takes sentences for people on how it goes.

    Raises:
        TableError: If there is no such archive, the folder holds results of another kind, a library is missing, the
            pipeline fails, or what comes out does not balance; then nothing is published.
    """
    surveying.there(request.archive)
    with _alone(request.output) as staging:
        before = _before(request)
        known = {_key(day): day for day in before.days}
        work, fresh = _counted(request, before, words, staging, say)
        there = {**{key: known[key] for key in work.days if key in known}, **{_key(day): day for day in fresh}}
        balance(there.values(), work.rows)
        kept = tuple(_key(day) for day in fresh if _poorer(day, known.get(_key(day))))
        for key in kept:
            there[key] = _keep(known[key], there[key])
        days = tuple(day for _, day in sorted({**known, **there}.items()))
        place(request.output, staging, [day for day in fresh if _key(day) not in kept])
        told = _concluded(request, before, days, anew=bool(fresh))
        manifest = Manifest(VERSION, before.asked, days, work.dead, request.study, told)
        tell(request.output, manifest)
    return Outcome(manifest, tuple(_key(day) for day in fresh), kept)


def _concluded(request: Request, before: Manifest, days: Sequence[Day], *, anew: bool) -> dict[str, Listed]:
    """What all days say together."""
    stands = not anew and before.study == request.study
    if before.conclusions and stands:
        return before.conclusions
    if request.concludes:
        return conclude(request.output, days, request.study)
    for name, _, _ in before.conclusions.values():
        (request.output / name).unlink(missing_ok=True)
    return {}


def _counted(
    request: Request, before: Manifest, words: Sequence[str], staging: Path, say: Say
) -> tuple[Work, list[Day]]:
    """Read and stage what is new; again where files were made one with others meanwhile, as `compact` does."""
    work = plan(request, before, *survey(request.archive, request.home))
    say(_told(work))
    days = _run(request, work, words, staging, say) if work.fresh else []
    for _ in range(LOOKS):
        sound = [day for day in days if all(letter.reason != GONE for letter in day.account.dead)]
        if len(sound) == len(days):
            break
        say("files were made one with others meanwhile: their days are read again")
        known = {_key(day): day for day in (*before.days, *sound)}
        before = msgspec.structs.replace(before, days=tuple(known.values()))
        work = plan(request, before, *survey(request.archive, request.home))
        days = _run(request, work, words, staging, say) if work.fresh else staged(staging)
    return work, [day for day in days if _key(day) in work.days]


def plan(request: Request, before: Manifest, found: Mapping[Home, Sequence[Unit]], dead: Sequence[Dead]) -> Work:
    """What there is to do: which days of what an archive holds are not in the results."""
    days: dict[Key, list[Slice]] = defaultdict(list)
    for home, units in found.items():
        for cut in slices(home, units, request.calendar):
            days[home.plant, home.line, cut.day].append(cut)
    sources = {key: _source(request.archive, cuts) for key, cuts in days.items()}
    done = {_key(day): (day.files, day.source) for day in before.days}
    rows = Counter[tuple[Home, str]]()
    for home, units in found.items():
        for unit in units:
            rows[home, unit.table] += unit.rows
    fresh = tuple(key for key in days if done.get(key) != sources[key])
    return Work(dict(rows), tuple(dead), dict(days), sources, fresh)


def _run(request: Request, work: Work, words: Sequence[str], staging: Path, say: Say) -> list[Day]:
    """Read and stage the fresh days."""
    archive = request.archive.resolve() if isinstance(request.archive, Path) else request.archive
    folder, done, span = str(archive), staging / "done", request.calendar.span
    done.mkdir(exist_ok=True)
    reads = partial(job.aggregated, folder=folder, done=str(done.resolve()), span=span, asked=request.asked)
    reads = partial(reads, travels=bool(words))
    sources = {key: work.sources[key] for key in work.fresh}
    writes = partial(job.written, folder=str(staging.resolve()), sources=sources)
    portions = [*_portions([work.days[key] for key in work.fresh], PORTION if not words else None)]
    with progress(done, sum(map(len, portions)), say):
        for cuts in portions:
            job.run(words, lambda root, cuts=cuts: job.pipeline(root, cuts, reads, writes))
    days = staged(staging)
    missing = {*work.fresh} - {_key(day) for day in days}
    if missing:
        raise TableError(f"expected results of {len(work.fresh)} days, found none of {min(missing)}: run it again")
    return days


def _portions(days: Iterable[Sequence[Slice]], rows: int | None) -> Iterator[list[Slice]]:
    """Slices of whole days that one pipeline takes; it holds what it knows of all of them until it ends."""
    portion, held = list[Slice](), 0
    for cuts in days:
        more = sum(unit.rows for cut in cuts for unit in cut.units)
        if rows and portion and held + more > rows:
            yield portion
            portion, held = [], 0
        portion, held = [*portion, *cuts], held + more
    yield portion


@contextmanager
def progress(done: Path, slices_: int, say: Say, every: float = EVERY) -> Iterator[None]:
    """Say now and then how many slices were read, whoever reads them."""
    over = Event()

    def watch() -> None:
        while not over.wait(every):
            say(f"{sum(1 for _ in done.iterdir()):,} of {slices_:,} slices read")

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _alone(output: Path) -> Iterator[Path]:
    """Work on a folder of results alone; gives a folder of this run's own, which goes with everything in it."""
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TableError(
                f"{output}: expected to be the only one at work here, found another; wait for it"
            ) from None
        shutil.rmtree(output / STAGING, ignore_errors=True)  # of a run that was killed
        (output / STAGING).mkdir()
        try:
            yield Path(tempfile.mkdtemp(dir=output / STAGING))
        finally:
            shutil.rmtree(output / STAGING, ignore_errors=True)


def _before(request: Request) -> Manifest:
    """What the folder holds, with what is asked now.

    Raises:
        TableError: If it was made by other rules: they would be mixed. New batches are no other rule, changed ones are.
    """
    calendar, asked = request.calendar, request.asked
    told = {"calendar": calendar, "home": request.home, "measures": asked.measures, "part": asked.part}
    said = msgspec.json.decode(msgspec.json.encode({**told, "pixels": asked.pixels}))  # as a manifest reads
    found = load(request.output)
    if found is None:
        return Manifest(VERSION, said)
    differing = _differing(said, found.asked)
    if found.version != VERSION or differing:
        what = ", ".join(differing) or f"version {found.version}"
        raise TableError(
            f"{request.output}: results here were made with another {what}; give the same, or another --output"
        )
    return msgspec.structs.replace(found, asked=said)


def _differing(said: dict[str, Any], was: dict[str, Any]) -> list[str]:
    """What is asked otherwise than it was."""
    now, before = ({**asked, **asked.get("calendar", {})} for asked in (said, was))
    names = {*now, *before} - {"calendar", "batches"}
    gone = [batch for batch in before.get("batches", ()) if batch not in now["batches"]]
    return sorted([*(name for name in names if now.get(name) != before.get(name)), *(["batch"] if gone else [])])


def _source(archive: Where, cuts: Sequence[Slice]) -> tuple[int, str]:
    """What a day's results depend on: how many files, and a digest of these, of its windows and of where it ends."""
    names = print_of(archive, [unit for cut in cuts for unit in cut.units])
    windows = [f"{window.begin_ns} {window.end_ns} {window.name}" for window in cuts[0].windows]
    said = "\n".join([f"{cuts[0].begin_ns} {cuts[-1].end_ns}", *windows, *names])
    return len(names), blake2b(said.encode(), digest_size=16).hexdigest()


def _poorer(day: Day, known: Day | None) -> bool:
    """Whether there was more when a day was published: what was pruned since was counted."""
    return known is not None and any(day.aggregated[what] < n for what, n in known.aggregated.items())


def _keep(known: Day, now: Day) -> Day:
    return msgspec.structs.replace(known, files=now.files, source=now.source, account=now.account, kept=True)


def _key(day: Day) -> Key:
    return day.home.plant, day.home.line, day.date


def _told(work: Work) -> str:
    cuts = [cut for key in work.fresh for cut in work.days[key]]
    rows = sum(unit.rows for cut in cuts for unit in cut.units)
    return f"{len(work.fresh):,} of {len(work.days):,} days are new: {len(cuts):,} slices, {rows:,} rows to read"
