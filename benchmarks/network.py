"""Milliseconds for a mask: our networks beside PicoSAM2 as published, one thread of onnxruntime.

What is timed is that thread's share of a core, which is the time on the clock where nobody else wants the core.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.figure import Figure, Limit, alternate, paired

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "topologies" / "networks"
PEER = "picosam2"
OURS = {"kensa-s": Limit("≤", 0.5), "kensa-m": None}
FORMS = ("int8", "float32")
ROUNDS, CALLS = 11, 12


def figures() -> Iterator[Figure]:
    """Each of ours in both forms beside PicoSAM2 in both; of what is shipped, that very file."""
    with TemporaryDirectory() as folder:
        command: list[str | Path] = [ROOT / ".venv-model" / "bin" / "python", "-m", "benchmarks.peers.networks"]
        subprocess.run([*command, folder, PEER, *OURS], cwd=ROOT, check=True)
        known = {path.stem: _asked(path) for path in Path(folder).glob("*.onnx")}
    for name, limit in OURS.items():
        for form in FORMS:
            shipped = sorted(SHIPPED.glob(f"{name}-{form}-*.onnx"))
            mine = _asked(shipped[0]) if shipped else known[f"{name}-{form}"]
            what = f"`{name}` in {form}{', as shipped' if shipped else ''}, ms of CPU per mask of 96×96"
            for other in FORMS:
                pairs = [*alternate(partial(_timed, mine), partial(_timed, known[f"{PEER}-{other}"]), ROUNDS)]
                yield paired(what, pairs, f"PicoSAM2 in {other}", limit if form == "int8" else None)


def _asked(path: Path) -> Callable[[], Any]:
    """A network that is shown a picture of noise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    (asked,) = session.get_inputs()
    shown = np.random.default_rng(1).uniform(-1, 1, (1, 3, 96, 96)).astype(np.float32)
    return lambda: session.run(None, {asked.name: shown})


def _timed(ask: Callable[[], Any]) -> float:
    """Of some calls in a row, after one that warms the caches, the median, ms of the thread's CPU."""
    ask()
    spent = []
    for _ in range(CALLS):
        begun = thread_time()
        ask()
        spent.append(1e3 * (thread_time() - begun))
    return median(spent)
