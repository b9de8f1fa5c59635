"""`kensa record FILE -o REC`: write down what the sources of a topology give."""

from __future__ import annotations

import signal
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.capture import capture
from pipeline.catalog import Catalog, catalog
from pipeline.check import load
from pipeline.clock import RealClock
from pipeline.durations import seconds
from pipeline.recordings import Writer, header
from pipeline.records import Gap, Record
from pipeline.topology import Topology


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", help="the topology; only its sources run")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="REC", help="the recording, a new file")
    parser.add_argument("--for", dest="seconds", type=seconds, metavar="TIME", help="stop after so long: 10s, 5min")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.PARAM=VALUE", help="change a parameter")
    parser.epilog = "Without --for it ends when every source has, or on Ctrl-C. Exit status: 1 when a source failed."


def run(args: Namespace) -> int:
    """Record until the sources end, the time is over or somebody presses Ctrl-C."""
    topology, nodes, failures = load(args.file, args.set), catalog(), Counter[str]()

    def failure(node: str, _: Record | None, error: Exception) -> None:
        failures[node] += 1
        notes = "; ".join(getattr(error, "__notes__", ()))
        print(f"{type(error).__name__}: {error} ({notes})", file=sys.stderr)

    clock, told = RealClock(), Counter[tuple[str, str]]()
    with Writer(args.out, header(topology.name, _sources(topology, nodes))) as writer, _stopped(clock, args.seconds):
        for node, record in capture(topology, nodes, clock, failure):
            writer.write(node, record)
            told[record.camera, "gaps" if isinstance(record, Gap) else "records"] += 1
    print(_summary(args.out, told))
    return int(bool(failures))


def _sources(topology: Topology, nodes: Catalog) -> list[str]:
    return [name for name, step in topology.nodes.items() if nodes[step.use].kind == "source"]


@contextmanager
def _stopped(clock: RealClock, after: float | None) -> Iterator[None]:
    """Stop the clock when the time is over, and on Ctrl-C and SIGTERM."""
    timer = threading.Timer(after or 0.0, clock.stop)
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: clock.stop()) for number in numbers]
    if after is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        clock.stop()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _summary(out: Path, told: Counter[tuple[str, str]]) -> str:
    cameras = sorted({camera for camera, _ in told})
    each = [f"{camera}: {told[camera, 'records']} records, {told[camera, 'gaps']} gaps" for camera in cameras]
    return "\n".join([*each, f"{out}: {out.stat().st_size:,} bytes"])
