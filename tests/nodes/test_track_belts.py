"""Tracking on harder belts: what flows together, falls apart, is overlooked, comes back, or passes several cameras."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from benchmarks.belts import SCENES, SIZE, show
from benchmarks.tracking import regions as drawn
from nodes.transforms.assignment import assign
from nodes.transforms.handover import handover
from nodes.transforms.measures import measures
from nodes.transforms.motion import Belt
from nodes.transforms.places import iou
from nodes.transforms.summary import Summary
from nodes.transforms.track import track
from nodes.transforms.tracking import Tracker
from pipeline.errors import NodeError
from pipeline.gauges import Clearance, Gauge
from pipeline.masks import Mask
from pipeline.records import Part, Record, Region, Regions, Tracks
from pipeline.shapes import Metric, Shape
from tests.nodes.scenes import Box, belt, gap, regions
from tests.nodes.test_track import follow, parts

LINE = [(100.0, 40.0, 50.0, 60.0), (154.0, 40.0, 60.0, 60.0)]
WIDE = (200, 640)


def moving(boxes: dict[int, list[Box]], frames: int, speed: float = 6.0) -> list[Regions]:
    """Two parts side by side on a belt, seen as `LINE` moved on, or as `boxes` say for a frame, relative to it."""
    return [
        regions(seq, [(x + speed * seq, y, w, h) for x, y, w, h in boxes.get(seq, LINE)], size=WIDE, t_ns=seq)
        for seq in range(frames)
    ]


def tracks(records: list[Record]) -> list[Tracks]:
    """What is where, frame by frame."""
    return [record for record in records if isinstance(record, Tracks)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if not scene.touching])
@pytest.mark.parametrize("way", ["learnt", "encoder"])
def test_every_part_of_a_crowded_belt_is_counted_once(name: str, way: str) -> None:
    """Four lanes, rough edges, specks and overlooked parts: as many parts as there were, but for the ends."""
    shown = show(SCENES[name], 4)[:120]
    frames = [drawn(f.found, SIZE, seq, encoder=round(4 * f.travelled)) for seq, f in enumerate(shown)]
    found = parts(follow(frames, pulse=0.25 if way == "encoder" else None))
    seen = Counter(part for frame in shown for part, _ in frame.true)
    assert abs(len(found) - sum(times > 2 for times in seen.values())) <= 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [15, 17, 19])
def test_a_belt_is_learnt_although_its_parts_flow_together(seed: int) -> None:
    """From the first frames on half of them are merged or split: nearly all are counted, and few are not there."""
    shown = show(SCENES["merges and splits"], seed)[:150]
    told = parts(follow(drawn(f.found, SIZE, seq) for seq, f in enumerate(shown)))
    seen = Counter(part for frame in shown for part, _ in frame.true)
    assert len(told) == pytest.approx(sum(times > 2 for times in seen.values()), rel=0.1)


def test_parts_that_flow_together_keep_their_ids() -> None:
    """Ten frames in one region: both are told as coasted where they must be, and are the same parts afterwards."""
    merged = {seq: [(100.0, 40.0, 114.0, 60.0)] for seq in range(8, 18)}
    told = follow(moving(merged, 30), speed=6.0)
    frames = tracks(told)
    assert [track.id for track in frames[7].tracks] == [track.id for track in frames[18].tracks] == [0, 1]
    assert frames[12].tracks == ()
    assert [(one.id, one.box) for one in frames[12].coasted] == [(0, (172, 40, 50, 60)), (1, (226, 40, 60, 60))]
    assert [part.views for part in parts(told)] == [20, 20]


def test_a_part_that_falls_apart_is_one_part() -> None:
    """Three frames in two pieces: no piece is a part, and none is the best view."""
    split = {seq: [(100.0, 40.0, 20.0, 60.0), (124.0, 40.0, 26.0, 60.0), LINE[1]] for seq in range(8, 11)}
    told = follow(moving(split, 30), speed=6.0)
    assert [[one.id for one in frame.coasted] for frame in tracks(told)[7:12]] == [[], [0], [0], [0], []]
    assert [(part.id, part.views, part.best.box[2]) for part in parts(told)] == [(0, 27, 50), (1, 30, 60)]


def test_what_lies_in_pieces_for_longer_is_parts() -> None:
    """Beyond `max_gap` the pieces are parts of their own: the larger one goes on, the other one is new."""
    split = {seq: [(100.0, 40.0, 20.0, 60.0), (124.0, 40.0, 26.0, 60.0), LINE[1]] for seq in range(8, 30)}
    told = parts(follow(moving(split, 30), speed=6.0, max_gap=3))
    assert [(part.id, part.best.box[2]) for part in told] == [(0, 26), (1, 60), (2, 20)]


def test_what_is_overlooked_is_told_as_coasted() -> None:
    """Where the belt has taken it, and only while it is in view and may still come back."""
    frames = belt([4.0] * 40)
    frames[12] = regions(12, [])
    seen, missed = tracks(follow(frames, speed=4.0))[11:13]
    assert [one.id for one in missed.coasted] == [one.id for one in seen.tracks]
    assert missed.coasted[0].box[0] == seen.tracks[0].region.box[0] + 4


def test_what_moves_freely_is_told_as_coasted_while_its_place_is_sure() -> None:
    """What goes nearly steadily is where its filter expects it for some frames, dark ones too; not for ever."""
    steady = [
        regions(seq, [(4.0 * seq + 2 * (seq % 2), 40.0, 40.0, 40.0)] if seq < 80 else [], WIDE) for seq in range(120)
    ]
    told = [frame.coasted for frame in tracks(follow(steady, motion="free", max_gap=30))[80:]]
    sure = sum(bool(each) for each in told)
    assert 3 <= sure < 30
    assert all(told[:sure])
    (first,) = told[0]
    assert iou(first.box, (320.0, 40.0, 40.0, 40.0)) > 0.9
    dark = [one for one in steady if not 80 <= one.seq < 80 + sure]
    assert not any(frame.coasted for frame in tracks(follow(dark, motion="free", max_gap=30))[80:])


def test_what_moves_freely_and_jumps_is_not_told_as_coasted_for_long() -> None:
    """Found far from where it was expected each time, it is in no place that anybody could tell."""
    shown = [regions(seq, [(40.0 + 14 * (seq % 2), 40.0, 40.0, 40.0)] if seq < 20 else [], WIDE) for seq in range(40)]
    told = tracks(follow(shown, motion="free", max_gap=30))[20:]
    assert 0 < sum(bool(frame.coasted) for frame in told) <= 2


def test_a_part_in_view_for_one_frame_is_counted_where_the_belt_says_so() -> None:
    """A belt that moves by more than the view: `confirm` cannot be kept, and need not be."""
    frames = [regions(seq, [(30.0, 30.0, 30.0, 36.0)], encoder=100 * seq) for seq in range(20)]
    assert len(parts(follow(frames, pulse=1.0))) == 19  # of the first one nobody knows how it came


def test_an_encoder_knows_what_no_picture_says() -> None:
    """Parts alike at a pitch that the belt moves by: as if they stood still, but for the encoder."""
    frames = [regions(seq, [(33.0 + 60 * k, 30.0, 30.0, 36.0) for k in (0, 1)], encoder=seq) for seq in range(30)]
    assert len(parts(follow(frames))) == 2
    told = parts(follow(frames, pulse=60.0))
    assert [each.encoder for each in tracks(follow(frames, pulse=60.0))] == [*range(30)]
    assert len(told) == 29  # less what the first frame and the last one show once
    assert [part.mark for part in told[:3]] == [pytest.approx(k - 47.5 / 60) for k in (0, 1, 2)]


def test_an_encoder_that_says_nothing_is_asked_for() -> None:
    """A frame without a count is not guessed at."""
    with pytest.raises(NodeError, match="expected an encoder count with every frame, found none with seq 0 of 'cam-1'"):
        follow(belt([4.0]), pulse=1.0)
    with pytest.raises(NodeError, match="expected a `pulse` other than 0"):
        follow(belt([4.0]), pulse=0.0)
    with pytest.raises(NodeError, match="expected `speed` and `pulse` for a belt alone"):
        follow(belt([4.0]), motion="free", speed=1.0)


def test_only_what_stands_still_is_looked_at() -> None:
    """What is marked while the belt moves is no part, and the best view of a part is of its rest; no frame is lost."""
    rest, noise = (30.0, 30.0, 30.0, 36.0), (20.0, 20.0, 60.0, 60.0)
    shown, count = [], 0
    for seq in range(60):
        moves = seq % 6 < 2
        count += 60 * moves
        shown.append(regions(seq, [noise] if moves else [rest], encoder=count))
    found = follow(shown, pulse=1.0, still=True)
    assert [(part.first_seq, part.seq, part.views) for part in parts(found)] == [
        (seq, seq + 3, 4) for seq in range(2, 60, 6)
    ]
    assert {part.best.box for part in parts(found)} == {rest}
    assert [frame.seq for frame in tracks(found)] == [*range(60)]


def test_whether_a_belt_stands_still_its_encoder_says() -> None:
    """Asked for without one, it is a fault of the file."""
    spec = track.spec  # type: ignore[attr-defined]
    assert [(flaw.path, flaw.text) for flaw in spec.check(spec.params(still=True))] == [
        (("still",), "expected `pulse` beside it: the belt's encoder says whether it stands still")
    ]
    assert not [*spec.check(spec.params(still=True, pulse=0.1))]


def test_all_measurements_of_a_part_are_told_together() -> None:
    """Mean, least, greatest and deviation over the whole views alone."""
    boxes = [(-2.0, 30.0, 40.0, 36.0), (10.0, 30.0, 30.0, 36.0), (22.0, 30.0, 31.0, 36.0), (34.0, 30.0, 32.0, 36.0)]
    (part,) = parts(follow([regions(seq, [box]) for seq, box in enumerate(boxes)], speed=12.0))
    area = next(each for each in part.measures if each.measure == "area_px")
    assert (area.mean, area.low, area.high, area.deviation) == (31 * 36, 30 * 36, 32 * 36, 36.0)
    assert {each.measure for each in part.measures} >= {"area_px", "hole_area_px", "extent", "score"}


def test_what_tools_measured_of_a_part_is_told_together() -> None:
    """Each tool's numbers under its name, over the views in which it could measure."""
    gaps = [None, 4.0, 5.0, None, 6.0]
    frames = [
        replace(frame, regions=tuple(replace(each, gauges=(_slot(gap),)) for each in frame.regions))
        for frame, gap in zip(moving({}, 5), gaps, strict=True)
    ]
    first, second = parts(follow(frames, speed=6.0))
    assert second.measures
    told = {each.measure: each for each in first.measures}
    assert (told["slot.gap_px"].mean, told["slot.gap_px"].low, told["slot.gap_px"].high) == (5.0, 4.0, 6.0)
    assert told["slot.gap_px"].deviation == pytest.approx(1.0)
    assert "slot.gap_mm" not in told


