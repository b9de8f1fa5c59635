"""Showing a line while it runs: when, by whom, and in one line where there is no terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import IO, Protocol, Self

from pipeline.notices import Notice
from pipeline.runtime.rows import Rates, Row
from pipeline.runtime.state import Alarm, PeerState, Snapshot

PLAIN = 5.0  # seconds between two plain lines


class View(Protocol):
    """Something that shows a line."""

    def show(self, snapshot: Snapshot) -> None:
        """Show what it is now."""
        ...

    def close(self) -> None:
        """Leave the terminal as a next line of text expects it."""
        ...


class PlainLines:
    """One line of summary, and each alarm once."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._rates = Rates()
        self._out = out or sys.stdout
        self._told = 0

    def show(self, snapshot: Snapshot) -> None:
        """Write it."""
        for alarm in snapshot.alarms:
            if alarm.t_ns > self._told:
                self._write(told(alarm))
                self._told = alarm.t_ns
        rows = self._rates.rows(snapshot)
        if snapshot.phase != "starting":
            self._write(summary(snapshot, rows))

    def close(self) -> None:
        """Nothing is left to do."""

    def _write(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class Showing:
    """Shows a line from a thread of its own, so that a terminal that stands still holds up nobody else."""

    def __init__(self, view: View, snapshot: Callable[[], Snapshot], period: float) -> None:
        self._view, self._snapshot, self._period = view, snapshot, period
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="view", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        try:
            self._view.show(self._snapshot())
            while not self._over.wait(self._period):
                self._view.show(self._snapshot())
            self._view.show(self._snapshot())
        finally:
            self._view.close()


def summary(snapshot: Snapshot, rows: Sequence[Row]) -> str:
    """The line in one line."""
    nodes = ", ".join(f"{row.name} {row.rate:.1f}/s" for row in rows)
    queue, drops, errors = (sum(values) for values in zip(*((r.queue, r.drops, r.errors) for r in rows), strict=True))
    restarts = sum(process.restarts for process in snapshot.processes)
    counts = f"queue {queue:,}, dropped {drops:,}, errors {errors:,}, restarts {restarts}"
    told = [f"notices {len(snapshot.notices)}"] if snapshot.notices else []
    said = (*map(_peer, snapshot.peers), *snapshot.faults, *told, *pictured(snapshot))
    rest = "".join(f"; {each}" for each in said)
    return f"{clock(snapshot.t_ns)} {snapshot.line} {snapshot.phase}: {nodes}; {counts}{rest}"


def pictured(snapshot: Snapshot) -> list[str]:
    """That pictures leave cameras, in words, where the topology lets them."""
    return [f"IMAGES leave {', '.join(snapshot.pictured)}"] if snapshot.pictured else []


def _peer(peer: PeerState) -> str:
    faults = f" ({', '.join(peer.faults)})" if peer.faults and peer.reach == "reachable" else ""
    return f"{peer.host} {peer.phase if peer.reach == 'reachable' else peer.reach}{faults}"


def told(alarm: Alarm) -> str:
    """An alarm in one line."""
    return f"{clock(alarm.t_ns)} alarm: {alarm.text}"


def still(notice: Notice) -> str:
    """What is so, in one line."""
    return f"since {clock(notice.since_ns)}: {notice.text}"


def clock(t_ns: int) -> str:
    """A time of day, UTC."""
    return datetime.fromtimestamp(t_ns / 1e9, UTC).strftime("%H:%M:%SZ")
