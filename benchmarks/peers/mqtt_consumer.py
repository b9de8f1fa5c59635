"""A consumer: writes down how old each verdict was when it came, until its input ends. WHERE, seconds not counted."""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

SETTLE_S = 0.5  # for what is still on its way


class Consumer:
    """Keeps ages, ms, and the numbers of each stream.

    Args:
        skip: Seconds from the first message on that are not counted.
    """

    def __init__(self, skip: float) -> None:
        self.ages: list[float] = []
        self.numbers: dict[str, set[int]] = {}
        self._skip, self._first = skip, 0.0

    def hear(self, _: Client, __: Any, message: MQTTMessage) -> None:
        """A message has come."""
        now = time.time_ns()
        told = json.loads(message.payload)
        self._first = self._first or now
        self.numbers.setdefault(told["stream"], set()).add(int(told["sequence"]))
        if now - self._first > self._skip * 1e9:
            self.ages.append((now - told["data"]["t_ns"]) / 1e6)

    @property
    def missing(self) -> int:
        """Numbers between the first and the last of a stream that never came."""
        return sum(max(all_) - min(all_) + 1 - len(all_) for all_ in self.numbers.values())


def main(where: str, skip: float) -> None:
    """Listen."""
    found, consumer = urlsplit(where), Consumer(skip)
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = consumer.hear
    client.on_subscribe = lambda *_: print("listening", flush=True)
    client.connect(found.hostname or "", found.port or 1883)
    client.subscribe(f"{found.path.strip('/')}/events/#", 1)
    client.loop_start()
    sys.stdin.readline()
    time.sleep(SETTLE_S)
    client.loop_stop()
    print(json.dumps({"ages_ms": consumer.ages, "missing": consumer.missing}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
