"""Show OPC UA clients what the line decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta

from nodes.delivery.line import QUICK, Consumers, Least, Most, Wanted, carry
from pipeline.node import Flaw, node
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds

Endpoint = Annotated[str, Meta(pattern=r"^opc\.tcp://[^/:]+:\d{1,5}(/.*)?$", description="opc.tcp URL")]
LineName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w-]+$", description="name")]
HERE = ("127.0.0.1", "localhost")


def _unclear(params: Any) -> Iterator[Flaw]:
    both = (params.certificate is None) == (params.private_key is None)
    if not both:
        yield Flaw(("certificate",), "expected `certificate` and `private_key`, got one of them")
    if params.tokens and params.certificate is None and urlsplit(params.endpoint).hostname not in HERE:
        yield Flaw(
            ("tokens",), "tokens cross the network unencrypted: give `certificate` and `private_key`, or take 127.0.0.1"
        )


@node(batch=QUICK, check=_unclear)
def opcua(
    batches: Iterator[list[Verdict | Gap]],
    *,
    outbox: str,
    line: LineName,
    endpoint: Endpoint = "opc.tcp://127.0.0.1:4840/kensa",
    alarms: str | None = None,
    least: Least = "PASS",
    confirm: Consumers = (),
    backlog: Most = 100_000,
    tokens: str | None = None,
    certificate: str | None = None,
    private_key: str | None = None,
    simulated: bool = False,
    patience: Seconds = 2.0,
) -> None:
    """Be an OPC UA server: the newest verdict of each camera, recipe, state and alarms, with the names of OPC 40100-1.

    Clients read variables and subscribe to events; alarms are conditions that they acknowledge and shelve with the
    methods of OPC 10000-9, as `kensa alarm` does. Everybody reads; who has a token acts, under the name it has. A
    client that was away fetches what it missed by number, and where `confirm` names consumers, events come again until
    they have acknowledged them. See docs/plant.md.

    Args:
        outbox: File in which events wait; one for each such node.
        line: Name of the line, as clients see it.
        endpoint: Where to listen; only this host reaches the default.
        alarms: File of events of an `alarms` node on this host, whose alarms become conditions.
        least: Mildest outcome that is told; NO_READ and gaps always are.
        confirm: Consumers that must acknowledge events.
        backlog: Most events in the outbox; beyond it the oldest are dropped and counted.
        tokens: File of those who may act, `NAME TOKEN` on each line, for its owner alone; else nobody may.
        certificate: The server's certificate, DER or PEM; with it everything is encrypted.
        private_key: Its key.
        simulated: Whether its results are marked as simulated: of virtual cameras, or of a line on trial.
        patience: How long the end of the line may wait for consumers.
    """
    from nodes.delivery.outbox import Outbox
    from nodes.opcua.channel import Ua
    from nodes.opcua.server import Setting

    setting = Setting(
        endpoint=endpoint, line=line, tokens=tokens, certificate=certificate, private_key=private_key,
        simulated=simulated,
    )  # fmt: skip
    wanted = Wanted(outbox=outbox, backlog=backlog, least=least, alarms=alarms, confirm=confirm, patience=patience)

    def reading() -> Outbox:
        return Outbox(Path(outbox), backlog, confirm, durable=False, check=False)

    carry("opcua", batches, wanted, lambda: Ua(setting, reading))
