"""Show the state of a line to PLCs: registers that they poll, or that are written into them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Annotated, Any

from msgspec import Meta

from nodes.gating.wiring import Port, Push
from nodes.sinks.registers import MOST, Map
from pipeline.node import Flaw, node
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds

Host = Annotated[str, Meta(min_length=1, description="address")]


def _check(params: Any) -> Iterator[Flaw]:
    """What cannot be together."""
    twice = {name for name in params.cameras if params.cameras.count(name) > 1}
    if twice:
        yield Flaw(("cameras",), f"cameras: expected each once, found {', '.join(sorted(twice))} twice")
    if not 0 < len(params.cameras) <= MOST:
        yield Flaw(("cameras",), f"cameras: expected 1 to {MOST}, found {len(params.cameras)}")
    if not params.serve and params.push is None:
        yield Flaw(("serve",), "serve: expected to serve, or a PLC to `push` to, found neither")


@node(check=_check)
def modbus(
    records: Iterator[Verdict | Gap],
    *,
    cameras: tuple[str, ...],
    serve: bool = True,
    host: Host = "127.0.0.1",
    port: Port = 1502,
    silent: Seconds = 10.0,
    push: Push | None = None,
) -> None:
    """Show a line to PLCs over Modbus/TCP: its state, each camera's last verdict and counters, the newest results.

    A PLC polls; what it reads in one request belongs together. The registers are read alone, and are held and input
    registers alike. Or they are written into a PLC that does not poll. docs/modbus.md has the map. A number that goes
    up with each result shows what a PLC has missed; the newest 32 can be fetched.

    Modbus knows no password: listen where only the PLC is. Port 502 needs the right to take it.

    Args:
        cameras: Names in the order of their registers; one that is added comes last.
        serve: Whether PLCs may poll.
        host: Address to listen at; 0.0.0.0 is every one.
        port: Port to listen at.
        silent: After how long without a word a camera is taken not to tell.
        push: A PLC to write into.
    """
    now = time.monotonic_ns
    shown = Map(cameras, round(silent * 1e9), now())
    with ExitStack() as stack:
        for each in _speakers(shown, now, serve, (host, port), push):
            stack.enter_context(each)
        for record in records:
            shown.hear(record, now())


def _speakers(
    shown: Map, now: Callable[[], int], serve: bool, at: tuple[str, int], push: Push | None
) -> Iterator[AbstractContextManager[object]]:
    """What carries the registers to PLCs."""
    from nodes.sinks.polled import Polled  # asyncio and a Modbus server: only a line with a PLC pays for them
    from nodes.sinks.pushed import Pushed

    if serve:
        yield Polled(shown, now, *at)
    if push is not None:
        yield Pushed(shown, now, push)
