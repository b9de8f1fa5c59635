"""Layouts: every fault stands at its place, in the layout, in a topology and in a rule book that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.transforms.book import read_book
from nodes.transforms.gauge import gauge
from nodes.transforms.layout import LayoutError, open_layout, read_layout
from nodes.transforms.outline import crossing, misshapen, nearest_places, surface
from pipeline.check import check
from pipeline.records import Regions
from tests.nodes.gauging import L, box, drawn, golden, seen

SQUARE = "[[10, 10], [30, 10], [30, 30], [10, 30]]"

FAULTY = {
    "too few corners": (
        "zones: {rim: {corners: [[1, 1], [5, 5]]}}",
        "corners: expected three or more corners, got 2",
    ),
    "crosses itself": (
        "zones: {rim: {corners: [[0, 0], [9, 9], [9, 0], [0, 9]]}}",
        "corners: expected an outline that does not cross itself, got sides that meet: [0, 0]–[9, 9] and [9, 0]–[0, 9]",
    ),
    "flat": (
        "zones: {rim: {corners: [[0, 0], [9, 9], [5, 5]]}}",
        "corners: expected an outline that does not cross itself, got sides that meet: [0, 0]–[9, 9] and [9, 9]–[5, 5]",
    ),
    "outside": (
        "size: [96, 64]\n    zones: {rim: {corners: [[0, 0], [96, 0], [9, 64]]}}",
        "expected a place in the view of 96×64 px, got [96, 0]",
        "expected a place in the view of 96×64 px, got [9, 64]",
    ),
    "edge outside": (
        "size: [96, 64]\n    edges: {top: {line: [[-1, 3], [5, 3]]}}",
        "expected a place in the view of 96×64 px, got [-1, 3]",
    ),
    "grid outside": (
        "size: [96, 9]\n    patterns: {pins: {tolerance: 2, grid: {first: [9, 9], columns: 9, rows: 1, step: [9, 0]}}}",
        "expected a place in the view of 96×9 px, got [9, 9]",
    ),
    "edge of nothing": (
        "edges: {top: {line: [[3, 3], [3, 3]]}}",
        "line: expected two places, got [3, 3] twice",
    ),
    "unknown edge": (
        "edges: {top: {line: [[3, 3], [9, 3]]}}\n    gaps: {slot: {between: [top, botom]}}",
        "unknown edge 'botom'; expected 'top'",
    ),
    "one edge": (
        "edges: {top: {line: [[3, 3], [9, 3]]}}\n    gaps: {slot: {between: [top, top]}}",
        "expected another edge, got 'top' twice",
    ),
    "no edges": ("gaps: {slot: {between: [a, b]}}", "unknown edge 'a'; this view has no `edges`", "unknown edge 'b'"),
    "aligned with nothing": (
        "align: ecc",
        "align: expected `golden` beside it, which it is aligned with, got 'ecc' alone",
    ),
    "two of a name": (
        f"zones: {{rim: {{corners: {SQUARE}}}}}\n    patterns: {{rim: {{tolerance: 1, places: {{a: [3, 3]}}}}}}",
        "'rim' is the name of a zone: a finding names its tool",
    ),
    "the golden one": (
        f"zones: {{golden: {{corners: {SQUARE}}}}}",
        "'golden' is the name of the comparison with the whole golden mask: a finding names its tool",
    ),
    "no places": ("patterns: {pins: {tolerance: 1}}", "expected one of `places` and `grid`, got none"),
    "wide tolerance": (
        "patterns: {pins: {tolerance: 5, places: {a: [3, 3], b: [13, 3]}}}",
        "tolerance: expected less than half of 10, which is between two places, got 5",
    ),
    "unknown zone": (
        "patterns: {pins: {tolerance: 1, places: {a: [3, 3]}, zone: rim}}",
        "unknown zone 'rim'; this view has no `zones`",
    ),
    "a text with a unit": (
        "tolerance: 2 mm",
        "tolerance: expected a number, at least 0 px or mm, got '2 mm'",
    ),
    "unknown field": ("toleranz: 2", "unknown field 'toleranz'; did you mean 'tolerance'?"),
    "no golden mask": ("golden: nowhere.yaml", "golden: expected a file, found nothing at 'nowhere.yaml'"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a layout is written."""
    return tmp_path / "plates.yaml"


