"""What an archive tells of a stretch of time, as an aggregate; each row is there once and sound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from pipeline.batch.building import EXPOSURE, SAID, Builder, Scope, Told, matched, met, once, taken
from pipeline.batch.mapping import Located, carried, heat, on_parts, pixels
from pipeline.batch.measures import MEASURES
from pipeline.batch.runlengths import Runs
from pipeline.batch.statistics import Aggregate, measured, table
from pipeline.batch.tally import Ints, counted, ranked, says, spelled
from pipeline.batch.windows import placed
from pipeline.columns import arrow

if TYPE_CHECKING:
    import pyarrow as pa

SUBJECTS = ("frame", "part", "gap")


class Seen(Struct, frozen=True):
    """Rows of an archive: flat columns, no row twice, none that is not sound.

    Attributes:
        frames: One row per exposure and kind of record.
        regions: One row per region.
        verdicts: One row per verdict; `reasons` is a list.
        gaps: One row per gap.
        runs: Runs of the regions' masks, where pixels are asked for.
    """

    frames: pa.Table
    regions: pa.Table
    verdicts: pa.Table
    gaps: pa.Table
    runs: Runs | None = None


class Asked(Struct, frozen=True):
    """What is asked for.

    Attributes:
        measures: Numbers of `MEASURES`.
        part: Label of the regions that are parts, on which others lie.
        pixels: Whether every pixel of a mask is counted, not its centroid alone.
        verify: Whether each file is held against the digest in its name, for which all of it is read.
    """

    measures: tuple[int, ...] = tuple(range(len(MEASURES)))
    part: str = "part"
    pixels: bool = True
    verify: bool = False


def observe(seen: Seen, scope: Scope, asked: Asked) -> Aggregate:
    """Everything that is counted and measured in some rows, all of which lie in the scope's windows."""
    if not scope.windows:
        return Builder().done()
    builder, exposures = Builder(), _exposures(seen)
    _frames(builder, scope, exposures, asked)
    _verdicts(builder, scope, seen.verdicts, exposures)
    _gaps(builder, scope, seen)
    _regions(builder, scope, seen, exposures, asked)
    return builder.done()


def _exposures(seen: Seen) -> pa.Table:
    """Each exposure once: as it was measured, else as it was tracked, else as it came; with its rule book's version."""
    pa = arrow()
    judged = seen.verdicts.filter(pa.compute.equal(seen.verdicts["subject"], "frame"))
    judged = judged.sort_by([(name, "ascending") for name in ("book", "version")])
    which = [says(seen.frames["kind"], kind) for kind in ("regions", "tracks", "frame")]
    first = [seen.frames if mine.all() else seen.frames.filter(pa.array(mine)) for mine in which if mine.any()]
    bare = judged.select([*EXPOSURE, "t_ns"])
    told = once(pa.concat_tables([*first, seen.frames[:0], bare], promote_options="default"), EXPOSURE)
    version = taken(judged["version"], matched(told, judged))
    return told.append_column("version", version)


def _frames(builder: Builder, scope: Scope, exposures: pa.Table, asked: Asked) -> None:
    window, told = _window(scope, exposures), Told.of(_said(exposures), len(exposures))
    group = builder.groups(scope, window, told)
    builder.count("frames", group)
    builder.count("frames", builder.groups(scope.whole(), window * 0, told))
    _measured(builder, group, exposures, "frames", asked)


def _verdicts(builder: Builder, scope: Scope, verdicts: pa.Table, exposures: pa.Table) -> None:
    pc, at = arrow().compute, matched(verdicts, exposures)
    said = {"camera": verdicts["camera"], "version": pc.fill_null(verdicts["version"], "")}
    said |= {name: taken(exposures[name], at) for name in ("prompt", "model")}
    group = builder.groups(scope, _window(scope, verdicts), Told.of(said, len(verdicts)))
    for subject in SUBJECTS:
        mine = np.flatnonzero(pc.equal(verdicts["subject"], subject).to_numpy())
        told = verdicts.take(mine)
        builder.count(subject, group[mine], told["outcome"])
        reasons, row = pc.list_flatten(told["reasons"]), pc.list_parent_indices(told["reasons"]).to_numpy()
        builder.count(f"{subject} findings", group[mine][row], reasons)
        found = once(arrow().table({"row": row, "reason": reasons}), ("row", "reason"))
        builder.count(f"{subject} reasons", group[mine][found["row"].to_numpy()], found["reason"])
    failed = verdicts.filter(pc.equal(verdicts["outcome"], "FAIL"))
    _marked(builder, scope, failed, failed["seq"], failed["subject"])


