"""Run lengths in pure Python, against pycocotools and against their own laws."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco

from pipeline import runs
from pipeline.errors import MaskError
from tests.strategies import pixels, sizes

LENGTHS = st.lists(st.integers(0, 500), max_size=40)


def _coco(drawn: NDArray[np.bool_]) -> bytes:
    counts: bytes = coco.encode(np.asfortranarray(drawn.view(np.uint8)))["counts"]
    return counts


@given(sizes().flatmap(pixels))
def test_what_pycocotools_writes_is_parsed_and_written_back_to_the_byte(drawn: NDArray[np.bool_]) -> None:
    """Parsing and compressing are each other's inverse on pycocotools' own output, which is already canonical."""
    counts = _coco(drawn)
    assert runs.compress(runs.parse(counts)) == counts
    assert runs.canonical((drawn.shape[0], drawn.shape[1]), counts) is counts


@given(LENGTHS)
def test_any_run_lengths_survive_compression(lengths: list[int]) -> None:
    """Empty runs, long runs and both together are told exactly."""
    assert runs.parse(runs.compress(lengths)) == lengths


@given(LENGTHS)
def test_tidying_keeps_the_pixels_and_only_the_first_run_may_be_empty(lengths: list[int]) -> None:
    """The pixels of a tidied mask are those it had; no later run is empty, and tidying again changes nothing."""
    tidy = runs.tidy(lengths)
    assert _paint(tidy) == _paint(lengths)
    assert 0 not in tidy[1:]
    assert runs.tidy(tidy) == tidy


def _paint(lengths: list[int]) -> bytes:
    return b"".join(bytes([place % 2]) * length for place, length in enumerate(lengths))


def test_padded_numbers_and_empty_runs_become_the_one_spelling() -> None:
    """Two strings for the same pixels are one string after `canonical`: masks can be compared by it."""
    plain = runs.compress([2, 3, 4])
    empty_run = runs.compress([2, 1, 0, 2, 4])
    padded = b"R0" + plain[1:]
    assert runs.parse(padded) == runs.parse(plain)
    assert runs.canonical((3, 3), padded) == runs.canonical((3, 3), empty_run) == plain
    assert runs.canonical((0, 5), b"") == runs.canonical((0, 5), b"0") == b"0"


def test_a_negative_number_may_be_padded_too() -> None:
    """A group of ones that only repeats the sign is dropped, as a group of zeros is."""
    lengths = [1, 5, 1, 2, 1]
    plain = runs.compress(lengths)
    told_minus_three = plain[3:4]
    padded = plain[:3] + bytes([told_minus_three[0] + 32]) + b"O" + plain[4:]
    assert runs.canonical((5, 2), padded) == plain


@pytest.mark.parametrize(
    ("size", "counts", "said"),
    [
        ((2, 2), b"4!", "expected run lengths in characters '0'…'o', found byte 33 at 1"),
        ((2, 2), b"4p", "expected run lengths in characters '0'…'o', found byte 112 at 1"),
        ((2, 2), "4é".encode(), "expected run lengths in characters '0'…'o', found byte 195 at 1"),
        ((2, 2), b"P", "expected whole run lengths, found them cut off at byte 1"),
        ((2, 2), b"oooooo0", "expected numbers of at most 30 bits, found more at byte 0"),
        ((2, 2), b"O5", "expected run lengths of 0 px or more, found -1 as run 0"),
        ((2, 2), b"3", "expected run lengths of 4 px in all for 2×2, found 3"),
        ((2, 2), b"05", "expected run lengths of 4 px in all for 2×2, found 5"),
        ((2, 2), b"", "expected run lengths of 4 px in all for 2×2, found 0"),
        ((4097, 4096), b"", "expected a mask of at most 16777216 px, found 4097×4096"),
        ((-1, 4), b"", "expected a mask of at most 16777216 px, found -1×4"),
        ((0, 1 << 40), b"0", "expected a mask of at most 16777216 px, found 0×1099511627776"),
    ],
)
def test_what_is_not_a_mask_is_refused_in_words(size: tuple[int, int], counts: bytes, said: str) -> None:
    """Each way of being wrong is told with what was expected, what was found and where."""
    with pytest.raises(MaskError, match=f"^{re.escape(said)}$"):
        runs.canonical(size, counts)


@given(sizes(6), st.binary(max_size=24))
def test_any_bytes_are_a_mask_or_a_mask_error(size: tuple[int, int], counts: bytes) -> None:
    """Nothing but `MaskError` comes out, and what passes describes exactly the mask's pixels."""
    try:
        kept = runs.canonical(size, counts)
    except MaskError:
        return
    assert sum(runs.parse(kept)) == size[0] * size[1]


def test_a_message_full_of_runs_is_read_in_time_proportional_to_its_bytes() -> None:
    """Ten times the runs take about ten times as long: no input makes the reader quadratic."""
    small, large = (_timed(runs.compress([1] * pixels)) for pixels in (20_000, 200_000))
    assert large < 40 * small


def _timed(counts: bytes) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        runs.canonical((1, len(runs.parse(counts))), counts)
        best = min(best, time.perf_counter() - start)
    return best


@given(sizes().flatmap(pixels), st.binary(max_size=12), st.integers(0, 400))
def test_one_pass_judges_as_all_passes_do(drawn: NDArray[np.bool_], noise: bytes, at: int) -> None:
    """`settled` says yes to exactly what `canonical` would give back unchanged, also where bytes were put in."""
    size, counts = (drawn.shape[0], drawn.shape[1]), _coco(drawn)
    assert runs.settled(size, counts)
    spoiled = counts[: at % (len(counts) + 1)] + noise + counts[at % (len(counts) + 1) :]
    assert runs.settled(size, spoiled) is (_unchanged(size, spoiled) and bool(spoiled))


def _unchanged(size: tuple[int, int], counts: bytes) -> bool:
    """What several passes find, each on its own."""
    try:
        lengths = runs.parse(counts)
    except MaskError:
        return False
    whole = sum(lengths) == runs.measure(size) and min(lengths, default=0) >= 0
    return whole and runs.compress(runs.tidy(lengths)) == counts


@pytest.mark.parametrize("size", [(-1, -9), (3, -3), (1 << 25, 0), (1 << 13, 1 << 12)])
def test_sizes_out_of_bounds_are_never_settled(size: tuple[int, int]) -> None:
    """What `measure` refuses is refused here too, even where the run lengths would add up."""
    assert not runs.settled(size, runs.compress([abs(size[0] * size[1])]))
