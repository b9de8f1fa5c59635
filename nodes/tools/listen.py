"""`kensa listen WHERE`: be a consumer of a line's events, and prove that nothing is missing."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from nodes.delivery.receiving import Ledger, Numbered, What
from nodes.sinks.journal import Journal, replace
from nodes.tools.hearing import Ear, Mqtt, Posts, lines
from pipeline.durations import seconds
from pipeline.errors import KensaError

SAID = "be a consumer of a line's events, and prove that nothing is missing"
MISSING = 1
EPILOG = """
WHERE is mqtt://host:1883/TOPIC (mqtts for TLS), http://0.0.0.0:8080 to be a webhook, or a file of JSON lines. Each
message is written to --out, if that is given, before it is confirmed; --state remembers how far each stream came.
exit status: 0 nothing is missing; 1 something is missing or was dropped (with --exact: or came twice, or late); 2 it
could not listen
"""


class Consumer:
    """Takes messages, keeps them, and knows what is missing.

    Args:
        out: Where to keep them.
        state: Where to remember how far each stream came.
        loud: Whether to print each.
    """

    def __init__(self, out: Path | None, state: Path | None, *, loud: bool = False) -> None:
        self._out = Journal(out) if out else None
        self._state, self._loud = state, loud
        known = state.read_bytes() if state and state.exists() else b"{}"
        self.ledger, self.strange = Ledger(msgspec.json.decode(known, type=dict[str, int])), 0

    def take(self, envelope: bytes) -> tuple[What, Numbered] | None:
        """Keep a message; None for what is none of ours.

        Raises:
            KensaError: If it cannot be kept.
        """
        try:
            what, told = self.ledger.hear(envelope)
        except msgspec.MsgspecError as error:
            self.strange += 1
            print(f"not a message of an outbox: {error}")
            return None
        try:
            self._keep(envelope, what)
        except OSError as error:
            raise KensaError(f"cannot keep what came: {error}; it is not confirmed, and comes again") from error
        if self._loud:
            print(envelope.decode(), flush=True)
        return what, told

    def _keep(self, envelope: bytes, what: What) -> None:
        if self._out and what != "twice":
            self._out.append([envelope])
        if self._state:
            streams = self.ledger.streams.items()
            known = {name: stream.through for name, stream in streams if stream.begin is not None}
            replace(self._state, msgspec.json.encode(known))

    @property
    def came(self) -> int:
        """Messages that were new."""
        return sum(stream.came for stream in self.ledger.streams.values())


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("where", metavar="WHERE", help="mqtt://host/TOPIC, http://address:port, or a file")
    parser.add_argument("--name", default="listen", help="who it is: what `confirm` of the sink calls it")
    parser.add_argument("--for", dest="seconds", type=seconds, metavar="TIME", help="stop after that, such as 30s")
    parser.add_argument("--count", type=int, metavar="N", help="stop after so many messages")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append messages to a file of JSON lines")
    parser.add_argument("--state", type=Path, metavar="FILE", help="go on where the last run was")
    parser.add_argument("--exact", action="store_true", help="let it be a fault, too, if one comes twice or late")
    parser.add_argument("--print", dest="loud", action="store_true", help="print every message")
    parser.add_argument("--user", default="", help="name for the broker")
    parser.add_argument("--password-file", default="", metavar="FILE", help="its first line is the password")
    parser.add_argument("--ca", default="", metavar="FILE", help="certificates to trust")
    parser.add_argument("--secret-file", default="", metavar="FILE", help="what a webhook's signatures are made with")


def run(args: Namespace) -> int:
    """Listen; returns the exit status."""
    consumer = Consumer(args.out, args.state, loud=args.loud)
    if "://" not in args.where:
        for line in lines(Path(args.where)):
            consumer.take(line)
    else:
        with _ear(args, consumer) as ear:
            _listen(ear, args.seconds, args.count, consumer)
    ledger = consumer.ledger
    print("\n".join(ledger.told()) or "no message has come")
    good = ledger.exact if args.exact else ledger.whole
    return 0 if good and not consumer.strange else MISSING


def _listen(ear: Ear, limit: float | None, count: int | None, consumer: Consumer) -> None:
    """Take what comes, until it is enough."""
    until = time.monotonic() + limit if limit else None
    try:
        while (count is None or consumer.came < count) and (until is None or time.monotonic() < until):
            ear.turn(0.2)
    except KeyboardInterrupt:
        print()


def _ear(args: Namespace, consumer: Consumer) -> AbstractContextManager[Ear]:
    scheme = args.where.partition("://")[0]
    if scheme in ("mqtt", "mqtts"):
        return Mqtt(args.where, args.name, consumer.take, consumer.ledger, args)
    if scheme == "http":
        return Posts(args.where, consumer.take, args.secret_file)
    raise KensaError(f"expected mqtt://host/TOPIC, http://address:port or a file, found {args.where}")
