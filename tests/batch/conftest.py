"""What tests of statistics may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.rsets import Data, packed, texts


@pytest.fixture
def qcc(shared_data: Path) -> Data:
    """Sets of the R package qcc."""
    return texts(shared_data / "spc_qcc" / "data")


@pytest.fixture
def sixsigma(shared_data: Path) -> Data:
    """Sets of the R package SixSigma."""
    return packed(shared_data / "spc_sixsigma" / "data")


@pytest.fixture
def qicharts2(shared_data: Path) -> Data:
    """Sets of the R package qicharts2."""
    return packed(shared_data / "spc_qicharts2" / "data")
