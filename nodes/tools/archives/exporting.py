"""`kensa archive export ARCHIVE OUT`: masks as COCO JSON, or as PNG files with a label per pixel."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from nodes.sinks.journal import replace
from nodes.tools.archives.telling import chosen, declare, left, located
from pipeline.errors import KensaError
from pipeline.pieces import Damage
from pipeline.regionrows import Row, mask_of, pictured

LABELS = 255  # that a pixel of a PNG file can tell apart
Shot = tuple[Row, list[Row]]  # a frame, and its regions


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    located(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="a .json file: COCO; else a folder of PNG files")
    parser.add_argument("--label", action="append", default=[], metavar="NAME", help="only regions with this label")
    declare(parser)
    parser.epilog = (
        "A picture is a frame that was measured; one in which nothing was found is there, too. In PNG files a pixel is "
        "0 or the number of a label, as labels.json says; where regions lie upon one another, the smaller one is seen."
    )


def run(args: Namespace) -> int:
    """Write them; returns the exit status."""
    damaged: list[Damage] = []
    shots = [*_shots(args, damaged)]
    if not shots:
        raise KensaError(f"{args.archive}: no measured frame is meant; `kensa archive show` says what there is")
    labels = {name: number for number, name in enumerate(sorted({r["label"] for _, rows in shots for r in rows}), 1)}
    bare = sum(1 for _, rows in shots for row in rows if not row["pictured"])
    if args.out.suffix == ".json":
        replace(args.out, json.dumps(coco(shots, labels), ensure_ascii=False).encode())
    else:
        _files(args.out, shots, labels)
    count = sum(len(rows) for _, rows in shots)
    print(f"{len(shots):,} frames with {count - bare:,} masks: {args.out}")
    if bare:
        print(f"left out: {bare:,} regions whose masks the archive has no more")
    return left(damaged) or int(bool(bare))


def coco(shots: list[Shot], labels: dict[str, int]) -> dict[str, Any]:
    """A COCO data set: a picture per frame, an annotation per region that has its mask."""
    images, annotations = [], list[dict[str, Any]]()
    for number, (frame, rows) in enumerate(shots, 1):
        said = {name: frame[name] for name in ("camera", "session", "seq", "t_ns", "prompt", "model")}
        size = {"height": frame["height"], "width": frame["width"]}
        images.append({"id": number, "file_name": name(frame), **size, **said})
        for row in (row for row in rows if row["pictured"]):
            about = {"id": len(annotations) + 1, "image_id": number, "category_id": labels[row["label"]]}
            annotations.append(about | _annotation(row))
    categories = [{"id": number, "name": label} for label, number in labels.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotation(row: Row) -> dict[str, Any]:
    mask = mask_of(row)
    shape = {"size": [*mask.size], "counts": mask.counts.decode()}
    box = [row[f"box_{side}"] for side in ("x", "y", "width", "height")]
    return {"segmentation": shape, "area": row["area_px"], "bbox": box, "iscrowd": 0, "score": row["score"]}


def name(frame: Row) -> str:
    """The file of a frame: a folder per camera and session."""
    return f"{quote(frame['camera'], safe='')}@{quote(frame['session'], safe='')}/{frame['seq']:09d}.png"


def _files(folder: Path, shots: list[Shot], labels: dict[str, int]) -> None:
    if len(labels) > LABELS:
        raise KensaError(f"expected at most {LABELS} labels for PNG files, found {len(labels):,}: name some by --label")
    for frame, rows in shots:
        replace(folder / name(frame), _png(_painted(frame, rows, labels)))
    replace(folder / "labels.json", json.dumps(labels, ensure_ascii=False).encode())


def _painted(frame: Row, rows: list[Row], labels: dict[str, int]) -> Any:
    view = np.zeros((frame["height"], frame["width"]), np.uint8)
    for row in sorted((row for row in rows if row["pictured"]), key=lambda row: -row["area_px"]):
        view[mask_of(row).dense] = labels[row["label"]]
    return view


def _png(view: Any) -> bytes:
    try:
        import cv2
    except ImportError as error:
        raise KensaError("PNG files need OpenCV, which is not installed: pip install 'kensa[vision]'") from error
    return bytes(cv2.imencode(".png", view)[1])


def _shots(args: Namespace, damaged: list[Damage]) -> Iterator[Shot]:
    """Measured frames with their regions, day by day; tracked ones where they were not measured."""
    for kind in ("regions", "tracks"):
        frames = [row for rows in chosen(args, "frames", damaged) for row in rows.to_pylist() if row["kind"] == kind]
        if frames:
            inside = _regions(args, kind, damaged)
            yield from ((frame, inside.get(_key(frame), [])) for frame in frames)
            return


def _regions(args: Namespace, kind: str, damaged: list[Damage]) -> dict[tuple[str, str, int], list[Row]]:
    found: list[Row] = []
    for rows in chosen(args, "regions", damaged):
        told = rows.append_column("pictured", pictured(rows)).to_pylist()
        found += (row for row in told if row["kind"] == kind and (not args.label or row["label"] in args.label))
    return {key: [*each] for key, each in groupby(sorted(found, key=_place), _key)}


def _key(row: Row) -> tuple[str, str, int]:
    return row["camera"], row["session"], row["seq"]


def _place(row: Row) -> tuple[tuple[str, str, int], int]:
    return _key(row), row["place"]
