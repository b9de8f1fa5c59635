"""The one adapter upon virtual hardware: it cannot tell, and nothing sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes.sensors import roi, tensors
from nodes.sensors.adapter import Adapter, Patience
from nodes.sensors.prompts import Prompt
from nodes.sensors.sensor import Raw, Sensed, Stream
from nodes.sensors.states import SensorError, State
from nodes.sensors.virtual.behaviour import Behaviour
from nodes.sensors.virtual.belt import BeltScene, belt
from nodes.sensors.virtual.driven import Driver
from nodes.sensors.virtual.hardware import VirtualHardware
from nodes.sensors.virtual.network import builtin
from nodes.sensors.virtual.pace import Pace
from nodes.sensors.virtual.recorder import Recorder
from nodes.sensors.virtual.replay import Replay, recorded
from nodes.sensors.virtual.rig import FIRST, Rig
from nodes.sensors.virtual.scene import Scene
from nodes.sensors.virtual.setup import Setup
from nodes.sensors.virtual.takes import events
from nodes.sources.imx500 import imx500
from pipeline.clock import FakeClock, RealClock
from pipeline.errors import NodeError
from pipeline.records import Frame, Roi
from tests.nodes.virtual import BEGIN_NS, Flat, quick

SQUARE, ELSEWHERE = Roi(800, 600, 600, 600), Roi(2000, 1200, 600, 600)
HASTE = Patience(tick=0.05)


class Line:
    """An adapter upon virtual hardware with time that is only told."""

    def __init__(self, behaviour: Behaviour | None = None, scene: Scene | None = None, rig: Rig | None = None) -> None:
        self.clock = FakeClock(BEGIN_NS)
        self.hardware = VirtualHardware(scene or Flat(SQUARE), self.clock, behaviour=behaviour or quick(), rig=rig)
        self.sensor = Adapter(self.hardware, Driver(self.hardware, self.clock), HASTE)

    def start(self, **stream: Any) -> Iterator[Sensed]:
        """Open, load, start; its frames."""
        self.sensor.open()
        self.sensor.load(builtin(), lambda _done, _total: None)
        self.sensor.start(Stream(**{"discard": 0, **stream}))
        return self.sensor.frames()


def _mask(frame: Sensed) -> Any:
    assert frame.inference is not None
    return tensors.inside(frame.inference)


def test_frames_come_through_the_adapter() -> None:
    """Numbers without holes, times of exposure, and a network's answer for each."""
    line = Line()
    frames = list(islice(line.start(), 30))
    assert [frame.seq for frame in frames] == list(range(30))
    assert {frame.timing for frame in frames} == {"sensor"}
    assert frames[0].t_ns == frames[0].metadata["FrameWallClock"], "both are the exposure in the time of the line"
    assert all(frame.inference for frame in frames)
    assert line.sensor.health().state is State.STREAMING


def test_settled_masks_are_always_of_their_roi() -> None:
    """Whatever the sensor shows while it settles, torn or old: nothing that is called settled is of another crop."""
    line = Line(quick(settle=2, torn=True), Flat(SQUARE))
    frames, wrong, settled = line.start(), 0, 0
    for turn in range(12):
        crop = (SQUARE, ELSEWHERE)[turn % 2]
        line.sensor.set_roi(crop, f"turn {turn}")
        for frame in islice(frames, 9):
            if frame.settling == "settled" and frame.epoch and frame.epoch.roi == crop:
                settled += 1
                wrong += bool(_mask(frame).all()) != (crop == SQUARE)
    assert (wrong, settled > 40) == (0, True)


def test_masks_of_the_old_roi_are_called_settling() -> None:
    """A sensor that is slower than any other would still be told from one that is ready."""
    line = Line(quick(settle=2), Flat(SQUARE))
    frames = line.start()
    line.sensor.set_roi(SQUARE)
    list(islice(frames, 8))
    line.sensor.set_roi(ELSEWHERE)
    told = [(frame.settling, bool(_mask(frame).all())) for frame in islice(frames, 8)]
    assert ("settling", True) in told
    assert ("settled", True) not in told
    assert told[-1] == ("settled", False)


def test_the_first_frames_are_thrown_away_while_exposure_settles() -> None:
    """Twenty of them; then exposure is locked where it came to."""
    line = Line(quick(ae_settle=20))
    frames = list(islice(line.start(discard=20), 5))
    assert {frame.metadata["ExposureTime"] for frame in frames} == {8000}
    assert frames[0].seq == 0


@pytest.mark.slow
def test_a_stall_is_healed_by_a_new_start() -> None:
    """The camera stays open; the frames that follow belong to the same session."""
    line = Line(quick(stall_after=5, stall_s=0))
    frames = list(islice(line.start(), 10))
    assert len(frames) == 10
    assert frames[5].lost > 60, "three seconds without a frame"
    assert line.sensor.health().state is State.STREAMING


