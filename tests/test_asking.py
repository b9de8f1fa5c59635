"""What a node hears of its line: its own host's state, and what is wrong on the others."""

from __future__ import annotations

from typing import Any

from pipeline.notices import Notice
from pipeline.numbers import Number
from pipeline.runtime.asking import standing
from pipeline.runtime.peer import summary
from pipeline.runtime.state import PeerState, Snapshot

AWAY = "host 'edge-2' at tcp://10.0.0.2:7400 does not answer any more: it is off"


def snapshot(**said: Any) -> Snapshot:
    """A host of a line that runs."""
    about = {"line": "plates", "host": "edge-1", "pid": 1, "phase": "running", "since_ns": 7, "t_ns": 9}
    return Snapshot(**about, order=(), processes=(), nodes=(), edges=(), **said)  # type: ignore[arg-type]


def peer(host: str, **said: Any) -> PeerState:
    """Another one."""
    return PeerState(host=host, address="10.0.0.2", since_ns=7, **said)


def test_a_line_of_one_host_stands_as_that_host_does() -> None:
    """Its notices are no faults."""
    found = standing(snapshot(notices=(Notice("clock", "the clock was set", 8),), pictured=("cam-1",)))
    assert (found.line, found.host, found.phase, found.faults) == ("plates", "edge-1", "running", ())
    assert (found.notices, found.pictured) == (("the clock was set",), ("cam-1",))


def test_what_is_wrong_on_another_host_is_wrong_with_the_line() -> None:
    """What it says, with its name before it; that it says nothing, once; one that left in good order is no fault."""
    peers = (
        peer("edge-2", reach="unreachable", faults=("process rules is stalled",)),
        peer("edge-3", reach="reachable", faults=("process cam-3 is failed",)),
        peer("edge-4", reach="left", faults=("process cam-4 is failed",)),
    )
    notices = (Notice("host edge-2 away", AWAY, 8), Notice("host edge-3 clock", "its clock is off", 8))
    found = standing(snapshot(peers=peers, notices=notices))
    assert found.faults == ("edge-3: process cam-3 is failed", AWAY)
    assert found.notices == ("its clock is off",)


def test_alarms_that_wait_on_another_host_are_told_with_where_they_are_answered() -> None:
    """They are no faults; of a host that does not answer nobody knows."""
    peers = (
        peer("edge-2", reach="reachable", calls=1),
        peer("edge-3", reach="reachable", calls=7),
        peer("edge-4", reach="unreachable", calls=9),
    )
    found = standing(snapshot(peers=peers))
    where = "to be acknowledged; a screen on that host shows them, or `kensa alarm list`"
    assert found.notices == (f"edge-2: 1 alarm waits {where}", f"edge-3: 7 alarms wait {where}")
    assert found.faults == ()


def test_a_host_tells_how_many_of_its_alarms_wait() -> None:
    """In every process, of every book; those that somebody looks after, or that are set aside, do not."""
    states = ("unacknowledged", "returned_unacknowledged", "latched_unacknowledged", "acknowledged", "shelved")
    numbers = [("alarms@edge-1", Number("kensa_alarms", ("plates", "high", state), 2.0)) for state in states]
    numbers.append(("other", Number("kensa_alarms", ("lids", "low", "unacknowledged"), 1.0)))
    numbers.append(("other", Number("kensa_verdicts", ("cam-1", "unacknowledged"), 5.0)))
    assert summary(snapshot(numbers=tuple(numbers)), 0.0, 9).calls == 7
