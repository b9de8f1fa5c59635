"""Prompts: which crops they are, which are refused, and what is offered instead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sensors.prompts import Aim, Prompt, Prompts, aims, flaws, nearest
from nodes.sensors.roi import ARRAY, LEAST, faults
from pipeline.records import Roi

coordinate = st.integers(0, 4056)
side = st.integers(1, 4056)
box = st.tuples(coordinate, coordinate, side, side)
points = st.builds(Prompt, point=st.tuples(coordinate, coordinate), size=side)
boxes = st.builds(Prompt, box=box, margin=st.none() | st.floats(1, 20))
cell = st.integers(1, 16)
grids = st.builds(Prompt, grid=st.tuples(cell, cell), over=box, size=st.none() | side)
anything = points | boxes | grids

CENTRE = "expected it at the centre of its crop, but a crop of"


def told(**words: Any) -> list[tuple[tuple[str | int, ...], str]]:
    """The flaws of one prompt called `rim`."""
    return [(flaw.path, flaw.text) for flaw in flaws({"rim": Prompt(**words)})]


def test_a_point_is_the_centre_of_its_crop() -> None:
    """A point with a size, a box with a margin, and the whole view where nothing is asked for."""
    found = aims({"rim": Prompt(point=(2028, 1520), size=640), "label": Prompt(box=(1000, 800, 300, 200))}, dwell=2)
    assert found == (Aim("rim", Roi(1708, 1200, 640, 640), 2), Aim("label", Roi(924, 676, 450, 450), 2))
    assert aims({}) == aims(None) == (Aim("", Roi(508, 0, 3040, 3040)),)


def test_a_grid_is_a_prompt_per_cell() -> None:
    """Row by row, each called by its column and row, each as wide as the longer side of a cell."""
    found = aims({"pins": Prompt(grid=(2, 2), over=(1000, 800, 800, 400), dwell=3, deadline=1.5)})
    assert [aim.name for aim in found] == ["pins-1-1", "pins-2-1", "pins-1-2", "pins-2-2"]
    assert [aim.roi for aim in found] == [Roi(x, y, 400, 400) for y in (700, 900) for x in (1000, 1400)]
    assert {(aim.dwell, aim.deadline) for aim in found} == {(3, 1.5)}


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), anything, max_size=3))
def test_what_has_no_flaw_is_legal_and_centred(prompts: dict[str, Prompt]) -> None:
    """Every crop is one that the sensor takes as it is, with its prompt within 1 % of its centre."""
    if any(flaws(prompts)):
        with pytest.raises(ValueError, match="expected"):
            aims(prompts)
        return
    for aim in aims(prompts):
        assert faults(aim.roi) == ()
        prompt = prompts.get(aim.name)
        if prompt and prompt.point:
            for at, begin in zip(prompt.point, (aim.roi.x, aim.roi.y), strict=True):
                assert abs(begin + aim.roi.width / 2 - 0.5 - at) <= 0.01 * aim.roi.width


@given(anything)
def test_what_is_offered_instead_is_legal(prompt: Prompt) -> None:
    """Whoever copies the nearest legal prompt out of the error has no error any more."""
    other = msgspec.convert(nearest(prompt), Prompt)
    assert [*flaws({"a": other})] == []


@given(points)
def test_a_legal_point_is_its_own_nearest(prompt: Prompt) -> None:
    """What is offered differs only where it must: a legal prompt not at all, another not more than is needed."""
    if not any(flaws({"a": prompt})):
        assert msgspec.convert(nearest(prompt), Prompt) == prompt


@pytest.mark.parametrize(
    ("words", "path", "text"),
    [
        (
            {"point": (100, 1520), "size": 640},
            "point",
            (
                CENTRE + " 640 px around [100, 1520] would begin at x = -220; "
                "nearest legal prompt: {point: [100, 1520], size: 200}"
            ),
        ),
        (
            {"point": (4050, 20), "size": 384},
            "point",
            (
                CENTRE + " 384 px around [4050, 20] would begin at y = -172 and "
                "end at x = 4242 of 4056; nearest legal prompt: {point: [3959, 96], size: 192}"
            ),
        ),
        (
            {"point": (2028, 1520), "size": 96},
            "size",
            f"expected a crop of at least {LEAST} px, got 96; nearest legal prompt: {{point: [2028, 1520], size: 192}}",
        ),
        (
            {"point": (2028, 1520), "size": 385},
            "size",
            "expected a crop of an even size, got 385; nearest legal prompt: {point: [2028, 1520], size: 384}",
        ),
        (
            {"point": (2028, 3050), "size": 384},
            "point",
            "expected it inside the sensor's 4056 × 3040 px; nearest legal prompt: {point: [2028, 2943], size: 192}",
        ),
        (
            {"box": (1000, 800, 60, 40)},
            "box",
            (
                f"expected a crop of at least {LEAST} px, got 90; "
                "nearest legal prompt: {box: [1000, 800, 60, 40], margin: 3.2}"
            ),
        ),
        (
            {"box": (40, 1000, 400, 300), "margin": 2},
            "box",
            (
                CENTRE + " 800 px around [239.5, 1149.5] would begin at "
                "x = -160; nearest legal prompt: {box: [40, 1000, 400, 300], margin: 1.2}"
            ),
        ),
        (
            {"grid": (4, 1), "over": (0, 100, 2000, 100), "size": 600},
            "over",
            (
                CENTRE + " 600 px around [249.5, 149.5] would begin at x = -50 "
                "and begin at y = -150; nearest legal prompt: {grid: [4, 1], over: [50, 250, 2000, 100], size: 600}"
            ),
        ),
        ({}, "", "expected one of `point`, `box` and `grid`, got none of them"),
        (
            {"point": (1, 1), "box": (1, 1, 1, 1)},
            "",
            "expected one of `point`, `box` and `grid`, got `point` and `box`",
        ),
        ({"point": (2028, 1520)}, "", "`point` needs `size`: the side of its crop, sensor px"),
        ({"grid": (2, 2)}, "", "`grid` needs `over`: the area it divides, [x, y, width, height]"),
        ({"point": (2028, 1520), "size": 640, "margin": 2}, "margin", "`point` takes no `margin`"),
        ({"box": (1000, 800, 300, 200), "size": 640}, "size", "`box` takes no `size`"),
    ],
)
def test_the_reason_is_told_with_the_way_out(words: dict[str, Any], path: str, text: str) -> None:
    """Where it stands, what was expected, what would happen, and what could be written instead."""
    assert told(**words) == [(("rim", path) if path else ("rim",), text)]


def test_cells_have_names_of_their_own() -> None:
    """Two prompts with one name could not be told apart in the archive."""
    grid = Prompt(grid=(1, 1), over=(1000, 800, 400, 400))
    (flaw,) = flaws({"a": grid, "a-1-1": Prompt(point=(2028, 1520), size=640)})
    assert flaw == (("a",), "expected names of its own for its prompts, got 'a-1-1', which is there already")


def test_prompts_are_what_a_topology_can_say() -> None:
    """Plain YAML values become prompts; a name with a space, or an unknown word, does not."""
    raw = {"rim": {"point": [2028, 1520], "size": 640, "deadline": 0.5}}
    assert msgspec.convert(raw, Prompts) == {"rim": Prompt(point=(2028, 1520), size=640, deadline=0.5)}
    others: tuple[dict[str, Any], ...] = (
        {"a b": {}},
        {"rim": {"centre": [1, 2]}},
        {"rim": {"point": [-1, 2], "size": 640}},
    )
    for wrong in others:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Prompts)


def test_the_array_is_the_limit() -> None:
    """The largest crop there is: as high as the array, around its middle row."""
    assert aims({"all": Prompt(point=(2028, 1520), size=3040)})[0].roi == Roi(508, 0, 3040, 3040)
    assert ARRAY == (4056, 3040)
