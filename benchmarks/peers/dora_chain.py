"""The chain as a dora-rs dataflow of five Python nodes, saturated; runs in `.venv-bench`.

Usage: python -m benchmarks.peers.dora_chain FOLDER; SIGINT or SIGTERM ends it. Payloads are Arrow uint8, the other
13 fields travel as metadata, queues hold 1,000, as a user of dora would write it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from threading import Event

from benchmarks.peers.work import CAMERAS, STAGES, Arrivals, record, save, touch

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-bench" / "bin"
STOP = "stop"
NODE = """\
  - id: {name}
    path: {script}
    args: {folder} {name}
    env: {{PYTHONPATH: {root}}}
"""
INPUT = """\
    inputs:
      taken: {{source: {after}/given, queue_size: 1000}}
"""
OUTPUT = """\
    outputs: [given]
"""


def main(folder: Path) -> None:
    """Write the dataflow, run it, and let the source end it."""
    stop = Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    (folder / "chain.yaml").write_text(dataflow(folder), encoding="utf-8")
    path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    dora = subprocess.Popen([BIN / "dora", "run", "chain.yaml"], cwd=folder, env=os.environ | path, process_group=0)
    stop.wait()
    (folder / STOP).touch()
    sys.exit(dora.wait(timeout=30))


def dataflow(folder: Path) -> str:
    """The dataflow file."""
    names = ["source", *STAGES, "sink"]
    text = "nodes:\n"
    for after, name in zip(["", *names], names, strict=False):
        text += NODE.format(name=name, script=__file__, folder=folder, root=ROOT)
        text += INPUT.format(after=after) if after else ""
        text += OUTPUT if name != "sink" else ""
    return text


def source(folder: Path) -> None:
    """Send as fast as dora takes it."""
    from dora import Node
    from numpy import frombuffer, uint8
    from pyarrow import array

    node = Node()
    for seq in count():
        if seq % 64 == 0 and (folder / STOP).exists():
            return
        fields = record(CAMERAS[0], seq)
        data = fields.pop("data")
        node.send_output("given", array(frombuffer(data, uint8)), fields)


def stage(word: str) -> None:
    """Change one field and pass the rest on."""
    from dora import Node

    node = Node()
    for event in node:
        if event["type"] == "INPUT":
            node.send_output("given", event["value"], touch(event["metadata"], word))


def sink(folder: Path) -> None:
    """Keep the times."""
    from dora import Node

    seen: Arrivals = []
    for event in Node():
        if event["type"] == "INPUT":
            now, fields = time.time_ns(), event["metadata"]
            seen.append((now, now - fields["t_ns"], fields["seq"]))
    save(str(folder), CAMERAS[0], seen)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    match sys.argv[2:]:
        case []:
            main(where)
        case ["source"]:
            source(where)
        case ["sink"]:
            sink(where)
        case [role]:
            stage(role)
