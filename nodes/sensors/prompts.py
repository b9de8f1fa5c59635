"""Prompts: where a camera is asked to look. A network of this kind segments what is at the centre of its crop.

So a prompt *is* a crop: a square of even sides inside the array, at least 192 px wide, with the point at its centre.
What cannot be such a square is refused, with the reason and the nearest prompt that can; nothing is clipped, because
a clipped crop segments something else. Pure; the rules of a crop are those of `nodes.sensors.roi`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from nodes.sensors.roi import ARRAY, EVEN, LEAST, around, reach, whole
from pipeline.node import Flaw
from pipeline.records import Roi

At = Annotated[int, Meta(ge=0, le=max(ARRAY), description="sensor px")]
Side = Annotated[int, Meta(ge=1, le=max(ARRAY), description="sensor px")]
Cells = Annotated[int, Meta(ge=1, le=16, description="count")]
Margin = Annotated[float, Meta(ge=1, le=20, description="times")]
Dwell = Annotated[int, Meta(ge=1, le=10_000, description="frames")]
Deadline = Annotated[float, Meta(gt=0, le=3600, description="s")]
WORD = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
Named = Annotated[str, Meta(pattern=WORD, description="a name of letters, digits, '-' and '_'")]
Place = Annotated[tuple[At, At], Meta(description="[x, y], whole sensor px from 0")]
Box = Annotated[tuple[At, At, Side, Side], Meta(description="[x, y, width, height], whole sensor px from 0")]
Grid = Annotated[tuple[Cells, Cells], Meta(description="[columns, rows], 1 to 16 each")]

MARGIN = 1.5  # of a box: a network of this kind was trained with the whole object in its view
FORMS = ("point", "box", "grid")


class Prompt(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to look at: a `point` with its `size`, a `box`, or a `grid` over an area.

    Attributes:
        point: (x, y) of what is to be segmented, sensor pixels.
        size: Side of the crop around it; of a grid, of each crop.
        box: (x, y, width, height) of what is to be segmented, sensor pixels.
        margin: How many times the longer side of the box the crop is wide; 1.5 where it is left out.
        grid: (columns, rows): as many prompts, called `NAME-COLUMN-ROW`.
        over: (x, y, width, height) of the area that a grid divides.
        dwell: Masks that are taken before the next prompt has its turn.
        deadline: Longest time from one mask of this prompt to the next.
    """

    point: Place | None = None
    size: Side | None = None
    box: Box | None = None
    margin: Margin | None = None
    grid: Grid | None = None
    over: Box | None = None
    dwell: Dwell | None = None
    deadline: Deadline | None = None


Prompts = Annotated[dict[Named, Prompt], Meta(max_length=64, description="prompts by name")]


class Aim(Struct, frozen=True):
    """A prompt as the sensor is told it.

    Attributes:
        name: Of the prompt, as records carry it; empty for the whole view.
        roi: The crop.
        dwell: Masks in a turn.
        deadline: Longest time between two masks, s; 0 where nobody asks for one.
    """

    name: str
    roi: Roi
    dwell: int = 1
    deadline: float = 0.0


class Spot(NamedTuple):
    """Where a crop should be: its centre, pixel centres being whole numbers, and its side."""

    x: float
    y: float
    side: int


def aims(prompts: Mapping[str, Prompt] | None, dwell: int = 1) -> tuple[Aim, ...]:
    """What the sensor is told, in the order of the prompts; the largest square where there are none.

    Args:
        prompts: Prompts without `flaws`.
        dwell: Masks in a turn, where a prompt does not say.

    Raises:
        ValueError: With the first flaw, where they have one.
    """
    for flaw in flaws(prompts):
        raise ValueError(f"{'.'.join(map(str, flaw.path))}: {flaw.text}")
    return tuple(_aims(prompts, dwell)) or (Aim("", whole(), dwell),)


def flaws(prompts: Mapping[str, Prompt] | None) -> Iterator[Flaw]:
    """Everything that keeps prompts from being crops, with where in them it stands."""
    taken = dict.fromkeys(prompts or {}, "")
    for name, prompt in (prompts or {}).items():
        form = _form(prompt)
        found = form or _illegal(prompt)
        yield from (Flaw((name, *flaw.path), flaw.text) for flaw in found)
        for cell in _cells(name, prompt) if prompt.grid and not found else ():
            if cell in taken:
                yield Flaw((name,), f"expected names of its own for its prompts, got '{cell}', which is there already")
            taken[cell] = name


