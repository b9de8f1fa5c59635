"""The fused chain by hand: eight source threads, a queue, one worker that calls the stages in turn.

Usage: python -m benchmarks.peers.threads FOLDER; SIGINT or SIGTERM ends it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import defaultdict
from queue import SimpleQueue
from threading import Event, Thread

from benchmarks.peers.work import CAMERAS, RATE, STAGES, Arrivals, Record, phase, record, save, touch


def main(folder: str) -> None:
    """Run until told to stop, then write the times."""
    stop, queue = Event(), SimpleQueue[Record | None]()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    sources = [Thread(target=source, args=(camera, queue, stop), daemon=True) for camera in CAMERAS]
    worker = Thread(target=work, args=(queue, folder))
    for thread in (*sources, worker):
        thread.start()
    stop.wait()
    for thread in sources:
        thread.join()
    queue.put(None)
    worker.join()


def source(camera: str, queue: SimpleQueue[Record | None], stop: Event) -> None:
    """Put a record each 1/30 s."""
    due = time.time() + phase(camera) / RATE
    seq = 0
    while not stop.is_set():
        time.sleep(max(0.0, due - time.time()))
        queue.put(record(camera, seq))
        seq, due = seq + 1, due + 1 / RATE


def work(queue: SimpleQueue[Record | None], folder: str) -> None:
    """Call every stage on every record."""
    seen: dict[str, Arrivals] = defaultdict(list)
    while taken := queue.get():
        for word in STAGES:
            taken = touch(taken, word)
        now = time.time_ns()
        seen[taken["camera"]].append((now, now - taken["t_ns"], taken["seq"]))
    for camera, arrivals in seen.items():
        save(folder, camera, arrivals)


if __name__ == "__main__":
    main(sys.argv[1])
