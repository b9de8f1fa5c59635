"""From a mask to a verdict by tools: limits, NO_READ with its reason, guard bands, archive, backtest, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from nodes.drawing.portrait import Shown, portrait
from nodes.drawing.svg import Svg
from nodes.drawing.theme import LIGHT
from nodes.sinks.archive import archive
from nodes.sinks.events import event
from nodes.transforms.book import open_book
from nodes.transforms.gauge import gauge
from nodes.transforms.judge import Judge
from nodes.transforms.track import track
from nodes.transforms.views import Edge, Gap, Pattern, View, Zone
from pipeline import table, tooling
from pipeline.archive import read
from pipeline.cli import main
from pipeline.codec import decode, encode
from pipeline.errors import TableError
from pipeline.records import Part, Regions, Verdict
from tests.nodes.gauging import Dense, box, drawn, golden, scaled, seen
from tests.nodes.scenes import SIZE, gap

LEFT, RIGHT = ((37.5, 18.0), (37.5, 36.0)), ((45.5, 18.0), (45.5, 36.0))


def plate(*absent: int) -> Dense:
    """A plate with a slot of 8 px and four holes, some of them not there."""
    found = drawn(box(15, 15, 60, 60)) & ~drawn(box(38, 15, 8, 26))
    for column in range(4):
        if column not in absent:
            found &= ~drawn(box(20 + 14 * column, 60, 5, 5))
    return found


def layout(folder: Path, **fields: Any) -> View:
    """Every kind of tool on that plate."""
    holes = {str(column): (22.0 + 14 * column, 62.0) for column in range(4)}
    said: dict[str, Any] = {
        "golden": golden(folder, plate()),
        "align": "ecc",
        "zones": {"corner": Zone(box(14, 14, 16, 16))},
        "edges": {"left": Edge(LEFT), "right": Edge(RIGHT)},
        "gaps": {"slot": Gap(("left", "right"))},
        "patterns": {"holes": Pattern(tolerance=4, find="holes", places=holes)},
    }
    return View(**said | fields)


BESIDE = View(  # one of its edges is looked for where there is none
    edges={"a": Edge(LEFT), "b": Edge(((60.0, 20.0), (60.0, 50.0)))}, gaps={"slot": Gap(("a", "b"))}
)
RULES = """\
name: plates
rules:
  - {name: alike, measure: difference_area, tool: golden, fail: {high: 5 mm²}, warn: {high: 1 mm²}, reason: DIFFERENT}
  - {name: no chip, measure: missing_area, tool: corner, fail: {high: 200 px²}, warn: {high: 9 px²}, reason: CHIP}
  - {name: slot, measure: gap, tool: slot, fail: {low: 3800 µm, high: 0.42 cm}, reason: SLOT}
  - {name: holes, measure: absent, tool: holes, fail: {high: 0}, reason: HOLES, severity: critical}
