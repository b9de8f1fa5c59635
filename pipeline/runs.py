"""COCO run lengths in pure Python: what a process without numpy reads masks with, and the judge of every stranger's.

Runs alternate background, foreground, background, … down the columns and begin with background. Compressed, each
run is told as its difference from the run two before it (from the fourth on), in groups of five bits, least first,
each group a character from `0` to `o` whose sixth bit says that more follow; after `rleToString` and `rleFrString`
of https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import index
from typing import Any

from pipeline.errors import MaskError

ALPHABET = bytes(range(48, 112))
MAX_PIXELS = 1 << 24
MAX_GROUPS = 6  # 30 bits hold every difference between two runs of at most MAX_PIXELS

_TOO_LONG = re.compile(rb"[P-o]{%d}" % MAX_GROUPS)
_PADDED = re.compile(rb"[P-_]0|[`-o]O")


def measure(size: tuple[int, int]) -> int:
    """Pixels in a mask of this size.

    Raises:
        MaskError: If a side is negative, or a side or the whole is larger than `MAX_PIXELS`.
    """
    height, width = size
    if not (0 <= height <= MAX_PIXELS and 0 <= width <= MAX_PIXELS and height * width <= MAX_PIXELS):
        raise MaskError(f"expected a mask of at most {MAX_PIXELS} px, found {height}×{width}")
    return height * width


def parse(counts: bytes) -> list[int]:
    """The run lengths, px, that a compressed string tells; negative ones included.

    Raises:
        MaskError: If it holds a character outside `0`…`o`, stops inside a number or tells one beyond 30 bits.
    """
    _spell(counts)
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        group = character - 48
        value |= (group & 31) << shift
        shift += 5
        if group < 32:
            told = value - (1 << shift) if group & 16 else value
            runs.append(told + runs[-2] if len(runs) > 2 else told)
            value = shift = 0
    return runs


def compress(runs: Iterable[int]) -> bytes:
    """Run lengths, px, as a compressed string; the bytes that pycocotools writes."""
    told = [*runs]
    told[3:] = [run - before for run, before in zip(told[3:], told[1:], strict=False)]
    return b"".join(map(_groups, told))


def tidy(runs: Iterable[int]) -> list[int]:
    """The same pixels in the fewest runs: only the first may be empty."""
    kept: list[int] = [0]
    foreground = False
    for run in runs:
        if run and (len(kept) % 2 == 0) is not foreground:
            kept.append(run)
        else:
            kept[-1] += run
        foreground = not foreground
    return kept


def canonical(size: tuple[int, int], counts: bytes) -> bytes:
    """The one string that stands for these pixels: what pycocotools writes.

    Args:
        size: (height, width), px.
        counts: Compressed run lengths; empty runs and padded numbers are allowed and disappear.

    Raises:
        MaskError: If they do not describe exactly height × width pixels.
    """
    if settled(size, counts):
        return counts
    runs = parse(counts)
    _fill(size, runs)
    fewest = counts and 0 not in runs[1:] and not _PADDED.search(counts)
    return counts if fewest else compress(tidy(runs))


def settled(size: tuple[int, int], counts: bytes) -> bool:
    """Whether these are whole and in the one spelling, judged in one pass; False says nothing.

    Most strings are. A process that wakes with cold caches pays for each kind of call: this makes none.
    """
    height, width = size
    value = shift = group = older = newer = number = total = 0
    for character in counts:
        before, group = group, character - 48
        if not 0 <= group < 64 or shift >= 5 * MAX_GROUPS:
            return False
        value |= (group & 31) << shift
        shift += 5
        if group > 31:
            continue
        if shift > 5 and group == (31 if before & 16 else 0):
            return False  # padded
        run = (value - (1 << shift) if group & 16 else value) + (older if number > 2 else 0)
        if run < 0 or (number and not run):
            return False
        older, newer = newer, run
        total += run
        number += 1
        value = shift = 0
    return 0 <= height <= MAX_PIXELS >= width >= 0 == shift and number > 0 and total == height * width <= MAX_PIXELS


def flatten(size: tuple[int, int], runs: Iterable[Any]) -> bytes:
    """Uncompressed run lengths as the one string that stands for their pixels.

    Raises:
        MaskError: If they are not whole numbers that describe exactly height × width pixels.
    """
    listed = [*map(_whole, runs)]
    _fill(size, listed)
    return compress(tidy(listed))


def _whole(run: Any) -> int:
    try:
        return index(run)
    except TypeError as error:
        raise MaskError(f"expected run lengths in whole px, found {run!r}") from error


def _spell(counts: bytes) -> None:
    strange = counts.translate(None, ALPHABET)
    if strange:
        at = counts.index(strange[:1])
        raise MaskError(f"expected run lengths in characters '0'…'o', found byte {strange[0]} at {at}")
    if counts and counts[-1] >= 80:
        raise MaskError(f"expected whole run lengths, found them cut off at byte {len(counts)}")
    if found := _TOO_LONG.search(counts):
        raise MaskError(f"expected numbers of at most {5 * MAX_GROUPS} bits, found more at byte {found.start()}")


def _fill(size: tuple[int, int], runs: list[int]) -> None:
    pixels = measure(size)
    if runs and min(runs) < 0:
        at = next(i for i, run in enumerate(runs) if run < 0)
        raise MaskError(f"expected run lengths of 0 px or more, found {runs[at]} as run {at}")
    if sum(runs) != pixels:
        raise MaskError(f"expected run lengths of {pixels} px in all for {size[0]}×{size[1]}, found {sum(runs)}")


def _groups(value: int) -> bytes:
    """One number, signed, in groups of five bits, least first."""
    groups = bytearray()
    while True:
        group = value & 31
        value >>= 5
        if value == (-1 if group & 16 else 0):
            groups.append(48 + group)
            return bytes(groups)
        groups.append(80 + group)
