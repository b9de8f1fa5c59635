"""Sets of R packages, whose limits charts are held against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.float64]]
Data = Callable[[str], Columns]


def texts(folder: Path) -> Data:
    """Reads sets of the R package qcc; TRUE is 1."""
    if not folder.is_dir():
        pytest.skip(f"no {folder}")

    def read(name: str) -> Columns:
        head, *lines = (folder / f"{name}.txt").read_text(encoding="ascii").split("\n")
        rows = [
            [float({"TRUE": 1, "FALSE": 0}.get(word, word)) for word in line.split()] for line in lines if line.strip()
        ]
        return dict(zip(head.split(), np.array(rows).T, strict=True))

    return read


def packed(folder: Path) -> Data:
    """Reads sets as R itself keeps them; numbers alone."""
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    pyreadr: Any = pytest.importorskip("pyreadr", reason="make install")

    def read(name: str) -> Columns:
        (frame,) = pyreadr.read_r(str(folder / f"{name}.rda")).values()
        numbers = frame.select_dtypes("number")
        return {column: numbers[column].to_numpy(np.float64) for column in numbers.columns}

    return read
