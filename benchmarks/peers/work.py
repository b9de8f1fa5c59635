"""What every hand-written peer shares: a record of 14 fields and 9 KB, three stages, and where times are kept.

Standard library alone: peers in another environment import it too.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

SIDE = 96
PAYLOAD = bytes(range(256)) * (SIDE * SIDE // 256)
CAMERAS = [f"cam-{number}" for number in range(1, 9)]
RATE = 30.0
STAGES = ("post", "rules", "track")

Record = dict[str, Any]
Arrivals = list[tuple[int, int, int]]


def phase(camera: str) -> float:
    """The part of a period that a camera is behind the first one, 0…1."""
    return (int(camera.rpartition("-")[2]) - 1) / len(CAMERAS)


def record(camera: str, seq: int) -> Record:
    """What a camera says: 14 fields, one of 9 KB."""
    return {
        "kind": "frame",
        "camera": camera,
        "session": "b00t",
        "seq": seq,
        "t_ns": time.time_ns(),
        "height": SIDE,
        "width": SIDE,
        "label": "part",
        "score": 0.9,
        "prompt": "",
        "model": "8c1f",
        "scale": 0.1,
        "zero_point": 0,
        "data": PAYLOAD,
    }


def touch(taken: Record, word: str) -> Record:
    """Change one field and pass the rest on."""
    taken["prompt"] = word
    return taken


def save(folder: str, name: str, seen: Arrivals) -> None:
    """Keep (arrival, age, seq), ns, of every record of one camera."""
    Path(folder, f"{name}.json").write_text(json.dumps(seen), encoding="utf-8")


def load(folder: Path) -> list[Arrivals]:
    """What `save` kept, per camera."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
