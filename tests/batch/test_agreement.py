"""Stream and batch: the `stats` node and `kensa aggregate` give the same numbers for the same frames."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.transforms.stats import stats
from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.sampling import AT_ONCE, Sample
from pipeline.records import Record, Stats
from tests.batch.plants import plant, shelve

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pq = pytest.importorskip("pyarrow.parquet", reason="pip install 'kensa[batch]'")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Stats], Path]:
    """What the node tells hour by hour, and where the results of the batch are."""
    folder, records = tmp_path_factory.mktemp("both"), plant(11, 160)
    told = [each for camera in ("cam-1", "cam-2") for each in streamed(records, camera)]
    aggregate(Request(shelve(folder / "archive", records), folder / "out"))
    return told, folder / "out"


def streamed(records: list[Record], camera: str) -> list[Stats]:
    """What the node tells of a camera; it is given records out of order, and frames twice."""
    mine: list[Any] = [record for record in records if record.camera == camera]
    shuffled = [
        record for at in range(0, len(mine), 4) for record in [*mine[at : at + 4][::-1], mine[at]][: 5 if at % 8 else 4]
    ]
    return [*stats(iter(sorted(shuffled, key=lambda r: r.session)), window=3600.0, lateness=600.0, measures=True)]


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a result."""
    (path,) = folder.glob(f"table={table}/*/*.parquet")
    listed: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return listed


def test_counts_agree(both: tuple[list[Stats], Path]) -> None:
    """Frames, missing ones, outcomes and reasons; sessions, which the node keeps apart, add up to cameras."""
    told, folder = both
    stream: Counter[Any] = Counter()
    for each in told:
        where = (each.camera, each.since_ns)
        stream.update({(*where, "frames", ""): each.frames, (*where, "missing", ""): each.missing})
        stream.update({(*where, "outcomes", name): n for name, n in each.outcomes.items()})
        stream.update({(*where, "reasons", name): n for name, n in each.reasons.items()})
    batch: Counter[Any] = Counter()
    words = {"frame": "outcomes", "part": "outcomes", "gap": "outcomes", "frame findings": "reasons"}
    for row in rows(folder, "rates"):
        what = words.get(row["what"], row["what"])
        if row["span"] == "hour" and what in {"frames", "missing", "outcomes", "reasons"}:
            batch[row["camera"], row["begin_ns"], what, row["name"]] += row["n"]
    assert +stream == +batch


def test_measures_agree(both: tuple[list[Stats], Path]) -> None:
    """To the last bit, where an hour has one session."""
    told, folder = both
    batch = {(r["camera"], r["begin_ns"], r["label"], r["measure"]): r for r in rows(folder, "measures")}
    alone = Counter((each.camera, each.since_ns) for each in told)
    compared = 0
    for each in told:
        for summary in each.measures if alone[each.camera, each.since_ns] == 1 else ():
            row = batch[each.camera, each.since_ns, summary.label, summary.measure]
            for name in ("n", "mean", "deviation", "low", "high", "p50", "p95", "p99"):
                assert getattr(summary, name) == row[name], (name, row)
                compared += 1
    assert compared > 100


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_what_is_kept_does_not_grow(drawn: list[float]) -> None:
    """Values that come in many pieces are what they are at once; what cannot be measured is passed over."""
    whole, pieces = Sample(), Sample()
    for value in [*drawn, float("nan")] * 40:
        pieces.add(value)
    for value in [value for value in drawn for _ in range(40)]:
        whole.add(value)
    assert pieces.finish("", "") == whole.finish("", "")
    assert AT_ONCE
