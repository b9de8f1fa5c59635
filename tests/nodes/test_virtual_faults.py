"""Every fault of a real IMX500, switched on one by one; what is read is what a real one's adapter would read."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from nodes.sensors import tensors
from nodes.sensors.sensor import Stream
from nodes.sensors.virtual.network import builtin
from nodes.sensors.virtual.rig import FIRST, SECOND, Rig
from pipeline.records import Roi
from tests.nodes.virtual import BEGIN_NS, CENTRE, Flat, Stepped, count, mask, quick

PERIOD_NS = 33_333_333
LEFT, RIGHT = Roi(0, 0, 400, 400), Roi(800, 600, 600, 600)


def test_a_late_inference_is_the_absence_of_its_keys() -> None:
    """Each third frame says nothing of a network: no error, no marker, no older mask."""
    camera = Stepped(quick(late_every=3)).start()
    told = [{key for key in frame if key.startswith("Cnn")} for frame in camera.frames(6)]
    all_keys = {"CnnOutputTensor", "CnnOutputTensorInfo", "CnnInputTensorInfo", "CnnKpiInfo"}
    assert told == [all_keys, all_keys, set(), all_keys, all_keys, set()]


def test_a_network_that_runs_longer_than_a_frame_answers_for_each_second_one() -> None:
    """At 30 frames per second, 40 ms leave every second frame without."""
    camera = Stepped(quick(dnn_ms=40)).start()
    assert [count(frame) is not None for frame in camera.frames(6)] == [False, True] * 3


def test_the_first_frames_have_no_tensor() -> None:
    """A sensor is blind until its network is ready."""
    camera = Stepped(quick(blind=2)).start()
    assert [count(frame) for frame in camera.frames(4)] == [None, None, 2, 3]


def test_frames_that_never_arrive_are_a_gap_between_stamps() -> None:
    """After each four frames two are missing, and only the time says so."""
    camera = Stepped(quick(gap_every=4, gap=2)).start()
    stamps = [frame["SensorTimestamp"] for frame in camera.frames(9)]
    assert np.rint(np.diff(stamps) / PERIOD_NS).tolist() == [1, 1, 1, 3, 1, 1, 1, 3]


def test_a_stall_ends_by_itself() -> None:
    """The sensor stands still for a second and goes on; nothing that was exposed meanwhile comes later."""
    camera = Stepped(quick(stall_after=3, stall_s=1)).start()
    stamps = [frame["SensorTimestamp"] for frame in camera.frames(5)]
    assert np.rint(np.diff(stamps) / PERIOD_NS).tolist() == [1, 1, 31, 1]


def test_a_stall_without_an_end_is_over_after_a_new_start() -> None:
    """It happens once: what is started anew goes on."""
    camera = Stepped(quick(stall_after=2, stall_s=0)).start()
    camera.frames(2)
    assert not camera.hardware.step()
    camera.hardware.stop()
    camera.again()
    assert len(camera.frames(4)) == 4


def test_masks_of_the_old_roi_come_until_the_new_one_settles() -> None:
    """Two frames that are exposed after the change are still of the crop before it."""
    camera = Stepped(quick(settle=2), scene=Flat(RIGHT)).start()
    camera.hardware.write_roi(LEFT)
    camera.frames(5)
    camera.hardware.write_roi(RIGHT)
    changed = camera.hardware.now_ns()
    seen = [(frame["SensorTimestamp"] >= changed, bool(mask(frame).all())) for frame in camera.frames(6)]
    assert seen == [(False, False), (True, False), (True, False), (True, True), (True, True), (True, True)]


def test_a_torn_roi_has_the_new_corner_and_the_old_size() -> None:
    """The four registers are written one by one: one frame sees a crop that nobody asked for."""
    camera = Stepped(quick(torn=True), scene=Flat(RIGHT)).start()
    camera.hardware.write_roi(Roi(0, 0, 1200, 1200))
    camera.frames(3)
    camera.hardware.write_roi(RIGHT)
    areas = [round(float(mask(frame).mean()), 2) for frame in camera.frames(4)]
    assert areas == [0.17, 0.25, 1.0, 1.0], "the corner is that of the square, the size is not"


def test_the_driver_clamps_to_4032_and_says_nothing() -> None:
    """The full width becomes 4032: the last 24 columns are never seen."""
    camera = Stepped(scene=Flat(Roi(4032, 0, 24, 3040))).start()
    camera.hardware.write_roi(Roi(0, 0, 4056, 3040))
    assert not mask(camera.frame()).any()


def test_the_frame_count_wraps() -> None:
    """After 255 comes 0."""
    camera = Stepped(quick(count_from=254)).start()
    assert [count(frame) for frame in camera.frames(4)] == [254, 255, 0, 1]


def test_the_frame_count_may_count_inferences() -> None:
    """Nobody knows what a real one counts: both are possible."""
    camera = Stepped(quick(late_every=2, counts="inferences")).start()
    assert [count(frame) for frame in camera.frames(4)] == [0, None, 1, None]
    camera = Stepped(quick(late_every=2)).start()
    assert [count(frame) for frame in camera.frames(4)] == [0, None, 2, None]


def test_a_network_cannot_be_changed_while_streaming() -> None:
    """The control is grabbed: EBUSY, in the library's own words; after a stop it works."""
    camera = Stepped().start()
    with pytest.raises(RuntimeError, match=r"Unable to set network firmware .*\[Errno 16\] Device or resource busy"):
        camera.hardware.load(builtin())
    camera.hardware.stop()
    camera.hardware.load(builtin())


