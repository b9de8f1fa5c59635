"""Identities: made-up belts and real sequences, beside ByteTrack of `supervision` and of `trackers`."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from statistics import fmean
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.belts import SCENES, SIZE, Box, Scene, Shown, show
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.sequences import Sequence, folder, read
from nodes.transforms.track import track
from pipeline.masks import Mask
from pipeline.records import Part, Region, Regions, Tracks

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("trackers", "supervision")
SEEDS = (1, 2, 3)
BYTE = "ByteTrack of trackers"
PULSE = 0.25  # px of belt in one count of its encoder
CROWDS = (5, 50, 200)
VIEW = (1080, 1920)
LOST = 30  # frames that both peers wait for what is lost
PLAIN = {"MOT17-05": 76.8, "MOT17-09": 79.7, "MOT17-11": 74.7}  # recorded beside the data, IDF1 in %

Rows = list[list[float]]
Frames = list[Rows]


class Score(NamedTuple):
    """How well identities were kept, over the seeds: the mean of IDF1, and sums."""

    idf1: float
    switches: int
    once: int
    parts: int
    ghosts: int

    @property
    def note(self) -> str:
        """What IDF1 does not say."""
        return f"{self.once:,} of {self.parts:,} once, {self.switches:,} switches, {self.ghosts} ghosts"


Told = tuple[Frames, list[int]]
Tell = Callable[[list[Regions]], Told]


def figures() -> Iterator[Figure]:
    """Identities on belts and on real sequences, then what a frame costs."""
    for name, scene in SCENES.items():
        yield from _belt(name, scene)
    sequences = [*read(folder())]
    yield from _real(sequences)
    for count in CROWDS:
        for motion in ("belt", "free"):
            yield _pace(count, motion)


def _belt(name: str, scene: Scene) -> Iterator[Figure]:
    """IDF1 and counts of one kind of belt, with its velocity from each source that can tell it."""
    shown = [show(scene, seed) for seed in SEEDS]
    frames = [_encoded(each) for each in shown]
    true = [[[[id_, *box] for id_, box in frame.true] for frame in each] for each in shown]
    theirs = {peer: _score(true, _peer(peer, frames)) for peer in PEERS}
    ways: dict[str, list[dict[str, Any]]] = {"learnt": [{}] * len(SEEDS), "encoder": [{"pulse": PULSE}] * len(SEEDS)}
    if scene.steady:
        ways["told"] = [{"speed": scene.speed(0, seed)} for seed in SEEDS]
    other = f"; supervision {theirs['supervision'].idf1:.3f}, {theirs['supervision'].note}"
    for way, params in ways.items():
        told = [ours(each, **with_) for each, with_ in zip(frames, params, strict=True)]
        score = _score(true, told)
        note = f"{score.note}; trackers {theirs['trackers'].note}{other}"
        limit = Limit("≥", scene.limit)
        yield Figure(f"IDF1, belt: {name}, velocity {way}", score.idf1, limit, BYTE, theirs["trackers"].idf1, note=note)
        once = Limit("≥", 99.5) if not scene.touching else None
        yield Figure(f"parts counted once, %: {name}, velocity {way}", 100 * score.once / score.parts, once)


def _real(sequences: list[Sequence]) -> Iterator[Figure]:
    """IDF1 of each sequence that is there, of all, and beside the plain tracker that is recorded with some."""
    rows = []
    for each in sequences:
        frames = [_drawn(boxes, each.size, seq) for seq, boxes in enumerate(each.found)]
        true = [[[[id_, *box] for id_, box in frame] for frame in each.true]]
        told = [ours(frames, motion="free", max_gap=LOST)]
        score, *theirs = (_score(true, some) for some in (told, *(_peer(peer, [frames]) for peer in PEERS)))
        rows.append((100 * score.idf1, *(100 * peer.idf1 for peer in theirs)))
        plain = PLAIN.get(each.name)
        recorded = f"; plain IoU and constant velocity {plain}" if plain else ""
        note = f"{score.switches} switches; supervision {100 * theirs[1].idf1:.1f}{recorded}"
        limit = Limit("≥", plain) if plain else None
        yield Figure(f"IDF1, {each.name}, %", 100 * score.idf1, limit, BYTE, 100 * theirs[0].idf1, note=note)
    if rows:
        mine, trackers, supervision = (fmean(column) for column in zip(*rows, strict=True))
        best = Limit("≥", max(trackers, supervision))
        note = f"supervision {supervision:.1f}"
        yield Figure(f"IDF1, mean of {len(rows)} sequences, %", mine, best, BYTE, trackers, note=note)


def _pace(count: int, motion: str) -> Figure:
    """Frames/s beside the faster of the two."""
    frames = [_drawn(boxes, VIEW, seq) for seq, boxes in enumerate(crowd(count))]
    pairs = [*alternate(lambda: _own_pace(frames, motion), lambda: _fastest(frames))]
    what = f"tracker, {count} objects, {motion}, frames/s"
    return paired(what, pairs, "ByteTrack, the faster of the two", Limit("≥", 1.0))


def _own_pace(frames: list[Regions], motion: str) -> float:
    start = perf_counter()
    ours(frames, motion=motion)
    return len(frames) / (perf_counter() - start)


def _fastest(frames: list[Regions]) -> float:
    answers = ask([{"do": "track", "with": peer, "frames": _scored(frames)} for peer in PEERS])
    seconds: list[float] = [answer["seconds"] for answer in answers]
    return len(frames) / min(seconds)


def crowd(count: int, frames: int = 150) -> list[list[Box]]:
    """Boxes of 40 × 40 px in rows, that all go 3 px to the right in each frame and come back on the left."""
    random = Random(1)
    places = [(95.0 * (k % 20), 100.0 * (k // 20) + random.uniform(5, 50)) for k in range(count)]
    wide = VIEW[1] + 40
    return [
        [((x + 3 * k) % wide + random.gauss(0, 0.7) - 40, y + random.gauss(0, 0.7), 40, 40) for x, y in places]
        for k in range(frames)
    ]


def _encoded(shown: list[Shown]) -> list[Regions]:
    """Every frame with the count of an encoder of `PULSE` px."""
    return [regions(frame.found, SIZE, seq, encoder=round(frame.travelled / PULSE)) for seq, frame in enumerate(shown)]


def _drawn(boxes: Iterable[Box], size: tuple[int, int], seq: int) -> Regions:
    """A frame with boxes as they were found, parts of them out of view."""
    found = [Region("part", int(b[2] * b[3]), b, (0, 0), 0, 0, 1.0, True, 1.0, Mask.empty(size)) for b in boxes]  # type: ignore[arg-type]
    return Regions(camera="c", session="s", seq=seq, t_ns=seq, size=size, regions=tuple(found))


def _scored(frames: list[Regions]) -> Frames:
    return [[[*region.box, 0.9] for region in frame.regions] for frame in frames]


def _peer(name: str, runs: list[list[Regions]]) -> list[Told]:
    """What a peer tells of the same detections; it counts whom it saw twice."""
    told = [each["frames"] for each in ask([{"do": "track", "with": name, "frames": _scored(run)} for run in runs])]
    seen = [Counter(int(row[0]) for frame in frames for row in frame) for frames in told]
    return [(frames, [id_ for id_, times in ids.items() if times > 1]) for frames, ids in zip(told, seen, strict=True)]


def _score(true: list[Frames], told: list[Told]) -> Score:
    tasks = [{"do": "score", "true": there, "told": frames} for there, (frames, _) in zip(true, told, strict=True)]
    answers = ask(tasks)
    each = [counts(a["pairs"], ids, there) for a, (_, ids), there in zip(answers, told, true, strict=True)]
    once, parts, ghosts = (sum(column) for column in zip(*each, strict=True))
    return Score(fmean(a["idf1"] for a in answers), sum(a["switches"] for a in answers), once, parts, ghosts)


def regions(boxes: Iterable[Box], size: tuple[int, int], seq: int, **fields: Any) -> Regions:
    """A frame in which these boxes (x, y, width, height) were found, in whole px and clipped by the view."""
    found = [region for box in boxes if (region := _region(box, size))]
    return Regions(camera="c", session="s", seq=seq, t_ns=seq, size=size, regions=tuple(found), **fields)


def _region(found: Box, size: tuple[int, int]) -> Region | None:
    x, y, width, height = found
    left, top = max(0, round(x)), max(0, round(y))
    right, low = min(size[1], round(x + width)), min(size[0], round(y + height))
    if right <= left or low <= top:
        return None
    whole = left > 0 and top > 0 and right < size[1] and low < size[0]
    box, centroid = (left, top, right - left, low - top), ((left + right - 1) / 2, (top + low - 1) / 2)
    return Region("part", box[2] * box[3], box, centroid, 0, 0, 1.0, whole, 1.0, Mask.empty(size))


def ours(frames: Iterable[Regions], **params: Any) -> tuple[Frames, list[int]]:
    """What `track` tells: (id, x, y, width, height) of every part in each frame, and the ids that it counted."""
    told: Frames = []
    counted = []
    for record in track(iter(frames), **params):
        if isinstance(record, Part):
            counted.append(record.id)
        elif isinstance(record, Tracks):
            seen: Rows = [[t.id, *t.region.box] for t in record.tracks]
            told.append(seen + [[c.id, *c.box] for c in record.coasted])
    return told, counted


def ask(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The peers' answers, from their own environment."""
    command: list[str | Path] = [ROOT / ".venv-bench" / "bin" / "python", "-m", "benchmarks.peers.identities"]
    run = subprocess.run(command, input=json.dumps(tasks), stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT)
    answers: list[dict[str, Any]] = json.loads(run.stdout)
    return answers


def counts(pairs: Rows, counted: Iterable[int], true: Frames) -> tuple[int, int, int]:
    """Parts counted exactly once, parts, and ids that were counted without one: each id is of whom it follows most.

    A part that is in view for one frame alone, at the beginning or the end, is nobody's.
    """
    best: dict[int, tuple[float, int]] = {}
    for part, told, frames in pairs:
        best[int(told)] = max(best.get(int(told), (0.0, -1)), (frames, int(part)))
    times = Counter(best[told][1] for told in counted if told in best)
    shown = Counter(int(row[0]) for frame in true for row in frame)
    parts = [part for part, frames in shown.items() if frames > 1]
    return sum(times[part] == 1 for part in parts), len(parts), sum(told not in best for told in counted)
