"""A real MQTT broker for as long as it is needed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, socket
from time import monotonic, sleep

WITHIN = 10.0  # seconds in which it answers


@contextmanager
def mosquitto(folder: Path) -> Iterator[str]:
    """Run mosquitto; gives its URL once it answers.

    Args:
        folder: For its configuration.
    """
    found = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if not found:
        raise SystemExit("expected mosquitto, found none: apt install mosquitto")
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nmax_queued_messages 100000\n")
    with subprocess.Popen([found, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            _answers(port)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            broker.terminate()


def _answers(port: int) -> None:
    until = monotonic() + WITHIN
    while monotonic() < until:
        try:
            create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            sleep(0.02)
        else:
            return
    raise TimeoutError(f"expected mosquitto to answer within {WITHIN:g} s")
