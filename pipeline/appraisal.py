"""Look back at a run: what its archive holds, whether a frame is missing in it, and how good its verdicts were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from importlib.metadata import entry_points
from itertools import takewhile
from pathlib import Path
from typing import Any

from msgspec import Struct

from pipeline.archive import read
from pipeline.errors import NodeError
from pipeline.pieces import Damage
from pipeline.records import Gap, Verdict
from pipeline.score import GOOD, Judged, Score, Truth, score
from pipeline.table import gaps, verdicts
from pipeline.topology import Topology

GROUP = "kensa.truths"
Key = tuple[str, str]
Truths = Mapping[str, Callable[[], Iterable[Truth] | None]]  # None: this camera's truth nobody knows


class Seen(Struct, frozen=True):
    """What an archive holds of one session of one camera.

    Attributes:
        frames: Frames that were inspected.
        missing: Frames that gaps tell missing.
        lost: Frames, up to the last one, of which there is neither: a fault.
        last_seq: Last frame that is spoken of.
    """

    frames: int
    missing: int
    lost: int
    last_seq: int


class Appraisal(Struct, frozen=True):
    """Everything that can be said of a run from its archive.

    Attributes:
        seen: Per (camera, session).
        outcomes: Verdicts on parts, per outcome.
        kinds: Defects that there are.
        cameras: Verdicts against the truth, per camera whose truth is known.
        damaged: Files of the archive that could not be trusted and were not read.
    """

    seen: Mapping[Key, Seen]
    outcomes: Mapping[str, int]
    kinds: tuple[str, ...]
    cameras: Mapping[str, Score]
    damaged: tuple[Damage, ...] = ()

    @property
    def score(self) -> Score:
        """Verdicts of all of them against the truth."""
        return reduce(Score.__add__, self.cameras.values(), Score({}))

    @property
    def lost(self) -> int:
        """Frames that are neither archived nor told missing; anything but 0 is a fault."""
        return sum(one.lost for one in self.seen.values())


def appraise(folder: Path, truths: Truths) -> Appraisal:
    """Read an archive and compare it with what was there.

    Args:
        folder: The archive.
        truths: Per camera, the parts of one session in order; cameras of which nobody knows the truth are left out.

    Raises:
        TableError: If it is no archive.
    """
    damaged: list[Damage] = []
    seen, judged = coverage(folder, damaged), _judged(verdicts(read(folder, "verdicts", damaged)))
    told = {key: truths[key[0]]() for key in seen if key[0] in truths}
    there = {key: _until(parts, seen[key].last_seq) for key, parts in told.items() if parts is not None}
    kinds = tuple(sorted({part.kind for parts in there.values() for part in parts} - {GOOD}))
    cameras: dict[str, Score] = defaultdict(lambda: Score({}))
    for key, parts in there.items():
        cameras[key[0]] += score(parts, judged[key], seen[key].last_seq, kinds)
    outcomes: dict[str, int] = defaultdict(int)
    for part in (part for parts in judged.values() for part in parts):
        outcomes[part.outcome] += 1
    return Appraisal(seen, dict(outcomes), kinds, dict(cameras), tuple(damaged))


def coverage(folder: Path, damaged: list[Damage] | None = None) -> dict[Key, Seen]:
    """Which frames an archive knows of, per (camera, session).

    Args:
        folder: The archive.
        damaged: Files that cannot be trusted are told here; where nobody asks, one is an error.

    Raises:
        TableError: If it is no archive.
    """
    shown: dict[Key, set[int]] = defaultdict(set)
    table = read(folder, "frames", damaged)
    for camera, session, seq in zip(*(table[name].to_pylist() for name in ("camera", "session", "seq")), strict=True):
        shown[camera, session].add(seq)
    told = _told(gaps(read(folder, "gaps", damaged)))
    return {key: _seen(shown[key], told[key]) for key in sorted({*shown, *told})}


def truths(topology: Topology) -> Truths:
    """Who knows what its cameras show: a source's function in the entry point group `kensa.truths`, under its name.

    Raises:
        NodeError: If such a function cannot be loaded.
    """
    known = {point.name: point for point in entry_points(group=GROUP)}
    found: dict[str, Callable[[], Iterable[Truth] | None]] = {}
    for camera, use, params in _sources(topology):
        if use in known:
            found[camera] = _bound(known[use].load(), camera, params)
    return found


def _sources(topology: Topology) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each camera with the source that shows it, and that source's parameters."""
    for step in topology.nodes.values():
        for camera in topology.cameras if not step.inputs else ():
            yield camera, step.use, {**step.params, **step.overrides.get(camera, {})}


def _bound(truth: Any, camera: str, params: dict[str, Any]) -> Callable[[], Iterable[Truth] | None]:
    if not callable(truth):
        raise NodeError(f"entry point group '{GROUP}': expected a function, found {truth!r}")
    return lambda: truth(camera, **params)


def _until(parts: Iterable[Truth], last_seq: int) -> list[Truth]:
    """The parts that a session showed; the source itself may be endless."""
    return [*takewhile(lambda part: part.enters <= last_seq, parts)]


def _judged(found: Sequence[Verdict]) -> dict[Key, list[Judged]]:
    """Verdicts on parts, per (camera, session)."""
    judged: dict[Key, list[Judged]] = defaultdict(list)
    for verdict in found:
        if verdict.subject == "part":
            reasons = tuple(finding.reason for finding in verdict.findings)
            judged[verdict.camera, verdict.session].append(
                Judged(verdict.first_seq, verdict.seq, verdict.outcome, reasons)
            )
    return judged


def _told(found: Sequence[Gap]) -> dict[Key, set[int]]:
    """Frames that gaps speak of, per (camera, session)."""
    told: dict[Key, set[int]] = defaultdict(set)
    for gap in found:
        told[gap.camera, gap.session].update(range(gap.seq, gap.last + 1))
    return told


def _seen(shown: set[int], told: set[int]) -> Seen:
    last = max(shown | told)
    return Seen(frames=len(shown), missing=len(told - shown), lost=last + 1 - len(shown | told), last_seq=last)
