"""A real PLC for tests: `kensa plc` in a process of its own, which can be killed and started again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket

import msgspec

from nodes.gating.simulator import Change

KENSA = Path(sys.executable).with_name("kensa")


def free_port() -> int:
    """A TCP port that nobody listens at."""
    with socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


class PlcProcess:
    """`kensa plc`, and what it was told."""

    def __init__(self, folder: Path, rate: float = 0.0) -> None:
        self.port, self.path, self._rate = free_port(), folder / "plc.jsonl", rate
        self.path.touch()
        self.start()

    def start(self) -> None:
        """Begin, and wait until it listens."""
        told = [str(KENSA), "plc", "--port", str(self.port), "--rate", str(self._rate), "--write", str(self.path)]
        self.process = subprocess.Popen(told, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line == f"a PLC at 127.0.0.1:{self.port}; Ctrl-C ends it\n", line

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def changes(self, coil: int | None = None) -> list[Change]:
        """What was written that changed something."""
        lines = self.path.read_bytes().splitlines()
        told = [msgspec.json.decode(line, type=Change) for line in lines]
        return [each for each in told if coil in (None, each.coil)]

    def on(self, coil: int) -> bool:
        """Whether a coil is on."""
        told = self.changes(coil)
        return bool(told) and told[-1].on
