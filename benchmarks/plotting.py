"""A plot of cost over size, as SVG: both axes by powers of ten, so that what grows linearly rises by 45 degrees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, TOP = 560, 380, 64, 28
INKS = ("#1b6ca8", "#2a9d5c", "#c77d0a", "#b3365e")

Line = Sequence[tuple[float, float]]


def plot(title: str, axes: tuple[str, str], lines: Mapping[str, Line], others: Mapping[str, Line]) -> str:
    """An SVG.

    Args:
        title: What it shows.
        axes: What the axes are.
        lines: (x, y) by name, drawn solid.
        others: The same, dashed, in the same inks: what the lines are compared with.
    """
    places = [place for line in (*lines.values(), *others.values()) for place in line]
    ranges = [(math.log10(min(axis)), math.log10(max(axis))) for axis in zip(*places, strict=True)]
    (low_x, high_x), (low_y, high_y) = ((low - 0.08, high + 0.08) for low, high in ranges)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / (high_x - low_x) * (WIDTH - LEFT - 150)
        down = (high_y - math.log10(y)) / (high_y - low_y) * (HEIGHT - TOP - 60)
        return LEFT + across, TOP + down

    marks = [_mark(name, [at(*place) for place in line], INKS[i], "") for i, (name, line) in enumerate(lines.items())]
    marks += [_mark("", [at(*place) for place in line], INKS[i], "5 4") for i, line in enumerate(others.values())]
    ticks = [_tick_x(at(x, 10**low_y), x) for x in sorted({x for x, _ in places})]
    ticks += [_tick_y(at(10**low_x, y), y) for y in _decades(low_y, high_y)]
    said = f'<text x="{LEFT}" y="16" font-weight="600">{title}</text>'
    said += f'<text x="{LEFT}" y="{HEIGHT - 8}">{axes[0]}</text><text x="8" y="{TOP - 2}">{axes[1]}</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
    back = f'font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return head + back + "\n" + "\n".join([said, *ticks, *marks]) + "\n</svg>\n"


def _mark(name: str, line: Line, ink: str, dashes: str) -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
    end_x, end_y = line[-1]
    label = f'<text x="{end_x + 8:.1f}" y="{end_y + 4:.1f}" fill="{ink}">{name}</text>' if name else ""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{way}" fill="none" stroke="{ink}" stroke-width="2"{dashed}/>{label}'


def _tick_x(place: tuple[float, float], x: float) -> str:
    return f'<text x="{place[0]:.1f}" y="{place[1] + 16:.1f}" text-anchor="middle" fill="#555555">{x:,.0f}</text>'


def _tick_y(place: tuple[float, float], y: float) -> str:
    line = f'<line x1="{place[0]:.1f}" x2="{WIDTH - 150}" y1="{place[1]:.1f}" y2="{place[1]:.1f}" stroke="#dddddd"/>'
    return line + f'<text x="{place[0] - 6:.1f}" y="{place[1] + 4:.1f}" text-anchor="end" fill="#555555">{y:g}</text>'


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times each power of ten in a range."""
    steps = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in (1, 2, 5)]
    return [step for step in steps if low <= math.log10(step) <= high]
