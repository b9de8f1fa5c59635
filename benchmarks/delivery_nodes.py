"""Nodes of the delivery benchmark: what stamps verdicts as they are made, and the least that publishes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from pipeline.node import node
from pipeline.records import Gap, Verdict

TOPIC = "bench/line"


@node()
def stamped(verdict: Verdict) -> Verdict:
    """Let a verdict's time be when it was made."""
    return replace(verdict, t_ns=time.time_ns())


@node()
def seen(records: Iterator[Verdict | Gap], *, path: str) -> None:
    """Write down how old each verdict was when it came, ms, once there are no more.

    Args:
        path: Where to.
    """
    ages = [(time.time_ns() - record.t_ns) / 1e6 for record in records if isinstance(record, Verdict)]
    Path(path).write_bytes(msgspec.json.encode(ages))


@node()
def bare(records: Iterator[Verdict | Gap], *, url: str) -> None:
    """Publish each by hand with QoS 1: no outbox, no numbers, nothing that survives anything.

    Args:
        url: The broker.
    """
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    client, found = Client(CallbackAPIVersion.VERSION2), urlsplit(url)
    client.connect(found.hostname or "", found.port or 1883)
    client.loop_start()
    for record in records:
        said = {"sequence": str(record.seq), "stream": record.camera, "data": {"t_ns": record.t_ns}}
        client.publish(f"{TOPIC}/events/verdict/{record.camera}", msgspec.json.encode(said), 1)
    client.disconnect()
    client.loop_stop()
