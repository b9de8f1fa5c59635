"""`kensa calibrate`: say how pixels become millimetres, from a scale, from places, or from a checkerboard."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from pipeline.calibrating import of_board, of_points, text, today
from pipeline.calibration import Calibration, CalibrationError, Lens, Pair, open_calibration
from pipeline.records import Roi

STEPS = """
Straight from above:    kensa calibrate rim.yaml --scale 0.05
Four corners of a part: kensa calibrate rim.yaml --point 812,640=0,0 --point 2410,655=80,0 … two more, or many
A checkerboard:         kensa calibrate rim.yaml --board shot.png --corners 9x6 --square 5
                        where the picture shows a crop of the sensor: --roi X,Y,WIDTH,HEIGHT
Pixels are the sensor's, so that one calibration serves every prompt. Name it at the node `measure`.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog, parser.formatter_class = STEPS, argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, metavar="FILE", help="the YAML file to write; one that is there stays there")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--scale", type=float, metavar="MM", help="side of a pixel, where the camera looks straight down")
    way.add_argument("--point", action="append", metavar="PX,PX=MM,MM", help="a place on the sensor and in the plane")
    way.add_argument("--board", type=Path, metavar="IMAGE", help="a picture of a checkerboard that lies in the plane")
    parser.add_argument("--corners", default="9x6", metavar="NxM", help="its inner corners per row, and rows of them")
    parser.add_argument("--square", type=float, metavar="MM", help="side of one of its squares")
    parser.add_argument("--roi", metavar="X,Y,W,H", help="the crop of the sensor that the picture shows")
    parser.add_argument("--lens", type=Path, metavar="FILE", help="another calibration, whose `lens` is taken over")
    parser.add_argument("--id", default="", help="what measurements call it; else the file's name and the day")
    parser.add_argument("--by", default=None, metavar="NAME", help="who makes it")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    if args.file.exists():
        raise CalibrationError(f"{args.file}: expected a new file, found one; a calibration is never overwritten")
    made = _made(args)
    args.file.write_text(text(made), encoding="utf-8")
    try:
        open_calibration(str(args.file))
    except CalibrationError:
        args.file.unlink()  # what is wrong is told, and does not stay
        raise
    off = "" if made.error_mm is None else f"; known places are {made.error_mm:.4f} mm off, root of the mean square"
    print(f"{args.file}: calibration '{made.id}'{off}")
    return 0


def _made(args: argparse.Namespace) -> Calibration:
    name, lens = args.id or f"{args.file.stem}-{today()}", _lens(args.lens)
    if args.scale is not None:
        if not 0 < args.scale < math.inf:
            raise CalibrationError(f"--scale: expected more than 0 mm per pixel, got {args.scale:g}")
        return Calibration(name, today(), scale=args.scale, lens=lens, by=args.by)
    if args.point:
        return of_points(name, [_pair(each) for each in args.point], lens, by=args.by)
    if args.square is None:
        raise CalibrationError("--square: expected the side of a square in mm beside --board, got none")
    if not 0 < args.square < math.inf:
        raise CalibrationError(f"--square: expected more than 0 mm, got {args.square:g}")
    columns, rows = (int(each) for each in _numbers("--corners", args.corners, "x", 2))
    roi = Roi(*map(int, _numbers("--roi", args.roi, ",", 4))) if args.roi else None
    return of_board(name, args.board, (columns, rows), args.square, roi=roi, lens=lens, by=args.by)


def _lens(path: Path | None) -> Lens | None:
    if path is None:
        return None
    lens = open_calibration(str(path)).lens
    if lens is None:
        raise CalibrationError(f"{path}: expected a calibration with `lens`, found one without")
    return lens


def _pair(said: str) -> Pair:
    left, _, right = said.partition("=")
    (x, y), (a, b) = _numbers("--point", left, ",", 2), _numbers("--point", right, ",", 2)
    return Pair((x, y), (a, b))


def _numbers(option: str, said: str, between: str, count: int) -> list[float]:
    try:
        numbers = [float(each) for each in said.split(between)]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise CalibrationError(f"{option}: expected {count} numbers with '{between}' in between, got '{said}'")
    return numbers
