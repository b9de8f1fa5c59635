"""The score: the truth judged against itself is perfect, and each way to be wrong has its own place."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from nodes.sources.belt import DEFECTS, TruthPart, truth
from pipeline.score import MISSED, PASS, PHANTOM, Judged, Score, pair, score


def honest(part: TruthPart) -> Judged:
    """What a perfect line says."""
    fails = part.kind != "good"
    return Judged(part.enters, part.leaves, "FAIL" if fails else "PASS", (part.kind.upper(),) if fails else ())


def parts(seed: int = 0, frames: int = 600) -> list[TruthPart]:
    """The parts of a short belt."""
    return [*truth("cam-1", seed=seed, frames=frames, defects=0.5)]


@given(st.integers(0, 50), st.integers(1, 600), st.randoms())
def test_the_truth_is_perfect(seed: int, frames: int, dice: random.Random) -> None:
    """Judged by itself, in any order, every part is where it belongs: no phantom, none missed."""
    there = parts(seed, frames)
    said = [honest(part) for part in there]
    dice.shuffle(said)
    result = score(iter(there), said, frames - 1, DEFECTS)
    assert result.found == result.parts == sum(part.views > 0 for part in there)
    assert all(was == said or (was, said) == ("good", PASS) for was, said in result.confusion)
    assert result.phantoms == 0


def test_a_missed_part_is_missed() -> None:
    """A part nobody spoke of counts against recall and is not caught."""
    there = parts()
    bad = next(part for part in there if part.kind != "good" and part.views)
    result = score(there, [honest(p) for p in there if p is not bad], 599, DEFECTS)
    assert result.confusion[(bad.kind, MISSED)] == 1
    assert result.caught().of - result.caught().hits == 1
    assert result.recall(bad.kind).value != 1


def test_a_part_that_was_not_there_is_a_phantom() -> None:
    """Two sights of one part: one of them has no truth and counts against precision."""
    there = parts()
    bad = next(part for part in there if part.kind == "hole")
    result = score(there, [*map(honest, there), honest(bad)], 599, DEFECTS)
    assert result.confusion[(PHANTOM, "hole")] == 1
    assert result.precision("hole").of == result.recall("hole").of + 1


def test_a_good_part_that_fails_is_accused() -> None:
    """A false alarm is told as such, and under the reason it was given."""
    there = parts()
    good = next(part for part in there if part.kind == "good" and part.views)
    said = [Judged(p.enters, p.leaves, "FAIL", ("ODD",)) if p is good else honest(p) for p in there]
    result = score(there, said, 599, DEFECTS)
    assert result.accused().hits == 1
    assert result.confusion[("good", "other")] == 1


def test_what_was_not_inspected_is_neither_good_nor_bad() -> None:
    """NO_READ is caught, since it is not passed, and is no false alarm on a good part."""
    there = parts()
    result = score(there, [Judged(p.enters, p.leaves, "NO_READ") for p in there], 599, DEFECTS)
    assert result.caught().value == 1
    assert result.accused().hits == 0


def test_a_gap_at_one_end_does_not_confuse() -> None:
    """A part whose first or last frames were lost is still told from its neighbours in the same view."""
    there = parts()
    late = [Judged(p.enters + 12, p.leaves, "PASS") for p in there[3:6]]
    early = [Judged(p.enters, p.leaves - 12, "PASS") for p in there[7:9]]
    assert [*sorted(pair(there, [*late, *early]))] == [3, 4, 5, 7, 8]


def test_an_endless_truth_ends_with_the_frames() -> None:
    """A live source has no last part; parts after the last frame are not asked for."""
    assert score(truth("cam-1"), [], 100, DEFECTS).parts < 10


def test_scores_add_up() -> None:
    """Cameras are scored one by one and summed."""
    one = score(parts(1), [*map(honest, parts(1))], 599, DEFECTS)
    two = score(parts(2), [], 599, DEFECTS)
    assert (one + two).parts == one.parts + two.parts
    assert (one + Score({})).confusion == one.confusion
    assert Score({}).recall("hole").value is None
