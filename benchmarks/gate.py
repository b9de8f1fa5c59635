"""From the verdict to the pulse on a virtual line, with a PLC in a process of its own: how long, and whether all came.

The belt goes by time, so that it is known to the nanosecond when each part's place begins, and the PLC notes when its
coil turned. How old a verdict is counts from the last exposure that shows its part; until a tracker is sure that it
has gone one more frame passes.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from statistics import quantiles
from typing import Any

from benchmarks.figure import Figure, Limit
from benchmarks.lines import BOOK, KENSA, ROOT
from pipeline.clock import line_time
from pipeline.node import node
from pipeline.records import Verdict

SECONDS = 240
WINDOW_MS, DISTANCE_MS = 30.0, 1000.0
NS_PER_MS = 1e6
NONE = Limit("≤", 0.0)

Told = dict[str, Any]

LINE = """\
line: {{plant: bench, line: gate}}
hosts: {{here: {{cameras: [belt]}}}}
nodes:
  camera:  {{use: synthetic, with: {{rate: 100, speed: 6, pitch: 60, defects: 0.5}}}}
  clean:   {{from: camera}}
  measure: {{from: clean}}
  track:   {{from: measure}}
  rules:   {{from: track, with: {{book: {book}}}}}
  gate:
    use: reject
    from: [track, rules]
    with:
      speed: 600
      distance: {{belt: {distance}}}
      window: {window}
      plc: {{host: 127.0.0.1, port: {port}, reject: 0, heartbeat: 3}}
      path: {folder}/parts.jsonl
  heard:   {{use: "benchmarks.gate:heard", from: rules, with: {{path: {folder}/ages}}}}
"""


@node()
def heard(records: Iterator[Verdict], *, path: str) -> None:
    """Note how old verdicts are where they leave the process that made them, as those for the gate do: ns, one a line.

    Args:
        path: The file.
    """
    with Path(path).open("w", encoding="ascii", buffering=1) as file:
        for record in records:
            if record.subject == "part":
                file.write(f"{line_time.now_ns() - record.t_ns}\n")


def figures() -> Iterator[Figure]:
    """Age of verdicts, lateness of coils, and what went wrong meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(folder)
        ages = sorted(int(line) / NS_PER_MS for line in (folder / "ages").read_text().split())
        parts, changes = _lines(folder / "parts.jsonl"), _lines(folder / "plc.jsonl")
    reject = [change for change in changes if change["coil"] == 0]
    felt = [(part, _on(reject, part["at"])) for part in parts if part["at"] <= reject[-1]["t_ns"]]
    late = sorted(_late(parts, reject))
    yield Figure("last sight → verdict at the gate's host, p99.9, ms", _tail(ages), note=_told(ages))
    yield Figure("part's place begins → coil of the PLC is on, p99.9, ms", _tail(late), note=_told(late))
    yield Figure("least way from the end of the view to the actuator (both), ms of belt", _tail(ages) + _tail(late))
    missing = sum(part["why"] == "missing" for part in parts)
    yield Figure("parts without a verdict in time", missing, NONE, note=f"of {len(parts):,}")
    spared, struck = sum(_bad(part) and not on for part, on in felt), sum(not _bad(part) and on for part, on in felt)
    yield Figure("bad parts at whose middle the PLC's coil was off", spared, NONE)
    yield Figure("good parts at whose middle it was on", struck, NONE)


def _run(folder: Path) -> None:
    """Let the line run for a while; what it did is in the folder."""
    with _plc(folder) as port:
        text = LINE.format(book=BOOK, folder=folder, port=port, window=WINDOW_MS, distance=DISTANCE_MS)
        (folder / "gate.yaml").write_text(text, encoding="utf-8")
        told: list[str | Path] = [KENSA, "run", folder / "gate.yaml", "--for", f"{SECONDS}s"]
        with (folder / "log").open("w") as log:
            if subprocess.run(told, cwd=ROOT, stdout=log, stderr=log, check=False).returncode:
                raise RuntimeError(f"the line failed:\n{(folder / 'log').read_text()[-4000:]}")


@contextmanager
def _plc(folder: Path) -> Iterator[int]:
    """A PLC that notes what is written to it."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    told: list[str | Path] = [KENSA, "plc", "--port", str(port), "--write", folder / "plc.jsonl"]
    plc = subprocess.Popen(told, stderr=subprocess.PIPE)
    try:
        assert plc.stderr is not None
        plc.stderr.readline()
        yield port
    finally:
        plc.kill()
        plc.wait()


def _lines(path: Path) -> list[Told]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _bad(part: Told) -> bool:
    return bool(part["action"] == "reject")


def _on(changes: list[Told], t_ns: float) -> bool:
    """Whether the coil was on at a time."""
    after = bisect_right(changes, t_ns, key=lambda change: change["t_ns"])
    return bool(after) and changes[after - 1]["on"]


def _late(parts: list[Told], changes: list[Told]) -> Iterator[float]:
    """How long after a bad part's place had begun its coil was on, ms; where the part before left it on, nothing is."""
    ons = [change["t_ns"] for change in changes if change["on"]]
    begins = sorted(part["at"] - WINDOW_MS * NS_PER_MS for part in parts if _bad(part))
    for on in ons:
        before = bisect_right(begins, on)
        if before and on - begins[before - 1] < 2 * WINDOW_MS * NS_PER_MS:
            yield (on - begins[before - 1]) / NS_PER_MS


def _tail(values: list[float]) -> float:
    return quantiles(values, n=1000, method="inclusive")[998]


def _told(values: list[float]) -> str:
    middle = values[len(values) // 2]
    p99 = quantiles(values, n=100, method="inclusive")[98]
    return f"p50 {middle:.3g}, p99 {p99:.3g}, n = {len(values):,}; load average {os.getloadavg()[1]:.0f}"
