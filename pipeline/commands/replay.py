"""`kensa replay FILE RECORDING`: run a whole topology over a recording, in one thread."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.errors import KensaError
from pipeline.faults import listed, meant
from pipeline.recordings import Recording, Writer, header
from pipeline.records import Record
from pipeline.replay import replay
from pipeline.runtime.health import NodeHealth
from pipeline.runtime.histogram import quantile
from pipeline.topology import Topology

SUFFIX = ".kensa"


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", help="the topology")
    parser.add_argument("recording", type=Path, help="what its sources gave, from `kensa record`")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.PARAM=VALUE", help="change a parameter")
    parser.add_argument("--no-sinks", action="store_true", help="leave the sinks out: nothing is written or sent")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write what each node gave to DIR/NODE{SUFFIX}")
    parser.add_argument("--node", action="append", metavar="NAME", help="with --out: only what this node gave")
    parser.epilog = "Exit status: 1 when a node failed on a record."


def run(args: Namespace) -> int:
    """Replay, and print what each node was given and gave."""
    topology, recording = load(args.file, args.set), Recording(args.recording)
    with ExitStack() as stack:
        watch = _writers(topology, args.node, args.out, stack) if args.out else None
        told = replay(topology, catalog(), recording, failure=_failure, sinks=not args.no_sinks, watch=watch)
    Console(highlight=False).print(_table(topology, told))
    if recording.unfinished:
        print(f"{args.recording}: ends with {recording.unfinished} bytes of an unfinished record; all before was read")
    return int(any(health.failed for health in told.values()))


def _writers(
    topology: Topology, chosen: list[str] | None, out: Path, stack: ExitStack
) -> Callable[[str, Record], None]:
    """Write what each chosen node gives into a recording of its own."""
    for name in chosen or ():
        if name not in topology.nodes:
            known = listed(topology.nodes, "and")
            raise KensaError(f"--node {name}: no such node{meant(name, topology.nodes)}; nodes: {known}")
    out.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Writer] = {}

    def watch(node: str, record: Record) -> None:
        if chosen and node not in chosen:
            return
        if node not in writers:
            writers[node] = stack.enter_context(Writer(out / f"{node}{SUFFIX}", header(topology.name, [node])))
        writers[node].write(node, record)

    return watch


def _failure(node: str, record: Record | None, error: Exception) -> None:
    place = f"{record.camera} seq {record.seq}" if record else "between records"
    print(f"node '{node}' failed, {place}: {type(error).__name__}: {error}", file=sys.stderr)


def _table(topology: Topology, told: Mapping[str, NodeHealth]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("node")
    for name in ("taken", "given", "failed", "work p50", "work p99"):
        table.add_column(name, justify="right")
    for name in topology.order:
        if health := told.get(name):
            times = [f"{quantile(health.latency, q) / 1e3:,.0f} µs" if health.taken else "–" for q in (0.5, 0.99)]
            table.add_row(name, f"{health.taken:,}", f"{health.given:,}", f"{health.failed:,}", *times)
    return table