@given(
    values=st.lists(st.tuples(st.floats(-1e3, 1e3), st.one_of(st.none(), st.floats(0, 1e3))), min_size=1, max_size=30),
    times=st.integers(1, 3),
)
def test_sums_are_those_of_all_views(values: list[tuple[float, float | None]], times: int) -> None:
    """Law: mean, least, greatest and deviation are those of the statistics library, whatever stays the same."""
    summary = Summary()
    there = [each for each in values for _ in range(times)]
    for score, mean_score in there:
        summary.add(replace(region(0, score), mean_score=mean_score))
    told = {each.measure: each for each in summary.spreads}
    for name, of in (("score", [a for a, _ in there]), ("mean_score", [b for _, b in there if b is not None])):
        assert (name in told) == bool(of)
        if of:
            assert (told[name].low, told[name].high) == (min(of), max(of))
            assert told[name].mean == pytest.approx(fmean(of), abs=1e-6)
            assert told[name].deviation == pytest.approx(stdev(of) if len(of) > 1 else 0.0, abs=1e-6)


def test_sums_have_the_names_that_rules_know() -> None:
    """Every number of a region but where it is, under the name by which a rule limits it."""
    shape = Shape(1.0, 2.0, 1.0, 178.0, 1.0, 0.5, 1.0)
    metric = Metric(1.0, 0.0, (1.0, 2.0), 1.0, 2.0, 1.0, 30.0, 1.0, 0.1, "c")
    summary = Summary()
    for angle in (178.0, 2.0):
        summary.add(replace(region(0, 1.0), mean_score=1.0, shape=replace(shape, angle_deg=angle), metric=metric))
    told = {each.measure: each for each in summary.spreads}
    known = {name for name, each in measures(Region).items() if each.level == "region" and each.kind != "truth"}
    assert {*told} == {name for name in known if not re.match(r"(metric_)?(box|centroid)_", name)}
    assert (told["angle_deg"].low, told["angle_deg"].mean, told["angle_deg"].high) == (178.0, 180.0, 182.0)
    assert told["metric_angle_deg"].mean == 30.0


