"""Break a running line in every way that this machine can, and count: `python -m benchmarks.faults [WORD...]`.

Without words every fault is tried and docs/faults.md is written; with words those whose name has one of them.
Exit status: 1 where anything is lost or unaccounted.
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.faults.suite import run


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only faults whose name has one of these words in it")
    parser.add_argument("--times", type=int, help="at most so often each")
    parser.add_argument("--seed", type=int, default=1, help="of the moments; default 1")
    parser.add_argument(
        "--jobs", type=int, default=2 * (os.cpu_count() or 1), help="plants at a time; default %(default)s"
    )
    args = parser.parse_args()
    return run(args.words, args.times, args.seed, args.jobs)


if __name__ == "__main__":
    sys.exit(main())
