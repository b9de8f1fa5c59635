"""Post what the line decides to a URL."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.delivery.line import QUICK, Least, Most, Source, Wanted, carry
from pipeline.node import node
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds, Url


@node(batch=QUICK)
def webhook(
    batches: Iterator[list[Verdict | Gap]],
    *,
    url: Url,
    outbox: str,
    source: Source = "kensa",
    alarms: str | None = None,
    least: Least = "PASS",
    secret_file: str = "",
    ca: str = "",
    backlog: Most = 100_000,
    timeout: Seconds = 5.0,
    patience: Seconds = 2.0,
) -> None:
    """Post verdicts and alarms to a URL, one after another, numbered, from an outbox of its own.

    Each post is an event of CloudEvents, signed after Standard Webhooks, and named by its id (`Webhook-Id`,
    `Idempotency-Key`), so that the receiver knows it when it comes again. It comes again until it is answered with a
    2xx: after 0.2 s, then after twice that, up to 10 s, or when `Retry-After` says. What is refused for good (4xx but
    408, 425 and 429, or a redirect) goes to `<outbox>.undelivered.jsonl` and holds up nothing. After an outage posts of
    the type `kensa.state.…` first say how cameras and alarms are, then comes what waited. See docs/consumers.md.

    Args:
        url: Where to post.
        outbox: File in which messages wait; one for each such node.
        source: The line, as events name it.
        alarms: File of events of an `alarms` node on this host, whose alarms are told as well.
        least: Mildest outcome that is told; NO_READ and gaps always are.
        secret_file: File with the secret of the signatures, `whsec_` and base64; left out, posts are not signed.
        ca: File with the certificates to trust; left out, those of the system.
        backlog: Most messages in the outbox; beyond it the oldest are dropped, counted, and consumers told.
        timeout: Longest wait for the connection and for each part of an answer.
        patience: How long the end of the line may wait for the receiver.
    """
    from nodes.delivery.posting import hook

    wanted = Wanted(outbox=outbox, backlog=backlog, least=least, alarms=alarms, patience=patience)
    carry("webhook", batches, wanted, lambda: hook(url, timeout, ca, source, secret_file))
