"""Join: one verdict for a part that several cameras see; which camera is heard first makes no difference."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.transforms.join import flaws, join
from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.errors import TopologyError
from pipeline.planner import plan
from pipeline.records import Finding, Gap, Outcome, Verdict, View

CAMERAS = ("top", "left", "right")
SECOND = 1_000_000_000
MS = 1_000_000
TELL: dict[str, Any] = {"cameras": CAMERAS, "by": "time", "within": 0.2, "late": 1000.0}


def seen(camera: str, part: int, outcome: Outcome = "PASS", **fields: Any) -> Verdict:
    """A verdict on a part of which one comes every second."""
    findings = () if outcome == "PASS" else (Finding("r", "BAD", "area", 1.0, outcome=outcome),)
    told: dict[str, Any] = {"seq": part * 10, "t_ns": part * SECOND, "book": camera, "version": "v1"} | fields
    return Verdict(
        camera=camera, session=f"s-{camera}", subject="part", part=part, first_seq=part * 10 - 5, outcome=outcome,
        findings=findings, **told,
    )  # fmt: skip


def gap(camera: str, part: int) -> Gap:
    """A gap of a camera just before a part."""
    return Gap(
        camera=camera, session=f"s-{camera}", seq=part * 10 - 8, last=part * 10 - 7, t_ns=part * SECOND - SECOND // 2,
        reason="overflow", where="e",
    )  # fmt: skip


def told(records: Iterable[Verdict | Gap], **changed: Any) -> list[Verdict]:
    """The joined verdicts."""
    return [each for each in join(iter(records), **TELL | changed) if isinstance(each, Verdict) and each.views]


def reasons(verdict: Verdict) -> list[tuple[str, str]]:
    """Who gave which reason."""
    return [(finding.camera, finding.reason) for finding in verdict.findings]


@pytest.mark.parametrize(
    ("outcomes", "together"),
    [
        (("PASS", "PASS", "PASS"), "PASS"),
        (("PASS", "WARN", "PASS"), "WARN"),
        (("WARN", "NO_READ", "PASS"), "NO_READ"),
        (("NO_READ", "PASS", "FAIL"), "FAIL"),
    ],
)
def test_a_part_is_as_good_as_its_worst_view(outcomes: Sequence[Outcome], together: Outcome) -> None:
    """The verdict is about the part as the first camera numbers it, and names every view."""
    (verdict,) = told(seen(camera, 4, outcome) for camera, outcome in zip(CAMERAS, outcomes, strict=True))
    assert (verdict.outcome, verdict.camera, verdict.session, verdict.part) == (together, "station", "s-top", 4)
    assert verdict.views == tuple(
        View(camera, f"s-{camera}", 40, outcome, part=4, book=camera, version="v1")
        for camera, outcome in zip(CAMERAS, outcomes, strict=True)
    )
    assert {finding.camera for finding in verdict.findings} == {
        camera for camera, outcome in zip(CAMERAS, outcomes, strict=True) if outcome != "PASS"
    }


def test_a_part_without_a_view_of_each_is_not_read() -> None:
    """The next part shows that one is missing; the part that was seen by all is good again."""
    records = [seen(camera, part) for part in (1, 2) for camera in CAMERAS if (camera, part) != ("left", 1)]
    first, second = told(records)
    assert (first.outcome, reasons(first), len(first.views)) == ("NO_READ", [("left", "VIEW_MISSING")], 2)
    assert second.outcome == "PASS"


def test_a_part_that_fails_fails_though_a_view_is_missing() -> None:
    """What was seen condemns it."""
    (verdict,) = told([seen("top", 1, "FAIL"), seen("right", 1)])
    assert (verdict.outcome, reasons(verdict)) == ("FAIL", [("top", "BAD"), ("left", "VIEW_MISSING")])


def test_a_gap_of_one_camera_hides_parts() -> None:
    """The part that it took, and the next one, which may be the one that it seems to have taken; then all is well."""
    records = [seen(camera, part) for part in (1, 2, 3, 4) for camera in CAMERAS if (camera, part) != ("left", 2)]
    records.insert(records.index(seen("left", 3)), gap("left", 2))  # type: ignore[arg-type]
    given_ = [*join(iter(records), **TELL)]
    assert [each for each in given_ if isinstance(each, Gap)] == [gap("left", 2)]
    joined = [each for each in given_ if isinstance(each, Verdict)]
    assert [each.outcome for each in joined] == ["PASS", "NO_READ", "NO_READ", "PASS"]
    assert [reasons(each) for each in joined[1:3]] == [[("left", "OVERFLOW")]] * 2
    assert joined[1].findings[0].note == "no view of left: it lost records then (OVERFLOW)"
    assert joined[2].findings[0].note == "left lost records just before: the view may be of the next part"


def test_views_that_are_too_close_are_not_told_apart() -> None:
    """Two parts of one camera within the time in which another one's view is looked for."""
    records = [seen(camera, 1, t_ns=SECOND) for camera in CAMERAS]
    records += [seen(camera, 2, t_ns=SECOND + 100 * MS) for camera in CAMERAS]
    first, second = told(records)
    assert (first.outcome, second.outcome) == ("PASS", "NO_READ")
    assert reasons(second) == [(camera, "CROWDED") for camera in CAMERAS]


