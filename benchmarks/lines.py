"""The topologies that are measured, as files; and the command that runs one."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.work import CAMERAS, RATE, STAGES

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "topologies" / "rules" / "plate.yaml"
GATHER_S = 0.02  # what a line whose reject gate has tenths of a second can spare
KENSA = Path(sys.executable).with_name("kensa")


def fused(folder: Path) -> list[str | Path]:
    """Eight cameras, five stages, fused into a lane per camera."""
    return _run(folder, _chain(folder, f"benchmarks.stages:paced, with: {{rate: {RATE}}}", CAMERAS, isolate=False))


def isolated(folder: Path) -> list[str | Path]:
    """The same with every stage in a process of its own."""
    return _run(folder, _chain(folder, f"benchmarks.stages:paced, with: {{rate: {RATE}}}", CAMERAS, isolate=True))


def gathered(folder: Path) -> list[str | Path]:
    """The same processes, the first of which lets records gather for some milliseconds: they share its wakings."""
    source = f"benchmarks.stages:paced, with: {{rate: {RATE}}}"
    return _run(folder, _chain(folder, source, CAMERAS, isolate=True, linger=GATHER_S))


def saturated(folder: Path) -> list[str | Path]:
    """One camera that gives what five processes take."""
    return _run(folder, _chain(folder, "benchmarks.stages:flood", CAMERAS[:1], isolate=True))


def factory(cameras: int = 100, hosts: int = 10) -> str:
    """A plant of many cameras: parameters of its own for each, and the product's nodes from source to sinks."""
    names = [f"cam-{number:03}" for number in range(cameras)]
    text = "line: {plant: bench, line: plant}\nhosts:\n"
    for host in range(hosts):
        text += f"  edge-{host}: {{address: 10.0.0.{host + 1}, cameras: [{', '.join(names[host::hosts])}]}}\n"
    text += "cameras:\n"
    for number, name in enumerate(names):
        text += f"  {name}: {{camera: {{speed: {1 + number % 12}}}, clean: {{min_area: {20 + number}}}}}\n"
    return text + FACTORY.format(book=BOOK)


def judged(folder: Path) -> list[str | Path]:
    """Four cameras whose parts are judged in a process that touches no pixel."""
    return _run(folder, JUDGED.format(book=BOOK, events=folder / "events.jsonl"))


JUDGED = """\
line: {{plant: bench, line: judged}}
hosts: {{here: {{cameras: [cam-1, cam-2, cam-3, cam-4]}}}}
nodes:
  camera:  {{use: synthetic, with: {{defects: 0.2}}}}
  clean:   {{from: camera}}
  measure: {{from: clean}}
  track:   {{from: measure}}
  rules:   {{from: track, with: {{book: {book}}}, isolate: true}}
  alarms:  {{from: rules, with: {{path: {events}}}}}
"""

FACTORY = """\
nodes:
  camera:  {{use: synthetic}}
  clean:   {{from: camera}}
  measure: {{from: clean}}
  track:   {{from: measure}}
  rules:   {{from: track, with: {{book: {book}}}}}
  archive: {{from: [track, rules], at: edge-9, with: {{path: archive}}}}
  alarms:  {{from: rules, at: edge-9, with: {{path: events.jsonl}}}}
"""


def _chain(folder: Path, source: str, cameras: list[str], *, isolate: bool, linger: float = 0.0) -> str:
    apart = ", isolate: true" if isolate else ""
    text = f"line: {{plant: bench, line: chain}}\nhosts: {{here: {{cameras: [{', '.join(cameras)}]}}}}\nnodes:\n"
    text += f"  source: {{use: {source}}}\n"
    for after, word in zip(("source", *STAGES), STAGES, strict=False):
        gather = f", queue: {{linger: {linger}}}" if linger else ""
        text += f"  {word}: {{use: benchmarks.stages:touch, from: {after}, with: {{word: {word}}}{apart}{gather}}}\n"
    text += f"  sink: {{use: benchmarks.stages:arrivals, from: {STAGES[-1]}, with: {{folder: {folder}}}{apart}}}\n"
    return text


def _run(folder: Path, topology: str) -> list[str | Path]:
    path = folder / "chain.yaml"
    path.write_text(topology, encoding="utf-8")
    return [KENSA, "run", path]
