"""modlib as a source: what its devices say, and what they leave unsaid, becomes records that claim no more."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.modlib import devices, interchange, link
from nodes.sensors.modlib.devices import Device, Interpreter, Playback, Triton
from nodes.sensors.modlib.interchange import InterchangeError, Told
from nodes.sensors.modlib.link import Child
from nodes.sensors.states import SensorError
from nodes.sources.modlib import modlib
from nodes.sources.parsed import Count, parsed_ns
from pipeline.catalog import own
from pipeline.check import check, load
from pipeline.clock import FakeClock, RealClock
from pipeline.errors import MaskError
from pipeline.notices import board
from pipeline.outline import text
from pipeline.planner import plan
from pipeline.records import Frame, Gap, Roi
from tests.standins.around_modlib import SIDE, Server
from tests.standins.around_modlib import modlib as real

NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
START = datetime.fromisoformat("2026-11-22T12:00:00")
SEGMENTS = ["mask", "mask_shape", "_roi_compensated", "indices"]
slow = pytest.mark.slow


def _ids(*places: int) -> Any:
    """A bar for each number, from the left."""
    ids = np.full((SIDE, SIDE), 255, np.uint8)
    for place, number in enumerate(places):
        ids[10:20, 30 * place + 5 : 30 * place + 15] = number
    return ids


def _taken(number: int, found: Any, **said: Any) -> Any:
    """A frame as a device of modlib gives it."""
    frame: Any = real().frame
    told = {"new_detection": True, "fps": 30.0, "dps": 30.0, "frame_count": number, **said}
    stamp = (START + timedelta(milliseconds=33 * number)).isoformat()
    picture = np.zeros((48, 64, 3), np.uint8)
    return frame.Frame(stamp, picture, "VGA", 64, 48, 3, found, **told)


def _recorded(folder: Path, *frames: Any) -> Path:
    """A recording, by the real recorder."""
    from modlib.devices.playback import Recorder

    recorder = Recorder(str(folder))
    for frame in frames:
        recorder.add(frame)
    recorder.close()
    return Path(recorder.path)


def _shown(path: Path, **words: Any) -> list[Frame | Gap]:
    return list(modlib("cam-1", "s", FakeClock(NOON), playback=Playback(path=str(path)), **words))


@slow
def test_a_recording_of_the_real_recorder(tmp_path: Path) -> None:
    """Masks by label; old masks, other results, missing frames and damaged lines are gaps, each with its reason."""
    frame = real().frame
    boxes = frame.Detections(np.zeros((1, 4)), np.ones(1), np.zeros(1))
    path = _recorded(
        tmp_path,
        _taken(250, frame.Segments(_ids(0, 3)), roi=frame.ROI(0.125, 0, 0.75, 1)),
        _taken(250, frame.Segments(_ids(0, 3)), new_detection=False),
        _taken(254, frame.Segments(_ids())),
        _taken(255, boxes),
        _taken(256 - 256, frame.Segments(_ids(9)), roi=frame.ROI(-0.1, 0, 1.2, 1)),
    )
    damaged = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*damaged[:3], '{"timestamp": \n', *damaged[3:]]))
    told = _shown(path, labels={"part": 0, "pit": 3})
    kinds = [(type(r).__name__, r.seq, getattr(r, "reason", ""), getattr(r, "last", r.seq)) for r in told]
    assert kinds == [
        ("Frame", 0, "", 0),
        ("Gap", 1, "late", 1),
        ("Gap", 2, "sensor", 3),
        ("Frame", 4, "", 4),
        ("Gap", 5, "malformed", 5),
        ("Gap", 6, "malformed", 6),
        ("Frame", 7, "", 7),
    ]
    first, empty, last = (record for record in told if isinstance(record, Frame))
    assert [(layer.label, layer.mask.box) for layer in first.layers] == [
        ("part", (5, 10, 10, 10)),
        ("pit", (35, 10, 10, 10)),
    ]
    assert (first.roi, first.epoch, first.timing) == (Roi(8, 0, 48, 48), "unknown", "parsed")
    assert (empty.layers, empty.roi) == ((), None)
    assert ([layer.label for layer in last.layers], last.roi) == (["9"], None)


@slow
def test_frames_of_a_recording_have_its_time_and_its_pace(tmp_path: Path) -> None:
    """Its stamps are those of the host; they never run backwards, and one that is none has the last."""
    frame = real().frame
    path = _recorded(
        tmp_path, *(_taken(number, frame.Segments(_ids(0)), frame_count=None) for number in (0, 30, 10, 40))
    )
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[2].replace("2026-11-22T", "later "), lines[3]]))
    clock = FakeClock(NOON)
    told = list(modlib("cam-1", "s", clock, playback=Playback(path=str(path))))
    zero = parsed_ns(START.isoformat())
    assert zero is not None
    assert [record.t_ns - zero for record in told] == [0, 990_000_000, 990_000_001, 990_000_001, 1_320_000_000]
    assert clock.now_ns() - NOON == 1_320_000_000


def test_a_stamp_without_a_time_zone_is_the_hosts() -> None:
    """As the library writes it; one with a time zone is read as it says; what is no time is none."""
    local = datetime.fromisoformat("2026-07-01T12:00:00.000123").astimezone()
    assert parsed_ns("2026-07-01T12:00:00.000123") == round(local.timestamp()) * 1_000_000_000 + 123_000
    assert parsed_ns("2026-11-22T12:00:00.123456+00:00") == NOON + 123_456_000
    assert parsed_ns("yesterday") is None


@pytest.fixture
def server() -> Iterator[Server]:
    """An interpreter server on this machine."""
    started = Server()
    yield started
    started.stop()


def _pictures(folder: Path) -> tuple[Path, list[Any]]:
    """A folder of pictures and where they are bright."""
    import cv2

    folder.mkdir()
    masks = []
    for number in range(3):
        picture = np.zeros((SIDE, 2 * SIDE, 3), np.uint8)
        picture[20:50, 60 + 10 * number : 100 + 10 * number] = 200
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        masks.append(picture[:, SIDE // 2 : -SIDE // 2, 0] > 128)
    return folder, masks


@slow
def test_a_network_on_a_pc(server: Server, tmp_path: Path) -> None:
    """The real client, a server that speaks its protocol, a real network: its masks, of the middle of each picture."""
    real()
    folder, masks = _pictures(tmp_path / "pictures")
    told = Interpreter(endpoint=server.endpoint + "/", images=str(folder), init={"model": "brightness"})
    clock = FakeClock(NOON)
    found = list(modlib("cam-1", "s", clock, interpreter=told))
    assert [(type(record), record.seq) for record in found] == [(Frame, 0), (Frame, 1), (Frame, 2)]
    for record, mask in zip(found, masks, strict=True):
        assert isinstance(record, Frame)
        assert np.array_equal(record.layers[0].mask.dense, mask)
        assert (record.layers[0].label, record.timing, record.epoch) == ("part", "arrival", "unknown")
        assert record.roi == Roi(48, 0, 96, 96)
        assert 0 <= clock.now_ns() - record.t_ns < 10e9
    assert server.told == {"model": "brightness"}
    asked = ["POST /init", "GET /input_tensor_size/one", *["POST /infer/one"] * 3, "DELETE /session/one"]
    assert server.asked == asked


def _fails(**words: Any) -> str:
    with pytest.raises(SensorError) as caught:
        list(modlib("cam-1", "s", FakeClock(NOON), **words))
    told = {notice.key: notice.text for notice in board.read()}["sensor cam-1"]
    assert told == f"cam-1: {caught.value}", "the line says it too"
    board.settle("sensor cam-1")
    return str(caught.value)


@slow
def test_no_triton_camera(tmp_path: Path) -> None:
    """The library ends its process there; that says what to check, and nothing else has ended."""
    real()
    for name in ("network.fpk", "fpk_info.dat"):
        (tmp_path / name).write_bytes(b"")
    network, info = str(tmp_path / "network.fpk"), str(tmp_path / "fpk_info.dat")
    said = _fails(triton=Triton(network=network, info=info, input=(SIDE, SIDE), outputs=((SIDE, SIDE),)))
    assert said == (
        "triton of modlib: deviceInfos.size() == 0, no device connected; no Triton camera answers: check its power and "
        "its cable, that camera and host are in the same network (Arena's `IpConfigUtility -l` lists cameras), that no "
        "firewall stops UDP, and that no other program holds it"
    )


@slow
def test_no_server_or_one_that_refuses(server: Server, tmp_path: Path) -> None:
    """Nobody answers, the server knows no such network, a picture is none: each says what to do."""
    real()
    folder, _ = _pictures(tmp_path / "pictures")
    said = _fails(interpreter=Interpreter(endpoint="http://127.0.0.1:9", images=str(folder)))
    assert said.endswith("no interpreter server answers there: start it, and check `interpreter.endpoint`")
    (folder / "0.png").write_text("no picture")
    said = _fails(interpreter=Interpreter(endpoint=server.endpoint, images=str(folder)))
    assert said.endswith("take it out of `interpreter.images`, or convert it")
    server.refuses = True
    said = _fails(interpreter=Interpreter(endpoint=server.endpoint, images=str(folder)))
    assert said == (
        "interpreter of modlib: HTTPError: Status: 400, Reason: no such network; the interpreter server refuses: its "
        "log says why; `interpreter.init` must say which network to load, as its manual asks"
    )


@slow
def test_an_empty_recording_and_one_that_is_none(tmp_path: Path) -> None:
    """Neither ends the source as if all were well."""
    real()
    empty = tmp_path / "empty.json"
    empty.write_text("")
    said = _fails(playback=Playback(path=str(empty)))
    assert said == (
        "playback of modlib: it ended without a frame; the recording, folder or video is empty: check its path"
    )
    empty.write_text("no recording\n" * 200)
    assert "JSONDecodeError" in _fails(playback=Playback(path=str(empty)))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text says what to install."""
    monkeypatch.setattr(link, "find_spec", lambda name: None)
    said = _fails(playback=Playback(path="a"))
    assert said.startswith("playback: modlib is not installed: run `pip install 'kensa[modlib]'`, on Linux with Python")


