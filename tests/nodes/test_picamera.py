"""The source upon the real picamera2: what a line would do on a Raspberry Pi, down to libcamera and the kernel."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes.sensors import keeper
from nodes.sensors.adapter import Adapter, Patience
from nodes.sensors.package import package
from nodes.sensors.picamera import Picamera
from nodes.sensors.sensor import Stream
from nodes.sensors.states import SensorError, State
from nodes.sources.imx500 import imx500
from pipeline.cli import main
from pipeline.clock import RealClock
from pipeline.records import Frame, Reading, Roi
from tests.standins import packets, picamera2
from tests.standins.kernel import BUSY, FIRMWARE, Kernel

picamera2()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the library's, of other libraries
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # it leaves a pipe open where it cannot acquire a camera
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CAM0, CAM1 = "/base/axi/pcie@120000/rp1/i2c@88000/imx500@1a", "/base/axi/pcie@120000/rp1/i2c@80000/imx500@1a"


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Kernel]:
    """Two cameras, in the order in which picamera2 does not sort them; nothing stays open."""
    import libcamera

    kernel = Kernel(tmp_path, {2: CAM1, 5: CAM0})
    kernel.install(monkeypatch)
    manager = libcamera.CameraManager.singleton()
    manager.cameras = [libcamera.Camera(CAM1), libcamera.Camera(CAM0)]
    (tmp_path / "net.rpk").write_bytes(packets.package())
    yield kernel
    keeper.close()
    manager.cameras = []
    gc.collect()  # what the library left open is found here, not in somebody else's test


@pytest.fixture
def network(kernel: Kernel, tmp_path: Path) -> Path:
    """A package of 96 × 96."""
    return tmp_path / "net.rpk"


def _camera(number: int) -> Any:
    import libcamera

    return libcamera.CameraManager.singleton().cameras[number]


class Feeder(threading.Thread):
    """Completes a camera's requests until it is told to stop; every frame has a mask with one pixel of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self.number, self.ending = number, threading.Event()

    def run(self) -> None:
        """Feed."""
        shown = 0
        while not self.ending.wait(0.002):
            logits = np.full((96, 96), -1, np.float32)
            logits[self.number, shown % 96] = 1
            stamp = {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "FrameDuration": 33_333}
            light: dict[str, Any] = {"ExposureTime": 7996, "AnalogueGain": 1.5, "Lux": 312.5}
            shown += _camera(self.number).complete(packets.metadata([logits], frame=shown % 256, **stamp, **light))


@pytest.fixture
def fed(kernel: Kernel) -> Iterator[None]:
    """Both cameras give frames whenever they stream."""
    feeders = [Feeder(number) for number in (0, 1)]
    for feeder in feeders:
        feeder.start()
    yield
    for feeder in feeders:
        feeder.ending.set()
        feeder.join()


def _source(network: Path, bus: str, **told: Any) -> Any:
    return imx500(bus, "s", RealClock(), package=str(network), bus=bus, discard=0, **told)


def _frame(source: Any) -> Frame:
    return next(record for record in source if isinstance(record, Frame))


def test_two_cameras_of_one_host(network: Path, fed: None) -> None:
    """Each source gets the masks of the camera on its bus, row by row of its own, at the same time."""
    sources = {0: _source(network, "i2c@80000"), 1: _source(network, "i2c@88000")}
    for number, source in sources.items():
        frames = [_frame(source) for _ in range(5)]
        assert [frame.layers[0].mask.box[1] for frame in frames] == [number] * 5
        assert frames[0].roi == Roi(508, 0, 3040, 3040)
        # It tells no temperature, and no picture may leave it: both are unknown.
        assert frames[4].reading == Reading(exposure_us=7996, gain=1.5, dnn_us=14350, dsp_us=1200, lux=312.5)
    for source in sources.values():
        source.close()


def test_a_source_that_begins_anew_finds_its_camera_open(kernel: Kernel, network: Path, fed: None) -> None:
    """Stream off and on; the camera is neither released nor opened, and its network is not handed over again."""
    for _ in range(2):
        source = _source(network, "i2c@88000")
        _frame(source)
        source.close()
        assert _camera(1).acquired
        assert not _camera(1).started
    assert kernel.networks == [(5, "net.rpk")]


def test_exposure_is_held_once_frames_come(network: Path, fed: None) -> None:
    """The next request tells the sensor to leave exposure and white balance where they are."""
    source = _source(network, "i2c@88000")
    for _ in range(16):
        _frame(source)
    source.close()
    assert {"AeEnable": False, "AwbEnable": False} in _camera(1).told
    assert _camera(1).told[0]["FrameDurationLimits"] == (33_333, 33_333)


def test_the_serial_number_is_known_once_it_streams(network: Path, fed: None) -> None:
    """The driver tells it only through a network that runs."""
    sensor = Adapter(Picamera("i2c@88000"), RealClock())
    assert sensor.open().device == ""
    sensor.load(package(network), lambda done, total: None)
    sensor.start(Stream(discard=0))
    next(sensor.frames())
    assert sensor.identity
    assert sensor.identity.device == "00112233445566778899aabbccddeeff"
    sensor.stop()
    sensor.close()
    assert not _camera(1).acquired


def test_another_process_holds_the_camera(kernel: Kernel, network: Path) -> None:
    """The driver's EBUSY, and libcamera's, become advice."""
    kernel.fails[FIRMWARE] = BUSY
    with pytest.raises(SensorError, match=r"Unable to set network firmware.*another process holds the camera"):
        next(_source(network, "i2c@88000"))
    kernel.fails.clear()
    _camera(1).fails = "acquire"
    with pytest.raises(SensorError, match=r"Failed to acquire camera.*another process holds the camera"):
        next(_source(network, "i2c@88000"))