def test_two_versions_of_a_book_are_none() -> None:
    """A book that was changed between two views of a part judged it by neither version."""
    records = [seen(camera, 1, book="plate", version="v2" if camera == "right" else "v1") for camera in CAMERAS]
    (verdict,) = told(records)
    assert (verdict.outcome, reasons(verdict)) == ("NO_READ", [("", "BOOK_CHANGED")])
    assert verdict.findings[0].note == "the book 'plate' was changed between its views: v1, v2"
    (bad,) = told([*records[1:], seen("top", 1, "FAIL", book="plate", version="v1")])
    assert bad.outcome == "FAIL"


def test_the_belt_brings_a_part_to_each_camera_at_another_time() -> None:
    """Offsets are what it needs to come there; within is how much that may vary."""
    offsets = {"left": 0.5, "right": 1.25}
    later = {"top": 0, "left": 450 * MS, "right": 1300 * MS}
    records = [seen(camera, part, t_ns=part * SECOND + later[camera]) for part in (1, 2, 3) for camera in CAMERAS]
    records.sort(key=lambda each: each.t_ns)
    assert [each.outcome for each in told(records, offsets=offsets)] == ["PASS"] * 3
    assert "PASS" not in {each.outcome for each in told(records)}


def test_an_encoder_tells_parts_apart_though_the_belt_stands_still() -> None:
    """Counts instead of seconds; a view without a count is of no part that anybody knows."""
    tell = {"by": "encoder", "within": 20, "offsets": {"right": 500}}
    counts = {"top": 1000, "left": 1010, "right": 1495}
    records = [seen(camera, 1, mark=count, t_ns=0) for camera, count in counts.items()]
    assert [each.outcome for each in told(records, **tell)] == ["PASS"]
    (lost, rest) = told([seen("left", 1), *records[::2]], **tell)
    assert (lost.outcome, reasons(lost)) == ("NO_READ", [("left", "NO_PLACE")])
    assert (rest.outcome, reasons(rest)) == ("NO_READ", [("left", "VIEW_MISSING")])


def test_ids_that_are_the_same_at_all_cameras() -> None:
    """Time does not matter; one that a camera does not know is missing there."""
    records = [seen("top", 1), seen("top", 2), seen("right", 2), seen("left", 1), seen("left", 2), seen("right", 3)]
    verdicts = told(records, by="part", within=0)
    assert [(each.part, each.outcome, len(each.views)) for each in verdicts] == [
        (1, "NO_READ", 2), (2, "PASS", 3), (3, "NO_READ", 1),
    ]  # fmt: skip


