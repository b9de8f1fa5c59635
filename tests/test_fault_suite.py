"""The short form of `make faults`: a line of four cameras is broken in the likeliest ways, and nothing is lost."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from benchmarks.faults import disks, kills, network, strangers, torn, webhooks
from benchmarks.faults.consumers import differ, judge_gate
from benchmarks.faults.fault import Fault, suffer
from benchmarks.faults.growth import WARM, Sample, slope
from benchmarks.faults.oracle import Account, Reading, silent
from benchmarks.faults.proxy import Wire, framed, read
from nodes.sinks.events import encode, event
from pipeline.records import Verdict

PATIENCE = pytest.mark.timeout(300)  # 10 s each, where nobody else wants the machine
PROCESSES = [fault for fault in (*webhooks.FAULTS, *kills.FAULTS) if fault.short and "supervisor" not in fault.name]
NETWORK = [fault for fault in network.FAULTS if fault.short]
STRANGERS = [fault for fault in strangers.FAULTS if fault.short]


@pytest.mark.slow
@PATIENCE
@pytest.mark.parametrize(
    ("faults", "transport"), [([*PROCESSES, *STRANGERS], "ipc"), (NETWORK, "tcp")], ids=["processes", "network"]
)
def test_nothing_is_lost(faults: Sequence[Fault], transport: str) -> None:
    """A webhook ill, processes killed, messages torn, the network gone: what was given is readable or told."""
    assert _broken(faults, transport).clean


@pytest.mark.slow
@PATIENCE
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_costs_nothing() -> None:
    """The archive's disk is full for a while: all that was given is in it afterwards."""
    assert _broken([fault for fault in disks.FAULTS if fault.short], "ipc").clean


@pytest.mark.slow
@pytest.mark.parametrize("name", torn.CHECKS)
def test_what_is_whole_in_a_damaged_file_is_read(name: str, tmp_path: Path) -> None:
    """Torn and rotten files, at one of so many bytes: no row is another, and every whole one is there."""
    account, times = torn.CHECKS[name](tmp_path, Random(1), True)
    assert times > 5
    assert account.clean


def test_a_growth_is_found_under_restarts() -> None:
    """A process that grows by 36 MB/h, started anew at another level, has that slope; what warms up does not count."""
    grows = [Sample("a", pid, at, 1e9 * pid + 1e4 * at, 9, 3) for pid in (1, 2) for at in range(pid * 1000, pid * 1900)]
    found = slope(grows, "rss")
    assert found.per_hour == pytest.approx(36e6, rel=0.01)
    assert found.high - found.low < 1e6
    assert WARM < 900


def test_a_step_is_no_growth_and_stairs_are() -> None:
    """What is opened once, whenever that is, counts for nothing; what every strike leaves behind counts in full."""
    once = [Sample("a", pid, at, 5e7 + 2e7 * (at > 700 * pid), 9, 3) for pid in (1, 2) for at in range(1500)]
    assert slope(once, "rss").per_hour == slope(once, "rss").low == 0
    stairs = [Sample("a", 1, at, 5e7 + 1e6 * (at // 90), 9, 3) for at in range(3600)]
    assert slope(stairs, "rss").per_hour == pytest.approx(40e6, rel=0.1)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_frames_pass_the_proxy_as_they_are(size: int) -> None:
    """A frame of any size is read and written as ZMTP has it."""
    frame = Wire(1, os.urandom(size))
    data = framed(frame)
    places = iter([data[at : at + n] for at, n in _parts(data, size)])
    found = read(lambda _: next(places))
    assert found
    assert (found.flags & 1, found.body) == (1, frame.body)


def _parts(data: bytes, size: int) -> list[tuple[int, int]]:
    head = 8 if size > 255 else 1
    assert len(data) == 1 + head + size
    return [(0, 1), (1, head), (1 + head, size)]


def _broken(faults: Sequence[Fault], transport: str) -> Account:
    with tempfile.TemporaryDirectory(prefix="kf-", dir="/tmp") as folder:
        return suffer(faults, transport, Path(folder), Random(1), short=True).account


def test_a_part_that_waits_twice_is_lost_where_neither_came() -> None:
    """Followed anew after a kill it has another id, and its sink takes it once; in the archive it must stay."""
    mine, again, other = ("cam-1", "s", 9, 3, 72.5), ("cam-1", "s", 9, 7, 71.0), ("cam-1", "s", 9, 8, 130.0)
    before = Reading({"parts": frozenset({mine, again, other})}, frozenset(), frozenset({again, other}))
    assert before.without(Reading({"parts": frozenset({mine})}, frozenset())) == [f"parts {other}"]
    assert before.without(Reading({"parts": frozenset({again, other})}, frozenset())) == [f"parts {mine}"]
    archived = before.plus(Reading({"parts": frozenset({mine, again})}, frozenset()))
    assert archived.spooled == {other}
    assert sorted(archived.without(Reading({"parts": frozenset({mine})}, frozenset()))) == [
        f"parts {again}", f"parts {other}",
    ]  # fmt: skip


def test_a_consumer_that_misses_something_is_found(tmp_path: Path) -> None:
    """Or has something that nobody gave, or one verdict under two numbers; and a part that the gate let go."""
    whole = Counter({"a": 1, "b": 1, "late": 1, "gap": 0})
    assert [*differ({"a", "b"}, {"mqtt": whole, "plc": whole})] == []
    assert [*differ({"a", "b"}, {"mqtt": Counter({"b": 2, "c": 1}), "plc": whole, "post": whole})] == [
        "mqtt: 1 verdicts never came: a",
        "mqtt: 1 verdicts nobody gave: c",
        "mqtt: 1 verdicts came under two numbers: b",
    ]
    path = tmp_path / "parts"
    assert [*judge_gate(path)] == ["gate: 0 parts, of which these got what they should not: []"]
    path.write_text('{"action": "reject", "outcome": null}\n{"action": "pass", "outcome": "WARN"}\n')
    assert [*judge_gate(path)] == []
    path.write_text('{"action": "pass", "outcome": null}\n')
    assert len([*judge_gate(path)]) == 1


def test_each_part_wants_an_event_even_where_two_left_at_once(tmp_path: Path) -> None:
    """One of its own verdicts, or one that only the alarms got; another part's tells nothing of it."""
    first, again, other = (judged(part, mark) for part, mark in ((3, 72.5), (7, 71.0), (8, 130.0)))
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode(event(again)) + b"\n")
    assert [*silent([first, again, other], path)] == [other]
    assert [*silent([first], path)] == []
    assert len([*silent([first, other], path)]) == 1
    path.write_bytes(b"")
    assert [*silent([first, again, other], path)] == [again, other]


def judged(part: int, mark: float) -> Verdict:
    """A part that failed, where it lay on the belt."""
    return Verdict(
        camera="cam-1", session="s", seq=9, t_ns=0, outcome="FAIL", subject="part", part=part, first_seq=1, mark=mark
    )
