"""Turns: what each prompt gets of one sensor, which deadlines can be kept, and what happens frame by frame."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.prompts import Aim, Prompt
from nodes.sensors.schedule import Rota, Schedule, Share, check, schedule, tells
from pipeline.records import Roi

ROI = Roi(1708, 1200, 640, 640)
FRAME = 33_333_333  # ns


class Params(msgspec.Struct):
    """What a source with prompts can be told."""

    prompts: dict[str, Prompt] | None = None
    rate: float = 30.0
    settle: int = 3
    dwell: int = 1


def asked(*deadlines: float, dwell: int = 1) -> list[Aim]:
    """Prompts a, b, c, … with these deadlines, s; 0 for none."""
    return [Aim(name, ROI, dwell, deadline) for name, deadline in zip("abcdefghij", deadlines, strict=False)]


def named(found: Schedule) -> str:
    """The turns of a schedule, by name."""
    return "".join(found.aims[turn].name for turn in found.turns)


def point(**words: Any) -> Prompt:
    """A legal prompt."""
    return Prompt(point=(2028, 1520), size=640, **words)


def test_one_prompt_has_every_frame() -> None:
    """Where the crop never moves there is nothing to settle."""
    found = schedule(asked(0), 30.0, 3)
    assert (found.turns, found.settle, found.share(0)) == ((0,), 0, Share(30.0, 1 / 30))


def test_prompts_without_deadlines_take_turns() -> None:
    """K prompts with S settling frames, two under way and one mask each: rate / (K · (3 + S)), each once a cycle."""
    found = schedule(asked(0, 0, 0, 0), 30.0, 3)
    assert (named(found), found.frames) == ("abcd", 24)
    assert {found.share(place) for place in range(4)} == {Share(30 / 24, 24 / 30)}


def test_a_longer_turn_gives_more_masks() -> None:
    """Settling is paid once a turn: with a dwell of 5 there are 5 masks in every 10 frames."""
    found = schedule(asked(0, 0, dwell=5), 30.0, 3)
    assert found.share(0).rate == pytest.approx(30 * 5 / 20)
    assert found.share(0).wait == pytest.approx((20 - 4) / 30)


def test_a_tight_deadline_gets_more_turns() -> None:
    """One prompt is let in as often as it must, the others share the rest, and nobody starves."""
    found = schedule(asked(0.4, 0, 0, 0), 30.0, 3)
    assert [*found.late()] == []
    assert found.share(0).wait <= 0.4
    assert found.share(0).rate > found.share(1).rate == found.share(2).rate == found.share(3).rate > 0


def test_what_cannot_be_kept_is_told() -> None:
    """Deadlines that no order of turns can keep: who is late, and what there would be."""
    found = schedule(asked(0.2, 0.2, 0), 30.0, 3)
    assert [(aim.name, share.wait) for aim, share in found.late()] == [("a", 0.6), ("b", 0.6)]


@given(
    st.lists(st.sampled_from([0.0, 0.2, 0.3, 0.5, 0.8, 1.3, 2.0]), min_size=2, max_size=6),
    st.integers(1, 4),
    st.integers(0, 5),
    st.sampled_from([10.0, 29.97, 30.0]),
)
def test_shares_are_what_the_turns_give(deadlines: list[float], dwell: int, settle: int, rate: float) -> None:
    """Played frame by frame, every prompt has as many masks as promised, and none waits longer for one."""
    found = schedule(asked(*deadlines, dwell=dwell), rate, settle)
    masks = [turn for _ in range(3) for turn in found.turns for turn in [-1] * found.settle + [turn] * dwell]
    for place, aim in enumerate(found.aims):
        at = [frame for frame, turn in enumerate(masks) if turn == place]
        assert found.share(place).rate == pytest.approx(rate * len(at) / len(masks))
        assert found.share(place).wait == pytest.approx(max(b - a for a, b in pairwise(at)) / rate)
        if not any(found.late()) and aim.deadline:
            assert found.share(place).wait <= aim.deadline + 1e-9
    assert all(a != b for a, b in zip(found.turns, [*found.turns[1:], found.turns[0]], strict=True))


def test_frame_by_frame() -> None:
    """A turn ends with its last settled mask; settling frames do not count, those of an unknown crop do."""
    rota = Rota(schedule(asked(0, 0, dwell=2), 30.0, 1))
    assert rota.aim.name == "a"
    assert rota.look("settling", 0, mask=True) is None
    assert rota.look("settled", 1, mask=True) is None
    then = rota.look("unknown", 2, mask=True)
    assert then is not None
    assert then is rota.aim
    assert then.name == "b"


def test_a_turn_without_inference_ends() -> None:
    """Who gets no masks loses his own, and nobody else's turn."""
    rota = Rota(schedule(asked(0, 0), 30.0, 3))
    seen = [rota.look("settled", frame, mask=False) for frame in range(24)]
    assert [each.name if each else "" for each in seen] == [*[""] * 11, "b", *[""] * 11, "a"]


