"""A real MQTT broker to be talked to, stopped and killed, where one is installed: apt install mosquitto."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.edges import eventually, free_port

FOUND = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")


class Mosquitto:
    """A broker on this machine that nobody else uses; it forgets everything when it is killed.

    Args:
        folder: For its configuration.
        more: Lines of that.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        self.port, self._config = free_port(), folder / "mosquitto.conf"
        listener = () if any(line.startswith("listener") for line in more) else (f"listener {self.port} 127.0.0.1",)
        allowed = () if any("anonymous" in line or "password" in line for line in more) else ("allow_anonymous true",)
        lines = ("user root", *listener, *allowed, "max_queued_messages 100000", *more)
        self._config.write_text("\n".join(line.replace("PORT", str(self.port)) for line in lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; returns when it answers."""
        assert FOUND
        command = [FOUND, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self.answers, "mosquitto answers")

    def answers(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def pause(self) -> None:
        """Stand still: take connections and answer nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Stand still no more."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that runs; skips where none is installed."""
    if FOUND is None:
        pytest.skip("no MQTT broker here to talk to; apt install mosquitto")
    with Mosquitto(tmp_path) as broker:
        yield broker