"""


def written(folder: Path, text: str) -> str:
    """A rule book."""
    path = folder / "book.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def rule(text: str) -> str:
    """A book of one rule."""
    return f"rules: [{{name: r, reason: R, {text}}}]\n"


def judged(folder: Path, shown: Dense | Regions, book: str = RULES, **gauged: Any) -> Verdict:
    """The verdict on a frame."""
    told: dict[str, Any] = {"views": {"*": layout(folder)}, "calibration": scaled(folder)} | gauged
    (record,) = gauge(iter([shown if isinstance(shown, Regions) else seen(shown)]), **told)
    assert isinstance(record, Regions)
    return Judge(open_book(written(folder, book))).judge(record)


def test_a_good_part_passes(tmp_path: Path) -> None:
    """Wherever it lies."""
    assert judged(tmp_path, plate()).outcome == "PASS"
    assert judged(tmp_path, np.roll(plate(), (5, -4), (0, 1))).outcome == "PASS"


def test_every_tool_has_its_limits(tmp_path: Path) -> None:
    """In the units of the book; a finding says which tool measured, and by which golden mask and calibration."""
    bad = plate(2) & ~drawn(((14, 14), (24, 14), (14, 24)))
    bad &= ~drawn(box(46, 15, 1, 26))
    verdict = judged(tmp_path, bad)
    assert verdict.outcome == "FAIL"
    (name,) = {finding.template for finding in verdict.findings}
    assert name.startswith("plate ")
    told = [(f.reason, f.tool, f.measure, f.unit, f.outcome, f.severity, f.calibration) for f in verdict.findings]
    assert told == [
        ("DIFFERENT", "golden", "difference_area", "mm²", "FAIL", "major", "plane-7"),
        ("SLOT", "slot", "gap", "µm", "FAIL", "major", "plane-7"),
        ("HOLES", "holes", "absent", "", "FAIL", "critical", ""),
        ("CHIP", "corner", "missing_area", "px²", "WARN", "major", ""),
    ]
    assert verdict.findings[1].value == pytest.approx(4500)
    assert verdict.findings[2].note == "not there: 2"
    assert "SLOT (slot: gap 4500 µm, at least 3800 µm, at most 4200 µm)" in event(verdict).text


@pytest.mark.parametrize(
    ("text", "shown", "outcome"),
    [
        ("measure: shift, tool: golden, warn: {high: 2 mm}", np.roll(plate(), 5, 1), "WARN"),
        ("measure: shift, tool: golden, warn: {high: 3 mm}", np.roll(plate(), 5, 1), "PASS"),
        ("measure: turn, tool: golden, fail: {low: -1 °, high: 1 °}", plate(), "PASS"),
        ("measure: iou, tool: golden, fail: {low: 99 %}", plate(1), "PASS"),
        ("measure: iou, tool: golden, fail: {low: 99.5 %}", plate(1), "FAIL"),
        ("measure: extra_area_px, tool: golden, fail: {high: 24}", plate(1), "FAIL"),
        ("measure: filled, tool: corner, fail: {low: 80 %}", plate(), "PASS"),
        ("measure: pieces, tool: corner, fail: {high: 1}", plate(), "PASS"),
        ("measure: parallelism, tool: slot, fail: {high: 0.1 mm}", plate(), "PASS"),
        ("measure: pitch, tool: holes, fail: {low: 6.9 mm, high: 7.1 mm}", plate(), "PASS"),
        ("measure: pitch_error, tool: holes, fail: {high: 0.2 mm}", plate(), "PASS"),
        ("require: gap_mm < 0.2 * length_mm and absent < 1, tool: slot", plate(), "NO_READ"),
        ("require: gap_px < 0.2 * length_px, tool: slot", plate(), "PASS"),
        ("measure: absent / expected, tool: holes, fail: {high: 20 %}", plate(1), "FAIL"),
        ("measure: gap, tool: slot, fail: {low: 3.6 mm, high: 4.4 mm}, uncertainty: 1 px", plate(), "FAIL"),
        ("measure: gap, tool: slot, fail: {low: 3.4 mm, high: 4.6 mm}, uncertainty: 1 px", plate(), "PASS"),
        ("measure: gap, tool: slot, fail: {high: 4 mm}, uncertainty: 0.1 mm, unproven: WARN", plate(), "WARN"),
    ],
)
def test_whatever_a_tool_measures_can_be_limited(text: str, shown: Dense, outcome: str, tmp_path: Path) -> None:
    """By its name and unit, in expressions, with measurement uncertainty."""
    assert judged(tmp_path, shown, rule(text)).outcome == outcome


def unread(verdict: Verdict) -> tuple[str, str]:
    """Why a verdict is NO_READ: the reason and the note."""
    assert verdict.outcome == "NO_READ"
    return verdict.findings[0].reason, verdict.findings[0].note


@pytest.mark.parametrize(
    ("text", "gauged", "reason", "note"),
    [
        (
            "measure: gap, tool: slot, fail: {high: 9 mm}",
            {"calibration": None},
            "NO_CALIBRATION",
            "'gap' could not be measured: there is no calibration",
        ),
        (
            "measure: gap_px, tool: slit, fail: {high: 9}",
            {},
            "NOT_MEASURED",
            "nothing called 'slit' was measured; tools there: golden, corner, slot, holes",
        ),
        (
            "measure: missing_area_px, tool: corner, fail: {high: 9}",
            {"views": {"*": View(zones={"corner": Zone(box(14, 14, 16, 16))})}},
            "NO_TEMPLATE",
            "'missing_area_px' needs a golden mask, and the layout has none there",
        ),
        (
            "measure: gap_px, tool: slot, fail: {high: 9}",
            {"views": {"rim": View()}},
            "NO_TEMPLATE",
            "the layout has no view for the prompt ''; it has rim",
        ),
        (
            "measure: pitch_px, tool: one, fail: {high: 9}",
            {"views": {"*": View(patterns={"one": Pattern(tolerance=9, places={"a": (40.0, 40.0)})})}},
            "NOT_MEASURED",
            "'pitch_px' could not be measured: there is nothing to measure",
        ),
        (
            "measure: gap_px, tool: slot, fail: {high: 9}",
            {"views": {"*": BESIDE}},
            "NO_EDGE",
            "edge 'b': material begins or ends along 0% of its line, at least 50% is needed",
        ),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_not_good(
    text: str, gauged: dict[str, Any], reason: str, note: str, tmp_path: Path
) -> None:
    """NO_READ, with the reason that the tool gives, or that there is no such tool."""
    assert unread(judged(tmp_path, plate(), rule(text), **gauged)) == (reason, note)


def test_what_could_not_be_aligned_is_not_good(tmp_path: Path) -> None:
    """Each rule on its tools says so, and names the golden mask that did not fit."""
    verdict = judged(tmp_path, drawn(box(15, 15, 60, 12)))
    assert {finding.reason for finding in verdict.findings} == {"NOT_ALIGNED"}
    assert all(finding.template.startswith("plate ") for finding in verdict.findings)
    assert len(verdict.findings) == 4


def test_a_view_that_shows_nothing_does_not_pass(tmp_path: Path) -> None:
    """Where nothing could be measured, a rule on a tool has nothing to be content with."""
    empty = np.zeros(SIZE, bool)
    assert unread(judged(tmp_path, empty)) == ("NO_MASK", "nothing that is 'part' and could be measured by 'golden'")
    whole = RULES.replace("rules:", "label: view\nrules:")
    assert unread(judged(tmp_path, empty, whole, each="view"))[0] == "NOT_ALIGNED"
    still = layout(tmp_path, align="none", gaps={}, patterns={})
    text = rule("measure: missing_area_px, tool: golden, fail: {high: 9}, label: view")
    assert judged(tmp_path, empty, text, each="view", views={"*": still}).outcome == "FAIL"


def test_without_its_node_a_rule_on_a_tool_does_not_pass(tmp_path: Path) -> None:
    """A topology that forgot `gauge` inspects nothing."""
    book = open_book(written(tmp_path, rule("measure: gap_px, tool: slot, fail: {high: 9}")))
    assert unread(Judge(book).judge(seen(plate()))) == (
        "NOT_MEASURED",
        "nothing called 'slot' was measured; tools there: none",
    )


def test_a_rule_of_one_prompt_takes_no_interest_in_another(tmp_path: Path) -> None:
    """As with any other measurement."""
    text = rule("measure: gap_px, tool: slot, fail: {high: 1}, prompt: rim")
    assert judged(tmp_path, seen(plate(), prompt="rim"), text).outcome == "FAIL"
    assert unread(judged(tmp_path, seen(plate(), prompt="hub"), text))[0] == "NO_RULE"


def belt(folder: Path) -> list[Part]:
    """Two plates under a belt's camera, the second with a hole too few, gauged and then tracked."""
    strip = np.hstack([np.zeros((96, 96), bool), plate(2)[:, 10:80], np.zeros((96, 20), bool), plate()[:, 10:80]])
    strip = np.hstack([strip, np.zeros((96, 96), bool)])
    frames = [seen(strip[:, x : x + 96].copy(), seq=n, t_ns=n * 10**9) for n, x in enumerate(range(256, -1, -8))]
    said: dict[str, Any] = {"views": {"*": layout(folder)}, "calibration": scaled(folder)}
    return [each for each in track(gauge(iter(frames), **said)) if isinstance(each, Part)]


