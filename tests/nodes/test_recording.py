"""The recording source: whatever masks are kept in comes back, in order; what cannot be read never ends the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from structlog.testing import capture_logs

from nodes.sources.folder import natural, stamp
from nodes.sources.recording import recording
from nodes.sources.shots import Picture, Shot, ShotError, develop
from nodes.sources.synthetic import synthetic
from nodes.transforms.measure import measured
from pipeline.clock import Clock, FakeClock
from pipeline.errors import NodeError
from pipeline.masks import Mask, union
from pipeline.recordings import RecordingError, Writer, header
from pipeline.records import Frame, Gap, Record, Regions
from tests.nodes.scenes import gap, regions

DAY = 86_400_000_000_000
SQUARE = np.pad(np.full((4, 5), 255, np.uint8), 3)

DATASET: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "b.jpg", "height": 4, "width": 6},
        {"id": 3, "file_name": "a.jpg", "height": 4, "width": 6},
    ],
    "categories": [{"id": 1, "name": "screw"}],
    "annotations": [
        {"image_id": 7, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 3, 1, 3]]},
        {"image_id": 7, "category_id": 1, "segmentation": {"size": [4, 6], "counts": [0, 24]}},
        {"image_id": 7, "category_id": 2, "segmentation": {"size": [4, 6], "counts": "0h0"}},
    ],
}


def shown(path: Path, clock: Clock | None = None, camera: str = "cam-1", **params: Any) -> list[Frame | Gap]:
    """Everything that is kept at a path."""
    return [*recording(camera, "s1", clock or FakeClock(), path=str(path), **params)]


def frames(path: Path, **params: Any) -> list[Frame]:
    """The same, where nothing is missing."""
    told = shown(path, **params)
    assert all(isinstance(record, Frame) for record in told)
    return [record for record in told if isinstance(record, Frame)]


def write(path: Path, pixels: Any = SQUARE) -> Path:
    """An image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def kept(path: Path, told: Any) -> Path:
    """A JSON file."""
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


