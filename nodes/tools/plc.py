"""`kensa plc`: a PLC for whoever has none at hand, to try a reject gate on."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from nodes.gating.simulator import Change, SimulatedPlc
from pipeline.errors import KensaError

PORTS = 65536

SAID = "be a PLC: a Modbus/TCP server that shows its coils and counts an encoder"


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Coils 0 to 63 are shown as they change. Registers 0 (high word) and 1 hold the encoder, 32 bits: holding "
        "registers and input registers alike. It counts from 0 at the Unix epoch."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; default: %(default)s")
    parser.add_argument("--port", type=_port, default=5020, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=0.0, metavar="COUNTS", help="what the encoder counts in a second")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write each change there, a JSON object a line")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < PORTS:
        raise ArgumentTypeError(f"expected a port from 1 to {PORTS - 1}, found {text}")
    return int(text)


def run(args: Namespace) -> int:
    """Serve until somebody presses Ctrl-C."""
    with suppress(KeyboardInterrupt), _written(args.write) as file:
        asyncio.run(_serve(args, file))
    return 0


def _written(path: Path | None) -> AbstractContextManager[TextIO | None]:
    if path is None:
        return nullcontext()
    try:
        return path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise KensaError(f"expected a file that can be written, found {path}: {error.strerror or error}") from error


async def _serve(args: Namespace, file: TextIO | None) -> None:
    def tell(change: Change) -> None:
        if file:
            file.write(msgspec.json.encode(change).decode() + "\n")
        else:
            print(shown(change), flush=True)

    server = SimulatedPlc(args.rate, tell).server(args.host, args.port)
    await server.listen()
    if server.transport is None:
        raise KensaError(f"expected a free port, found {args.host}:{args.port} taken: choose another one with --port")
    print(f"a PLC at {args.host}:{args.port}; Ctrl-C ends it", file=sys.stderr, flush=True)
    await server.serving


def shown(change: Change) -> str:
    """A change for people.

    >>> shown(Change(3, True, 1200, 1_795_363_200_123_456_789))
    '16:00:00.123  coil 3 on   at count 1,200'
    """
    when = f"{datetime.fromtimestamp(change.t_ns / 1e9, UTC):%H:%M:%S.%f}"[:-3]
    return f"{when}  coil {change.coil} {'on ' if change.on else 'off'}  at count {change.count:,}"
