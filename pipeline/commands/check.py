"""`kensa check FILE...`: report every reason a topology cannot run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipeline.catalog import Catalog, catalog
from pipeline.check import Checked, check
from pipeline.errors import KensaError
from pipeline.outline import counted
from pipeline.planner import plan


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a topology, or a folder of them")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.PARAM=VALUE", help="override a parameter")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json is for editors and CI")
    parser.epilog = "Exit status: 0 all can run, 1 some cannot, 2 a file is not there."


def run(args: Namespace) -> int:
    """Check each file; 0 when all can run."""
    nodes = catalog()
    files = [*_files(args.files)]
    checked = [check(file, args.set, nodes) for file in files]
    if args.format == "json":
        faults = [fault for each in checked for fault in each.document.faults]
        print(msgspec.json.format(msgspec.json.encode(faults), indent=2).decode())
    else:
        print("\n".join(_told(each, nodes) for each in checked))
    return int(any(each.topology is None for each in checked))


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob("*.yaml"))
            if not found:
                raise KensaError(f"{path}: expected topologies, found no file that ends in .yaml")
            yield from found
        elif path.exists():
            yield path
        else:
            raise KensaError(f"{path}: expected a topology, found no such file")


def _told(checked: Checked, nodes: Catalog) -> str:
    topology, document = checked.topology, checked.document
    if topology is None:
        return f"{document.show()}\n{document.name}: {counted(len(document.faults), 'fault')}"
    planned = plan(topology, nodes)
    cameras = f"{counted(len(topology.cameras), 'camera')} on {counted(len(topology.hosts), 'host')}"
    parts = f"{counted(len(planned.processes), 'process')}, {counted(len(planned.edges), 'edge')}"
    return f"{document.name}: ok ({cameras}, {counted(len(topology.nodes), 'node')}; {parts})"
