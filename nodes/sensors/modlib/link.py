"""The source's side of the process that runs a device: what it says, whether it lives, and what its end means."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from select import select

import msgspec

from nodes.sensors.advice import diagnose
from nodes.sensors.modlib import advice
from nodes.sensors.modlib.devices import Device
from nodes.sensors.modlib.message import Message, decode
from nodes.sensors.states import SensorError, State
from pipeline.clock import Clock

MODULE = "nodes.sensors.modlib.child"
TICK_S = 0.05  # how soon a line that stops is noticed
FIRST_S = 300.0  # until the first frame: a network may have to go up
ENDING_S = 6.0  # for a device to end in order; a little more than it allows itself
DIED = "what():"  # before the last words of a C++ program
LONGEST = 32 << 20  # bytes of a line
KEPT = 4096  # bytes of what it says besides


def listen(device: Device, clock: Clock, patience: float) -> Iterator[Message]:
    """What a device says until it ends or the line stops; its process is over when this is closed.

    Args:
        device: What the topology says.
        clock: Ends the waiting when the line stops.
        patience: Longest time from one frame to the next, s; until the first it is at least five minutes.

    Raises:
        SensorError: If the device fails, says nothing for too long, or ends before it gave a frame.
    """
    if find_spec("modlib") is None:
        raise SensorError(f"{device.name}: {advice.NO_LIBRARY}", State.NEEDS_REOPEN)
    given = False
    with started([sys.executable, "-P", "-m", MODULE, msgspec.json.encode(device).decode()]) as child:
        for message in _lines(child, clock, patience):
            if message.error:
                raise _failed(device, message.error)
            given = True
            yield message
        if clock.wait_until(clock.now_ns()) and (status := child.status()):
            raise _failed(device, child.said or f"it ended with status {status}")
    if not given and clock.wait_until(clock.now_ns()):
        raise _failed(device, "it ended without a frame")


def _lines(child: Child, clock: Clock, patience: float) -> Iterator[Message]:
    heard, limit = time.monotonic(), max(FIRST_S, patience)
    while clock.wait_until(clock.now_ns()):
        line = child.take(TICK_S)
        if line:
            yield _read(line)
            heard, limit = time.monotonic(), patience
        elif line is None:
            return
        elif time.monotonic() - heard > limit:
            raise SensorError(f"no frame has come for {limit:.0f} s; {advice.SILENT}", State.NEEDS_REOPEN)


def _read(line: bytes) -> Message:
    try:
        return decode(line)
    except msgspec.MsgspecError as error:
        raise SensorError(f"expected a line of the device's process, found {error}", State.NEEDS_REOPEN) from error


def _failed(device: Device, told: str) -> SensorError:
    return diagnose(RuntimeError(told), f"{device.name} of modlib", advice.ROWS)


class Child:
    """A process that writes lines. Its end is looked for, too: what it leaves behind may hold its pipes open."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._out, self._err = process, process.stdout.fileno(), process.stderr.fileno()
        self._read, self._other = bytearray(), bytearray()
        self._open = [self._out, self._err]

    @property
    def said(self) -> str:
        """The last thing that it said besides its lines: of a C++ library, what it died of."""
        lines = [line.strip() for line in self._other.decode("utf-8", "replace").splitlines() if line.strip()]
        last = next((line for line in reversed(lines) if line.startswith(DIED)), lines[-1] if lines else "")
        return last.removeprefix(DIED).strip()

    def take(self, seconds: float) -> bytes | None:
        """The next line; nothing where none comes in time, None after the last.

        Raises:
            SensorError: If a line is too long.
        """
        if line := self._line():
            return line
        over = self._process.poll() is not None
        ready, _, _ = select(self._open, (), (), 0 if over else seconds)
        for handle in ready:
            self._receive(handle)
        line = self._line()
        return None if over and not ready and not line else line

    def status(self) -> int:
        """How it ended."""
        return self._process.wait()

    def _line(self) -> bytes:
        end = self._read.find(b"\n") + 1
        line = bytes(self._read[:end])
        del self._read[:end]
        return line

    def _receive(self, handle: int) -> None:
        chunk = os.read(handle, 1 << 16)
        if not chunk:
            self._open.remove(handle)
        elif handle == self._out:
            self._read += chunk
        else:
            self._other = (self._other + chunk)[-KEPT:]
        if len(self._read) > LONGEST:
            raise SensorError(f"expected lines of at most {LONGEST} bytes, found a longer one", State.NEEDS_REOPEN)


@contextmanager
def started(command: Sequence[str]) -> Iterator[Child]:
    """Start a process that writes lines, and in the end stop it with all that it has started."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            yield Child(process)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENDING_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