class TestFolder:
    """Images and labelme files."""

    def test_images_come_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        """`shot-10` comes after `shot-9`; each is one frame, whatever its size."""
        for number in (10, 9, 1):
            write(tmp_path / f"shot-{number}.png", np.pad(SQUARE, ((0, number), (0, 0))))
        told = frames(tmp_path)
        assert [frame.seq for frame in told] == [0, 1, 2]
        assert [frame.size for frame in told] == [(11, 11), (19, 11), (20, 11)]
        assert [frame.layers[0].mask.area for frame in told] == [20, 20, 20]

    def test_folders_are_labels(self, tmp_path: Path) -> None:
        """The first folder inside is what the masks show, unless a label is given."""
        write(tmp_path / "crack" / "images" / "a.png")
        write(tmp_path / "b.png")
        assert [frame.layers[0].label for frame in frames(tmp_path)] == ["mask", "crack"]
        assert [frame.layers[0].label for frame in frames(tmp_path, label="pit")] == ["pit", "pit"]

    def test_a_mask_of_nothing_is_a_frame(self, tmp_path: Path) -> None:
        """It was looked at, and nothing was found."""
        write(tmp_path / "none.png", np.zeros((6, 8), np.uint8))
        (frame,) = frames(tmp_path)
        assert measured(frame).regions == ()

    def test_brighter_than_the_threshold_is_set(self, tmp_path: Path) -> None:
        """The threshold itself is not."""
        write(tmp_path / "grey.bmp", np.array([[0, 1, 127, 128, 255]], np.uint8))
        assert frames(tmp_path, files="*.bmp")[0].layers[0].mask.dense.tolist() == [[False, False, False, True, True]]
        assert frames(tmp_path, files="*.bmp", threshold=0)[0].layers[0].mask.area == 4

    def test_times_in_names_are_the_order_and_the_time(self, tmp_path: Path) -> None:
        """The year need not come first, and other digits do not confuse."""
        for name in ("7_230102000000_1.png", "9_220103000000_2.png", "8_230101000001_3.png"):
            write(tmp_path / name)
        told = frames(tmp_path, time="%y%m%d%H%M%S")
        assert [frame.t_ns - told[0].t_ns for frame in told] == [0, 363 * DAY + 10**9, 364 * DAY]
        assert told[0].t_ns == 1_641_168_000 * 10**9

    def test_a_name_without_a_time_is_a_gap(self, tmp_path: Path) -> None:
        """Nobody knows where it belongs: it comes last, and the log says which file it was."""
        write(tmp_path / "20230101.png")
        write(tmp_path / "copy.png")
        write(tmp_path / "20231399.png")
        with capture_logs() as logs:
            told = shown(tmp_path, time="%Y%m%d")
        assert [type(record) for record in told] == [Frame, Gap, Gap]
        assert [(log["file"], log["seq"], log["log_level"]) for log in logs] == [
            ("20231399.png", 1, "warning"),
            ("copy.png", 2, "warning"),
        ]
        assert logs[1]["error"] == "expected a time '%Y%m%d' in the file's name, found none"

    @pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
    def test_a_damaged_image_is_a_gap_and_the_rest_goes_on(self, tmp_path: Path, content: bytes) -> None:
        """Its number is taken, so that the hole can be seen."""
        write(tmp_path / "a.png")
        (tmp_path / "b.png").write_bytes(content)
        write(tmp_path / "c.png")
        with capture_logs() as logs:
            first, bad, last = shown(tmp_path)
        assert isinstance(first, Frame)
        assert isinstance(last, Frame)
        assert isinstance(bad, Gap)
        assert (bad.seq, bad.last, bad.reason, bad.where, last.seq) == (1, 1, "malformed", "recording", 2)
        assert logs[0]["file"] == "b.png"
        assert logs[0]["error"].startswith("expected an image (PNG, BMP, JPEG, TIFF)")

    def test_a_folder_without_such_files_says_what_it_has(self, tmp_path: Path) -> None:
        """The remedy is in the text."""
        (tmp_path / "a.JPG").touch()
        (tmp_path / "b.jpg").touch()
        with pytest.raises(NodeError, match=r"expected files '\*\*/\*\.png', found 2 × \.jpg; set `files`"):
            shown(tmp_path)

    def test_an_unknown_letter_of_time_is_refused(self) -> None:
        """Names of months are not digits: they depend on the language."""
        with pytest.raises(NodeError, match=r"expected a pattern of %Y .*, found %b in '%b %Y'"):
            stamp("%b %Y")

    def test_natural_order(self) -> None:
        """Numbers count as numbers, wherever they stand."""
        assert sorted(["b1", "a10b2", "a9", "a10b1", "2"], key=natural) == ["2", "a9", "a10b1", "a10b2", "b1"]

    def test_labelme_files_are_filled_polygons(self, tmp_path: Path) -> None:
        """Each shape is a layer with its own label; a rectangle is two corners."""
        shapes = [
            {"label": "Pitting", "points": [[2, 2], [8, 2], [8, 6], [2, 6]], "shape_type": "polygon"},
            {"label": "Dent", "points": [[10, 10], [14, 12]], "shape_type": "rectangle"},
        ]
        kept(tmp_path / "a.json", {"imageHeight": 20, "imageWidth": 30, "shapes": shapes})
        (frame,) = frames(tmp_path, files="*.json")
        assert frame.size == (20, 30)
        assert [(layer.label, layer.mask.box, layer.mask.area) for layer in frame.layers] == [
            ("Pitting", (2, 2, 6, 4), 24),
            ("Dent", (10, 10, 4, 2), 8),
        ]

    @pytest.mark.parametrize(
        ("told", "words"),
        [
            ({}, "KeyError('imageHeight')"),
            ({"imageHeight": 5, "imageWidth": 1e9, "shapes": []}, "expected a mask of at most"),
            ({"imageHeight": 5, "imageWidth": "9", "shapes": []}, "expected height and width in whole px"),
            ({"imageHeight": 5, "imageWidth": 9, "shapes": [{"label": "a"}]}, "KeyError('points')"),
            (
                {"imageHeight": 5, "imageWidth": 9, "shapes": [{"label": "a", "points": [], "shape_type": "circle"}]},
                "expected polygons and rectangles, found a circle",
            ),
            (
                {"imageHeight": 5, "imageWidth": 9, "shapes": [{"label": "a", "points": [[0, 0], [9, 9]]}]},
                "expected polygons of at least three corners",
            ),
            (
                {"imageHeight": 5, "imageWidth": 9, "shapes": [{"label": "a", "points": [[0, 0], [9e9, 0], [0, 3]]}]},
                "expected corners in or near the picture of 5×9 px",
            ),
            ([1], "TypeError"),
        ],
    )
    def test_a_wrong_labelme_file_is_a_gap(self, tmp_path: Path, told: Any, words: str) -> None:
        """Missing fields, absurd sizes and shapes without area: told in the log, and nothing huge is built."""
        kept(tmp_path / "a.json", told)
        with capture_logs() as logs:
            (record,) = shown(tmp_path, files="*.json")
        assert isinstance(record, Gap)
        assert words in logs[0]["error"]