@slow
def test_a_line_that_stops_ends_the_device(tmp_path: Path) -> None:
    """A recording that shows a frame every minute: nobody waits for the next, and its process is gone."""
    frame = real().frame
    path = _recorded(tmp_path, *(_taken(2000 * number, frame.Segments(_ids(0))) for number in range(3)))
    clock = RealClock()
    records = modlib("cam-1", "s", clock, playback=Playback(path=str(path)))
    assert next(records).seq == 0
    stopper = threading.Timer(0.1, clock.stop)
    stopper.start()
    assert list(records) == []
    stopper.join()
    listed = subprocess.run(["/bin/ps", "-eo", "args"], check=False, capture_output=True, text=True).stdout
    assert str(path) not in listed


def _lines(code: str) -> tuple[list[bytes], Child]:
    """What a program writes, until it ends."""
    lines = []
    with link.started([sys.executable, "-c", code]) as child:
        while (line := child.take(0.05)) is not None:
            lines += [line] if line else []
        child.status()
        return lines, child


@slow
def test_a_process_that_dies_is_noticed_whatever_it_leaves_behind() -> None:
    """A child of its own holds its pipes open: the end is its end nevertheless, and its last words are kept."""
    code = (
        "import os, sys, time\n"
        "print('{}', flush=True)\n"
        "if not os.fork(): time.sleep(60); sys.exit()\n"
        "print('x' * 5000 + '\\n  what():  no device\\nAborted', file=sys.stderr, flush=True)\n"
        "os._exit(3)"
    )
    lines, child = _lines(code)
    assert lines == [b"{}\n"]
    assert (child.status(), child.said) == (3, "no device")


