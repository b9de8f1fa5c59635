"""`kensa demo`: run a line of virtual cameras, read its archive back, and judge its verdicts by the truth."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from pipeline.appraisal import Appraisal, appraise, truths
from pipeline.archive import read
from pipeline.check import load
from pipeline.commands import run as line
from pipeline.commands.scorecard import cameras, scorecard, summary
from pipeline.errors import KensaError, TableError
from pipeline.runtime.outcome import UNBALANCED, Outcome
from pipeline.topology import Topology

MARK = ".kensa-demo"
FILES = {"archive": "archive", "alarms": "alarms.jsonl", "preview": "preview.png"}
RECORDS = ("frames", "parts", "verdicts", "gaps")  # tables with a row per record


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", nargs="?", type=Path, help="another topology with an archive; default: laptop.yaml")
    parser.add_argument("--for", dest="seconds", default="30s", metavar="TIME", help="how long; default 30s")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), metavar="FOLDER", help="default out/demo")
    parser.add_argument("--plain", action="store_true", help="print a line every 5 s instead of the table")


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns the exit status: the line's own, or 1 where its archive does not add up."""
    file = args.file or laptop()
    topology = load(file)
    archive = _node(topology, "archive", file)
    clear(args.out)
    outcome = line.conduct(_asked(args, file, topology))
    found = _found(args.out, topology, outcome)
    faults = [*_faults(found, _short(outcome, archive, args.out))]
    _tell(Console(highlight=False), args.out, found, outcome, faults)
    return outcome.status or (UNBALANCED if faults else 0)


def laptop() -> Path:
    """The demo's topology, in the checkout.

    Raises:
        KensaError: If this is not a checkout.
    """
    path = Path(__file__).resolve().parents[2] / "topologies" / "laptop.yaml"
    if not path.exists():
        raise KensaError(f"expected {path}, found no such file: run the demo in a checkout, or name a topology")
    return path


def clear(out: Path) -> None:
    """Make an empty folder for a demo; what an earlier demo left goes, and nothing else ever does.

    Raises:
        KensaError: If the folder holds something that no demo made.
    """
    if out.exists() and any(out.iterdir()):
        if not (out / MARK).exists():
            raise KensaError(
                f"--out {out}: expected a new or empty folder, or one of an earlier demo, found other files"
            )
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()


def _asked(args: argparse.Namespace, file: Path, topology: Topology) -> argparse.Namespace:
    """The arguments of `kensa run`: the same line, its sinks writing below `--out`."""
    parser = argparse.ArgumentParser(prog="kensa demo")
    line.add(parser)
    words = [str(file), "--here", "--for", args.seconds, "--log", str(args.out / "log.jsonl")]
    for name, step in topology.nodes.items():
        if step.use in FILES:
            words += ["--set", f"{name}.path={args.out / FILES[step.use]}"]
    return parser.parse_args([*words, *(["--plain"] if args.plain else [])])


def _node(topology: Topology, use: str, file: Path) -> str:
    for name, step in topology.nodes.items():
        if step.use == use:
            return name
    raise KensaError(f"{file}: expected a node that uses '{use}', found none: a demo reads its verdicts back from it")


def _found(out: Path, topology: Topology, outcome: Outcome) -> Appraisal:
    """The appraisal; where there is no archive, the ledger is still told."""
    try:
        return appraise(out / FILES["archive"], truths(topology))
    except TableError:
        print(outcome)
        raise


def _short(outcome: Outcome, archive: str, out: Path) -> int:
    """Records that were delivered to the archive and are not in it; it may hold more: gaps that a queue has told."""
    into = [a.total.delivered for a in outcome.accounts if a.edge.partition("→")[2].split("@")[0] == archive]
    held = [int(read(out / FILES["archive"], table, []).num_rows) for table in RECORDS]  # damage was told already
    return max(0, sum(into) - sum(held))


def _faults(found: Appraisal, short: int) -> Iterator[str]:
    if found.lost:
        yield f"frames that are neither in the archive nor told missing: {found.lost:,}"
    if short:
        yield f"records that were delivered to the archive and are not in it: {short:,}"
    for damage in found.damaged:
        yield f"damaged: {damage.path}: {damage.reason}"
    if not found.seen:
        yield "the archive is empty"


def _tell(console: Console, out: Path, found: Appraisal, outcome: Outcome, faults: list[str]) -> None:
    console.print()
    console.print(Rule("verdicts against the truth", align="left", style="dim"))
    console.print(scorecard(found.score, found.kinds))
    if len(found.cameras) > 1:
        console.print(cameras(found.cameras))
    console.print(_facts(found, out))
    console.print()
    console.print(Rule("ledger", align="left", style="dim"))
    print(outcome)
    for fault in faults:
        console.print(Text(fault, "bold red"))


def _facts(found: Appraisal, out: Path) -> Table:
    """Parts and frames in figures, and what to look at next."""
    frames, missing = (sum(getattr(one, name) for one in found.seen.values()) for name in ("frames", "missing"))
    lines = summary(found.score)
    lines.add_row(Text("Frames", "bold"), f"{frames:,} in the archive, {missing:,} told missing, {found.lost:,} lost")
    for name, use in (("Look", "preview"), ("Archive", "archive"), ("Events", "alarms")):
        if (path := out / FILES[use]).exists():
            lines.add_row(Text(name, "bold"), Text(str(path), "cyan" if use == "preview" else ""))
    return lines
