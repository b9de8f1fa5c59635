"""Annotation files and folders of masks: the same pixels as pycocotools, and refusals that say where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from model.data.coco import Coco
from model.data.folder import Folder
from model.data.sample import DataError, Look, read_mask
from model.prompt import SIDE, box_of

EXACT = Look(jitter=0.0)
POINT = Look(prompt="point", size=96)


def _dice() -> np.random.Generator:
    return np.random.default_rng(0)


def _dataset(folder: Path, **more: Any) -> Path:
    """Three objects in one picture: a square, a crowd, and a triangle; and a file that says so."""
    picture = np.full((120, 200, 3), (40, 80, 120), np.uint8)
    picture[30:70, 20:60] = (200, 100, 50)
    cv2.imwrite(str(folder / "a.png"), picture[..., ::-1])
    square = {"size": [120, 200], "counts": [20 * 120 + 30, *[40, 80] * 39, 40, 140 * 120 + 50]}
    told = [
        {"segmentation": square, "bbox": [20, 30, 40, 40], "area": 1600, "category_id": 7},
        {"segmentation": square, "bbox": [20, 30, 40, 40], "area": 1600, "iscrowd": 1},
        {"segmentation": [[60.0, 40.0, 100.0, 40.0, 80.0, 60.0]], "bbox": [60, 40, 40, 20], "area": 400},
    ]
    annotations = [each | {"id": number, "image_id": 1} for number, each in enumerate(told)]
    image = {"id": 1, "file_name": "a.png", "height": 120, "width": 200} | more
    path = folder / "instances.json"
    path.write_text(json.dumps({
        "images": [image], "annotations": annotations, "categories": [{"id": 7, "name": "square"}],
    }))  # fmt: skip
    return path


def test_objects_become_samples(tmp_path: Path) -> None:
    """The square in the middle of its crop, 1.5 times as wide as it; the triangle beside it is a rival."""
    source = Coco(_dataset(tmp_path), tmp_path, EXACT)
    assert len(source) == 2
    sample = source.sample(0, _dice())
    assert sample.kind == "square"
    assert sample.area == 1600
    assert sample.rivals == 0
    assert sample.picture.shape == (SIDE, SIDE, 3)
    assert box_of(sample.mask) == (16, 16, 64, 64)
    assert sample.box == (16, 16, 64, 64)
    assert (sample.picture[sample.mask] == (200, 100, 50)).all()
    assert source.sample(1, _dice()).kind == "object"


def test_a_point_is_a_crop_at_the_scale_of_the_picture(tmp_path: Path) -> None:
    """96 px of the picture are 96 px of the crop, and whoever else is in it is counted."""
    sample = Coco(_dataset(tmp_path), tmp_path, POINT).sample(0, _dice())
    assert sample.mask.sum() == 1600
    assert sample.rivals == 1


def test_lvis_names_pictures_by_address(tmp_path: Path) -> None:
    """Version 1 has no `file_name`."""
    path = _dataset(tmp_path, coco_url="http://images.example/val2017/a.png")
    told = json.loads(path.read_text())
    del told["images"][0]["file_name"]
    path.write_text(json.dumps(told))
    assert Coco(path, tmp_path, EXACT).sample(0, _dice()).kind == "square"
    (tmp_path / "val2017").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "val2017" / "a.png")
    assert Coco(path, tmp_path, EXACT).sample(0, _dice()).kind == "square"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools with this numpy
@pytest.mark.parametrize(
    ("file", "count"), [("dataset/cocoapi/instances_val2014_100.json", 800), ("lvis_dataset/lvis_val_100.json", 891)]
)
def test_masks_are_those_of_pycocotools(shared_data: Path, file: str, count: int) -> None:
    """Every object of 100 pictures, pixel by pixel."""
    path = shared_data / "coco_val2014_100" / file
    source, reference = Coco(path, path.parent), COCO(str(path))
    assert len(source) == count
    for index in range(0, len(source), 7):
        expected = reference.annToMask(source.objects[index]).astype(bool)
        np.testing.assert_array_equal(source.mask(index), expected)


def test_faults_say_what_was_expected(tmp_path: Path) -> None:
    """No file, another file, a picture that is missing or has another size."""
    with pytest.raises(DataError, match=r"none.json: expected annotations of COCO or LVIS .*; FileNotFoundError"):
        Coco(tmp_path / "none.json", tmp_path)
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(DataError, match=r"list\.json: expected annotations of COCO or LVIS"):
        Coco(tmp_path / "list.json", tmp_path)
    path = _dataset(tmp_path)
    with pytest.raises(DataError, match="expected objects of at least 9999 px² with a segmentation, found none"):
        Coco(path, tmp_path, least=9999)
    with pytest.raises(DataError, match=r"expected the picture a\.png, found no such file; set `images`"):
        Coco(path, tmp_path / "elsewhere").sample(0, _dice())
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((10, 20), np.uint8))
    with pytest.raises(DataError, match="expected 200 × 120 px, found 20 × 10 px"):
        Coco(path, tmp_path).sample(0, _dice())


def _folder(folder: Path) -> Path:
    picture, mask = np.full((60, 80, 3), 90, np.uint8), np.zeros((60, 80), np.uint8)
    mask[10:20, 10:30] = mask[30:50, 40:60] = 255
    mask[5, 5] = 255
    cv2.imwrite(str(folder / "one.jpg"), picture)
    cv2.imwrite(str(folder / "one.png"), mask)
    cv2.imwrite(str(folder / "alone.jpg"), picture)
    return folder


def test_a_folder_of_masks(tmp_path: Path) -> None:
    """Each piece is an object, or all of them are one; a speck is none."""
    found = Folder(_folder(tmp_path), tmp_path, "pit", EXACT)
    assert [found.sample(index, _dice()).area for index in range(len(found))] == [200, 400]
    assert found.sample(0, _dice()).kind == "pit"
    together = Folder(tmp_path, tmp_path, look=Look(prompt="point"), apart=False)
    assert len(together) == 1
    assert together.sample(0, _dice()).area == 601


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    """It says how many of each there are."""
    with pytest.raises(DataError, match="found 0 and 0, and no two that belong together"):
        Folder(tmp_path, tmp_path)
    _folder(tmp_path)
    with pytest.raises(DataError, match="expected masks with objects of at least 5000 px², found only smaller ones"):
        Folder(tmp_path, tmp_path, least=5000)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="expected a picture, found something else or a damaged one"):
        read_mask(tmp_path / "bad.png")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "masks", "least"),
    [
        ("magnetic_tile/MT_Blowhole/Imgs", "magnetic_tile/MT_Blowhole/Imgs", 69),
        ("crackforest/image", "crackforest/masks_png", 118),
        ("bsdata/data", "bsdata/masks_png", 186),
        ("davis_carshadow/DAVIS/JPEGImages/480p/car-shadow", "davis_carshadow/DAVIS/Annotations/480p/car-shadow", 40),
    ],
)
def test_real_defects_are_read(shared_data: Path, images: str, masks: str, least: int) -> None:
    """As many objects as there are masks, or more; each fills two thirds of its crop, a thin or tiny one less."""
    found = Folder(shared_data / images, shared_data / masks, look=EXACT)
    assert len(found) >= least
    for index in range(0, len(found), max(1, len(found) // 5)):
        sample = found.sample(index, _dice())
        assert sample.mask.any()
        assert 48 <= max(box_of(sample.mask)[2:]) <= 68
