"""`kensa top`: watch a line that runs on this host."""

from __future__ import annotations

import argparse
import sys
import threading

from rich.console import Console

from pipeline.errors import KensaError
from pipeline.runtime.control import Client, find
from pipeline.runtime.live import REFRESH, LiveTable, picture
from pipeline.runtime.rows import Rates
from pipeline.runtime.state import Snapshot
from pipeline.runtime.views import PLAIN, PlainLines, View

MOMENT = 1.0  # seconds between the two looks of `--once`


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("line", nargs="?", help="name of the line; not needed where only one runs")
    parser.add_argument("--plain", action="store_true", help="print a line every 5 s instead of the table")
    parser.add_argument("--per-camera", action="store_true", help="a row for every camera in the table")
    parser.add_argument("--once", action="store_true", help="print the state once and leave")


def run(args: argparse.Namespace) -> int:
    """Show the line until it ends or Ctrl-C; returns the exit status."""
    live = sys.stdout.isatty() and not args.plain
    with Client(find(args.line)) as client:
        if args.once:
            return _once(client, per_camera=args.per_camera)
        hint = "Ctrl-C leaves; the line runs on"
        view: View = LiveTable(per_camera=args.per_camera, hint=hint) if live else PlainLines()
        try:
            _watch(client, view, REFRESH if live else PLAIN)
        except KeyboardInterrupt:
            return 0
        finally:
            view.close()
    print(f"line '{client.about.line}' has ended")
    return 0


def _once(client: Client, *, per_camera: bool) -> int:
    """Two looks, for a rate takes two."""
    rates = Rates(per_lane=per_camera)
    rates.rows(_look(client))
    threading.Event().wait(MOMENT)
    snapshot = _look(client)
    Console().print(picture(snapshot, rates.rows(snapshot)))
    return 0


def _look(client: Client) -> Snapshot:
    snapshot = client.watch()
    if snapshot is None:
        raise KensaError(f"line '{client.about.line}' does not answer; has it ended?")
    return snapshot


def _watch(client: Client, view: View, period: float) -> None:
    """Show the line until it has ended."""
    pause = threading.Event()
    while (snapshot := client.watch()) is not None:
        view.show(snapshot)
        pause.wait(period)
