"""Tests of `pipeline.transport.arrivals`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Gap, Record, Verdict
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.came import Came
from tests.edges import record
from tests.toys import frame


def after(ended: bool, *, came: int = 3) -> Arrivals:
    """An edge on which one producer gave frames of session `one`, and then another one came."""
    arrivals = Arrivals("a→b")
    arrivals.meet("first", 1)
    for seq in range(came):
        arrivals.accept(seq + 1)
        arrivals.place(seq + 1, frame(seq, "cam-1", "one"))
    if ended:
        arrivals.end(came + 1)
    arrivals.meet("second", 1)
    return arrivals


def told(arrivals: Arrivals, first: Record) -> list[tuple[str, str, int]]:
    """What the second producer's first record is delivered as."""
    arrivals.accept(1)
    return [(type(one.record).__name__, one.record.session, one.record.seq) for one in arrivals.place(1, first)]


def test_what_comes_again_is_done_when_what_came_first_is() -> None:
    """A copy that is not committed must not free its producer: the consumer could still die with it."""
    arrivals = after(ended=False)
    arrivals.accept(1)
    assert arrivals.place(1, frame(0, "cam-1", "one")) == ()
    for _ in range(2):
        arrivals.late()
        assert arrivals.done == 0
    arrivals.late()
    assert arrivals.done == 1


def test_a_session_that_a_killed_producer_left_open_is_ended() -> None:
    """Nobody knows what more it had given: the frame that would have come next is told missing, once."""
    arrivals = after(ended=False)
    assert told(arrivals, frame(0, "cam-1", "two")) == [("Gap", "one", 3), ("Frame", "two", 0)]
    assert [one.record.seq for one in arrivals.place(2, frame(1, "cam-1", "two"))] == [1]


@pytest.mark.parametrize(("session", "seq", "hole"), [("one", 3, (2, 2)), ("one", 7, (2, 6)), ("two", 0, (2, 3))])
@pytest.mark.parametrize("kinds", [("frame", "gap"), ("gap", "verdict")])
def test_of_the_number_that_came_last_some_may_be_missing(
    kinds: tuple[str, ...], session: str, seq: int, hole: tuple[int, int]
) -> None:
    """A frame's verdicts follow one another: who died between two of them leaves a hole in that frame."""
    arrivals = Arrivals("a→b", kinds)
    arrivals.meet("first", 1)
    for number in (1, 2, 3):
        arrivals.accept(number)
        arrivals.place(number, _judged("one", number - 1))
    arrivals.meet("second", 1)
    arrivals.accept(1)
    found = [one.record for one in arrivals.place(1, _judged(session, seq))]
    holes = [(one.seq, one.last) for one in found if isinstance(one, Gap)]
    first = hole[0] + ("verdict" not in kinds)
    assert holes == [(first, hole[1])] * (first <= hole[1])


@pytest.mark.parametrize(
    ("producer", "holes"),
    [("measure.1.ab12cd34", []), ("measure.2.ab12cd34", [(0, 4)]), ("a.b.12.ab12cd34+1", [(0, 4)]), ("other", [])],
)
def test_who_comes_after_one_that_died_unheard_leaves_its_hole(producer: str, holes: list[tuple[int, int]]) -> None:
    """The first incarnation was killed before its consumer was there; numbers of a camera may begin anywhere."""
    arrivals = Arrivals("a→b")
    arrivals.meet(producer, 1)
    arrivals.accept(1)
    found = [one.record for one in arrivals.place(1, frame(5, "cam-1", "one"))]
    assert [(one.seq, one.last) for one in found if isinstance(one, Gap)] == holes


def test_a_session_that_is_first_heard_of_by_its_end_is_missing_as_a_whole() -> None:
    """Everything was killed before anything of it had come: the next run's source tells only where it broke off."""
    end = Gap(camera="cam-1", session="one", seq=7, last=7, t_ns=0, reason="restart", where="camera")
    arrivals = Arrivals("a→b")
    arrivals.meet("first", 1)
    assert told(arrivals, end) == [("Gap", "one", 0), ("Gap", "one", 7)]
    again = [(one.record.session, one.record.seq) for one in arrivals.place(2, frame(0, "cam-1", "two"))]
    assert again == [("two", 0)]


