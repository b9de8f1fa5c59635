"""kms++ as far as picamera2 names it while it is imported; no display is ever opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class _Formats(type):
    def __getattr__(cls, name: str) -> str:
        return name


class PixelFormat(metaclass=_Formats):
    """Every format is its own name."""


class Card:
    """There is none."""

    def __init__(self, *_: Any) -> None:
        raise RuntimeError("no display")


PlaneType = SimpleNamespace(Primary=0, Overlay=1)
