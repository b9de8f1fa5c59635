"""`kensa report DIR`: what results say, as one page that works offline and prints well."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipeline.batch.files import put
from pipeline.report.reporting import kept, report

PAGE = "report.html"


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("results", type=Path, metavar="DIR", help="what `kensa aggregate --output DIR` wrote")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"the page; DIR/{PAGE} where left out")
    parser.add_argument("--charts", type=Path, metavar="FOLDER", help="write its charts as files as well, SVG")
    parser.add_argument("--png", action="store_true", help="those files as PNG")


def run(args: Namespace) -> int:
    """Write the report; returns the exit status."""
    made = report(args.results)
    path = args.output or args.results / PAGE
    put(path, made.page.encode())
    print(f"{path}: {len(made.page) / 1e6:.1f} MB")
    if args.charts or args.png:
        folder = args.charts or path.with_suffix("")
        files = [*kept(made.charts, folder, png=args.png)]
        print(f"{folder}: {len(files)} charts")
    return 0
