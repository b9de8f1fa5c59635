"""`kensa challenge PARTS ARCHIVE...`: what was said of parts that are known, against agreed limits."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nodes.drawing.contact import Section, contact, extent
from nodes.drawing.files import known as picture
from nodes.drawing.files import write
from nodes.drawing.portrait import Shown
from nodes.drawing.theme import THEMES
from nodes.tools.known import inspected, parts
from nodes.tools.shown import Called, blank, called
from pipeline.agreement import BAD, INTERVALS, UNFOUND, Study, at_most, needed
from pipeline.errors import KensaError
from pipeline.records import Outcome
from pipeline.score import Ratio

SAID = "compare what a line says of known parts with what they are, against agreed limits"
STEPS = """
PARTS is a CSV file with the columns name, expected (good or bad), camera, part and, where it matters, session:
  kensa challenge --blank parts.csv out/archive    write it, with what the archive shows, for people to fill in
  kensa challenge parts.csv out/archive            what the line said of these parts
  kensa challenge parts.csv out/archive --rules tighter.yaml   what another book would have said
Exit status: 0 within the limits, 1 not, or something could not be read; 2 it cannot be done.
"""
WRONG: dict[str, Outcome] = {"good": "PASS", "bad": "FAIL"}


class Kept(Struct, frozen=True):
    """Something that was agreed.

    Attributes:
        said: Whose, and what.
        found: The share that was found.
        agreed: The limit.
        sure: What the sample shows of the true share.
        met: Whether it is kept.
        hint: What would show it.
    """

    said: str
    found: str
    agreed: str
    sure: str
    met: bool
    hint: tuple[str, ...] = ()


def share(text: str) -> float:
    """A share as people write it.

    >>> share("2%"), share("2.5 %"), share("0.02")
    (0.02, 0.025, 0.02)

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    stripped = text.strip()
    try:
        found = float(stripped.removesuffix("%")) / (100 if stripped.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ArgumentTypeError(f"expected a share such as 2% or 0.02, got '{text}'")
    return found


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    from argparse import RawDescriptionHelpFormatter

    parser.epilog, parser.formatter_class = STEPS, RawDescriptionHelpFormatter
    parser.add_argument("parts", type=Path, metavar="PARTS", help="what each part is: a CSV file")
    parser.add_argument("archives", nargs="*", type=Path, metavar="ARCHIVE", help="each is a run of its own")
    parser.add_argument("--rules", action="append", default=[], metavar="FILE", help="judge again by this book")
    parser.add_argument("--inspectors", type=Path, metavar="CSV", help="what people said: appraiser, name, run, said")
    parser.add_argument("--blank", action="store_true", help="write PARTS, with every part of the archive, to fill in")
    agreed = parser.add_argument_group("what was agreed; the defaults are AIAG's for an acceptable appraiser")
    agreed.add_argument("--miss", type=share, default=0.02, metavar="SHARE", help="bad parts let go; default 2%%")
    agreed.add_argument("--false-alarm", type=share, default=0.05, metavar="SHARE", help="good ones refused; 5%%")
    agreed.add_argument("--effective", type=share, default=0.90, metavar="SHARE", help="right in every run; 90%%")
    agreed.add_argument("--no-read", type=share, default=0.0, metavar="SHARE", help="shown and not judged; 0%%")
    agreed.add_argument("--proven", action="store_true", help="the whole interval of a rate must be within its limit")
    parser.add_argument("--confidence", type=share, default=0.95, metavar="SHARE", help="default 95%%")
    parser.add_argument("--interval", choices=tuple(INTERVALS), default="exact", help="default exact: Clopper-Pearson")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="draw what was called wrong: a .png or .svg file")
    parser.add_argument("--theme", choices=tuple(THEMES), default="light", help="of the sheet; default light")


def run(args: Namespace) -> int:
    """Challenge; returns the exit status."""
    if args.sheet:
        picture(args.sheet)
    if args.blank:
        return _blank(args)
    if not args.archives and not args.inspectors:
        raise KensaError("expected an archive, or what inspectors said (`--inspectors`), got neither")
    known = parts(args.parts)
    if args.archives and not known.showings:
        raise KensaError(f"{args.parts}: expected columns camera and part, which say where each is in the archive")
    told = called(known, args.archives, args.rules) if args.archives else Called({}, [], 0, [])
    study = Study(known.truth, told.calls | (inspected(args.inspectors, known.truth) if args.inspectors else {}))
    _unshown(args, study)
    broken = _tell(args, study, [*told.calls] or [*study.calls])
    _remarks(told)
    if args.sheet:
        _draw(args, told)
    return int(broken or bool(told.untold))


def _blank(args: Namespace) -> int:
    if args.parts.exists():
        raise KensaError(f"{args.parts}: expected a new file, found one: what people wrote is never written over")
    if len(args.archives) != 1:
        raise KensaError(f"--blank: expected one archive, got {len(args.archives)}")
    with args.parts.open("w", encoding="utf-8", newline="") as sheet:
        count = blank(args.archives[0], sheet)
    print(f"{args.parts}: {count:,} parts; write good or bad in the column `expected`, remove the rows of others")
    return 0


def _unshown(args: Namespace, study: Study) -> None:
    if all(each == UNFOUND for calls in study.calls.values() for said in calls.values() for each in said):
        raise KensaError(
            f"{args.parts}: expected parts that the archives show, found none; are camera and session right?"
        )


