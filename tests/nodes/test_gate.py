"""The gate's arithmetic: each part gets what was decided about it in time, and none gets what is another's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from nodes.gating.axis import Counts, Time
from nodes.gating.gate import Gate, Policy, State
from nodes.gating.place import Place, nearest
from nodes.gating.witness import KEPT
from pipeline.records import Outcome, Tracks, Verdict, View
from pipeline.regions import Coasted, Track
from tests.nodes.gating import DISTANCE, PULSE, WIDTH, WINDOW, Faults, Line, wrong
from tests.nodes.scenes import region

REJECTS, IDLE = State(reject=True), State()
WHO: dict[str, Any] = {"camera": "cam-1", "session": "s", "t_ns": 0}


def gate(**policy: Any) -> Gate:
    """A gate 100 counts behind x = 0 of a view of 40 counts; a part's own place reaches 5 counts before and behind."""
    return Gate({"cam-1": Place(1.0, 100.0, 5.0)}, Policy(**policy), Counts())


def tracks(seq: int, marks: dict[int, float], encoder: int | None = None, **said: Any) -> Tracks:
    """A frame that moves by ten counts each, with parts of 5 px whose middles lie at these marks."""
    at = 10 * seq if encoder is None else encoder
    shown = {id_: region((at - mark - 2, 3, 5, 6), (12, 40)) for id_, mark in marks.items()}
    told = tuple(Track(id_, each) for id_, each in shown.items() if each is not None)
    return Tracks(**{**WHO, "seq": seq, "size": (12, 40), "tracks": told, "watermark": seq + 1, "encoder": at} | said)


def verdict(part: int | None, outcome: Outcome = "PASS", **said: Any) -> Verdict:
    """The verdict on a part."""
    return Verdict(**{**WHO, "seq": 0, "outcome": outcome, "subject": "part", "part": part, "first_seq": 0} | said)


def watched(one: Gate, frames: int = 30, marks: dict[int, float] | None = None, **said: Any) -> Gate:
    """A gate whose camera has seen so many frames in a row, with the parts that were in view in each."""
    for seq in range(frames):
        one.see(tracks(seq, {id_: mark for id_, mark in (marks or {}).items() if mark < 10 * seq < mark + 40}, **said))
    return one


def pulses(one: Gate, begin: int, end: int, step: int = 1) -> list[int]:
    """Positions at which the gate rejects."""
    return [position for position in range(begin, end, step) if one.at(position, 0).reject]


@pytest.mark.slow
def test_of_a_hundred_thousand_parts_none_is_taken_for_another() -> None:
    """Speeds change, the belt stops; verdicts are lost, late or told twice, the camera is blind, the counter wraps."""
    line = Line(8, Faults(lost=0.02, twice=0.1, slow=0.02, blind=0.001), wrap=65536, fastest=24)
    line.run(100_000)
    assert wrong(line) == []
    counts = line.gate.counts
    assert counts["passed"] > 60_000
    assert counts["missing"] > 2000
    assert counts["late"] > 1000
    assert counts["repeated"] > 5000
    assert sum(part.close for part in line.passed) < 500


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 1 << 16),
    st.builds(
        Faults,
        lost=st.floats(0, 0.5),
        twice=st.floats(0, 0.5),
        slow=st.floats(0, 0.5),
        blind=st.floats(0, 0.05),
        stops=st.floats(0, 0.3),
        jogs=st.floats(0, 0.3),
    ),
    st.sampled_from([1, -1]),
    st.sampled_from([0, 4096, 65536]),
)
def test_a_part_is_rejected_if_and_only_if_it_was_not_passed_in_time(
    seed: int, faults: Faults, forwards: int, wrap: int
) -> None:
    """Whatever goes wrong, however often; also where the counter counts down, or begins anew."""
    line = Line(seed, faults, forwards=forwards, wrap=wrap)
    line.run(100)
    assert wrong(line) == []


