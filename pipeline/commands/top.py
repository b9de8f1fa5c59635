"""`kensa top`: watch a line that runs on this host."""

from __future__ import annotations

import argparse
import sys
import threading

from pipeline.runtime.control import Client, find
from pipeline.runtime.live import PLAIN, REFRESH, LiveTable, PlainLines, View


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
        view: View = (
            LiveTable(per_camera=args.per_camera, footer=["Ctrl-C leaves; the line runs on"]) if live else PlainLines()
        )
        try:
            ended = _watch(client, view, REFRESH if live else PLAIN, once=args.once)
        except KeyboardInterrupt:
            ended = False
        finally:
            view.close()
    if ended:
        print(f"line '{client.about.line}' has ended")
    return 0


def _watch(client: Client, view: View, period: float, *, once: bool) -> bool:
    """True when the line has ended."""
    pause = threading.Event()
    while (snapshot := client.watch()) is not None:
        view.show(snapshot)
        if once:
            return False
        pause.wait(period)
    return True
