"""Numbers that nodes count: bounded, and what is so now takes the place of what was."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.sinks.alarms import alarms
from pipeline.numbers import FAMILIES, MOST, OTHER, Number, Numbers
from pipeline.records import Gap, Verdict
from tests.nodes.alarming import BOOK, NOON, World, verdict


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> Numbers:
    """This test's own."""
    made = Numbers()
    for place in ("nodes.sinks.counting.numbers", "nodes.alarming.counting.numbers"):
        monkeypatch.setattr(place, made)
    return made


def told(numbers: Numbers) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and labels → value."""
    return {(one.name, one.labels): one.value for one in numbers.read()}


def test_a_flood_of_labels_is_bounded() -> None:
    """Whatever comes beyond is counted together, none is lost."""
    numbers = Numbers()
    for number in range(MOST + 7):
        numbers.add("kensa_findings", ("cam-1", f"R{number}"))
    numbers.add("kensa_findings", ("cam-1", "R0"), 2)
    found = told(numbers)
    assert len(found) == MOST + 1
    assert found["kensa_findings", (OTHER, OTHER)] == 7
    assert found["kensa_findings", ("cam-1", "R0")] == 3


def test_what_is_so_now_takes_the_place_of_what_was() -> None:
    """Of that one, and of no other."""
    numbers = Numbers()
    numbers.put("kensa_alarms", "a", {("low", "latched"): 1, ("low", "shelved"): 2})
    numbers.put("kensa_alarms", "b", {("low", "latched"): 3})
    numbers.put("kensa_alarms", "a", {("low", "latched"): 4})
    assert numbers.read() == (
        Number("kensa_alarms", ("b", "low", "latched"), 3), Number("kensa_alarms", ("a", "low", "latched"), 4),
    )  # fmt: skip


def test_alarms_counts_what_was_decided_and_how_alarms_are(tmp_path: Path, counted: Numbers) -> None:
    """Outcomes, reasons and missing frames by camera; alarms by priority and state."""
    (tmp_path / "book.yaml").write_text(BOOK)
    gap = Gap(camera="cam-1", session="s", seq=8, last=9, t_ns=NOON, reason="overflow", where="a→b")
    batch: list[Verdict | Gap] = [verdict(1), verdict(2), verdict(3), verdict(4, "PASS", "cam-2"), gap]
    alarms(iter([batch]), path=str(tmp_path / "events.jsonl"), book=str(tmp_path / "book.yaml"))
    found = told(counted)
    assert found["kensa_verdicts", ("cam-1", "FAIL")] == 3
    assert found["kensa_verdicts", ("cam-2", "PASS")] == 1
    assert found["kensa_findings", ("cam-1", "HOLE")] == 3
    assert found["kensa_gap_frames", ("cam-1",)] == 2
    assert found["kensa_alarms_raised", ("book", "high")] == 1


def test_how_alarms_are_is_told_once_a_second(tmp_path: Path, counted: Numbers) -> None:
    """By priority and state; a flood and chatter by themselves."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    world.wait(1.2)
    found = told(counted)
    assert found["kensa_alarms", ("alarms", "high", "unacknowledged")] == 1
    assert found["kensa_alarms_chattering", ("alarms",)] == found["kensa_alarms_flooded", ("alarms",)] == 0
    for number in range(20):
        world.keeper.hear([verdict(seq, camera=f"c{number}") for seq in (1, 2, 3)])
    world.wait(1.2)
    found = told(counted)
    assert found["kensa_alarms", ("alarms", "high", "unacknowledged")] > 10
    assert found["kensa_alarms_flooded", ("alarms",)] == 1


def test_every_family_is_named_as_prometheus_asks() -> None:
    """One prefix, and labels that are bounded."""
    assert all(name.startswith("kensa_") and not name.endswith("_total") for name in FAMILIES)
    assert {label for one in FAMILIES.values() for label in one.labels} == {
        "action", "actuator", "camera", "outcome", "reason", "book", "priority", "state",
    }  # fmt: skip
