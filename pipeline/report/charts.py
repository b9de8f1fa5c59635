"""Charts of a report: control charts with their phases, reasons by frequency, cameras by rate, days at a glance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, isfinite

from msgspec import Struct

from pipeline.batch.patterns import RULES
from pipeline.batch.splitting import Row
from pipeline.report.drawing import (
    BANDS,
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Point,
    dot,
    figure,
    heat_colour,
    line,
    path,
    rect,
    scale,
    ticks,
    words,
)
from pipeline.report.findings import Camera
from pipeline.report.wording import date_of, moment, percent

WIDE, LEFT, RIGHT = 1024, 68, 14
Say = Callable[[float | None], str]


class Phase(Struct, frozen=True):
    """Points of a control chart that share their limits.

    Attributes:
        name: By which recipe and network.
        points: Rows of `charts`, in order of time.
    """

    name: str
    points: list[Row]


def control(title: str, phases: Sequence[Phase], say: Say, height: float = 232) -> str:
    """A control chart: bands are phases, dashes limits; red points were flagged, and say why."""
    points = [point for phase in phases for point in phase.points]
    known = [v for p in points for v in (p["value"], p["low"], p["high"]) if v is not None and isfinite(v)]
    room = 0.06 * ((max(known) - min(known)) or abs(max(known)) or 1.0)
    y = scale(min(known) - (room if min(known) else 0), max(known) + room, height - 34, 40)
    x = scale(points[0]["begin_ns"], points[-1]["end_ns"], LEFT, WIDE - RIGHT)
    body = [words(0, 14, title, "strong")]
    for number, phase in enumerate(phases):
        body += _band(phase, number, x, height, several=len(phases) > 1)
    body += _sides((min(known), max(known)), y, say)
    body += _days(points, x, height)
    for phase in phases:
        body += _phase(phase, x, y, say)
    return figure(WIDE, height, title, body)


def pareto(title: str, rows: Sequence[Row]) -> str:
    """Reasons, most frequent first, with the share of all up to each."""
    most, row_height = rows[0]["n"], 24
    width = scale(0, most, 0, 560)
    body = [
        words(0, 14, title, "strong"),
        words(WIDE - 190, 14, "share", "dim", "end"),
        words(WIDE - 100, 14, "up to here", "dim", "end"),
    ]
    for number, row in enumerate(rows):
        y = 30 + number * row_height
        body.append(words(150, y + 14, row["name"], "", "end"))
        body.append(rect((160, y + 2), (max(1.0, width(row["n"])), 16), BLUE, f"{row['name']}: {row['n']:,}"))
        body.append(words(168 + width(row["n"]), y + 14, f"{row['n']:,}", "dim"))
        body.append(words(WIDE - 190, y + 14, percent(row["share"]), "", "end"))
        body.append(words(WIDE - 100, y + 14, percent(row["cumulative"]), "dim", "end"))
    return figure(WIDE, 36 + row_height * len(rows), title, body)


def ranking(title: str, rows: Sequence[Row], say: Say) -> str:
    """Cameras by a rate, with its interval, beside that of their peers (a grey tick); red where they differ surely."""
    most = max(max(row["high"], row["peers"]) for row in rows)
    x, height = scale(0, most or 1, 190, WIDE - 90), 24
    body = [words(0, 14, title, "strong")]
    for tick in ticks(0, most):
        body += [line((x(tick), 24), (x(tick), 34 + height * len(rows)), "grid")]
        body += [words(x(tick), 50 + height * len(rows), say(tick).replace(".0 %", " %"), "dim", "middle")]
    for number, row in enumerate(rows):
        y, colour = 44 + number * height, RED if row["sure"] else BLUE
        told = f"{row['camera']}: {say(row['rate'])}, its peers {say(row['peers'])}"
        body.append(words(180, y + 4, row["camera"], "strong" if row["sure"] else "", "end"))
        body.append(rect((x(row["low"]), y - 2), (x(row["high"]) - x(row["low"]), 4), f"{colour}55"))
        body.append(rect((x(row["peers"]) - 1, y - 8), (2, 16), "#8c99a8", told))
        body.append(dot(x(row["rate"]), y, 4.5, "flag" if row["sure"] else "dot", told))
        body.append(words(WIDE - 4, y + 4, say(row["rate"]), "strong" if row["sure"] else "", "end"))
    return figure(WIDE, 58 + height * len(rows), title, body)


def trend(values: Sequence[float | None], say: Say, *, zero: bool = True) -> str:
    """A line of days without axes, from the first to the last; the last is a dot.

    Args:
        values: Day by day; None where there is none.
        say: Says a value.
        zero: Whether the line stands on 0, as shares do; else on the least value.
    """
    width, height = 132.0, 30.0
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low = min([0.0, *known] if zero else known)
    x, y = scale(0, max(1, len(values) - 1), 3, width - 5), scale(low, max(known), height - 4, 4)
    points = [(x(n), float("nan") if v is None else y(v)) for n, v in enumerate(values)]
    last = max(n for n, value in enumerate(values) if value is not None)
    told = f"{say(known[0])} on the first day, {say(known[-1])} on the last"
    return figure(width, height, told, [path(points, "line"), dot(*points[last], 2.6, "dot")])


def coverage(
    title: str, cameras: Sequence[Camera], dates: Sequence[str], cells: Mapping[tuple[Camera, str], tuple[float, str]]
) -> str:
    """Cameras by days: a square for how much of what there was to see was seen.

    Args:
        title: Of the chart.
        cameras: Top to bottom.
        dates: Left to right.
        cells: By camera and date, a share 0…1 and what is said of it; red where there is none.
    """
    side, left = 13.0, 150.0
    step = max(3.0, min(2 * side, (WIDE - left - RIGHT) / max(1, len(dates))))
    body = [words(0, 14, title, "strong")]
    every = max(7, ceil(60 / step))
    for number, date in enumerate(dates[::every]):
        body.append(words(left + number * every * step, 32, date_of(date), "dim"))
    for row, camera in enumerate(cameras):
        y = 40 + row * side
        body.append(words(left - 8, y + 10, camera[2], "dim", "end"))
        for number, date in enumerate(dates):
            share, said = cells.get((camera, date), (None, f"{camera[2]}, {date}: nothing was seen"))
            body.append(rect((left + number * step, y), (step - 1.5, side - 1.5), _covered(share), said))
    return figure(max(WIDE, left + step * len(dates)), 48 + side * len(cameras), title, body)


def _covered(share: float | None) -> str:
    if share is None:
        return "#f6d5d2"
    return GREEN if share > 0.999 else "#7fb796" if share > 0.99 else ORANGE


class Square(Struct, frozen=True):
    """A camera of a fleet.

    Attributes:
        name: What it is called.
        share: Of what is shown; None where nothing is known.
        out: Whether it stands out.
    """

    name: str
    share: float | None
    out: bool


def squares(title: str, lines: Sequence[tuple[str, Sequence[Square]]], say: Say) -> str:
    """Every camera of a fleet as a square, line by line: darker, a larger share; framed, it stands out."""
    shares = [each.share for _, cameras in lines for each in cameras if each.share is not None] or [0.0]
    part = scale(min(shares), max(shares), 0.0, 0.999)
    across, left, side = 16, 150, 54
    body, y = [words(0, 14, title, "strong")], 30.0
    for name, cameras in lines:
        body.append(words(left - 12, y + 23, name, "", "end"))
        for number, camera in enumerate(cameras):
            row, column = divmod(number, across)
            body += _square((left + column * side, y + row * 44), camera, part(camera.share or min(shares)), say)
        y += 44 * ceil(len(cameras) / across) + 8
    return figure(WIDE, y, title, body)


def _square(corner: Point, camera: Square, part: float, say: Say) -> Iterator[str]:
    (x, y), share = corner, camera.share
    yield rect(
        corner, (50, 38), "#f1f3f6" if share is None else heat_colour(part * 0.999), f"{camera.name}: {say(share)}"
    )
    if camera.out:
        box = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="48" height="36"'
        yield f'<rect {box} fill="none" stroke="{RED}" stroke-width="2.5"/>'
    kind = "pale" if part > 0.6 else "small"
    yield words(
        x + 25, y + 16, camera.name if len(camera.name) < 10 else f"…{camera.name[-8:]}", f"{kind} tiny", "middle"
    )
    yield words(x + 25, y + 31, say(share), kind, "middle")


def _band(phase: Phase, number: int, x: Callable[[float], float], height: float, *, several: bool) -> Iterator[str]:
    begin, end = x(phase.points[0]["begin_ns"]), x(phase.points[-1]["end_ns"])
    yield rect((begin, 24), (end - begin, height - 58), BANDS[number % 2])
    if several:
        yield words(begin + 6, 36, phase.name, "dim")


def _sides(limits: tuple[float, float], y: Callable[[float], float], say: Say) -> Iterator[str]:
    for tick in ticks(*limits):
        yield line((LEFT, y(tick)), (WIDE - RIGHT, y(tick)), "grid")
        yield words(LEFT - 8, y(tick) + 4, say(tick).replace(".0 %", " %"), "dim", "end")


def _days(points: Sequence[Row], x: Callable[[float], float], height: float) -> Iterator[str]:
    """Marks of time: about seven, at the first window of a day where windows are of time."""
    first = {date_of(point["window"]): point for point in reversed(points)}
    days = sorted(first.items(), key=lambda each: each[1]["begin_ns"])
    for name, point in days[:: max(1, round(len(days) / 7))]:
        at = x(point["begin_ns"])
        yield line((at, height - 34), (at, height - 29), "axis")
        yield words(at, height - 15, name, "dim", "middle" if at > LEFT + 20 else "start")
    yield line((LEFT, height - 34), (WIDE - RIGHT, height - 34), "axis")


def _phase(phase: Phase, x: Callable[[float], float], y: Callable[[float], float], say: Say) -> Iterator[str]:
    """Limits as steps, then the points, those that were flagged on top."""
    steps = [(x(p["begin_ns"]), x(p["end_ns"]), p) for p in phase.points]
    for name, kind in (("low", "limit"), ("high", "limit"), ("center", "centre")):
        yield path([(at, y(p[name])) for begin, end, p in steps for at in (begin, end)], kind)
    points = [((begin + end) / 2, _y(p["value"], y), p) for begin, end, p in steps]
    yield path([(at, up) for at, up, _ in points], "line")
    for at, up, p in sorted(points, key=lambda each: bool(each[2]["rules"])):
        if isfinite(up):
            said = f"{moment(p['window'])}: {say(p['value'])}" + "".join(
                f", {RULES[r].words}" for r in p["rules"].split()
            )
            yield dot(at, up, 4 if p["rules"] else 1.9, "flag" if p["rules"] else "dot", said)


def _y(value: float | None, y: Callable[[float], float]) -> float:
    return float("nan") if value is None or not isfinite(value) else y(value)


def legend() -> str:
    """What lines and points of a control chart mean."""
    parts: list[tuple[str, str, Point]] = [
        ("line", "what was seen", (0, 0)),
        ("centre", "centre", (150, 0)),
        ("limit", "limits: three sigmas, as wide as the process wanders", (236, 0)),
    ]
    body = [line((x, 9), (x + 26, 9), kind) + words(x + 32, 13, said, "dim") for kind, said, (x, _) in parts]
    body.append(dot(578, 9, 4, "flag") + words(588, 13, "flagged by a rule", "dim"))
    body.append(
        rect((706, 3), (22, 12), BANDS[0]) + rect((728, 3), (22, 12), BANDS[1]) + words(756, 13, "phases", "dim")
    )
    return figure(WIDE, 20, "How to read the charts", body)
