"""Cameras that stay open: a source that begins anew finds its camera as it left it.

The bridge on a camera board bears some twenty openings until its host must be rebooted, so that a restarted source,
or one that is changed by a reload, only stops and starts the stream.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import suppress

from nodes.sensors.adapter import Adapter
from nodes.sensors.states import SensorError, State
from pipeline.clock import Clock

Key = tuple[str, str]

_kept: dict[Key, Adapter] = {}
_lock = threading.Lock()


def hold(key: Key, make: Callable[[], Adapter], clock: Clock, *, kept: bool = True) -> Adapter:
    """The open camera of a key: the one that was kept, or a new one.

    Args:
        key: Kind and bus.
        make: Makes one, closed.
        clock: What one that was kept waits by from now on.
        kept: Whether one that was kept will do: it has its own time, and nobody records it.

    Raises:
        SensorError: If it cannot be opened.
    """
    with _lock:
        found = _kept.pop(key, None)
    if found is None or found.state is not State.OPEN or not kept:
        if found is not None:
            found.close()
        found = make()
        found.open()
    else:
        found.clock = clock
    return found


def release(key: Key, sensor: Adapter, *, keep: bool = True) -> None:
    """Stop the stream and keep the camera; one that has failed is closed."""
    with suppress(SensorError):
        sensor.stop()
    if sensor.state is not State.OPEN or not keep:
        sensor.close()
        return
    with _lock:
        before, _kept[key] = _kept.get(key), sensor
    if before is not None:
        before.close()


def close() -> None:
    """Give every camera back: at the end of the process, and between tests."""
    with _lock:
        sensors = [*_kept.values()]
        _kept.clear()
    for sensor in sensors:
        sensor.close()


atexit.register(close)
