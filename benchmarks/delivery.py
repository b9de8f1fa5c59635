"""From a verdict to a consumer at a broker: how long it takes, and what stands between, on a virtual line.

The broker is mosquitto, the consumer a process of its own. The peer is the least that can be done: a verdict published
by hand, without an outbox, without a disk.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from benchmarks.faults.plant import ports
from benchmarks.figure import Figure, Limit, alternate
from benchmarks.lines import KENSA
from benchmarks.meter import ROOT

BOOK = ROOT / "topologies" / "rules" / "plate.yaml"
TOPIC = "bench/line"
SECONDS, ROUNDS = 20, 5
FIRST = 2.0  # seconds at the begin that are not counted: processes start, the consumer hears the past
LINE = """\
line: {{plant: bench, line: delivery}}
hosts: {{here: {{cameras: [cam-1, cam-2, cam-3, cam-4]}}}}
nodes:
  camera:  {{use: synthetic, with: {{rate: 30, defects: 0.2}}}}
  clean:   {{from: camera}}
  measure: {{from: clean}}
  rules:   {{from: measure, with: {{book: {book}}}}}
  stamped: {{use: "benchmarks.delivery_nodes:stamped", from: rules}}
  told:    {{use: {use}, from: stamped, with: {{{told}}}}}
"""
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
    with tempfile.TemporaryDirectory(dir=_disk()) as name, _broker(Path(name)) as url:
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


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    found = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if not found:
        raise SystemExit("delivery: expected mosquitto, found none; apt install mosquitto")
    port = ports(1)[0]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with subprocess.Popen([found, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        time.sleep(0.5)
        try:
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            broker.terminate()