class TestCoco:
    """JSON files."""

    def test_a_dataset_gives_its_images_in_order(self, tmp_path: Path) -> None:
        """Polygons, plain and compressed run lengths; an image without annotations is an empty view."""
        first, second = frames(kept(tmp_path / "a.json", DATASET))
        assert [(layer.label, layer.mask.area) for layer in first.layers] == [
            ("screw", 8),
            ("screw", 24),
            ("category-2", 24),
        ]
        assert second.layers == ()
        assert (first.seq, second.seq, second.size) == (0, 1, (4, 6))

    def test_a_list_of_results_gives_a_frame_per_image(self, tmp_path: Path) -> None:
        """Scores are kept; the size is that of the masks."""
        rle = {"size": [4, 6], "counts": "0h0"}
        told = [{"image_id": n, "category_id": 1, "segmentation": rle, "score": 0.25} for n in (9, 9, 2)]
        first, second = frames(kept(tmp_path / "a.json", told), label="part")
        assert [len(first.layers), len(second.layers)] == [2, 1]
        assert (first.layers[0].score, first.layers[0].label, first.size) == (0.25, "part", (4, 6))

    @pytest.mark.parametrize(
        ("segmentation", "words"),
        [
            ({"size": [4, 7], "counts": [28]}, "expected masks of 4×6 px, found one of 4×7"),
            ({"size": [4, 6], "counts": [25]}, "expected run lengths of 24 px"),
            ({"size": [4, 6], "counts": "~"}, "expected run lengths in characters"),
            ([[1, 1, 2]], "expected polygons of at least three corners"),
            (None, "expected a segmentation"),
        ],
    )
    def test_a_wrong_annotation_makes_its_image_a_gap(self, tmp_path: Path, segmentation: Any, words: str) -> None:
        """Half a picture would be a lie; the next one is shown."""
        images = [{"id": n, "height": 4, "width": 6} for n in (1, 2)]
        told = {"images": images, "annotations": [{"image_id": 1, "segmentation": segmentation}]}
        with capture_logs() as logs:
            bad, good = shown(kept(tmp_path / "a.json", told))
        assert isinstance(bad, Gap)
        assert isinstance(good, Frame)
        assert words in logs[0]["error"]

    @pytest.mark.parametrize("text", ["", "{", "3", "{}", '{"images": 3, "annotations": []}', '[{"a": 1}]'])
    def test_another_file_is_refused_as_a_whole(self, tmp_path: Path, text: str) -> None:
        """There is no first frame to tell a gap of: the source says what it expected."""
        path = tmp_path / "a.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(NodeError, match="expected a COCO dataset"):
            shown(path)


