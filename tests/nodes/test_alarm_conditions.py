"""Conditions: what of verdicts, gaps and the machine is an alarm; and what alarms do to one another."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.alarming.book import When
from nodes.alarming.conditions import Gaps, Rate, Row, Stalled, matches
from nodes.alarming.edge import over
from nodes.alarming.keeper import Keeper
from nodes.alarming.life import Event
from nodes.alarming.machine import Machine
from pipeline.notices import Notice, bulletin
from pipeline.orders import Answer
from pipeline.records import Finding, Gap, Outcome, Verdict
from tests.nodes.alarming import BOOK, NOON, S, World, book, order, verdict


def seen(*said: Event | None) -> list[str]:
    """What was said, in short: `on`, `off` and `.`."""
    return [each.kind if each else "." for each in said]


def gap(seq: int, last: int, session: str = "s") -> Gap:
    """Frames that are missing."""
    return Gap(camera="cam-1", session=session, seq=seq, last=last, t_ns=NOON, reason="overflow", where="a→b")


def test_a_row_is_over_with_the_first_that_does_not_match() -> None:
    """And is said once, however long it is."""
    row = Row(When(row=2))
    outcomes: tuple[Outcome, ...] = ("FAIL", "FAIL", "FAIL", "NO_READ", "FAIL", "PASS", "FAIL", "FAIL")
    assert seen(*(row.hear(verdict(i, outcome)) for i, outcome in enumerate(outcomes))) == [
        ".", "on", ".", "off", ".", ".", ".", "on",
    ]  # fmt: skip


def test_what_matches() -> None:
    """The outcome; and where they are given, one finding with both reason and rule."""
    both = Verdict(
        camera="c", session="s", seq=1, t_ns=0, outcome="FAIL", subject="frame", first_seq=1,
        findings=(Finding("no-hole", "HOLE", "hole_area", 3.0), Finding("length", "SHORT", "length", 3.0)),
    )  # fmt: skip
    for said, wanted in (
        ({}, True),
        ({"outcome": "WARN"}, False),
        ({"reason": "HOLE"}, True),
        ({"reason": "CHIP"}, False),
        ({"rule": "length"}, True),
        ({"reason": "HOLE", "rule": "no-hole"}, True),
        ({"reason": "HOLE", "rule": "length"}, False),
    ):
        assert matches(When(row=1, **said), both) is wanted  # type: ignore[arg-type]


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 6), st.sampled_from((0.25, 0.5, 1.0)), st.booleans())
def test_a_rate_is_that_of_the_last_so_many(outcomes: list[bool], of: int, limit: float, band: bool) -> None:
    """Against counting anew each time, with the deadband; before it has seen so many it says nothing."""
    deadband = limit / 2 if band else 0.0
    rate, on, said = Rate(When(rate=limit, of=of, deadband=deadband)), None, []
    for i, bad in enumerate(outcomes):
        said.append(rate.hear(verdict(i, "FAIL" if bad else "PASS")))
        last = outcomes[max(0, i + 1 - of) : i + 1]
        now = over(sum(last) / of, limit, deadband, on) if len(last) == of else None
        assert seen(said[-1]) == ["." if now is on or now is None else "on" if now else "off"]
        on = on if now is None else now
        assert rate.last == "".join("01"[one] for one in last)


@pytest.mark.parametrize(
    ("value", "before", "on"),
    [(0.9, False, True), (0.89, False, False), (0.86, True, True), (0.85, True, True), (0.849, True, False)],
)
def test_a_deadband_is_left_below(value: float, before: bool, on: bool) -> None:
    """Limit 0.9, deadband 0.05."""
    assert over(value, 0.9, 0.05, before) is on


def test_a_camera_is_silent_once_it_has_been_for_so_long() -> None:
    """One that was never heard is not said to speak, only, in the end, to be silent."""
    watch = Stalled(When(stalled=2), "c", NOON)
    assert seen(watch.look(NOON + S), watch.look(NOON + 2 * S), watch.look(NOON + 3 * S)) == [".", "on", "."]
    watch.hear(NOON + 4 * S)
    assert seen(watch.look(NOON + 4 * S), watch.look(NOON + 5 * S), watch.look(NOON + 6 * S)) == ["off", ".", "on"]


def test_a_camera_that_the_book_names_is_missed_from_the_start(tmp_path: Path) -> None:
    """Also where nothing ever came of it."""
    text = """
cameras: [cam-9]
alarms:
  silent: {when: {stalled: 2}, priority: low, cause: c, consequence: q, action: a}
