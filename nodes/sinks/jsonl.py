"""Write what the line decides to a file of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nodes.delivery.line import QUICK, Least, Most, Source, Wanted, carry
from pipeline.node import node
from pipeline.records import Gap, Verdict
from pipeline.units import Seconds


@node(batch=QUICK)
def jsonl(
    batches: Iterator[list[Verdict | Gap]],
    *,
    path: str,
    outbox: str,
    source: Source = "kensa",
    alarms: str | None = None,
    least: Least = "PASS",
    backlog: Most = 100_000,
    patience: Seconds = 2.0,
) -> None:
    """Append verdicts and alarms to a file, one JSON object a line, numbered, from an outbox of its own.

    For what reads files: it has the envelopes that other consumers get, each once, in order, and `kensa listen FILE`
    proves that none is missing. The file may be on a share that comes and goes, and may be moved away at any time:
    a new one begins. After an outage of it, lines of the type `kensa.state.…` first say how cameras and alarms are. The
    sink `alarms` writes its own file of what somebody must hear of. See docs/consumers.md.

    Args:
        path: The file.
        outbox: File in which messages wait; one for each such node, on a disk of this host.
        source: The line, as events name it.
        alarms: File of events of an `alarms` node on this host, whose alarms are told as well.
        least: Mildest outcome that is told; NO_READ and gaps always are.
        backlog: Most messages in the outbox; beyond it the oldest are dropped, counted, and readers told.
        patience: How long the end of the line may wait for the disk of `path`.
    """
    from nodes.delivery.lines import Lines

    wanted = Wanted(outbox=outbox, backlog=backlog, least=least, alarms=alarms, patience=patience)
    carry("jsonl", batches, wanted, lambda: Lines(Path(path), source))