@slow
def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is not given to whoever writes most."""
    monkeypatch.setattr(link, "LONGEST", 100_000)
    monkeypatch.setattr(link, "ENDING_S", 0.1)
    with pytest.raises(SensorError, match=r"^expected lines of at most 100000 bytes, found a longer one$"):
        _lines("print('x' * 1_000_000)")


@slow
def test_a_device_that_says_nothing_is_begun_anew(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library waits for a server without end; the source does not."""
    real()
    folder, _ = _pictures(tmp_path / "pictures")
    held = threading.Event()
    answer = server.answer
    monkeypatch.setattr(server, "answer", lambda request: held.wait(60) if "infer" in request.path else answer(request))
    monkeypatch.setattr(link, "FIRST_S", 3.0)
    monkeypatch.setattr(link, "ENDING_S", 0.1)
    said = _fails(interpreter=Interpreter(endpoint=server.endpoint, images=str(folder)), patience=0.5)
    held.set()
    assert said.startswith("no frame has come for 3 s; the device stands still: Kensa begins it anew; if this repeats")


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=40), st.sampled_from([256, 1 << 40]))
def test_missing_frames_are_counted_over_every_wrap(steps: list[tuple[bool, int]], wrap: int) -> None:
    """However fresh and late frames alternate: between two fresh ones nothing is missing but what never came."""
    count, number, missing, expected, since = Count(), 0, 0, 0, 0
    assert count.missing(0, fresh=True) == 0
    for fresh, step in steps:
        number, since = number + (step if fresh else 1), since + (step - 1 if fresh else 0)
        missing += count.missing(number % wrap, fresh=fresh)
        if fresh:
            expected, since = expected + since, 0
    fewer = wrap == 256 and number >= 256
    assert missing == expected or (fewer and missing <= expected)