def _judged(session: str, seq: int) -> Verdict:
    return Verdict(camera="cam-1", session=session, seq=seq, t_ns=seq, first_seq=seq, outcome="FAIL", subject="frame")


def _of_part(seq: int, watermark: int | None, session: str = "one", part: int = 0) -> Verdict:
    return Verdict(
        camera="cam-1",
        session=session,
        seq=seq,
        t_ns=seq,
        first_seq=0,
        outcome="PASS",
        subject="part",
        part=part,
        watermark=watermark,
    )


def judging(*came: Record) -> Arrivals:
    """An edge on which one producer gave these, and died; another has come."""
    arrivals = Arrivals("a→b", ("gap", "verdict"))
    arrivals.meet("first", 1)
    for number, one in enumerate(came, 1):
        arrivals.accept(number)
        arrivals.place(number, one)
        arrivals.finish(number)
    arrivals.meet("second", 1)
    return arrivals


@pytest.mark.parametrize(("mark", "first"), [(30, 30), (37, 37), (None, 40)])
def test_a_hole_among_verdicts_begins_at_the_watermark(mark: int | None, first: int) -> None:
    """A part that was overlooked is told later than one that left after its last sight; its verdict may be lost."""
    arrivals = judging(_of_part(40, mark))
    arrivals.accept(1)
    found = [one.record for one in arrivals.place(1, _of_part(60, 55))]
    assert [(one.seq, one.last) for one in found if isinstance(one, Gap)] == [(first, 60)]


def test_the_watermark_outlives_a_gap_and_the_consumer() -> None:
    """A gap among them tells nothing of parts; a consumer that comes next knows what the one before it knew."""
    arrivals = Arrivals("a→b", ("gap", "verdict"))
    arrivals.meet("first", 1)
    gap = Gap(camera="cam-1", session="one", seq=50, last=70, t_ns=0, reason="error", where="rules")
    for number, one in enumerate((_of_part(40, 30), gap), 1):
        arrivals.accept(number)
        arrivals.place(number, one)
        arrivals.finish(number)
    came = arrivals.milestone()
    assert came == {"cam-1": [Came("one", 70, 30)]}
    after_ = Arrivals("a→b", ("gap", "verdict"))
    after_.remember("first", came)
    after_.meet("second", 1)
    after_.accept(1)
    found = [one.record for one in after_.place(1, _of_part(80, 78))]
    assert [(one.seq, one.last) for one in found if isinstance(one, Gap)] == [(30, 80)]


def test_a_part_that_is_told_again_under_another_id_is_recognised() -> None:
    """A tracker that begins anew sees again what the one before it was not done with: what that had told is known."""
    arrivals = judging(_of_part(40, 41, part=3))
    again = [_of_part(40, 41, part=77), _of_part(44, 45, part=78)]
    kept = []
    for number, one in enumerate(again, 1):
        arrivals.accept(number)
        kept += [(type(each.record).__name__, each.record.seq) for each in arrivals.place(number, one)]
    assert kept == [("Gap", 41), ("Verdict", 44)]
    assert arrivals.done == 1


@pytest.mark.parametrize("mark", [None, 38])
def test_a_part_that_may_not_have_been_told_is_not_taken_for_another(mark: int | None) -> None:
    """Where another part was still in view, or nobody knows, it may be that one: it is told."""
    arrivals = judging(_of_part(40, mark))
    arrivals.accept(1)
    assert [one.record.seq for one in arrivals.place(1, _of_part(40, 41, part=77))] == [40]


