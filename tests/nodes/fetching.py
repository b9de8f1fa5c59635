"""A consumer that fetches from an OPC UA server by number, as docs/plant.md tells it to, whenever there is one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from asyncua import Client, Node, ua

from nodes.delivery.receiving import Ledger
from nodes.opcua.space import URI
from tests.nodes.dying import CONSUMER, TOKEN

MOST = 2  # events that are fetched at once, so that a stream takes several receipts
PAUSE_S = 0.01
ANSWER_S = 10.0


class Fetcher:
    """Fetches on a thread of its own, and acknowledges what it has; where the server dies, it comes back.

    Args:
        url: Where the server is, when it is.
        line: Name of the line.
        take: Keeps an envelope.
        ledger: Knows what `take` has kept.
    """

    def __init__(self, url: str, line: str, take: Callable[[bytes], object], ledger: Ledger) -> None:
        self._url, self._line, self._take, self._ledger = url, line, take, ledger
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._come()), name="fetcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    async def _come(self) -> None:
        """Be a client of each server that there is, until it is gone."""
        while not self._over.is_set():
            client = Client(self._url, timeout=ANSWER_S)
            client.set_user(CONSUMER)
            client.set_password(TOKEN)
            with suppress(OSError, ua.UaError, asyncio.CancelledError):
                async with client:
                    await self._follow(client)
            await asyncio.sleep(PAUSE_S)

    async def _follow(self, client: Client) -> None:
        index, after = await client.get_namespace_index(URI), 0
        place = f"{self._line}.ResultManagement"
        results = client.get_node(ua.NodeId(place, index))
        fetch, receipt = (ua.NodeId(f"{place}.{name}", index) for name in ("GetEvents", "AcknowledgeResults"))
        while not self._over.is_set():
            stream, told = await results.call_method(fetch, _uint64(after), ua.Variant(MOST, ua.VariantType.UInt32))
            for envelope in told:
                self._take(envelope.encode())
            if after := await self._acknowledge(results, receipt, stream):
                await asyncio.sleep(0 if told else PAUSE_S)

    async def _acknowledge(self, results: Node, receipt: Any, stream: str) -> int:
        """Say how far it came, also to a server that may have heard it before; returns that."""
        known = self._ledger.streams.get(stream)
        through = known.through if known else 0
        if through:
            await results.call_method(receipt, CONSUMER, stream, _uint64(through), False)
        return through


def _uint64(number: int) -> Any:
    return ua.Variant(number, ua.VariantType.UInt64)