def _aims(prompts: Mapping[str, Prompt] | None, dwell: int) -> Iterator[Aim]:
    for name, prompt in (prompts or {}).items():
        for each, spot in zip(_cells(name, prompt), spots(prompt), strict=True):
            roi = around(*spot)
            assert roi is not None, "flaws() lets no such prompt through"
            yield Aim(each, roi, prompt.dwell or dwell, prompt.deadline or 0.0)


def _cells(name: str, prompt: Prompt) -> list[str]:
    """The names of its crops: row by row where it is a grid."""
    if prompt.grid is None:
        return [name]
    columns, rows = prompt.grid
    return [f"{name}-{column}-{row}" for row in range(1, rows + 1) for column in range(1, columns + 1)]


def _form(prompt: Prompt) -> list[Flaw]:
    """What is missing, or too much, for it to be one of the three forms."""
    forms = [form for form in FORMS if getattr(prompt, form) is not None]
    if len(forms) != 1:
        got = " and ".join(f"`{form}`" for form in forms) or "none of them"
        return [Flaw((), f"expected one of `point`, `box` and `grid`, got {got}")]
    (form,) = forms
    needs, takes = {"point": ("size",), "box": (), "grid": ("over",)}[form], {"box": ("margin",), "grid": ("size",)}
    missing = [Flaw((), f"`{form}` needs `{word}`: {WANTED[word]}") for word in needs if getattr(prompt, word) is None]
    known = (*needs, *takes.get(form, ()))
    return missing + [
        Flaw((word,), f"`{form}` takes no `{word}`")
        for word in ("size", "margin", "over")
        if word not in known and getattr(prompt, word) is not None
    ]


WANTED = {"size": "the side of its crop, sensor px", "over": "the area it divides, [x, y, width, height]"}


def spots(prompt: Prompt) -> list[Spot]:
    """Where the crops of a prompt without flaws should be; networks are trained on the same ones."""
    if prompt.point is not None and prompt.size is not None:
        return [Spot(*prompt.point, prompt.size)]
    if prompt.box is not None:
        return [Spot(*_middle(prompt.box), _even(_margin(prompt) * max(prompt.box[2:])))]
    assert prompt.grid is not None, "checked by _form"
    assert prompt.over is not None, "checked by _form"
    (columns, rows), (x, y, width, height) = prompt.grid, prompt.over
    side = prompt.size or _even(max(width / columns, height / rows))
    return [
        Spot(x + (column + 0.5) * width / columns - 0.5, y + (row + 0.5) * height / rows - 0.5, side)
        for row in range(rows)
        for column in range(columns)
    ]


def _illegal(prompt: Prompt) -> list[Flaw]:
    """Why the sensor cannot take the first of its crops that it cannot take."""
    form = next(form for form in FORMS if getattr(prompt, form) is not None)
    place = "over" if form == "grid" else form
    sized = "size" if prompt.size is not None else "margin" if prompt.margin is not None else place
    x, y, width, height = (*prompt.point, 1, 1) if prompt.point else prompt.box or prompt.over or (0, 0, 1, 1)
    if x + width > ARRAY[0] or y + height > ARRAY[1]:
        return [Flaw((place,), f"expected it inside the sensor's {ARRAY[0]} × {ARRAY[1]} px{_instead(prompt)}")]
    for spot in spots(prompt):
        if said := _wrong_size(spot.side):
            return [Flaw((sized,), said + _instead(prompt))]
        if around(*spot) is None:
            return [Flaw((place,), _beyond(spot) + _instead(prompt))]
    return []


def _wrong_size(side: int) -> str:
    if side < LEAST:
        return f"expected a crop of at least {LEAST} px, got {side}"
    return f"expected a crop of an even size, got {side}" if side % EVEN else ""


