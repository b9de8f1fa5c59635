"""How a node's process speaks with its own supervisor: as every client of the line does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import KensaError
from pipeline.line import Standing
from pipeline.orders import Answer, Order
from pipeline.runtime.control import PATIENCE, Client
from pipeline.runtime.folder import About, Running
from pipeline.runtime.state import Snapshot


class Asker:
    """A conversation with the supervisor; begun anew after an answer that did not come: it may come later.

    Args:
        line: Name of the line.
        host: This host.
        folder: The line's run folder.
    """

    def __init__(self, line: str, host: str, folder: Path) -> None:
        self._running = Running(About(line, host, 0), folder)
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def stands(self) -> Standing | None:
        """How the line stands; None where nobody answers."""
        found = self._opened().watch()
        if found is None:
            self._close()
            return None
        return standing(found)

    def give(self, order: Order | None) -> list[Answer]:
        """Have an order carried out, or ask how alarms are.

        Raises:
            KensaError: If no answer comes in time.
        """
        begun = time.monotonic()
        try:
            return self._opened().give(order)
        except KensaError:
            self._close()
            raise
        finally:
            if time.monotonic() - begun >= PATIENCE:
                self._close()

    def _opened(self) -> Client:
        if self._client is None:
            self._client = Client(self._running)
        return self._client

    def _close(self) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None


def standing(found: Snapshot) -> Standing:
    """How a line stands, by what its supervisor on this host knows: of its other hosts what they say is wrong, too."""
    return Standing(
        line=found.line,
        host=found.host,
        phase=found.phase,
        since_ns=found.since_ns,
        faults=(*found.faults, *_elsewhere(found)),
        notices=(*_calling(found), *(notice.text for notice in found.notices if not _away(notice.key))),
        pictured=found.pictured,
        numbers=tuple(number for _, number in found.numbers),
    )


def _elsewhere(found: Snapshot) -> Iterator[str]:
    """What is wrong with the line's other hosts: what they say, and that they say nothing."""
    for peer in found.peers:
        if peer.reach == "reachable":
            yield from (f"{peer.host}: {fault}" for fault in peer.faults)
    yield from (notice.text for notice in found.notices if _away(notice.key))


def _calling(found: Snapshot) -> Iterator[str]:
    """Alarms of other hosts that wait: they are answered there."""
    for peer in found.peers:
        if peer.reach == "reachable" and peer.calls:
            many = f"{peer.calls} alarm waits" if peer.calls == 1 else f"{peer.calls} alarms wait"
            yield f"{peer.host}: {many} to be acknowledged; a screen on that host shows them, or `kensa alarm list`"


def _away(key: str) -> bool:
    return key.startswith("host ") and key.endswith(" away")
