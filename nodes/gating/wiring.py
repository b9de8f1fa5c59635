"""Where outputs are wired to, as a topology says it: a PLC, lines of a chip, a file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Address = Annotated[int, Meta(ge=0, le=65535, description="Modbus address, from 0")]
Port = Annotated[int, Meta(ge=1, le=65535, description="TCP port")]
Unit = Annotated[int, Meta(ge=0, le=255, description="Modbus unit")]
Millis = Annotated[float, Meta(gt=0, le=60_000, description="ms")]
Line = Annotated[int, Meta(ge=0, le=65535, description="GPIO line")]

OUTPUTS = ("reject", "divert", "stop", "heartbeat")
Output = Literal["reject", "divert", "stop", "heartbeat"]


class Plc(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PLC that is written to over Modbus/TCP.

    Attributes:
        host: Its name or address.
        port: Its port.
        unit: Its unit.
        reject: Coil that is on while what is at the actuator is rejected.
        divert: Coil that is on while it is diverted.
        stop: Coil that is on while the line should stop.
        heartbeat: Coil that is turned over for as long as the gate is alive.
        encoder: Register with the belt's count; the high word first, where it has two.
        registers: Of which kind that is.
        words: Registers that the count takes.
        swapped: Whether the low word comes first.
        timeout: Longest wait for an answer.
    """

    host: str
    port: Port = 502
    unit: Unit = 1
    reject: Address
    divert: Address | None = None
    stop: Address | None = None
    heartbeat: Address | None = None
    encoder: Address | None = None
    registers: Literal["holding", "input"] = "holding"
    words: Literal[1, 2] = 2
    swapped: bool = False
    timeout: Millis = 100.0


class Gpio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines of the host's own GPIO chip.

    Attributes:
        chip: The chip's device.
        reject: Line that is active while what is at the actuator is rejected.
        divert: Line that is active while it is diverted.
        stop: Line that is active while the line should stop.
        heartbeat: Line that is turned over for as long as the gate is alive.
        low: Outputs that are active low: a gate that rejects without power has `reject` here.
    """

    chip: str = "/dev/gpiochip0"
    reject: Line
    divert: Line | None = None
    stop: Line | None = None
    heartbeat: Line | None = None
    low: tuple[Output, ...] = ()


class Simulated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PLC that is only written down.

    Attributes:
        path: Every change of an output goes there, a JSON object per line.
    """

    path: str


class Push(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PLC into which the registers are written, because it does not poll.

    Attributes:
        host: Its name or address.
        port: Its port.
        unit: Its unit.
        address: Holding register that gets register 0; the others lie behind it as they do here.
        every: Time from one write to the next.
        timeout: Longest wait for an answer.
    """

    host: str
    port: Port = 502
    unit: Unit = 1
    address: Address = 0
    every: Millis = 250.0
    timeout: Millis = 500.0


def actuator(where: Plc | Gpio | Simulated) -> str:
    """What rejects, in a word that no other gate of the line has.

    >>> actuator(Plc(host="10.0.7.40", reject=3)), actuator(Gpio(reject=17)), actuator(Simulated(path="gate.jsonl"))
    ('10.0.7.40:502/3', '/dev/gpiochip0/17', 'gate.jsonl')
    """
    if isinstance(where, Simulated):
        return where.path
    return f"{f'{where.host}:{where.port}' if isinstance(where, Plc) else where.chip}/{where.reject}"


def wired(where: Plc | Gpio | Simulated, output: Output) -> bool:
    """Whether an output goes anywhere."""
    return isinstance(where, Simulated) or getattr(where, output) is not None
