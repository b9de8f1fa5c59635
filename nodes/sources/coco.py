"""JSON files of masks as COCO run lengths or polygons: datasets, lists of results, and SA-V videos."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from nodes.sources.shots import Picture, Shot, ShotError, picture, polygons, size_of
from pipeline.errors import NodeError
from pipeline.masks import Mask
from pipeline.records import Layer

UNNAMED = "object"


def shots(path: Path, label: str) -> list[Shot]:
    """The images of a JSON file, in its order.

    Args:
        path: The file.
        label: Label of all masks; empty: the name of the category.

    Raises:
        NodeError: If it is none of the kinds of file that are known.
    """
    import msgspec

    try:
        told = msgspec.json.decode(path.read_bytes())
        if isinstance(told, list):
            return [*_results(told, label)]
        return [*(_video(told, label) if "masklet" in told else _dataset(told, label))]
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        wanted = "a COCO dataset (images, annotations), a list of COCO results or an SA-V video (masklet)"
        raise NodeError(f"{path}: expected {wanted}; {type(error).__name__}: {error}") from error


def _dataset(told: dict[str, Any], label: str) -> Iterator[Shot]:
    """Images with their annotations; those without any were looked at, and nothing was found."""
    names = {each["id"]: str(each["name"]) for each in told.get("categories", ())}
    found: dict[Any, list[Any]] = {each["id"]: [] for each in told["images"]}
    for each in told["annotations"]:
        found.setdefault(each["image_id"], []).append(each)
    for image in told["images"]:
        name = str(image.get("file_name") or image["id"])
        yield Shot(name, None, partial(_annotated, found[image["id"]], label, names, image))


def _results(told: list[Any], label: str) -> Iterator[Shot]:
    """Masks without images: those that follow one another and name the same image are one picture."""
    for image, each in groupby(told, key=lambda one: one["image_id"]):
        yield Shot(str(image), None, partial(_annotated, [*each], label, {}, None))


def _video(told: dict[str, Any], label: str) -> Iterator[Shot]:
    """Frames of run lengths, one per object."""
    for number, masks in enumerate(told["masklet"]):
        each = [{"segmentation": mask} for mask in masks]
        image = {"height": told["video_height"], "width": told["video_width"]}
        yield Shot(f"{told.get('video_id', 'video')}/{number}", None, partial(_annotated, each, label, {}, image))


def _annotated(told: list[Any], label: str, names: dict[Any, str], image: dict[str, Any] | None) -> Picture:
    """One picture; a fault in one of its annotations makes all of it unreadable, since a part of it would be a lie."""
    try:
        size = size_of(image["height"], image["width"]) if image else size_of(*told[0]["segmentation"]["size"])
        return picture(size, [_layer(each, size, label, names) for each in told])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ShotError(f"expected annotations with a segmentation: {type(error).__name__}: {error}") from error


def _layer(told: dict[str, Any], size: tuple[int, int], label: str, names: dict[Any, str]) -> Layer:
    category = told.get("category_id")
    name = label or names.get(category) or (UNNAMED if category is None else f"category-{category}")
    shape = told["segmentation"]
    mask = polygons(size, shape) if isinstance(shape, list) else Mask.from_coco(shape)
    return Layer(name, mask, min(1.0, max(0.0, float(told.get("score", 1.0)))))