def test_somebody_else_may_stream() -> None:
    """EBUSY also where another process holds the sensor."""
    with pytest.raises(RuntimeError, match="resource busy"):
        Stepped(quick(busy=True)).start()


def test_two_cannot_hold_one_camera() -> None:
    """The second is refused, and may have it after the first lets go."""
    rig = Rig()
    first, second = Stepped(rig=rig), Stepped(rig=rig)
    first.hardware.open()
    with pytest.raises(RuntimeError, match="Failed to acquire camera"):
        second.hardware.open()
    first.hardware.close()
    assert second.hardware.open().bus == FIRST


@pytest.mark.parametrize(("pause_s", "answers"), [(4, True), (6, False)])
def test_an_old_kernel_forgets_the_network_five_seconds_after_a_stop(pause_s: int, answers: bool) -> None:
    """Images come and never a tensor; put on it again, it answers."""
    camera = Stepped(quick(forgets_s=5)).start()
    camera.frame()
    camera.hardware.stop()
    camera.clock.wait_until(camera.clock.now_ns() + pause_s * 10**9)
    camera.again()
    assert [count(frame) is not None for frame in camera.frames(3)] == [answers] * 3
    camera.hardware.stop()
    camera.hardware.load(camera.package)
    camera.again()
    assert count(camera.frame()) is not None


def test_an_upload_takes_minutes_when_cold_and_seconds_when_warm() -> None:
    """The bridge stores what it once was given, also while the camera is closed."""
    camera = Stepped(quick(cold_s=150, warm_s=4)).start()
    assert camera.clock.now_ns() - BEGIN_NS == 150 * 10**9
    camera.hardware.close()
    begin = camera.clock.now_ns()
    camera.start()
    assert camera.clock.now_ns() - begin == 4 * 10**9


def test_a_stopped_upload_is_not_an_upload() -> None:
    """Who stops it in the middle begins anew."""

    class Impatient:
        def now_ns(self) -> int:
            return 0

        def wait_until(self, t_ns: int) -> bool:
            return t_ns < 10**9

    camera = Stepped(quick(cold_s=2))
    camera.hardware._clock = Impatient()  # noqa: SLF001 - the line stops while it waits
    camera.start()
    done, total = camera.hardware.uploaded()
    assert 0 < done < total
    assert not camera.hardware.step()


