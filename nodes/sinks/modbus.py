"""Show the state of a line to PLCs: registers that they poll, or that are written into them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Annotated, Any

from msgspec import Meta

from nodes.delivery.line import QUICK, Least, Most, is_told
from nodes.gating.wiring import Port, Push
from nodes.sinks.calls import Calls
from nodes.sinks.kept import keeping
from nodes.sinks.looking import Looking
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
    if params.alarms and not params.outbox:
        yield Flaw(("alarms",), "alarms: expected an `outbox` in which their steps wait for the PLC, found none")


@node(batch=QUICK, check=_check)
def modbus(
    batches: Iterator[list[Verdict | Gap]],
    *,
    cameras: tuple[str, ...],
    outbox: str | None = None,
    alarms: str | None = None,
    least: Least = "PASS",
    backlog: Most = 10_000,
    serve: bool = True,
    host: Host = "127.0.0.1",
    port: Port = 1502,
    silent: Seconds = 10.0,
    push: Push | None = None,
) -> None:
    """Show a line to PLCs over Modbus/TCP: its state, verdicts, alarms, what its gate did; and a list to acknowledge.

    A PLC polls; what it reads in one request belongs together. The registers are read alone, and are held and input
    registers alike. Or they are written into a PLC that does not poll. docs/modbus.md has the map.

    With `outbox`, verdicts and steps of alarms stand in a numbered list until the PLC has written up to which number it
    has them: the only registers that it may write. What waits for that survives a kill and a power cut.

    Modbus knows no password: listen where only the PLC is. Port 502 needs the right to take it.

    Args:
        cameras: Names in the order of their registers; one that is added comes last.
        outbox: File of what is not acknowledged yet; one for each such node. Left out, there is no list.
        alarms: File of events of an `alarms` node on this host, whose alarms are shown and told as well.
        least: Mildest outcome in the list; NO_READ and gaps always are.
        backlog: Most entries in the list; beyond it the oldest are dropped, counted, and the PLC told.
        serve: Whether PLCs may poll.
        host: Address to listen at; 0.0.0.0 is every one.
        port: Port to listen at.
        silent: After how long without a word a camera is taken not to tell.
        push: A PLC to write into.
    """
    now = time.monotonic_ns
    with ExitStack() as stack:
        calls = Calls()
        kept = stack.enter_context(keeping(cameras, outbox, alarms, backlog, calls)) if outbox else None
        shown = Map(cameras, round(silent * 1e9), now(), calls, kept.entries if kept else None)
        for each in _speakers(shown, now, serve, (host, port), push):
            stack.enter_context(each)
        stack.enter_context(Looking(calls))
        for batch in batches:
            if kept:
                kept.put([record for record in batch if is_told(record, least)])
            for record in batch:
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
