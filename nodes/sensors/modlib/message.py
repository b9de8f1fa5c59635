"""What the process of a device tells the source: JSON, a line each."""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Message(Struct, frozen=True, omit_defaults=True):
    """One line.

    Attributes:
        at_ns: When the frame came out of modlib, by CLOCK_MONOTONIC.
        dropped: Frames that modlib threw away before it.
        frame: Its own JSON of a frame, without the picture; empty where there is none.
        skipped: Why a frame could not be read; the next one may.
        error: Why the device has failed.
    """

    at_ns: int = 0
    dropped: int = 0
    frame: msgspec.Raw = msgspec.Raw(b"")
    skipped: str = ""
    error: str = ""


decode = msgspec.json.Decoder(Message).decode


def shown(error: BaseException | None) -> str:
    """An error with its kind, for the library's texts are not always whole sentences."""
    return f"{type(error).__name__}: {error}"