def test_the_older_layout_has_708_bytes_and_no_frame_count() -> None:
    """Before libcamera 0.6: the same tensors, described in four bytes less."""
    old, new = Stepped(quick(layout=708)).start().frame(), Stepped(quick()).start().frame()
    assert (len(old["CnnOutputTensorInfo"]), len(old["CnnInputTensorInfo"])) == (708, 76)
    assert (len(new["CnnOutputTensorInfo"]), len(new["CnnInputTensorInfo"])) == (712, 80)
    assert old["CnnOutputTensor"] == new["CnnOutputTensor"]
    assert old["CnnOutputTensorInfo"] == new["CnnOutputTensorInfo"][:708]
    assert (count(old), count(new)) == (None, 0)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("node", "IMX500: Requested camera dev-node not found"),
        ("manager", "Failed to start CameraManager: No such device"),
    ],
)
def test_a_camera_that_is_not_there(missing: str, told: str) -> None:
    """Two texts of two libraries; both are what the real ones say."""
    with pytest.raises(RuntimeError, match=told):
        Stepped(quick(missing=missing)).hardware.open()


def test_a_bus_where_nothing_is_connected() -> None:
    """A name that no camera has is not another camera."""
    with pytest.raises(RuntimeError, match="dev-node not found"):
        Stepped(bus="i2c@12345").hardware.open()


def test_the_bridge_dies_after_so_many_openings() -> None:
    """Only a reboot of the host helps."""
    rig = Rig()
    camera = Stepped(quick(dies_after=2), rig=rig)
    for _ in range(2):
        camera.hardware.open()
        camera.hardware.close()
    with pytest.raises(OSError, match="wait_until_free failed"):
        camera.hardware.open()
    rig.reboot()
    assert camera.hardware.open().bus == FIRST


def test_the_sensor_warms_up() -> None:
    """From 28 °C towards 46 °C, two thirds of the way in the given time."""
    camera = Stepped(quick(cold_c=28, warm_c=46, warming_s=1)).start()
    told = [frame["SensorTemperature"] for frame in camera.frames(300)]
    assert told == sorted(told)
    assert told[0] == 28
    assert told[30] == pytest.approx(28 + 18 * 0.632, abs=0.2)
    assert told[-1] == pytest.approx(46, abs=0.1)


def test_temperatures_end_where_libcamera_ends_them() -> None:
    """Between −20 °C and 80 °C."""
    assert Stepped(quick(cold_c=95, warm_c=95)).start().frame()["SensorTemperature"] == 80


def test_run_times_vary() -> None:
    """14.3 ms by default, in µs; their deviation is a switch."""
    camera = Stepped(quick(jitter_ms=0.2)).start()
    told = [frame["CnnKpiInfo"] for frame in camera.frames(200)]
    assert statistics.mean(dnn for dnn, _ in told) == pytest.approx(14300, abs=60)
    assert statistics.stdev(dnn for dnn, _ in told) == pytest.approx(200, rel=0.2)
    assert {dsp for _, dsp in told} == {1200}


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_two_cameras_are_found_by_their_bus_in_any_order(order: tuple[str, str]) -> None:
    """The index in a list is not a name: it changes with the order in which the kernel finds them."""
    rig = Rig(*order)
    dark, bright = Stepped(bus=FIRST, rig=rig, scene=Flat()), Stepped(bus=SECOND, rig=rig, scene=Flat(CENTRE))
    bright.hardware.write_roi(CENTRE)
    assert not mask(dark.start().frame()).any()
    assert mask(bright.start().frame()).all()
    assert dark.hardware.device() != bright.hardware.device()
    assert [told["Num"] for told in rig.cameras() if SECOND in told["Id"]] == [order.index(SECOND)]


def test_exposure_and_white_balance_settle() -> None:
    """The first frames are dark and pale; after twenty everything is as it stays."""
    camera = Stepped(quick(ae_settle=20)).start()
    frames = camera.frames(25)
    exposures = [frame["ExposureTime"] for frame in frames]
    assert exposures == sorted(exposures)
    assert len(set(exposures)) == 21
    assert [frame["AeState"] for frame in frames] == [1] * 20 + [2] * 5
    assert frames[0]["ColourGains"] != frames[-1]["ColourGains"]


def test_a_network_sees_what_exposure_makes_of_a_scene() -> None:
    """A bright part is dark for a network while exposure settles."""
    camera = Stepped(quick(ae_settle=20), scene=Flat(CENTRE)).start()
    camera.hardware.write_roi(CENTRE)
    seen = [bool(mask(frame).any()) for frame in camera.frames(25)]
    assert (seen[0], seen[-1]) == (False, True)