def ended(arrivals: Arrivals) -> list[tuple[str, int, int]]:
    """The gaps that are told at the end of a stream: session, first and last frame."""
    number = arrivals.received + 1
    arrivals.accept(number)
    told = [one.record for one in arrivals.end(number, 9)]
    return [(one.session, one.seq, one.last) for one in told if isinstance(one, Gap) and one.t_ns == 9]


def test_a_session_of_which_nothing_more_came_ends_with_a_gap() -> None:
    """Its sender died, and the line ended before the next one had anything to send: who knows what was on its way."""
    assert ended(after(ended=False)) == [("one", 3, 3)]
    assert ended(judging(_of_part(40, 30))) == [("one", 30, 41)]
    assert ended(after(ended=True)) == []


def test_who_comes_after_a_consumer_that_died_says_how_far_that_had_come() -> None:
    """What came of it died with it: who is fed by it has to know which frames those were. Nobody is told twice."""
    arrivals = Arrivals("a→b")
    arrivals.remember("one", {"cam-1": [Came("before", 9), Came("s", 4)], "cam-2": [Came("s", 7)]})
    arrivals.meet("one", 8)
    arrivals.accept(8)
    arrivals.place(8, frame(8, "cam-2", "s"))
    assert ended(arrivals) == [("s", 5, 5)]
    assert ended(arrivals) == []


def test_after_a_stream_that_ended_well_its_sessions_need_no_end() -> None:
    """The next run of the line is silent about them."""
    arrivals = Arrivals("a→b")
    arrivals.remember("one", {"cam-1": [Came("s", 4)]}, ended=True)
    arrivals.meet("two", 1)
    assert ended(arrivals) == []


def test_a_session_whose_end_was_told_needs_no_second_gap() -> None:
    """The source's own gap for the old session comes first; what is before it is told, and nothing twice."""
    end = Gap(camera="cam-1", session="one", seq=7, last=7, t_ns=0, reason="restart", where="camera")
    arrivals = after(ended=False)
    assert told(arrivals, end) == [("Gap", "one", 3), ("Gap", "one", 7)]
    assert [one.record.seq for one in arrivals.place(2, frame(0, "cam-1", "two"))] == [0]


def test_after_a_clean_end_nothing_is_missing() -> None:
    """A producer that ended its edge has told everything; the next one begins a session of its own."""
    assert told(after(ended=True), frame(0, "cam-1", "two")) == [("Frame", "two", 0)]


def test_a_camera_that_was_never_heard_of_may_have_lost_everything() -> None:
    """Nobody knows whether a producer that died had given any of it; one that ended well had told so."""
    assert told(after(ended=True), record("cam-2", 5)) == [("Stats", "s", 5)]
    assert told(after(ended=False), record("cam-2", 0)) == [("Stats", "s", 0)]
    arrivals = after(ended=False)
    assert told(arrivals, record("cam-2", 5)) == [("Gap", "s", 0), ("Stats", "s", 5)]
    assert [one.record.seq for one in arrivals.place(2, record("cam-2", 9))] == [9]


def test_what_is_sent_again_of_an_earlier_session_is_recognised() -> None:
    """A node in the middle that died sends the end of the last session and the beginning of this one once more."""
    end = Gap(camera="cam-1", session="one", seq=3, last=3, t_ns=0, reason="restart", where="camera")
    arrivals = after(ended=False)
    for number, one in enumerate([end, frame(0, "cam-1", "two"), frame(1, "cam-1", "two")], 1):
        arrivals.accept(number)
        arrivals.place(number, one)
    arrivals.meet("third", 1)
    again: list[Record] = [frame(2, "cam-1", "one"), end, *(frame(seq, "cam-1", "two") for seq in range(3))]
    found = [arrivals.place(number, one) for number, one in enumerate(again, 1)]
    kept = [(type(one.record).__name__, one.record.session, one.record.seq) for each in found for one in each]
    assert kept == [("Gap", "one", 3), ("Frame", "two", 2)]


