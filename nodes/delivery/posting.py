"""A webhook as a way to consumers: CloudEvents, one to a post, signed after Standard Webhooks."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nodes.delivery.channel import Listener
from nodes.delivery.envelope import Message, wrap
from nodes.delivery.outbox import Outbox
from nodes.delivery.signing import sign
from nodes.sinks.post import Send


class Webhook:
    """A channel that posts.

    Args:
        send: Posts bytes with headers.
        source: The line, as envelopes name it.
        key: What posts are signed with; empty where they are not.
    """

    most = 1

    def __init__(self, send: Send, source: str, key: bytes = b"") -> None:
        self._send, self._source, self._key = send, source, key

    def open(self, outbox: Outbox, listener: Listener) -> None:
        """Each post is a connection of its own."""

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Post each, named by its id: whoever gets one again, because the answer was lost, knows it by that."""
        for message in messages:
            body = wrap(message, self._source, historical=message.sequence <= history)
            name, when = message.entry.id, int(time.time())
            headers = {"Content-Type": "application/cloudevents+json", "Idempotency-Key": name}
            headers |= {"Webhook-Id": name, "Webhook-Timestamp": str(when)}
            if self._key:
                headers["Webhook-Signature"] = sign(self._key, name, when, body)
            self._send(body, headers)

    def tend(self) -> None:
        """Nothing comes back."""

    def close(self, *, ended: bool) -> None:
        """Nothing is open."""