class TestKensa:
    """Recordings of Kensa's own."""

    @staticmethod
    def written(path: Path, *records: Record) -> Path:
        """A recording."""
        with Writer(path, header("line", ["camera"])) as writer:
            for record in records:
                writer.write("camera", record)
        return path

    def test_the_records_of_a_camera_come_back(self, tmp_path: Path) -> None:
        """With number, time and masks as they were, under this run's session; gaps too; other cameras not."""
        old = [
            record
            for camera in ("cam-1", "cam-2")
            for record in synthetic(camera, "old", FakeClock(5), frames=3, width=32, height=32)
        ]
        told = shown(self.written(tmp_path / "a.kensa", *old, gap(3, 5, session="old")))
        assert [(record.camera, record.session, record.seq) for record in told] == [
            ("cam-1", "s1", n) for n in range(4)
        ]
        assert [record.t_ns for record in told[:3]] == [record.t_ns for record in old[:3]]
        assert [record.layers for record in told if isinstance(record, Frame)] == [
            record.layers for record in old[:3] if isinstance(record, Frame)
        ]
        assert isinstance(told[3], Gap)

    def test_each_session_in_it_is_one_here(self, tmp_path: Path) -> None:
        """Numbers begin again where the camera began again."""
        old = [record for boot in ("x", "y") for record in synthetic("cam-1", boot, FakeClock(), frames=2)]
        told = shown(self.written(tmp_path / "a.kensa", *old))
        assert [(record.session, record.seq) for record in told] == [("s1", 0), ("s1", 1), ("s1.1", 0), ("s1.1", 1)]

    def test_a_damaged_recording_ends_with_a_gap(self, tmp_path: Path) -> None:
        """What comes before the damage is shown; then one gap, and the log says where."""
        path = self.written(tmp_path / "a.kensa", *synthetic("cam-1", "old", FakeClock(), frames=3))
        path.write_bytes(path.read_bytes() + b"\xc1" * 9)
        with capture_logs() as logs:
            *whole, last = shown(path)
        assert [record.seq for record in whole] == [0, 1, 2]
        assert isinstance(last, Gap)
        assert (last.seq, last.reason) == (3, "malformed")
        assert "expected MessagePack" in logs[0]["error"]

    def test_a_camera_that_is_not_in_it_is_told(self, tmp_path: Path) -> None:
        """With the names of those that are."""
        path = self.written(tmp_path / "a.kensa", *synthetic("left", "old", FakeClock(), frames=1))
        with pytest.raises(NodeError, match="expected records of camera 'cam-1', found those of 'left'"):
            shown(path)

    def test_only_what_sources_give_is_shown(self, tmp_path: Path) -> None:
        """Other records have nothing to do in front of a line."""
        path = self.written(tmp_path / "a.kensa", regions(0, []))
        with pytest.raises(NodeError, match="expected frames and gaps, found regions"):
            shown(path)

    def test_a_file_of_something_else_is_refused(self, tmp_path: Path) -> None:
        """The error says how to make one."""
        path = tmp_path / "a.kensa"
        path.write_bytes(b"hello")
        with pytest.raises(RecordingError, match="expected a recording; write one with `kensa record`"):
            shown(path)


