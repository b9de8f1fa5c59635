"""What a node may ask of the line it runs in: how the line stands, how its alarms are, that an order is carried out.

Whoever runs a node's process says once how its line is reached; a node that runs in none, as in a replay, hears so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from pipeline.numbers import Number
from pipeline.orders import Answer, Order


class Standing(Struct, frozen=True, kw_only=True):
    """How a line stands, as its supervisor on this host knows it.

    Attributes:
        line: Its name.
        host: This host, as the topology calls it.
        phase: `starting`, `running`, `draining` or `ended`.
        since_ns: When it was started here, UTC, ns.
        faults: Why it is not healthy, on this host or another, in words; empty while it is.
        notices: What is so now on this host and people should know; alarms that wait on others, too.
        pictured: Cameras whose pictures leave their process.
        numbers: What the nodes of this host count.
    """

    line: str
    host: str
    phase: str
    since_ns: int
    faults: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    pictured: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()


class Asking(Protocol):
    """A conversation with the supervisor; for one thread at a time."""

    def stands(self) -> Standing | None:
        """How the line stands; None where nobody answers."""

    def give(self, order: Order | None) -> list[Answer]:
        """Have an order carried out as `kensa alarm` would, or ask how alarms are.

        Raises:
            KensaError: If no answer comes in time.
        """


Opened = AbstractContextManager[Asking]


class Own:
    """The line that this process is part of."""

    def __init__(self) -> None:
        self._open: Callable[[], Opened] | None = None

    def found(self, opens: Callable[[], Opened]) -> None:
        """It is reached so."""
        self._open = opens

    def ask(self) -> Opened | None:
        """A new conversation; None where the process is part of no line."""
        return self._open() if self._open else None


own = Own()  # this process's
