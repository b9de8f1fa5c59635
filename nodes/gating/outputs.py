"""Outputs of the gate: coils of a PLC, lines of a GPIO chip, lines of a file; each behind the same three words."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from nodes.gating.wiring import OUTPUTS, Gpio, Output, Plc, Simulated
from pipeline.errors import NodeError


class Outputs(Protocol):
    """What the gate is wired to; whatever is in the way is an OSError."""

    def write(self, output: Output, *, on: bool) -> None:
        """Turn an output on or off; one that goes nowhere is left alone."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class ModbusPlc:
    """A PLC over Modbus/TCP: one request at a time, and after any failure another connection.

    Args:
        plc: Where it is, and what is where in it.

    Raises:
        NodeError: If pymodbus is not installed.
    """

    def __init__(self, plc: Plc) -> None:
        try:
            from pymodbus.client import ModbusTcpClient
        except ImportError:
            raise NodeError("expected pymodbus for `plc`, found none: pip install 'kensa[plc]'") from None
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # the gate tells it, once and for people
        self._plc = plc
        self._client: Any = ModbusTcpClient(plc.host, port=plc.port, timeout=plc.timeout / 1000, retries=0)

    def write(self, output: Output, *, on: bool) -> None:
        """Write its coil.

        Raises:
            OSError: If the PLC does not answer, or refuses.
        """
        address = getattr(self._plc, output)
        if address is not None:
            what = f"coil {address} ({output})"
            self._ask(what, partial(self._client.write_coil, address, on, device_id=self._plc.unit))

    @property
    def counts(self) -> bool:
        """Whether it has an encoder."""
        return self._plc.encoder is not None

    def count(self) -> int:
        """The count in its encoder's registers.

        Raises:
            OSError: If the PLC does not answer, or refuses.
        """
        plc, address = self._plc, self._plc.encoder
        assert address is not None
        read = self._client.read_input_registers if plc.registers == "input" else self._client.read_holding_registers
        ask = partial(read, address, count=plc.words, device_id=plc.unit)
        answer = self._ask(f"register {address} (encoder)", ask)
        words = answer.registers[::-1] if plc.swapped else answer.registers
        return sum(word << 16 * place for place, word in enumerate(reversed(words)))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _ask(self, what: str, request: Callable[[], Any]) -> Any:
        from pymodbus.exceptions import ModbusException

        where = f"the PLC at {self._plc.host}:{self._plc.port}"
        try:
            answer = request()
        except (ModbusException, OSError) as error:
            self._client.close()
            raise OSError(f"{where} does not answer about {what}") from error
        if answer.isError():
            raise OSError(f"{where} refuses {what} of unit {self._plc.unit}: {answer}")
        return answer


class GpioLines:
    """Lines of a GPIO chip, held for as long as the gate runs.

    Args:
        gpio: The chip, and which line is what.
        request: Asks for lines as `gpiod.request_lines` does.

    Raises:
        NodeError: If gpiod is not installed.
        OSError: If there is no such chip, or a line is taken.
    """

    def __init__(self, gpio: Gpio, request: Callable[..., Any] | None = None) -> None:
        try:
            import gpiod
            from gpiod.line import Direction, Value
        except ImportError:
            raise NodeError("expected gpiod for `gpio`, found none: pip install 'kensa[gpio]'") from None
        self._lines = {name: line for name in OUTPUTS if (line := getattr(gpio, name)) is not None}
        self._values = (Value.INACTIVE, Value.ACTIVE)
        config: dict[Any, Any] = {
            line: gpiod.LineSettings(
                direction=Direction.OUTPUT,
                active_low=name in gpio.low,
                output_value=self._values[name == "reject"],  # nothing was seen yet
            )
            for name, line in self._lines.items()
        }
        try:
            self._request = (request or gpiod.request_lines)(gpio.chip, consumer="kensa reject", config=config)
        except OSError as error:
            lines = ", ".join(map(str, self._lines.values()))
            raise OSError(
                f"the GPIO chip {gpio.chip} does not give lines {lines}: {error.strerror or error}"
            ) from error

    def write(self, output: Output, *, on: bool) -> None:
        """Set its line."""
        if (line := self._lines.get(output)) is not None:
            self._request.set_value(line, self._values[on])

    def close(self) -> None:
        """Give the lines back."""
        self._request.release()


class Written:
    """A simulated PLC: a file with every change.

    Args:
        simulated: Where.
        now: The time, UTC ns.
    """

    def __init__(self, simulated: Simulated, now: Callable[[], int]) -> None:
        self._now = now
        self._last: dict[Output, bool] = {}
        path = Path(simulated.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, output: Output, *, on: bool) -> None:
        """Write a line, if that changes it."""
        if self._last.get(output) is on:
            return
        self._last[output] = on
        self._file.write(json.dumps({"t_ns": self._now(), "output": output, "on": on}) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