class Incidents(RuleBasedStateMachine):
    """Somebody drives the belt, blinds the camera and holds up verdicts, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(1, Faults(stops=0.0), wrap=8192)

    @rule(speed=st.integers(-6, 14), ticks=st.integers(1, 60))
    def drive(self, speed: int, ticks: int) -> None:
        """The belt goes at a speed for a while; back by no more than the view is wide."""
        back = self.line.high - self.line.count
        ticks = min(ticks, int((500 - back) / -speed)) if speed < 0 else ticks
        self.line.speed, self.line.until = speed, self.line.tick + ticks + 1
        for _ in range(ticks):
            self.line.step()

    @rule(lost=st.floats(0, 1), slow=st.floats(0, 1), twice=st.floats(0, 1))
    def trouble(self, lost: float, slow: float, twice: float) -> None:
        """From now on verdicts are lost, late or told twice as often."""
        self.line.faults = replace(self.line.faults, lost=lost, slow=slow, twice=twice)

    @rule(frames=st.integers(1, 60))
    def blind(self, frames: int) -> None:
        """The camera misses some frames."""
        self.line.dark = frames

    @invariant()
    def nobody_is_wronged(self) -> None:
        """No part gets what another deserved."""
        assert wrong(self.line) == []

    @invariant()
    def every_part_is_counted_once(self) -> None:
        """What reached the actuator was passed, rejected or diverted."""
        counts = self.line.gate.counts
        assert counts["passed"] + counts["rejected"] + counts["diverted"] == len(self.line.gate.decisions)


Incidents.TestCase.settings = settings(deadline=None, max_examples=30, stateful_step_count=30)
TestIncidents = pytest.mark.slow(Incidents.TestCase)


@given(st.integers(0, 1 << 40), st.integers(-2000, 2000), st.sampled_from([4096, 65536, 1 << 32]))
def test_a_counter_that_begins_anew_is_followed(true: int, off: int, wrap: int) -> None:
    """What it shows, and about where it must be, give what it counted."""
    assert nearest(true % wrap, wrap, true + off) == true


@pytest.mark.parametrize(
    ("outcome", "rejects"), [("PASS", False), ("WARN", False), ("FAIL", True), ("NO_READ", True), (None, True)]
)
def test_a_part_gets_its_verdict_and_nothing_around_it_does(outcome: Outcome | None, rejects: bool) -> None:
    """The pulse lasts from five counts before its middle to five behind; without a verdict it is the same pulse."""
    one = watched(gate(), marks={7: 95.0})
    if outcome:
        one.judge(verdict(7, outcome))
    assert pulses(one, 110, 240) == ([*range(190, 201)] if rejects else [])
    (told,) = one.decisions
    assert (told.number, told.outcome, told.why) == (7, outcome, "verdict" if outcome else "missing")
    assert (told.at, told.position) == (195.0, 190)


def test_what_is_not_read_is_diverted_where_that_is_wanted() -> None:
    """It gets the other output."""
    one = watched(gate(no_read="divert"), marks={7: 95.0})
    one.judge(verdict(7, "NO_READ"))
    assert one.at(195, 0) == State(divert=True)
    assert one.counts["diverted"] == 1


def test_a_late_verdict_moves_nothing() -> None:
    """It comes while its part is already at the actuator, or past it: told, and no other part feels it."""
    one = watched(gate(), marks={7: 95.0, 8: 115.0})
    one.judge(verdict(8, "PASS"))
    assert one.at(191, 0) == REJECTS
    one.judge(verdict(7, "PASS"))
    assert pulses(one, 192, 240) == [*range(192, 201)]
    one.judge(verdict(7, "FAIL"))
    one.judge(verdict(8, "FAIL"))
    assert (one.counts["late"], one.counts["repeated"]) == (2, 1)


def test_of_several_verdicts_in_time_the_gravest_counts() -> None:
    """A verdict that comes again changes nothing; one that contradicts is taken on the safe side."""
    one = watched(gate(), marks={7: 95.0})
    for outcome in ("PASS", "PASS", "FAIL", "PASS"):
        one.judge(verdict(7, outcome))
    assert one.at(195, 0) == REJECTS
    assert one.decisions[0].outcome == "FAIL"


def test_belt_that_nobody_has_seen_is_rejected() -> None:
    """Before the first frame, and from when the camera died: all of it; what it saw whole is let through."""
    one = watched(gate(), frames=20)
    seen = [position for position in range(400) if not one.at(position, 0).reject]
    assert seen == [*range(105, 245)]  # entered after frame 0, had left the view (40) at frame 19


def test_a_missing_frame_makes_unseen_what_was_in_view_meanwhile() -> None:
    """What came before and after is as good as ever, and so is a part about which there is a verdict all the same."""
    one = gate()
    for seq in (*range(20), *range(21, 60)):
        one.see(tracks(seq, {7: 185.0} if 185 < 10 * seq < 225 else {}))
    one.judge(verdict(7, "PASS"))
    assert pulses(one, 150, 400) == [*range(245, 280), *range(291, 315)]


def test_a_camera_without_any_frame_vouches_for_nothing() -> None:
    """One of two cameras is silent: whatever the other one says, everything is rejected."""
    place = Place(1.0, 100.0, 5.0)
    one = watched(Gate({"cam-1": place, "cam-2": place}, Policy(), Counts()))
    assert pulses(one, 110, 200) == [*range(110, 200)]


def test_two_cameras_are_asked_and_the_graver_counts() -> None:
    """Each has its own way to the gate; joined verdicts speak of the parts of both."""
    one = Gate({"cam-1": Place(1.0, 100.0, 5.0), "cam-2": Place(1.0, 60.0, 5.0)}, Policy(), Counts())
    watched(one, marks={7: 95.0, 8: 130.0})
    watched(one, marks={3: 135.0, 4: 170.0}, camera="cam-2")
    both = [View("cam-1", "s", 0, "PASS", 7), View("cam-2", "s", 0, "FAIL", 3)]
    one.judge(verdict(0, "FAIL", camera="both", views=tuple(both)))
    one.judge(verdict(8))
    one.judge(verdict(4, camera="cam-2"))
    assert pulses(one, 150, 240) == [*range(190, 201)]


def test_parts_closer_than_their_places_share_what_is_between() -> None:
    """The pulse ends halfway to a good neighbour."""
    one = watched(gate(), marks={7: 95.0, 8: 101.0})
    one.judge(verdict(7, "FAIL"))
    one.judge(verdict(8, "PASS"))
    assert pulses(one, 110, 240) == [*range(190, 199)]


def test_of_parts_side_by_side_the_bad_one_counts() -> None:
    """The actuator cannot tell them apart."""
    one = watched(gate(), marks={7: 95.0, 8: 96.0})
    one.judge(verdict(7, "FAIL"))
    one.judge(verdict(8, "PASS"))
    assert {195, 196} <= {*pulses(one, 110, 240)}


def test_a_belt_that_goes_back_decides_nothing_twice() -> None:
    """What was at the actuator is there again and gets the same again; it is counted once."""
    one = watched(gate(), marks={7: 95.0})
    one.judge(verdict(7, "FAIL"))
    assert pulses(one, 110, 240) == [*reversed(pulses(one, 239, 109, -1))] == [*range(190, 201)]
    assert len(one.decisions) == 1


def test_a_part_that_was_taken_back_out_of_view_is_not_waited_for() -> None:
    """The belt was jogged back and the part comes again with another id: the first id never gets a verdict."""
    one = gate()
    for seq, (encoder, ids) in enumerate(
        [(0, {}), (30, {}), (34, {1: 32.0}), (26, {}), (40, {2: 32.0}), (60, {2: 32.0})]
    ):
        one.see(tracks(seq, ids, encoder))
    one.judge(verdict(2, "PASS"))
    assert one.at(132, 0) == IDLE
    assert one.counts["missing"] == 0


def test_a_part_that_is_overlooked_is_still_waited_for() -> None:
    """It was known, and is coasted: no verdict, no pass."""
    one = gate()
    for seq in range(12):
        coasted = (Coasted(7, (5, 3, 6, 6)),) if seq > 4 else ()
        one.see(tracks(seq, {7: 25.0} if 3 <= seq <= 4 else {}, coasted=coasted))
    assert pulses(one, 110, 130) == [*range(120, 130)]


def test_a_position_that_jumps_is_told() -> None:
    """The encoder was away while a bad part went by: it got no pulse, and that is counted."""
    one = watched(gate(), marks={7: 95.0, 8: 125.0})
    one.judge(verdict(7, "FAIL"))
    one.judge(verdict(8, "PASS"))
    one.at(150, 0)
    assert one.at(240, 0) == IDLE
    assert (one.counts["skipped"], one.counts["rejected"], one.counts["passed"]) == (1, 1, 1)
    assert [told.skipped for told in one.decisions] == [True, False]


def test_misses_in_a_row_stop_the_line_until_a_verdict_comes_in_time() -> None:
    """Three parts without a verdict, or as much unseen belt."""
    marks = {part: 25.0 + 20 * part for part in range(5)}
    one = watched(gate(misses=3), marks=marks)
    one.judge(verdict(3))
    stops = [position for position in range(110, 245) if one.at(position, 0).stop]
    assert stops == [*range(160, 180)]  # from the third part on to the fourth, which has a verdict; the fifth has none
    assert one.in_a_row == 1
    stops = [position for position in range(245, 400) if one.at(position, 0).stop]
    assert stops == [*range(364, 400)]  # what was seen ends at 345; a part's own place is ten counts
    assert one.counts["unseen"] == 5


def test_what_was_never_seen_stops_no_line() -> None:
    """At the start nobody can have seen what lies between camera and gate."""
    one = watched(gate(misses=1))
    assert all(one.at(position, 0) == REJECTS for position in range(105))


def test_frames_are_judged_by_themselves_where_nothing_is_tracked() -> None:
    """Each is a part of its own at the middle of the view; what lies between two of them was seen."""
    one = gate()
    every = [verdict(None, "PASS", subject="frame", seq=seq, mark=20.0 * seq) for seq in range(10)]
    for told in (*every[:4], replace(every[4], outcome="FAIL"), *every[5:]):
        one.judge(told)
    assert pulses(one, 105, 280) == [*range(175, 186)]
    one.judge(every[4])
    assert one.counts["repeated"] == 1


def test_a_belt_without_an_encoder_goes_by_time() -> None:
    """The way is milliseconds, and the part is where its speed has brought it."""
    one = Gate({"cam-1": Place(1e-6, 100e6, 5e6)}, Policy(), Time())  # 1 px per ms
    for seq in range(30):
        seen = {7: 95.0} if 95 < 10 * seq < 135 else {}
        one.see(replace(tracks(seq, seen, t_ns=10_000_000 * seq), encoder=None))
    one.judge(verdict(7, "FAIL", mark=3.0))
    assert [t for t in range(110, 240) if one.at(t * 1_000_000, 0).reject] == [*range(190, 201)]


def test_what_does_not_say_where_is_counted() -> None:
    """No encoder, another camera, a part that nobody has seen."""
    one = gate()
    one.see(tracks(0, {}, camera="cam-9"))
    one.see(replace(tracks(1, {}), encoder=None))
    one.judge(verdict(3))
    one.judge(verdict(3, camera="cam-9"))
    one.judge(verdict(None, subject="frame"))
    assert one.counts["unplaced"] == 5


def test_a_verdict_on_a_part_that_no_frame_told_of_says_where_it_is() -> None:
    """Frames may be lost on their way: a mark is enough."""
    one = watched(gate())
    one.judge(verdict(9, "FAIL", mark=95.0))
    assert pulses(one, 110, 240) == [*range(190, 201)]
    one.judge(verdict(10, "FAIL", mark=40.0))
    assert one.counts["late"] == 1


def test_a_belt_that_outruns_its_camera_is_unseen() -> None:
    """From frame to frame it moves by more than the view: what passed in between was never looked at."""
    one = gate()
    for seq in range(20):
        one.see(tracks(seq, {}, encoder=45 * seq))
    assert pulses(one, 200, 700) == [*range(200, 700)]


def test_a_gate_remembers_no_more_than_it_must() -> None:
    """For as long as it runs."""
    line = Line(2, Faults(lost=0.1))
    line.run(3 * KEPT)
    (witness,) = line.gate._witnesses.values()  # noqa: SLF001 - what it holds is the point
    assert len(witness._settled) == len(witness._known) == KEPT  # noqa: SLF001
    assert len(witness.waiting) < 2 * DISTANCE / WINDOW
    assert WIDTH * PULSE > 0