def test_a_part_is_judged_by_the_tools_of_its_best_view(tmp_path: Path) -> None:
    """What `gauge` measured of a region goes with it through the tracker."""
    judge = Judge(open_book(written(tmp_path, RULES)))
    verdicts = [judge.judge(part) for part in belt(tmp_path)]
    assert [(v.outcome, [f.reason for f in v.findings]) for v in verdicts] == [
        ("PASS", []),
        ("FAIL", ["DIFFERENT", "HOLES"]),
    ]


HERE, THERE = "[[10, 10], [85, 10], [85, 85], [10, 85]]", "[[0, 0], [5, 0], [5, 5], [0, 5]]"


@pytest.mark.parametrize(
    ("narrow", "shift", "note"),
    [
        (f"zone: z, corners: {HERE}", 0, None),
        (f"zone: z, corners: {THERE}", 0, "nothing that is 'part', in its zone and could be measured by 'holes'"),
        ("whole: true", 0, None),
        ("whole: true", 40, "nothing that is 'part', whole and could be measured by 'holes'"),
    ],
)
@pytest.mark.parametrize("of", ["frame", "part"])
def test_a_tool_that_had_nothing_to_measure_where_its_rule_looks_is_not_good(
    narrow: str, shift: int, note: str | None, of: str, tmp_path: Path
) -> None:
    """A rule on a tool that a zone, or `whole`, narrows to nothing has nothing to be content with: no silent pass.

    A rule on regions, beside it, has nothing against what is not there.
    """
    said, _, corners = narrow.partition(", corners: ")
    zones = f"zones: {{z: {{corners: {corners}}}}}\n" if corners else ""
    rules = f"rules:\n  - {{name: r, reason: R, measure: absent, tool: holes, fail: {{high: 9}}, {said}}}\n"
    rules += "  - {name: two, reason: TWO, measure: count, fail: {high: 9}}\n" if of == "frame" else ""
    book = written(tmp_path, f"min_views: 0\n{zones}{rules}")
    shown = _cut(shift) if shift else plate()
    (frame,) = gauge(iter([seen(shown)]), views={"*": layout(tmp_path, align="none")}, calibration=scaled(tmp_path))
    assert isinstance(frame, Regions)
    record = frame if of == "frame" else _part(frame)
    verdict = Judge(open_book(book)).judge(record)
    assert verdict.outcome == ("PASS" if note is None else "NO_READ")
    assert [(finding.reason, finding.note) for finding in verdict.findings] == ([("NO_MASK", note)] if note else [])


