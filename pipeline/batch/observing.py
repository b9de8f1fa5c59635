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
from pipeline.batch.statistics import Aggregate, Arranged, measured, table
from pipeline.batch.tally import Ints, counted, lowest, packed, parted, ranked, says, shifted, spelled, tallies
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
    told = Told.of(_said(exposures), len(exposures))
    _frames(builder, scope, exposures, told, asked)
    _verdicts(builder, scope, seen.verdicts, exposures)
    _gaps(builder, scope, seen)
    _regions(builder, scope, seen, (exposures, told), asked)
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


def _frames(builder: Builder, scope: Scope, exposures: pa.Table, told: Told, asked: Asked) -> None:
    group = builder.groups(scope, _window(scope, exposures), told)
    builder.count("frames", group)
    builder.count("frames", builder.groups(scope.whole(), None, told))
    _measured(builder, group, exposures, "frames", asked)


def _verdicts(builder: Builder, scope: Scope, verdicts: pa.Table, exposures: pa.Table) -> None:
    if not len(verdicts):
        return
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
    if not len(seen.gaps) and not len(told):
        return
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
    group = builder.groups(scope.whole(), None, who)
    told = {"group": group, "session": rows["session"], "seq": rows["seq"], "last": last, "what": what}
    builder.add("marks", table("marks", {**told, "n": 1}))


def _regions(builder: Builder, scope: Scope, seen: Seen, seen_in: tuple[pa.Table, Told], asked: Asked) -> None:
    regions, (exposures, who), whole = seen.regions, seen_in, scope.whole()
    at, exposure = met(regions, exposures)
    told = _labelled(regions, exposures, at, who)
    group = builder.groups(scope, _window(scope, regions), told)
    builder.count("regions", group)
    code, first = packed([shifted(exposure), ranked(regions["label"])], len(regions))
    alike = (group[first][code] == group).all()  # where a frame's regions are of one time
    builder.count("frames with", group[first] if alike else counted({"exposure": exposure, "group": group})[0]["group"])
    _measured(builder, group, regions, "regions", asked)
    day = builder.groups(whole, None, told)
    located = Located(regions, exposures, at, day, carried(regions, exposure, asked.part))
    builder.add("heat", *heat(located))
    if seen.runs is not None:
        builder.add("pixels", pixels(located, seen.runs))
        builder.add("heat", *on_parts(located, seen.runs))
    bare = builder.groups(whole, None, told.without("label"))[first]
    builder.add("pairs", *_pairs(bare, exposure[first], regions["label"].take(arrow().array(first))))


def _labelled(regions: pa.Table, exposures: pa.Table, at: Ints, who: Told) -> Told:
    """What regions say, most of it by way of their exposures."""
    if len(at) and at.min() >= 0:
        return who.labelled(at, regions["label"])
    said = {"camera": regions["camera"], "label": regions["label"]}
    said |= {name: taken(exposures[name], at) for name in ("prompt", "model", "version")}
    return Told.of({name: said[name] for name in SAID}, len(regions))


def _pairs(group: Ints, exposure: Ints, label: pa.ChunkedArray) -> Iterator[pa.Table]:
    """How many exposures show two labels together; a label with itself: how many show it.

    Args:
        group: (S,) that of the exposure.
        exposure: (S,) ascending.
        label: (S,) each label of an exposure once, ascending.
    """
    words, (shown, bound), (near, most) = spelled(label), ranked(label), shifted(group)
    code = near * bound + shown
    for apart in range(len(words)):
        one = np.flatnonzero(exposure[: len(exposure) - apart] == exposure[apart:])
        keys, n = tallies(code[one] * bound + shown[one + apart], most * bound * bound)
        keys, second = parted(keys, bound)
        which, first = parted(keys, bound)
        names = {name: words.take(arrow().array(said)) for name, said in (("first", first), ("second", second))}
        yield table("pairs", {"group": which + lowest(group), **names, "n": n})


def _measured(builder: Builder, group: Ints, rows: pa.Table, of: str, asked: Asked) -> None:
    arranged = Arranged.of(group)
    for number in asked.measures:
        measure = MEASURES[number]
        if measure.table == of and rows[measure.name].null_count < len(rows):
            values = rows[measure.name].to_numpy().astype(np.float64)
            some = arranged.only(~np.isnan(values), group) if rows[measure.name].null_count else arranged
            for part, pieces in measured(some, number, values).items():
                builder.add(part, *pieces)


def _window(scope: Scope, rows: pa.Table) -> Ints:
    return placed(scope.windows, rows["t_ns"].to_numpy())


def _said(rows: pa.Table) -> dict[str, Any]:
    filled = arrow().compute.fill_null
    return {name: filled(rows[name], "") for name in SAID if name != "label"}
