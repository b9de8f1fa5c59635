"""What a host knows of its cameras, and what a source makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nodes.sensors import known
from nodes.sensors.known import Settling
from nodes.sensors.prompts import Prompt
from nodes.sensors.sensor import Identity
from nodes.sensors.virtual.network import builtin
from nodes.sensors.virtual.rig import FIRST, SECOND, Rig
from nodes.sensors.virtual.setup import Setup
from nodes.sources.imx500 import imx500, tells
from pipeline.clock import FakeClock
from pipeline.errors import KensaError
from pipeline.notices import board
from pipeline.records import Frame
from tests.nodes.virtual import BEGIN_NS, quick

PROMPTS = {"a": Prompt(point=(2028, 1520), size=1600), "b": Prompt(point=(700, 700), size=1000)}
MEASURED = Settling(frames=5, p95=4, torn=0, changes=40, rate=30.0, at="2026-11-20T10:00:00Z")


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host that knows nothing yet, and whose notices are nobody else's."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path))
    yield
    for key in ("sensor test settling", "sensor test known"):
        board.settle(key)


def identity(bus: str = FIRST, device: str = "", kind: Any = "virtual") -> Identity:
    """A camera that is connected somewhere; the virtual one that is there, unless said otherwise."""
    slot = Rig(bus).slots[0]
    return Identity(kind, bus, slot.id, device or slot.device)


def test_what_is_noted_is_known_by_number_and_by_place() -> None:
    """One file per camera; what is noted later does not forget what was noted before."""
    me = identity()
    assert known.of(me.device) is None
    path = known.note(me, upload=known.uploaded(builtin()))
    assert path == known.note(me, settling=MEASURED)
    found = known.of(me.device)
    assert found is not None
    assert (found.settling, found.bus, found.upload and found.upload.name) == (MEASURED, FIRST, "brightness")
    assert known.at("virtual", FIRST) == known.at("virtual", "") == found
    assert known.at("imx500", FIRST) is None
    assert known.at("virtual", SECOND) is None


def test_a_camera_without_a_number_is_not_noted() -> None:
    """Nobody could find it again; nor does a strange number choose a file elsewhere."""
    assert known.note(msgspec.structs.replace(identity(), device="")) is None
    assert known.note(identity(device="../../evil")) is None
    assert known.of("../../evil") is None


def test_of_two_cameras_at_one_place_the_later_counts_and_of_two_places_none() -> None:
    """A camera that was replaced is another; a host with two cameras must say which."""
    for number, device in enumerate(("aaaaaaaa", "bbbbbbbb")):
        path = known.note(identity(device=device), settling=MEASURED)
        assert path is not None
        told = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode({**told, "seen": f"2026-11-2{number}T00:00:00Z"}))
    found = known.at("virtual", FIRST)
    assert found is not None
    assert found.device == "bbbbbbbb"
    known.note(identity(SECOND), settling=MEASURED)
    assert known.at("virtual", "") is None


def test_a_damaged_file_is_told_and_believed_nothing() -> None:
    """A line takes what is safe, the plan says why, and a tool says which file to remove."""
    path = known.note(identity(), settling=MEASURED)
    assert path is not None
    path.write_text("{")
    with pytest.raises(KensaError, match=r"\.json: expected what is known of a camera, found: .*; remove the file"):
        known.everything()
    found = known.settle("virtual", FIRST)
    assert (found.frames, found.device) == (3, "")
    assert "remove the file" in found.why


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text names the file."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "file"))
    with pytest.raises(KensaError, match=r"cameras/[0-9a-f]+\.json: expected to write what is known of a camera there"):
        known.note(identity(), settling=MEASURED)


def planned(**told: Any) -> list[str]:
    """What the plan says of a virtual camera with two prompts."""
    return [*tells(msgspec.convert({"prompts": PROMPTS, "virtual": Setup(), **told}, imx500.spec.params))]  # type: ignore[attr-defined]


def test_the_plan_says_how_long_a_change_settles_and_why() -> None:
    """The default, what the topology says, what was measured; and rates follow from it."""
    default = planned()
    assert default[-1] == (
        "a change of prompt settles in 3 frames, for this host has measured nothing; "
        "measure it with `kensa camera calibrate-roi`"
    )
    known.note(identity(), settling=MEASURED)
    device = identity().device
    measured = planned()
    assert measured[-1] == (f"a change of prompt settles in 5 frames, as measured on {device} at 2026-11-20T10:00:00Z")
    assert measured[0] != default[0]
    assert planned(settle=5)[0] == measured[0]
    assert planned(settle=2)[-1] == "a change of prompt settles in 2 frames, as the topology says"
    assert "settles" not in " ".join(planned(prompts=None))


def doubtful(count: int = 60, **told: Any) -> int:
    """Settling frames of a turn, as a source with two prompts tells them."""
    virtual = Setup(behaviour=quick(settle=2))
    source = imx500("test", "s", FakeClock(BEGIN_NS), virtual=virtual, prompts=PROMPTS, discard=0, **told)
    frames = [record for record in islice(source, count) if isinstance(record, Frame)]
    source.close()  # type: ignore[attr-defined]
    turns = "".join("x" if frame.epoch == "settling" else " " for frame in frames).split()
    return max(map(len, turns[1:-1]))


def test_a_source_takes_what_was_measured_for_its_camera() -> None:
    """More frames are doubtful where the camera takes longer; what the topology says comes first."""
    base = doubtful()
    assert doubtful(settle=3) == base
    known.note(identity(), settling=MEASURED)
    assert doubtful() == base + 2
    assert doubtful(settle=1) == base - 2


def test_a_camera_that_was_replaced_is_not_believed() -> None:
    """Another one at the same place: it takes the default, and somebody is told which one was measured."""
    known.note(identity(device="aaaaaaaa"), settling=MEASURED)
    assert planned()[-1].startswith("a change of prompt settles in 5 frames")
    assert doubtful() == doubtful(settle=3)
    virtual = Setup(behaviour=quick())
    source = imx500("test", "s", FakeClock(BEGIN_NS), virtual=virtual, prompts=PROMPTS, discard=0)
    next(source)
    told = {notice.text for notice in board.read()}
    source.close()  # type: ignore[attr-defined]
    assert any(f"this is {identity().device}, not the camera that was measured" in text for text in told)


def test_a_recording_replays_exactly_where_settling_was_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded with one settling asks for its crops at the same frames on a host that knows of another."""

    def records(virtual: Setup, count: int, **told: Any) -> list[Any]:
        source = imx500("test", "s", FakeClock(BEGIN_NS), virtual=virtual, prompts=PROMPTS, discard=0, **told)
        found = [*islice(source, count)]
        source.close()  # type: ignore[attr-defined]
        return found

    known.note(identity(), settling=MEASURED)
    recorded = records(Setup(behaviour=quick(settle=2, late_every=7)), 50, record=str(tmp_path / "field"))
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "elsewhere"))
    again = records(Setup(replay=str(tmp_path / "field" / "test-s.take")), 50)
    assert again == recorded
    assert {record.prompt for record in recorded if isinstance(record, Frame)} == {"a", "b"}