@pytest.mark.parametrize("overlap", ["box", "mask"])
def test_parts_that_move_freely_cross(overlap: str) -> None:
    """Two that go opposite ways past each other stay who they are; pixels tell as well as boxes."""
    frames = [drawn([(10 + 5 * s, 40, 40, 40), (270 - 5 * s, 60, 40, 44)], (160, 320), s) for s in range(50)]
    full = [replace(f, regions=tuple(replace(r, mask=_filled(r.box, f.size)) for r in f.regions)) for f in frames]
    told = tracks(follow(full, motion="free", overlap=overlap))
    ways = {one.id: [t.region.box[0] for f in told for t in f.tracks if t.id == one.id] for one in told[-1].tracks}
    assert sorted(way[-1] > way[0] for way in ways.values()) == [False, True]
    assert all(len(way) >= 49 for way in ways.values())


def jogged(speeds: list[float], *, pitch: float = 120.0, view: int = 300) -> tuple[list[Regions], int]:
    """A belt that moves by each of these before a frame, its encoder with it; and how many parts came into view."""
    places = [*itertools.accumulate(speeds)]
    frames = [
        replace(regions(seq, [(x - pitch * n, 20.0, 30.0, 40.0) for n in range(60)], size=(96, view)), encoder=round(x))
        for seq, x in enumerate(places)
    ]
    return frames, sum(max(places) - pitch * n + 30.0 > 4.0 for n in range(60))


