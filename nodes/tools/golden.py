"""`kensa golden FILE SOURCE`: make a golden mask of what a recording or an archive shows."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nodes.tools.rejudge import Reader
from nodes.transforms.measure import measured
from nodes.transforms.template import middle
from pipeline.errors import KensaError
from pipeline.golden import GoldenError, made, open_golden, text
from pipeline.masks import Mask, iou, union
from pipeline.recordings import Recording
from pipeline.records import Frame, Part, Region, Regions, Roi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAID = "make a golden mask of what a recording or an archive shows"
MOST = 64  # masks, where nobody says how many
STEPS = """
Of parts of an archive: kensa golden plate.golden.yaml out/archive --part 17 --part 21
                        left out, of those that the line judged PASS
Of frames:              kensa golden plate.golden.yaml belt.kensa --seq 40-60
A pixel is golden where more than half of the masks have it, after each was moved onto the first by its centroid.
Name the file at `golden:` in a layout.
"""


class Sample(NamedTuple):
    """A mask, and where it was seen."""

    mask: Mask
    camera: str
    prompt: str
    roi: Roi | None


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog, parser.formatter_class = STEPS, RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, metavar="FILE", help="the YAML file to write; one that is there stays there")
    parser.add_argument("source", type=Path, metavar="SOURCE", help="a recording, or the folder of an archive")
    parser.add_argument("--camera", metavar="NAME", help="of this camera; needed where there are several")
    parser.add_argument("--session", metavar="ID", help="of this run of the camera: ids of parts begin anew with each")
    parser.add_argument("--prompt", metavar="NAME", help="under this prompt; needed where there are several")
    parser.add_argument("--label", default="part", metavar="NAME", help="of regions with this label; default part")
    parser.add_argument("--part", type=int, action="append", default=[], metavar="ID", help="of this part")
    parser.add_argument("--seq", action="append", default=[], metavar="N[-M]", help="of this frame, or these")
    parser.add_argument("--view", action="store_true", help="of everything in a frame together, unmoved")
    parser.add_argument("--most", type=int, default=MOST, metavar="N", help=f"of so many at most; default {MOST}")
    parser.add_argument("--id", default="", help="what measurements call it; else the file's name and the day")
    parser.add_argument("--by", default=None, metavar="NAME", help="who makes it")


def run(args: Namespace) -> int:
    """Make it; returns the exit status."""
    if args.file.exists():
        raise GoldenError(f"{args.file}: expected a new file, found one; a golden mask is never overwritten")
    samples = [*islice(_samples(args), max(1, args.most))]
    first = _alike(args, samples)
    masks = [sample.mask if args.view else _onto(sample.mask, first.mask) for sample in samples]
    mask = majority(masks)
    if not mask.area:
        raise GoldenError(f"{args.source}: expected masks that show the same, found none that half of them share")
    day = datetime.now(UTC).date().isoformat()
    roi = first.roi and (first.roi.x, first.roi.y, first.roi.width, first.roi.height)
    golden = made(
        mask, id=args.id or f"{args.file.name.partition('.')[0]}-{day}", date=day, label=args.label,
        prompt=first.prompt, roi=roi, masks=len(masks), source=f"{args.source.name} {first.camera}", by=args.by,
    )  # fmt: skip
    args.file.write_text(text(golden), encoding="utf-8")
    try:
        open_golden(str(args.file))
    except GoldenError:
        args.file.unlink()  # what is wrong is told, and does not stay
        raise
    least = min(iou(mask, each) for each in masks)
    print(f"{args.file}: golden mask '{golden.id}' {golden.digest}, {mask.area:,} px² in {mask.size[1]}×{mask.size[0]}")
    print(f"the majority of {len(masks)}; the one that is least like it overlaps it by {least:.1%} (IoU)")
    return 0


def majority(masks: Sequence[Mask]) -> Mask:
    """The pixels that more than half of some masks have; half of two are not enough."""
    import numpy as np

    votes = np.sum([mask.dense for mask in masks], axis=0, dtype=np.int32)
    return Mask.from_dense(np.asarray(votes * 2 > len(masks)))


def _alike(args: Namespace, samples: Sequence[Sample]) -> Sample:
    """The first sample, where all are of one camera's one view."""
    if not samples:
        wanted = "parts that were judged PASS" if args.source.is_dir() and not args.seq else "whole regions"
        raise GoldenError(f"{args.source}: expected {wanted} with the label '{args.label}', found none; {HOW}")
    first = samples[0]
    for sample in samples:
        for name in ("camera", "prompt", "roi"):
            if getattr(sample, name) != getattr(first, name):
                found = f"{getattr(first, name)} and {getattr(sample, name)}"
                way = "choose with --part or --seq" if name == "roi" else f"choose one with --{name}"
                raise GoldenError(f"{args.source}: expected masks of one {name}, found {found}; {way}")
        if sample.mask.size != first.mask.size:
            raise GoldenError(f"{args.source}: expected masks of one size, found {first.mask.size}, {sample.mask.size}")
    return first