def test_one_prompt_is_never_over() -> None:
    """Without another prompt the crop is never written again."""
    rota = Rota(schedule(asked(0), 30.0, 3))
    assert {rota.look("settled", frame, mask=True) for frame in range(50)} == {None}


def test_a_missed_deadline_is_told() -> None:
    """Counted from the first frame on: a prompt whose masks do not come is overdue, the others are not."""
    rota = Rota(schedule(asked(1.0, 1.0), 30.0, 3))
    late: list[str] = []
    for frame in range(80):
        rota.look("settled", frame * FRAME, mask=rota.aim.name == "a")
        late += [aim.name for aim, _ in rota.overdue(frame * FRAME)]
    assert set(late) == {"b"}


def test_check_tells_illegal_crops_first() -> None:
    """A prompt that is no crop has no turn: its flaw stands at its own place, and rates are not spoken of."""
    (flaw,) = check(Params({"rim": Prompt(point=(10, 10), size=640), "pin": point(deadline=0.001)}))
    assert flaw.path == ("prompts", "rim", "point")


def test_check_tells_what_cannot_be_kept() -> None:
    """Who asks, what for, what there is, and what to change; a cell's grid is what asks for it."""
    found = [*check(Params({"rim": point(deadline=0.1), "pin": point()}))]
    text = (
        "'rim' asks for a mask every 0.1 s; when 2 prompts take turns of up to 5 settling frames and their masks at 30 "
        "frames/s, it has one every 0.4 s: expected a longer `deadline`, fewer prompts, or another camera"
    )
    assert found == [(("prompts", "rim", "deadline"), text)]
    grid = Prompt(grid=(2, 1), over=(1000, 800, 800, 400), deadline=0.1)
    assert {flaw.path for flaw in check(Params({"a-b": grid}))} == {("prompts", "a-b", "deadline")}


def test_no_camera_is_faster_than_its_sensor() -> None:
    """A rate that the sensor has not would make every rate in the plan a wrong one."""
    text = "expected at most 30.02 frames/s, the most that the sensor gives, got 60"
    assert [*check(Params(rate=60.0))] == [(("rate",), text)]


def test_nothing_to_check() -> None:
    """The whole view, and prompts that go together, have no flaws; one alone must bear the camera's own rate."""
    assert (
        [*check(Params())] == [*check(Params({"rim": point()}))] == [*check(Params({"a": point(), "b": point()}))] == []
    )
    assert [flaw.path for flaw in check(Params({"rim": point(deadline=0.01)}))] == [("prompts", "rim", "deadline")]


def test_tells_what_each_prompt_gets() -> None:
    """Its crop, its rate, and how long it waits at most."""
    assert [*tells(Params())] == ["whole view: 3040 × 3040 px at (508, 0), 30 masks/s"]
    assert [*tells(Params({"rim": point(), "pin": point(dwell=2)}))] == [
        "prompt rim: 640 × 640 px at (1708, 1200), at least 2.31 masks/s, one every 0.433 s or sooner",
        "prompt pin: 640 × 640 px at (1708, 1200), at least 4.62 masks/s, one every 0.4 s or sooner",
    ]


def test_no_turn_is_an_endless_wait() -> None:
    """What a schedule leaves out has no masks and is late, deadline or not."""
    left = Schedule(tuple(asked(0, 0)), (0,), 3, 30.0)
    assert left.share(1) == Share(0.0, math.inf)
    assert [aim.name for aim, _ in left.late()] == ["b"]
