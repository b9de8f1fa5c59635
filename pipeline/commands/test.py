"""`kensa test PATH...`: run the cases written beside topologies, without hardware."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from pipeline.cases import FOLDER, cases_of
from pipeline.catalog import catalog
from pipeline.errors import KensaError
from pipeline.trial import test


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a topology, its cases, or a folder of them"
    )
    parser.epilog = "Exit status: 0 all cases hold, 1 some do not, 2 there are none."


def run(args: Namespace) -> int:
    """Run the cases of each file; 0 when all hold."""
    nodes, held, failed, broken = catalog(), 0, 0, False
    for path in dict.fromkeys(_files(args.paths)):
        tested = test(path, nodes)
        if tested.faults:
            print(tested.faults)
        print(f"{path}: {len(tested.held)} hold" + "".join(f"\n  does not hold: {name}" for name in tested.failed))
        held, failed, broken = held + len(tested.held), failed + len(tested.failed), broken or bool(tested.faults)
    print(f"{held + failed} cases: {held} hold, {failed} do not")
    return int(broken)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        found = cases_of(path)
        if not found:
            wanted = path if path.is_dir() else path.parent
            raise KensaError(f"{path}: expected cases, found none; write them as {wanted / FOLDER}/NAME.yaml")
        yield from found
