"""Bytes that somebody else has written cost memory in proportion, and raise nothing that is not expected."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.fuzz.targets import TARGETS, attempt

FREE = 2 << 20  # bytes that reading may take whatever is read: a recording's buffer is the largest
TIMES = 64  # and for each byte of it
DEEP = b"\x91" * 100_000
WIDE = b"\xdd\x00\x0f\xff\xff" + b"\x90" * 100_000
BAD = (b"\xdb\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xc1", b"\xa1\xff", b"\x91" * 64)
LONG = b"\xdb\xff\xff\xff\xff"

every = pytest.mark.parametrize("name", TARGETS)


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good message, cut, doubled, with bytes changed and others put in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["flip", "cut", "insert", "double"])):
            case "flip" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 32))]
            case "insert":
                data[at:at] = draw(st.binary(max_size=16) | st.sampled_from(BAD))
            case _:
                data[at:at] = data[at : at + 64]
    return bytes(data)


@every
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_damaged_messages_are_refused_in_words(name: str, drawn: st.DataObject) -> None:
    """Whatever is changed in a good message, its reader gives a value or one of the errors that its callers catch."""
    target = TARGETS[name]
    attempt(target, drawn.draw(damaged(target.seeds) | st.binary(max_size=200)))


@every
@pytest.mark.parametrize(
    "data", [b"", DEEP, WIDE, LONG, b"\x93\x01\x00" + DEEP, b"\x93\x01\x00" + WIDE, b"\xc1" * 4096]
)
def test_bombs_cost_memory_in_proportion(name: str, data: bytes) -> None:
    """Nesting, width and lengths that are only claimed take at most so many times what they are long."""
    target = TARGETS[name]
    attempt(target, target.seeds[0])
    tracemalloc.start()
    try:
        attempt(target, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < FREE + TIMES * len(data)


@every
def test_good_messages_are_read(name: str) -> None:
    """What the fuzzers begin with is read: they get beyond the first byte."""
    target = TARGETS[name]
    for seed in target.seeds if name != "answer" else ():
        target.read(seed)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python")
@pytest.mark.parametrize("name", ["record", "greeting"])
def test_guided_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    """A short run with coverage as its guide and the memory of its process bounded; `make fuzz` is longer."""
    bounds = ["-runs=20000", "-rss_limit_mb=1024", "-max_len=8192", "-seed=1"]
    command = [sys.executable, "-m", "tests.fuzz.one", name, *bounds, f"-artifact_prefix={tmp_path}/", str(tmp_path)]
    for number, seed in enumerate(TARGETS[name].seeds):
        (tmp_path / f"{number}").write_bytes(seed)
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
