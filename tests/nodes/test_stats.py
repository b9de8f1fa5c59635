"""Stats: nothing counts twice, nothing is left out, and stretches lie side by side."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nodes.transforms.stats import stats
from pipeline.records import Finding, Gap, Regions, Stats, Verdict
from tests.nodes.scenes import gap, regions

SECOND = 1_000_000_000


def verdict(
    seq: int, outcome: Any = "PASS", *, first: int | None = None, subject: Any = "frame", **told: Any
) -> Verdict:
    """A verdict on a frame exposed `seq` seconds after the epoch."""
    fields: dict[str, Any] = {"camera": "cam-1", "session": "s1", "t_ns": seq * SECOND} | told
    return Verdict(seq=seq, outcome=outcome, subject=subject, first_seq=seq if first is None else first, **fields)


def seen(seq: int, **told: Any) -> Regions:
    """A frame exposed `seq` seconds after the epoch."""
    return regions(seq, [], t_ns=seq * SECOND, **told)


def counted(*records: Any, **params: Any) -> list[Stats]:
    """Everything that is told."""
    return [*stats(iter(records), **params)]


def test_a_stretch_counts_frames_outcomes_and_reasons() -> None:
    """What was decided in a stretch is in it, and nothing of the next one."""
    hole = (Finding("no hole", "HOLE", "holes", 1, high=0),)
    first, second = counted(verdict(3), verdict(4, "FAIL", findings=hole), verdict(12, "WARN"), window=10.0)
    assert (first.since_ns, first.t_ns, first.frames, first.missing) == (0, 10 * SECOND, 2, 0)
    assert (first.outcomes, first.reasons) == ({"FAIL": 1, "PASS": 1}, {"HOLE": 1})
    assert (second.since_ns, second.frames, second.outcomes) == (10 * SECOND, 1, {"WARN": 1})


def test_a_frame_seen_twice_counts_once() -> None:
    """Regions and the verdict on them are one frame; a gap and the verdict on it are one gap."""
    lost = gap(5, 7, t_ns=5 * SECOND)
    told = verdict(7, "NO_READ", first=5, subject="gap", t_ns=5 * SECOND)
    (only,) = counted(seen(4), verdict(4), lost, told)
    assert (only.frames, only.missing, only.outcomes, only.seq) == (1, 3, {"NO_READ": 1, "PASS": 1}, 7)


def test_a_verdict_on_a_part_is_no_frame() -> None:
    """A part is seen in many frames: they are counted where they come by."""
    (only,) = counted(seen(1), seen(2), verdict(2, "FAIL", subject="part", first=1))
    assert (only.frames, only.outcomes) == (2, {"FAIL": 1})


def test_what_is_decided_late_counts_where_it_belongs() -> None:
    """A stretch waits for `lateness`; what comes later still counts, in the oldest stretch that is open."""
    records = [seen(8), seen(12), verdict(9, "FAIL"), seen(16), verdict(9, "WARN")]
    first, second = counted(*records, window=10.0, lateness=5.0)
    assert (first.outcomes, first.frames) == ({"FAIL": 1}, 2)
    assert second.outcomes == {"WARN": 1}


def test_a_new_session_begins_anew() -> None:
    """Frame numbers begin again, so counts must too."""
    first, second = counted(seen(1), seen(2), seen(1, session="s2"), seen(2, session="s2"))
    assert (first.session, first.frames, second.session, second.frames) == ("s1", 2, "s2", 2)


def test_a_clock_that_is_set_back_stalls_nothing() -> None:
    """A camera that dates its frames itself jumps ten years ahead and back: every frame is told of, and soon."""
    years = 315_360_000
    begun = stats(iter([seen(1), seen(years), seen(years + 1), seen(2), seen(3), seen(40), seen(80)]), window=10.0)
    told = [next(begun) for _ in range(3)]
    assert [(each.since_ns // SECOND, each.frames) for each in told] == [(0, 1), (years, 2), (0, 2)]
    assert sum(each.frames for each in begun) == 2


def test_silence_is_no_stretch() -> None:
    """Nothing seen, nothing told."""
    assert counted() == []


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["frame", "gap", "verdict"])), max_size=60))
def test_nothing_is_left_out(drawn: list[tuple[int, str]]) -> None:
    """Over all stretches: every outcome once, every frame and every gap at least once, and no stretch told twice."""
    records: list[Regions | Gap | Verdict] = []
    for seq, kind in sorted(drawn):
        make: dict[str, Any] = {"frame": seen, "verdict": verdict, "gap": lambda n: gap(n, n, t_ns=n * SECOND)}
        records.append(make[kind](seq))
    told = counted(*records, window=30.0)
    outcomes = sum((Counter(each.outcomes) for each in told), Counter())
    assert outcomes.total() == sum(kind == "verdict" for _, kind in drawn)
    assert sum(each.frames for each in told) == len({seq for seq, kind in drawn if kind != "gap"})
    assert sum(each.missing for each in told) == len({seq for seq, kind in drawn if kind == "gap"})
    assert len({each.since_ns for each in told}) == len(told)
    assert all(each.since_ns % (30 * SECOND) == 0 for each in told)