def _beyond(spot: Spot) -> str:
    """On which side a crop would leave the array."""
    half = spot.side / 2
    begins = {"x": math.floor(spot.x + 0.5 - half), "y": math.floor(spot.y + 0.5 - half)}
    out = [f"begin at {axis} = {at}" for axis, at in begins.items() if at < 0]
    ends = [(axis, at + spot.side, room) for (axis, at), room in zip(begins.items(), ARRAY, strict=True)]
    out += [f"end at {axis} = {end} of {room}" for axis, end, room in ends if end > room]
    crop = f"{spot.side} px around [{spot.x:g}, {spot.y:g}]"
    return f"expected it at the centre of its crop, but a crop of {crop} would {' and '.join(out) or 'leave the array'}"


def _instead(prompt: Prompt) -> str:
    said = ", ".join(f"{name}: {_plain(value)}" for name, value in nearest(prompt).items())
    return f"; nearest legal prompt: {{{said}}}"


def nearest(prompt: Prompt) -> dict[str, float | list[int]]:
    """The words of the legal prompt that differs least: another size before another place."""
    if prompt.box is not None:
        return _nearest_box(prompt, prompt.box)
    if prompt.grid is not None and prompt.over is not None:
        return _nearest_grid(prompt.grid, prompt.over, prompt.size)
    assert prompt.point is not None, "checked by _form"
    return _nearest_point(*prompt.point, prompt.size or LEAST)


def _nearest_point(x: float, y: float, side: float) -> dict[str, float | list[int]]:
    """The same point where any crop is legal around it, else the nearest place that has one."""
    half = LEAST // 2
    place = [min(max(round(at), 0), room - 1) for at, room in zip((x, y), ARRAY, strict=True)]
    fit = max(_even(side, up=False), LEAST)
    if around(place[0], place[1], fit):
        return {"point": place, "size": fit}
    if reach(*place) < LEAST:
        place = [min(max(at, half), room - half - 1) for at, room in zip(place, ARRAY, strict=True)]
    return {"point": place, "size": min(fit, reach(*place))}


def _nearest_box(prompt: Prompt, box: Box) -> dict[str, float | list[int]]:
    """The same box with another margin where that helps, else the nearest point with room around it."""
    x, y = _middle(box)
    longest, wanted = max(box[2:]), _even(_margin(prompt) * max(box[2:]))
    inside = box[0] + box[2] <= ARRAY[0] and box[1] + box[3] <= ARRAY[1]
    side = min(max(wanted, LEAST), reach(x, y)) if inside else 0
    margin = math.floor(100 * side / longest) / 100 if side < wanted else math.ceil(100 * side / longest) / 100
    if side >= LEAST and 1 <= margin <= 20 and _legal(x, y, _even(margin * longest)):
        return {"box": [*box], "margin": margin}
    return _nearest_point(x, y, max(longest, LEAST))


def _nearest_grid(grid: tuple[int, int], over: Box, size: int | None) -> dict[str, float | list[int]]:
    """The same area with larger crops, moved and made smaller where it must be."""
    side = min(max(_even(size or max(over[2] / grid[0], over[3] / grid[1])), LEAST), *ARRAY)
    (x, width), (y, height) = (_fit(over[axis], over[axis + 2], grid[axis], side, ARRAY[axis]) for axis in (0, 1))
    return {"grid": [*grid], "over": [x, y, width, height], "size": side}


def _fit(at: int, span: int, count: int, side: int, room: int) -> tuple[int, int]:
    """Where a stretch begins and how long it is, so that the crops at the middle of its parts stay in the room."""
    longest = room if count == 1 else (room - side) * count // (count - 1)
    span = max(min(span, longest, room), 1)
    first, last = (side - span / count) / 2, room - (side + span * (2 - 1 / count)) / 2
    return max(0, math.ceil(first), min(at, math.floor(last), room - span)), span


def _legal(x: float, y: float, side: int) -> bool:
    return side >= LEAST and around(x, y, side) is not None


def _middle(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2 - 0.5, box[1] + box[3] / 2 - 0.5


def _margin(prompt: Prompt) -> float:
    return MARGIN if prompt.margin is None else prompt.margin


def _even(side: float, *, up: bool = True) -> int:
    return EVEN * (math.ceil(side / EVEN) if up else int(side // EVEN))


def _plain(value: float | list[int]) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else f"{value:g}"