"""
    world = World(tmp_path, book(tmp_path, text))
    world.wait(2.2)
    assert world.story() == [("silent@cam-9", "raised")]


def test_gaps_are_a_share_of_the_frames_of_a_while() -> None:
    """Told by gaps or by verdicts on gaps; what is older than the while does not count, nor does another session."""
    watch = Gaps(When(gaps=0.5, over=60), "cam-1", NOON)
    watch.hear(gap(0, 9), NOON)
    assert seen(watch.look(NOON), watch.look(NOON + 59 * S)) == [".", "."]
    watch.hear(verdict(14, "PASS"), NOON + 59 * S)
    assert seen(watch.look(NOON + 60 * S)) == ["on"]
    watch.hear(verdict(25, "PASS"), NOON + 61 * S)
    assert seen(watch.look(NOON + 61 * S), watch.look(NOON + 62 * S)) == ["off", "."]
    watch.hear(gap(0, 15, session="t"), NOON + 80 * S)
    assert seen(watch.look(NOON + 80 * S)) == ["on"]


def test_disk_and_clock_are_the_lines(tmp_path: Path) -> None:
    """Each with its deadband; a disk that does not answer changes nothing."""
    text = """
alarms:
  disk: {when: {disk: 0.9, folder: /data, deadband: 0.05}, priority: low, cause: c, consequence: q, action: a}
  clock: {when: {clock: 2}, priority: low, cause: c, consequence: q, action: a}
"""
    world = World(tmp_path, book(tmp_path, text))
    for used, step in ((0.8, 0.0), (0.91, -3.0), (0.86, 1.0), (None, 0.0), (0.84, 0.0)):
        world.machine = Machine(step, {} if used is None else {"/data": used})
        world.wait(2)
    assert world.story() == [("disk", "raised"), ("clock", "raised"), ("clock", "returned"), ("disk", "returned")]
    assert [step.after.because.text for step in world.steps() if step.what == "raised"] == [
        "the disk of /data is 91% full, at most 90%",
        "the clock was set by -3.0 s, at most 2 s",
    ]


def test_the_first_of_a_group_is_marked(tmp_path: Path) -> None:
    """The others came of it, or at least after it."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in range(1, 5)])
    assert [(one["alarm"], one["first_out"]) for one in world.told()] == [("bad@cam-1", True), ("many@cam-1", False)]


def test_an_alarm_is_suppressed_by_design_while_another_is_up(tmp_path: Path) -> None:
    """It lives on unseen, is told when that is over, and what an operator suppressed is left alone."""
    world = World(tmp_path)
    world.keeper.hear([verdict(1, camera=camera) for camera in ("cam-1", "cam-2")])
    world.keeper.answer(order("suppress", "many@cam-2"))
    world.wait(2.2)
    assert [key for key, alarm in world.keeper.alarms.items() if alarm.active] == ["silent@cam-1", "silent@cam-2"]
    world.keeper.hear([verdict(seq) for seq in (2, 3, 4)])
    changes = [(one["alarm"], one["change"]) for one in world.told() if one["alarm"].startswith("many")]
    assert changes == [("many@cam-2", "suppressed"), ("many@cam-1", "raised")]
    world.wait(2.2)
    assert [world.keeper.alarms[f"many@{camera}"].state for camera in ("cam-1", "cam-2")] == ["suppressed"] * 2
    world.keeper.hear([verdict(5)])
    world.wait(0.2)
    states = [world.keeper.alarms[f"many@{camera}"].state for camera in ("cam-1", "cam-2")]
    assert states == ["unacknowledged", "suppressed"]


def test_what_is_raised_while_it_is_set_aside_is_told_when_it_is_back(tmp_path: Path) -> None:
    """Shelved, it troubles nobody; unshelved, whoever did not hear of it does; once."""
    world = World(tmp_path)
    world.keeper.hear([verdict(0, "PASS")])
    world.keeper.answer(order("shelve", "bad@cam-1", seconds=60))
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    assert [one["change"] for one in world.told() if one["alarm"] == "bad@cam-1"] == ["shelved"]
    world.keeper.answer(order("unshelve", "bad@cam-1"))
    world.wait(1)
    assert [one["change"] for one in world.told() if one["alarm"] == "bad@cam-1"] == [
        "shelved",
        "unshelved",
        "announced",
    ]
    assert world.keeper.alarms["bad@cam-1"].state == "unacknowledged"


