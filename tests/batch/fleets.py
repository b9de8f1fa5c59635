"""A fleet of a plant's month: 64 cameras, 30 days, and five things that are not as they should be.

Tables are written as lines write them, but without lines: a month of them would take an hour. Everything is drawn from
one seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pipeline.columns import schema
from pipeline.masks import Mask

SECOND = 10**9
DAY = 24 * 3600 * SECOND
BEGIN = 1_793_491_200 * SECOND  # 2026-11-01, 00:00 UTC
LINES = ("press", "weld", "paint", "pack")
SIZE = 96
POOL = 64  # masks of each kind
REASON = {"pit": "PIT", "scratch": "SCRATCH"}

Ints = NDArray[np.int64]
Columns = dict[str, Any]


class Fleet(Struct, frozen=True):
    """What is wrong, and how large everything is. Cameras are numbered over all lines; -1 is none.

    Attributes:
        cameras: How many; a quarter of them stand at each line.
        days: How many.
        frames: Of each camera and day.
        failing: Shows pits three times as often as the others.
        drifting: Its parts look larger from day to day in the last ten days, by 8 % at the end.
        dirty: Dirt lies on its lens from the 18th day on: scratches at one place, lower scores, and an eighth of the
            light is gone. It is one of the cameras that pictures may leave.
        stricter: Judged by another book from the 12th day on, which fails one good frame in ten.
        swapped: Another network from the 20th day on.
    """

    cameras: int = 64
    days: int = 30
    frames: int = 72
    failing: int = 5
    drifting: int = 19
    dirty: int = 37
    stricter: int = 50
    swapped: int = 60


STILL = Fleet(failing=-1, drifting=-1, dirty=-1, stricter=-1, swapped=-1)


def name(camera: int, fleet: Fleet) -> str:
    """What a camera is called."""
    line, place = divmod(camera, fleet.cameras // len(LINES))
    return f"{LINES[line]}-{place + 1:02}"


def written(folder: Path, fleet: Fleet, seed: int = 1, *, masks: bool = False) -> Path:
    """Write the archive of a fleet.

    Args:
        folder: Where it goes.
        fleet: What it is like.
        seed: Of everything that is drawn.
        masks: Whether regions have run lengths.
    """
    dice = np.random.default_rng(seed)
    habits = dice.lognormal(0, 0.04, (2, fleet.cameras))  # how often each camera sees pits and scratches
    pool = _pool(dice) if masks else None
    ways = _Light(seed, fleet)
    for day in range(fleet.days):
        for line in range(len(LINES)):
            own = range(line * fleet.cameras // len(LINES), (line + 1) * fleet.cameras // len(LINES))
            tables = _Day(dice, fleet, day, np.array(own), habits, pool).tables()
            tables["frames"] |= ways.told(day, line, np.array(own))
            for table, columns in tables.items():
                _write(folder / "plant=Kyoto" / f"line={LINES[line]}", table, day, columns)
    return folder


class _Light:
    """What cameras read off themselves: light that wanders from hour to hour, and sensors that are warm."""

    def __init__(self, seed: int, fleet: Fleet) -> None:
        self._seed, self._fleet = seed, fleet
        dice = np.random.default_rng((seed, 1))
        self._lux, self._warm = dice.lognormal(6, 0.08, fleet.cameras), dice.normal(44, 1.5, fleet.cameras)

    def told(self, day: int, line: int, cameras: Ints) -> Columns:
        """Of the frames of a day and line; brightness where pictures may leave the camera, beside every fourth."""
        dice, each = np.random.default_rng((self._seed, 2, day, line)), self._fleet.frames
        shape = len(cameras), each
        wander = dice.lognormal(0, 0.02, 24)[np.arange(each) * 24 // each]
        lost = np.where((cameras == self._fleet.dirty) & (day >= 17), 0.875, 1.0)[:, None]
        light = wander * lost * dice.lognormal(0, 0.02, shape)
        lux, bright = self._lux[cameras][:, None] * light, np.minimum(255, 110 * light)
        shown = (LINES[line] == "paint") & (np.arange(each) % 4 == 0) & (cameras >= 0)[:, None]
        celsius = self._warm[cameras][:, None] + dice.normal(0, 0.4, each) + dice.normal(0, 0.2, shape)
        told = {"lux": lux, "temperature_c": celsius, "brightness": np.where(shown, bright, np.nan)}
        said = {"exposure_us": 8000, "gain": 1.0, "dnn_us": 14_300, "dsp_us": 1_200}
        return {name: [_known(v) for v in values.ravel().tolist()] for name, values in told.items()} | said


class _Day:
    def __init__(self, *told: Any) -> None:
        self._dice, self._fleet, self._day, cameras, self._habits, self._pool = told
        each = self._fleet.frames
        self._camera = np.repeat(cameras, each)
        number = np.tile(np.arange(each), len(cameras))
        self._seq = self._day * each + number
        self._t = BEGIN + self._day * DAY + number * (DAY // each) + self._dice.integers(0, SECOND, len(number))
        # The rate wanders from shift to shift, for all cameras of a line alike.
        self._wander = self._dice.lognormal(0, 0.1, 3)[number * 3 // each]

    def tables(self) -> dict[str, Columns]:
        """The columns of each table."""
        frames = np.arange(len(self._camera))
        found = [self._defects("pit", 0.05, frames), self._defects("scratch", 0.03, frames), self._dirt(frames)]
        regions = [self._parts(frames), *found]
        whole = {key: np.concatenate([each[key] for each in regions]) for key in regions[0]}
        whole = {key: values[np.argsort(whole["frame"], kind="stable")] for key, values in whole.items()}
        return {
            "frames": self._frames(np.bincount(whole["frame"], minlength=len(frames))),
            "regions": self._regions(whole),
            "verdicts": self._verdicts(found),
            "gaps": self._gaps(),
        }

    def _parts(self, frames: Ints) -> Columns:
        grown = np.where(
            self._camera == self._fleet.drifting, 1 + 0.008 * max(0, self._day - self._fleet.days + 11), 1.0
        )
        area = self._dice.normal(3000, 60, len(frames)) * grown
        middle = 47.5 + self._dice.normal(0, 1.5, (2, len(frames)))
        return self._found("part", frames, area, *middle, self._dice.beta(60, 6, len(frames)))

    def _defects(self, label: str, rate: float, frames: Ints) -> Columns:
        often = rate * self._wander * self._habits[[*REASON].index(label)][self._camera]
        if label == "pit":
            often = np.where(self._camera == self._fleet.failing, 3 * often, often)
        mine = np.repeat(frames, self._dice.poisson(often))
        angle, far = self._dice.uniform(0, 2 * np.pi, len(mine)), 26 * np.sqrt(self._dice.uniform(0, 1, len(mine)))
        area = self._dice.lognormal(3.4 if label == "pit" else 4.0, 0.4, len(mine))
        place = 47.5 + far * np.cos(angle), 47.5 + 0.8 * far * np.sin(angle)
        return self._found(label, mine, area, *place, self._dice.beta(14, 4, len(mine)))

    def _dirt(self, frames: Ints) -> Columns:
        dirty = (self._camera == self._fleet.dirty) & (self._day >= 17)
        mine = frames[dirty & (self._dice.random(len(frames)) < 0.12)]
        place = np.array([[70.0], [30.0]]) + self._dice.normal(0, 0.6, (2, len(mine)))
        return self._found(
            "scratch", mine, self._dice.normal(90, 6, len(mine)), *place, self._dice.beta(14, 8, len(mine))
        )

    def _found(self, label: str, frame: Ints, area: Any, *place: Any) -> Columns:
        x, y, score = place
        dirty = (self._camera[frame] == self._fleet.dirty) & (self._day >= 17)
        told = {
            "frame": frame,
            "label": np.full(len(frame), label),
            "area": np.maximum(1, area.round()).astype(np.int64),
        }
        return told | {"x": x, "y": y, "score": np.clip(score - 0.08 * dirty, 0.01, 1)}

    def _who(self, frame: Ints) -> Columns:
        names = np.array([name(camera, self._fleet) for camera in range(self._fleet.cameras)])
        told = {"camera": names[self._camera[frame]], "session": np.full(len(frame), "s")}
        return told | {"seq": self._seq[frame], "t_ns": self._t[frame]}

    def _frames(self, found: Ints) -> Columns:
        swapped = (self._camera == self._fleet.swapped) & (self._day >= 19)
        prompt = np.where(self._camera < self._fleet.cameras // 2, "lid", "rim")
        told = self._who(np.arange(len(found))) | {"kind": "regions", "height": SIZE, "width": SIZE, "prompt": prompt}
        return told | {"model": np.where(swapped, "net-2", "net-1"), "found": found, "layers": [[]] * len(found)}

    def _regions(self, rows: Columns) -> Columns:
        frame, side = rows["frame"], np.maximum(1, np.sqrt(rows["area"] * 1.3).round()).astype(np.int64)
        first = np.searchsorted(frame, frame)
        told = self._who(frame) | {"kind": "regions", "place": np.arange(len(frame)) - first, "label": rows["label"]}
        told |= {"area_px": rows["area"], "box_width": side, "box_height": side, "centroid_x": rows["x"]}
        told |= {f"box_{axis}": np.clip((rows[axis] - side / 2).round(), 0, SIZE - 1).astype(np.int64) for axis in "xy"}
        told |= {
            "centroid_y": rows["y"],
            "holes": 0,
            "hole_area_px": 0,
            "extent": rows["area"] / side**2,
            "whole": True,
        }
        told |= {"score": rows["score"], "height": SIZE, "width": SIZE}
        return told | ({"counts": self._masks(rows)} if self._pool else {})

    def _masks(self, rows: Columns) -> list[bytes]:
        """Of each region one of a pool that lies about there."""
        assert self._pool
        draw = self._dice.integers(0, POOL, len(rows["x"])).tolist()
        cells = zip(rows["label"].tolist(), (rows["x"] // 8).tolist(), (rows["y"] // 8).tolist(), draw, strict=True)
        return [self._pool[("part", int(pick)) if label == "part" else (int(x), int(y))] for label, x, y, pick in cells]

    def _verdicts(self, found: list[Columns]) -> Columns:
        frames = np.arange(len(self._camera))
        seen: dict[int, set[str]] = {}
        for rows in found:
            for frame, label in zip(rows["frame"].tolist(), rows["label"].tolist(), strict=True):
                seen.setdefault(frame, set()).add(REASON[label])
        strict = (self._camera == self._fleet.stricter) & (self._day >= 11)
        for frame in frames[strict & (self._dice.random(len(frames)) < 0.1)].tolist():
            seen.setdefault(frame, set()).add("SIZE")
        unread = self._dice.random(len(frames)) < 0.004
        outcome = np.where(unread, "NO_READ", np.where([frame in seen for frame in frames.tolist()], "FAIL", "PASS"))
        why = [[] if lost else [_finding(r) for r in sorted(seen.get(n, ()))] for n, lost in enumerate(unread.tolist())]
        told = self._who(frames) | {"outcome": outcome, "subject": "frame", "first_seq": self._seq, "findings": why}
        version = np.where(strict, "b7d1", "a4c0")
        return told | {"book": "lids", "version": version, "kept": [[]] * len(frames), "views": [[]] * len(frames)}

    def _gaps(self) -> Columns:
        """Three frames that were lost, at two cameras of the line, behind the day's last."""
        last = np.flatnonzero(np.diff(self._camera, append=-1))[self._day % 3 :: 9]
        told = self._who(last) | {"seq": self._seq[last] + 10**6, "last": self._seq[last] + 10**6 + 2}
        return told | {"reason": "overflow", "place": "camera"}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _finding(reason: str) -> Columns:
    numbers = {"value": 1.0, "low": None, "high": 0.0, "unit": "count", "guard": None}
    words = dict.fromkeys(("calibration", "note", "camera"), "") | {"tool": None, "template": None}
    said = {"rule": reason.lower(), "reason": reason, "measure": "count", "outcome": "FAIL", "severity": "major"}
    return said | numbers | words


