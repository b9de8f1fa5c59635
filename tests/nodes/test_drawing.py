"""Drawings: a picture never says anything else than its figures, and every outcome has a sign of its own."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.drawing import words
from nodes.drawing.contact import Section, contact, extent
from nodes.drawing.figure import Style, figure, fitting
from nodes.drawing.files import write
from nodes.drawing.marks import Around, Patch, Span, mark
from nodes.drawing.portrait import PAGE, Shown, portrait
from nodes.drawing.sign import sign
from nodes.drawing.svg import Svg
from nodes.drawing.theme import DARK, LIGHT, Theme
from nodes.sinks.canvas import Canvas
from nodes.transforms.measure import measured
from nodes.transforms.metric import plane
from pipeline.calibration import Calibration
from pipeline.errors import KensaError
from pipeline.masks import Mask
from pipeline.records import Finding, Outcome, Part, Region, Regions, Verdict
from tests.nodes.scenes import frame

cv2 = pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

OUTCOMES: tuple[Outcome, ...] = ("PASS", "WARN", "FAIL", "NO_READ")
WHO: dict[str, Any] = {"camera": "cam-1", "session": "s", "seq": 9, "t_ns": 1_795_363_200_000_000_000}


def region(pixels: np.ndarray[Any, Any]) -> Region:
    """What these pixels show."""
    mask = Mask.from_dense(pixels)
    x, y, width, height = mask.box
    return Region("part", mask.area, (x, y, width, height), (0.0, 0.0), 0, 0, 1.0, True, 1.0, mask)


def plate(width: int = 20, height: int = 30, hole: int = 0) -> Region:
    """A rectangle at (5, 10) in a view of 96 × 96, with a square hole."""
    pixels = np.zeros((96, 96), bool)
    pixels[10 : 10 + height, 5 : 5 + width] = True
    pixels[20 : 20 + hole, 10 : 10 + hole] = False
    return region(pixels)


def turned(size: tuple[int, int], angle: float) -> np.ndarray[Any, Any]:
    """A rectangle that lies askew in a view of 96 × 96."""
    fine = np.zeros((96, 96), np.uint8)
    cv2.fillPoly(fine, [cv2.boxPoints(((48, 48), size, angle)).round().astype(int)], 1)
    return fine.astype(bool)


def part(seen: Region | None = None, **fields: Any) -> Part:
    """A part."""
    told: dict[str, Any] = {"id": 4, "first_seq": 3, "views": 5, "hidden": 0, "best_seq": 7} | fields
    return Part(**WHO, best=seen or plate(), **told)


def verdict(outcome: Outcome = "FAIL", *findings: Finding, **fields: Any) -> Verdict:
    """A verdict on it."""
    told: dict[str, Any] = {"subject": "part", "part": 4, "first_seq": 3, "book": "plate"} | fields
    return Verdict(**WHO, outcome=outcome, findings=findings, **told)


LONG = Finding("not too long", "BURR", "box_width", 20.0, high=18.0, unit="px")


def found(measure: str, value: float, unit: str = "px", **fields: Any) -> Finding:
    """What was measured."""
    return Finding("r", "R", measure, value, unit=unit, **fields)


def drawn(shown: Shown, theme: Theme = LIGHT) -> np.ndarray[Any, Any]:
    """A page: (H, W, 3)."""
    canvas = Canvas(*PAGE, theme.back)
    portrait(canvas, shown, theme)
    return canvas.pixels


def test_words() -> None:
    """Units stand beside numbers, in the names of measures they are left out."""
    assert doctest.testmod(words).failed == 0


@given(width=st.integers(1, 60), height=st.integers(1, 60))
def test_a_dimension_line_is_as_long_as_was_measured(width: int, height: int) -> None:
    """Its ends lie on the edges of pixels: as many pixels apart as were counted."""
    seen = plate(width, height)
    across, down = mark(seen, found("box_width", width)), mark(seen, found("box_height_px", height))
    assert isinstance(across, Span)
    assert isinstance(down, Span)
    assert (across.start, across.end) == ((5, 10 + height), (5 + width, 10 + height))
    assert (down.start, down.end) == ((5 + width, 10), (5 + width, 10 + height))


@pytest.mark.parametrize("angle", [20, 45, 70])
def test_the_length_of_a_part_that_lies_askew_is_drawn_along_it(angle: int) -> None:
    """The sides of the smallest box around it are turned as it is."""
    shown = mark(region(turned((50, 20), angle)), found("length", 50.5))
    assert isinstance(shown, Span)
    (x, y), (right, low) = shown.start, shown.end
    assert np.hypot(right - x, low - y) == pytest.approx(50.5, abs=2.5)
    assert abs(np.degrees(np.arctan2(low - y, right - x)) % 180 - angle) < 3


@given(angle=st.integers(0, 179), size=st.tuples(st.integers(20, 50), st.integers(8, 16)))
def test_lines_are_those_that_were_measured(angle: int, size: tuple[int, int]) -> None:
    """Whatever lies how it may: lengths in px and in mm, by the shape and the scale that the region itself tells."""
    shown_mm = plane(Calibration(id="plane-7", date="2026-11-22", scale=0.25, of="mask"), (96, 96), None)
    (seen,) = measured(frame(turned(size, angle)), seen=shown_mm).regions
    assert seen.shape
    assert seen.metric
    for measure, wanted in (("length", seen.shape.length_px), ("width", seen.shape.width_px)):
        shown = mark(seen, found(measure, wanted))
        assert isinstance(shown, Span)
        assert np.subtract(shown.end, shown.start) @ shown.side == pytest.approx(0, abs=1e-6)
        assert np.hypot(*np.subtract(shown.end, shown.start)) == pytest.approx(wanted, abs=1e-6)
    assert mark(seen, found("length", seen.metric.length_mm, "mm")) == mark(seen, found("length", seen.shape.length_px))
    assert mark(seen, found("length_mm", seen.metric.length_mm / 10, "cm"))
    assert mark(seen, found("diameter", seen.shape.diameter_px))
    lines = mark(seen, found("angle", seen.shape.angle_deg, "°"))
    assert isinstance(lines, Around)
    (right, middle, end) = lines.corners
    assert right[1] == middle[1]
    turn = np.degrees(np.arctan2(end[1] - middle[1], end[0] - middle[0])) % 360
    assert turn == pytest.approx(seen.shape.angle_deg, abs=1e-6)


def test_what_is_not_what_was_measured_is_not_drawn() -> None:
    """A width of 12 on a region that is 20 × 30: somebody measured something else, and no line claims it."""
    assert mark(plate(), found("box_width", 12)) is None
    assert mark(plate(), found("width", 4.0, "mm")) is None  # nobody knows how long a pixel is
    assert mark(plate(), found("anything", 1.0)) is None
    assert mark(plate(), found("most(length)", 30.0)) is None  # of which region?


def test_holes_are_where_they_are() -> None:
    """The pixels inside, and nothing around; a bay is no hole."""
    shown = mark(plate(hole=4), found("holes", 1, ""))
    assert isinstance(shown, Patch)
    assert shown.pixels.sum() == 16
    assert shown.middle == (12, 22)
    assert mark(plate(), found("hole_area_px", 3, "px²")) is None


def test_a_figure_stays_in_its_box() -> None:
    """The lines and letters of a region that fills its room are inside the box that was given."""
    for seen in (plate(2, 80), plate(80, 2), plate(80, 80), plate(1, 1)):
        canvas = Canvas(600, 500, (0, 0, 0))
        box = (60, 50, 480, 400)
        both = found("box_width", seen.box[2], high=1), found("box_height", seen.box[3], high=1)
        figure(canvas, box, seen, both, Style(plain=True))
        canvas.pixels[50:450, 60:540] = 0
        assert not canvas.pixels.any()


def test_the_scale_is_the_largest_that_fits() -> None:
    """Twice the part, half the magnification."""
    one, two = (fitting(plate(side, side), (0, 0, 500, 500), Style()) for side in (10, 22))
    assert one == pytest.approx(2 * two)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_outcome_has_a_colour_and_a_shape_of_its_own(theme: Theme) -> None:
    """Whoever sees no colours knows them by their outline."""
    outlines = []
    for outcome in OUTCOMES:
        canvas = Canvas(64, 64, theme.back)
        sign(canvas, (32, 32), 40, outcome, theme)
        assert (canvas.pixels == theme.outcomes[outcome]).all(axis=2).sum() > 200
        outlines.append((canvas.pixels != theme.back).any(axis=2))
    for place, one in enumerate(outlines):
        assert all((one != other).mean() > 0.02 for other in outlines[:place])


def test_a_page_shows_the_limit_where_it_was_not_kept() -> None:
    """The line is of the outcome's colour only where a finding speaks of it."""
    with_line, without = drawn(Shown(verdict("FAIL", LONG), part())), drawn(Shown(verdict("FAIL"), part()))
    red = [(page[104:610, 30:620] == LIGHT.outcomes["FAIL"]).all(axis=2).sum() for page in (with_line, without)]
    assert red[0] > red[1] + 100


