"""`kensa challenge PARTS ARCHIVE...`: what was said of parts that are known, against agreed limits."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
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
TINY = 1e-9  # of a part: 0.9 × 50 is 45


class Rate(Struct, frozen=True):
    """A share that was found, and what was agreed of it.

    Attributes:
        name: Of what.
        ratio: So many of so many.
        agreed: The limit; None where none was agreed.
        least: Whether that is the least, not the most.
    """

    name: str
    ratio: Ratio
    agreed: float | None = None
    least: bool = False

    @property
    def limit(self) -> str:
        """What was agreed, in a few signs."""
        return "" if self.agreed is None else f"{'≥' if self.least else '≤'} {self.agreed:.1%}"

    @property
    def met(self) -> bool:
        """Whether it is kept; what nobody has seen is not."""
        if self.agreed is None or not self.ratio.of:
            return self.agreed is None
        bound = self.agreed * self.ratio.of
        return self.ratio.hits >= bound - TINY if self.least else self.ratio.hits <= bound + TINY

    def proven(self, confidence: float) -> bool:
        """Whether the sample shows, so surely, that it is kept always; that nothing ever happens no sample shows."""
        if self.agreed is None or self.agreed == self.least:
            return self.met
        other = Ratio(self.ratio.of - self.ratio.hits, self.ratio.of) if self.least else self.ratio
        return self.met and at_most(other, confidence) <= (1 - self.agreed if self.least else self.agreed)


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
    agreed.add_argument("--proven", action="store_true", help="so many parts must be shown that chance is no excuse")
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
    console, kept = Console(highlight=False), {name: _kept(args, study, name) for name in study.calls}
    console.print(_rates(args, study, kept, held))
    if len(study.calls) > 1:
        console.print(_between(study))
    for line in dict.fromkeys(line for name in held for rate in kept[name] for line in _hint(args, rate)):
        print(line)
    for name in study.calls:
        for line in _wrong(study, name):
            print(line)
    return not all(rate.proven(args.confidence) if args.proven else rate.met for name in held for rate in kept[name])


def _kept(args: Namespace, study: Study, name: str) -> list[Rate]:
    """Every rate of an appraiser, with what was agreed of it."""
    return [
        Rate("bad parts let go", study.misses(name), args.miss),
        Rate("good parts refused", study.false_alarms(name), args.false_alarm),
        Rate("not read", study.unread(name), args.no_read),
        Rate("right every time", study.effectiveness(name), args.effective, least=True),
        *([Rate("the same every time", study.repeatability(name))] if study.runs(name) > 1 else []),
    ]


def _rates(args: Namespace, study: Study, kept: Mapping[str, Sequence[Rate]], held: Sequence[str]) -> Table:
    """A section per appraiser: each rate with its interval, what was agreed, and whether that is kept."""
    good = sum(kind != BAD for kind in study.truth.values())
    title = f"{len(study.truth):,} parts: {good:,} good, {len(study.truth) - good:,} bad"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("", "found", "of", f"{args.confidence:.0%} interval", "agreed"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    table.add_column("")
    for who, rates in kept.items():
        runs = study.runs(who)
        table.add_row(Text(f"{who}, {runs} run{'s' if runs > 1 else ''}", "bold"))
        for rate in rates:
            table.add_row(rate.name, *_found(args, rate), *(_judged(args, rate) if who in held else ()))
        table.add_row("Cohen's kappa", _kappa(study.kappa(who)), end_section=True)
    return table


def _found(args: Namespace, rate: Rate) -> tuple[str, str, str]:
    ratio = rate.ratio
    if not ratio.of:
        return "–", "0", ""
    between = INTERVALS[args.interval](ratio, args.confidence)
    return f"{ratio.hits / ratio.of:.1%}", f"{ratio.hits}/{ratio.of}", f"{100 * between.low:.1f} … {between.high:.1%}"


def _judged(args: Namespace, rate: Rate) -> tuple[str, Text]:
    if not rate.met:
        return rate.limit, Text("NOT KEPT", "bold red")
    word = "" if rate.agreed is None else "kept" if rate.proven(args.confidence) else "unproven"
    return rate.limit, Text(word, "green" if word == "kept" else "yellow")


def _hint(args: Namespace, rate: Rate) -> Iterator[str]:
    """How many parts would show a limit that was kept by too few of them."""
    if rate.agreed and rate.met and not rate.least and not rate.ratio.hits and not rate.proven(args.confidence):
        many = needed(rate.agreed, args.confidence)
        yield f"{rate.name}: {many} without one would show {rate.limit} with {args.confidence:.0%} confidence"


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
    table.add_row(Text("all right every time", "bold"), f"{everyone.hits} of {everyone.of}")
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