def _pool(dice: np.random.Generator) -> dict[tuple[Any, int], bytes]:
    """Masks: parts that lie a little otherwise each, and small blobs in every cell of 8 × 8 px."""
    y, x = np.mgrid[:SIZE, :SIZE]
    found: dict[tuple[Any, int], bytes] = {}
    for number in range(POOL):
        dx, dy = dice.normal(0, 1.5, 2)
        inside = ((x - 47.5 - dx) / 34) ** 4 + ((y - 47.5 - dy) / 28) ** 4 < 1
        found["part", number] = Mask.from_dense(inside).counts
    for column, row in np.ndindex(SIZE // 8, SIZE // 8):
        middle = 8 * column + 3.5 + dice.normal(), 8 * row + 3.5 + dice.normal()
        blob = (x - middle[0]) ** 2 / 12 + (y - middle[1]) ** 2 / 7 < 1
        found[column, row] = Mask.from_dense(blob).counts
    return found


def _write(folder: Path, table: str, day: int, columns: Columns) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = len(columns["camera"])
    date = np.datetime64("2026-11-01") + day
    path = folder / f"table={table}" / f"date={date}" / f"{table}-{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table([*_arrays(table, columns, rows)], schema=schema(table)), path, compression="zstd")


def _arrays(table: str, columns: Columns, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    for field in schema(table):
        values = columns.get(field.name)
        if values is None:
            yield pa.array([None] * rows, field.type)
        elif isinstance(values, str | int | float | bool):
            yield pa.repeat(pa.scalar(values, field.type), rows)
        else:
            yield pa.array(values if isinstance(values, list) else values.tolist(), field.type)
