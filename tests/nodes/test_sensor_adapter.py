"""What the adapter makes of hardware that fails, stalls and forgets; its hardware is a puppet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes.sensors import keeper
from nodes.sensors.adapter import Adapter, Patience
from nodes.sensors.sensor import Identity, Package, Raw, Sensed, Stream
from nodes.sensors.states import SensorError, State
from pipeline.records import Roi
from tests.standins import packets

PERIOD = 33_333
UPTIME = 10**12
NET = Package(Path("net.rpk"), "net", "0" * 64, (96, 96))
HURRY = Patience(upload=400.0, stall=3.0, tensor=1.0, tries=2, tick=0.002)
MASK = np.ones((4, 4), np.float32)


class Time:
    """A clock that goes on a tenth of a second whenever somebody looks whether the line goes on."""

    def __init__(self) -> None:
        self.t_ns, self.stopping = 0, False

    def now_ns(self) -> int:
        """Since the test began."""
        return self.t_ns

    def wait_until(self, t_ns: int) -> bool:
        """Whether the line goes on."""
        self.t_ns = max(t_ns, self.t_ns + 100_000_000)
        return not self.stopping


class Puppet:
    """Hardware that does and says what a test wants; `script` gives what is delivered whenever it streams."""

    def __init__(self, time: Time) -> None:
        self.time, self.done, self.fails = time, list[str](), dict[str, Exception]()
        self.script: Callable[[], list[Raw]] = list
        self.gate = threading.Event()
        self.gate.set()

    def _do(self, what: str) -> None:
        self.done.append(what)
        if error := self.fails.get(what.partition(" ")[0]):
            raise error

    def open(self) -> Identity:
        """Take hold."""
        self._do("open")
        return Identity("imx500", "i2c@88000", "/base/i2c@88000/imx500@1a")

    def load(self, package: Package) -> None:
        """Take a network."""
        self._do(f"load {package.name}")

    def uploaded(self) -> tuple[int, int]:
        """Half of it."""
        return 1, 2

    def start(self, stream: Stream, deliver: Callable[[Raw], None]) -> None:
        """Deliver what the script says."""
        self._do("start")
        self.gate.wait(10)
        for raw in self.script():
            deliver(raw)

    def write_roi(self, roi: Roi) -> None:
        """Write it."""
        self._do(f"roi {roi.x}")

    def write_controls(self, controls: Mapping[str, Any]) -> None:
        """Set them."""
        self._do(f"controls {','.join(sorted(controls))}")

    def now_ns(self) -> int:
        """Since boot."""
        return self.time.now_ns() + UPTIME

    def device(self) -> str:
        """None."""
        return ""

    def stop(self) -> None:
        """Stream off."""
        self._do("stop")

    def close(self) -> None:
        """Let go."""
        self._do("close")


@pytest.fixture
def time() -> Time:
    """Time that goes on by itself."""
    return Time()


@pytest.fixture
def puppet(time: Time) -> Puppet:
    """Hardware."""
    return Puppet(time)


@pytest.fixture
def sensor(puppet: Puppet, time: Time) -> Adapter:
    """The adapter above it, open and with a network."""
    adapter = Adapter(puppet, time, HURRY)
    adapter.open()
    adapter.load(NET, lambda done, total: None)
    return adapter


def _raw(number: int, *, mask: bool = True, count: int | None = None, value: float = 0.0, **more: Any) -> Raw:
    told = {"SensorTimestamp": UPTIME + number * PERIOD * 1000, "FrameDuration": PERIOD, **more}
    tensors = packets.metadata([MASK + value + number], frame=number % 256 if count is None else count) if mask else {}
    return Raw(tensors | told)


def _wait(event: threading.Event) -> None:
    event.wait(10)


def _started(sensor: Adapter, **stream: Any) -> Iterator[Sensed]:
    sensor.start(Stream(**{"discard": 0, **stream}))
    return sensor.frames()


def test_a_session_from_open_to_close(sensor: Adapter, puppet: Puppet) -> None:
    """The ROI is written before the stream begins, exposure is held once frames come, and the camera is given back."""
    puppet.script = lambda: [_raw(number) for number in range(3)]
    frames = [*islice(_started(sensor), 3)]
    assert sensor.state is State.STREAMING
    sensor.stop()
    sensor.close()
    assert puppet.done == ["open", "load net", "roi 508", "start", "controls AeEnable,AwbEnable", "stop", "close"]
    assert [(frame.seq, frame.lost, frame.timing, frame.settling) for frame in frames] == [
        (number, 0, "sensor", "settled") for number in range(3)
    ]
    assert sensor.state.value == "closed"


def test_lost_and_dropped_frames_are_numbered(sensor: Adapter, puppet: Puppet) -> None:
    """Of what never came, and of what nobody fetched in time, each frame has its number; nothing is lost silently."""
    puppet.script = lambda: [_raw(number) for number in [0, 1, *range(5, 23)]]
    frames = [*islice(_started(sensor), 12)]
    assert [frame.seq for frame in frames] == [*range(11, 23)]
    assert frames[0].lost == 11
    health = sensor.health()
    assert (health.seen, health.missing, health.dropped) == (20, 3, 8)


def test_frames_until_exposure_has_settled_are_thrown_away(sensor: Adapter, puppet: Puppet) -> None:
    """They are seen, but the session begins after them."""
    puppet.script = lambda: [_raw(number) for number in range(6)]
    frames = [*islice(_started(sensor, discard=4), 2)]
    assert [(frame.seq, frame.lost) for frame in frames] == [(0, 0), (1, 0)]
    assert sensor.health().seen == 6


def test_an_older_inference_is_none(sensor: Adapter, puppet: Puppet) -> None:
    """Same number and same tensors: that of an earlier frame once more. Another number, or other tensors: a new one."""
    puppet.script = lambda: [_raw(0, count=7), _raw(1, count=7, value=-1.0), _raw(2, count=7), _raw(3, mask=False)]
    found = [frame.inference is not None for frame in islice(_started(sensor), 4)]
    assert found == [True, False, True, False]
    assert sensor.health().without_tensor == 2


def test_masks_know_their_roi(sensor: Adapter, puppet: Puppet, time: Time) -> None:
    """Before a change the old one, after it some that are doubtful, then the new one."""
    puppet.script = lambda: [_raw(number) for number in range(12)]
    frames = _started(sensor, settle=3)
    time.t_ns = 4 * PERIOD * 1000 + 1000
    sensor.set_roi(Roi(0, 0, 192, 192), "rim")
    told = [(frame.epoch.prompt if frame.epoch else None, frame.settling) for frame in islice(frames, 12)]
    assert told[:4] == [("", "settled")] * 4
    assert told[4:8] == [("rim", "settling")] * 4
    assert told[8:] == [("rim", "settled")] * 4


def test_a_roi_that_failed_leaves_it_unknown(sensor: Adapter, puppet: Puppet) -> None:
    """Registers may be written in part: no mask after that claims a ROI, and the stream goes on."""
    puppet.script = lambda: [_raw(number) for number in range(2)]
    frames = _started(sensor)
    puppet.fails["roi"] = RuntimeError("the driver refused the ROI")
    with pytest.raises(SensorError, match="set the ROI of camera i2c@88000: the driver refused the ROI"):
        sensor.set_roi(Roi(0, 0, 192, 192))
    assert [(frame.epoch, frame.settling) for frame in islice(frames, 2)] == [(None, "unknown")] * 2


def test_an_illegal_roi_is_not_written(sensor: Adapter, puppet: Puppet) -> None:
    """It is refused with its reasons, and nothing reaches the hardware."""
    before = [*puppet.done]
    with pytest.raises(SensorError, match="expected sides of at least 192 px"):
        sensor.set_roi(Roi(0, 0, 100, 100))
    assert puppet.done == before


def test_a_network_that_is_lost_is_put_up_again(sensor: Adapter, puppet: Puppet) -> None:
    """Images without any inference for a second: the network goes up again, and the numbers go on."""
    rounds = iter([[_raw(number, mask=False) for number in range(10)], [_raw(number) for number in range(40, 44)]])
    puppet.script = lambda: next(rounds)
    found = [*islice(_started(sensor, rate=9.0), 14)]
    assert [frame.inference is None for frame in found] == [True] * 10 + [False] * 4
    assert found[10].lost == 30
    assert puppet.done.count("load net") == 2
    assert sensor.health().uploads == 2


def test_a_stream_that_stands_still_is_started_anew(sensor: Adapter, puppet: Puppet) -> None:
    """After three seconds without a frame, with the camera kept open."""
    rounds = iter([[_raw(0)], [_raw(200)]])
    puppet.script = lambda: next(rounds)
    assert [frame.seq for frame in islice(_started(sensor), 2)] == [0, 200]
    assert puppet.done.count("open") == 1
    assert puppet.done.count("load net") == 1
    assert puppet.done.count("start") == 2


def test_a_stream_that_stays_dead_has_failed(sensor: Adapter, puppet: Puppet) -> None:
    """After some attempts people are told, and only closing may follow."""
    puppet.script = list
    with pytest.raises(SensorError, match=r"no frame has come for 3 s.*check the ribbon cable"):
        next(_started(sensor))
    assert sensor.state.value == "needs_reopen"
    assert puppet.done.count("start") == 3
    with pytest.raises(SensorError, match="expected it open, found it needs_reopen: camera i2c@88000: no frame"):
        sensor.start(Stream())
    sensor.close()
    sensor.open()


def test_an_upload_that_never_ends_asks_for_a_reboot(puppet: Puppet, time: Time) -> None:
    """It is given the minutes that it may take, told all the while, and then given up."""
    told: list[tuple[int, int]] = []
    sensor = Adapter(puppet, time, HURRY._replace(tick=0.0))
    sensor.open()
    sensor.load(NET, lambda done, total: told.append((done, total)))
    puppet.gate.clear()
    with pytest.raises(SensorError, match=r"expected the stream within 400 s.*reboot the host"):
        sensor.start(Stream())
    assert sensor.state is State.NEEDS_REBOOT
    assert len(told) >= 3000
    puppet.gate.set()


def test_a_library_that_hangs_does_not_take_the_line_with_it(puppet: Puppet, time: Time) -> None:
    """Stopping and closing are given up after a while, and people are told."""
    sensor, forever = Adapter(puppet, time, HURRY._replace(halt=0.01)), threading.Event()
    sensor.open()
    sensor.load(NET, lambda done, total: None)
    puppet.script = lambda: [_raw(0)]
    next(_started(sensor))
    hang = partial(_wait, forever)
    puppet.stop = puppet.close = hang  # type: ignore[method-assign]
    with pytest.raises(SensorError, match=r"stop camera i2c@88000: .*found it hanging; .*restart the line"):
        sensor.stop()
    assert sensor.state is State.NEEDS_REBOOT
    sensor.close()
    assert sensor.state.value == "closed"
    forever.set()


def test_the_default_patience_with_an_upload_is_long() -> None:
    """No time-out below five minutes."""
    assert Patience().upload >= 300


def test_a_stopping_line_does_not_wait_for_an_upload(sensor: Adapter, puppet: Puppet, time: Time) -> None:
    """Nor for frames: the source simply ends."""
    puppet.gate.clear()
    time.stopping = True
    assert [*_started(sensor)] == []
    puppet.gate.set()


def test_a_running_stream_is_stopped_for_a_network(sensor: Adapter, puppet: Puppet) -> None:
    """The driver takes none while it streams."""
    puppet.script = lambda: [_raw(0)]
    next(_started(sensor))
    sensor.load(NET, lambda done, total: None)
    assert puppet.done[-2:] == ["stop", "load net"]
    assert sensor.state is State.OPEN


FAILURES = [
    ("IMX500: Requested camera dev-node not found", State.NEEDS_REOPEN, "ribbon cable at both ends"),
    ("Failed to start CameraManager: No such device", State.NEEDS_REOPEN, "camera_auto_detect=1"),
    ("Failed to acquire camera: Device or resource busy", State.NEEDS_REOPEN, "fuser -v /dev/media"),
    ("rp2040_gbdg_wait_until_free failed", State.NEEDS_REBOOT, "reboot the host"),
    ("failed to load loader firmware", State.NEEDS_REBOOT, "cut the power for ten seconds"),
    ("Camera frontend has timed out!", State.NEEDS_REOPEN, "power supply"),
    ("No module named 'libcamera'", State.NEEDS_REOPEN, "apt install python3-libcamera"),
    ("[Errno 2] No such file or directory: 'sudo'", State.NEEDS_REOPEN, "apt install sudo"),
    ("[Errno 13] Permission denied: '/dev/v4l-subdev2'", State.NEEDS_REOPEN, "usermod -aG video"),
    ("something new", State.NEEDS_REOPEN, "close the camera and open it again"),
]


@pytest.mark.parametrize(("told", "state", "advised"), FAILURES)
def test_a_failure_becomes_a_state_with_advice(
    puppet: Puppet, time: Time, told: str, state: State, advised: str
) -> None:
    """What libraries and drivers say is repeated, with what a technician should do about it."""
    sensor = Adapter(puppet, time)
    wrapped = RuntimeError("Camera __init__ sequence did not complete.")
    wrapped.__cause__ = RuntimeError(told)
    puppet.fails["open"] = wrapped
    with pytest.raises(SensorError) as raised:
        sensor.open()
    assert told in str(raised.value)
    assert advised in str(raised.value)
    assert (raised.value.state, sensor.state) == (state, state)
    assert sensor.health().advice == str(raised.value)


def test_the_older_layout_streams(sensor: Adapter, puppet: Puppet) -> None:
    """708 bytes carry no frame count, so nothing can be told from it; frames have their inferences all the same."""
    told = packets.metadata([MASK], length=708) | {"FrameDuration": PERIOD}
    puppet.script = lambda: [Raw(told | {"SensorTimestamp": UPTIME + number * PERIOD * 1000}) for number in range(3)]
    assert all(frame.inference for frame in islice(_started(sensor), 3))


def test_metadata_that_nobody_understands_is_said(sensor: Adapter, puppet: Puppet) -> None:
    """A newer libcamera: frames are without inference, and after some attempts the reason is the error."""
    raw = _raw(0)
    odd = {**raw.metadata, "CnnOutputTensorInfo": (0,) * 720}
    puppet.script = lambda: [Raw({**odd, "SensorTimestamp": UPTIME + number}) for number in range(12)]
    with pytest.raises(SensorError, match=r"found 720: .*update Kensa"):
        [*_started(sensor, rate=5.0)]


@pytest.mark.parametrize(
    ("metadata", "time_known", "t_ns"),
    [
        ({"SensorTimestamp": UPTIME + 500, "FrameWallClock": 77}, "sensor", 500),
        ({"FrameWallClock": 77}, "wall", 77),
        ({}, "arrival", None),
    ],
)
def test_what_is_known_of_the_time_is_said(
    sensor: Adapter, puppet: Puppet, metadata: dict[str, Any], time_known: str, t_ns: int | None
) -> None:
    """The sensor's own stamp in the time of the line; else the host's; else only when it came."""
    puppet.script = lambda: [Raw(metadata)]
    frame = next(_started(sensor))
    assert frame.timing == time_known
    assert t_ns is None or frame.t_ns == t_ns


def test_pictures_stay_below(sensor: Adapter, puppet: Puppet) -> None:
    """Whatever the hardware hands over: without `images` nobody above sees a pixel."""
    puppet.script = lambda: [Raw(_raw(number).metadata, np.zeros((2, 2, 3), np.uint8)) for number in range(2)]
    assert next(_started(sensor)).image is None
    sensor.stop()
    assert next(_started(sensor, images=True)).image is not None


def test_a_camera_stays_open_between_runs(puppet: Puppet, time: Time) -> None:
    """The next run of a source finds it open, with its network, unless it has a time or a recorder of its own; one that
    failed is closed and opened anew.
    """
    key = ("test", "i2c@88000")
    first = keeper.hold(key, lambda: Adapter(puppet, time), time)
    keeper.release(key, first)
    assert keeper.hold(key, lambda: Adapter(puppet, time), time) is first
    assert puppet.done == ["open"]
    keeper.release(key, first)
    mine = keeper.hold(key, lambda: Adapter(puppet, time), time, kept=False)
    assert mine is not first
    assert puppet.done == ["open", "close", "open"]
    keeper.release(key, mine)
    first = keeper.hold(key, lambda: Adapter(puppet, time), time)
    puppet.fails["load"] = RuntimeError("Input/output error")
    with pytest.raises(SensorError):
        first.load(NET, lambda done, total: None)
    keeper.release(key, first)
    assert keeper.hold(key, lambda: Adapter(puppet, time), time) is not first
    assert puppet.done[-2:] == ["close", "open"]
