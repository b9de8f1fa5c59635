"""A thousand records while a process dies or a sink is slow, beside dora-rs; and how soon a line is well again."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median, quantiles

from benchmarks.faults.fault import suffer
from benchmarks.faults.kills import FAULTS
from benchmarks.figure import Figure, Limit, alternate
from benchmarks.lines import KENSA, ROOT
from benchmarks.peers.dora_crash import COUNT, DIES, PAUSE, RATE

PEER = "dora-rs 1.1.0"
ROUNDS = 3
RECOVERIES = 20
KILLED = [fault for fault in FAULTS if fault.name in ("kill -9: source", "kill -9: transform", "kill -9: alarms")]
WITHIN = 120.0
NONE = Limit("≤", 0.0)
HERE = "benchmarks.faults.nodes"
LINE = """\
line: {{plant: bench, line: crash}}
hosts: {{here: {{cameras: [cam-1]}}}}
nodes:
  source: {{use: "{here}:counted", with: {{count: {count}, rate: {rate}}}}}
{middle}\
  sink: {{use: "{here}:tally", from: {after}, with: {{path: {folder}/seen, pause: {pause}}}, queue: {{messages: 10}}}}
"""
MIDDLE = '  middle: {{use: "{here}:once", from: source, isolate: true, with: {{dies: {dies}, path: {folder}/died}}}}\n'


def figures() -> Iterator[Figure]:
    """What is lost of a thousand, and how long a recovery takes."""
    said = {
        "killed": "middle process dies at 200 records/s, lost of 1,000",
        "slow": "sink of 5 ms, 1,000 at once, lost",
    }
    for case, what in said.items():
        pairs = [*alternate(partial(_lost, _ours, case), partial(_lost, _theirs, case), ROUNDS)]
        ours, theirs = zip(*pairs, strict=True)
        yield Figure(what, max(ours), NONE, PEER, median(theirs), note=f"the peer {', '.join(map(str, theirs))}")
    yield from recoveries()


def recoveries() -> Iterator[Figure]:
    """From the kill of each kind of process to the first new record of all cameras at a sink, each once in a line.

    An archive is left out: it writes a file every five seconds, so nobody sees when it takes records again.
    """
    rounds = [_recovered(number) for number in range(RECOVERIES)]
    for fault, seconds in zip(KILLED, zip(*rounds, strict=True), strict=True):
        note = f"p50 {median(seconds):.2f} s, {len(seconds)} kills"
        p95 = quantiles(seconds, n=20)[18]
        yield Figure(f"recovery after {fault.name}, p95, s", p95, Limit("≤", 1.5), note=note)


def _recovered(number: int) -> tuple[float, ...]:
    with tempfile.TemporaryDirectory(prefix="kf-", dir="/tmp") as folder:
        return suffer(KILLED, "ipc", Path(folder), Random(number)).recoveries


def _lost(run: Callable[[Path, str], None], case: str) -> int:
    """Records of a thousand that never arrived."""
    with tempfile.TemporaryDirectory(prefix="kf-") as folder:
        run(Path(folder), case)
        seen = Path(folder, "seen")
        return COUNT - len(set(seen.read_text().split() if seen.exists() else ()))


def _ours(folder: Path, case: str) -> None:
    killed = case == "killed"
    middle = MIDDLE.format(here=HERE, dies=DIES, folder=folder) if killed else ""
    said = {"count": COUNT, "rate": RATE if killed else 0, "pause": 0.0 if killed else PAUSE}
    path = folder / "line.yaml"
    after = "middle" if killed else "source"
    path.write_text(LINE.format(here=HERE, folder=folder, middle=middle, after=after, **said), encoding="utf-8")
    _run([KENSA, "run", path])


def _theirs(folder: Path, case: str) -> None:
    _run([sys.executable, "-m", "benchmarks.peers.dora_crash", folder, case])


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=WITHIN)
