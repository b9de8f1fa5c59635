"""The real picamera2 reads what we write and writes what we mean; only libcamera and the kernel are stand-ins."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors import geometry, roi, tensors
from nodes.sensors.picamera import Picamera
from nodes.sensors.sensor import Package, Raw, Stream
from nodes.sensors.tensors import TensorError
from pipeline.records import Roi
from tests.standins import packets, picamera2
from tests.standins.kernel import BUSY, FIRMWARE, ROI, Kernel

library: Any = picamera2()
# The library's own: it starts threads and names schemas in ways that newer versions of others frown upon.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CAM0, CAM1 = "/base/axi/pcie@120000/rp1/i2c@88000/imx500@1a", "/base/axi/pcie@120000/rp1/i2c@80000/imx500@1a"
SHAPES = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)
LENGTHS = st.sampled_from([712, 708])


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Kernel]:
    """Two cameras that libcamera lists in another order than picamera2 sorts them."""
    import libcamera

    kernel = Kernel(tmp_path, {2: CAM1, 5: CAM0})
    kernel.install(monkeypatch)
    manager = libcamera.CameraManager.singleton()
    manager.cameras = [libcamera.Camera(CAM1), libcamera.Camera(CAM0)]
    yield kernel
    manager.cameras = []


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """A synthetic network of 96 × 96."""
    path = tmp_path / "net.rpk"
    path.write_bytes(packets.package())
    return Package(path, "net", "0" * 64, (96, 96))


def _parser() -> Any:
    """The library's class without a device."""
    chip = library.devices.IMX500.__new__(library.devices.IMX500)
    chip.device_fd = None
    chip._IMX500__cfg = {"network_file": "", "input_tensor": {}}  # noqa: SLF001 - its own tests do the same
    return chip


@given(SHAPES, st.integers(0, 255), st.randoms(use_true_random=False))
def test_both_parsers_agree(shapes: list[tuple[int, ...]], frame: int, random: Any) -> None:
    """Random tensors of up to three dimensions come out alike, to the bit, and are what was put in."""
    source = np.random.default_rng(random.getrandbits(32))
    put = [source.normal(size=shape).astype(np.float32) for shape in shapes]
    metadata = packets.metadata(put, frame=frame)
    theirs, run = _parser().get_outputs(metadata), tensors.inference(metadata)
    assert run is not None
    ours = tensors.outputs(run)
    assert [array.tobytes("F") for array in ours] == [array.tobytes("F") for array in theirs]
    assert all(np.array_equal(mine, sent) for mine, sent in zip(ours, put, strict=True))
    assert [[*shape] for shape in run.layout.shapes] == _parser().get_output_shapes(metadata)
    assert (run.layout.network, run.frame) == ("picosam2", frame)


@given(SHAPES, LENGTHS)
def test_the_older_layout_is_understood(shapes: list[tuple[int, ...]], length: int) -> None:
    """708 bytes of libcamera 0.5 say the same but for the frame count; picamera2 itself refuses them."""
    put = [np.ones(shape, np.float32) for shape in shapes]
    metadata = packets.metadata(put, frame=9, length=length)
    run = tensors.inference(metadata)
    assert run is not None
    assert run.layout.shapes == tuple(shapes)
    assert run.frame == (9 if length == 712 else None)
    if length == 708:
        with pytest.raises(ValueError, match="708 does not match expected size 712"):
            _parser().get_outputs(metadata)


def test_late_means_none_for_both() -> None:
    """A frame without tensors has no inference, in the library's words and in ours."""
    assert _parser().get_outputs({}) is None
    assert tensors.inference({}) is None
    assert tensors.inference({"CnnOutputTensor": ()}) is None


def test_sixteen_tensors_are_none_at_all() -> None:
    """The info of sixteen tensors or more is zeroed by libcamera: both parsers find no output."""
    metadata = packets.metadata([np.ones((2, 2), np.float32)]) | {"CnnOutputTensorInfo": (0,) * 712}
    run = tensors.inference(metadata)
    assert run is not None
    assert tensors.outputs(run) == ()
    assert _parser().get_outputs(metadata) == []


def test_run_times_are_microseconds() -> None:
    """The library divides by a thousand and calls it milliseconds; ours are as they came."""
    metadata = packets.metadata([np.ones((2, 2), np.float32)])
    run = tensors.inference(metadata)
    assert run is not None
    assert (run.dnn_us, run.dsp_us) == (14350, 1200)
    assert library.devices.IMX500.get_kpi_info(metadata) == (14.35, 1.2)


