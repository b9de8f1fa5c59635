"""A line that hands its records to a sink again after each start, to be killed: sink, where, outbox, how many."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from nodes.sinks.jsonl import jsonl
from nodes.sinks.modbus import modbus
from nodes.sinks.mqtt import mqtt
from nodes.sinks.sparkplug import sparkplug
from nodes.sinks.webhook import webhook
from pipeline.records import Gap, Verdict
from tests.nodes.test_alarms import verdict

Batches = Iterator[list[Verdict | Gap]]


def lasting(batches: Batches) -> Batches:
    """What there is, and then nothing until the input ends: who is polled must stay."""
    yield from batches
    sys.stdin.read()


if __name__ == "__main__":
    use, where, outbox, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    batches: Batches = ([*map(verdict, range(first, min(first + 50, count + 1)))] for first in range(1, count + 1, 50))
    sinks = {
        "mqtt": lambda: mqtt(batches, url=where, topic="kensa/test/line", outbox=outbox, patience=60.0),
        "sparkplug": lambda: sparkplug(batches, url=where, group="plant", node="line", outbox=outbox, patience=60.0),
        "webhook": lambda: webhook(batches, url=where, outbox=outbox, patience=60.0),
        "modbus": lambda: modbus(lasting(batches), cameras=("cam-1",), port=int(where), outbox=outbox),
        "jsonl": lambda: jsonl(batches, path=where, outbox=outbox, patience=60.0),
    }
    sinks[use]()
