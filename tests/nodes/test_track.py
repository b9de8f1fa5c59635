"""Tracking: every part on the belt is told once, whatever the belt does and whatever nobody saw."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nodes.sources.belt import truth
from nodes.sources.synthetic import synthetic
from nodes.transforms.clean import clean
from nodes.transforms.measure import measured
from nodes.transforms.track import track
from pipeline.clock import FakeClock
from pipeline.errors import NodeError
from pipeline.records import Frame, Gap, Part, Record, Regions, Tracks
from tests.nodes.scenes import belt, gap, lags, regions


def follow(records: Iterable[Regions | Gap], **params: object) -> list[Record]:
    """Everything that `track` tells."""
    return [*track(iter(records), **params)]  # type: ignore[arg-type]


def parts(records: Iterable[Record]) -> list[Part]:
    """The parts among them."""
    return [record for record in records if isinstance(record, Part)]


def seen(frames: int, *, start: int = 0, **params: object) -> list[Regions]:
    """What is measured on the synthetic belt from frame `start` on."""
    shown = synthetic("cam-1", "s1", FakeClock(), frames=frames, **params)  # type: ignore[arg-type]
    return [measured(clean(f, fill_holes=4)) for f in shown if isinstance(f, Frame) and f.seq >= start]


@pytest.mark.slow
@pytest.mark.parametrize("speed", [2.0, 6.0, 16.0, 24.0, 32.0])
@pytest.mark.parametrize("told", [True, False])
def test_every_part_is_counted_once(speed: float, *, told: bool) -> None:
    """Slow or by a whole part length per frame, with the speed told or learnt: as many parts as there were."""
    found = parts(follow(seen(300, speed=speed), speed=speed if told else None))
    there = [*truth("cam-1", frames=300, speed=speed)]
    assert len(found) == sum(part.leaves > part.enters for part in there)
    assert [part.id for part in found] == [*range(len(found))]
    for part, true in zip(found, there, strict=False):
        assert abs(part.first_seq - true.enters) <= 1
        assert abs(part.seq - true.leaves) <= 1
        assert abs(part.views - true.views) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("speed", [4.0, 28.0, 40.0])
def test_a_belt_already_in_motion_is_understood(speed: float) -> None:
    """A line that starts in the middle learns the way from several frames, although parts look alike."""
    there = [part for part in truth("cam-1", frames=400, speed=speed) if part.leaves >= 100]
    assert abs(len(parts(follow(seen(400, start=100, speed=speed)))) - len(there)) <= 2


def test_a_belt_that_stops_and_goes_keeps_its_parts() -> None:
    """Parts that rest in view stay the same parts: those that come after a stop are counted on."""
    speeds = ([9.0] * 20 + [0.0] * 15 + [3.0, 6.0]) * 3
    entered = sum(lag < sum(speeds[:-1]) - 1 for lag in lags(20))
    assert len(parts(follow(belt(speeds)))) == entered


def test_frames_that_a_gap_took_are_hidden_not_lost() -> None:
    """A part found again after a gap is the same part, and says how many frames nobody saw."""
    frames = belt([4.0] * 60)
    told, whole = parts(follow([*frames[:12], gap(12, 15), *frames[16:]])), parts(follow(frames))
    assert len(told) == len(whole)
    assert [part.hidden for part in told][:3] == [4, 0, 0]
    assert all(part.hidden == 0 for part in whole)


def test_a_gap_longer_than_a_part_ends_it() -> None:
    """A part that must have left in the dark is told with its last sight, and that it was hidden until it had left."""
    frames = belt([4.0] * 120)
    told = parts(follow([*frames[:12], gap(12, 79), *frames[80:]]))
    assert told[0].seq == 11
    assert told[0].hidden == 18
    assert told[1].first_seq >= 80


def test_a_part_that_came_in_the_dark_was_hidden_too() -> None:
    """What is first seen in the middle of the view had entered while nobody looked; the next part had not."""
    frames = belt([4.0] * 60)
    told = parts(follow([*frames[:3], gap(3, 14), *frames[15:]], speed=4.0))
    assert [(part.first_seq, part.hidden) for part in told][1:3] == [(17, 0), (31, 0)]
    begun = parts(follow(frames[15:], speed=4.0))[0]
    assert (begun.first_seq, begun.hidden) == (15, 15)
    late = parts(follow([*frames[:14], gap(14, 21), *frames[22:]], speed=4.0))
    assert [(part.first_seq, part.hidden) for part in late][1] == (22, 5)


def test_a_session_that_breaks_off_hides_what_was_in_view() -> None:
    """A gap at its end is all that is ever told of it: a part in view cannot be good, one that had left is."""
    frames = belt([4.0] * 25)
    closed: list[Regions | Gap] = [*frames, gap(25, 25, reason="restart"), regions(0, [], session="s2")]
    assert [part.hidden for part in parts(follow(closed, speed=4.0))] == [1, 1]
    assert [part.hidden for part in parts(follow(frames, speed=4.0))] == [0, 0]


def test_a_run_that_begins_in_the_middle_claims_nothing_of_what_was_before() -> None:
    """After an exception its ids go on where no earlier one can be, and what is in view was hidden from it."""
    told = parts(follow(belt([4.0] * 60)[20:], speed=4.0))
    assert told[0].id == 20
    assert [part.hidden > 0 for part in told] == [part.first_seq == 20 for part in told]


def test_gaps_go_on_in_order() -> None:
    """Whoever comes after knows of every gap too, before the frames behind it."""
    frames = belt([4.0] * 10)
    told = [r for r in follow([*frames[:5], gap(5, 6), *frames[7:]]) if not isinstance(r, Part)]
    assert [type(record) for record in told] == [Tracks] * 5 + [Gap] + [Tracks] * 3
    assert [record.seq for record in told] == [0, 1, 2, 3, 4, 5, 7, 8, 9]


def test_a_part_overlooked_for_a_moment_stays_the_same() -> None:
    """The network missed it in three frames: looked at, not found; it is neither lost nor counted twice."""
    frames = belt([4.0] * 60)
    for seq in (12, 13, 14):
        frames[seq] = regions(seq, [])
    assert len(parts(follow(frames, max_gap=3))) == len(parts(follow(belt([4.0] * 60))))


def test_a_part_overlooked_for_longer_is_closed() -> None:
    """Beyond `max_gap` it is told as it was; what comes back is another part."""
    frames = belt([1.0] * 80)
    before = len(parts(follow(frames)))
    for seq in range(40, 46):
        frames[seq] = regions(seq, [])
    assert len(parts(follow(frames, max_gap=3))) > before


def test_a_new_session_is_a_new_belt() -> None:
    """All parts of the old session are closed under its name, before anything of the new one; ids begin at 0."""
    old = [regions(seq, [(20.0 + 4 * seq, 30.0, 30.0, 36.0)]) for seq in range(4)]
    new = [regions(seq, [(20.0 + 4 * seq, 30.0, 30.0, 36.0)], session="s2") for seq in range(4)]
    told = follow([*old, *new])
    closed = parts(told)
    assert [(part.session, part.id) for part in closed] == [("s1", 0), ("s2", 0)]
    assert told.index(closed[0]) == 4


def test_the_best_view_is_the_largest_whole_one() -> None:
    """A larger view that the edge cuts off does not count as better than a whole one."""
    boxes = [(-2.0, 30.0, 40.0, 36.0), (10.0, 30.0, 30.0, 36.0), (22.0, 30.0, 31.0, 36.0), (34.0, 30.0, 30.0, 36.0)]
    (part,) = parts(follow([regions(seq, [box]) for seq, box in enumerate(boxes)], speed=12.0))
    assert (part.best_seq, part.best.box[2], part.views) == (2, 31, 3)


def test_what_is_seen_once_is_noise() -> None:
    """A flash that no second frame confirms is no part; with `confirm: 1` it is."""
    frames = [regions(seq, [(40.0, 40.0, 9.0, 9.0)] if seq == 3 else []) for seq in range(12)]
    assert parts(follow(frames)) == []
    assert len(parts(follow(frames, confirm=1))) == 1


def test_a_speck_is_given_no_id_although_it_is_soon_out_of_sight() -> None:
    """So small a thing may be overlooked anywhere: that does not say that it has just come."""
    specks = regions(0, [(40.0, 40.0, 2.0, 2.0), (60.0, 20.0, 3.0, 3.0)])
    later = [regions(seq, [(4.0 * seq - 30, 30.0, 30.0, 36.0)]) for seq in range(1, 5)]
    told = [record for record in follow([specks, *later], speed=4.0) if isinstance(record, Tracks)]
    assert [[track.id for track in each.tracks] for each in told] == [[], [], [0], [0], [0]]


def test_other_labels_are_not_followed() -> None:
    """Regions of another label are in no track."""
    frames = belt([4.0] * 30)
    assert parts(follow(frames, label="pit")) == []


def test_each_prompt_is_a_view_of_its_own() -> None:
    """Two views of one camera are never mixed: one is followed, the frames of the others are nobody's."""
    shown = [replace(each, prompt="ab"[each.seq % 2]) for each in belt([4.0] * 60)]
    with pytest.raises(NodeError, match=r"^expected one view to follow, found the prompts 'a' and 'b': set `prompt`$"):
        follow(shown)
    told = follow(shown, prompt="b")
    assert [record.seq for record in told if isinstance(record, Tracks)] == [*range(1, 60, 2)]
    assert told == follow([each for each in shown if each.seq % 2])


