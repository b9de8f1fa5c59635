"""Conclusions: of a small fleet with known faults each is found, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.batch.aggregating import Outcome, Request, aggregate
from pipeline.batch.charting import Series, charts
from pipeline.batch.measures import chosen
from pipeline.batch.observing import Asked
from pipeline.batch.patterns import RULES
from pipeline.batch.splitting import PHASE
from pipeline.batch.studies import CHARTS, Study, Tolerance
from pipeline.batch.windows import Calendar
from pipeline.records import Finding, Reading, Record, Regions, Verdict
from tests.batch.plants import NOON, SECOND, SIZE, region, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")

pytestmark = pytest.mark.slow

DAY = 24 * 3600 * SECOND
CAMERAS, DAYS, LATE, FRAMES = 16, 20, 10, 30
OFF, DRIFTING, CHANGED = "cam-2", "cam-4", "cam-6"
DULL, HOT = "cam-8", "cam-10"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """Sixteen cameras for twenty days: one fails too many, the pits of one grow, one is given another book.

    One loses light, one is hotter than the others, and all grow warmer when summer comes.
    """
    folder = tmp_path_factory.mktemp("fleet")
    shelve(folder / "archive", [*_seen(np.random.default_rng(3))], batch=10**6)
    return folder / "out", run(folder)


def run(folder: Path, recent: int = DAYS - LATE, out: str = "out", measures: Any = (0, 1), **study: Any) -> Outcome:
    """Aggregate day by day."""
    asked, looked = Asked(measures=measures, pixels=False), Study(recent, **study)
    return aggregate(Request(folder / "archive", folder / out, Calendar(span="day"), asked=asked, study=looked))


def rows(out: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a conclusion."""
    listed: list[dict[str, Any]] = pq.read_table(out / f"{table}.parquet").to_pylist()
    return listed


def test_the_camera_that_fails_too_many_is_found(fleet: tuple[Path, Outcome]) -> None:
    """Among its peers with the same prompt; besides it at most the one whose new book fails more, of sixteen."""
    found = [row for row in rows(fleet[0], "comparison") if row["what"] == "frame" and row["name"] == "FAIL"]
    assert OFF in (accused := {row["camera"] for row in found if row["q"] <= 0.05})
    assert accused <= {OFF, CHANGED}
    assert [row["of"] for row in found] == [DAYS * FRAMES] * CAMERAS
    (off,) = (row for row in found if row["camera"] == OFF)
    assert off["score"] > 5
    assert off["rate"] == off["n"] / off["of"]
    assert off["peers"] == pytest.approx(0.1, abs=0.03)


def test_the_measure_that_drifts_is_found(fleet: tuple[Path, Outcome]) -> None:
    """Of all cameras and measures, it alone, with by how much."""
    found = rows(fleet[0], "drift")
    assert len(found) > CAMERAS
    (drifted,) = (row for row in found if row["p_all"] <= 0.05)
    assert (drifted["camera"], drifted["label"], drifted["measure"]) == (DRIFTING, "pit", "area_px")
    assert (drifted["days_before"], drifted["days_since"]) == (DAYS - LATE, LATE)
    assert drifted["shift"] == pytest.approx(20, rel=0.5)
    assert drifted["p"] <= 0.005


def test_light_that_is_lost_is_drift_and_summer_is_none(fleet: tuple[Path, Outcome]) -> None:
    """Of lux and brightness that camera alone; how warm cameras are is held against their peers, and nothing else."""
    folder = fleet[0].parent
    run(folder, out="light", measures=chosen(["brightness", "lux", "temperature_c", "exposure_us"]))
    drifted = [row for row in rows(folder / "light", "drift") if row["p_all"] <= 0.05]
    assert [(row["camera"], row["label"], row["measure"]) for row in drifted] == [
        (DULL, "", "brightness"),
        (DULL, "", "lux"),
    ]
    assert [row["mean_since"] / row["mean_before"] for row in drifted] == pytest.approx([0.9, 0.9], abs=0.01)
    compared = [row for row in rows(folder / "light", "comparison") if row["what"] == "measures"]
    assert {(row["camera"], row["name"]) for row in compared if row["p_all"] <= 0.05} >= {(HOT, "temperature_c")}
    assert {row["name"] for row in compared} == {"brightness", "lux", "temperature_c"}  # none exposes otherwise at all
    for table in ("charts", "changes", "trends"):
        assert {row["name"] for row in rows(folder / "light", table)} <= {"", "FAIL", "brightness", "lux"}
    assert {row["camera"] for row in rows(folder / "light", "changes")} == {DULL}


