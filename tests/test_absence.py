"""Consumers that are away: told after a while with all that a person needs, and no longer once they are back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.notices import board
from pipeline.plan import Edge, Policy, Queue, Transport
from pipeline.runtime.absence import AWAITED_S, AWAY_S, Absences, told
from pipeline.transport.channel import Inbox, Ledger, Opening
from tests.edges import Ends, edge, eventually, send, take

LEDGER = Ledger(sent=1600, in_flight=1200, spilled=400)


@pytest.fixture(params=["ipc", "tcp"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A line over each kind of socket, with a folder for spools."""
    line = Ends(request.param, tmp_path)
    yield line
    line.close()


def notices() -> list[str]:
    """What people are told about consumers."""
    return [notice.text for notice in board.read() if notice.key.startswith("away ")]


def test_a_consumer_that_stays_away_is_told_of_until_it_is_back(line: Ends) -> None:
    """One that was there counts as away much sooner than one that is yet to come; one notice for all its edges."""
    edges = [line.edge(f"cam-{number}→out", policy="spool") for number in (1, 2)]
    boxes = [line.outbox(each) for each in edges]
    pairs = [*zip(edges, boxes, strict=True)]
    absences, now = Absences("/state"), time.monotonic()

    def look(after: float) -> list[str]:
        absences.look(now + after, lambda: pairs)
        return notices()

    assert look(0.0) == look(AWAITED_S - 1) == []
    assert len(look(AWAITED_S)) == 1
    inbox = line.inbox(*edges)
    eventually(lambda: _met(inbox, boxes), "the consumer is there")
    assert look(AWAITED_S + 1) == []
    line.leave(inbox)
    eventually(lambda: not any(box.linked for box in boxes), "the consumer is gone")
    send(boxes[0], range(3))
    assert look(AWAITED_S + 2) == look(AWAITED_S + AWAY_S) == []
    (text,) = look(AWAITED_S + AWAY_S + 4)
    assert text.startswith(f"node 'out'{' on host ' if line.transport == 'tcp' else ' '}")
    assert f"has been away for {AWAY_S + 2:.0f} s: " in text
    assert "(edge 'cam-1→out' and 1 more)" in text
    again = line.inbox(*edges)
    assert len(take(again, 3)) == 3
    eventually(lambda: _met(again, boxes), "the consumer is back")
    assert look(AWAITED_S + AWAY_S + 6) == []


def test_an_edge_that_is_closed_is_told_of_no_longer(line: Ends) -> None:
    """A reload that takes it away takes its notice along."""
    over = line.edge()
    box = line.outbox(over)
    absences = Absences("")
    for now in (0.0, AWAITED_S):
        absences.look(now, lambda: [(over, box)])
    assert len(notices()) == 1
    absences.look(AWAITED_S + 1, list)
    assert notices() == []


HERE = "`kensa top` shows whether its process runs, the log why it does not"
THERE = "see that the line runs on 'edge-2', and that network and keys let it through to tcp://10.0.0.2:7401"


@pytest.mark.parametrize(
    ("policy", "carrier", "waits", "fate", "advice"),
    [
        ("spool", "tcp", " and 400 on disk in /state/spool", "from 1,024 MiB on disk per edge the oldest go", THERE),
        ("block", "ipc", "", "from 1,024 per edge its producer waits", HERE),
        ("drop_oldest", "ipc", "", "from 1,024 per edge the oldest go", HERE),
        ("latest", "ipc", "", "only the newest of each camera is kept", HERE),
    ],
)
def test_what_people_read(policy: Policy, carrier: Transport, waits: str, fate: str, advice: str) -> None:
    """Who is away, for how long, what waits where, what comes of it, and what to do."""
    where = " on host 'edge-2'" if carrier == "tcp" else ""
    assert told([_edge(name, policy, carrier) for name in "ab"], 7.2, LEDGER, "/state") == (
        f"node 'archive'{where} has been away for 7 s: 1,200 records wait in memory{waits} (edge 'a→archive' and 1 "
        f"more); {fate}; {advice}"
    )


def _met(inbox: Inbox, boxes: Sequence[Opening]) -> bool:
    assert inbox.receive(0.0) is None
    return all(box.linked for box in boxes)


def _edge(name: str, policy: Policy, carrier: Transport) -> Edge:
    made = edge(carrier, "tcp://10.0.0.2:7401", f"{name}→archive", ("edge-1", "edge-2"))
    return replace(made, target=("archive", "archive"), queue=Queue(policy=policy))
