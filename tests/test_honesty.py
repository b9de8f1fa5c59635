"""Whatever is lost on a line, and wherever: nothing is good that was not seen, and nothing is missing untold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.score import Judged, pair
from tests.lossy import FRAMES, NODES, Line, faults, there

Act = tuple[str, int, int]

acts = st.one_of(
    st.tuples(st.just("show"), st.integers(1, 12), st.just(0)),
    st.tuples(st.just("carry"), st.integers(0, 3), st.integers(1, 20)),
    st.tuples(st.just("kill"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("error"), st.integers(1, 4), st.integers(0, FRAMES - 1)),
    st.tuples(st.sampled_from(["collect", "acknowledge", "kill archive", "all well"]), st.just(0), st.just(0)),
)
cuts = st.sets(st.integers(1, 4))


def run(cut: set[int], messages: int, history: Sequence[Act]) -> Line:
    """A line cut into processes before these nodes, after all that has happened to it and after its end."""
    faults.clear()
    ends = [0, *sorted(cut), len(NODES)]
    line = Line([NODES[a:b] for a, b in pairwise(ends)], messages)
    for act, where, much in history:
        match act:
            case "show":
                _show(line, where)
            case "carry":
                line.carry(where, much)
            case "kill":
                line.kill(where)
            case "error":
                faults.add((NODES[where], much))
            case "collect":
                line.collect()
            case "acknowledge":
                line.acknowledge()
            case "kill archive":
                line.kill_archive()
            case _:
                _well(line, 30)
    _well(line, 3 * FRAMES)
    line.end()
    return line


def _show(line: Line, frames: int) -> None:
    for _ in range(frames):
        line.show()


def _well(line: Line, frames: int) -> None:
    """Everything works for so many frames."""
    for _ in range(frames):
        line.show()
        for wire in range(len(line.wires)):
            line.carry(wire, 20)
        line.collect()
        line.acknowledge()


@cache
def passed() -> frozenset[int]:
    """The parts that pass where nothing is lost: good ones, and what the rule book is too coarse for."""
    kept = run({3}, 256, []).kept("s0")
    assert kept.frames == {*range(FRAMES)}
    assert not kept.missing
    judged = pair(there(), [Judged(one.first_seq, one.seq, one.outcome) for one in kept.verdicts])
    return frozenset(number for number, one in judged.items() if one.outcome == "PASS")


def check(line: Line) -> None:
    """What must hold of every session."""
    for session, given_ in line.given.items():
        kept = line.kept(session)
        lost = {*range(given_)} - kept.frames - kept.missing
        assert not lost, f"{session}: frames neither archived nor told missing: {sorted(lost)}"
        assert len(kept.frames) + len((kept.missing & {*range(given_)}) - kept.frames) == given_
        judged = [Judged(one.first_seq, one.seq, one.outcome) for one in kept.verdicts]
        parts = [part for part in there() if part.enters < given_]
        told = pair(parts, judged)
        for part in parts:
            seen = told.get(part.number)
            if seen is not None and seen.outcome == "PASS":
                assert part.number in passed(), f"{session}: part {part.number} ({part.kind}) was passed: {seen}"
            elif seen is None and part.first <= min(part.last, given_ - 1) and session == "s0":
                near = {*range(part.enters, part.leaves + 1)}
                assert near & kept.untold, f"{session}: no word about part {part.number}: {part}"


def test_where_nothing_is_lost_every_part_is_judged() -> None:
    """The truth of the belt, and one verdict for each of its parts."""
    assert {part.number for part in there() if part.kind == "good" and part.leaves < FRAMES - 1} <= passed()
    assert any(part.number not in passed() for part in there())


@pytest.mark.parametrize("cut", [set(), {1}, {2}, {3}, {4}, {1, 2, 3, 4}])
@pytest.mark.parametrize("group", range(5))
@pytest.mark.parametrize("after", [1, 14, 33])
def test_a_process_that_is_killed(cut: set[int], group: int, after: int) -> None:
    """At any moment, with records on their way: what was in view is not passed, what was not told is told missing."""
    check(run(cut, 256, [("all well", 0, 0), ("show", after, 0), ("carry", 0, 5), ("kill", group, 0)]))


@settings(max_examples=60)
@given(cut=cuts, messages=st.integers(2, 64), history=st.lists(acts, max_size=25))
@example(cut=set(), messages=2, history=[("error", 3, 95)])  # a part has left the view and was not told yet
def test_whatever_is_lost(cut: set[int], messages: int, history: list[Act]) -> None:
    """Overflow, exceptions, killed processes, in any order: every frame given is archived or told missing, every part
    is judged from what was seen, or not read; none is passed because the frames that show its fault are missing.
    """
    check(run(cut, messages, history))