def test_charts_have_phases(fleet: tuple[Path, Outcome]) -> None:
    """A book that changes begins limits of its own; a window in which nothing failed is a point at 0."""
    found = [row for row in rows(fleet[0], "charts") if row["chart"] == "p′" and row["name"] == "FAIL"]
    phases = {row["version"]: row["center"] for row in found if row["camera"] == CHANGED}
    assert phases.keys() == {"v1", "v2"}
    assert phases["v2"] > phases["v1"] + 0.1
    for camera in {row["camera"] for row in found}:
        mine = [row for row in found if row["camera"] == camera]
        assert len(mine) == DAYS
        assert all(row["n"] == FRAMES and row["low"] <= row["center"] <= row["high"] for row in mine)
    assert sum(row["rules"] != "" for row in found) <= 2


def test_charts_of_measures_show_the_step(fleet: tuple[Path, Outcome]) -> None:
    """The mean area of what grows leaves its limits or stays on one side; in order of time."""
    found = [row for row in rows(fleet[0], "charts") if row["chart"] == "x" and row["name"] == "area_px"]
    pits = [row for row in found if row["camera"] == DRIFTING and row["label"] == "pit"]
    assert [row["begin_ns"] for row in pits] == sorted(row["begin_ns"] for row in pits)
    assert any(row["rules"] for row in pits)


def test_when_it_changed_is_told(fleet: tuple[Path, Outcome]) -> None:
    """The day from which on the pits of one camera are larger, and nothing of any other."""
    (change,) = rows(fleet[0], "changes")
    assert (change["camera"], change["label"], change["name"]) == (DRIFTING, "pit", "area_px")
    assert change["window"] == "2026-12-02T00:00+00:00"
    assert change["after"] > change["before"] + 10


def test_reasons_by_frequency(fleet: tuple[Path, Outcome]) -> None:
    """Most first, up to all of them."""
    found = rows(fleet[0], "pareto")
    assert [row["name"] for row in found] == ["PIT", "SIZE"]
    assert [row["n"] for row in found] == sorted((row["n"] for row in found), reverse=True)
    assert found[0]["share"] == found[0]["cumulative"] == found[0]["n"] / sum(row["n"] for row in found)
    assert found[-1]["cumulative"] == 1


def test_nothing_new_says_nothing_new(fleet: tuple[Path, Outcome]) -> None:
    """Conclusions stay to the byte; held against another number of days they are drawn again, of the same results."""
    out, first = fleet
    before = (out / "drift.parquet").read_bytes()
    assert run(out.parent).manifest == first.manifest
    assert (out / "drift.parquet").read_bytes() == before
    again = run(out.parent, recent=5)
    assert again.fresh == ()
    assert {row["days_since"] for row in rows(out, "drift")} == {5}
    run(out.parent)
    assert (out / "drift.parquet").read_bytes() == before


def test_phases(fleet: tuple[Path, Outcome]) -> None:
    """One camera was given another book, on the day that is told; the others have one phase."""
    found = rows(fleet[0], "phases")
    (changed,) = (row for row in found if row["changed"])
    assert (changed["camera"], changed["changed"], changed["version"]) == (CHANGED, "recipe", "v2")
    assert (changed["window"], changed["n"]) == ("2026-12-02T00:00+00:00", LATE * FRAMES)
    assert len(found) == CAMERAS + 1
    assert sum(row["n"] for row in found) == CAMERAS * DAYS * FRAMES


def test_means_are_compared_as_well(fleet: tuple[Path, Outcome]) -> None:
    """The camera whose pits grow shows the largest of all; how many regions it is of is told, of how many not."""
    found = [row for row in rows(fleet[0], "comparison") if row["what"] == "measures" and row["name"] == "area_px"]
    assert len(found) == CAMERAS
    (accused,) = (row for row in found if row["p_all"] <= 0.05)
    assert (accused["camera"], accused["label"], accused["of"], accused["n"]) == (DRIFTING, "pit", None, DAYS * FRAMES)
    assert accused["rate"] > accused["peers"] + 5
    assert all(row["p_all"] >= row["p"] for row in found)