@pytest.mark.parametrize("way", [{"pulse": 1.0}, {"speed": None}])
@pytest.mark.parametrize("back", [1, 3, 6, 10, 20])
def test_a_part_that_the_belt_brings_back_is_counted_once(back: int, way: dict[str, Any]) -> None:
    """One that had hardly come is the same when it comes again; one that had left and was told is not told again."""
    frames, _ = jogged([8.0] * 60 + [-8.0] * back + [8.0] * (40 + back))
    straight, _ = jogged([8.0] * 100)
    told, plain = parts(follow(frames, **way)), parts(follow(straight, **way))
    assert [part.id for part in sorted(told, key=lambda each: each.id)] == [*range(len(plain))]
    assert sorted(part.best.area_px for part in told) == sorted(part.best.area_px for part in plain)


def jogging(jogs: list[tuple[int, int]], speed: float, reach: float) -> Iterator[float]:
    """So many steps forth and back, again and again; it never lies back by more than `reach` px."""
    behind = 0.0
    for forth, back in jogs:
        behind = max(0.0, behind - speed * forth)
        steps = min(back, int((reach - behind) / speed))
        yield from [*[speed] * forth, *[-speed] * steps, *[speed] * 3]
        behind = max(0.0, behind + speed * steps - speed * 3)