def test_a_milestone_is_never_ahead_of_what_is_done() -> None:
    """What was received and not done is no part of it; each is told once."""
    arrivals = Arrivals("a→b")
    arrivals.meet("first", 1)
    for number in (1, 2, 3):
        arrivals.accept(number)
        arrivals.place(number, frame(number))
    assert arrivals.milestone() == {}
    arrivals.finish(1)
    assert arrivals.milestone() is None
    arrivals.accept(4)
    arrivals.place(4, frame(4))
    for number in (2, 3):
        arrivals.finish(number)
    assert arrivals.milestone() == {"cam-1": [Came("s", 3)]}
    assert arrivals.milestone() is None
    arrivals.finish(4)
    assert arrivals.milestone() == {"cam-1": [Came("s", 4)]}
    assert arrivals.milestone() is None


@given(st.integers(1, 40), st.data())
def test_frames_and_gaps_cover_what_was_given(given_: int, data: st.DataObject) -> None:
    """Whatever a kill took, and whatever is sent again: every frame is delivered once or lies in a gap."""
    came = data.draw(st.integers(1, given_))
    again = data.draw(st.integers(0, given_))
    arrivals = after(ended=False, came=came)
    found: list[Record] = [frame(seq) for seq in range(came)]
    for number, seq in enumerate(range(again, given_ + 1), 1):
        arrivals.accept(number)
        found += [one.record for one in arrivals.place(number, frame(seq, "cam-1", "one"))]
    frames = [one.seq for one in found if not isinstance(one, Gap)]
    hidden = [seq for one in found if isinstance(one, Gap) for seq in range(one.seq, one.last + 1)]
    assert sorted(frames + hidden) == [*range(given_ + 1)]


def test_what_an_earlier_producer_left_unfinished_is_no_milestone() -> None:
    """A consumer that dies now has not kept it, however well the next producer does."""
    arrivals = Arrivals("edge")
    arrivals.meet("one", 1)
    assert arrivals.accept(1)
    (taken,) = arrivals.place(1, frame(0))
    arrivals.meet("two", 1)
    assert arrivals.milestone() is None
    assert taken.producer == "one"
    arrivals.late()
    assert arrivals.milestone() == {"cam-1": [Came("s", 0)]}


def test_two_sessions_that_broke_off_are_both_ended() -> None:
    """Told in order, the first hole ends with its session and the second begins with it."""
    arrivals = Arrivals("edge")
    arrivals.remember("one", {"cam-1": [Came("a", 4)]})
    arrivals.meet("two", 1)
    found = []
    for number, (session, seq) in enumerate((("a", 9), ("b", 7)), 1):
        assert arrivals.accept(number)
        told = Gap(camera="cam-1", session=session, seq=seq, t_ns=0, last=seq, reason="restart", where="camera")
        found += [each.record for each in arrivals.place(number, told)]
    assert [(gap.session, gap.seq, gap.last) for gap in found if isinstance(gap, Gap)] == [
        ("a", 5, 8),
        ("a", 9, 9),
        ("b", 0, 6),
        ("b", 7, 7),
    ]


def test_an_older_session_that_is_told_again_does_not_hide_the_hole_of_the_last() -> None:
    """The last session is closed by one frame at once, and by the rest when its own end is told."""
    arrivals = Arrivals("edge")
    arrivals.remember("one", {"cam-1": [Came("b", 4)]})
    arrivals.meet("two", 1)
    found: list[Gap] = []
    for number, (session, seq) in enumerate((("a", 3), ("b", 9), ("c", 0)), 1):
        assert arrivals.accept(number)
        told = Gap(camera="cam-1", session=session, seq=seq, t_ns=0, last=seq, reason="restart", where="camera")
        found += [each.record for each in arrivals.place(number, told) if isinstance(each.record, Gap)]
    assert [(gap.session, gap.seq, gap.last) for gap in found] == [
        ("b", 5, 5),
        ("a", 0, 2),
        ("a", 3, 3),
        ("b", 6, 8),
        ("b", 9, 9),
        ("c", 0, 0),
    ]
