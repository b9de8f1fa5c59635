"""Records as Arrow: what goes in comes back, every row says whose it is, and frames without anything are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from pipeline import table
from pipeline.columns import TABLES, schema
from pipeline.errors import TableError
from pipeline.masks import Mask
from pipeline.records import AnyRecord, Frame, Gap, Image, Part, Reading, Record, Regions, Stats, Tracks, Verdict
from pipeline.regionrows import mask_of
from tests.strategies import frames, gaps, regions, struct, tracks

WHO: dict[str, Any] = {"camera": "cam-1", "session": "5d1c", "seq": 7, "t_ns": 1_700_000_000_123_456_789}

archived: st.SearchStrategy[list[AnyRecord]] = st.lists(
    st.one_of(frames(), regions(), tracks(), struct(Part), struct(Verdict), struct(Image), gaps()),
    min_size=1,
    max_size=6,
)


def _read(reader: Callable[[pa.Table], list[Any]], told: dict[str, pa.Table], name: str) -> list[Any]:
    return reader(told[name]) if name in told else []


def _of(kind: type[Record], records: list[AnyRecord]) -> list[Any]:
    return [record for record in records if isinstance(record, kind)]


@given(archived)
def test_parts_verdicts_and_gaps_come_back_equal_and_in_order(records: list[AnyRecord]) -> None:
    """What a reader judges a line by is told without loss, to the nanosecond and the pixel; a watermark is a word
    about what comes later on an edge, and there is no later in an archive.
    """
    told = table.rows(records)
    assert _read(table.parts, told, "parts") == [replace(one, watermark=None) for one in _of(Part, records)]
    assert _read(table.verdicts, told, "verdicts") == [replace(one, watermark=None) for one in _of(Verdict, records)]
    assert _read(table.gaps, told, "gaps") == _of(Gap, records)


@given(archived)
def test_every_table_keeps_its_schema(records: list[AnyRecord]) -> None:
    """Whatever was in the batch, types, nulls and metadata are the table's own."""
    for name, rows in table.rows(records).items():
        assert name in TABLES
        assert rows.num_rows
        assert rows.schema.equals(schema(name), check_metadata=True)
        rows.validate(full=True)


@given(archived)
def test_frames_has_one_row_per_frame_also_where_nothing_was_found(records: list[AnyRecord]) -> None:
    """The denominator of every rate: a row for each Frame, Regions and Tracks, and how many things each found."""
    seen = [record for record in records if isinstance(record, Frame | Regions | Tracks) and not _settling(record)]
    told = table.rows(records)
    rows = told["frames"].to_pylist() if "frames" in told else []
    assert [(row["camera"], row["session"], row["seq"], row["t_ns"]) for row in rows] == [_who(each) for each in seen]
    assert [row["kind"] for row in rows] == [type(each).__name__.lower() for each in seen]
    assert [row["found"] for row in rows] == [_found(each) for each in seen]


def _settling(record: Record) -> bool:
    return isinstance(record, Frame) and record.epoch == "settling"


@given(archived)
def test_settling_frames_are_in_quarantine(records: list[AnyRecord]) -> None:
    """A mask that may be of another crop has a row with everything it said, but none among the frames."""
    told = table.rows(records)
    apart = told["settling"].to_pylist() if "settling" in told else []
    assert [(row["camera"], row["session"], row["seq"], row["t_ns"]) for row in apart] == [
        _who(each) for each in records if _settling(each)
    ]
    assert {row["epoch"] for row in apart} <= {"settling"}
    frames = told["frames"].to_pylist() if "frames" in told else []
    assert "settling" not in {row["epoch"] for row in frames}
    assert [(row["epoch"], row["timing"]) for row in frames if row["kind"] == "frame"] == [
        (each.epoch, each.timing) for each in records if isinstance(each, Frame) and not _settling(each)
    ]


@given(archived)
def test_pictures_have_a_table_of_their_own(records: list[AnyRecord]) -> None:
    """Nobody who reads masks comes across a picture, and who looks for pictures finds all of them in one place."""
    told = table.rows(records)
    rows = told["images"].to_pylist() if "images" in told else []
    assert [row["data"] for row in rows] == [each.data for each in records if isinstance(each, Image)]
    lean = table.rows(records, masks=False)
    assert {row["data"] for row in (lean["images"].to_pylist() if "images" in lean else [])} <= {None}


def _who(record: Record) -> tuple[str, str, int, int]:
    return record.camera, record.session, record.seq, record.t_ns


def _found(record: Frame | Regions | Tracks) -> int:
    match record:
        case Frame():
            return len(record.layers)
        case Regions():
            return len(record.regions)
        case Tracks():
            return len(record.tracks)