ODD = (0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3.4e38, -3.4e38, 0.0527, math.inf, -math.inf, math.nan, -math.nan)


@given(
    st.lists(st.floats(width=32) | st.sampled_from([float(np.float32(odd)) for odd in ODD]), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.05, -1.5]),
)
def test_a_mask_is_where_the_library_is_positive(values: list[float], threshold: float) -> None:
    """The fast mask looks at one byte of each number: it is the same as comparing, whatever the numbers are."""
    put = np.array(values, np.float32).reshape(-1, 1).repeat(2, axis=1)
    metadata = packets.metadata([put])
    run = tensors.inference(metadata)
    assert run is not None
    assert np.array_equal(tensors.inside(run, threshold=threshold), _parser().get_outputs(metadata)[0] > threshold)


def test_a_layout_is_read_again_when_it_changes() -> None:
    """What was read last is remembered; another network, another shape or another length is never taken for it."""
    for shapes in ([(4, 5)], [(5, 4)], [(4, 5), (2, 2)], [(4, 5)]):
        for length, network in ((712, b"a"), (708, b"a"), (712, b"b")):
            put = [np.ones(shape, np.float32) for shape in shapes]
            told = packets.metadata(put) | {
                "CnnOutputTensorInfo": packets.output_info(put, frame=3, network=network, length=length)
            }
            run = tensors.inference(told)
            assert run is not None
            assert (run.layout.network, [*run.layout.shapes]) == (network.decode(), shapes)
            assert run.frame == (3 if length == 712 else None)


def test_the_input_tensor_with_and_without_a_frame_count() -> None:
    """80 bytes since libcamera 0.6, which the library's own reader does not take, and 76 before."""
    told = struct.pack("<64sIII", b"picosam2", 96, 64, 3)
    for info, frame in ((told, None), (told + bytes([5, 0, 0, 0]), 5)):
        seen = tensors.seen({"CnnInputTensorInfo": tuple(info), "CnnInputTensor": (-128, 0, 127, 255)})
        assert seen == tensors.Seen("picosam2", (3, 64, 96), frame, b"\x80\x00\x7f\xff")
    with pytest.raises(TensorError, match="expected input info of 76 or 80 bytes, found 77"):
        tensors.seen({"CnnInputTensorInfo": (0,) * 77})


def test_the_library_maps_a_roi_wrongly_and_ours_rightly() -> None:
    """Of a box in the middle of a ROI it makes a sliver elsewhere: it scales by the whole array, then clips."""
    import libcamera

    crop, image = Roi(3000, 2000, 800, 800), (2028, 1520)
    chip = _parser()
    chip.config["roi"] = libcamera.Rectangle(3000, 2000, 800, 800)

    class Camera:
        def camera_configuration(self) -> dict[str, Any]:
            return {"main": {"size": image}, "raw": {"size": image}}

    theirs = chip.convert_inference_coords((0.25, 0.25, 0.75, 0.75), {"ScalerCrop": (0, 0, 4056, 3040)}, Camera())
    ours = geometry.box_to_image(Roi(0, 0, 4056, 3040), image, geometry.box_to_sensor(crop, (96, 96), (24, 24, 48, 48)))
    assert theirs == (1500, 1000, 21, 140)
    assert ours == (1600, 1100, 200, 200)
    chip.config["roi"] = libcamera.Rectangle(0, 0, 4056, 3040)
    whole = chip.convert_inference_coords((0.25, 0.25, 0.75, 0.75), {"ScalerCrop": (0, 0, 4056, 3040)}, Camera())
    assert whole == geometry.box_to_image(
        Roi(0, 0, 4056, 3040), image, geometry.box_to_sensor(Roi(0, 0, 4056, 3040), (96, 96), (24, 24, 48, 48))
    )


@pytest.mark.parametrize(("bus", "number"), [("i2c@88000", 5), ("i2c@80000", 2)])
def test_each_camera_is_opened_by_its_bus(kernel: Kernel, package: Package, bus: str, number: int) -> None:
    """However libcamera lists them: the sub-device, and the camera that is held, are those of the bus."""
    import libcamera

    hardware = Picamera(bus)
    identity = hardware.open()
    hardware.load(package)
    held = [camera.id for camera in libcamera.CameraManager.singleton().cameras if camera.acquired]
    assert held == [identity.id]
    assert bus in identity.id
    assert kernel.networks == [(number, "net.rpk")]
    hardware.close()


