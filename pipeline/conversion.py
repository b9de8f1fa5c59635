"""Plain data made into a type, by whichever thread: `msgspec.convert` for lanes that begin at the same time.

msgspec learns a type when it is first asked for it, and while it does another thread may take what is half learnt for
the whole: a segmentation fault (msgspec 0.22, on every type with a few annotated fields). So one learns at a time.
Decoders are made where their module is imported, which Python does in one thread.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")
_learning = threading.RLock()  # whose types ask for others


@overload
def convert(given: object, kind: type[T], *, strict: bool = True) -> T: ...
@overload
def convert(given: object, kind: Any, *, strict: bool = True) -> Any: ...
def convert(given: object, kind: Any, *, strict: bool = True) -> Any:
    """What `msgspec.convert` gives.

    Raises:
        msgspec.ValidationError: If it is no such thing.
    """
    with _learning:
        return msgspec.convert(given, kind, strict=strict)  # noqa: TID251 - here
