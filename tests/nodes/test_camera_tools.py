"""`kensa camera` as a technician types it, on virtual cameras whose time is a test's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from nodes.sensors import known
from nodes.sensors.orientation import WAYS, WORDS, Turned
from nodes.sensors.package import INPUT_LINES, OUTPUT_LINES
from nodes.sensors.roi import ARRAY
from nodes.sensors.virtual.rig import FIRST, SECOND, Rig
from nodes.tools import focus, which
from pipeline.cli import main
from pipeline.clock import FakeClock
from tests.nodes.virtual import BEGIN_NS
from tests.standins import packets

DEVICE = Rig(FIRST).slots[0].device
LINE = """
hosts: {pi: {cameras: [cam-1, cam-2]}}
cameras:
  cam-2: {camera: {virtual: {target: true, bus: i2c@80000}}}
nodes:
  camera:
    use: imx500
    with:
      rate: 20
      virtual: {target: true}
      prompts: {rim: {point: [1000, 1000], size: 800}, hub: {point: [2028, 1520], size: 1600}}
  clean: {from: camera}
  measure: {from: clean}
  track: {from: measure}
"""
Kensa = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kensa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kensa:
    """Type a command in an empty folder; a virtual camera's time passes as fast as it is read."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(which, "RealClock", lambda: FakeClock(BEGIN_NS))

    def typed(*words: str) -> tuple[int, str, str]:
        try:
            status = main(["camera", *words])
        except SystemExit as error:  # argparse
            status = int(str(error.code))
        return status, *capsys.readouterr()

    return typed


def camera(path: Path, text: str) -> str:
    """A file that describes a virtual camera."""
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def line(tmp_path: Path) -> str:
    """A topology with two cameras."""
    (tmp_path / "line.yaml").write_text(LINE, encoding="utf-8")
    return "line.yaml"


def test_nobody_has_to_know_what_a_camera_is_called(kensa: Kensa) -> None:
    """A list says where it is connected, and what is known: nothing at first, then its number and its network."""
    status, out, _ = kensa("list", "--virtual")
    assert status == 0
    assert out.startswith(f"{FIRST}  /base/axi/")
    assert "device  not known yet" in out
    assert kensa("upload", "brightness", "--virtual")[0] == 0
    _, out, _ = kensa("list", "--virtual")
    assert f"device   {DEVICE}, seen" in out
    assert "network  brightness (" in out
    assert "settles  not measured: 3 frames" in out


@pytest.mark.parametrize(
    ("missing", "status", "told"), [("node", 1, "check the ribbon"), ("manager", 2, "no such cam")]
)
def test_where_there_is_none_the_list_says_what_to_check(
    kensa: Kensa, tmp_path: Path, missing: str, status: int, told: str
) -> None:
    """An empty list would help nobody."""
    file = camera(tmp_path / "none.yaml", f"behaviour: {{missing: {missing}}}")
    found = kensa("list", "--virtual", file)
    assert (found[0], found[1]) == (status, "")
    assert told in found[2]


def test_the_cameras_of_a_topology_are_listed(kensa: Kensa, line: str) -> None:
    """Name, host, place, network and prompts."""
    assert kensa("list", line) == (
        0,
        (
            "cam-1  pi  virtual, i2c@88000, brightness, prompts: rim, hub\n"
            "cam-2  pi  virtual, i2c@80000, brightness, prompts: rim, hub\n"
        ),
        "",
    )


def test_info_says_what_a_camera_is_and_how_it_is(kensa: Kensa) -> None:
    """Number, versions, state, package, crop, temperature and run times."""
    status, out, _ = kensa("info", "--virtual")
    told = dict(row.split(maxsplit=1) for row in out.splitlines())
    assert status == 0
    assert (told["bus"], told["device"], told["state"]) == (FIRST, DEVICE, "streaming")
    assert told["package"].startswith("brightness (")
    assert told["roi"] == "3040 × 3040 px at (508, 0)"
    assert (told["temperature"], told["kpi"]) == ("28 °C", "network 14.3 ms, after it 1.2 ms")
    assert told["inferences"] == "10 in 10 frames"
    assert told["settles"] == "not measured: 3 frames"
    assert "onnxruntime" in told["versions"]


def test_info_knows_the_cameras_of_a_topology(kensa: Kensa, line: str) -> None:
    """At their rate, looking where their first prompt does."""
    _, out, _ = kensa("info", line, "cam-2")
    told = dict(row.split(maxsplit=1) for row in out.splitlines())
    assert (told["bus"], told["roi"], told["rate"]) == (SECOND, "800 × 800 px at (600, 600)", "20.0 frames/s")


