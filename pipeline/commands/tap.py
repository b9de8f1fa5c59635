"""`kensa tap`: print the records that a node of a running line gives, whatever their version."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from pipeline.codec import decode_generic
from pipeline.runtime.control import Client, find
from pipeline.runtime.generic import full, line
from pipeline.runtime.health import Tapped


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("node", help="name of the node in the topology")
    parser.add_argument("--line", help="name of the line; not needed where only one runs")
    parser.add_argument("--count", type=int, metavar="N", help="leave after so many records")
    parser.add_argument("--json", action="store_true", help="whole records, one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Print until the line ends, `--count` is reached or Ctrl-C; returns the exit status."""
    with Client(find(args.line)) as client:
        try:
            for number, (record, missed) in enumerate(_records(client, args.node), 1):
                if missed:
                    print(json.dumps({"missed": missed}) if args.json else f"… {missed:,} records missed", flush=True)
                print(json.dumps(full(record), ensure_ascii=False) if args.json else line(record), flush=True)
                if number == args.count:
                    return 0
        except KeyboardInterrupt:
            return 0
    print(f"line '{client.about.line}' has ended")
    return 0


def _records(client: Client, node: str) -> Iterator[tuple[dict[str, Any], int]]:
    for tapped in client.follow(node):
        if isinstance(tapped, Tapped):
            yield decode_generic(tapped.record), tapped.missed