def test_a_camera_that_says_nothing_holds_up_nobody_for_long() -> None:
    """Once the others are further ahead than `late`, they go on without it; what then comes is a part of its own."""
    running = join(iter([*(seen("top", n) for n in range(6)), *(seen("left", n) for n in range(6)), seen("right", 0)]),
                   **TELL | {"late": 2.5})  # fmt: skip
    verdicts = [each for each in running if isinstance(each, Verdict)]
    assert {each.outcome for each in verdicts} == {"NO_READ"}
    assert sum(len(each.views) for each in verdicts) == 13


def test_a_verdict_that_cannot_be_placed_leaves_nobody_waiting_for_ever() -> None:
    """It raises, which is counted and told, and what waited is decided with what is there."""
    given: list[Verdict] = []
    waiting = [seen("top", 1, mark=100.0), seen("left", 1, mark=100.0), seen("top", 2, mark=200.0)]
    joined = join(iter([*waiting, seen("right", 1, mark=float("inf"))]), **TELL | {"by": "encoder", "within": 20})
    with pytest.raises(OverflowError):
        given.extend(each for each in joined if isinstance(each, Verdict))
    assert [(each.seq, each.outcome, len(each.views)) for each in given] == [(10, "NO_READ", 2), (20, "NO_READ", 1)]


def test_what_comes_twice_counts_once() -> None:
    """A producer that died may tell a verdict again."""
    records = [seen(camera, 1) for camera in CAMERAS for _ in range(2)]
    assert [each.outcome for each in told(records)] == ["PASS"]


def test_what_is_of_no_camera_here_goes_on() -> None:
    """Nothing disappears: a verdict of another camera, a gap that a rule book judged."""
    other = seen("elsewhere", 1)
    dark = Verdict(
        camera="left", session="s", seq=3, t_ns=0, outcome="NO_READ", subject="gap", first_seq=1,
        findings=(Finding("gap", "SENSOR", "frames", 3.0, outcome="NO_READ"),),
    )  # fmt: skip
    first, second, joined = join(iter([other, dark, seen("left", 1)]), **TELL)
    assert [first, second] == [other, dark]
    assert isinstance(joined, Verdict)
    assert ("left", "SENSOR") in reasons(joined)


outcomes: st.SearchStrategy[Outcome] = st.sampled_from(["PASS", "PASS", "PASS", "WARN", "FAIL", "NO_READ"])


@st.composite
def streams(draw: st.DrawFn) -> dict[str, list[Verdict | Gap]]:
    """What each camera says, in its order: parts that are seen, overlooked or lost, up to 70 ms too early or late."""
    said: dict[str, list[Verdict | Gap]] = {}
    count = draw(st.integers(1, 8))
    for camera in CAMERAS:
        said[camera] = []
        for part in range(count):
            fate = draw(st.sampled_from(["seen"] * 4 + ["lost", "overlooked", "near"]))
            outcome = draw(outcomes)
            when = part * SECOND + draw(st.integers(-70, 70)) * MS
            if fate == "lost":
                said[camera].append(gap(camera, part + 1))
            elif fate != "overlooked":
                said[camera].append(seen(camera, part, outcome, t_ns=when))
            if fate == "near":
                said[camera].append(seen(camera, part + 100, "PASS", t_ns=when + 120 * MS))
    return said


def mixed(said: dict[str, list[Verdict | Gap]], turns: Sequence[int]) -> list[Verdict | Gap]:
    """One order of arrival: each camera's own is kept."""
    left = {camera: deque(records) for camera, records in said.items()}
    ready = ([camera for camera in CAMERAS if left[camera]] for _ in turns)
    found = [left[some[turn % len(some)]].popleft() for turn, some in zip(turns, ready, strict=True) if some]
    return [*found, *(record for camera in CAMERAS for record in left[camera])]


orders = st.lists(st.integers(0, 5), max_size=40)


@given(said=streams(), one=orders, other=orders)
def test_any_order_of_arrival_gives_the_same_verdicts(
    said: dict[str, list[Verdict | Gap]], one: list[int], other: list[int]
) -> None:
    """Verdicts and their order: they are a function of what each camera said."""
    assert told(mixed(said, one)) == told(mixed(said, other))