HOW = "say which with --part or --seq, and --label"


def _samples(args: Namespace) -> Iterator[Sample]:
    frames = [_range(said) for said in args.seq]
    records = _archived(args) if args.source.is_dir() else _recorded(args)
    for record in records:
        if any(getattr(args, name) not in (None, getattr(record, name)) for name in ("camera", "session", "prompt")):
            continue
        if isinstance(record, Part):
            if not frames and not args.view and record.best.label == args.label:
                yield Sample(record.best.mask, record.camera, record.prompt, record.roi)
        elif (not frames or any(low <= record.seq <= high for low, high in frames)) and (mask := _shown(args, record)):
            yield Sample(mask, record.camera, record.prompt, record.roi)


def _recorded(args: Namespace) -> Iterator[Regions]:
    if args.part:
        raise GoldenError(f"--part: expected an archive, which has parts, got the recording {args.source}: use --seq")
    for given in Recording(args.source):
        if isinstance(given.record, Frame) and given.record.epoch != "settling":
            yield measured(given.record, given.record.epoch)


def _archived(args: Namespace) -> Iterator[Part | Regions]:
    """Parts that are asked for, or that were judged PASS; frames, where such are asked for."""
    reader = Reader(args.source, [], cameras=[args.camera] if args.camera else [], apart=True)
    for again in (each for each in reader if not each.views):
        record = again.record
        if isinstance(record, Regions):
            if args.seq or args.view:
                yield record
        elif record.id in args.part or (not args.part and again.was is not None and again.was.outcome == "PASS"):
            yield record
    for damage in reader.damaged:
        print(f"not read: {damage.path}: {damage.reason}")


def _shown(args: Namespace, record: Regions) -> Mask | None:
    """What a frame shows: the largest region that is whole, or everything."""
    regions: Iterable[Region] = [region for region in record.regions if region.label == args.label]
    if args.view:
        return union(*(region.mask for region in regions)) if regions else None
    largest = max((region for region in regions if region.whole), key=lambda region: region.area_px, default=None)
    return largest.mask if largest else None


def _onto(mask: Mask, first: Mask) -> Mask:
    """A mask moved by whole pixels, so that its centroid lies on that of the first."""
    (x, y), (a, b) = middle(mask.dense), middle(first.dense)
    return Mask.from_dense(_shifted(mask.dense, round(a - x), round(b - y)))


def _shifted(pixels: NDArray[np.bool_], x: int, y: int) -> NDArray[np.bool_]:
    import numpy as np

    height, width = pixels.shape
    moved = np.zeros_like(pixels)
    moved[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = pixels[
        max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)
    ]
    return moved


def _range(said: str) -> tuple[int, int]:
    low, _, high = said.partition("-")
    try:
        return int(low), int(high or low)
    except ValueError as error:
        raise KensaError(f"--seq: expected a frame or a range such as 40-60, got '{said}'") from error
