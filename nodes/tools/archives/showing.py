"""`kensa archive show ARCHIVE`: rows as JSON, one a line, as `jq` and every other tool reads them."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from typing import Any

from nodes.tools.archives.telling import chosen, declare, left, located
from pipeline.columns import TABLES
from pipeline.pieces import Damage

ALL = ("frames", "settling", "regions", "parts", "verdicts", "gaps", "images")


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    located(parser)
    parser.add_argument("--table", action="append", choices=TABLES, help="only this; repeatable; default all")
    declare(parser)
    parser.add_argument("--most", type=int, default=20, metavar="N", help="rows of each table; 0: all; default 20")
    parser.epilog = "Everything about one frame: kensa archive show ARCHIVE --camera cam-1 --seq 1200"


def run(args: Namespace) -> int:
    """Print them."""
    damaged: list[Damage] = []
    for table in args.table or ALL:
        for row in islice(_rows(args, table, damaged), args.most or None):
            print(json.dumps({"table": table, **row}, ensure_ascii=False))
    return left(damaged)


def _rows(args: Namespace, table: str, damaged: list[Damage]) -> Iterator[dict[str, Any]]:
    for found in chosen(args, table, damaged):
        for batch in found.to_batches(max_chunksize=1024):
            yield from map(_plain, batch.to_pylist())


def _plain(value: Any) -> Any:
    """A value as JSON has it: run lengths are text, other bytes only counted; what is null says nothing."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode() if value.isascii() else f"{len(value):,} bytes"
    return value
