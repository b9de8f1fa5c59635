"""A producer in a process of its own: hands records to a durable edge and tells how many are safe. Killed by tests."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from pipeline.transport.connect import Context, open_outbox
from tests.edges import edge, record

PATIENCE = 20.0  # seconds for its consumer to take the rest


def main(words: list[str]) -> None:
    """Hand over records with these numbers; write down how many are delivered or on disk, as soon as they are."""
    transport, address, state, incarnation, numbers, path = words
    context = Context(state=Path(state))
    leads = edge("tcp" if transport == "tcp" else "ipc", address, policy="spool", messages=200)
    outbox = open_outbox(leads, incarnation, context)
    over, safe = threading.Event(), os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def pulse() -> None:
        while not over.wait(0.01):
            outbox.pump()
            ledger = outbox.ledger()
            os.write(safe, f"{ledger.delivered + ledger.spilled}\n".encode())

    beat = threading.Thread(target=pulse)
    beat.start()
    pause = threading.Event()
    for seq in range(*map(int, numbers.split("-"))):
        outbox.send(record("cam", seq))
        pause.wait(0.0005)
    ledger = outbox.close(PATIENCE)
    over.set()
    beat.join()
    context.close()
    sys.exit(ledger.unaccounted or ledger.in_flight)


if __name__ == "__main__":
    main(sys.argv[1:])