def _gaps(builder: Builder, scope: Scope, seen: Seen) -> None:
    """A stretch that nobody saw counts once, whether it is told by a gap, by a verdict on it, or both."""
    pa, told = arrow(), seen.verdicts
    told = told.filter(pa.compute.equal(told["subject"], "gap")).select(
        ["camera", "session", "first_seq", "seq", "t_ns"]
    )
    told = told.rename_columns(["camera", "session", "seq", "last", "t_ns"])
    gaps = once(pa.concat_tables([seen.gaps.select(told.column_names), told]), ("camera", "session", "seq", "last"))
    group = builder.groups(scope, _window(scope, gaps), Told.of({"camera": gaps["camera"]}, len(gaps)))
    builder.count("missing", group, weights=(gaps["last"].to_numpy() - gaps["seq"].to_numpy() + 1))
    _marked(builder, scope, gaps, gaps["last"], pa.chunked_array([["gap"] * len(gaps)], pa.string()))


def _marked(builder: Builder, scope: Scope, rows: pa.Table, last: pa.ChunkedArray, what: pa.ChunkedArray) -> None:
    who = Told.of({"camera": rows["camera"]}, len(rows))
    group = builder.groups(scope.whole(), np.zeros(len(rows), np.int64), who)
    told = {"group": group, "session": rows["session"], "seq": rows["seq"], "last": last, "what": what}
    builder.add("marks", table("marks", told | {"n": np.ones(len(rows), np.int64)}))


def _regions(builder: Builder, scope: Scope, seen: Seen, exposures: pa.Table, asked: Asked) -> None:
    regions, window, whole = seen.regions, _window(scope, seen.regions), scope.whole()
    at, exposure = met(regions, exposures)
    said = {"camera": regions["camera"], "label": regions["label"]}
    said |= {name: taken(exposures[name], at) for name in ("prompt", "model", "version")}
    told = Told.of({name: said[name] for name in SAID}, len(regions))
    group = builder.groups(scope, window, told)
    builder.count("regions", group)
    builder.count("frames with", counted({"exposure": exposure, "group": group})[0]["group"])
    _measured(builder, group, regions, "regions", asked)
    day = builder.groups(whole, window * 0, told)
    located = Located(regions, exposures, at, day, carried(regions, exposure, asked.part))
    builder.add("heat", *heat(located))
    if seen.runs is not None:
        builder.add("pixels", pixels(located, seen.runs))
        builder.add("heat", *on_parts(located, seen.runs))
    builder.add("pairs", *_pairs(builder.groups(whole, window * 0, told.without("label")), exposure, regions["label"]))


def _pairs(group: Ints, exposure: Ints, label: pa.ChunkedArray) -> Iterator[pa.Table]:
    """How many exposures show two labels together; a label with itself: how many show it."""
    words, (code, _) = spelled(label), ranked(label)
    rows, _ = counted({"exposure": exposure, "label": code})
    seen, shown = rows["exposure"], rows["label"]
    of = np.zeros(int(exposure.max(initial=0)) + 1, np.int64)
    of[exposure] = group  # all regions of an exposure are in one
    apart = 0
    while len(one := np.flatnonzero(seen[: len(seen) - apart] == seen[apart:])) and len(seen):
        found, n = counted({"group": of[seen[one]], "first": shown[one], "second": shown[one + apart]})
        names = {name: words.take(arrow().array(found[name])) for name in ("first", "second")}
        yield table("pairs", {"group": found["group"], **names, "n": n})
        apart += 1


def _measured(builder: Builder, group: Ints, rows: pa.Table, of: str, asked: Asked) -> None:
    for number in asked.measures:
        measure = MEASURES[number]
        if measure.table == of and rows[measure.name].null_count < len(rows):
            values = rows[measure.name].to_numpy().astype(np.float64)
            there = ~np.isnan(values)
            for part, pieces in measured(group[there], number, values[there]).items():
                builder.add(part, *pieces)


def _window(scope: Scope, rows: pa.Table) -> Ints:
    return placed(scope.windows, rows["t_ns"].to_numpy())


def _said(rows: pa.Table) -> dict[str, Any]:
    filled = arrow().compute.fill_null
    return {name: filled(rows[name], "") for name in SAID if name != "label"}