def test_two_hundred_alarms_at_once_are_a_flood(tmp_path: Path) -> None:
    """Ten are told, then the flood; the grave ones always; when it is over, those that still stand."""
    world = World(tmp_path)
    for number in range(200):
        world.keeper.hear([verdict(seq, camera=f"c{number}") for seq in (1, 2, 3)])
    told = [(one["alarm"].partition("@")[0], one["change"]) for one in world.told()]
    assert told == [("bad", "raised")] * 10 + [("flood", "raised")]
    assert world.told()[-1]["text"] == (
        "alarm flood (high) raised, now unacknowledged: 10 alarms within 600 s; "
        "those below critical are not told singly"
    )
    for number in range(195):
        world.keeper.hear([verdict(4, "PASS", camera=f"c{number}")])
    world.now += 601 * S
    world.keeper.beat()
    silent = [one for one in world.told() if one["alarm"].startswith("silent")]
    assert len(silent) == 200
    assert world.keeper.alarms["flood"].active  # two hundred cameras have just fallen silent
    world.now += 601 * S
    world.keeper.beat()
    assert not world.keeper.alarms["flood"].active
    late = [one["alarm"] for one in world.told() if one["change"] == "announced"]
    assert late == sorted(late)
    assert {f"bad@c{number}" for number in range(195, 200)} <= {*late}


def test_figures_are_those_of_the_last_day(tmp_path: Path) -> None:
    """Alarms an hour, the busiest one, what stands, chatters and is stale, the most frequent ones."""
    world, numbers = World(tmp_path), count()

    def raise_(camera: str) -> None:
        outcomes: tuple[Outcome, ...] = ("PASS", "FAIL", "FAIL", "FAIL")
        world.keeper.hear([verdict(next(numbers), outcome, camera) for outcome in outcomes])

    raise_("old")
    world.now += 26 * 3600 * S
    for _ in range(3):
        raise_("cam-1")
    world.now += 3600 * S
    raise_("cam-2")
    world.keeper.answer(order("remove", "many@cam-2"))
    for keeper in (world.keeper, world.start()):
        answer: Answer = keeper.answer(None)
        figures = answer.figures
        assert figures is not None
        bad = [each for each in figures.top if each[0].startswith("bad")]
        assert bad == [("bad@cam-1", 3), ("bad@cam-2", 1)]
        assert figures.raised == pytest.approx(figures.per_hour * 24)
        assert figures.busiest < figures.raised
        assert "bad@old" in figures.stale
        assert {"bad@old", "bad@cam-2"} <= {*figures.standing}
        assert figures.aside == ("many@cam-2",)
        assert "bad@cam-1" in figures.chattering


DRIFTED = """
alarms:
  drift: {when: {drift: 2}, priority: low, cause: c, consequence: q, action: a}
  disks: {when: {notice: "archive *"}, priority: low, cause: c, consequence: q, action: a}
"""


def drifted(measure: str, camera: str = "cam-1") -> Notice:
    """What the sink `drift` gives notice of."""
    return Notice(f"drift {camera} hole {measure}", f"{camera}: hole {measure}: half\nof 500 values", 0, 1, camera)


def test_what_other_processes_give_notice_of_is_a_condition(tmp_path: Path) -> None:
    """Drift camera by camera and measure by measure, the rest by its key; who was told nothing says nothing."""
    world = World(tmp_path, book(tmp_path, DRIFTED))
    full = Notice("archive out fills up", "the archive's disk is 90 % full", 0)
    both = (drifted("area"), drifted("score"))
    for notices in (None, (drifted("area"), full), both, None, (*both, drifted("area", "cam-2")), ()):
        world.machine = Machine(notices=notices)
        world.wait(2)
    assert world.story() == [
        ("disks", "raised"), ("disks", "returned"), ("drift@cam-1", "raised"), ("drift@cam-1", "returned"),
    ]  # fmt: skip
    assert [step.after.because.text for step in world.steps() if step.what == "raised"] == [
        "the archive's disk is 90 % full",
        "cam-1: hole area: half of 500 values; cam-1: hole score: half of 500 values",
    ]


def test_drift_that_is_over_after_a_crash_returns(tmp_path: Path) -> None:
    """Also where nothing has come of that camera again; before anything was told it stays."""
    world = World(tmp_path, book(tmp_path, DRIFTED))
    world.machine = Machine(notices=(drifted("area"), drifted("score")))
    world.wait(2)
    world.machine = Machine()
    world.start()
    world.wait(2)
    assert world.keeper.alarms["drift@cam-1"].active
    world.machine = Machine(notices=())
    world.wait(2)
    assert world.story() == [("drift@cam-1", "raised"), ("drift@cam-1", "returned")]


def test_only_who_goes_by_notices_asks_for_them(tmp_path: Path) -> None:
    """While it is there; what nobody goes by is not kept."""
    with Keeper(book(tmp_path, BOOK), tmp_path / "a", lambda lines: None):
        assert not bulletin.wanted
    with Keeper(book(tmp_path, DRIFTED), tmp_path / "b", lambda lines: None):
        assert bulletin.wanted
        bulletin.hear((drifted("area"),))
        assert bulletin.read() == (drifted("area"),)
    assert (bulletin.wanted, bulletin.read()) == (False, None)
