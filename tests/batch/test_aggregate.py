"""Aggregate: an archive that the sink wrote gives the numbers that counting its records one by one gives."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from itertools import combinations_with_replacement, count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict, replace

from nodes.upkeep.compaction import compact
from pipeline.batch import aggregating, job
from pipeline.batch.aggregating import Outcome, Request, aggregate
from pipeline.batch.observing import Asked
from pipeline.batch.windows import Calendar, Window
from pipeline.errors import TableError
from pipeline.records import Gap, Record, Regions, Track, Tracks, Verdict
from pipeline.report.reading import results
from tests.batch.plants import NOON, SECOND, SIZE, plant, region, shelve
from tests.crumbs import crumbs

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pa = pytest.importorskip("pyarrow", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")

pytestmark = pytest.mark.slow


HOUR = 3600 * SECOND
BERLIN = Calendar("Europe/Berlin")


def run(folder: Path, calendar: Calendar = BERLIN, **asked: Any) -> Outcome:
    """Aggregate `archive` of a folder into its `out`."""
    return aggregate(Request(folder / "archive", folder / "out", calendar, asked=Asked(**asked)))


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a result."""
    return [
        row
        for path in sorted(folder.glob(f"out/table={table}/**/*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


def counts(folder: Path, span: str = "hour") -> Counter[tuple[Any, ...]]:
    """What the rates count, by window, camera, prompt, label, version, what and name."""
    keys = ("begin_ns", "camera", "prompt", "label", "version", "what", "name")
    return Counter({tuple(r[k] for k in keys): r["n"] for r in rows(folder, "rates") if r["span"] == span})


def files(folder: Path) -> dict[str, bytes]:
    """Everything that is published."""
    there = (path for path in (folder / "out").rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in there}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    """A plant's afternoon, aggregated."""
    folder, records = tmp_path_factory.mktemp("plant"), plant(1, 150)
    shelve(folder / "archive", records)
    run(folder)
    return folder, records


def test_counts(told: tuple[Path, list[Record]]) -> None:
    """Frames, gaps, outcomes, reasons and regions, hour by hour."""
    assert counts(told[0]) == Counter({key: n for key, n in naive(told[1]).items() if n})


def test_rates(told: tuple[Path, list[Record]]) -> None:
    """A share is of what it is a share of, and its interval is Wilson's."""
    found = rows(told[0], "rates")
    group = ("begin_ns", "camera", "prompt", "version")
    of: Counter[Any] = Counter()
    for row in found:
        of[tuple(row[k] for k in group), row["what"], row["span"]] += row["n"]
    for row in found:
        base = {"frame": "frame", "frame reasons": "frame", "frames with": "frames"}.get(row["what"])
        if base and row["span"] == "hour":
            n = of[tuple(row[k] for k in group), base, "hour"]
            p, z = row["n"] / n, statistics.NormalDist().inv_cdf(0.975)
            half = z / (n + z * z) * math.sqrt(n * p * (1 - p) + z * z / 4)
            assert (row["of"], row["rate"]) == (n, p)
            assert row["high"] - row["low"] == pytest.approx(2 * half) or p in {0, 1}
            assert row["low"] <= p <= row["high"]
    missing = [row for row in found if row["what"] == "missing"]
    assert missing
    for row in missing:
        seen = sum(
            r["n"]
            for r in found
            if r["what"] == "frames" and (r["camera"], r["begin_ns"]) == (row["camera"], row["begin_ns"])
        )
        assert row["of"] == row["n"] + seen


def test_histograms_tell_whole_days(told: tuple[Path, list[Record]]) -> None:
    """They count every value that the measures of windows count."""
    found, measured = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for counts, table, span in ((found, "histograms", "date"), (measured, "measures", "hour")):
        for row in rows(told[0], table):
            assert row["span"] == span
            counts[tuple(row[key] for key in ("camera", "prompt", "label", "model", "version", "measure"))] += row["n"]
    assert found == measured


def test_measures(told: tuple[Path, list[Record]]) -> None:
    """Mean and variance rounded once, exact limits, quantiles within 1 %."""
    values: dict[Any, list[float]] = defaultdict(list)
    for record, where in _measured(told[1]):
        values[*where, record[0], record[1]].append(record[2])
    found = {(r["begin_ns"], r["camera"], r["label"], r["measure"]): r for r in rows(told[0], "measures")}
    assert found.keys() == values.keys()
    for key, numbers in values.items():
        row = found[key]
        assert (row["n"], row["low"], row["high"]) == (len(numbers), min(numbers), max(numbers))
        assert row["mean"] == float(sum(map(Fraction, numbers)) / len(numbers))
        assert row["variance"] == (float(statistics.variance(map(Fraction, numbers))) if len(numbers) > 1 else None)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            assert row[name] == pytest.approx(
                sorted(numbers)[math.ceil(Fraction(str(share)) * len(numbers)) - 1], rel=0.0101
            )


def test_pixels(told: tuple[Path, list[Record]]) -> None:
    """Every pixel of every mask, where it is on the sensor, and on the part."""
    folder, records = told
    dense: dict[Any, Any] = defaultdict(lambda: np.zeros(SIZE, int))
    for frame in records:
        for each in frame.regions if isinstance(frame, Regions) else ():
            dense[frame.camera, each.label] += each.mask.dense
    found: dict[Any, Any] = defaultdict(lambda: np.zeros(SIZE, int))
    for row in rows(folder, "pixels"):
        found[row["camera"], row["label"]][row["y"], row["x"]] += row["n"]
        assert (row["sensor_x"], row["sensor_y"]) == (100 + 2 * row["x"] + 1, 200 + 2 * row["y"] + 1)
    assert found.keys() == dense.keys()
    assert all((found[key] == dense[key]).all() for key in dense)


def test_heat(told: tuple[Path, list[Record]]) -> None:
    """Centroids in cells of the view, the sensor, the plane and the part; pixels in cells of the part."""
    assert heat(told[0]) == Counter(_cells(told[1]))


def test_pairs_and_runs(told: tuple[Path, list[Record]]) -> None:
    """Which labels are seen together, and how many frames lie between two that failed."""
    folder, records = told
    together: Counter[Any] = Counter()
    for frame in records:
        if isinstance(frame, Regions):
            together.update(
                (frame.camera, *two)
                for two in combinations_with_replacement(sorted({r.label for r in frame.regions}), 2)
            )
    assert Counter({(r["camera"], r["first"], r["second"]): r["n"] for r in rows(folder, "pairs")}) == together
    assert Counter({(r["camera"], r["frames"]): r["n"] for r in rows(folder, "runs")}) == Counter(_between(records))


def test_an_exact_run_again_gives_the_same_bytes(told: tuple[Path, list[Record]], tmp_path: Path) -> None:
    """In another folder, from files that are cut in another way and read in other slices; only their names differ."""
    shelve(tmp_path / "archive", [*told[1]][::-1], batch=31)
    run(tmp_path)
    one, two = files(told[0]), files(tmp_path)
    one.pop("out/manifest.json"), two.pop("out/manifest.json")
    assert one == two


def test_nothing_new_touches_nothing(told: tuple[Path, list[Record]]) -> None:
    """A run on what is known already reads no row and changes no byte."""
    before = files(told[0])
    assert run(told[0]).fresh == ()
    assert files(told[0]) == before


def test_counting_alone(tmp_path: Path) -> None:
    """What was concluded of fewer days goes, a report says why there is none, and the next run concludes anew."""
    asked = Request(shelve(tmp_path / "archive", plant(2, 30)), tmp_path / "out", BERLIN)
    alone = replace(asked, concludes=False)
    concluded = aggregate(asked).manifest.conclusions
    assert aggregate(alone).manifest.conclusions == concluded  # nothing has come: they still hold
    shelve(tmp_path / "archive", plant(3, 30, start=NOON + 24 * HOUR))
    assert aggregate(alone).manifest.conclusions == {}
    assert not {f"out/{name}" for name, _, _ in concluded.values()} & {*files(tmp_path)}
    with pytest.raises(TableError, match="expected conclusions, found counts alone; aggregate without --no-conclu"):
        results(tmp_path / "out")
    assert {*aggregate(asked).manifest.conclusions} == {*concluded}
    assert results(tmp_path / "out").told


def test_late_rows_touch_their_day_alone(tmp_path: Path) -> None:
    """Days are read again only where files came; what comes out is what one run over everything gives."""
    first, second = plant(2, 30), plant(3, 30, start=NOON + 24 * HOUR)
    shelve(tmp_path / "archive", first + second)
    assert [date for _, _, date in run(tmp_path).fresh] == ["2026-11-22", "2026-11-23"]
    day = files(tmp_path)
    late = [Gap(camera="cam-9", session="s", seq=0, t_ns=NOON + 25 * HOUR, last=4, reason="sensor", where="camera")]
    shelve(tmp_path / "archive", late)
    assert [date for _, _, date in run(tmp_path).fresh] == ["2026-11-23"]
    assert all(data == day[name] for name, data in files(tmp_path).items() if "date=2026-11-22" in name)
    shelve(tmp_path / "once" / "archive", first + second + late)
    run(tmp_path / "once")
    assert files(tmp_path / "once").keys() == files(tmp_path).keys()
    assert counts(tmp_path / "once") == counts(tmp_path)


def test_days_by_themselves_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year does not fit into one pipeline's memory: it is cut between days."""
    shelve(tmp_path / "archive", plant(2, 30) + plant(3, 30, start=NOON + 24 * HOUR))
    asked = Request(tmp_path / "archive", tmp_path / "out", BERLIN)
    aggregate(asked)
    pipelines, run_one = count(), job.run
    monkeypatch.setattr(aggregating, "PORTION", 1)
    monkeypatch.setattr(job, "run", lambda words, build: (next(pipelines), run_one(words, build)))
    aggregate(replace(asked, output=tmp_path / "apart"))
    assert next(pipelines) == 2
    assert {name.replace("out/", "", 1): data for name, data in files(tmp_path).items()} == {
        str(path.relative_to(tmp_path / "apart")): path.read_bytes()
        for path in (tmp_path / "apart").rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_what_was_sent_twice_counts_once(told: tuple[Path, list[Record]], tmp_path: Path) -> None:
    """In other company, by another writer, without masks, and as tracks of what was measured."""
    records = told[1]
    shelve(tmp_path / "archive", records)
    shelve(tmp_path / "archive", records[20:90], batch=7)
    again = [
        Tracks(
            camera=each.camera,
            session=each.session,
            seq=each.seq,
            t_ns=each.t_ns,
            size=each.size,
            roi=each.roi,
            prompt=each.prompt,
            model=each.model,
            tracks=tuple(Track(n, r) for n, r in enumerate(each.regions)),
        )
        for each in records
        if isinstance(each, Regions)
    ]
    shelve(tmp_path / "archive", again)
    out = run(tmp_path)
    assert out.manifest.days[0].account.tables["verdicts"]["repeated"] > 0
    assert counts(tmp_path) == counts(told[0])
    assert heat(tmp_path) == heat(told[0])
    assert rows(tmp_path, "measures") == rows(told[0], "measures")


def test_an_empty_archive(tmp_path: Path) -> None:
    """It is nothing new, and a manifest says so."""
    shelve(tmp_path / "archive", [])
    assert run(tmp_path).manifest.days == ()
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["days"] == []
    with pytest.raises(TableError, match="expected an archive, found no folder"):
        aggregate(Request(tmp_path / "none", tmp_path / "out"))


def test_one_row(tmp_path: Path) -> None:
    """One gap is one gap; there is no rate of anything that was not seen."""
    shelve(
        tmp_path / "archive", [Gap(camera="c", session="s", seq=3, t_ns=NOON, last=3, reason="sensor", where="camera")]
    )
    run(tmp_path)
    (row,) = rows(tmp_path, "rates")
    assert (row["what"], row["n"], row["of"], row["rate"], row["high"]) == ("missing", 1, 1, 1.0, 1.0)
    assert rows(tmp_path, "measures") == rows(tmp_path, "heat") == []


def test_nothing_was_read(tmp_path: Path) -> None:
    """Where every verdict is NO_READ, none is good: the share of NO_READ is 1, and there is no PASS."""
    who: list[dict[str, Any]] = [{"camera": "c", "session": "s", "seq": n, "t_ns": NOON + n} for n in range(20)]
    shelve(tmp_path / "archive", [Verdict(**w, outcome="NO_READ", subject="frame", first_seq=w["seq"]) for w in who])
    run(tmp_path)
    found = [(row["name"], row["n"], row["rate"]) for row in rows(tmp_path, "rates") if row["what"] == "frame"]
    assert found == [("NO_READ", 20, 1.0)]


@pytest.mark.parametrize("span", ["hour", "shift"])
def test_the_night_in_which_clocks_change(span: str, tmp_path: Path) -> None:
    """Each exposure is in the window that holds it, and in no other, also in the hour that comes twice."""
    begin = round(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()) * SECOND
    times = [begin + minutes * 60 * SECOND for minutes in range(0, 10 * 60, 20)]
    frames = [Regions(camera="c", session="s", seq=n, t_ns=t, size=SIZE) for n, t in enumerate(times)]
    shelve(tmp_path / "archive", frames)
    calendar = Calendar("Europe/Berlin", span)
    run(tmp_path, calendar)
    found = {(r["begin_ns"], r["end_ns"], r["window"]): r["n"] for r in rows(tmp_path, "rates") if r["span"] == span}
    assert sum(found.values()) == len(times)
    assert all(n == sum(first <= t < end for t in times) for (first, end, _), n in found.items())
    assert len([name for _, _, name in found if "T02:00" in name]) == (2 if span == "hour" else 0)


def test_batches(tmp_path: Path) -> None:
    """What lies in no batch is counted as outside; a batch over midnight is one window."""
    frames = [Regions(camera="c", session="s", seq=n, t_ns=NOON + n * HOUR, size=SIZE) for n in range(24)]
    shelve(tmp_path / "archive", frames)
    day = datetime.fromtimestamp(NOON // SECOND, UTC).date()
    batches = (Window(NOON + HOUR, NOON + 3 * HOUR, "A", day), Window(NOON + 10 * HOUR, NOON + 15 * HOUR, "B", day))
    out = run(tmp_path, Calendar("UTC", "batch", batches=batches))
    found = {r["window"]: r["n"] for r in rows(tmp_path, "rates") if r["span"] == "batch"}
    assert found == {"A": 2, "B": 5}
    assert out.manifest.days[0].account.tables["frames"]["outside"] == 17
    more = (*batches, Window(NOON + 16 * HOUR, NOON + 18 * HOUR, "C", day))
    assert run(tmp_path, Calendar("UTC", "batch", batches=more)).fresh == (("", "", day.isoformat()),)
    assert {r["window"]: r["n"] for r in rows(tmp_path, "rates") if r["span"] == "batch"} == {"A": 2, "B": 5, "C": 2}
    with pytest.raises(TableError, match="results here were made with another batch; give the same, or another --out"):
        run(tmp_path, Calendar("UTC", "batch", batches=more[1:]))


def naive(records: list[Record]) -> Counter[tuple[Any, ...]]:
    """What there is to count, one record after the other."""
    found: Counter[tuple[Any, ...]] = Counter()
    versions = {
        (r.camera, r.session, r.seq): r.version for r in records if isinstance(r, Verdict) and r.subject == "frame"
    }
    for record in records:
        where = (record.t_ns // HOUR * HOUR, record.camera)
        if isinstance(record, Gap):
            found[*where, "", "", "", "missing", ""] += record.last - record.seq + 1
        elif isinstance(record, Verdict):
            prompt = "top" if record.subject == "frame" else ""
            found[*where, prompt, "", record.version, record.subject, record.outcome] += 1
            reasons = [finding.reason for finding in record.findings]
            found.update(
                (*where, prompt, "", record.version, f"{record.subject} findings", reason) for reason in reasons
            )
            found.update(
                (*where, prompt, "", record.version, f"{record.subject} reasons", reason) for reason in {*reasons}
            )
        elif isinstance(record, Regions):
            version = versions[record.camera, record.session, record.seq]
            labels = [each.label for each in record.regions]
            found[*where, "top", "", version, "frames", ""] += 1
            found.update((*where, "top", label, version, "regions", "") for label in labels)
            found.update((*where, "top", label, version, "frames with", "") for label in {*labels})
    return found


def heat(folder: Path) -> Counter[tuple[Any, ...]]:
    """Cells of a result by camera, label, space and place."""
    return Counter({tuple(r[k] for k in ("camera", "label", "space", "x", "y")): r["n"] for r in rows(folder, "heat")})


def _measured(records: list[Record]) -> Iterator[tuple[tuple[str, str, float], tuple[int, str]]]:
    """(label, measure, value) with hour and camera."""
    for record in records:
        if isinstance(record, Regions):
            where = (record.t_ns // HOUR * HOUR, record.camera)
            yield ("", "found", float(len(record.regions))), where
            read = asdict(record.reading) if record.reading else {}
            for name in ("brightness", "lux", "temperature_c", "exposure_us"):
                if (value := read.get(name)) is not None:
                    yield ("", name, float(value)), where
            for each in record.regions:
                assert each.shape is not None
                told = {"area_px": each.area_px, "score": each.score, "length_px": each.shape.length_px}
                told |= {"width_px": each.shape.width_px}
                if each.metric:
                    told |= {name: getattr(each.metric, name) for name in ("area_mm2", "length_mm", "width_mm")}
                yield from (((each.label, name, float(value)), where) for name, value in told.items())


def _cells(records: list[Record]) -> Iterator[tuple[Any, ...]]:
    for frame in records:
        for each in frame.regions if isinstance(frame, Regions) else ():
            x, y = (value + 0.5 for value in each.centroid)
            who = (frame.camera, each.label)
            yield (*who, "view", int(x * 64 / SIZE[1]), int(y * 64 / SIZE[0]))
            yield (*who, "sensor", int((100 + x * 2) // 64), int((200 + y * 2) // 64))
            if each.metric:
                yield (*who, "plane", *(math.floor(value) for value in each.metric.centroid_mm))
            elif 4 <= x < 24 and 4 <= y < 20:
                yield (*who, "part", int((x - 4) * 64 / 20), int((y - 4) * 64 / 16))
                for v, u in zip(*np.nonzero(each.mask.dense), strict=True):
                    on = [(u + 0.5 - 4) * 64 / 20, (v + 0.5 - 4) * 64 / 16]
                    yield (*who, "part pixels", *(min(63, max(0, math.floor(value))) for value in on))


def _between(records: list[Record]) -> Iterator[tuple[str, int]]:
    """Frames between two that failed, by camera."""
    for camera, session in sorted({(r.camera, r.session) for r in records}):
        mine = [r for r in records if (r.camera, r.session) == (camera, session)]
        seen = sorted(r.seq for r in mine if isinstance(r, Regions))
        failed = sorted(r.seq for r in mine if isinstance(r, Verdict) and r.outcome == "FAIL")
        yield from ((camera, sum(one < seq < two for seq in seen)) for one, two in pairwise(failed))


def test_the_oracle_has_parts() -> None:
    """The plant is one in which everything happens."""
    records = plant(1, 150)
    assert {type(record) for record in records} == {Gap, Regions, Verdict}
    assert region("part", (4, 4, 20, 16)).area_px == 319


@pytest.mark.timeout(300)
def test_ten_thousand_small_files(tmp_path: Path) -> None:
    """As a line leaves them that rolls a file every few seconds and is never compacted: each row once."""
    crumbs(tmp_path / "archive" / "table=gaps" / "date=2026-11-22", 10_000, NOON, 10**9)
    outcome = run(tmp_path)
    assert sum(day.account.tables["gaps"]["counted"] for day in outcome.manifest.days) == 10_000
    assert sum(n for key, n in counts(tmp_path).items() if key[-2] == "missing") == 10_000


def test_files_that_are_compacted_meanwhile(tmp_path: Path) -> None:
    """They go between the look at the archive and the reading: their days are read again, and no row is dead."""
    said = list[str]()

    def compacted(text: str) -> None:
        if not said:
            assert [*compact(tmp_path / "two" / "archive", [])]
        said.append(text)

    for name in ("one", "two"):
        shelve(tmp_path / name / "archive", plant(4, 60), batch=20)
    run(tmp_path / "one")
    outcome = aggregate(Request(tmp_path / "two" / "archive", tmp_path / "two" / "out", BERLIN), say=compacted)
    assert "files were made one with others meanwhile: their days are read again" in said
    assert not [letter for day in outcome.manifest.days for letter in day.account.dead]
    one, two = (files(tmp_path / name) for name in ("one", "two"))
    assert {name for name in one if "table=" in name} == {name for name in two if "table=" in name}
    assert all(two[name] == content for name, content in one.items() if "table=" in name)
