"""Tell an MQTT broker what the line decides, as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.delivery.line import QUICK, Broker, Consumers, Keepalive, Least, Most, Topic, Wanted, carry
from pipeline.node import node
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds


@node(batch=QUICK)
def mqtt(
    batches: Iterator[list[Verdict | Gap]],
    *,
    url: Broker,
    topic: Topic,
    outbox: str,
    alarms: str | None = None,
    least: Least = "PASS",
    confirm: Consumers = (),
    backlog: Most = 100_000,
    user: str = "",
    password_file: str = "",
    ca: str = "",
    keepalive: Keepalive = 10,
    timeout: Seconds = 5.0,
    patience: Seconds = 2.0,
) -> None:
    """Publish verdicts and alarms to an MQTT broker as JSON, numbered, from an outbox of its own.

    What a broker has acknowledged may still be lost in it. So every message has a number, and where `confirm` names
    consumers, only their receipts take it off the list: what they do not confirm is sent again. After a connection
    was lost, consumers first hear how things are, then what they missed, in its order, marked `historical`.
    See docs/consumers.md; `kensa listen` is such a consumer.

    Args:
        url: The broker; `mqtts` for TLS.
        topic: What every topic begins with, such as `kensa/nagoya/line-a`.
        outbox: File in which messages wait; one for each such node.
        alarms: File of events of an `alarms` node on this host, whose alarms are told as well.
        least: Mildest outcome that is told; NO_READ and gaps always are.
        confirm: Consumers that must confirm; with none, the broker's word is enough.
        backlog: Most messages in the outbox; beyond it the oldest are dropped, counted, and consumers told.
        user: Name to log in with.
        password_file: File whose first line is the password.
        ca: File with the certificates to trust; left out, those of the system.
        keepalive: After one and a half times so long without a word the broker says that the line is gone.
        timeout: Longest wait for an answer of the broker.
        patience: How long the end of the line may wait for the broker and for consumers.
    """
    from nodes.delivery.broker import Access
    from nodes.delivery.plain import Plain

    access = Access(url, user, password_file, ca, keepalive, timeout)
    wanted = Wanted(outbox=outbox, backlog=backlog, least=least, alarms=alarms, confirm=confirm, patience=patience)
    carry("mqtt", batches, wanted, lambda: Plain(access, topic))
