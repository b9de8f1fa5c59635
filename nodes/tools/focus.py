"""`kensa camera focus`: how sharp the picture is, while somebody turns the lens."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from nodes.sensors.sensor import Sensed
from nodes.tools.which import declare, declare_aim, meant_by, streaming
from pipeline.durations import seconds
from pipeline.errors import KensaError

MERIT = "FocusFoM"
WIDTH = 40  # of the bar, characters
LIVE, PLAIN = 0.1, 1.0  # seconds between two looks: on a terminal, and in lines
BLIND = 60  # frames without a figure after which none will come
NONE = (
    f"this camera tells no figure of merit (`{MERIT}`): its tuning file lacks `rpi.focus`; update libcamera (`sudo apt "
    "full-upgrade`), or judge by `kensa camera snapshot --image`"
)


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    declare(parser)
    declare_aim(parser)
    parser.add_argument("--for", dest="seconds", type=seconds, metavar="TIME", help="end after so long; else by Ctrl-C")
    parser.epilog = (
        "Turn the lens until the bar is longest, a little beyond, and back. The figure is libcamera's: it compares "
        "pictures of one scene, and says nothing across scenes."
    )


def run(args: Namespace) -> int:
    """Show it until the time is over or somebody presses Ctrl-C."""
    camera, live = meant_by(args), sys.stdout.isatty()
    best = last = 0
    with streaming(camera, lock=False) as sensor:
        try:
            for last in _merits(sensor.frames(), LIVE if live else PLAIN, args.seconds):
                best = max(best, last)
                print(line(last, best), end="\r" if live else "\n", flush=True)
        except KeyboardInterrupt:
            pass
    print("\n" * live + f"best {best}, last {last}: {100 * last / max(best, 1):.0f} % of the best")
    return 0


def _merits(frames: Iterator[Sensed], every: float, until: float | None) -> Iterator[int]:
    """The best figure of each stretch of time, so that a peak is not missed between two looks."""
    begun, due, peak, without = None, 0.0, 0, 0
    for sensed in frames:
        merit = sensed.metadata.get(MERIT)
        without = without + 1 if merit is None else 0
        if without > BLIND:
            raise KensaError(NONE)
        begun = sensed.t_ns if begun is None else begun
        since, peak = (sensed.t_ns - begun) / 1e9, max(peak, merit or 0)
        if since >= due:
            yield peak
            peak, due = 0, since + every
        if until is not None and since >= until:
            return


def line(merit: int, best: int) -> str:
    """A figure with its bar; the mark is the best so far."""
    filled = round(WIDTH * merit / best) if best else 0
    bar = "█" * filled + "·" * (WIDTH - filled)
    return f"focus {merit:>6}  {bar}|  best {best:>6}  {100 * merit / max(best, 1):>3.0f} %"