def _cut(shift: int) -> Dense:
    """A plate of which so much has left the view."""
    found = np.zeros(SIZE, bool)
    found[:, shift:] = plate()[:, :-shift]
    return found


def _part(frame: Regions) -> Part:
    """A part whose best view a frame is."""
    (best,) = frame.regions
    who = {"camera": frame.camera, "session": frame.session, "seq": frame.seq, "t_ns": frame.t_ns}
    return Part(**who, id=0, first_seq=0, views=int(best.whole), hidden=0, best=best, best_seq=0)  # type: ignore[arg-type]


def test_gauges_come_back_from_the_wire_and_from_the_archive(tmp_path: Path) -> None:
    """Masks of what differs too; a lean file leaves those out and nothing else."""
    parts = belt(tmp_path)
    assert [decode(encode(part)) for part in parts] == parts
    told = table.rows(parts)["parts"]
    assert table.parts(told) == [replace(part, watermark=None) for part in parts]
    golden_ = table.parts(told)[1].best.gauges[0]
    assert golden_.extra is not None
    lean = table.rows(parts, masks=False)["parts"]["gauges"].to_pylist()
    assert [row.count('"counts"') for row in lean] == [0, 0]
    assert all('"fit"' in row for row in lean)
    frame = gauge(iter([seen(plate())]), views={"*": layout(tmp_path)})
    (record,) = frame
    rows = table.rows([record])
    assert table.regions(rows["frames"], rows["regions"]) == [record]