def test_a_count_that_says_nothing() -> None:
    """Always 0, as of a client, or none at all, as of a Triton: nobody knows what is missing."""
    for told in (0, None):
        count = Count()
        assert [count.missing(told, fresh=True) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"mask_shape": [1, 4]}, "expected a mask of 1×4 px, found one of another length"),
        ({"mask": "!"}, "expected a mask in gzip and base64, found Only base64 data is allowed"),
        ({"mask": "AAAA"}, "expected a mask in gzip and base64, found Error -3 while decompressing data"),
        ({"mask": None}, r"expected masks \(Segments\), found Expected `str`, got `null` - at `\$.mask`"),
    ],
)
def test_masks_that_are_none(said: dict[str, Any], wrong: str) -> None:
    """Whatever is wrong is said, and nothing is unpacked beyond its size."""
    good = interchange.segments(np.zeros((2, 3), np.uint8), 0)
    frame = Told("", 1, 1, new_detection=True, detections={**good, **said}, detection_type="Segments")
    with pytest.raises(InterchangeError, match=f"^{wrong}"):
        interchange.found(frame, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(SEGMENTS), inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Told.__struct_fields__]), JSON))
def test_whatever_a_recording_holds_it_is_refused_in_one_way(said: dict[str, Any]) -> None:
    """Nothing that a stranger writes ends a source."""
    good = {"timestamp": "", "width": 1, "height": 1, "new_detection": True, "detection_type": "Segments"}
    with contextlib.suppress(InterchangeError, MaskError):
        told = interchange.told(json.dumps(good | said).encode())
        found = interchange.found(told, {})
        interchange.crop(told, compensated=found.compensated)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{}", "expected one of `triton`, `playback` and `interpreter`, got none of them"),
        (
            "{playback: {path: a.json}, interpreter: {endpoint: 'http://a', images: a}}",
            "expected one of `triton`, `playback` and `interpreter`, got `playback` and `interpreter`",
        ),
        ("{interpreter: {endpoint: 'http://a'}}", "expected one of `images` and `video`, got neither"),
        (
            "{interpreter: {endpoint: 'http://a', images: a, video: a}}",
            "expected one of `images` and `video`, got both",
        ),
        (
            "{playback: {path: a.json}, labels: {part: 0, pit: 0}}",
            "expected a number of its own, got 0, which is that of 'part'",
        ),
        ("{playback: {path: b.json}}", "path: expected a file, found nothing at 'b.json'"),
        ("{triton: {network: a, info: a, input: [96, 96]}}", "missing field 'outputs': expected a list of"),
    ],
)
def test_what_cannot_be_is_told_before_the_line_runs(words: str, told: str, tmp_path: Path) -> None:
    """Every flaw at its place in the file."""
    file = _line(tmp_path, words)
    assert told in check(file, nodes=own()).document.show()


def _line(folder: Path, words: str) -> Path:
    (folder / "a.json").write_text("")
    (folder / "a").mkdir(exist_ok=True)
    file = folder / "line.yaml"
    file.write_text(
        f"hosts: {{edge: {{cameras: [cam-1]}}}}\nnodes:\n  camera: {{use: modlib, with: {words}}}\n"
        "  segments: {from: camera, with: {path: out}}\n"
    )
    return file


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{playback: {path: a.json}}", "playback of modlib: a frame's time is as recorded: the host's clock when"),
        ("{interpreter: {endpoint: 'http://a', images: a}}", "a frame's time is that of arrival on this host; nobody"),
    ],
)
def test_the_plan_says_how_time_is_known(words: str, told: str, tmp_path: Path) -> None:
    """Before anybody relies on it."""
    nodes = own()
    planned = plan(load(_line(tmp_path, words), nodes=nodes), nodes, folder=tmp_path, here=True)
    assert [line for line in text(planned, nodes) if told in line]


def test_a_device_is_told_as_it_was_written() -> None:
    """What the topology says reaches the process that opens the device, whole."""
    import msgspec

    made = Device(interpreter=Interpreter(endpoint="http://a", images="b", init={"model": ["x", 1]}))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Device) == made
    assert made.name == "interpreter"
    assert [*devices.flaws(made, {"part": 0})] == []
    assert json.loads(msgspec.json.encode(made))["interpreter"]["init"] == {"model": ["x", 1]}
