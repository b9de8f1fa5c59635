"""A consumer in a process of its own: writes each number down, then says that it is done. Killed by tests."""

from __future__ import annotations

import os
import sys

from pipeline.plan import Lane
from pipeline.transport.channel import Closed
from pipeline.transport.connect import Context, open_inbox
from tests.edges import edge


def main(address: str, path: str) -> None:
    """Take everything from one edge and commit it, record by record, to a file."""
    context = Context()
    lane = Lane(name="out", cameras=(), runs=(), addresses=(address,))
    inbox = open_inbox(lane, (edge("ipc", address),), context)
    committed = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        while True:
            if (delivery := inbox.receive(1.0)) is not None:
                os.write(committed, f"{delivery.record.seq}\n".encode())
                inbox.done(delivery)
    except Closed:
        inbox.close()
        context.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