@settings(deadline=None, max_examples=25)
@example(jogs=[(1, 0), (1, 0), (15, 1), (15, 10), (8, 8), (1, 1)], speed=16.0)  # a corner goes, and comes as a part
@given(
    jogs=st.lists(st.tuples(st.integers(1, 15), st.integers(0, 30)), max_size=8),
    speed=st.sampled_from([4.0, 9.0, 16.0]),
)
def test_however_a_belt_is_jogged_each_part_is_counted_once(jogs: list[tuple[int, int]], speed: float) -> None:
    """Law: forth and back, by less than the view is wide, by its encoder: as many parts as came into view."""
    frames, there = jogged([*[speed] * 40, *jogging(jogs, speed, 299.0), *[speed] * 40])
    told = parts(follow(frames, pulse=1.0))
    assert abs(len(told) - there) <= 1, "the last one may show only a corner"
    assert len({part.id for part in told}) == len(told)


def test_a_belt_that_runs_the_other_way_tells_what_left() -> None:
    """Once it has gone back by as much as the view is wide, that is its direction: nobody waits for what went there."""
    frames, _ = jogged([8.0] * 90 + [-8.0] * 60)
    told: list[Record] = [*track(iter(frames), pulse=1.0)]
    before = [each for each in told[: told.index(tracks(told)[-1])] if isinstance(each, Part)]
    assert len(before) >= 6


def test_two_cameras_number_a_part_once() -> None:
    """The second one stands 500 counts down the belt: what it tells is what the first one told, in any order."""
    seen = [part(camera, k, 60.0 * k + shift) for camera, shift in (("a", 0.0), ("b", 503.0)) for k in range(6)]
    for order in (seen, sorted(seen, key=lambda each: each.id), seen[::-1]):
        told = [*handover(iter(order), stations={"a": 0.0, "b": 500.0}, tolerance=10.0)]
        pieces = {(one.camera, one.id): one.piece for one in told if isinstance(one, Part)}
        assert all(pieces["a", k] == pieces["b", k] for k in range(6))
        assert len({*pieces.values()}) == 6


def test_a_part_that_one_camera_missed_has_a_number_too() -> None:
    """And two of one camera are never one, however near they lie."""
    seen = [part("a", 0, 0.0), part("a", 1, 4.0), part("b", 0, 504.0)]
    told = handover(iter(seen), stations={"a": 0.0, "b": 500.0}, tolerance=10.0)
    assert [one.piece for one in told if isinstance(one, Part)] == [0, 1, 1]


def test_a_handover_says_what_it_needs() -> None:
    """Parts without a mark, or of a camera that stands nowhere, are refused with what to do."""
    with pytest.raises(NodeError, match="found part 3 of 'a' without: give `track` a `pulse`"):
        [*handover(iter([part("a", 3, None)]), stations={"a": 0.0}, tolerance=1.0)]
    with pytest.raises(NodeError, match=r"expected a part of a camera in `stations` \(a\), found one of 'b'"):
        [*handover(iter([part("b", 3, 1.0)]), stations={"a": 0.0}, tolerance=1.0)]
    assert [*handover(iter([gap(1, 2)]), stations={}, tolerance=1.0)] == [gap(1, 2)]


def part(camera: str, id_: int, mark: float | None) -> Part:
    """A part that has left."""
    (told,) = parts(follow([regions(seq, [(30.0, 30.0, 30.0, 36.0)]) for seq in range(3)]))
    return replace(told, camera=camera, id=id_, mark=mark)


@settings(deadline=None)
@given(st.data())
def test_an_assignment_is_the_cheapest(data: st.DataObject) -> None:
    """No other matching costs less, by trying them all."""
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    cost = st.one_of(st.none(), st.integers(0, 9))
    table = [[data.draw(cost) for _ in range(columns)] for _ in range(rows)]
    alone = data.draw(st.integers(1, 9))
    pairs = [(float(c), i, j) for i, row in enumerate(table) for j, c in enumerate(row) if c is not None]
    found = assign(pairs, float(alone))
    assert len({*found.values()}) == len(found)
    known = {(i, j): c for c, i, j in pairs}
    places = itertools.permutations([*range(columns), *[None] * rows], rows)
    best = min(sum(known.get((i, j), 99) if j is not None else alone for i, j in enumerate(each)) for each in places)
    assert sum(known[pair] for pair in found.items()) + alone * (rows - len(found)) == best