def written(file: Path, view: str) -> str:
    """A layout of one view."""
    file.write_text(f'views:\n  "*":\n    {view}\n', encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_says_what_is_wrong_and_where(name: str, file: Path) -> None:
    """Line and column are those of the value; nothing else is told."""
    view, *texts = FAULTY[name]
    found = read_layout(written(file, view)).faults
    assert len(found) == len(texts)
    for fault, text in zip(found, texts, strict=True):
        assert fault.text.startswith(text)
        assert fault.file == str(file)
        assert fault.line >= 3 or name == "no golden mask"
    with pytest.raises(LayoutError, match=r"plates\.yaml:" if name != "no golden mask" else "golden"):
        open_layout(str(file))


def test_the_place_of_a_fault_is_that_of_the_value(file: Path) -> None:
    """A person who clicks on it is at the corner that is wrong."""
    (fault,) = read_layout(written(file, "size: [9, 9]\n    zones: {rim: {corners: [[0, 0], [5, 0], [5, 12]]}}")).faults
    assert (fault.line, fault.column) == (4, 45)


def test_what_the_golden_mask_does_not_show_is_outside(file: Path) -> None:
    """Its size is the view's."""
    golden(file.parent, drawn(L))
    named = "golden: plate.golden.yaml"
    found = read_layout(
        written(file, "golden: plate.golden.yaml\n    zones: {rim: {corners: [[0, 0], [96, 0], [9, 9]]}}")
    )
    assert [fault.text for fault in found.faults] == ["expected a place in the view of 96×96 px, got [96, 0]"]
    found = read_layout(written(file, f"{named}\n    size: [96, 64]"))
    assert [f.text for f in found.faults] == ["size: expected that of the golden mask, [96, 96], got [96, 64]"]


def test_a_faulty_golden_mask_is_told_at_its_own_place(file: Path) -> None:
    """The layout names it, and its faults are told with those of the layout."""
    path = Path(golden(file.parent, drawn(L)))
    path.write_text(
        path.read_text(encoding="utf-8").replace("date: '2026-11-26'", "date: '2026-11-27'"), encoding="utf-8"
    )
    (fault,) = read_layout(written(file, "golden: plate.golden.yaml")).faults
    assert fault.file == str(path)
    assert fault.text.startswith("digest: expected ")
    assert fault.text.endswith("the file is not what was made; make another with `kensa golden`")


def test_a_layout_that_has_changed_is_read_anew(file: Path) -> None:
    """By the next run of its node, as after `kensa reload`: nothing is remembered of what a file said before."""
    path = golden(file.parent, drawn(L))
    said = written(file, f"golden: plate.golden.yaml\n    zones: {{rim: {{corners: {SQUARE}}}}}")
    (one,) = gauge(iter([seen(drawn(L))]), layout=said)
    written(file, f"golden: plate.golden.yaml\n    zones: {{seal: {{corners: {SQUARE}}}}}")
    Path(path).unlink()
    golden(file.parent, drawn(box(20, 20, 30, 30)))
    (other,) = gauge(iter([seen(drawn(L))]), layout=said)
    assert isinstance(one, Regions)
    assert isinstance(other, Regions)
    tools = [[each.tool for each in record.regions[0].gauges] for record in (one, other)]
    assert tools == [["golden", "rim"], ["golden", "seal"]]
    assert one.regions[0].gauges[0].template != other.regions[0].gauges[0].template


TOPOLOGY = """\
line: {{plant: p, line: l}}
hosts: {{h: {{cameras: [cam-1]}}}}
nodes:
  camera: {{use: synthetic}}
  measure: {{from: camera}}
  gauge: {{from: measure, with: {{{said}}}}}
  rules: {{from: gauge, with: {{book: book.yaml}}}}
"""
BOOK = "rules: [{name: r, measure: gap, tool: slot, fail: {low: 3 px}, reason: SLOT}]\n"


def told(folder: Path, said: str, book: str = BOOK) -> list[str]:
    """What `kensa check` says of a topology with such a gauge."""
    (folder / "book.yaml").write_text(book, encoding="utf-8")
    topology = folder / "line.yaml"
    topology.write_text(TOPOLOGY.format(said=said), encoding="utf-8")
    faults = check(topology).document.faults
    return [f"{Path(fault.file).name}:{fault.line}:{fault.column}: {fault.text}" for fault in faults]


def test_a_layout_stands_in_the_topology_or_in_a_file(tmp_path: Path) -> None:
    """Either is enough, both are told; a fault in either stands at its place, and one in a file is in that file."""
    written(tmp_path / "plates.yaml", f"zones: {{rim: {{corners: {SQUARE}}}}}")
    assert told(tmp_path, "layout: plates.yaml") == []
    assert told(tmp_path, f'views: {{"*": {{zones: {{rim: {{corners: {SQUARE}}}}}}}}}') == []
    assert told(tmp_path, "") == ["line.yaml:6:32: expected `layout`, a file, or `views` in its place, got neither"]
    both = told(tmp_path, f'layout: plates.yaml, views: {{"*": {{zones: {{rim: {{corners: {SQUARE}}}}}}}}}')
    assert both == ["line.yaml:6:61: expected `layout`, a file, or `views` in its place, got both"]
    crossed = "zones: {rim: {corners: [[0, 0], [9, 9], [9, 0], [0, 9]]}}"
    text = (
        "corners: expected an outline that does not cross itself, got sides that meet: [0, 0]–[9, 9] and [9, 0]–[0, 9]"
    )
    assert told(tmp_path, f'views: {{"*": {{{crossed}}}}}') == [f"line.yaml:6:70: {text}"]
    written(tmp_path / "plates.yaml", crossed)
    assert told(tmp_path, "layout: plates.yaml") == [f"plates.yaml:3:28: {text}"]


def test_millimetres_need_a_calibration(tmp_path: Path) -> None:
    """Coordinates in mm are somewhere only where it is known how the camera sees the plane."""
    written(tmp_path / "plates.yaml", f"unit: mm\n    zones: {{rim: {{corners: {SQUARE}}}}}")
    assert told(tmp_path, "layout: plates.yaml") == [
        "line.yaml:6:32: expected `calibration` beside a layout in mm: without one nobody knows where that is"
    ]


CAMERA = (
    "{{use: imx500, with: {{prompts: {{rim: {{point: [2028, 1520], size: 640}}, "
    "hub: {{point: [900, 900], size: 640}}}}}}}}"
)


def test_a_prompt_that_no_camera_has_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the layout, in the topology and in the rule book; a source that does not name its prompts may have any."""
    rim = f"zones: {{slot: {{corners: {SQUARE}}}}}"
    (tmp_path / "plates.yaml").write_text(f"views:\n  rim: {{{rim}}}\n  hubb: {{{rim}}}\n", encoding="utf-8")
    assert told(tmp_path, "layout: plates.yaml") == []
    monkeypatch.setattr("tests.nodes.test_layout.TOPOLOGY", TOPOLOGY.replace("{{use: synthetic}}", CAMERA))
    book = "zones: {seal: {corners: [[0, 0], [9, 0], [9, 9]], prompt: rin}}\n" + BOOK.replace(
        "tool: slot", "tool: slot, prompt: hup"
    )
    assert told(tmp_path, "layout: plates.yaml", book) == [
        "plates.yaml:3:3: no camera before 'gauge' has the prompt 'hubb'; did you mean 'hub'?",
        "book.yaml:2:53: no camera before 'rules' has the prompt 'hup'; did you mean 'hub'?",
        "book.yaml:1:59: no camera before 'rules' has the prompt 'rin'; did you mean 'rim'?",
    ]
    assert told(tmp_path, f"views: {{hat: {{{rim}}}}}") == [
        "line.yaml:6:46: no camera before 'gauge' has the prompt 'hat'; there are 'hub' or 'rim'"
    ]


def test_a_prompt_without_a_view_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the line runs, where its view would stand; an empty view for all others says that none is wanted."""
    rim = f"zones: {{slot: {{corners: {SQUARE}}}}}"
    text = "'gauge' has nothing for the prompt 'hub' of 'cam-1': what is seen there would be NO_READ; add it, or '*'"
    layout = tmp_path / "plates.yaml"
    layout.write_text(f"views:\n  rim: {{{rim}}}\n", encoding="utf-8")
    assert told(tmp_path, "layout: plates.yaml") == []
    monkeypatch.setattr("tests.nodes.test_layout.TOPOLOGY", TOPOLOGY.replace("{{use: synthetic}}", CAMERA))
    assert told(tmp_path, "layout: plates.yaml") == [f"plates.yaml:1:1: {text}"]
    assert told(tmp_path, f"views: {{rim: {{{rim}}}}}") == [f"line.yaml:6:40: {text}"]
    for more in ('"*": {}', f"hub: {{{rim}}}"):
        layout.write_text(f"views:\n  rim: {{{rim}}}\n  {more}\n", encoding="utf-8")
        assert told(tmp_path, "layout: plates.yaml") == []
        assert told(tmp_path, f"views: {{rim: {{{rim}}}, {more}}}") == []


def test_each_camera_needs_views_of_its_own_prompts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cameras have prompts and layouts of their own."""
    rim = f"zones: {{slot: {{corners: {SQUARE}}}}}"
    for prompt in ("rim", "hub"):
        (tmp_path / f"{prompt}.yaml").write_text(f"views: {{{prompt}: {{{rim}}}}}\n", encoding="utf-8")
    own = "cameras: {cam-1: {camera: {prompts: {rim: {point: [2028, 1520], size: 640}}}, gauge: {layout: rim.yaml}}}\n"
    two = TOPOLOGY.replace("{{use: synthetic}}", CAMERA).replace("[cam-1]", "[cam-1, cam-2]")
    monkeypatch.setattr("tests.nodes.test_layout.TOPOLOGY", own.replace("{", "{{").replace("}", "}}") + two)
    (fault,) = told(tmp_path, "layout: hub.yaml")
    assert fault.startswith("hub.yaml:1:1: 'gauge' has nothing for the prompt 'rim' of 'cam-2': what is seen there")


def test_a_rule_on_a_tool_that_nobody_measures_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A book that speaks of tools needs `gauge` before its rules, somewhere."""
    text = (
        "book.yaml:1:50: tool: expected `gauge` among the nodes before the rules, found none: nobody would measure it"
    )
    rim = f'views: {{"*": {{zones: {{slot: {{corners: {SQUARE}}}}}}}}}'
    assert told(tmp_path, rim) == []
    without = TOPOLOGY.replace("  gauge: {{from: measure, with: {{{said}}}}}\n", "").replace(
        "from: gauge", "from: measure"
    )
    monkeypatch.setattr("tests.nodes.test_layout.TOPOLOGY", without)
    assert [line.split(": ", 1)[1] for line in told(tmp_path, "")] == [text.split(": ", 1)[1]]
    assert told(tmp_path, "", "rules: [{name: r, reason: R, measure: area, fail: {high: 9 px²}}]\n") == []


def test_an_encoder_that_no_source_reads_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `track` goes by one; a recording may have it or not, and nobody knows that before."""
    book = "rules: [{name: r, reason: R, measure: area, fail: {high: 9 px²}}]\n"
    text = "pulse: expected an encoder count with every frame, found no source that tells one: let it, or leave it out"
    belt = TOPOLOGY.replace(
        "gauge: {{from: measure, with: {{{said}}}}}", "track: {{from: measure, with: {{pulse: 2}}}}"
    )
    belt = belt.replace("from: gauge", "from: track")
    sources = {
        "{{use: synthetic}}": [f"line.yaml:6:40: {text}"],
        "{{use: synthetic, with: {{pulse: 0.5}}}}": [],
        "{{use: imx500}}": [f"line.yaml:6:40: {text}"],
        "{{use: imx500, with: {{virtual: {{}}}}}}": [],
        "{{use: imx500, with: {{virtual: {{target: true}}}}}}": [f"line.yaml:6:40: {text}"],
        "{{use: imx500, with: {{virtual: {{belt: {{pulse: 0}}}}}}}}": [f"line.yaml:6:40: {text}"],
    }
    for source, faults in sources.items():
        monkeypatch.setattr("tests.nodes.test_layout.TOPOLOGY", belt.replace("{{use: synthetic}}", source))
        assert told(tmp_path, "", book) == faults


@pytest.mark.parametrize(
    ("last", "pulse", "fault"),
    [
        ("join: {{from: rules, with: {{cameras: [cam-1, cam-2], by: encoder}}}}", "0.5", ""),
        ("join: {{from: rules, with: {{cameras: [cam-1, cam-2], by: time}}}}", "0", ""),
        (
            "join: {{from: rules, with: {{cameras: [cam-1, cam-2], by: encoder}}}}",
            "0",
            "by: expected an encoder count with every frame, found no source that tells one: join by time or part",
        ),
        (
            "handover: {{from: track, with: {{stations: {{cam-1: 0}}, tolerance: 5}}}}",
            "0.5",
            "stations: expected parts with a mark on the belt: give `track` before a `pulse`",
        ),
    ],
)
def test_what_goes_by_the_belt_needs_its_encoder(
    last: str, pulse: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views are joined by it, and parts numbered by it, only where somebody reads it."""
    belt = TOPOLOGY.replace("gauge: {{from: measure, with: {{{said}}}}}", "track: {{from: measure}}")
    belt = belt.replace("from: gauge", "from: track").replace("[cam-1]", "[cam-1, cam-2]")
    belt = belt.replace("use: synthetic", f"use: synthetic, with: {{{{pulse: {pulse}}}}}") + f"  {last}\n"
    monkeypatch.setattr("tests.nodes.test_layout.TOPOLOGY", belt)
    faults = told(tmp_path, "", "rules: [{name: r, reason: R, measure: area, fail: {high: 9 px²}}]\n")
    assert [line.split(": ", 1)[1] for line in faults] == ([fault] if fault else [])


NO_PRESENT = (
    "tool: 'rim' is a zone, which has no 'present'; it measures difference_area, extra_area, filled, filled_area, iou, "
    "missing_area, moved, pieces"
)


def test_a_book_that_names_a_layout_is_checked_against_it(tmp_path: Path) -> None:
    """A tool that is not there, one that measures something else, one whose name is left out."""
    view = f"zones: {{rim: {{corners: {SQUARE}}}}}\n    patterns: {{pins: {{tolerance: 1, places: {{a: [3, 3]}}}}}}"
    written(tmp_path / "plates.yaml", view)
    rules = {
        "measure: filled, tool: rim": [],
        "measure: filled, tool: rimm": ["tool: unknown tool 'rimm'; did you mean 'rim'?"],
        "measure: present, tool: rim": [NO_PRESENT],
        "measure: missing_area_px, tool: rim": [
            "tool: 'missing_area' is measured against a golden mask: the layout has no `golden` there"
        ],
        "measure: absent": [
            "measure: 'absent' is measured by a tool: expected `tool` beside it, with a name from the layout"
        ],
        "measure: extent, tool: rim": ["tool: expected a measurement that tools make, got 'extent': remove `tool`"],
    }
    for rule, texts in rules.items():
        path = tmp_path / "book.yaml"
        text = f"layout: plates.yaml\nrules: [{{name: r, {rule}, fail: {{high: 1}}, reason: R}}]\n"
        path.write_text(text, encoding="utf-8")
        assert [fault.text for fault in read_book(str(path)).faults] == texts


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (
            "missing_area, tool: t, fail: {high: 3 mm}",
            "high: expected mm², got '3 mm': 'missing_area' is measured in mm²",
        ),
        ("gap, tool: t, fail: {low: 3 mm²}", "low: expected mm, got '3 mm²': 'gap' is measured in mm"),
        ("absent, tool: t, fail: {high: 5 %}", "high: expected a whole number, got '5 %'"),
        ("inclination, tool: t, fail: {high: 1 mm}", "high: expected °, got '1 mm': 'inclination' is measured in °"),
        ("gap, tool: t, fail: {high: 3}", "measure: 'gap' is measured in px and in mm: say 'gap_px' or 'gap_mm'"),
    ],
)
def test_unit_mistakes_are_refused(limit: str, text: str, tmp_path: Path) -> None:
    """What a tool measures has a unit like anything else."""
    path = tmp_path / "book.yaml"
    path.write_text(f"rules: [{{name: r, measure: {limit}, reason: R}}]\n", encoding="utf-8")
    assert [fault.text for fault in read_book(str(path)).faults] == [text]


