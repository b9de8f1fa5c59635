"""A webhook as a way to consumers: CloudEvents, one to a post, signed after Standard Webhooks."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nodes.delivery.answers import RefusedError
from nodes.delivery.channel import Listener
from nodes.delivery.envelope import Message, wrap
from nodes.delivery.outbox import Outbox
from nodes.delivery.signing import secret, sign
from nodes.sinks.post import Send, sender
from nodes.sinks.room import log


def hook(url: str, timeout: float, ca: str, source: str, secret_file: str) -> Webhook:
    """A channel that posts to a URL.

    Args:
        url: Where to post.
        timeout: Longest wait for the connection and for each part of an answer, s.
        ca: File with the certificates to trust; empty for those of the system.
        source: The line, as envelopes name it.
        secret_file: File with the secret of the signatures; empty where posts are not signed.

    Raises:
        NodeError: If one of these files cannot be read.
    """
    return Webhook(sender(url, timeout, ca), source, secret(secret_file) if secret_file else b"")


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
        self._states: dict[tuple[str, str], int] = {}  # camera or alarm → the number of what was told of it last

    def open(self, outbox: Outbox, listener: Listener, history: int) -> None:  # noqa: ARG002 - nothing comes back
        """Each post is a connection of its own; after an outage the first ones say how things are.

        What was told of that before the next failure is not told again: a receiver that takes little is not given more.
        """
        for message in outbox.unheard(history):
            place = (message.entry.kind, message.entry.subject)
            if self._states.get(place) != message.sequence:
                self._present(message)
                self._states[place] = message.sequence

    def deliver(self, messages: Sequence[Message], history: int) -> None:
        """Post each, named by its id: whoever gets one again, because the answer was lost, knows it by that."""
        for message in messages:
            self._post(message.entry.id, wrap(message, self._source, historical=message.sequence <= history))

    def tend(self) -> None:
        """Nothing comes back."""

    def close(self, *, ended: bool) -> None:
        """Nothing is open."""

    def _present(self, message: Message) -> None:
        """Say how a camera or an alarm is; who does not want to know gets it in its turn all the same."""
        try:
            self._post(f"{message.entry.id}-state", wrap(message, self._source, state=True))
        except RefusedError as error:
            log().warning("how things are was refused", subject=message.entry.subject, why=str(error))

    def _post(self, name: str, body: bytes) -> None:
        when = int(time.time())
        headers = {"Content-Type": "application/cloudevents+json", "Idempotency-Key": name}
        headers |= {"Webhook-Id": name, "Webhook-Timestamp": str(when)}
        if self._key:
            headers["Webhook-Signature"] = sign(self._key, name, when, body)
        self._send(body, headers)