def test_a_camera_that_the_topology_does_not_have_is_told(kensa: Kensa, line: str) -> None:
    """With the names it has, and the one that was meant."""
    assert kensa("info", line) == (2, "", "line.yaml has several cameras: 'cam-1' and 'cam-2'; say which\n")
    status, _, err = kensa("info", line, "cam-3")
    assert (status, "no camera 'cam-3'" in err, "it has 'cam-1' and 'cam-2'" in err) == (2, True, True)
    status, _, err = kensa("info", line, "cam-1", "--virtual")
    assert (status, "found several of them" in err) == (2, True)


def test_a_package_is_inspected_without_a_camera(kensa: Kensa, tmp_path: Path) -> None:
    """Blocks, sizes, network info, intrinsics; twelve lines of input and five of output."""
    data = packets.package(registers=[(INPUT_LINES, 12), (OUTPUT_LINES, 5)])
    (tmp_path / "net.rpk").write_bytes(data)
    status, out, _ = kensa("info", "net.rpk")
    told = dict(row.split(maxsplit=1) for row in out.replace("output 0", "output").splitlines())
    assert status == 0
    assert told["size"] == f"{len(data):,} bytes"
    assert told["blocks"] == "1 (64 bytes)"
    assert told["input"] == "96 × 96 px, RGB"
    assert told["output"] == "9216 numbers of 8 bits"
    assert told["lines"] == "12 of input and 5 of output on the wire, as its registers say"
    assert (told["task"], told["inference_rate"]) == ("segmentation", "30")


def test_registers_that_disagree_with_the_formula_are_told(kensa: Kensa, tmp_path: Path) -> None:
    """Such a package would send what nobody can read."""
    (tmp_path / "net.rpk").write_bytes(packets.package(registers=[(INPUT_LINES, 12), (OUTPUT_LINES, 9)]))
    assert "12 of input and 5 of output on the wire, but its registers say 12 and 9" in kensa("info", "net.rpk")[1]


def test_a_package_that_is_none_is_one_clear_error(kensa: Kensa, tmp_path: Path) -> None:
    """Half a file says where it ends."""
    (tmp_path / "net.rpk").write_bytes(packets.package()[:-300])
    status, out, err = kensa("info", "net.rpk")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert (
        "net.rpk: expected a network package of an IMX500 (.rpk), found something else: its archive breaks off" in err
    )


def test_upload_tells_how_far_it_is_and_proves_that_the_network_runs(kensa: Kensa, tmp_path: Path) -> None:
    """Percent by percent, then the first inference; what was put on which camera is kept."""
    file = camera(tmp_path / "slow.yaml", "behaviour: {cold_s: 400, blind: 30}")
    status, out, _ = kensa("upload", "brightness", "--virtual", file)
    assert status == 0
    assert "brightness: 100 % of 186 bytes" in out
    assert "network  brightness (" in out
    assert "runs, 14." in out
    one = known.of(DEVICE)
    assert one is not None
    assert one.upload is not None
    assert one.upload.name == "brightness"


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("busy: true", "another process holds the camera: `sudo fuser -v"),
        ("missing: node", "no such camera: check the ribbon cable"),
    ],
)
def test_an_upload_that_fails_says_what_to_do(kensa: Kensa, tmp_path: Path, behaviour: str, told: str) -> None:
    """The driver's own words, and a technician's next step."""
    file = camera(tmp_path / "bad.yaml", f"behaviour: {{{behaviour}}}")
    status, _, err = kensa("upload", "brightness", "--virtual", file)
    assert (status, told in err) == (2, True)


def test_an_upload_of_what_no_camera_takes_is_refused(kensa: Kensa, tmp_path: Path) -> None:
    """Each kind of camera has its kind of file."""
    (tmp_path / "net.rpk").write_bytes(packets.package())
    assert "a virtual camera runs ONNX files" in kensa("upload", "net.rpk", "--virtual")[2]
    assert "a camera takes network packages (.rpk)" in kensa("upload", "net.onnx")[2]
    assert "expected a network package, found none" in kensa("upload", "none.rpk")[2]
    assert "runs ONNX files, not packages" in kensa("info", "--virtual", "--package", "net.rpk")[2]


def test_a_network_that_never_answers_is_told(kensa: Kensa, tmp_path: Path) -> None:
    """Images without inferences are no success."""
    file = camera(tmp_path / "blind.yaml", "behaviour: {blind: 1000}")
    status, _, err = kensa("upload", "brightness", "--virtual", file)
    assert (status, "60 frames came without an inference" in err) == (2, True)


def picture(path: str) -> np.ndarray:
    """A PNG, RGB."""
    found = cv2.imread(path)
    assert found is not None
    return found[..., ::-1]


