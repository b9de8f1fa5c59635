"""SVG by hand: shapes, axes and colours that every chart of a report shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor, isfinite, log10

from pipeline.report.wording import text

Point = tuple[float, float]

INK, DIM, GRID, PAPER = "#1c2733", "#5a6878", "#e3e8ee", "#ffffff"
BLUE, RED, ORANGE, GREEN = "#1d5fa8", "#b3261e", "#b4540a", "#1f7a45"
BANDS = ("#f3f6fa", "#fbf5ec")
HEAT = ("#fdeede", "#fbd3a8", "#f6ab68", "#e57b35", "#c24f12", "#7f2704")
FAMILY = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
STYLE = f"""
svg text {{ font: 12px {FAMILY}; fill: {INK} }}
svg .dim {{ fill: {DIM}; font-size: 11px }}
svg .small {{ font-size: 11px }}
svg .pale {{ fill: #fff; font-size: 11px }}
svg .tiny {{ font-size: 9px }}
svg .strong {{ font-weight: 600 }}
svg .grid {{ stroke: {GRID}; stroke-width: 1 }}
svg .axis {{ stroke: #b9c3ce; stroke-width: 1 }}
svg .line {{ stroke: {BLUE}; stroke-width: 1.4; fill: none; stroke-linejoin: round }}
svg .limit {{ stroke: {RED}; stroke-width: 1; stroke-dasharray: 4 3; fill: none }}
svg .centre {{ stroke: {GREEN}; stroke-width: 1.2; fill: none }}
svg .dot {{ fill: {BLUE} }}
svg .flag {{ fill: {RED}; stroke: {PAPER}; stroke-width: 1 }}
svg .bar {{ fill: {BLUE} }}
svg .outline {{ fill: none; stroke: {INK}; stroke-width: 1.4 }}
"""


def figure(width: float, height: float, title: str, body: Iterable[str]) -> str:
    """A chart that is as wide as its place allows, and says what it shows to whoever cannot see it."""
    inside = "".join(body)
    box = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} width="{width:.0f}" height="{height:.0f}" role="img">'
    return f"{head}<title>{text(title)}</title>{inside}</svg>"


def alone(svg: str) -> str:
    """A chart as a file of its own: on paper, with its style."""
    head, _, body = svg.partition("</title>")
    return f'{head}</title><style>{STYLE}</style><rect width="100%" height="100%" fill="{PAPER}"/>{body}'


def words(x: float, y: float, said: object, kind: str = "", anchor: str = "start") -> str:
    """Text whose baseline begins, ends or has its middle at a place."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{text(said)}</text>'


def line(one: Point, two: Point, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{one[0]:.1f}" y1="{one[1]:.1f}" x2="{two[0]:.1f}" y2="{two[1]:.1f}" class="{kind}"/>'


def path(points: Sequence[Point], kind: str) -> str:
    """Straight lines from point to point; where one is not finite, they begin anew."""
    steps, pen = [], "M"
    for x, y in points:
        if isfinite(y):
            steps.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L" if isfinite(y) else "M"
    return f'<path d="{"".join(steps)}" class="{kind}"/>' if steps else ""


def rect(corner: Point, size: Point, fill: str, said: str = "") -> str:
    """A rectangle; what it says is shown where a mouse rests on it."""
    told = f"<title>{text(said)}</title>" if said else ""
    (x, y), (width, height) = corner, size
    wide = f'width="{max(0, width):.1f}" height="{max(0, height):.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {wide} fill="{fill}">{told}</rect>'


def dot(x: float, y: float, radius: float, kind: str, said: str = "") -> str:
    """A point; what it says is shown where a mouse rests on it."""
    told = f"<title>{text(said)}</title>" if said else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{kind}">{told}</circle>'


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers between two others.

    >>> ticks(0, 0.17), ticks(2950, 3180)
    ([0.0, 0.05, 0.1, 0.15], [2950.0, 3000.0, 3050.0, 3100.0, 3150.0])
    """
    if not high > low:
        return [low]
    raw = (high - low) / about
    size = 10.0 ** floor(log10(raw))
    step = min((size * each for each in (1, 2, 5, 10)), key=lambda each: abs(each - raw))
    return [round(step * n, 12) for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """Where a value lies on an axis."""
    wide = (high - low) or 1.0
    return lambda value: begin + (value - low) / wide * (end - begin)


def heat_colour(share: float) -> str:
    """A colour for a share of the most there is, 0…1; more is darker."""
    return HEAT[min(len(HEAT) - 1, int(share * len(HEAT)))]
