"""The file of a field recording gives back exactly what was put into it, and says what is wrong with a file."""

from __future__ import annotations

import math
import struct
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.sensors.adapter import Adapter, Patience
from nodes.sensors.sensor import Stream
from nodes.sensors.virtual.driven import Driver
from nodes.sensors.virtual.hardware import VirtualHardware
from nodes.sensors.virtual.network import builtin
from nodes.sensors.virtual.recorder import Recorder
from nodes.sensors.virtual.replay import Replay, recorded
from nodes.sensors.virtual.takes import Event, TakeWriter, events
from pipeline.clock import FakeClock
from pipeline.errors import NodeError
from tests.nodes.virtual import BEGIN_NS, Flat, quick

NUMBERS = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(), st.booleans())
LONG = st.one_of(
    st.lists(st.integers(0, 255), min_size=32, max_size=80),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=32, max_size=80),
    st.lists(st.floats(width=32), min_size=32, max_size=80),
    st.lists(st.floats(), min_size=32, max_size=80),
    st.lists(NUMBERS, min_size=32, max_size=40),
).map(tuple)
VALUES = st.recursive(
    st.one_of(st.none(), st.text(max_size=5), NUMBERS, LONG),
    lambda inner: st.one_of(st.lists(inner, max_size=4).map(tuple), st.lists(inner, max_size=4)),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=40)
@given(told=st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_metadata_come_back_as_they_were(told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tuples as tuples, lists as lists, every number of its own type and to the bit."""
    path = tmp_path_factory.mktemp("take") / "a.take"
    with TakeWriter(path) as writer:
        writer.write(Event("raw", 7, told))
    (event,) = events(path)
    assert (event.kind, event.at_ns) == ("raw", 7)
    assert _exactly(event.told) == _exactly(told)


def _exactly(value: Any) -> Any:
    """A value in a form in which equal is identical: types are told, floats are their bits."""
    if isinstance(value, dict):
        return {name: _exactly(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return type(value).__name__, [_exactly(each) for each in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    return type(value).__name__, value


def test_a_killed_writer_lacks_its_last_event_at_most(tmp_path: Path) -> None:
    """Cut anywhere, the file gives all events before."""
    path, torn = tmp_path / "a.take", tmp_path / "torn.take"
    with TakeWriter(path) as writer:
        for number in range(3):
            writer.write(Event("raw", number, {"values": tuple(range(64))}))
    data = path.read_bytes()
    counts = []
    for length in range(40, len(data)):
        torn.write_bytes(data[:length])
        counts.append(len(list(events(torn))))
    assert counts == sorted(counts)
    assert counts[-1] == 2


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """Each in its own words."""
    path = tmp_path / "a.take"
    for data in (b"", b"\xc1\xc1", msgspec.msgpack.encode({"kind": "recording"})):
        path.write_bytes(data)
        with pytest.raises(NodeError, match=r"a\.take: expected a field recording"):
            list(events(path))
    with pytest.raises(NodeError, match="found none: No such file"):
        list(events(tmp_path / "no.take"))
    with pytest.raises(NodeError, match="expected a new file, found one"):
        TakeWriter(path)


def test_a_damaged_event_is_named(tmp_path: Path) -> None:
    """With what it was and when."""
    path = tmp_path / "a.take"
    with TakeWriter(path) as writer:
        writer.write(Event("raw", 99, {"values": tuple(range(64))}))
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(NodeError, match="damaged at raw of 99 ns"):
        list(events(path))


def test_a_recording_without_a_stream_is_refused(tmp_path: Path) -> None:
    """There is nothing to replay."""
    with TakeWriter(tmp_path / "a.take") as writer:
        writer.write(Event("load", 0, {}))
    with pytest.raises(NodeError, match="expected a network and a stream"):
        recorded(tmp_path / "a.take")


def test_a_stall_is_replayed_with_its_new_start(tmp_path: Path) -> None:
    """Where a stream stood still and was started anew in the field, it is so in the replay."""
    take, clock = tmp_path / "stall.take", FakeClock(BEGIN_NS)
    hardware = VirtualHardware(Flat(), clock, behaviour=quick(stall_after=5, stall_s=0))
    recorder = Recorder(hardware, take, clock)
    said = _frames(Adapter(recorder, Driver(hardware, clock), Patience(tick=0.01)))
    replay = Replay(take, again := FakeClock(recorded(take)[1]))
    assert _frames(Adapter(replay, Driver(replay, again), Patience(tick=0.01))) == said
    assert [lost > 60 for _, lost, _ in said] == [False] * 5 + [True] + [False] * 6


def test_a_frame_takes_little_room(tmp_path: Path) -> None:
    """A mask of 96 × 96 and all that is known of it: less than a tenth of its tuples' numbers."""
    path, clock = tmp_path / "a.take", FakeClock(BEGIN_NS)
    hardware = VirtualHardware(Flat(), clock, behaviour=quick(noise=2.0))
    recorder = Recorder(hardware, path, clock)
    recorder.open()
    recorder.load(builtin())
    recorder.start(Stream(), lambda _: None)
    for _ in range(10):
        hardware.step()
    recorder.close()
    assert path.stat().st_size / 10 < 8 * 9216 / 5


def _frames(sensor: Adapter) -> list[tuple[int, int, Any]]:
    sensor.open()
    sensor.load(builtin(), lambda _done, _total: None)
    sensor.start(Stream(discard=0))
    said = [(frame.seq, frame.lost, frame.metadata["SensorTimestamp"]) for frame in islice(sensor.frames(), 12)]
    sensor.close()
    return said
