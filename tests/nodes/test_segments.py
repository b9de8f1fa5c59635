"""segments: what others read with modlib is what the line saw, once, whatever happens to the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes.sensors.modlib.devices import Playback
from nodes.sinks.segments import segments
from nodes.sources.modlib import modlib
from pipeline.clock import FakeClock
from pipeline.errors import NodeError
from pipeline.masks import Mask
from pipeline.records import Epoch, Frame, Layer, Roi
from tests.standins.around_modlib import modlib as real

NOON = 1_795_348_800_000_000_000  # 2026-11-22, 12:00 UTC
LABELS = {"part": 0, "pit": 1}


def _frame(seq: int, camera: str = "cam-1", *, session: str = "s", epoch: Epoch = "settled") -> Frame:
    part, pit = np.zeros((20, 30), np.bool_), np.zeros((20, 30), np.bool_)
    part[2:12, seq : seq + 10] = True
    pit[4:6, seq + 2 : seq + 5] = True
    layers = (Layer("pit", Mask.from_dense(pit)), Layer("part", Mask.from_dense(part)))
    return Frame(
        camera=camera, session=session, seq=seq, t_ns=NOON + seq * 33_000_000, size=(20, 30), layers=layers,
        roi=Roi(1014, 760, 2028, 1520), epoch=epoch,
    )  # fmt: skip


def _lines(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {path.name: [*map(json.loads, path.read_text().splitlines())] for path in sorted(folder.glob("*.json"))}


def test_a_recording_for_each_camera_and_session(tmp_path: Path) -> None:
    """However they are called; a name is never a path to somewhere else."""
    frames = [_frame(0), _frame(0, "../検査"), _frame(1), _frame(0, session="s@2")]
    segments(iter([frames[:2], frames[2:]]), path=str(tmp_path), labels=LABELS)
    found = _lines(tmp_path)
    assert [*found] == ["..%2F%E6%A4%9C%E6%9F%BB@s.json", "cam-1@s%402.json", "cam-1@s.json"]
    assert [line["frame_count"] for line in found["cam-1@s.json"]] == [0, 1]


def test_the_words_of_a_line(tmp_path: Path) -> None:
    """Time of exposure in UTC, the crop as a share of the sensor, no picture, no rate that nobody measured."""
    segments(iter([[_frame(1)]]), path=str(tmp_path), labels=LABELS)
    (line,) = _lines(tmp_path)["cam-1@s.json"]
    found = line.pop("detections")
    assert line == {
        "timestamp": "2026-11-22T12:00:00.033000+00:00", "image": None, "image_type": "input_tensor", "width": 30,
        "height": 20, "channels": 3, "detection_type": "Segments", "new_detection": True, "fps": 0.0, "dps": 0.0,
        "color_format": "RGB", "roi": {"left": 0.25, "top": 0.25, "width": 0.5, "height": 0.5}, "frame_count": 1,
    }  # fmt: skip
    assert (found["n_segments"], found["indices"], found["mask_shape"]) == (2, [0, 1], [20, 30])


def test_a_repetition_writes_nothing(tmp_path: Path) -> None:
    """In the same run and in the next: what is sent again is there already; a torn line is written once more."""
    segments(iter([[_frame(0), _frame(1)], [_frame(1), _frame(2)]]), path=str(tmp_path), labels=LABELS)
    file = tmp_path / "cam-1@s.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    segments(iter([[_frame(1), _frame(2), _frame(3)]]), path=str(tmp_path), labels=LABELS)
    assert file.read_bytes().startswith(whole)
    assert [line["frame_count"] for line in _lines(tmp_path)["cam-1@s.json"]] == [0, 1, 2, 3]
    assert (tmp_path / "cam-1@s.json.damaged").exists()


def test_a_label_without_a_number_is_refused(tmp_path: Path) -> None:
    """Nothing of its batch is written: the runtime takes it apart and hands the others over again."""
    said = r"^modlib knows masks by number: expected an id for 'pit' in `labels`, found none; add it$"
    with pytest.raises(NodeError, match=said):
        segments(iter([[_frame(0)]]), path=str(tmp_path))
    assert _lines(tmp_path) == {}


@pytest.mark.slow
def test_there_and_back(tmp_path: Path) -> None:
    """What is written is what the real library plays to our source: the same masks, times, numbers and gaps."""
    real()
    frames = [_frame(0), _frame(1, epoch="settling"), _frame(2), _frame(5)]
    segments(iter([frames]), path=str(tmp_path), labels=LABELS)
    played = Playback(path=str(tmp_path / "cam-1@s.json"))
    first, late, second, missing, third = modlib("cam-1", "s", FakeClock(NOON), playback=played, labels=LABELS)
    assert [getattr(gap, "reason", "") for gap in (late, missing)] == ["late", "sensor"]
    assert (missing.seq, getattr(missing, "last", 0)) == (3, 4)
    for back, frame in zip((first, second, third), (frames[0], frames[2], frames[3]), strict=True):
        assert isinstance(back, Frame)
        assert (back.seq, back.t_ns, back.size) == (frame.seq, frame.t_ns // 1000 * 1000, frame.size)
        pit, part = (layer.mask.dense for layer in frame.layers)
        masks = {layer.label: layer.mask.dense for layer in back.layers}
        assert np.array_equal(masks["pit"], pit)
        assert np.array_equal(masks["part"], part & ~pit), "the pit lies upon the part"