class Line(RuleBasedStateMachine):
    """A belt on which anything happens: ids are never reused in a session, never two per frame, each part told once."""

    @initialize(speed=st.one_of(st.none(), st.floats(1.0, 40.0)), motion=st.sampled_from(["belt", "belt", "free"]))
    def begin(self, speed: float | None, motion: str) -> None:
        """A session."""
        from nodes.transforms.free import Free
        from nodes.transforms.places import Way

        way = Way(speed, 0.0) if speed else None
        self.tracker = Tracker(2, 3, Belt(way, 3) if motion == "belt" else Free(masks=False))
        self.seq, self.told, self.alive, self.last = -1, set[int](), set[int](), None

    def see(self, frame: Regions) -> None:
        """Look, and hold what is told against what was told before."""
        left, now = self.tracker.look(frame)
        self._leave(left)
        ids = [one.id for one in now.tracks] + [one.id for one in now.coasted]
        assert len(ids) == len({*ids}), "two per frame"
        assert not {*ids} & self.told, "an id came back after its part was told"
        fresh = {*ids} - self.alive
        assert all(id_ > max(self.alive | self.told, default=-1) for id_ in fresh), "an id that was given before"
        assert {*[track.region for track in now.tracks]} <= {*frame.regions}
        self.alive |= {*ids}

    def _leave(self, left: list[Part]) -> None:
        for one in left:
            assert one.id not in self.told, "told twice"
            assert one.first_seq <= one.best_seq <= one.seq
            self.told.add(one.id)

    @rule(
        boxes=st.lists(st.tuples(st.floats(-20, 90), st.floats(0, 60), st.floats(2, 60), st.floats(2, 40)), max_size=6),
        after=st.integers(1, 4),
    )
    def show(self, boxes: list[Box], after: int) -> None:
        """Anything at all."""
        self.seq += after
        self.see(regions(self.seq, boxes))

    @rule(frames=st.integers(1, 12), speed=st.floats(-30, 40), hold=st.integers(0, 3))
    def run_on(self, frames: int, speed: float, hold: int) -> None:
        """A proper belt for a while, with parts that touch, and one frame in which nothing is seen."""
        for k in range(frames):
            self.seq += 1
            boxes = [(speed * k + 34.0 * n - 40, 20.0, 30.0 + hold, 40.0) for n in range(4)]
            self.see(regions(self.seq, [] if k == hold else boxes))

    @rule(dark=st.integers(1, 9))
    def gap(self, dark: int) -> None:
        """Frames that nobody saw."""
        self.seq += dark
        self.tracker.miss(self.seq)

    def teardown(self) -> None:
        """The belt ends: what is left is told, once."""
        if hasattr(self, "tracker"):
            self._leave(self.tracker.close())
            assert self.tracker.close() == []


TestLine = Line.TestCase
TestLine.settings = settings(deadline=None, max_examples=40, stateful_step_count=15)


def _slot(gap: float | None) -> Gauge:
    """What a tool says of a gap that it may not have found."""
    if gap is None:
        return Gauge("slot", "gap", "NO_EDGE", "no edge")
    return Gauge("slot", "gap", clearance=Clearance(gap, gap, 0.0, 0.0))


def region(at: int, score: float) -> Region:
    """A square."""
    return Region("part", 9, (at, 0, 3, 3), (1.0, 1.0), 0, 0, 1.0, True, score, Mask.empty((40, 80)))


def _filled(box: tuple[int, int, int, int], size: tuple[int, int]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    import numpy as np

    from pipeline.masks import Mask

    pixels = np.zeros(size, bool)
    pixels[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = True
    return Mask.from_dense(pixels)
