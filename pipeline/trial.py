"""Run cases: let their input into the topology, and note in their file what does not come of it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import sketch
from pipeline.cases import Belt, Case, Drawn, cases, topology_of
from pipeline.catalog import Catalog
from pipeline.check import load
from pipeline.clock import FakeClock
from pipeline.errors import KensaError
from pipeline.faults import listed, meant
from pipeline.located import Document, read
from pipeline.plan import NodeRun
from pipeline.recordings import Given, Recording
from pipeline.records import Record, Verdict
from pipeline.replay import Replay
from pipeline.runtime.step import begin
from pipeline.topology import Topology

START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z: the sources' clock in every case


class Tested(NamedTuple):
    """What came of a file of cases: those that hold, those that do not, and why not, for people."""

    held: tuple[str, ...]
    failed: tuple[str, ...]
    faults: str


def test(path: Path, nodes: Catalog) -> Tested:
    """Run every case of a file; a fault is shown at the line that expects something else."""
    document = read(path)
    held: list[str] = []
    failed: list[str] = []
    for name, case in cases(document).items():
        before = len(document.faults)
        _Trial(document, topology_of(path), nodes, name, case).run()
        (held if len(document.faults) == before else failed).append(name)
    return Tested(tuple(held), tuple(failed), document.show())


class _Trial:
    """One case being run."""

    def __init__(self, document: Document, path: Path, nodes: Catalog, name: str, case: Case) -> None:
        self._document, self._path, self._nodes, self._case = document, path, nodes, case
        self._here = ("cases", name)
        self._verdicts: dict[str, list[Verdict]] = {}

    def run(self) -> None:
        """Run it, and note what does not hold."""
        try:
            topology = load(self._path, self._case.set, self._nodes)
            self._judge(topology, self._given(topology))
        except KensaError as error:
            self._document.complain(self._here, f"this case cannot run: {error}", key=True)

    def _given(self, topology: Topology) -> dict[str, int]:
        """Run the input through; returns how many records each node gave."""
        replay = Replay(topology, self._nodes, sinks=False, watch=self._watch, failure=self._failed)
        for node, record in self._input(topology):
            if self._case.at:
                replay.enter(self._case.at, record)
            else:
                replay.give(node, record)
        replay.close()
        return {node: health.given for node, health in replay.health().items()}

    def _watch(self, _: str, record: Record) -> None:
        if isinstance(record, Verdict):
            self._verdicts.setdefault(record.camera, []).append(record)

    def _failed(self, node: str, record: Record | None, error: Exception) -> None:
        place = f"on camera '{record.camera}', seq {record.seq}" if record else "between records"
        text = f"expected every node to work, got an error of '{node}' {place}: {type(error).__name__}: {error}"
        self._document.complain(self._here, text, key=True)

    def _input(self, topology: Topology) -> Iterator[Given]:
        case, sources = self._case, _sources(topology, self._nodes)
        inputs = [each for each in (case.recording, case.sources, case.frames, case.belt) if each is not None]
        if len(inputs) != 1:
            raise KensaError(
                f"expected one of `recording`, `sources`, `frames` and `belt`, got {len(inputs) or 'none'}"
            )
        if case.recording is not None:
            return iter(Recording(case.recording))
        if case.sources is not None:
            return live(topology, self._nodes, case.sources.frames)
        if len(sources) != 1 and not case.at:
            raise KensaError(f"which of {listed(sources, 'and')} gives these frames? say where they enter with `at:`")
        drawn = _belt(topology, case.belt) if case.belt else _frames(topology, case.frames or ())
        return (Given(sources[0], record) for record in drawn)

    def _judge(self, topology: Topology, given: dict[str, int]) -> None:
        expect, found = self._case.expect, [one for each in self._verdicts.values() for one in each]
        for camera, wanted in expect.verdicts.items():
            self._in_order(topology, camera, wanted)
        self._counted("outcomes", expect.outcomes, Counter(one.outcome for one in found))
        self._counted("reasons", expect.reasons, Counter(finding.reason for one in found for finding in one.findings))
        self._counted("given", expect.given, given)

    def _counted(self, field: str, wanted: Mapping[Any, int], got: Mapping[Any, int]) -> None:
        for name, count in wanted.items():
            if got.get(name, 0) != count:
                self._note(f"expected {count}, got {_beside(name, got)}", field, name)

    def _in_order(self, topology: Topology, camera: str, wanted: tuple[str, ...]) -> None:
        if camera not in topology.cameras:
            self._note(f"no camera '{camera}' in the topology{meant(camera, topology.cameras)}", "verdicts", camera)
            return
        found = self._verdicts.get(camera, [])
        if len(found) != len(wanted):
            told = listed(map(_said, found), "and")
            self._note(f"expected {len(wanted)} verdicts, got {len(found)}: {told}", "verdicts", camera)
            return
        for place, (text, verdict) in enumerate(zip(wanted, found, strict=True)):
            if " ".join(text.split()) != _said(verdict):
                self._note(f"expected {text}, got {_said(verdict)}{_measured(verdict)}", "verdicts", camera, place)

    def _note(self, text: str, *path: str | int) -> None:
        self._document.complain((*self._here, "expect", *path), text)


def _sources(topology: Topology, nodes: Catalog) -> list[str]:
    return [name for name, step in topology.nodes.items() if nodes[step.use].kind == "source"]


def live(topology: Topology, nodes: Catalog, frames: int) -> Iterator[Given]:
    """The first records of each source and camera, with time that jumps; by time of exposure, then camera."""
    runs = [
        _source(topology, nodes, name, camera, frames)
        for name in _sources(topology, nodes)
        for camera, host in topology.cameras.items()
        if topology.nodes[name].at in (None, host)
    ]
    return heapq.merge(*runs, key=lambda given: (given.record.t_ns, given.record.camera))


def _source(topology: Topology, nodes: Catalog, name: str, camera: str, frames: int) -> Iterator[Given]:
    step = topology.nodes[name]
    run = NodeRun(node=name, use=step.use, params=step.params, overrides=step.overrides)
    records = begin(run, nodes[step.use], camera, f"case-{name}", FakeClock(START_NS))
    return (Given(name, record) for record in islice(records, frames))


def _belt(topology: Topology, belt: Belt) -> Iterator[Record]:
    camera = belt.camera or next(iter(topology.cameras))
    drawn = sketch.pixels(belt.draw, belt.scale)
    view = belt.view * belt.scale
    return sketch.belt(drawn, view, belt.step, camera=camera, label=belt.label, hidden=belt.hidden)


def _frames(topology: Topology, frames: tuple[Drawn, ...]) -> Iterator[Record]:
    """Drawn frames, numbered per camera."""
    seqs: Counter[str] = Counter()
    for drawn in frames:
        camera = drawn.camera or next(iter(topology.cameras))
        first = seqs[camera]
        seqs[camera] += drawn.gap or 1
        if drawn.gap:
            yield sketch.gap(camera, first, first + drawn.gap - 1)
        else:
            yield sketch.shot(sketch.pixels(drawn.draw, drawn.scale), camera, first, drawn.label)


def _said(verdict: Verdict) -> str:
    return " ".join([verdict.outcome, *(finding.reason for finding in verdict.findings)])


def _measured(verdict: Verdict) -> str:
    """What a verdict is about, and the numbers behind it."""
    about = f"part {verdict.part}" if verdict.part is not None else verdict.subject
    values = [f"{finding.measure} {finding.value:g}" for finding in verdict.findings]
    return f" ({', '.join([f'{about}, seq {verdict.first_seq} to {verdict.seq}', *values])})"


def _beside(name: str, got: Mapping[Any, int]) -> str:
    """A count, and the others beside it."""
    others = ", ".join(f"{key}: {count}" for key, count in sorted(got.items()) if key != name and count)
    return f"{got.get(name, 0)}{f' (beside {others})' if others else ''}"
