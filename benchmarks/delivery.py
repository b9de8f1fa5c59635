"""From a verdict to a consumer at a broker: how long it takes, and what stands between, on a virtual line.

The broker is mosquitto, the consumer a process of its own. The peer is the least that can be done: a verdict published
by hand, without an outbox, without a disk. And whether anybody else is held up: a sink beside it, while the broker is
dead and alarms flood, against the same line with a broker that lives and alarms that are calm.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.broker import mosquitto
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.lines import KENSA
from benchmarks.meter import ROOT

BOOK = ROOT / "topologies" / "rules" / "plate.yaml"
TOPIC = "bench/line"
SECONDS, ROUNDS = 20, 5
FIRST = 2.0  # seconds at the begin that are not counted: processes start, the consumer hears the past
CAMERAS = """\
line: {{plant: bench, line: delivery}}
hosts: {{here: {{cameras: [cam-1, cam-2, cam-3, cam-4]}}}}
nodes:
  camera:  {{use: synthetic, with: {{rate: 30, defects: 0.2}}}}
  clean:   {{from: camera}}
  measure: {{from: clean}}
  rules:   {{from: measure, with: {{book: {book}}}}}
  stamped: {{use: "benchmarks.delivery_nodes:stamped", from: rules}}
"""
LINE = CAMERAS + "  told: {{use: {use}, from: stamped, with: {{{told}}}}}\n"
BESIDE = (
    CAMERAS
    + """\
  seen:    {{use: "benchmarks.delivery_nodes:seen", from: stamped, with: {{path: {folder}/seen}}}}
  alarms:  {{from: stamped, with: {{path: {folder}/events.jsonl, book: {folder}/alarms.yaml}}}}
  told:    {{use: mqtt, from: stamped, with: {{{told}}}}}
"""
)
ALARMS = 100  # of each camera: one part that is bad raises all of them, one that is good ends them
DEAD = "mqtt://127.0.0.1:9"
OURS = "url: '{url}', topic: bench/line, outbox: {folder}/outbox"
BARE = "url: '{url}'"


def figures() -> Iterator[Figure]:
    """p99 in ms of four cameras' verdicts, 120 a second; and how many did not come."""
    pairs = [
        *alternate(lambda: _measured("mqtt", OURS), lambda: _measured("benchmarks.delivery_nodes:bare", BARE), ROUNDS)
    ]
    for name, place in (("p50", 49), ("p99", 98)):
        ours, theirs = zip(*((mine.ages[place], other.ages[place]) for mine, other in pairs), strict=True)
        ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
        note = f"{sum(mine.came for mine, _ in pairs):,} verdicts, missing {sum(mine.missing for mine, _ in pairs)}"
        yield Figure(
            f"verdict → MQTT consumer, 120/s, {name}, ms", median(ours), None, "publish by hand", median(theirs),
            ratio, note,
        )  # fmt: skip
    within = median(mine.ages[98] for mine, _ in pairs)
    yield Figure("verdict → MQTT consumer, p99, ms: behind the line", within, Limit("≤", 200.0))
    yield from _held_up()


def _held_up() -> Iterator[Figure]:
    """What comes to a sink beside a dead broker and flooded alarms, and how late, against neither."""
    pairs = [*alternate(lambda: _beside(struck=True), lambda: _beside(struck=False), ROUNDS)]
    paces = [(float(len(mine.ages)), float(len(other.ages))) for mine, other in pairs]
    steps = f"{sum(mine.steps for mine, _ in pairs) / SECONDS / len(pairs):,.0f} steps of alarms a second"
    what = "a sink beside a dead broker and an alarm flood, verdicts"
    yield paired(what, paces, "neither", Limit("≥", 0.98), steps)
    p99 = median(quantiles(mine.ages, n=100)[98] for mine, _ in pairs)
    yield Figure("the same, p99, ms: behind the line", p99, Limit("≤", 200.0))


class Beside(NamedTuple):
    """What a sink beside others saw.

    Attributes:
        ages: How old each verdict was, ms.
        steps: Lines that alarms wrote meanwhile.
    """

    ages: list[float]
    steps: int


def _beside(*, struck: bool) -> Beside:
    with tempfile.TemporaryDirectory(dir=_disk()) as name, mosquitto(Path(name)) as url:
        folder = Path(name)
        row = 1 if struck else 100_000
        said = f"{{when: {{row: {row}}}, priority: critical, cause: c, consequence: q, action: a}}"
        alarms = "".join(f"  a{number}: {said}\n" for number in range(ALARMS))
        (folder / "alarms.yaml").write_text(f"chatter: {{times: 0}}\nalarms:\n{alarms}")
        line = folder / "line.yaml"
        told = OURS.format(url=DEAD if struck else url, folder=folder) + f", alarms: {folder}/events.jsonl"
        line.write_text(BESIDE.format(book=BOOK, told=told, folder=folder))
        subprocess.run([KENSA, "run", line, "--for", f"{SECONDS}s"], check=True, capture_output=True, cwd=ROOT)
        steps = (folder / "events.jsonl").read_bytes().count(b'"subject":"alarm"')
        return Beside(json.loads((folder / "seen").read_bytes()), steps)


class Heard:
    """What a consumer wrote down.

    Attributes:
        ages: Percentiles 1 to 99 of how old verdicts were, ms.
        came: How many were counted.
        missing: How many never came.
    """

    def __init__(self, said: str) -> None:
        told = json.loads(said)
        self.ages = quantiles(told["ages_ms"], n=100)
        self.came, self.missing = len(told["ages_ms"]), int(told["missing"])


def _measured(use: str, told: str) -> Heard:
    with tempfile.TemporaryDirectory(dir=_disk()) as name, mosquitto(Path(name)) as url:
        folder = Path(name)
        line = folder / "line.yaml"
        line.write_text(LINE.format(book=BOOK, use=f'"{use}"', told=told.format(url=url, folder=folder)))
        consumer = [sys.executable, "-m", "benchmarks.peers.mqtt_consumer", f"{url}/{TOPIC}", str(FIRST)]
        with subprocess.Popen(consumer, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=ROOT) as ear:
            assert ear.stdout
            assert ear.stdout.readline() == "listening\n"
            subprocess.run([KENSA, "run", line, "--for", f"{SECONDS}s"], check=True, capture_output=True, cwd=ROOT)
            return Heard(ear.communicate("\n")[0])


def _disk() -> Path:
    """A folder on a disk, where the temporary folder may be memory."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    return out
