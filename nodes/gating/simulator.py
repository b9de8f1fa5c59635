"""A PLC for whoever has none at hand: a Modbus/TCP server with coils to be written and an encoder that counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from pipeline.errors import NodeError

if TYPE_CHECKING:
    from pymodbus.constants import ExcCodes
    from pymodbus.server import ModbusTcpServer

COILS = 64
WORD = 1 << 16
WRITES = (5, 15)  # function codes: one coil, several coils
READS = (3, 4)  # holding registers, input registers


class Change(Struct, frozen=True):
    """A coil that was turned on or off.

    Attributes:
        coil: Its address.
        on: What it is now.
        count: What the encoder counted.
        t_ns: When that was, UTC ns.
    """

    coil: int
    on: bool
    count: int
    t_ns: int


class SimulatedPlc:
    """Coils 0 to 63 and an encoder of 32 bits in registers 0 (high word) and 1, holding registers as well as inputs.

    Args:
        rate: What its encoder counts in a second, from 0 at the Unix epoch.
        tell: Is told every coil that changes.
        now: The time, UTC ns.
    """

    def __init__(self, rate: float, tell: Callable[[Change], None], *, now: Callable[[], int] = time.time_ns) -> None:
        self._rate, self._tell, self._now = rate, tell, now
        self.coils = [False] * COILS

    def count(self, t_ns: int) -> int:
        """What the encoder shows."""
        return int(self._rate * t_ns / 1e9 // 1) % (WORD * WORD)

    def server(self, host: str, port: int) -> ModbusTcpServer:
        """A server that is it; whoever awaits its `serve_forever` runs it.

        Raises:
            NodeError: If pymodbus is not installed.
        """
        try:
            from pymodbus.server import ModbusTcpServer
            from pymodbus.simulator import DataType, SimData, SimDevice
        except ImportError:
            raise NodeError("expected pymodbus, found none: pip install 'kensa[plc]'") from None
        bits = [SimData(0, values=[False] * COILS, datatype=DataType.BITS)]
        words = [SimData(0, count=2, datatype=DataType.REGISTERS)]
        device = SimDevice(id=0, simdata=(bits, [*bits], words, [*words]), action=self.answer)
        return ModbusTcpServer(device, address=(host, port))

    async def answer(
        self, code: int, _first: int, address: int, _count: int, held: list[int], values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """What pymodbus calls before each request is answered."""
        t_ns = self._now()
        if code in READS and values is None:
            held[0], held[1] = divmod(self.count(t_ns), WORD)
        elif code in WRITES and values is not None:
            for coil, value in enumerate(values, address):
                if self.coils[coil] != bool(value):
                    self.coils[coil] = bool(value)
                    self._tell(Change(coil, bool(value), self.count(t_ns), t_ns))
        return None