@given(said=streams(), turns=orders, late=st.sampled_from([0.0, 0.5, 3.0, 1000.0]))
def test_each_view_is_in_one_verdict_and_nothing_is_good_that_was_not_seen(
    said: dict[str, list[Verdict | Gap]], turns: list[int], late: float
) -> None:
    """Whatever comes whenever, and however soon the others go on: nothing is lost, and PASS means all views passed."""
    records = mixed(said, turns)
    given_ = [*join(iter(records), **TELL | {"late": late})]
    assert [each for each in given_ if isinstance(each, Gap)] == [each for each in records if isinstance(each, Gap)]
    joined = [each for each in given_ if isinstance(each, Verdict)]
    views = Counter((view.camera, view.session, view.seq, view.part) for each in joined for view in each.views)
    assert views == Counter(
        (each.camera, each.session, each.seq, each.part) for each in records if isinstance(each, Verdict)
    )
    for each in joined:
        if each.outcome in ("PASS", "WARN"):
            assert [view.camera for view in each.views] == [*CAMERAS]
            assert {view.outcome for view in each.views} <= {"PASS", "WARN"}
            assert len({view.part for view in each.views}) == 1


LINE = """
line: {plant: p, line: l}
hosts: {h: {cameras: [top, left]}}
nodes:
  camera: {use: synthetic}
  measure: {from: camera}
  track: {from: measure}
  rules: {from: track, with: {book: BOOK}}
  join: {from: rules, with: WITH}
  alarms: {from: join, with: {path: events.jsonl}}
"""


def line(tmp_path: Any, given_: str) -> str:
    """A topology that joins two cameras."""
    path = tmp_path / "line.yaml"
    book = "rules: [{name: a, measure: holes, fail: {high: 0}, reason: A}]"
    (tmp_path / "book.yaml").write_text(book, encoding="utf-8")
    path.write_text(LINE.replace("BOOK", "book.yaml").replace("WITH", given_), encoding="utf-8")
    return str(path)


def test_the_plan_gives_it_a_lane_that_all_cameras_feed(tmp_path: Any) -> None:
    """Rules stay with their cameras; the join stands behind an edge from each, and the plan says why."""
    nodes = catalog()
    planned = plan(load(line(tmp_path, "{cameras: [top, left]}"), [], nodes), nodes, here=True)
    lanes = {lane.name: [run.node for run in lane.runs] for one in planned.processes for lane in one.lanes}
    assert lanes["top"] == ["camera", "measure", "track", "rules"]
    assert lanes["join"] == ["join"]
    whys = {edge.name: edge.why for edge in planned.edges if edge.target[0] == "join"}
    assert whys == dict.fromkeys(["rules@top→join", "rules@left→join"], "'join' keeps one state for all cameras")


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("{cameras: [top, top]}", "camera 'top' is named twice: each gives one view of a part"),
        ("{cameras: [top, left], station: top}", "station: expected another name than the cameras have, got 'top'"),
        ("{cameras: [top, left], offsets: {tip: 1}}", "offsets: expected one of the cameras, got 'tip'"),
        ("{cameras: [top, left], by: part, within: 1}", "by: ids are the same or not"),
        ("{cameras: [top]}", r"cameras: expected a list of text \(names of cameras, at least two\), got a list"),
    ],
)
def test_what_cannot_be_joined_is_told_when_the_file_is_checked(tmp_path: Any, given_: str, words: str) -> None:
    """At its place in the topology."""
    with pytest.raises(TopologyError, match=words):
        load(line(tmp_path, given_), [], catalog())


def test_its_parameters_are_checked_by_what_it_is_marked_with() -> None:
    """The check is the node's own."""
    spec = join.spec  # type: ignore[attr-defined]
    assert spec.check is flaws
    assert spec.per is None
    assert [*flaws(msgspec.convert({"cameras": ["a", "b"]}, spec.params))] == []
