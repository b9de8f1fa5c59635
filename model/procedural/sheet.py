"""A contact sheet: so that a person sees what a network is shown."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from model.data.sample import Sample
from model.prompt import SIDE, Pixels

GAP, HEAD = 4, 16  # px
INK, PAPER, LINE = (230, 230, 230), 24, (60, 255, 60)


def sheet(rows: Sequence[Sequence[Sample]], *, outlined: bool = True) -> Pixels:
    """One row per kind, with its name above: (H, W, 3) RGB.

    Args:
        rows: As many samples in each.
        outlined: Whether the outline of what is meant is drawn beside each picture.
    """
    return np.concatenate([_row(row, outlined) for row in rows])


def _row(row: Sequence[Sample], outlined: bool) -> Pixels:
    wide = SIDE * (1 + outlined) + GAP
    page = np.full((HEAD + SIDE + GAP, wide * len(row), 3), PAPER, np.uint8)
    cv2.putText(page, row[0].kind, (2, HEAD - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    for place, sample in enumerate(row):
        left = place * wide
        page[HEAD : HEAD + SIDE, left : left + SIDE] = sample.picture
        if outlined:
            page[HEAD : HEAD + SIDE, left + SIDE : left + 2 * SIDE] = _outlined(sample)
    return page


def _outlined(sample: Sample) -> Pixels:
    page = sample.picture.copy()
    edges, _ = cv2.findContours(sample.mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(page, edges, -1, LINE, 1)
    return page
