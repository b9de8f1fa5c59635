"""`kensa run`: check, plan, and run this host's share of a line until it ends or is stopped."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.durations import seconds
from pipeline.errors import KensaError
from pipeline.faults import listed, meant
from pipeline.folders import HERE, keys_folder, state_folder
from pipeline.gets import LOOPBACK
from pipeline.notices import board
from pipeline.plan import Plan
from pipeline.planner import plan
from pipeline.provision import require
from pipeline.runtime.folder import RunFolder
from pipeline.runtime.host import Host
from pipeline.runtime.journal import Journal
from pipeline.runtime.metrics import Endpoint
from pipeline.runtime.outcome import Outcome
from pipeline.runtime.views import PLAIN, PlainLines, Showing
from pipeline.runtime.watch import Limits
from pipeline.topology import Topology

OPEN = "whatever goes to other hosts and comes from them is neither encrypted nor authenticated: --insecure is for labs"
STATUS = """
Ctrl-C or SIGTERM drains the line in order; a second one ends it at once.
exit status:
  0  the line has ended and every record is accounted for
  1  records are unaccounted for: a fault of Kensa, please report it
  2  the line cannot run: the reasons are printed
  4  every record is accounted for, but a process or a node had failed at the end
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = STATUS, argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", help="the topology")
    parser.add_argument("--host", help="run this host's share; not needed where there is only one host")
    parser.add_argument("--here", action="store_true", help="run the shares of all hosts on this machine")
    parser.add_argument("--for", dest="seconds", type=seconds, metavar="TIME", help="stop after so long: 30s, 5min, 1h")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.PARAM=VALUE", help="change a parameter")
    parser.add_argument("--plain", action="store_true", help="print a line every 5 s instead of the table")
    parser.add_argument("--per-camera", action="store_true", help="a row for every camera in the table")
    parser.add_argument("--metrics", type=int, default=0, metavar="PORT", help="port of the metrics; 0 is any free one")
    said = f"the address of this host where anybody may read them; {LOOPBACK} unless told"
    parser.add_argument("--metrics-bind", default=LOOPBACK, metavar="ADDRESS", help=said)
    parser.add_argument("--insecure", action="store_true", help="in a lab: no keys between hosts, and no encryption")
    parser.add_argument("--log", type=Path, metavar="FILE", help="where JSON log lines go; else standard error")
    limits = Limits()
    parser.add_argument("--stuck-after", type=seconds, default=limits.stuck, metavar="TIME", help="default 10s")
    parser.add_argument("--drain-within", type=seconds, default=limits.drain, metavar="TIME", help="default 10s")
    parser.add_argument(
        "--clock-within", type=seconds, default=limits.clock, metavar="TIME", help="of other hosts; default 100ms"
    )


def run(args: argparse.Namespace) -> int:
    """Run the line and print the ledger; returns the exit status."""
    outcome = conduct(args)
    print(outcome)
    return outcome.status


def conduct(args: argparse.Namespace) -> Outcome:
    """Run the line, shown as it runs; returns how it ended."""
    topology = load(args.file, args.set)
    host = _host(topology, args.host, here=args.here)
    live = sys.stdout.isatty() and not args.plain
    with ExitStack() as stack:
        stops = stack.enter_context(_stopped_by_signals())  # before what takes a moment to begin or to end
        folder = RunFolder.take(topology.name, host or HERE)
        stack.callback(folder.release)
        planned = plan(topology, catalog(), here=args.here)
        if not args.insecure:
            require(planned, host, keys_folder())
        journal = Journal(_log(args.log, topology.name, live=live), topology.name, host or HERE)
        stack.callback(journal.close)
        return _supervised(planned, host, folder, journal, args, stops=stops, live=live)


def _supervised(
    planned: Plan, host: str, folder: RunFolder, journal: Journal, args: argparse.Namespace, *, stops: Stops, live: bool
) -> Outcome:
    with ExitStack() as stack:
        supervisor = stack.enter_context(_supervisor(planned, host, folder, journal, args))
        stops.bind(supervisor)
        endpoint = stack.enter_context(Endpoint(lambda: supervisor.now, args.metrics, args.metrics_bind))
        footer = [f"metrics {endpoint.url}", *([f"log {journal.name}"] if journal.name else [])]
        if live:
            from pipeline.runtime.live import REFRESH, LiveTable

            view = LiveTable(per_camera=args.per_camera, footer=footer, hint="Ctrl-C drains the line and ends")
            stack.enter_context(Showing(view, lambda: supervisor.now, REFRESH))
        else:
            print(f"line '{planned.line}' starts; {', '.join(footer)}", flush=True)
            stack.enter_context(Showing(PlainLines(), lambda: supervisor.now, PLAIN))
        return supervisor.run(args.seconds)


@contextmanager
def _supervisor(
    planned: Plan, host: str, folder: RunFolder, journal: Journal, args: argparse.Namespace
) -> Iterator[Host]:
    limits = Limits(stuck=args.stuck_after, drain=args.drain_within, clock=args.clock_within)
    keys, insecure = None if args.insecure else keys_folder(), args.insecure
    state = _state(planned.line, host)
    if insecure and planned.posts:
        board.raise_("insecure", OPEN)
    try:
        with Host(planned, host, folder, state, journal, limits=limits, keys=keys, insecure=insecure) as supervisor:
            yield supervisor
    finally:
        board.settle("insecure")


def _state(line: str, host: str) -> Path:
    """The folder of what must outlive the line, made if it is not there: nobody else's to read."""
    path = state_folder(line, host or HERE)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


class Stops:
    """Signals to stop, also those that come before there is anything to be stopped."""

    def __init__(self) -> None:
        self._supervisor: Host | None = None
        self._early = False

    def bind(self, supervisor: Host) -> None:
        """From now on this is what they stop."""
        self._supervisor = supervisor
        if self._early:
            supervisor.stop()

    def hear(self, *_: object) -> None:
        """A signal came."""
        if self._supervisor is None:
            self._early = True
        else:
            self._supervisor.stop()


@contextmanager
def _stopped_by_signals() -> Iterator[Stops]:
    """Ctrl-C, SIGTERM and a closed terminal stop the line while this lasts."""
    stops, signals = Stops(), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, stops.hear) for number in signals]
    try:
        yield stops
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _host(topology: Topology, wanted: str | None, *, here: bool) -> str:
    """Whose share runs; empty for all of them."""
    hosts: Sequence[str] = [*topology.hosts]
    if here:
        return ""
    if wanted is None and len(hosts) == 1:
        return hosts[0]
    if wanted is None:
        raise KensaError(
            f"line '{topology.name}' has hosts {listed(hosts, 'and')}: say which one this is with `--host NAME`, "
            "or run all of them on this machine with `--here`"
        )
    if wanted not in hosts:
        raise KensaError(f"--host {wanted}: no such host{meant(wanted, hosts)}; hosts: {listed(hosts, 'and')}")
    return wanted


def _log(asked: Path | None, line: str, *, live: bool) -> Path | None:
    """Where logs go: where they are asked to; beside the table into a file, unless they are redirected anyway."""
    if asked or not (live and sys.stderr.isatty()):
        return asked
    return Path("out", line, f"log-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl")
