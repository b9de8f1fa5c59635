"""Records of any kind and version as text: masks in a few words, or everything as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import MaskError
from pipeline.masks import Mask

SHOWN = 6  # items of a list that are shown in a line
HEAD = ("kind", "camera", "session", "seq", "t_ns")


def line(record: Mapping[str, Any]) -> str:
    """A record in one line: when, who, which, what; a mask as its size and area.

    >>> line({"kind": "gap", "camera": "cam-1", "session": "s", "seq": 7, "t_ns": 0, "last": 9, "reason": "overflow"})
    '00:00:00.000 cam-1 #7 gap last=9 reason=overflow'
    """
    rest = " ".join(f"{name}={_word(value)}" for name, value in record.items() if name not in HEAD)
    camera, seq, kind = (_word(record.get(name)) for name in ("camera", "seq", "kind"))
    return f"{_time(record.get('t_ns'))} {camera} #{seq} {kind} {rest}".rstrip()


def full(value: Any) -> Any:
    r"""A record as JSON has it: nothing left out; run lengths are text, other bytes base64.

    >>> full({"mask": {"size": [1, 2], "counts": b"11"}, "data": b"\xff"})
    {'mask': {'size': [1, 2], 'counts': '11'}, 'data': '/w=='}
    """
    match value:
        case {"size": [int(), int()], "counts": bytes() as counts}:
            return {**value, "counts": counts.decode("ascii", "backslashreplace")}
        case dict():
            return {str(name): full(inner) for name, inner in value.items()}
        case list():
            return [full(inner) for inner in value]
        case bytes():
            return base64.b64encode(value).decode()
    return value


def _word(value: Any) -> str:
    match value:
        case {"size": [int() as height, int() as width], "counts": bytes() as counts, **rest} if not rest:
            return _mask(height, width, counts)
        case dict():
            return "{" + " ".join(f"{name}={_word(inner)}" for name, inner in value.items()) + "}"
        case list():
            more = f" … {len(value) - SHOWN} more" if len(value) > SHOWN else ""
            return "[" + " ".join(_word(inner) for inner in value[:SHOWN]) + more + "]"
        case bytes():
            return f"<{len(value):,} bytes>"
    return _plain(value)


def _plain(value: Any) -> str:
    """A number or a text; quoted where it could be taken for something else, or could move a terminal's cursor."""
    if isinstance(value, float):
        return f"{value:.4g}"
    bare = isinstance(value, str) and value.isprintable() and value and " " not in value
    return str(value) if bare else json.dumps(value)


def _mask(height: int, width: int, counts: bytes) -> str:
    try:
        return f"<mask {height}×{width}, {Mask.from_counts((height, width), counts).area:,} px>"
    except MaskError as error:
        return f"<mask {height}×{width}, unreadable: {error}>"


def _time(t_ns: Any) -> str:
    if not isinstance(t_ns, int):
        return "--:--:--"
    try:
        return datetime.fromtimestamp(t_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
    except (OverflowError, ValueError, OSError):
        return str(t_ns)
