"""`kensa plc`: a PLC for whoever has none at hand, to try a reject gate on."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from nodes.gating.simulator import Change, SimulatedPlc
from pipeline.errors import KensaError

SAID = "be a PLC: a Modbus/TCP server that shows its coils and counts an encoder"


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Coils 0 to 63 are shown as they change. Registers 0 (high word) and 1 hold the encoder, 32 bits: holding "
        "registers and input registers alike. It counts from 0 at the Unix epoch, as belts of virtual cameras do."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; default: %(default)s")
    parser.add_argument("--port", type=int, default=5020, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=0.0, metavar="COUNTS", help="what the encoder counts in a second")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write each change there, a JSON object a line")


def run(args: Namespace) -> int:
    """Serve until somebody presses Ctrl-C."""
    with suppress(KeyboardInterrupt):
        if args.write:
            with args.write.open("a", encoding="utf-8", buffering=1) as file:
                asyncio.run(_serve(args, file))
        else:
            asyncio.run(_serve(args, None))
    return 0


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
