"""A Modbus/TCP server that answers from a map of registers, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nodes.sinks.entries import ACKNOWLEDGE, ACKNOWLEDGE_AT
from nodes.sinks.registers import Map
from nodes.sinks.words import length
from pipeline.errors import NodeError

if TYPE_CHECKING:
    from pymodbus.constants import ExcCodes

BITS = (1, 2)  # function codes that read coils and discrete inputs
WORD_BITS = 16


class Polled:
    """Serves a map for as long as it is open: every request is answered from what is so at that moment.

    Args:
        shown: The map.
        now: The clock of its times, ns.
        host: Address to listen at.
        port: Port to listen at.

    Raises:
        NodeError: If pymodbus is not installed.
        OSError: If the port is taken, or needs a right.
    """

    def __init__(self, shown: Map, now: Callable[[], int], host: str, port: int) -> None:
        try:
            import pymodbus.server as _  # noqa: F401
        except ImportError:
            raise NodeError("expected pymodbus for `modbus`, found none: pip install 'kensa[plc]'") from None
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self._shown, self._now, self._where = shown, now, (host, port)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Any = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="modbus", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._server is None:
            self._thread.join()
            host, port = self._where
            raise OSError(f"expected to listen at {host}:{port}, found it taken or not ours: choose another `port`")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._loop is not None and self._server is not None:
            asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = self._built()
        try:
            if await server.listen():
                self._server = server
        finally:
            self._ready.set()
        if self._server is not None:
            await server.serving

    def _built(self) -> Any:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        blocks = self._shown.registers(self._now())
        bits = len(self._shown.bits(self._now()))
        words = [
            SimData(at, count=len(block), datatype=DataType.REGISTERS, readonly=at != ACKNOWLEDGE_AT)
            for at, block in sorted(blocks.items())
        ]
        inputs = [SimData(0, values=[False] * bits, datatype=DataType.BITS, readonly=True)]
        device = SimDevice(id=0, simdata=(inputs, [*inputs], words, [*words]), action=self._fill)
        return ModbusTcpServer(device, address=self._where)

    async def _fill(
        self, code: int, first: int, address: int, _count: int, held: list[int], values: Sequence[int] | None
    ) -> ExcCodes | None:
        """What pymodbus calls before it answers: registers become what is so now."""
        if values is not None:
            return self._written(address, values)
        now = self._now()
        if code in BITS:
            bits = self._shown.bits(now)
            for word in range(0, len(bits), WORD_BITS):
                held[word // WORD_BITS] = sum(bit << place for place, bit in enumerate(bits[word : word + WORD_BITS]))
            return None
        for at, block in self._shown.registers(now).items():
            held[at - first : at - first + len(block)] = block
        return None

    def _written(self, address: int, values: Sequence[int]) -> ExcCodes | None:
        """Take an acknowledgement; nothing else may be written, and that only whole."""
        from pymodbus.constants import ExcCodes

        if self._shown.entries is None or (address, len(values)) != (ACKNOWLEDGE_AT, length(ACKNOWLEDGE)):
            return ExcCodes.ILLEGAL_ADDRESS
        try:
            return None if self._shown.entries.acknowledge(values) else ExcCodes.ILLEGAL_VALUE
        except OSError:
            return ExcCodes.DEVICE_FAILURE