@given(tracks())
def test_regions_has_one_row_per_region_with_its_pixels_and_its_track(record: Tracks) -> None:
    """Run lengths, numbers and ids stand in one flat row; a mask is made of it without anything else."""
    told = table.rows([record])
    rows = told["regions"].to_pylist() if "regions" in told else []
    assert [(row["place"], row["track"]) for row in rows] == [(i, track.id) for i, track in enumerate(record.tracks)]
    for row, track in zip(rows, record.tracks, strict=True):
        assert mask_of(row) == track.region.mask
        assert (row["counts"] is None) != (row["box_counts"] is None)
        assert (row["box_x"], row["box_y"], row["box_width"], row["box_height"]) == track.region.box
        assert (row["area_px"], row["label"], row["extent"]) == (
            track.region.area_px,
            track.region.label,
            track.region.extent,
        )


@given(frames() | regions() | tracks())
def test_whatever_tells_a_frame_says_where_the_camera_looked(record: Frame | Regions | Tracks) -> None:
    """Prompt, crop, its epoch and the network's hash are in the row, also where only regions or tracks are archived."""
    (row,) = table.rows([record])["settling" if _settling(record) else "frames"].to_pylist()
    assert row["roi"] == (
        None if record.roi is None else {f: getattr(record.roi, f) for f in ("x", "y", "width", "height")}
    )
    assert (row["prompt"], row["model"], row["epoch"]) == (record.prompt, record.model, record.epoch)


@given(frames() | regions() | tracks())
def test_whatever_tells_a_frame_says_what_the_camera_read_off_itself(record: Frame | Regions | Tracks) -> None:
    """As columns of the row; what was not said is null, and never zero."""
    (row,) = table.rows([record])["settling" if _settling(record) else "frames"].to_pylist()
    said = asdict(record.reading or Reading())
    assert {name: row[name] for name in said} == said


@given(regions())
def test_measured_frames_come_back_with_what_the_camera_read_off_itself(record: Regions) -> None:
    """One that said nothing at all is as one that was not asked."""
    told = table.rows([record])
    found = told.get("regions", schema("regions").empty_table())
    (back,) = table.regions(told["frames"], found)
    assert back.reading == (None if record.reading == Reading() else record.reading)


@given(frames())
def test_a_frame_keeps_its_layers(record: Frame) -> None:
    """Masks and logits of a frame are in its row: what a verdict can be defended with."""
    (row,) = table.rows([record])["settling" if _settling(record) else "frames"].to_pylist()
    for told, layer in zip(row["layers"], record.layers, strict=True):
        assert Mask.from_counts((told["height"], told["width"]), told["counts"]) == layer.mask
        assert (told["label"], told["area_px"]) == (layer.label, layer.mask.area)
        assert (told["scores"] or {}).get("data") == (layer.scores.data if layer.scores else None)


def test_a_parquet_file_gives_the_same_records_and_schema(tmp_path: Path) -> None:
    """Through a file nothing is lost: no type is widened, no unit and no null forgotten."""
    verdict = Verdict(**WHO, outcome="PASS", subject="part", part=3, first_seq=1)
    records = [Frame(**WHO, size=(2, 2)), verdict, Gap(**WHO, last=9, reason="expired", where="clean→archive")]
    for name, told in table.rows(records).items():
        pq.write_table(told, tmp_path / f"{name}.parquet")
        assert pq.read_table(tmp_path / f"{name}.parquet").schema.equals(schema(name), check_metadata=True)
    assert table.verdicts(pq.read_table(tmp_path / "verdicts.parquet")) == [verdict]


def test_only_tables_with_rows_are_given() -> None:
    """An empty batch is no tables, and a batch of gaps is one."""
    assert table.rows([]) == {}
    assert [*table.rows([Gap(**WHO, last=7, reason="sensor", where="camera")])] == ["gaps"]


def test_a_record_without_a_table_is_refused_in_words() -> None:
    """Statistics are not archived: they can be recomputed from what is."""
    said = r"^expected a record that has a table \(Frame, Image, Regions, Tracks, Part, Verdict, Gap\), found Stats$"
    with pytest.raises(TableError, match=said):
        table.rows([Stats(**WHO, since_ns=0, frames=1, missing=0)])


def test_a_foreign_table_is_refused_in_words() -> None:
    """A missing column is named before any row is read."""
    whole = table.rows([Gap(**WHO, last=7, reason="sensor", where="camera")])["gaps"]
    with pytest.raises(TableError, match=r"^expected a table of gaps, found one without last, place$"):
        table.gaps(whole.drop_columns(["last", "place"]))
    assert table.gaps(whole.append_column("more", pa.array([1]))) == table.gaps(whole)