def test_what_is_locked_stays() -> None:
    """Locked in the middle of settling, nothing moves any more."""
    camera = Stepped(quick(ae_settle=20)).start()
    last = camera.frames(5)[-1]
    camera.hardware.write_controls({"AeEnable": False, "AwbEnable": False})
    for frame in camera.frames(30):
        assert (frame["ExposureTime"], frame["ColourGains"]) == (last["ExposureTime"], last["ColourGains"])
        assert frame["AeState"] == 2


def test_exposure_can_be_given() -> None:
    """Half the time is half the light."""
    camera = Stepped().start()
    camera.hardware.write_controls({"ExposureTime": 4000, "AnalogueGain": 2.0, "ColourGains": (1.5, 1.5)})
    frame = camera.frame()
    assert (frame["ExposureTime"], frame["AnalogueGain"], frame["ColourGains"]) == (4000, 2.0, (1.5, 1.5))


def test_what_the_network_saw_comes_only_on_request() -> None:
    """Planes of bytes, an int8 seen as a byte: −128 is black."""
    camera = Stepped(scene=Flat()).start()
    assert "CnnInputTensor" not in camera.frame()
    camera.hardware.write_controls({"CnnEnableInputTensor": True})
    told = tensors.seen(camera.frame())
    assert told is not None
    assert told.shape == (3, 96, 96)
    assert set(told.pixels) == {(40 - 128) & 0xFF}


def test_images_come_only_on_request() -> None:
    """Without it no picture leaves the hardware."""
    assert Stepped().start().raw().image is None
    image = Stepped().start(images=True).raw().image
    assert image is not None
    assert image.shape == (480, 640, 3)


@pytest.mark.parametrize("how", ["flip_x", "flip_y", "transpose"])
def test_a_mask_may_lie_otherwise(how: str) -> None:
    """A square output hides it from every shape: only a target tells."""
    square = Roi(CENTRE.x + 100, CENTRE.y + 100, 700, 300)
    frames = []
    for turned in ("", how):
        camera = Stepped(quick(turned=turned), scene=Flat(square)).start()
        camera.hardware.write_roi(CENTRE)
        frames.append(mask(camera.frame()))
    right = {"flip_x": frames[0][:, ::-1], "flip_y": frames[0][::-1], "transpose": frames[0].T}[how]
    assert np.array_equal(frames[1], right)
    assert not np.array_equal(frames[0], frames[1])


def test_a_host_that_is_late_loses_frames() -> None:
    """Buffers hold the newest twelve; the rest was never written."""
    camera = Stepped().start()
    first = camera.frame()
    camera.clock.wait_until(camera.clock.now_ns() + 10**9)
    second = camera.frame()
    missing = (second["SensorTimestamp"] - first["SensorTimestamp"]) / PERIOD_NS - 1
    assert round(missing) == 30 - 12


def test_a_camera_without_a_network_gives_images() -> None:
    """And never a tensor."""
    camera = Stepped()
    camera.hardware.open()
    camera.hardware.start(Stream(), lambda _: None)
    camera.again()
    assert count(camera.frame()) is None
    assert camera.hardware.device() == ""


def test_the_serial_number_is_known_after_a_network_has_run() -> None:
    """32 hex digits, the same for the same connector."""
    camera = Stepped()
    assert camera.hardware.open().device == ""
    camera.hardware.close()
    camera.start().frame()
    assert len(bytes.fromhex(camera.hardware.device())) == 16
    assert camera.hardware.device() == Rig().slots[0].device


def test_inferences_may_repeat_where_only_their_number_counts() -> None:
    """For load: five are computed for a crop, then they come again, each with a number and a run time of its own."""
    camera = Stepped(quick(repeats=5, noise=60, jitter_ms=0.2), scene=Flat(RIGHT)).start()
    frames = camera.frames(10)
    told = [frame["CnnOutputTensor"] for frame in frames]
    assert told[:5] == told[5:]
    assert len(set(told)) == 5
    assert [count(frame) for frame in frames] == list(range(10))
    assert len({frame["CnnKpiInfo"] for frame in frames}) > 5
    camera.hardware.write_roi(RIGHT)
    assert mask(camera.frames(3)[-1]).mean() > 0.8, "another crop has answers of its own"