def test_what_nobody_saw_is_hatched() -> None:
    """A gap, a part without its mask, an empty view: a page for each, and none of them alike."""
    gap = verdict("NO_READ", Finding("gap", "OVERFLOW", "frames", 5.0, high=0), subject="gap", part=None)
    empty = Regions(**WHO, size=(96, 96))
    pages = [drawn(Shown(gap)), drawn(Shown(verdict())), drawn(Shown(verdict("PASS", subject="frame"), empty))]
    wells = [page[104:500, 30:620] for page in pages]
    assert all((one != two).any() for one in wells for two in wells if one is not two)


def test_japanese_is_written() -> None:
    """Each sign is its own, none the box that stands for a sign that a font has not."""
    canvas = Canvas(1, 1, (0, 0, 0))

    def glyph(text: str) -> bytes:
        sheet = Canvas(40, 40, (0, 0, 0))
        sheet.text((4, 30), text, 24, (255, 255, 255))
        return sheet.pixels.tobytes()

    assert len({glyph(each) for each in "検査合格不良\U0010fffd"}) == 7
    assert canvas.width("検査", 24) > 40


def test_svg_says_the_same(tmp_path: Path) -> None:
    """It is well-formed, whatever names hold, and has the texts of the page as texts."""
    path = tmp_path / "deep" / "page.svg"
    shown = Shown(verdict("FAIL", LONG), part(), name='プレート <7> & "8"')
    write(path, PAGE, LIGHT, lambda pen: portrait(pen, shown, LIGHT))
    root = ET.parse(path).getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"FAIL", "BURR", "20 px", 'プレート <7> & "8"', "20 px  (≤ 18 px)"} <= {*texts}
    assert root.attrib["viewBox"] == "0 0 980 640"


