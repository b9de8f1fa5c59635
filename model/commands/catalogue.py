"""`kensa-model catalogue`: draw a sheet of the samples that are made."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from model.commands.asked import count


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--seed", type=int, default=0, help="another seed, other samples; default 0")
    parser.add_argument("--columns", type=count, default=8, metavar="N", help="samples of each kind; default 8")
    parser.add_argument("--kind", action="append", default=[], metavar="NAME", help="only this kind; may be repeated")
    parser.add_argument("--jitter", type=float, default=0.1, help="how carelessly boxes are drawn, 0…1; default 0.1")
    parser.add_argument(
        "--hand", type=float, default=0.0, metavar="SHARE", help="of the masks that are drawn by hand, 0…1; default 0"
    )
    parser.add_argument("--plain", action="store_true", help="without a copy that shows the outline of what is meant")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER",
        help="each sample as a picture for a virtual camera as well, its mask in the folder truth",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, default=Path("out/catalogue.png"), metavar="FILE")


def run(args: Namespace) -> int:
    """Draw it, and say where and how fast."""
    import time

    import cv2
    import numpy as np

    from model.data.sample import Look
    from model.procedural.kinds import KINDS
    from model.procedural.sheet import sheet
    from model.procedural.source import Procedural

    begun = time.process_time()
    kinds = tuple(args.kind) or tuple(KINDS)
    source = Procedural(args.seed, kinds=kinds, look=Look(jitter=args.jitter), hand=args.hand)
    rows = [
        [source.sample(len(kinds) * column + row, np.random.default_rng([args.seed, row, column]))
         for column in range(args.columns)]
        for row in range(len(kinds))
    ]  # fmt: skip
    spent = time.process_time() - begun
    args.output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.output), sheet(rows, outlined=not args.plain)[..., ::-1])
    if args.pictures:
        _apart(rows, args.pictures)
    print(f"drawn: {args.output}: {len(kinds) * args.columns} samples in {spent:.2f} s of one core")
    return 0


def _apart(rows: list[list[Any]], folder: Path) -> None:
    """A file per sample, as wide as a sensor sees: the crop of its middle is the sample."""
    import cv2
    import numpy as np

    from nodes.sensors.roi import ARRAY

    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for sample, place in ((sample, place) for row in rows for place, sample in enumerate(row)):
        side = sample.mask.shape[0]
        wide = round((side * ARRAY[0] / ARRAY[1] - side) / 2)
        picture = np.pad(sample.picture, ((0, 0), (wide, wide), (0, 0)), "edge")
        truth = np.pad(sample.mask.view(np.uint8) * np.uint8(255), ((0, 0), (wide, wide)))
        for path, image in ((folder, picture[..., ::-1]), (folder / "truth", truth)):
            cv2.imwrite(str(path / f"{sample.kind}-{place + 1}.png"), image)
