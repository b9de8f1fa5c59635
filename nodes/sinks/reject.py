"""Take bad parts off the belt: the verdict on each becomes a pulse where its part is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from nodes.gating.axis import Axis, Counts, Time
from nodes.gating.engine import Engine
from nodes.gating.gate import Gate, Policy, State
from nodes.gating.ledger import Ledger
from nodes.gating.outputs import GpioLines, ModbusPlc, Outputs, Written
from nodes.gating.place import Place
from nodes.gating.reading import ByClock, ByEncoder, ByFrames, Reader
from nodes.gating.wiring import Gpio, Millis, Plc, Simulated, actuator, wired
from pipeline.clock import line_time
from pipeline.node import Flaw, Need, node
from pipeline.records import Tracks, Verdict
from pipeline.units import Count

CameraName = Annotated[str, Meta(extra={"camera": True})]
Way = Annotated[float, Meta(gt=0, description="counts, or ms")]
Pulse = Annotated[float, Meta(description="px/count")]
Speed = Annotated[float, Meta(description="px/s")]
Beat = Annotated[float, Meta(gt=0, le=10, description="s")]
Wrap = Annotated[int, Meta(ge=0, description="counts")]
NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000


def _check(params: Any) -> Iterator[Flaw]:
    """What cannot be together."""
    if (params.pulse is None) == (params.speed is None):
        found = "both" if params.pulse is not None else "neither"
        text = "expected `pulse`, where the belt has an encoder, or `speed`, where it moves evenly"
        yield Flaw(("speed",), f"speed: {text}; found {found}")
    yield from _nowhere(params)
    yield from _ways(params)
    yield from _wiring(params)


def _nowhere(params: Any) -> Iterator[Flaw]:
    """A belt that does not move."""
    for name in ("pulse", "speed"):
        if getattr(params, name) == 0:
            yield Flaw((name,), f"{name}: expected how far the belt moves, found 0")


def _ways(params: Any) -> Iterator[Flaw]:
    """Actuators that no camera is before."""
    if not params.distance:
        yield Flaw(("distance",), "distance: expected how far it is from each camera to the actuator, found no camera")
    signs = {way > 0 for way in params.distance.values()}
    for camera, way in params.distance.items():
        if way == 0 or (way < 0 and params.speed is not None):
            text = f"distance: expected a way from '{camera}' to the actuator"
            yield Flaw(("distance", camera), f"{text}, found {way:g}; only counts of an encoder may go down")
        elif len(signs) > 1 and way < 0:
            text = "expected all ways above 0, or all below, where the encoder counts down"
            yield Flaw(("distance", camera), f"distance: {text}; found {way:g}")


def _wiring(params: Any) -> Iterator[Flaw]:
    """Outputs that go nowhere."""
    given = [name for name in ("plc", "gpio", "simulated") if getattr(params, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        yield Flaw(("plc",), f"plc: expected one of `plc`, `gpio` and `simulated` for the outputs, found {found}")
        return
    where = getattr(params, given[0])
    if params.speed is not None and getattr(where, "encoder", None) is not None:
        yield Flaw((given[0], "encoder"), f"{given[0]}.encoder: expected `pulse` with an encoder, found `speed`")
    if "divert" in {params.no_read, params.warn, params.missing, params.unseen} and not wired(where, "divert"):
        yield Flaw((given[0],), f"{given[0]}: expected an output `divert`, for something is to be diverted; found none")
    if params.misses and not wired(where, "stop"):
        yield Flaw(("misses",), f"misses: expected an output `stop` of `{given[0]}`, which stops the line; found none")


def _needs(params: Any) -> Iterator[Need]:
    """An encoder, where it goes by one."""
    if params.pulse is not None:
        text = "expected an encoder count with every frame, found no source that tells one: go by `speed` instead"
        yield Need("encoder", ("pulse",), f"pulse: {text}")


@node(check=_check, needs=_needs, itself=(Tracks, "nobody vouches for the belt between the parts"))
def reject(
    records: Iterator[Tracks | Verdict],
    *,
    distance: dict[CameraName, float],
    window: Way,
    pulse: Pulse | None = None,
    speed: Speed | None = None,
    wrap: Wrap | None = None,
    plc: Plc | None = None,
    gpio: Gpio | None = None,
    simulated: Simulated | None = None,
    no_read: Literal["reject", "divert"] = "reject",
    warn: Literal["pass", "reject", "divert"] = "pass",
    missing: Literal["reject", "divert", "pass"] = "reject",
    unseen: Literal["reject", "divert", "pass"] = "reject",
    misses: Count = 0,
    heartbeat: Beat = 0.25,
    every: Millis = 2.0,
    path: str | None = None,
) -> None:
    """Reject each part that was not found good in time, and no other: an output is on while it is at the actuator.

    `track` tells which parts come and how far all of them are known, `rules` or `join` what was decided about each:
    connect both. A part is decided once, when the first of its own place is at the actuator; without a verdict it is
    rejected. A verdict that comes later is told and moves nothing. Belt for which no camera vouches is rejected as
    well: what lay before the gate when it started, what was in view while a frame was missed, and whatever passes while
    a camera, a process or the network is dead. Where frames are judged and nothing is tracked each frame is a part.

    The heartbeat is turned over for as long as the gate sees and acts: a PLC that misses it must reject, or stop. This
    sorts parts; it protects nobody from a machine. See docs/gate.md.

    Args:
        distance: How far the belt goes from x = 0 of each camera's view to the actuator, in counts of the encoder or in
            ms; where frames are judged, from the middle of the view. Negative where the encoder counts down.
        window: How far before and behind its middle a part's own place reaches: half the pulse. No less than half a
            part; halfway to a neighbour it ends.
        pulse: How far the belt moves along x of the view in one count of its encoder, as in `track`.
        speed: How far an even belt moves along x of the view in a second, where there is no encoder.
        wrap: Where the encoder begins anew; 0: nowhere. Left out, where the PLC's registers do.
        plc: A PLC over Modbus/TCP.
        gpio: Lines of this host.
        simulated: A file instead.
        no_read: What is done with a part that was not inspected.
        warn: What is done with a part that is WARN.
        missing: What is done with a part without a verdict in time.
        unseen: What is done with belt for which nobody vouches.
        misses: Parts in a row without a verdict, or as much unseen belt, that stop the line; 0: none do.
        heartbeat: Time after which the heartbeat is turned over.
        every: Time between two looks at the belt.
        path: File with a line for each part: what was done with it, and why.
    """
    where = plc or gpio or simulated
    assert where is not None, "`kensa check` refuses a gate without outputs"
    outputs = _outputs(where)
    forwards = 1 if min(distance.values()) > 0 else -1
    axis: Axis = Time() if pulse is None else Counts(forwards, _wrap(wrap, where))
    policy = Policy(warn=warn, no_read=no_read, missing=missing, unseen=unseen, misses=misses)
    gate = Gate(_places(distance, window, pulse and pulse * forwards, speed), policy, axis)
    safe = State(reject=unseen == "reject", divert=unseen == "divert")
    with Ledger(Path(path) if path else None) as ledger:
        reader = _reader(axis, outputs)
        with Engine(
            gate, reader, outputs, ledger.tell, every=every / 1000, beat=heartbeat, safe=safe, actuator=actuator(where)
        ) as engine:
            for record in records:
                engine.hear(record)


def _places(
    distance: dict[CameraName, float], window: float, pulse: float | None, speed: float | None
) -> dict[str, Place]:
    """How each camera sees the belt; by time all is in ns."""
    scale = 1 if pulse else NS_PER_MS
    along = pulse or (speed or 0.0) / NS_PER_S
    return {camera: Place(along, abs(way) * scale, window * scale) for camera, way in distance.items()}


def _outputs(where: Plc | Gpio | Simulated) -> Outputs:
    if isinstance(where, Plc):
        return ModbusPlc(where)
    return GpioLines(where) if isinstance(where, Gpio) else Written(where, line_time.now_ns)


def _reader(axis: Axis, outputs: Outputs) -> Reader:
    if not isinstance(axis, Counts):
        return ByClock(line_time.now_ns)
    if isinstance(outputs, ModbusPlc) and outputs.counts:
        return ByEncoder(axis, outputs.count)
    return ByFrames(axis, line_time.now_ns)


def _wrap(wrap: int | None, where: Plc | Gpio | Simulated) -> int:
    if wrap is not None:
        return wrap
    return 1 << 16 * where.words if isinstance(where, Plc) and where.encoder is not None else 0