def test_a_bridge_that_is_dead(kernel: Kernel, network: Path) -> None:
    """Stream-on fails in the driver: only a reboot helps, and that is said."""
    _camera(1).fails = "start"
    sensor = Adapter(Picamera("i2c@88000"), RealClock(), Patience(tick=0.01))
    sensor.open()
    sensor.load(package(network), lambda done, total: None)
    with pytest.raises(SensorError, match=r"Input/output error.*reboot the host"):
        sensor.start(Stream())
    assert sensor.state is State.NEEDS_REBOOT
    sensor.close()


def test_a_camera_that_is_not_there(kernel: Kernel, network: Path) -> None:
    """Named are those that are; without a bus, and with two cameras, it asks which."""
    with pytest.raises(SensorError, match=r"'i2c@70000' in its path, found it not among the cameras: .*ribbon cable"):
        next(_source(network, "i2c@70000"))
    with pytest.raises(SensorError, match=r"expected one IMX500, found 2 among .* give each its `bus`"):
        next(_source(network, ""))


def test_a_host_without_media_devices(kernel: Kernel, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What libcamera says on a machine that is no Raspberry Pi."""
    import libcamera

    monkeypatch.setattr(libcamera.CameraManager, "fails", "Failed to start CameraManager: No such device")
    monkeypatch.setattr("picamera2.Picamera2._cm._cms", None)
    with pytest.raises(SensorError, match=r"No such device.*camera_auto_detect=1"):
        next(_source(network, "i2c@88000"))


def test_a_host_without_the_libraries(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, on a Raspberry Pi and elsewhere."""

    def absent() -> list[dict[str, Any]]:
        raise ModuleNotFoundError("No module named 'libcamera'")

    monkeypatch.setattr("nodes.sensors.picamera.cameras", absent)
    with pytest.raises(SensorError, match=r"apt install python3-libcamera.*kensa\[camera\].*use a virtual camera"):
        next(_source(network, "i2c@88000"))


def _kensa(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Type `kensa camera …`."""
    return main(["camera", *words]), *capsys.readouterr()


def test_tools_find_cameras_by_their_place(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are listed with bus and id; with two of them one must be named, and an empty host says what to check."""
    status, out, _ = _kensa(capsys, "list")
    assert status == 0
    assert [row for row in out.splitlines() if row.startswith("i2c@")] == [f"i2c@88000  {CAM0}", f"i2c@80000  {CAM1}"]
    status, _, err = _kensa(capsys, "info")
    assert (status, "give each its `bus`, such as `bus: i2c@88000`" in err) == (2, True)
    kernel.nodes.clear()
    _forget()
    status, _, err = _kensa(capsys, "list")
    assert (status, "no IMX500 is connected to this host: check the ribbon cable" in err) == (1, True)


def _forget() -> None:
    import libcamera

    libcamera.CameraManager.singleton().cameras = []


def test_a_network_is_put_on_a_camera_and_remembered(
    kernel: Kernel, network: Path, fed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs, its camera is known by its number from then on, and the other tools need not be told of it again."""
    monkeypatch.setenv("KENSA_STATE", str(network.parent / "state"))
    status, out, _ = _kensa(capsys, "upload", str(network), "--bus", "i2c@88000")
    assert (status, "(" in out, "runs, 14." in out) == (0, True, True)
    device = "00112233445566778899aabbccddeeff"
    assert device in out
    assert f"device   {device}, seen" in _kensa(capsys, "list")[1]
    status, out, _ = _kensa(capsys, "info", "--bus", "i2c@88000")
    told = dict(row.split(maxsplit=1) for row in out.splitlines())
    assert (status, told["device"], told["state"]) == (0, device, "streaming")
    assert (told["kpi"], told["temperature"]) == ("network 14.3 ms, after it 1.2 ms", "not told")
    assert "picamera2" in told["versions"]
    status, out, _ = _kensa(capsys, "snapshot", "--bus", "i2c@88000", "-o", str(network.parent / "a.png"))
    assert (status, "96 × 96 px, 1 of them inside" in out) == (0, True)
    assert {name for _, name in kernel.networks} == {"net.rpk"}


def test_a_camera_without_a_network_says_who_it_is(
    kernel: Kernel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is put on it that nobody named; what needs a network says how to name one."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    status, out, _ = _kensa(capsys, "info", "--bus", "i2c@88000")
    assert (status, CAM0 in out, "add `--package FILE.rpk`" in out) == (0, True, True)
    status, _, err = _kensa(capsys, "selftest", "--bus", "i2c@88000")
    assert (status, "expected a network" in err) == (2, True)
    assert kernel.networks == []


def test_a_camera_that_tells_no_sharpness_is_told(network: Path, fed: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Some tuning files have no figure of merit."""
    status, _, err = _kensa(capsys, "focus", "--bus", "i2c@88000", "--package", str(network))
    assert (status, "tells no figure of merit (`FocusFoM`)" in err) == (2, True)


def test_a_camera_that_is_in_use_is_told(kernel: Kernel, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The driver says that it is busy: the text says how to find out who has it."""
    kernel.fails[FIRMWARE] = BUSY
    status, _, err = _kensa(capsys, "upload", str(network), "--bus", "i2c@88000")
    assert (status, "another process holds the camera: `sudo fuser -v" in err) == (2, True)
