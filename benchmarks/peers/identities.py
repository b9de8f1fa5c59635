"""ByteTrack of `supervision` and of `trackers`, and the scores of motmetrics; runs in `.venv-bench`.

Usage: python -m benchmarks.peers.identities < tasks.json > answers.json. A task is {"do": "track", "with": NAME,
"frames": [[[x, y, width, height, score], …], …]}, answered with {"frames": [[[id, x, y, width, height], …], …],
"seconds": s}; or {"do": "score", "true": frames, "told": frames}, answered with motmetrics' summary at an IoU of 0.5
and with who was followed by whom: {"idf1", "mota", "switches", "pairs": [[true id, told id, frames], …]}.
"""

from __future__ import annotations

import json
import sys
import warnings
from time import perf_counter
from typing import Any

Rows = list[list[float]]

warnings.filterwarnings("ignore")


def main() -> None:
    """Answer every task, in order."""
    json.dump([_DOES[task["do"]](task) for task in json.load(sys.stdin)], sys.stdout)


def _track(task: dict[str, Any]) -> dict[str, Any]:
    """Both trackers as they come, told nothing: what a user of them would write first."""
    detections = [_detections(frame) for frame in task["frames"]]
    update = _tracker(task["with"])
    start = perf_counter()
    told = [update(each) for each in detections]
    seconds = perf_counter() - start
    return {"frames": [_rows(each) for each in told], "seconds": seconds}


def _tracker(name: str) -> Any:
    if name == "supervision":
        import supervision

        return supervision.ByteTrack().update_with_detections
    from trackers import ByteTrackTracker

    return ByteTrackTracker().update


def _detections(frame: Rows) -> Any:
    import numpy as np
    import supervision

    boxes = np.array(frame, float).reshape(-1, 5)
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]])
    return supervision.Detections(xyxy=corners, confidence=boxes[:, 4], class_id=np.zeros(len(boxes), int))


def _rows(told: Any) -> Rows:
    ids = [] if told.tracker_id is None else told.tracker_id.tolist()
    pairs = zip(ids, told.xyxy.tolist(), strict=True)
    return [[told_, x, y, right - x, low - y] for told_, (x, y, right, low) in pairs if told_ >= 0]


def _score(task: dict[str, Any]) -> dict[str, Any]:
    import motmetrics
    import numpy as np

    events = motmetrics.MOTAccumulator(auto_id=True)
    for true, told in zip(task["true"], task["told"], strict=True):
        there, said = (np.array(rows, float).reshape(-1, 5) for rows in (true, told))
        events.update(there[:, 0].astype(int), said[:, 0].astype(int), _distances(there[:, 1:], said[:, 1:]))
    wanted = ["idf1", "mota", "num_switches"]
    idf1, mota, switches = motmetrics.metrics.create().compute(events, metrics=wanted, name="all").loc["all"]
    seen = events.mot_events
    followed = seen[seen["Type"].isin(["MATCH", "SWITCH"])].groupby(["OId", "HId"]).size()
    pairs = [[int(true), int(told), int(count)] for (true, told), count in followed.items()]
    return {"idf1": float(idf1), "mota": float(mota), "switches": int(switches), "pairs": pairs}


def _distances(true: Any, told: Any) -> Any:
    """1 − IoU of every pair, NaN from 0.5 on: motmetrics' own needs numpy 1."""
    import numpy as np

    one, other = true[:, None], told[None]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=-1)
    iou = both / (np.prod(one[..., 2:], axis=-1) + np.prod(other[..., 2:], axis=-1) - both)
    return np.where(iou >= 0.5, 1 - iou, np.nan)


_DOES = {"track": _track, "score": _score}

if __name__ == "__main__":
    main()
