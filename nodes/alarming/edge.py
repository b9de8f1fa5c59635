"""What a condition is told by: a change of what is so, with what it was measured by."""

from __future__ import annotations

from collections.abc import Callable

from nodes.alarming.life import Because, Event


class Edge:
    """Turns what is so into what has changed."""

    def __init__(self) -> None:
        self.on: bool | None = None

    def turn(self, on: bool | None, because: Callable[[], Because]) -> Event | None:
        """The event, where it is so since now; None also where nobody knows."""
        if on is None or on is self.on:
            return None
        self.on = on
        return Event("on", because=because()) if on else Event("off")


def over(value: float, limit: float, deadband: float, before: bool | None) -> bool:
    """Whether a value is over its limit; one that was must fall below it by more than the deadband."""
    return value >= limit if not before else value >= limit - deadband


def measured(text: str, value: float, limit: float, unit: str, camera: str = "") -> Because:
    """Why a condition holds that no verdict is behind."""
    return Because(text=text, camera=camera, value=value, limit=limit, unit=unit)
