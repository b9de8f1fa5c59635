"""`kensa archive copy FROM TO`: from a folder to an object store, or back, or to another disk."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from nodes.tools.archives.telling import left
from nodes.upkeep.copying import copy
from nodes.upkeep.rewriting import Left
from pipeline.places import KNOWN


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    said = f"a folder, or the URL of an object store, as {KNOWN}"
    parser.add_argument("source", metavar="FROM", help=said)
    parser.add_argument("target", metavar="TO", help="the same")
    parser.add_argument("--mirror", action="store_true", help="also remove what FROM has no more")
    parser.epilog = (
        "What is there already is not copied again. Keys of a store come from the environment, as AWS_ACCESS_KEY_ID; "
        "another server than Amazon's stands in the URL: s3://bucket/line-a?endpoint_override=minio.plant%3A9000"
    ).replace("%", "%%")


def run(args: Namespace) -> int:
    """Copy it; returns the exit status."""
    told: list[Left] = []
    done = copy(args.source, args.target, told, mirror=args.mirror)
    removed = f", {done.removed:,} removed" if args.mirror else ""
    print(f"{done.files:,} files copied, {done.size / 1e6:,.1f} MB; {done.there:,} were there{removed}")
    return left(told)
