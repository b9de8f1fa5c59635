"""`kensa plan FILE`: print processes, lanes, edges and policies, and why each cut."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import msgspec

from pipeline.catalog import Catalog, catalog
from pipeline.check import load
from pipeline.outline import text
from pipeline.plan import Plan
from pipeline.planner import plan


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json holds every edge by itself")


def declare(parser: ArgumentParser) -> None:
    """Declare the arguments of every command that plans one topology."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a topology")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.PARAM=VALUE", help="override a parameter")
    parser.add_argument("--here", action="store_true", help="plan for every host's part on this machine")


def run(args: Namespace) -> int:
    """Print the plan."""
    nodes = catalog()
    found = planned(args, nodes)
    if args.format == "json":
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        print("\n".join(text(found, nodes)))
    return 0


def planned(args: Namespace, nodes: Catalog | None = None) -> Plan:
    """The plan of the topology that the arguments name.

    Raises:
        TopologyError: If it cannot run.
    """
    nodes = catalog() if nodes is None else nodes
    return plan(load(args.file, args.set, nodes), nodes, here=args.here)