def test_a_column_that_holds_no_gauges_is_told() -> None:
    """Whoever wrote something else there has damaged the row."""
    for text in (
        "[{",
        '[{"tool": "rim"}]',
        '[{"tool": "rim", "kind": "zone", "missing": {"size": [9, 9], "counts": "AA=="}}]',
    ):
        with pytest.raises(TableError, match="expected gauges as JSON, found: "):
            tooling.read(text)
    assert tooling.read(None) == ()


def test_a_backtest_judges_what_tools_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tighter limits, and the parts that change; with a sheet of them, and a picture of each."""
    judge = Judge(open_book(written(tmp_path, RULES)))
    parts = belt(tmp_path)
    archive(iter([[*parts, *(judge.judge(part) for part in parts)]]), path=str(tmp_path / "kept"))
    tight = tmp_path / "tight.yaml"
    tight.write_text(RULES.replace("0.42 cm", "0.399 cm"), encoding="utf-8")
    sheet = tmp_path / "sheet.svg"
    assert main(["backtest", str(tight), str(tmp_path / "kept"), "--sheet", str(sheet)]) == 1
    assert "SLOT" in sheet.read_text(encoding="utf-8")
    assert main(["draw", str(tmp_path / "kept"), "-o", str(tmp_path / "pictures"), "--svg"]) == 0
    capsys.readouterr()
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [picture.name.rpartition("-")[2] for picture in pictures] == ["PASS.svg", "FAIL.svg"]
    text = pictures[1].read_text(encoding="utf-8")
    (name,) = {part.best.gauges[0].template for part in parts}
    assert ">holes<" in text
    assert name in text


def test_an_archive_of_before_is_read(tmp_path: Path) -> None:
    """Version 1.3 had neither gauges nor tools in its findings, and gaps did not say what a node had forgotten."""
    parts = belt(tmp_path)[:1]
    verdict = Judge(open_book(written(tmp_path, rule("measure: area, fail: {high: 1 px²}")))).judge(parts[0])
    archive(iter([[*parts, verdict, gap(5, 9)]]), path=str(tmp_path / "kept"))
    import pyarrow.parquet as pq

    for path in (tmp_path / "kept").rglob("*.parquet"):
        rows = pq.read_table(path, partitioning=None)
        rows = _older(rows.drop_columns([name for name in ("gauges", "since") if name in rows.column_names]))
        path.unlink()
        pq.write_table(rows, path.with_name("older.parquet"))
    (part,) = table.parts(read(tmp_path / "kept", "parts"))
    assert part.best.gauges == ()
    assert table.verdicts(read(tmp_path / "kept", "verdicts")) == [replace(verdict, watermark=None)]
    assert table.gaps(read(tmp_path / "kept", "gaps")) == [gap(5, 9)]


def _older(rows: Any) -> Any:
    """A table whose findings know no tools."""
    import pyarrow as pa

    for name in {"findings", "kept"} & {*rows.column_names}:
        inner = rows.schema.field(name).type.value_type
        kind = pa.list_(pa.field("element", pa.struct([f for f in inner if f.name not in ("tool", "template")]), False))
        told = [
            [{k: v for k, v in each.items() if k not in ("tool", "template")} for each in row]
            for row in rows[name].to_pylist()
        ]
        rows = rows.set_column(rows.schema.get_field_index(name), pa.field(name, kind, False), pa.array(told, kind))
    return rows


def test_a_picture_shows_where_tools_looked(tmp_path: Path) -> None:
    """Zone, difference, both edges with their dimension line, and the place where nothing is."""
    bad = plate(2) & ~drawn(((14, 14), (26, 14), (14, 26))) & ~drawn(box(46, 15, 1, 26))
    (record,) = gauge(iter([seen(bad)]), views={"*": layout(tmp_path)}, calibration=scaled(tmp_path))
    assert isinstance(record, Regions)
    verdict = Judge(open_book(written(tmp_path, RULES))).judge(record)
    pen = Svg(980, 640, LIGHT.back)
    portrait(pen, Shown(verdict, record), LIGHT)
    text = pen.file().decode()
    for said in ("golden", "corner", "slot", "holes", "4500 µm", "CHIP"):
        assert said in text
