"""Tests of `pipeline.conversion`."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from pipeline.conversion import convert
from tests.conftest import ROOT

AT_ONCE = """
import sys, threading
from typing import Annotated
import msgspec
from pipeline.conversion import convert

sys.setswitchinterval(1e-6)
for number in range(300):
    fields = [(f"f{i}", Annotated[float, msgspec.Meta(ge=0, description=f"{number} {i}")], 1.0) for i in range(12)]
    kind, ready = msgspec.defstruct("Params", fields), threading.Barrier(4)
    lanes = [threading.Thread(target=lambda: (ready.wait(), convert({"f1": 2.0}, kind))) for _ in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
"""


def test_lanes_that_begin_at_once_may_ask_for_the_same_type() -> None:
    """With `msgspec.convert` this process dies of a segmentation fault."""
    run = subprocess.run([sys.executable, "-c", AT_ONCE], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_what_is_no_such_thing_is_refused_as_msgspec_says_it() -> None:
    """Nothing is added to its words."""
    with pytest.raises(msgspec.ValidationError, match="Expected `int`, got `str`"):
        convert("1", int)
    assert convert("1", int, strict=False) == 1