def test_a_snapshot_shows_the_mask_and_no_image(kensa: Kensa, line: str) -> None:
    """Where in the array it lies; the image would have bright ground and is not asked for."""
    status, out, _ = kensa("snapshot", line, "cam-1", "--prompt", "hub", "-o", "out/a.png")
    assert status == 0
    assert "out/a.png: the mask in its crop, without the image" in out
    assert "1600 × 1600 px at (1228, 720), prompt hub" in out
    found = picture("out/a.png")
    assert found.shape == (ARRAY[1] // 4, ARRAY[0] // 4, 3)
    colours = {tuple(int(value) for value in each) for each in found.reshape(-1, 3)[::7]}
    assert (88, 166, 255) in colours
    assert (33, 39, 48) in colours


def test_an_image_is_fetched_where_somebody_asks_for_it(kensa: Kensa, tmp_path: Path) -> None:
    """Below the mask, whose outline lies on the edges of what it shows."""
    file = camera(tmp_path / "target.yaml", "{target: true, behaviour: {noise: 0}}")
    status, out, _ = kensa("snapshot", "--virtual", file, "--image", "-o", "b.png")
    assert (status, "below it the image" in out) == (0, True)
    found = picture("b.png")
    assert int(found[380, 440].min()) > 200, "the letter is bright"
    assert int(found[50, 50].max()) < 60, "its ground is dark"


def test_a_snapshot_tells_everything_as_json(kensa: Kensa, tmp_path: Path) -> None:
    """All metadata but tensors, for whoever writes scripts."""
    file = camera(tmp_path / "target.yaml", "target: true")
    status, out, _ = kensa("snapshot", "--virtual", file, "--at", "2028,1520,1200", "--json", "-o", "c.png")
    told = json.loads(out)
    assert (status, told["device"], told["SensorTemperature"]) == (0, DEVICE, pytest.approx(28, abs=1))
    assert not {"CnnOutputTensor", "CnnInputTensor"} & set(told)
    assert (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2028,1520,100", "expected SIDE from 192 and at most 3038 around that point, got '2028,1520,100'"),
        ("100,100,400", "expected SIDE from 192 and at most 200 around that point"),
        ("50,50,400", "expected SIDE from 192 and a point 96 px inside"),
        ("here", "expected three whole numbers such as 2028,1520,800, got 'here'"),
    ],
)
def test_a_square_that_is_not_legal_is_refused(kensa: Kensa, at: str, told: str) -> None:
    """With what would be."""
    status, _, err = kensa("snapshot", "--virtual", "--at", at)
    assert (status, told in " ".join(err.split())) == (2, True)


def test_a_prompt_that_is_not_there_is_told(kensa: Kensa, line: str) -> None:
    """With those that are."""
    status, _, err = kensa("snapshot", line, "cam-1", "--prompt", "hubs")
    assert (status, "camera 'cam-1' has no prompt 'hubs'" in err, "it has 'rim' and 'hub'" in err) == (2, True, True)


def test_a_picture_that_cannot_be_written_is_told(kensa: Kensa, tmp_path: Path) -> None:
    """The text names the file."""
    (tmp_path / "file").touch()
    status, _, err = kensa("snapshot", "--virtual", "-o", "file/a.png")
    assert (status, err.startswith("file/a.png: expected to write a picture there")) == (2, True)


def test_focus_shows_the_best_and_how_far_from_it(kensa: Kensa, tmp_path: Path) -> None:
    """A lens that is turned through its focus and back: the best is remembered, the bar gets shorter again."""
    file = camera(tmp_path / "lens.yaml", "behaviour: {lens_s: 6}")
    status, out, _ = kensa("focus", "--virtual", file, "--for", "5s")
    *lines, last = out.splitlines()
    assert status == 0
    assert last.startswith("best 1200, last ")
    bars = [row.count("█") for row in lines]
    assert max(bars) == focus.WIDTH
    assert bars[-1] < focus.WIDTH


