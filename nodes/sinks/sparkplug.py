"""Be an edge node of Sparkplug B."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from nodes.delivery.line import QUICK, Broker, Consumers, Keepalive, Least, Most, Wanted, carry
from pipeline.node import node as sink
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^/+#\x00]+$", description="id of Sparkplug")]
Host = Annotated[str, Meta(max_length=64, pattern=r"^[^/+#\x00]*$", description="id of Sparkplug")]


@sink(batch=QUICK)
def sparkplug(
    batches: Iterator[list[Verdict | Gap]],
    *,
    url: Broker,
    group: Id,
    node: Id,
    outbox: str,
    host: Host = "",
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
    """Publish verdicts and alarms as an edge node of Sparkplug B 3.0, with a device for each camera.

    It is born with the present value of every metric, tells what waited as historical, then what comes; it is born
    anew when a host asks (`Node Control/Rebirth`), and says nothing while the primary host is offline. Sparkplug
    publishes without an acknowledgement, so where `confirm` names consumers, what they do not confirm, by a command
    to `Receipts/NAME`, is sent again. See docs/consumers.md.

    Args:
        url: The broker; `mqtts` for TLS.
        group: Group id.
        node: Id of this edge node.
        outbox: File in which messages wait; one for each such node.
        host: Id of the primary host; left out, nobody is waited for.
        alarms: File of events of an `alarms` node on this host, whose alarms are told as well.
        least: Mildest outcome that is told; NO_READ and gaps always are.
        confirm: Consumers that must confirm; with none, it is enough that the broker has read it.
        backlog: Most messages in the outbox; beyond it the oldest are dropped, counted, and consumers told.
        user: Name to log in with.
        password_file: File whose first line is the password.
        ca: File with the certificates to trust; left out, those of the system.
        keepalive: After one and a half times so long without a word the broker tells of the node's death.
        timeout: Longest wait for an answer of the broker, and for the primary host.
        patience: How long the end of the line may wait for the broker and for consumers.
    """
    from nodes.delivery.broker import Access
    from nodes.delivery.edge_node import EdgeNode

    access = Access(url, user, password_file, ca, keepalive, timeout)
    wanted = Wanted(outbox=outbox, backlog=backlog, least=least, alarms=alarms, confirm=confirm, patience=patience)
    carry("sparkplug", batches, wanted, lambda: EdgeNode(access, group, node, host, confirm))
