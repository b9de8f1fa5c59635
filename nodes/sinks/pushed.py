"""Writes a map of registers into a PLC, again and again, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from nodes.gating.wiring import Push
from nodes.sinks.entries import ACKNOWLEDGE, ACKNOWLEDGE_AT, ENTRY, Entries
from nodes.sinks.registers import Map
from nodes.sinks.room import log
from nodes.sinks.words import length
from pipeline.errors import NodeError
from pipeline.notices import board

LARGEST = 5 * length(ENTRY)  # registers in one request: of the list no entry is ever in two


class Pushed:
    """Keeps a PLC's registers as the map is, for as long as it is open; what it missed it is told as it is then.

    Args:
        shown: The map.
        now: The clock of its times, ns.
        push: The PLC.

    Raises:
        NodeError: If pymodbus is not installed.
    """

    def __init__(self, shown: Map, now: Callable[[], int], push: Push) -> None:
        try:
            from pymodbus.client import ModbusTcpClient
        except ImportError:
            raise NodeError("expected pymodbus for `modbus`, found none: pip install 'kensa[plc]'") from None
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self._shown, self._now, self._push = shown, now, push
        self._client: Any = ModbusTcpClient(push.host, port=push.port, timeout=push.timeout / 1000, retries=0)
        self._over = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="modbus push", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._over.wait(self._push.every / 1000):
            self.write()

    def write(self) -> None:
        """Write everything once; what is in the way is told."""
        from pymodbus.exceptions import ModbusException

        key, where = f"modbus {self._push.host}", f"the PLC at {self._push.host}:{self._push.port}"
        try:
            for at, words in _chunks(self._shown.registers(self._now())):
                self._send(self._push.address + at, words)
            if self._shown.entries:
                self._acknowledge(self._shown.entries)
        except (ModbusException, OSError) as error:
            self._client.close()
            said = str(error) if isinstance(error, OSError) else "does not answer"
            board.raise_(
                key, f"modbus: {where} {said}; it is written again: look at its power, its cable, its registers"
            )
            if not self._away:
                log().error("a PLC does not take its registers", plc=where, error=str(error))
            self._away = True
        else:
            board.settle(key)
            self._away = False

    def _send(self, at: int, words: list[int]) -> None:
        answer = self._client.write_registers(at, words, device_id=self._push.unit)
        if answer.isError():
            raise OSError(f"refuses {len(words)} registers from {at}: {answer}")

    def _acknowledge(self, entries: Entries) -> None:
        """Read what the PLC has acknowledged; of another list it may speak for long."""
        at, count = self._push.address + ACKNOWLEDGE_AT, length(ACKNOWLEDGE)
        answer = self._client.read_holding_registers(at, count=count, device_id=self._push.unit)
        if answer.isError():
            raise OSError(f"refuses to let {count} registers from {at} be read: {answer}")
        with suppress(OSError):  # a full disk: it is read again
            entries.acknowledge(answer.registers)


def _chunks(blocks: dict[int, list[int]]) -> Iterator[tuple[int, list[int]]]:
    """Blocks in pieces that a request can hold; the line's own comes last, so that its heartbeat vouches for all.

    What the PLC writes is its own.
    """
    for at in sorted(blocks.keys() - {ACKNOWLEDGE_AT}, reverse=True):
        for begin in range(0, len(blocks[at]), LARGEST):
            yield at + begin, blocks[at][begin : begin + LARGEST]
