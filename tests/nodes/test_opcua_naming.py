"""Names of OPC UA: a verdict as a result of OPC 40100-1, an alarm as a condition of OPC 10000-9."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from nodes.alarming.life import ACTIVE as LIVES
from nodes.alarming.life import AWAITING as AWAITED
from nodes.alarming.life import State
from nodes.opcua.naming import ACTIVE, AWAITING, COMPLETED, FAILED, SEVERITY, condition, result, states, step
from nodes.opcua.space import EMPTY, PLAIN, RESULT, TWOFOLD, members, plain, twofold
from nodes.sinks.events import encode, event
from pipeline.cli import main
from pipeline.records import Gap
from tests.nodes.alarming import NOON, World, order, verdict


def test_a_verdict_is_a_result() -> None:
    """Member by member; the whole event is its content."""
    told = encode(event(verdict(3)))
    found = result(told, 17)
    assert (found.result_state, found.part_id, found.meas_id) == (COMPLETED, "3", "s/3-3")
    assert (found.external_recipe_id, found.internal_recipe_id) == ("brackets", "5d1c0ffee123")
    assert (found.outcome, found.reasons, found.camera, found.job_id) == ("FAIL", ("HOLE",), "cam-1", "s")
    assert (found.result_id, found.sequence) == (event(verdict(3)).id, 17)
    assert found.result_content == told.decode()
    values = members(found)
    assert {*values} == {*RESULT}
    assert values["CreationTime"].isoformat() == "2026-11-22T16:00:03+00:00"


def test_what_was_not_inspected_has_failed() -> None:
    """A gap and a NO_READ are never a good result."""
    gap = Gap(camera="cam-1", session="s", seq=8, last=9, t_ns=NOON, reason="overflow", where="a→b")
    assert result(encode(event(gap)), 1).result_state == FAILED
    assert result(encode(event(verdict(1, "NO_READ"))), 1).result_state == FAILED
    assert result(encode(event(verdict(1, "PASS"))), 1).result_state == COMPLETED


def test_what_is_no_event_is_refused() -> None:
    """And says so."""
    with pytest.raises(msgspec.MsgspecError):
        result(b'{"id": 1}', 1)


def test_every_step_of_an_alarm_is_a_condition(tmp_path: Path) -> None:
    """Raised, acknowledged, shelved, returned: as the alarm book's own states say."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    world.keeper.answer(order("acknowledge", reason="on my way"))
    world.keeper.answer(order("shelve", seconds=60))
    world.keeper.hear([verdict(4, "PASS")])
    world.wait(61)
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    steps = [step(line) for line in lines if b'"alarm":"bad@cam-1"' in line]
    seen = [(one.change, condition(one)) for one in steps]
    shown = [(change, c.active, c.acked, c.shelved, c.retain) for change, c in seen]
    assert shown == [
        ("raised", True, False, False, True), ("acknowledged", True, True, False, True),
        ("shelved", True, True, True, True), ("returned", False, True, True, True),
        ("shelf_ended", False, True, False, False),
    ]  # fmt: skip
    assert {c.severity for _, c in seen} == {700}
    said = plain(steps[1], seen[1][1])
    assert (said["ClientUserId"], said["Comment"], said["EventId"].hex()) == ("anna", "on my way", steps[1].id)
    assert {*said} == {*PLAIN}
    assert twofold(seen[0][1]) == {
        "ActiveState": True, "AckedState": False, "LatchedState": False, "SuppressedState": False,
        "OutOfServiceState": False,
    }  # fmt: skip
    assert {*twofold(seen[0][1])} == {*TWOFOLD}


def test_the_words_are_those_of_alarms() -> None:
    """A state that came to alarms would be missed here."""
    assert [sorted(each) for each in (ACTIVE, AWAITING)] == [sorted(each) for each in (LIVES, AWAITED)]
    assert {"shelved", "suppressed", "out_of_service", "normal"} <= {*get_args(State)} | {"normal"}
    assert list(SEVERITY.values()) == sorted(SEVERITY.values(), reverse=True)
    assert {*PLAIN.values(), *RESULT.values(), "LocalizedText"} <= {*EMPTY}


@pytest.mark.parametrize(
    ("phase", "healthy", "state"),
    [
        ("starting", True, ("Preoperational", "Initialized")),
        ("running", True, ("Operational", "ContinuousExecution")),
        ("running", False, ("Error", "Initialized")),
        ("draining", True, ("Halted", "Initialized")),
        ("ended", True, ("Halted", "Initialized")),
    ],
)
def test_a_line_is_in_a_state_of_the_machine(phase: str, healthy: bool, state: tuple[str, str]) -> None:
    """Those that OPC 40100-1 has."""
    assert states(phase, healthy=healthy) == state


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            "tokens: operators, endpoint: 'opc.tcp://0.0.0.0:4840/kensa'",
            "tokens cross the network unencrypted: give `certificate` and `private_key`, or take 127.0.0.1",
        ),
        ("certificate: server.der", "expected `certificate` and `private_key`, got one of them"),
        ("endpoint: 'http://localhost:4840'", "endpoint: expected opc.tcp URL, got 'http://localhost:4840'"),
    ],
)
def test_what_would_be_unsafe_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, why: str
) -> None:
    """Before anything runs."""
    path = tmp_path / "line.yaml"
    path.write_text(
        "hosts: {edge-1: {cameras: [cam-1]}}\nnodes:\n  camera: {use: synthetic}\n  clean: {from: camera}\n"
        "  measure: {from: clean}\n  track: {from: measure}\n  rules: {from: track, with: {book: book.yaml}}\n"
        f"  opcua: {{from: rules, with: {{line: plates, outbox: ua.outbox, {more}}}}}\n"
    )
    assert main(["check", str(path)]) != 0
    said = capsys.readouterr()
    assert why in said.out + said.err
