"""`kensa reload FILE`: let a running line become what the file says, without stopping it."""

from __future__ import annotations

import argparse
import threading
import time

from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.errors import KensaError
from pipeline.folders import HERE
from pipeline.planner import plan
from pipeline.runtime.control import Ask as Progress
from pipeline.runtime.control import Client, Reload, Reloading, find

LOOK = 0.1  # seconds between two questions
WORDS = 5.0  # seconds between two lines that say what is waited for
UNWELL = 4
STATUS = """
The file is checked first: with any fault nothing changes. What is the same in both files runs on undisturbed.
Give it the same --set as the line was started with, and the same environment. Ctrl-C leaves; the change goes on.
exit status:
  0  the line is what the file says
  2  nothing was changed: the reasons are printed
  4  the line is what the file says, but something of it cannot begin, or the line was stopped meanwhile
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = STATUS, argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", help="the topology")
    parser.add_argument("--host", help="which host's share; not needed where only one of the line's runs here")
    parser.add_argument("--set", action="append", default=[], metavar="NODE.PARAM=VALUE", help="change a parameter")
    parser.add_argument("--dry-run", action="store_true", help="only print what would change, and why")


def run(args: argparse.Namespace) -> int:
    """Change the line and wait until that is done; returns the exit status."""
    nodes = catalog()
    topology = load(args.file, args.set, nodes)
    with Client(find(f"{topology.name}@{args.host}" if args.host else topology.name)) as client:
        planned = plan(topology, nodes, here=client.about.host == HERE)
        found = client.reload(Reload(plan=planned, dry=args.dry_run))
        print("\n".join(found.said) or "nothing to do: the line is what the file says", flush=True)
        if args.dry_run or (not found.said and found.over):
            return 0
        return _told(_awaited(client, found))


def _awaited(client: Client, found: Reloading) -> Reloading:
    """Ask until it is over; what takes long is named."""
    pause, due = threading.Event(), time.monotonic() + WORDS
    while not found.over:
        pause.wait(LOOK)
        found = client.reload(Progress())
        if found.waiting and time.monotonic() >= due:
            print(f"waiting for {', '.join(found.waiting)}", flush=True)
            due = time.monotonic() + WORDS
    return found


def _told(found: Reloading) -> int:
    """Say how it went."""
    if not found.failures:
        print("done")
        return 0
    if found.refused:
        raise KensaError("\n".join(found.failures))
    print("\n".join(found.failures))
    return UNWELL
