"""Stretches: what is counted place by place, kept side by side."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch.charting import FEW, TAIL, _unlikely
from pipeline.batch.peers import _between
from pipeline.batch.stretches import LONG, added, folded, laid, painted, stepped, stretched, unfolded

pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(-200, 200) | st.integers(-(10**9), 10**9)), max_size=40)


@given(ROWS)
def test_every_row_is_counted_at_its_place(drawn: list[tuple[int, int]]) -> None:
    """However far places lie apart, lead by lead."""
    lead, place = (np.array(column, np.int64) for column in (zip(*drawn, strict=True) if drawn else ((), ())))
    leads, stretches, counts = stretched(lead, place)
    row, at, n = laid(stretches, counts)
    assert dict(zip(zip(leads[row].tolist(), at.tolist(), strict=True), n.tolist(), strict=True)) == Counter(drawn)
    assert [*zip(leads.tolist(), stretches.tolist(), strict=True)] == sorted({(a, b // LONG) for a, b in drawn})


@given(st.lists(st.sampled_from([0, 1, -128, 127, 128, 1 << 15, 1 << 31, -(1 << 40)]), max_size=6), st.integers(0, 6))
def test_numbers_come_back_whatever_their_size(drawn: list[int], begin: int) -> None:
    """Narrow or wide, of a part of a column as well, and of pieces of different widths."""
    values = np.array(drawn, np.int64)[:, None] * (np.arange(LONG) % 2)
    whole = pa.chunked_array([folded(values[:2]), folded(values[2:])])
    assert unfolded(whole.slice(begin)).tolist() == values[begin:].tolist()


def test_the_same_stretches_are_added_up() -> None:
    """Narrow numbers do not overflow."""
    counts = np.full((3, LONG), 100, np.int8)
    found = added(counts, np.array([2, 0, 1]), np.array([0, 1]))
    assert found.tolist() == [[100] * LONG, [200] * LONG]


@given(st.lists(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 700)), min_size=1, max_size=4), max_size=3))
def test_a_map_is_painted_from_its_steps(drawn: list[list[tuple[int, int]]]) -> None:
    """Also where nothing changes over whole stretches; map by map."""
    held = []
    for lead, runs in enumerate(drawn):
        ends = [(begin, 1) for begin, _ in runs], [(begin + long, -1) for begin, long in runs]
        pieces = [(np.array([place for place, _ in some]), some[0][1]) for some in ends]
        stretch, steps = stepped(pieces, 2 * len(runs), 23 * LONG)
        held += [(lead, int(at), some) for at, some in zip(stretch, steps, strict=True)]
    leads, stretches = (np.array([each[nth] for each in held], np.int64) for nth in (0, 1))
    row, place, n = painted(stretches, np.array([each[2] for each in held], np.int64).reshape(-1, LONG))
    found = dict(zip(zip(leads[row].tolist(), place.tolist(), strict=True), n.tolist(), strict=True))
    assert found == Counter(
        (lead, at) for lead, runs in enumerate(drawn) for b, long in runs for at in range(b, b + long)
    )
    assert [*found] == sorted(found)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=70), st.sampled_from([0.2, 0.5, 0.8]))
def test_a_quantile_is_that_of_numpy(drawn: list[float], share: float) -> None:
    """To the last bit."""
    assert _between(np.sort(drawn), share) == np.quantile(drawn, share)


@given(st.lists(st.floats(1e-9, FEW, exclude_max=True), min_size=1, max_size=20))
def test_unlikely_counts_are_those_of_poissons_law(expected: list[float]) -> None:
    """As scipy has them."""
    special = pytest.importorskip("scipy.special", reason="pip install 'kensa[batch]'")
    assert (
        _unlikely(np.array(expected)).tolist()
        == np.maximum(np.ceil(special.pdtrik(1 - TAIL, np.array(expected))), 0).tolist()
    )
