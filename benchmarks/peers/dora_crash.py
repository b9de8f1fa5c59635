"""A thousand records through dora-rs while something goes wrong; runs in `.venv-bench`.

Usage: python -m benchmarks.peers.dora_crash FOLDER killed|slow. `killed`: the middle of three nodes exits with 1 at its
200th record, once, at 200 records/s, and is started again after 0.2 s. `slow`: the sink takes 5 ms for a record, and
all come at once. Every input says `queue_policy: backpressure`, dora's lossless one. What arrived is in FOLDER/seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers.work import CAMERAS, record

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-bench" / "bin"
COUNT, RATE, DIES, PAUSE = 1000, 200.0, 200, 0.005
WITHIN = 90.0
NODE = """\
  - id: {name}
    path: {script}
    args: {folder} {case} {name}
    env: {{PYTHONPATH: {root}}}
"""
INPUT = """\
    inputs:
      taken: {{source: {after}/given, queue_size: {queue}, queue_policy: backpressure}}
"""
OUTPUT = """\
    outputs: [given]
"""
RESTART = """\
    restart_policy: on-failure
    restart_delay: 0.2
"""


def main(folder: Path, case: str) -> int:
    """Write the dataflow and run it to its end."""
    (folder / "crash.yaml").write_text(dataflow(folder, case), encoding="utf-8")
    env = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    command: list[str | Path] = [BIN / "dora", "run", "crash.yaml"]
    return subprocess.run(command, cwd=folder, env=env, timeout=WITHIN, check=False).returncode


def dataflow(folder: Path, case: str) -> str:
    """The dataflow file."""
    names = ["source", "middle", "sink"] if case == "killed" else ["source", "sink"]
    text = "nodes:\n"
    for after, name in zip(["", *names], names, strict=False):
        text += NODE.format(name=name, script=__file__, folder=folder, case=case, root=ROOT)
        text += RESTART if name == "middle" else ""
        text += INPUT.format(after=after, queue=10) if after else ""
        text += OUTPUT if name != "sink" else ""
    return text


def source(case: str) -> None:
    """Send them all: at a pace, or as fast as dora takes them."""
    from dora import Node
    from pyarrow import array

    node, begin = Node(), time.monotonic()
    for seq in range(COUNT):
        if case == "killed":
            time.sleep(max(0.0, begin + seq / RATE - time.monotonic()))
        fields = record(CAMERAS[0], seq)
        node.send_output("given", array([*fields.pop("data")[:1]]), fields)
    time.sleep(COUNT * PAUSE + 1.0)  # what is on its way may still arrive


def middle(folder: Path) -> None:
    """Pass on, and die once."""
    from dora import Node

    node, died = Node(), folder / "died"
    for event in node:
        if event["type"] != "INPUT":
            continue
        if event["metadata"]["seq"] == DIES and not died.exists():
            died.touch()
            os._exit(1)
        node.send_output("given", event["value"], event["metadata"])


def sink(folder: Path, case: str) -> None:
    """Write down what arrives."""
    from dora import Node

    with (folder / "seen").open("a") as seen:
        for event in Node():
            if event["type"] == "INPUT":
                time.sleep(PAUSE if case == "slow" else 0.0)
                seen.write(f"{event['metadata']['seq']}\n")
                seen.flush()


if __name__ == "__main__":
    where, what = Path(sys.argv[1]), sys.argv[2]
    match sys.argv[3:]:
        case []:
            sys.exit(main(where, what))
        case ["source"]:
            source(what)
        case ["middle"]:
            middle(where)
        case _:
            sink(where, what)