def test_gaps_are_counted() -> None:
    """Frames that never arrived are lost, not forgotten."""
    line = Line(quick(gap_every=4, gap=2))
    frames = list(islice(line.start(), 9))
    assert [frame.lost for frame in frames] == [0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert line.sensor.health().missing == 4


def test_a_late_inference_is_none_and_never_a_stale_mask() -> None:
    """Every third frame says nothing."""
    line = Line(quick(late_every=3))
    assert [frame.inference is None for frame in islice(line.start(), 6)] == [False, False, True] * 2


def test_a_network_that_was_lost_is_put_up_again() -> None:
    """Images without a tensor, for three seconds; then the adapter uploads once more."""
    line = Line(quick(forgets_s=5))
    next(line.start())
    line.sensor.stop()
    line.clock.wait_until(line.clock.now_ns() + 10**10)
    line.sensor.start(Stream(discard=0))
    frames = list(islice(line.sensor.frames(), 130))
    assert frames[0].inference is None
    assert frames[-1].inference is not None
    assert line.sensor.health().uploads == 2


@pytest.mark.parametrize(
    ("behaviour", "state", "advice"),
    [
        (quick(missing="node"), State.NEEDS_REOPEN, "ribbon cable"),
        (quick(missing="manager"), State.NEEDS_REOPEN, "ribbon cable"),
        (quick(busy=True), State.NEEDS_REOPEN, "another process holds the camera"),
    ],
)
def test_faults_become_states_with_advice(behaviour: Behaviour, state: State, advice: str) -> None:
    """A technician reads what to do."""
    line = Line(behaviour)
    with pytest.raises(SensorError, match=advice):
        next(line.start())
    assert line.sensor.state is state


def test_a_dead_bridge_needs_a_reboot() -> None:
    """After so many openings only the host's reboot helps."""
    rig, behaviour = Rig(), quick(dies_after=1)
    first = Line(behaviour, rig=rig)
    first.sensor.open()
    first.sensor.close()
    with pytest.raises(SensorError, match="reboot the host") as refused:
        first.sensor.open()
    assert refused.value.state is State.NEEDS_REBOOT


def test_an_upload_tells_how_far_it_is() -> None:
    """From the hardware's thread, while another starts it."""
    line = Line(quick(cold_s=100))
    told: list[tuple[int, int]] = []
    line.sensor.open()
    line.sensor.load(builtin(), lambda done, total: told.append((done, total)))
    line.sensor.start(Stream(discard=0))
    done, total = told[-1]
    assert done == total > 0
    assert line.clock.now_ns() - BEGIN_NS == 100 * 10**9


@pytest.mark.slow
def test_a_recording_replays_exactly(tmp_path: Path) -> None:
    """What the adapter says of a replay is what it said in the field: metadata, numbers, times, epochs, masks."""
    take = tmp_path / "field.take"
    clock = FakeClock(BEGIN_NS)
    behaviour = quick(settle=2, torn=True, late_every=7, gap_every=11, noise=3)
    field = VirtualHardware(BeltScene(belt("field")), clock, behaviour=behaviour)
    recorder = Recorder(field, take, clock)
    said = _said(Adapter(recorder, Driver(field, clock), HASTE))

    package, begin_ns = recorded(take)
    replay = Replay(take, again := FakeClock(begin_ns))
    assert package.sha256 == builtin().sha256
    assert _said(Adapter(replay, Driver(replay, again), HASTE)) == said
    assert len(said) == 60


def _said(sensor: Adapter) -> list[Any]:
    """Sixty frames of two prompts, everything that is known of each."""
    sensor.open()
    sensor.load(builtin(), lambda _done, _total: None)
    sensor.start(Stream())
    frames, said = sensor.frames(), []
    for turn in range(6):
        sensor.set_roi((SQUARE, ELSEWHERE)[turn % 2], f"prompt {turn % 2}")
        said += [frame._replace(inference=frame.inference and _mask(frame).tobytes()) for frame in islice(frames, 10)]
    sensor.close()
    return said


def test_a_node_records_and_replays_itself(tmp_path: Path) -> None:
    """The same records from the recording as from the camera: prompts, crops, masks, gaps and times."""
    prompts = {"a": Prompt(point=(2028, 1520), size=1600), "b": Prompt(point=(900, 900), size=800)}
    behaviour = quick(settle=2, late_every=7, gap_every=11, noise=2)

    def told(begin_ns: int, **more: Any) -> list[Any]:
        source = imx500("cam", "s1", FakeClock(begin_ns), prompts=prompts, **more)
        found = list(islice(source, 50))
        source.close()  # type: ignore[attr-defined]
        return found

    said = told(BEGIN_NS, record=str(tmp_path / "field"), virtual=Setup(behaviour=behaviour))
    take = tmp_path / "field" / "cam-s1.take"
    assert told(recorded(take)[1], virtual=Setup(replay=str(take))) == said
    assert {record.prompt for record in said if isinstance(record, Frame)} == {"a", "b"}


def test_a_replay_ends(tmp_path: Path) -> None:
    """With the recording, not with a stall."""
    take = _taken(tmp_path, 8)
    replay = Replay(take, clock := FakeClock(recorded(take)[1]))
    sensor = Adapter(replay, Driver(replay, clock), HASTE)
    sensor.open()
    sensor.load(builtin(), lambda _done, _total: None)
    sensor.start(Stream(discard=0))
    assert len(list(sensor.frames())) == 8
    assert replay.device() == ""
    sensor.close()


def test_a_replay_refuses_another_network(tmp_path: Path) -> None:
    """The masks were made by the one that was recorded."""
    replay = Replay(_taken(tmp_path, 1), FakeClock())
    replay.open()
    with pytest.raises(NodeError, match=r"expected the network that was recorded, brightness \(\w{12}\), found other"):
        replay.load(builtin().__class__(Path("other.rpk"), "other", "0" * 64))


def test_a_replay_refuses_a_roi_that_was_not_recorded(tmp_path: Path) -> None:
    """Nobody knows what would have been seen there."""
    replay = Replay(_taken(tmp_path, 1), FakeClock())
    replay.open()
    with pytest.raises(NodeError, match=r"expected the ROI \[508, 0, 3040, 3040\] that was recorded here, found \[800"):
        replay.write_roi(SQUARE)


def test_a_recording_holds_no_pixels_unless_images_may_leave(tmp_path: Path) -> None:
    """An input tensor is a picture: it is noted only where the topology lets pictures out."""
    held = [
        [
            "CnnInputTensor" in event.told
            for event in events(_taken(tmp_path / str(images), 2, input_tensor=True, images=images))
            if event.kind == "raw"
        ]
        for images in (False, True)
    ]
    assert held == [[False, False], [True, True]]


def _taken(folder: Path, count: int, **stream: Any) -> Path:
    """A short recording."""
    folder.mkdir(exist_ok=True)
    clock = FakeClock(BEGIN_NS)
    hardware = VirtualHardware(Flat(SQUARE), clock, behaviour=quick())
    recorder = Recorder(hardware, folder / "short.take", clock)
    recorder.open()
    recorder.load(builtin())
    recorder.write_roi(roi.whole())
    recorder.start(Stream(**stream), lambda _: None)
    for _ in range(count):
        hardware.step()
    recorder.stop()
    recorder.close()
    return folder / "short.take"


def test_with_a_real_clock_a_thread_keeps_the_pace() -> None:
    """Frames come when the sensor would give them, from a thread that mostly waits."""
    hardware = VirtualHardware(Flat(SQUARE), RealClock(), behaviour=quick(dnn_ms=1))
    came, enough = list[Raw](), threading.Event()

    def deliver(raw: Raw) -> None:
        came.append(raw)
        if len(came) == 5:
            enough.set()

    hardware.open()
    hardware.load(builtin())
    hardware.start(Stream(rate=100), deliver)
    assert enough.wait(10)
    hardware.close()
    known = len(came)
    stamps = [raw.metadata["SensorTimestamp"] for raw in came]
    assert set(np.rint(np.diff(stamps) / 1e7)) <= set(range(1, 60))
    assert (len(came), hardware.ready) == (known, False), "nothing comes after it was stopped"


def test_an_inference_comes_when_the_sensor_would_have_it() -> None:
    """A frame is read out, and then the network runs for its 14.3 ms."""
    pace = Pace(Behaviour(), 30.0, 0)
    assert pace.due_ns(7) - pace.exposed_ns(7) == round(1e9 / 30) + 14_300_000
    assert Pace(Behaviour(dnn_ms=25), 30.0, 0).due_ns(0) == round(1e9 / 30) + 25_000_000


def test_nobody_burns_a_core_to_wait() -> None:
    """Ten inferences of 14 ms take a third of a second, most of which the process sleeps."""
    hardware = VirtualHardware(Flat(SQUARE), RealClock(), behaviour=quick())
    came, enough = list[Raw](), threading.Event()

    def deliver(raw: Raw) -> None:
        came.append(raw)
        if len(came) == 10:
            enough.set()

    hardware.open()
    hardware.load(builtin())
    hardware.start(Stream(rate=30), deliver)
    begun, spent = time.monotonic(), time.process_time()
    assert enough.wait(30)
    spent, lasted = time.process_time() - spent, time.monotonic() - begun
    hardware.close()
    assert spent < lasted / 2


def test_a_thread_that_fails_tells_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene that breaks is no silence: the board has a notice."""
    from pipeline.notices import Board

    board = Board()
    monkeypatch.setattr("nodes.sensors.virtual.hardware.board", board)

    class Broken(Flat):
        def picture(self, *_: Any) -> Any:
            raise ValueError("the tape is torn")

    hardware = VirtualHardware(Broken(), RealClock(), behaviour=quick(dnn_ms=0))
    hardware.open()
    hardware.load(builtin())
    hardware.start(Stream(rate=100), lambda _: None)
    assert hardware._thread is not None  # noqa: SLF001 - it ends by itself
    hardware._thread.join(10)  # noqa: SLF001
    hardware.close()
    assert [notice.text for notice in board.read()] == [
        f"virtual sensor {FIRST} stands still: the tape is torn; look at its scene and its network"
    ]
