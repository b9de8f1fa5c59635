"""Record ⇄ Arrow: flat tables that any Arrow or Parquet reader understands, with units in their metadata.

`frames` has one row per inspected frame, also when nothing was found: the denominator of every rate. `regions` has
one row per region with its run lengths, `parts`, `verdicts` and `gaps` one row per record. The last three read back
as the records they were, but for watermarks; frames and regions are for statistics, a recording replays them.
`settling` holds the frames whose masks may be of another crop than they say: in quarantine, counted, never in `frames`.
`images` has rows only of cameras where the topology says `images: true`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from pipeline import tooling
from pipeline.columns import TABLES, arrow, schema
from pipeline.errors import TableError
from pipeline.records import (
    Finding,
    Frame,
    Gap,
    Image,
    Part,
    Reading,
    Record,
    Regions,
    Spread,
    Tracks,
    Verdict,
    View,
)
from pipeline.regionrows import layer_row, region_of, region_row, roi_of, roi_row

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

CHUNK = 256  # records whose rows are Python objects at a time, which take many times the memory of columns
PIXELS = ("counts", "box_counts", "data")
READ = Reading.__struct_fields__
JUDGED = ("outcome", "subject", "part", "first_seq", "book", "version", "mark")


def rows(records: Iterable[Record], *, masks: bool = True) -> dict[str, pa.Table]:
    """The records as Arrow tables by name; only tables that have rows.

    Args:
        records: Frame, Image, Regions, Tracks, Part, Verdict and Gap, in any order and mixture.
        masks: False leaves out run lengths, scores and pictures; what was measured on them stays.

    Raises:
        TableError: If a record is of another kind, or pyarrow is not installed.
    """
    found: dict[str, list[pa.Table]] = defaultdict(list)
    left = iter(records)
    while some := [*islice(left, CHUNK)]:
        for name, told in _tell(some, masks=masks).items():
            found[name].append(arrow().Table.from_pylist(told, schema=schema(name)))
    return {name: arrow().concat_tables(found[name]) for name in TABLES if name in found}


def parts(table: pa.Table) -> list[Part]:
    """The parts that a `parts` table holds, in its order.

    Raises:
        TableError: If a column is missing, or the mask of a part: then filter by `counts` first.
    """
    return [_part(row) for row in _rows("parts", table)]


def regions(frames: pa.Table, found: pa.Table) -> list[Regions]:
    """The measured frames that a `frames` table and a `regions` table hold, in the order of the first.

    Args:
        frames: Rows of other kinds are passed over: a tracked frame shows what was followed, not all that was measured.
        found: The regions of these frames, in any order.

    Raises:
        TableError: If a column is missing, or a region, or the mask of one.
    """
    inside: dict[tuple[str, str, int], dict[int, Row]] = defaultdict(dict)
    for row in _rows("regions", found):
        if row["kind"] == "regions":
            inside[row["camera"], row["session"], row["seq"]][row["place"]] = row
    told = (row for row in _rows("frames", frames) if row["kind"] == "regions")
    return [_measured_frame(row, inside[row["camera"], row["session"], row["seq"]]) for row in told]


def verdicts(table: pa.Table) -> list[Verdict]:
    """The verdicts that a `verdicts` table holds, in its order.

    Raises:
        TableError: If a column is missing.
    """
    return [_verdict(row) for row in _rows("verdicts", table)]


def gaps(table: pa.Table) -> list[Gap]:
    """The gaps that a `gaps` table holds, in its order.

    Raises:
        TableError: If a column is missing.
    """
    return [
        Gap(**_whose(row), last=row["last"], reason=row["reason"], where=row["place"], since=row["since"])
        for row in _rows("gaps", table)
    ]


def _tell(records: Iterable[Record], *, masks: bool) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for record in records:
        for table, row in _told(record):
            found[table].append(row if masks else _measured(row))
    return found


def _told(record: Record) -> Iterator[tuple[str, Row]]:
    teller = _TELLERS.get(type(record))
    if teller is None:
        known = ", ".join(kind.__name__ for kind in _TELLERS)
        raise TableError(f"expected a record that has a table ({known}), found {type(record).__name__}")
    yield from teller(record)


def _measured(row: Row) -> Row:
    """A row without pixels."""
    if "layers" in row:
        return {**row, "layers": [{**layer, "counts": None, "scores": None} for layer in row["layers"]]}
    told = {name: None if name in PIXELS else value for name, value in row.items()}
    gauges = row.get("gauges")
    return {**told, "gauges": tooling.told(tooling.read(gauges), masks=False)} if gauges else told


def _frame(frame: Frame) -> Iterator[tuple[str, Row]]:
    layers = [layer_row(layer) for layer in frame.layers]
    table = "settling" if frame.epoch == "settling" else "frames"
    yield table, _seen(frame, found=len(layers), layers=layers, timing=frame.timing, encoder=frame.encoder)


def _images(image: Image) -> Iterator[tuple[str, Row]]:
    height, width = image.size
    said = {"height": height, "width": width, "format": image.format, "data": image.data, "prompt": image.prompt}
    yield "images", {**_who(image), **said, "roi": roi_row(image.roi)}


def _regions(frame: Regions) -> Iterator[tuple[str, Row]]:
    yield "frames", _seen(frame, found=len(frame.regions), encoder=frame.encoder, calibration=frame.calibration)
    for place, region in enumerate(frame.regions):
        yield "regions", {**_who(frame), "kind": "regions", "place": place, "track": None, **region_row(region)}


def _tracks(frame: Tracks) -> Iterator[tuple[str, Row]]:
    yield "frames", _seen(frame, found=len(frame.tracks), encoder=frame.encoder, calibration=frame.calibration)
    for place, track in enumerate(frame.tracks):
        told = {"kind": "tracks", "place": place, "track": track.id}
        yield "regions", {**_who(frame), **told, **region_row(track.region)}


def _parts(part: Part) -> Iterator[tuple[str, Row]]:
    counted = {"first_seq": part.first_seq, "views": part.views, "hidden": part.hidden, "best_seq": part.best_seq}
    measures = [{name: getattr(spread, name) for name in Spread.__struct_fields__} for spread in part.measures]
    told: Row = {"mark": part.mark, "piece": part.piece, "prompt": part.prompt, "epoch": part.epoch}
    told |= {"roi": roi_row(part.roi)}
    yield "parts", {**_who(part), "part": part.id, **counted, **region_row(part.best), **told, "measures": measures}


def _verdicts(verdict: Verdict) -> Iterator[tuple[str, Row]]:
    lists = {name: [asdict(each) for each in getattr(verdict, name)] for name in ("findings", "kept", "views")}
    yield "verdicts", {**_who(verdict), **{name: getattr(verdict, name) for name in JUDGED}, **lists}


def _gaps(gap: Gap) -> Iterator[tuple[str, Row]]:
    yield "gaps", {**_who(gap), "last": gap.last, "reason": gap.reason, "place": gap.where, "since": gap.since}


_TELLERS: dict[type[Record], Callable[[Any], Iterator[tuple[str, Row]]]] = {
    Frame: _frame,
    Image: _images,
    Regions: _regions,
    Tracks: _tracks,
    Part: _parts,
    Verdict: _verdicts,
    Gap: _gaps,
}


def _who(record: Record) -> Row:
    return {"camera": record.camera, "session": record.session, "seq": record.seq, "t_ns": record.t_ns}


def _seen(frame: Frame | Regions | Tracks, **said: Any) -> Row:
    row = {**_who(frame), "kind": type(frame).__name__.lower(), "height": frame.size[0], "width": frame.size[1]}
    how = {"prompt": frame.prompt, "model": frame.model, "roi": roi_row(frame.roi), "epoch": frame.epoch}
    return {"layers": [], **row, **how, **said, **({} if frame.reading is None else asdict(frame.reading))}


def _whose(row: Row) -> Row:
    return {"camera": row["camera"], "session": row["session"], "seq": row["seq"], "t_ns": row["t_ns"]}


def _part(row: Row) -> Part:
    told = {name: row[name] for name in ("first_seq", "views", "hidden", "best_seq", "mark", "piece")}
    told |= {"prompt": row["prompt"] or "", "epoch": row["epoch"] or "settled"}
    measures = tuple(Spread(**spread) for spread in row["measures"] or ())
    return Part(**_whose(row), id=row["part"], **told, best=region_of(row), measures=measures, roi=roi_of(row))


def _measured_frame(row: Row, inside: Mapping[int, Row]) -> Regions:
    if len(inside) != row["found"]:
        raise TableError(
            f"expected {row['found']} regions of frame {row['seq']} of '{row['camera']}', found {len(inside)}"
        )
    said = {name: row[name] for name in ("prompt", "model", "encoder")} | {"epoch": row["epoch"] or "settled"}
    said["calibration"], read = row["calibration"] or "", {name: row[name] for name in READ}
    said["reading"] = None if all(value is None for value in read.values()) else Reading(**read)
    seen = tuple(region_of(inside[place]) for place in sorted(inside))
    return Regions(**_whose(row), size=(row["height"], row["width"]), regions=seen, roi=roi_of(row), **said)


def _verdict(row: Row) -> Verdict:
    findings, kept = (tuple(Finding(**_known(each)) for each in row[name]) for name in ("findings", "kept"))
    views = tuple(View(**each) for each in row["views"])
    same = {name: row[name] for name in JUDGED}
    return Verdict(**_whose(row), **same, findings=findings, kept=kept, views=views)


def _known(row: Row) -> Row:
    """What is said at all; an older version did not know every field."""
    return {name: value for name, value in row.items() if value is not None}


def _rows(name: str, table: pa.Table) -> list[Row]:
    missing = [column for column in schema(name).names if column not in table.column_names]
    if missing:
        raise TableError(f"expected a table of {name}, found one without {', '.join(missing)}")
    listed: list[Row] = table.to_pylist()
    return listed