def test_every_chart_can_be_asked_for(fleet: tuple[Path, Outcome]) -> None:
    """Of the same results, without reading a row; limits of a baseline are those of the first windows of a phase."""
    out, _ = fleet
    again = run(out.parent, charts=tuple(CHARTS), rules=tuple(RULES), baseline=8)
    assert again.fresh == ()
    found = rows(out, "charts")
    kinds = {"p", "p′", "u", "u′", "x", "mr", "x̄", "s", "ewma", "cusum up", "cusum down"}
    assert {row["chart"] for row in found} == kinds
    mine = [row for row in found if row["camera"] == DRIFTING and row["label"] == "pit"]
    single = [row for row in mine if row["chart"] == "x" and row["name"] == "area_px"]
    assert single[0]["center"] == pytest.approx(np.mean([row["value"] for row in single[:8]]))
    assert any(row["rules"] for row in mine if row["chart"] == "cusum up" and row["name"] == "area_px")
    assert not any(row["rules"] for row in mine if row["chart"] == "cusum down" and row["name"] == "area_px")
    assert mine[0]["value"] is not None
    assert [row["value"] is None for row in mine if row["chart"] == "mr" and row["name"] == "score"][:2] == [
        True,
        False,
    ]
    for row in found:
        shares = row["chart"] in {"p", "p′", "u", "u′"}
        assert not ({"N5", "N6", "N7", "N8", "W2", "W3"} & {*row["rules"].split()} and shares)
    run(out.parent)


def test_rare_events_raise_no_alarm() -> None:
    """Three failures in a month at three times are no pattern and beyond no limit; three at once are."""
    flags = []
    for times in ([10, 40, 70], [10, 10, 10]):
        hits = np.bincount(times, minlength=90).astype(np.float64)
        who = dict.fromkeys((*PHASE, "what", "name"), "")
        windows = pa.table({"begin_ns": range(90), "end_ns": range(1, 91), "window": [""] * 90})
        found = charts([Series(who, "share", windows, np.full(90, 32.0), hits, np.empty(0))], Study())
        flags.append([number for number, rules in enumerate(found["rules"].to_pylist()) if rules])
    assert flags == [[], [10]]


def test_capability(fleet: tuple[Path, Outcome]) -> None:
    """Of every camera whose pits have a tolerance; Cp and Cpk only where the means are stable."""
    out, _ = fleet
    run(out.parent, tolerances=(Tolerance("pit", "area_px", 10, 80),))
    found = {row["camera"]: row for row in rows(out, "capability") if row["version"] == "v1"}
    assert len(found) == CAMERAS
    assert (found[DRIFTING]["stable"], found[DRIFTING]["cp"], found[DRIFTING]["cpk"]) == (False, None, None)
    stable = [row for row in found.values() if row["stable"]]
    assert len(stable) >= CAMERAS - 3
    for row in stable:
        assert row["cp"] == pytest.approx((80 - 10) / (6 * row["within"]))
        assert row["cpk_low"] < row["cpk"] < row["cpk_high"]
        assert row["pp_low"] < row["pp"] < row["pp_high"]
        assert row["overall"] == pytest.approx(row["within"], rel=0.05)
        assert row["ppk_quantiles"] > 0
    run(out.parent)


def _seen(dice: np.random.Generator) -> Iterator[Record]:
    light = np.random.default_rng(5)
    for number in range(CAMERAS):
        camera = f"cam-{number}"
        for day in range(DAYS):
            for frame in range(FRAMES):
                seq = day * FRAMES + frame
                who: dict[str, Any] = {
                    "camera": camera,
                    "session": "s",
                    "seq": seq,
                    "t_ns": NOON + day * DAY + frame * SECOND,
                    "reading": _read(light, camera, late=day >= LATE),
                }
                yield from _frame(dice, who, late=day >= LATE)


def _read(dice: np.random.Generator, camera: str, *, late: bool) -> Reading:
    noise, lost = dice.normal(1, 0.02, 3).tolist(), 0.9 if late and camera == DULL else 1.0
    celsius = (60 if camera == HOT else 40) * noise[0] + 5 * late
    return Reading(exposure_us=8000, temperature_c=celsius, lux=400 * noise[1] * lost, brightness=90 * noise[2] * lost)


def _frame(dice: np.random.Generator, told: dict[str, Any], *, late: bool) -> Iterator[Record]:
    who = {name: value for name, value in told.items() if name != "reading"}
    camera = who["camera"]
    grown = 3 if late and camera == DRIFTING else 0
    pit = region("pit", (2, 2, int(dice.integers(5, 9)) + grown, int(dice.integers(5, 9))), float(dice.random()))
    yield Regions(**told, size=SIZE, regions=(pit,), prompt="top", model="m")
    changed = late and camera == CHANGED
    rate = 0.3 if camera == OFF or changed else 0.1
    outcome: Any = "FAIL" if dice.random() < rate else "PASS"
    version = "v2" if changed else "v1"
    why = (Finding("pits", "PIT", "count", 2, high=1), Finding("small", "SIZE", "area", 1, low=9))
    findings = why[: 1 + who["seq"] % 2] if outcome == "FAIL" else ()
    said: dict[str, Any] = {"subject": "frame", "first_seq": who["seq"], "book": "b", "version": version}
    yield Verdict(**who, outcome=outcome, findings=findings, **said)
