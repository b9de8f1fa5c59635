"""`kensa draw ARCHIVE`: draw a verdict of an archive, with what was seen, measured and allowed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from msgspec import Struct

from nodes.drawing.files import SUFFIXES, known, write
from nodes.drawing.portrait import PAGE, Shown, portrait
from nodes.drawing.theme import THEMES
from nodes.tools.rejoin import Again, apart
from nodes.tools.rejudge import AHEAD, BATCH, Reader
from nodes.transforms.book import open_book
from pipeline.archive import Stretch, stretches
from pipeline.errors import KensaError
from pipeline.pieces import Damage
from pipeline.records import Part, Regions, Verdict
from pipeline.table import parts, regions, verdicts

SAID = "draw a verdict of an archive: what was seen, measured and allowed"
MOST = 24  # pictures, where nobody says how many


class Wanted(Struct, frozen=True):
    """Which verdicts are drawn; what is None is not asked for."""

    camera: str | None
    session: str | None
    part: int | None
    seq: int | None
    outcome: str | None
    reason: str | None

    def __call__(self, verdict: Verdict) -> bool:
        """Whether this one is."""
        return (
            self.camera in (None, verdict.camera)
            and self.session in (None, verdict.session)
            and self.part in (None, verdict.part)
            and (self.seq is None or verdict.first_seq <= self.seq <= verdict.seq)
            and self.outcome in (None, verdict.outcome)
            and (self.reason is None or any(finding.reason == self.reason for finding in verdict.findings))
        )


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="what a line has archived")
    parser.add_argument("--camera", metavar="NAME", help="of this camera")
    parser.add_argument("--session", metavar="ID", help="of this run of the camera")
    parser.add_argument("--part", type=int, metavar="ID", help="on this part")
    parser.add_argument("--seq", type=int, metavar="N", help="on what was in view in this frame")
    parser.add_argument("--outcome", choices=("PASS", "WARN", "FAIL", "NO_READ"), help="that decide this")
    parser.add_argument("--reason", metavar="CODE", help="that give this reason")
    parser.add_argument("--most", type=int, default=MOST, metavar="N", help=f"so many at most; default {MOST}")
    parser.add_argument("--rules", metavar="FILE", help="as this rule book judges, instead of as the line did")
    parser.add_argument("--theme", choices=tuple(THEMES), default="light", help="light to print, dark for screens")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("out/verdicts"), metavar="PATH",
        help="a .png or .svg file for one picture, else a folder; default out/verdicts",
    )  # fmt: skip
    parser.add_argument("--svg", action="store_true", help="into a folder: SVG instead of PNG")
    parser.epilog = "Exit status: 0 drawn, 1 there is no such verdict, or some of the archive could not be read."


def run(args: Namespace) -> int:
    """Draw, and say where; returns the exit status."""
    if args.output.suffix:
        known(args.output)
    if args.rules:
        open_book(args.rules)
    wanted = Wanted(args.camera, args.session, args.part, args.seq, args.outcome, args.reason)
    damaged: list[Damage] = []
    drawn = [_drawn(args, shown, place) for place, shown in enumerate(_some(args, wanted, damaged))]
    print("\n".join(f"drawn: {path}" for path in drawn) or f"{args.archive}: no such verdict")
    for damage in damaged:
        print(f"not read: {damage.path}: {damage.reason}")
    return int(not drawn or bool(damaged))


def _some(args: Namespace, wanted: Wanted, damaged: list[Damage]) -> Iterator[Shown]:
    """As many as there are pictures for."""
    most = 1 if args.output.suffix else args.most
    found = _again(args, wanted, damaged) if args.rules else _as_told(args.archive, wanted, damaged)
    yield from islice(found, most)


def _as_told(archive: Path, wanted: Wanted, damaged: list[Damage]) -> Iterator[Shown]:
    """As the line judged."""
    for stretch in stretches(archive, damaged, lead=("verdicts",)):
        for verdict in filter(wanted, verdicts(stretch.read("verdicts"))):
            if verdict.views:
                around = stretch.around(AHEAD)
                views = [record for one in apart(verdict) if (record := _about(around, one))]
                yield Again(views[0], verdict, (), tuple(views)).shown(verdict) if views else Shown(verdict)
            else:
                yield Shown(verdict, _about(stretch, verdict))


def _again(args: Namespace, wanted: Wanted, damaged: list[Damage]) -> Iterator[Shown]:
    """As another book judges; what is asked for is asked of its verdicts."""
    reader = Reader(args.archive, [args.rules], cameras=[args.camera] if args.camera else [], apart=True)
    reader.damaged = damaged
    for again in reader:
        (now,) = again.now
        if now and wanted(now):
            yield again.shown(now, was=again.was.outcome if again.was else None)


def _about(stretch: Stretch, verdict: Verdict) -> Part | Regions | None:
    """What a verdict is about; None where it, or its mask, is not kept."""
    import pyarrow.compute as pc

    if verdict.subject == "gap":
        return None
    tables = [stretch.read(name) for name in (("parts",) if verdict.part is not None else ("frames", "regions"))]
    for key in ("camera", "session", "seq"):
        tables = [table.filter(pc.equal(table[key], getattr(verdict, key))) for table in tables]
    try:
        found = regions(*tables) if verdict.part is None else parts(tables[0].slice(0, BATCH))
    except KensaError:
        return None
    return next((each for each in found if isinstance(each, Regions) or each.id == verdict.part), None)


def _drawn(args: Namespace, shown: Shown, place: int) -> Path:
    path: Path = args.output
    if not path.suffix:
        verdict = shown.verdict
        assert verdict
        number = f"part-{verdict.part}" if verdict.part is not None else f"{verdict.subject}-{verdict.first_seq}"
        path = path / f"{place:03d}-{verdict.camera}-{number}-{verdict.outcome}{SUFFIXES[args.svg]}"
    write(path, PAGE, THEMES[args.theme], lambda pen: portrait(pen, shown, THEMES[args.theme]))
    return path