@pytest.mark.parametrize(
    ("note", "lines"),
    [
        ("no view of left", ["no view of left"]),
        (
            "entry lost records just before: the view may be of the next part",
            ["entry lost records just before: the view", "may be of the next part"],
        ),
    ],
)
def test_why_something_was_not_read_is_told_whole(note: str, lines: list[str], tmp_path: Path) -> None:
    """In two lines where one is too short; what it should have been comes after it, where there is room."""
    unread = Finding("view", "SENSOR", "views", 0.0, low=1, outcome="NO_READ", note=note)
    path = tmp_path / "page.svg"
    write(path, PAGE, LIGHT, lambda pen: portrait(pen, Shown(verdict("NO_READ", unread), part()), LIGHT))
    texts = [element.text for element in ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert {*lines} <= {*texts}
    assert ("allowed ≥ 1" in texts) == (len(lines) == 1)


def test_an_svg_mask_has_the_area_of_its_pixels() -> None:
    """Holes are cut out."""
    pen = Svg(100, 100, (0, 0, 0))
    pixels = np.zeros((12, 12), bool)
    pixels[1:11, 1:11] = True
    pixels[4:8, 4:8] = False
    pen.mask((0, 0), pixels, 8.0, (1, 1, 1), (2, 2, 2))
    path = pen.file().decode().split('d="')[1].split('"')[0]
    rings = [[tuple(map(float, p.split())) for p in ring.rstrip("Z ").split("L")] for ring in path.split("M")[1:]]
    areas = sorted(cv2.contourArea(np.array(ring, np.float32)) for ring in rings)
    assert areas == pytest.approx([16 * 64, 100 * 64], rel=0.15)


def test_a_name_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    """The error says what may stand there, and nothing is written."""
    with pytest.raises(KensaError, match=r"a.jpg: expected a picture that ends in .png or .svg, found '.jpg'"):
        write(tmp_path / "a.jpg", (1, 1), LIGHT, lambda _: None)
    assert not [*tmp_path.iterdir()]


def test_a_sheet_has_a_tile_for_every_verdict() -> None:
    """It grows by rows of six; an empty one is still a sheet."""
    shown = Shown(verdict("FAIL", LONG), part(), was="PASS")
    one, two = (Section("PASS", "FAIL", 70, [shown] * n) for n in (6, 7))
    assert extent([one])[1] < extent([two])[1] == extent([one])[1] + 280
    for sections in ([], [one, two], [Section("PASS", None, 1, [Shown(None, part(), was="PASS")])]):
        canvas = Canvas(*extent(sections), LIGHT.back)
        contact(canvas, "title", "said", sections, LIGHT)
        assert (canvas.pixels != LIGHT.back).any()