def test_a_frame_that_comes_twice_is_refused() -> None:
    """A source that counts wrongly is told so, with the numbers."""
    with pytest.raises(ValueError, match="expected a frame after seq 3, found seq 3"):
        follow([regions(3, []), regions(3, [])])


@settings(deadline=None, max_examples=30)
@given(
    speed=st.floats(1.0, 30.0),
    dark=st.sets(st.integers(0, 59)),
    start=st.floats(0.0, 60.0),
)
def test_laws(speed: float, dark: set[int], start: float) -> None:
    """Whatever is missing: ids are unique, sights are in order, and nobody claims to have seen more than was shown."""
    shown = [frame for frame in belt([speed] * 60, start=start) if frame.seq not in dark]
    told = follow(shown, speed=speed)
    found = parts(told)
    assert len({part.id for part in found}) == len(found)
    assert [r.seq for r in told if isinstance(r, Tracks)] == [frame.seq for frame in shown]
    for part in found:
        assert part.first_seq <= part.best_seq <= part.seq
        hidden = len(dark & {*range(part.first_seq, part.seq)})
        assert hidden <= part.hidden <= len(dark)
        assert part.views <= part.seq - part.first_seq + 1 - hidden


def test_a_part_that_is_overlooked_holds_the_watermark_back() -> None:
    """One in the middle is not seen any more while another leaves: the one that left is told first."""
    shown = belt([8.0] * 40)
    blind = [
        replace(one, regions=tuple(each for each in one.regions if seq < 20 or each.box[0] > 48))
        for seq, one in enumerate(shown)
    ]
    told = follow(blind, speed=8.0, max_gap=5)
    late = [part for part in parts(told) if part.seq < max(one.seq for one in parts(told[: told.index(part) + 1]))]
    assert late, "a part is told after one that was seen later"
    for part in late:
        before = [one for one in parts(told[: told.index(part)]) if one.seq > part.seq]
        assert all(one.watermark is not None and one.watermark <= part.seq for one in before)


@given(
    hidden=st.sets(st.integers(0, 59)),
    overlooked=st.sets(st.tuples(st.integers(0, 59), st.integers(0, 3))),
    speed=st.sampled_from([3.0, 8.0, 20.0]),
    motion=st.sampled_from(["belt", "free"]),
)
def test_nothing_is_told_from_before_the_watermark(
    hidden: set[int], overlooked: set[tuple[int, int]], speed: float, motion: str
) -> None:
    """Whatever was not seen: every part that is told later was last seen in that frame, or after it."""
    shown: list[Regions | Gap] = [
        gap(one.seq, one.seq)
        if one.seq in hidden
        else replace(one, regions=tuple(each for i, each in enumerate(one.regions) if (one.seq, i) not in overlooked))
        for one in belt([speed] * 60)
    ]
    mark = 0
    for record in follow(shown, motion=motion):
        if isinstance(record, Part):
            assert record.seq >= mark
        if isinstance(record, Part | Tracks):
            assert record.watermark is not None
            assert record.watermark >= mark
            mark = record.watermark