def test_the_zones_of_a_book_have_an_inside_too(tmp_path: Path) -> None:
    """A zone that crosses itself is no place."""
    path = tmp_path / "book.yaml"
    path.write_text("zones: {seal: {corners: [[0, 0], [9, 9], [9, 0], [0, 9]]}}\n" + BOOK, encoding="utf-8")
    (fault,) = read_book(str(path)).faults
    assert (fault.line, fault.column, fault.text.partition(",")[0]) == (
        1, 25, "corners: expected an outline that does not cross itself"
    )  # fmt: skip


POINTS = st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(lambda p: (float(p[0]), float(p[1])))


@given(st.lists(POINTS, min_size=3, max_size=7), st.integers(0, 6), st.booleans())
def test_an_outline_is_one_wherever_it_begins(corners: list[tuple[float, float]], begin: int, back: bool) -> None:
    """Whether it crosses itself, and how large it is, depends on no order."""
    turned = corners[begin % len(corners) :] + corners[: begin % len(corners)]
    turned = turned[::-1] if back else turned
    assert (crossing(corners) is None) == (crossing(turned) is None)
    assert surface(corners) == pytest.approx(surface(turned))
    assert bool([*misshapen(corners)]) == bool([*misshapen(turned)])


@given(st.lists(POINTS, min_size=2, max_size=9))
def test_the_nearest_places_are_found(places: list[tuple[float, float]]) -> None:
    """As by comparing each with each."""
    every = [((a - c) ** 2 + (b - d) ** 2) ** 0.5 for i, (a, b) in enumerate(places) for c, d in places[:i]]
    assert nearest_places(places) == pytest.approx(min(every))


def test_the_node_says_what_it_takes() -> None:
    """Its signature is its manifest."""
    assert {"layout", "views", "label", "each", "calibration"} == {*gauge.spec.params.__struct_fields__}  # type: ignore[attr-defined]
