"""The command line: each command is a module with `add(parser)` and `run(args) -> int`.

One that hands words on to a library says `MORE = True` and finds those that it did not declare in `args.more`.

Kensa's own are in `pipeline.commands`. Whatever else is installed may bring more: the entry point group
`kensa.commands` gives each name such a module, whose `SAID` is its line in `kensa --help`. Those are looked for only
where none of Kensa's own is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import KensaError

GROUP = "kensa.commands"
INTERRUPTED = 130  # what a shell makes of a program that Ctrl-C has ended

COMMANDS = {
    "demo": "run a line of virtual cameras and judge its verdicts",
    "check": "report every reason a topology cannot run",
    "plan": "print processes, lanes, edges and policies, and why each cut",
    "graph": "draw the plan as SVG or Mermaid",
    "schema": "write the JSON Schema of topology files",
    "nodes": "print the manual of nodes",
    "run": "run a line",
    "calibrate": "say how pixels become millimetres",
    "keys": "say which hosts may speak with this one",
    "reload": "let a running line become what the file says",
    "top": "watch a running line",
    "alarm": "see the alarms of a running line, and answer them",
    "tap": "print the records that a node of a running line gives",
    "record": "write down what the sources of a topology give",
    "replay": "run a whole topology over a recording, in one thread",
    "test": "run the cases written beside topologies",
    "aggregate": "make statistics of an archive",
    "report": "make a page of statistics",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    return answered(_run, argv)


def answered(run: Callable[[list[str]], int], argv: Sequence[str] | None) -> int:
    """The exit status of a program: what it refuses is told in a sentence; that its reader has left is no error."""
    words = [*sys.argv[1:]] if argv is None else [*argv]
    try:
        return run(words)
    except KensaError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def offered() -> dict[str, str]:
    """Every command with what it does: Kensa's own, then those of whatever is installed beside them."""
    return COMMANDS | {name: _said(name, target) for name, target in _installed().items()}


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="kensa", description="Carry masks from smart cameras to verdicts.")
    command = next((word for word in words if not word.startswith("-")), None)
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, said in (COMMANDS if command in COMMANDS else offered()).items():
        sub = choices.add_parser(name, help=said, description=said[:1].upper() + said[1:] + ".")
        if name == command:
            _module(name).add(sub)
    args, more = parser.parse_known_args(words)
    module = _module(args.command)
    if more and not getattr(module, "MORE", False):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    args.more = more
    return int(module.run(args))


def _module(name: str) -> Any:
    """The module of a command.

    Raises:
        KensaError: If it is somebody else's and cannot be loaded.
    """
    if name in COMMANDS:
        return importlib.import_module(f"pipeline.commands.{name}")
    target = _installed()[name]
    try:
        return importlib.import_module(target)
    except ImportError as error:
        raise KensaError(f"command '{name}' ({target}): expected a module to import, got: {error}") from error


def _said(name: str, target: str) -> str:
    """What a command says of itself; one that is broken costs only those who use it."""
    try:
        return str(_module(name).SAID)
    except (KensaError, AttributeError) as error:
        return f"cannot be used: {error}" if isinstance(error, KensaError) else f"a command of {target}"


def _installed() -> Mapping[str, str]:
    """The module of every command that is not Kensa's own.

    Raises:
        KensaError: If two packages provide a command of the same name.
    """
    found: dict[str, str] = {}
    for name, target in _points():
        if found.setdefault(name, target) != target:
            raise KensaError(f"command '{name}': expected one package that provides it, got {found[name]} and {target}")
    return {name: target for name, target in sorted(found.items()) if name not in COMMANDS}


def _points() -> Iterator[tuple[str, str]]:
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        yield point.name, point.module