def test_two_cameras_at_once(kernel: Kernel, package: Package) -> None:
    """Each has its own network and its own ROI."""
    first, second = Picamera("i2c@88000"), Picamera("i2c@80000")
    for hardware in (first, second):
        hardware.open()
        hardware.load(package)
    kernel.rois.clear()
    first.write_roi(Roi(0, 0, 192, 192))
    second.write_roi(Roi(1000, 1200, 960, 960))
    assert kernel.rois == [(5, 0, 0, 192, 192), (2, 1000, 1200, 960, 960)]
    first.close()
    second.close()


def test_the_index_that_the_library_offers_is_of_another_camera(kernel: Kernel, package: Package) -> None:
    """The trap that `Picamera` avoids: `camera_num` counts libcamera's list, `Picamera2(n)` a sorted one."""
    chip = library.devices.IMX500(str(package.path), "i2c@88000")
    assert library.Picamera2.global_camera_info()[chip.camera_num]["Id"] == CAM1


def test_what_is_sent_as_a_roi(kernel: Kernel, package: Package) -> None:
    """Four 32-bit words in the driver's order; the whole view is what the library's own aspect ratio gives."""
    hardware = Picamera("i2c@88000")
    hardware.open()
    hardware.load(package)
    hardware.write_roi(roi.whole())
    hardware._imx500.set_auto_aspect_ratio()  # noqa: SLF001 - the library's own choice
    assert kernel.rois[-2:] == [(5, 508, 0, 3040, 3040)] * 2
    hardware.close()


def test_a_roi_that_the_driver_refuses_is_an_error(kernel: Kernel, package: Package) -> None:
    """The library prints and goes on; who asked for it is told."""
    hardware = Picamera("i2c@88000")
    hardware.open()
    hardware.load(package)
    kernel.fails[ROI] = 5
    with pytest.raises(RuntimeError, match="the driver refused the ROI"):
        hardware.write_roi(Roi(0, 0, 192, 192))
    hardware.close()


def test_a_network_while_streaming_is_refused(kernel: Kernel, package: Package) -> None:
    """The driver holds its control while it streams: the library raises with EBUSY."""
    kernel.fails[FIRMWARE] = BUSY
    hardware = Picamera("i2c@88000")
    hardware.open()
    with pytest.raises(RuntimeError, match=r"Unable to set network firmware .* Device or resource busy"):
        hardware.load(package)
    hardware.close()


def test_the_serial_number(kernel: Kernel, package: Package) -> None:
    """32 hex digits of four words."""
    hardware = Picamera("i2c@88000")
    hardware.open()
    assert hardware.device() == ""
    hardware.load(package)
    assert hardware.device() == "00112233445566778899aabbccddeeff"
    hardware.close()


def test_how_far_an_upload_is(kernel: Kernel, package: Package) -> None:
    """Bytes of the network's stage; the stages before it say nothing."""
    hardware = Picamera("i2c@88000")
    hardware.open()
    assert hardware.uploaded() == (0, 0)
    hardware.load(package)
    kernel.progress = "2 1024 4096"
    assert hardware.uploaded() == (1024, 4096)
    kernel.progress = "1 1024 4096"
    assert hardware.uploaded() == (0, 0)
    hardware.close()


def test_the_package_is_one_to_the_library(kernel: Kernel, package: Package) -> None:
    """The synthetic package passes its reader: sizes, format, intrinsics."""
    chip = library.devices.IMX500(str(package.path))
    assert chip.get_input_size() == (96, 96)
    assert chip.network_intrinsics.task == "segmentation"
    assert chip.config["input_tensor"]["input_format"] == "RGB"


@pytest.mark.slow
def test_every_request_is_seen(kernel: Kernel, package: Package) -> None:
    """Twice as many frames as there are buffers come through the real event loop; none is skipped, bad ones are."""
    import threading

    import libcamera

    hardware, seen, enough = Picamera("i2c@88000"), list[Raw](), threading.Semaphore(0)

    def deliver(raw: Raw) -> None:
        seen.append(raw)
        enough.release()

    hardware.open()
    hardware.load(package)
    hardware.start(Stream(), deliver)
    camera = libcamera.CameraManager.singleton().cameras[1]
    put = [np.full((96, 96), number, np.float32) for number in range(24)]
    for number, tensor in enumerate(put):
        assert camera.complete(packets.metadata([tensor], frame=number), good=number != 7)
        assert number == 7 or enough.acquire(timeout=10)
    hardware.stop()
    assert [raw.metadata["CnnOutputTensor"][0] for raw in seen] == [number for number in range(24) if number != 7]
    hardware.close()
