"""COCO and LVIS: every object that is not a crowd is a sample."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from model.data.sample import DataError, Look, Sample, Thing, read_picture, shown
from model.prompt import Mask, Pixels
from nodes.sources.shots import ShotError, polygons
from pipeline import masks
from pipeline.errors import MaskError

LEAST = 64  # px² of an object: smaller ones are a few pixels of the crop, drawn by chance
KEPT = 8  # pictures in memory: objects of one picture often follow one another


class Coco:
    """Objects of an annotation file, in its order.

    Attributes:
        objects: Their annotations.

    Args:
        path: `instances_….json` of COCO or `lvis_….json`.
        images: Folder of the pictures.
        look: How objects are prompted.
        least: Smaller objects are left out, px².

    Raises:
        DataError: If it is no such file, or if nothing of it is left.
    """

    def __init__(self, path: Path, images: Path, look: Look | None = None, least: int = LEAST) -> None:
        self._look, self._path, self._folder = look or Look(), path, images
        try:
            told = msgspec.json.decode(path.read_bytes())
            self._images = {each["id"]: each for each in told["images"]}
            self._names = {each["id"]: str(each["name"]) for each in told.get("categories", ())}
            self.objects: list[dict[str, Any]] = [each for each in told["annotations"] if _meant(each, least)]
            self._centres = _centres(self.objects)
        except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
            wanted = "annotations of COCO or LVIS (images, annotations with a segmentation)"
            raise DataError(f"{path}: expected {wanted}; {type(error).__name__}: {error}") from error
        if not self.objects:
            raise DataError(f"{path}: expected objects of at least {least} px² with a segmentation, found none")
        self._picture = lru_cache(maxsize=KEPT)(self._open)

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self.objects)

    def sample(self, index: int, dice: np.random.Generator) -> Sample:
        """An object, prompted."""
        told = self.objects[index]
        name = self._names.get(told.get("category_id"), "object")
        centres = [each for key, each in self._centres[told["image_id"]] if key != told["id"]]
        thing = Thing(name, self.mask(index), centres)
        return shown(self._picture(told["image_id"]), thing, self._look, dice)

    def mask(self, index: int) -> Mask:
        """The pixels of an object, (H, W), as pycocotools fills them.

        Raises:
            DataError: If its segmentation cannot be read.
        """
        told = self.objects[index]
        try:
            image = self._images[told["image_id"]]
            shape = told["segmentation"]
            size = int(image["height"]), int(image["width"])
            found = polygons(size, shape) if isinstance(shape, list) else masks.Mask.from_coco(shape)
        except (KeyError, ShotError, MaskError) as error:
            raise DataError(f"{self._path}: annotation {told.get('id')}: {error}") from error
        return found.dense

    def _open(self, image: Any) -> Pixels:
        """A picture; LVIS names it by its address, COCO by its file."""
        told = self._images[image]
        address = PurePosixPath(str(told.get("coco_url", "")))
        names = [str(told["file_name"])] if "file_name" in told else []
        names += [address.name, f"{address.parent.name}/{address.name}"]
        found = next((self._folder / name for name in names if name and (self._folder / name).is_file()), None)
        if found is None:
            raise DataError(f"{self._folder}: expected the picture {names[0]}, found no such file; set `images`")
        picture = read_picture(found)
        if picture.shape[:2] != (told["height"], told["width"]):
            size = f"{told['width']} × {told['height']} px"
            raise DataError(f"{found}: expected {size}, found {picture.shape[1]} × {picture.shape[0]} px")
        return picture


def _meant(told: dict[str, Any], least: int) -> bool:
    return not told.get("iscrowd") and bool(told.get("segmentation")) and told.get("area", least) >= least


def _centres(objects: list[dict[str, Any]]) -> dict[Any, list[tuple[Any, tuple[float, float]]]]:
    """Middles of the boxes by picture, each with its object's id."""
    found: dict[Any, list[tuple[Any, tuple[float, float]]]] = {}
    for each in objects:
        x, y, width, height = each["bbox"]
        found.setdefault(each["image_id"], []).append((each["id"], (x + width / 2 - 0.5, y + height / 2 - 0.5)))
    return found