class Slow(FakeClock):
    """A clock that notes how often it was waited for, and stops the line after some waits."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left = waits

    def wait_until(self, t_ns: int) -> bool:
        """Jump; False when the waits are used up."""
        self.left -= 1
        return super().wait_until(t_ns) and self.left >= 0


def test_a_rate_is_kept(tmp_path: Path) -> None:
    """Frames without a time of their own are as far apart as the rate says."""
    for number in range(4):
        write(tmp_path / f"{number}.png")
    assert [record.t_ns for record in shown(tmp_path, rate=4.0)] == [0, 250_000_000, 500_000_000, 750_000_000]
    assert [record.t_ns for record in shown(tmp_path)] == [0, 0, 0, 0]


def test_a_loop_is_a_new_session_each_time(tmp_path: Path) -> None:
    """It goes on until the line stops, and (camera, session, seq) still names one frame for ever."""
    for number in range(2):
        write(tmp_path / f"{number}.png")
    told = shown(tmp_path, Slow(5), loop=True)
    assert [(record.session, record.seq) for record in told] == [
        ("s1", 0),
        ("s1", 1),
        ("s1.1", 0),
        ("s1.1", 1),
        ("s1.2", 0),
    ]


def test_too_many_masks_are_refused() -> None:
    """More layers than a frame may have are told before anybody else stumbles over them."""
    from nodes.sources.shots import picture

    layers = [layer for frame in synthetic("c", "s", FakeClock(), frames=1) for layer in getattr(frame, "layers", ())]
    with pytest.raises(ShotError, match="expected at most 256 masks in a picture, found 300"):
        picture((96, 96), layers * 300)


def test_develop_opens_one_shot_at_a_time() -> None:
    """A folder of a million files costs the memory of one."""
    opened: list[int] = []

    def shot(number: int) -> Shot:
        def opening() -> Picture:
            opened.append(number)
            return Picture((2, 2), ())

        return Shot(str(number), None, opening)

    developed = develop(map(shot, range(10**6)), "c", "s", lambda: 0)
    assert [next(developed).seq, next(developed).seq] == [0, 1]
    assert opened == [0, 1]


class TestRealData:
    """What people keep their masks in."""

    def test_magnetic_tiles(self, shared_data: Path) -> None:
        """Photos beside the masks are left alone; free tiles have empty masks, the others do not."""
        told = [measured(frame) for frame in frames(shared_data / "magnetic_tile")]
        free = [frame for frame in frames(shared_data / "magnetic_tile") if frame.layers[0].label == "MT_Free"]
        assert len(told) == 487
        assert len(free) == 333
        assert sum(not each.regions for each in told) == 333
        assert all(not measured(frame).regions for frame in free)

    def test_ball_screws(self, shared_data: Path) -> None:
        """The polygons are the pits that the people who drew them exported as images, in the order of time."""
        drawn = frames(shared_data / "bsdata" / "label", files="*.json", time="%y%m%d%H%M%S")
        exported = frames(shared_data / "bsdata" / "masks_png", time="%y%m%d%H%M%S")
        assert len(drawn) == len(exported) == 186
        assert [frame.t_ns for frame in drawn] == sorted(frame.t_ns for frame in exported)
        for ours, theirs in zip(drawn, exported, strict=True):
            both = union(*(layer.mask for layer in ours.layers)).dense
            grown = cv2.dilate(both.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)  # thin tails are lost
            assert not (theirs.layers[0].mask.dense & ~grown).any()

    @pytest.mark.parametrize(
        ("name", "count", "layers"),
        [
            ("picosam2_outputs/eval_outputs/PicoSAM2_Quantized_pred.json", 72, 500),
            ("sav_example/sav_dataset/example/sav_000001_manual.json", 121, 605),
            ("coco_val2014_100/dataset/cocoapi/instances_val2014_100.json", 100, 839),
            ("coco_val2014_100/cocoapi_results/instances_val2014_fakesegm100_results.json", 99, 734),
        ],
    )
    def test_json_files(self, shared_data: Path, name: str, count: int, layers: int) -> None:
        """Every image and every annotation of the file comes, and none is damaged."""
        told = frames(shared_data / name)
        assert (len(told), sum(len(frame.layers) for frame in told)) == (count, layers)
        assert all(layer.mask.size == frame.size for frame in told for layer in frame.layers)


def test_masks_of_pictures_are_masks() -> None:
    """A picture checks that its masks fit."""
    from nodes.sources.shots import picture
    from pipeline.records import Layer

    with pytest.raises(ShotError, match="expected masks of 2×2 px, found one of 2×3"):
        picture((2, 2), [Layer("a", Mask.empty((2, 3)))])


def test_what_is_shown_can_be_measured(tmp_path: Path) -> None:
    """From a file on the disk to numbers, without a camera."""
    write(tmp_path / "a.png")
    (only,) = [measured(frame) for frame in frames(tmp_path)]
    assert isinstance(only, Regions)
    assert [(region.box, region.area_px) for region in only.regions] == [((3, 3, 5, 4), 20)]