def _tell(args: Namespace, study: Study, held: Sequence[str]) -> bool:
    """Print everything; returns whether something that was agreed is not kept."""
    console, kept = Console(highlight=False), [each for name in held for each in _kept(args, study, name)]
    console.print(_rates(args, study))
    if len(study.calls) > 1:
        console.print(_between(study))
    console.print(_agreed(args, kept))
    for line in dict.fromkeys(line for each in kept for line in each.hint):
        print(line)
    for name in study.calls:
        for line in _wrong(study, name):
            print(line)
    return not all(each.met for each in kept)


def _rates(args: Namespace, study: Study) -> Table:
    """A row per appraiser, with the interval of each rate."""
    good = sum(kind != BAD for kind in study.truth.values())
    title = f"{len(study.truth):,} parts: {good:,} good, {len(study.truth) - good:,} bad"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    columns = ("", "runs", "always right", "always same", "bad let go", "good refused", "not read", "kappa")
    for name in columns:
        table.add_column(name, justify="left" if not name else "right")
    for name in study.calls:
        of = (study.effectiveness, study.repeatability, study.misses, study.false_alarms, study.unread)
        rates = [_rate(args, each(name)) for each in of]
        table.add_row(Text(name, "bold"), str(study.runs(name)), *rates, _kappa(study.kappa(name)))
    return table


def _rate(args: Namespace, ratio: Ratio) -> str:
    if not ratio.of:
        return "–"
    between = INTERVALS[args.interval](ratio, args.confidence)
    return f"{ratio.hits / ratio.of:.1%}\n{ratio.hits} of {ratio.of}\n{100 * between.low:.1f}…{between.high:.1%}"


def _kappa(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _between(study: Study) -> Table:
    """Agreement of every two appraisers."""
    table = Table(title="Agreement between appraisers: Cohen's kappa", box=box.SIMPLE_HEAD, title_justify="left")
    names, found = [*study.calls], study.between()
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    for one in names:
        cells = (_kappa(found.get((one, two), found.get((two, one)))) if one != two else "" for two in names)
        table.add_row(Text(one, "bold"), *cells)
    everyone = study.unanimous()
    table.add_section()
    table.add_row(Text("all right, always", "bold"), f"{everyone.hits} of {everyone.of}")
    return table


def _kept(args: Namespace, study: Study, name: str) -> Iterator[Kept]:
    """Each limit that was agreed, and whether an appraiser keeps it."""
    yield _most(args, f"{name}: bad parts let go", study.misses(name), args.miss)
    yield _most(args, f"{name}: good parts refused", study.false_alarms(name), args.false_alarm)
    yield _most(args, f"{name}: not read", study.unread(name), args.no_read)
    effective = study.effectiveness(name)
    bound = INTERVALS[args.interval](effective, args.confidence).low
    met = (effective.value or 0.0) >= args.effective and not (args.proven and bound < args.effective)
    yield Kept(f"{name}: right in every run", _share(effective), f"≥ {args.effective:.1%}", f"≥ {bound:.1%}", met)


def _most(args: Namespace, said: str, ratio: Ratio, limit: float) -> Kept:
    if not ratio.of:
        return Kept(said, "no such part was shown", f"≤ {limit:.1%}", "", met=False)
    sure = at_most(ratio, args.confidence)
    short = limit and not ratio.hits and sure > limit
    hint = [f"{limit:.1%} would be shown by {needed(limit, args.confidence)} without a mistake"] if short else []
    # That something never happens no sample can prove.
    met = ratio.hits <= limit * ratio.of and not (args.proven and 0 < limit < sure)
    return Kept(said, _share(ratio), f"≤ {limit:.1%}", f"≤ {sure:.1%}", met, tuple(hint))


def _share(ratio: Ratio) -> str:
    return f"{ratio.hits / ratio.of:.1%}" if ratio.of else "–"


def _agreed(args: Namespace, kept: Sequence[Kept]) -> Table:
    table = Table(title="What was agreed", box=box.SIMPLE_HEAD, title_justify="left")
    for name, justify in (
        ("", "left"),
        ("found", "right"),
        ("agreed", "right"),
        (f"{args.confidence:.0%} sure", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("")
    for each in kept:
        word = Text("kept", "green") if each.met else Text("NOT KEPT", "bold red")
        table.add_row(each.said, each.found, each.agreed, each.sure, word)
    return table


def _wrong(study: Study, name: str) -> Iterator[str]:
    for place, (part, said) in enumerate(study.wrong(name)):
        if place == MOST:
            yield f"{name}: and more"
            return
        yield f"{name}: {part} is {study.truth[part]}, called {', '.join(said)}"


MOST = 20  # lines per appraiser


def _remarks(told: Called) -> None:
    if told.others:
        print(f"{told.others:,} other parts in the archive, of which nobody knows what they are")
    for said in told.untold:
        print(said)


def _draw(args: Namespace, told: Called) -> None:
    """What was called wrong: what it is, and what was said."""
    theme = THEMES[args.theme]
    kinds: dict[tuple[Outcome, Outcome | None], list[Shown]] = {}
    for truth, shown in told.wrong:
        kinds.setdefault((WRONG[truth], shown.outcome), []).append(shown)
    sections = [Section(was, now, len(shown), shown) for (was, now), shown in sorted(kinds.items(), key=str)]
    said = "first what a part is, then what was said of it"
    title = f"{len(told.wrong)} showings that were called wrong"
    write(args.sheet, extent(sections), theme, lambda pen: contact(pen, title, said, sections, theme))
    print(f"drawn: {args.sheet}")