def test_focus_ends_with_ctrl_c(kensa: Kensa, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is how a technician says that it is sharp."""

    def pressed(*_: object) -> object:
        yield 800
        raise KeyboardInterrupt

    monkeypatch.setattr(focus, "_merits", pressed)
    status, out, _ = kensa("focus", "--virtual")
    assert (status, out.splitlines()[-1]) == (0, "best 800, last 800: 100 % of the best")


def test_ctrl_c_gives_the_camera_back(kensa: Kensa, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is under way."""

    def pressed(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("nodes.tools.snapshot._first", pressed)
    assert kensa("snapshot", "--virtual") == (130, "", "stopped; the camera was given back\n")


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", [{"settle": 1}, {"settle": 4}, {"settle": 2, "torn": True}])
def test_a_calibration_is_kept_for_the_camera_and_planned_with(
    kensa: Kensa, tmp_path: Path, behaviour: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is measured is the switch; the plan of a line takes it and says so."""
    told = {"page": True, "behaviour": behaviour}
    file = camera(tmp_path / "cam.yaml", msgspec.yaml.encode(told).decode())
    status, out, _ = kensa("calibrate-roi", "--virtual", file, "--changes", "3")
    frames = behaviour["settle"] + behaviour.get("torn", 0)
    assert status == 0
    assert f"settles in  {frames} frames at most" in out
    assert f"mixture of both crops in {3 * behaviour.get('torn', 0)} of 3 changes" in out
    one = known.of(DEVICE)
    assert one is not None
    assert one.settling is not None
    assert one.settling.frames == frames
    (tmp_path / "line.yaml").write_text(LINE, encoding="utf-8")
    assert main(["plan", "line.yaml"]) == 0
    plan = capsys.readouterr().out
    assert f"cam-1: a change of prompt settles in {frames} frames, as measured on {DEVICE}" in plan
    assert "cam-2: a change of prompt settles in 3 frames, for this host has measured nothing" in plan


def test_a_dry_calibration_keeps_nothing(kensa: Kensa) -> None:
    """And a number of changes that measures nothing is refused."""
    status, out, _ = kensa("calibrate-roi", "--virtual", "--changes", "1", "--dry")
    assert (status, "nothing: it was a dry run" in out, known.everything()) == (0, True, [])
    assert kensa("calibrate-roi", "--virtual", "--changes", "0") == (2, "", "--changes: expected at least 1, got 0\n")


@pytest.mark.parametrize("how", WAYS)
def test_a_selftest_finds_every_flip_and_transpose(kensa: Kensa, tmp_path: Path, how: Turned) -> None:
    """All eight ways a square can lie; only one of them is right."""
    file = camera(tmp_path / "cam.yaml", f"{{target: true, behaviour: {{turned: '{how}'}}}}")
    status, out, _ = kensa("selftest", "--virtual", file)
    told = dict(row.split(maxsplit=1) for row in out.splitlines()[:6])
    assert status == (1 if how else 0)
    assert told["mask"].startswith(f"{WORDS[how]}, compared with the image")
    assert told["image"].startswith("the target is upright")
    assert told["verdict"] == ("WRONG" if how else "right")
    assert ("Do not run a line" in out) == bool(how)


def test_a_camera_that_is_mounted_upside_down_is_not_wrong(kensa: Kensa, tmp_path: Path) -> None:
    """Image and mask are turned alike."""
    kensa("selftest", "--sheet", str(tmp_path / "sheet" / "target.png"))
    sheet = picture(str(tmp_path / "sheet" / "target.png"))
    assert sheet.shape == (1600, 1600, 3)
    (tmp_path / "scene").mkdir()
    room = np.full((3040, 4056, 3), 32, np.uint8)
    room[720:2320, 1228:2828] = sheet[::-1, ::-1]
    cv2.imwrite(str(tmp_path / "scene" / "a.png"), room[::8, ::8])
    status, out, _ = kensa("selftest", "--virtual", camera(tmp_path / "cam.yaml", "images: scene"))
    assert status == 0
    assert "the target is turned by 180° (" in out
    assert "so is the camera before it" in out
    assert "mask     upright, compared with the image" in out


def test_a_selftest_without_a_target_says_how_to_get_one(kensa: Kensa, tmp_path: Path) -> None:
    """It is no verdict on the camera."""
    status, _, err = kensa("selftest", "--virtual", camera(tmp_path / "belt.yaml", "seed: 1"))
    assert status == 2
    assert "expected the target, a bright F on dark ground" in err
    assert "`kensa camera selftest --sheet target.png`" in err


def test_a_file_with_a_fault_is_told_at_its_place(kensa: Kensa, tmp_path: Path) -> None:
    """Line and column, as in topologies."""
    status, _, err = kensa("info", "--virtual", camera(tmp_path / "cam.yaml", "behaviour:\n  setle: 3\n"))
    assert (status, "cam.yaml:2:3" in err, "setle" in err) == (2, True, True)


@pytest.mark.parametrize("action", ["list", "info", "upload", "snapshot", "focus", "calibrate-roi", "selftest"])
def test_each_action_explains_itself(kensa: Kensa, action: str) -> None:
    """`--help` of each is complete."""
    status, out, _ = kensa(action, "--help")
    assert (status, out.startswith(f"usage: kensa camera {action}"), "--virtual" in out) == (0, True, True)
