"""`kensa nodes [NAME]`: print the manual of nodes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pipeline.catalog import catalog, own
from pipeline.errors import KensaError
from pipeline.faults import meant
from pipeline.manual import index, markdown, page


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="one node, or module:function; else all are listed")
    parser.add_argument("--markdown", action="store_true", help="print the whole manual of Kensa's own nodes")


def run(args: Namespace) -> int:
    """Print the manual."""
    nodes = catalog()
    if args.markdown:
        print("\n".join(markdown(own())))
    elif args.name is None:
        print("\n".join(index(nodes)))
    elif args.name in nodes:
        print("\n".join(page(args.name, nodes[args.name])))
    else:
        raise KensaError(f"no node called '{args.name}'{meant(args.name, nodes) or '; `kensa nodes` lists them'}")
    return 0
