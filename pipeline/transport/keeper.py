"""Between a durable edge and its spool: what is to be written, read or forgotten, in turns of the writer's thread.

Whatever the disk does, the line goes on: what cannot be written waits in memory, bounded, and people are told.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pipeline.digests import blake2s
from pipeline.notices import board
from pipeline.plan import Edge
from pipeline.transport.backlog import LOADED_BYTES, Backlog, Disk
from pipeline.transport.spool import Spool

BATCH_S = 0.1  # seconds within which what is staged is written
FULL = 100  # records that are written at once
RETRY_S = 1.0  # seconds between two tries of a disk that does not work
LOCKED_S = 0.2  # seconds between two looks whether the process before this one has let go
KEPT_S = 5.0  # seconds that an empty spool stays open
PROBE = bytes(1 << 16)


class Keeper:
    """Keeps one edge's backlog on disk.

    Args:
        edge: The edge.
        state: Folder of what outlives the line: `spool/` and `quarantine/` are in it. None: there is no disk to use.
        lock: Guards the backlog; never held while the disk is used.

    Attributes:
        backlog: What it keeps.
        changed: Notified after every turn; its lock is that one.
        due: When it wants its next turn, by the monotonic clock; infinite where nothing is to be done.
    """

    def __init__(self, edge: Edge, state: Path | None, lock: threading.Lock) -> None:
        self._edge, self._state = edge, state
        self._folder = state / "spool" / digest(edge.name) if state else None
        self.backlog = Backlog(edge.name, edge.queue, self._known(), edge.kinds)
        self.changed = threading.Condition(lock)
        self.due = time.monotonic() if self._folder else float("inf")
        self._spool: Spool | None = None
        self._released = 0
        self._retry = self._idle = 0.0
        self._turning = threading.Lock()
        self._over = False

    @property
    def wish(self) -> float:
        """Seconds within which it needs a turn; infinite where it needs none."""
        backlog = self.backlog
        if backlog.hungry or len(backlog.staged) >= FULL or backlog.disk == "unknown":
            return 0.0
        return BATCH_S if backlog.staged or backlog.released > self._released else float("inf")

    def turn(self) -> None:
        """Do what is to be done, and say by `due` when there will be more."""
        with self._turning:
            if self._over or self._folder is None:
                self.due = float("inf")
                return
            try:
                self._work(self._folder)
            except BlockingIOError:
                self._next(LOCKED_S)
            except OSError as error:
                self._fail(error)
                self._next(RETRY_S)
            else:
                self._next(self._patience())

    def end(self) -> None:
        """Close the spool; what is in it waits for the next incarnation."""
        with self._turning:
            self._over = True
            if self._spool is not None:
                self._close(self._spool)

    def _known(self) -> Disk:
        if self._folder is None:
            board.raise_(self._key, f"edge '{self._edge.name}' has no folder to spool to: it drops its oldest instead")
            return "ill"
        return "unknown" if self._folder.exists() else "well"

    @property
    def _key(self) -> str:
        return f"spool:{self._edge.name}"

    def _work(self, folder: Path) -> None:
        backlog, spool = self.backlog, self._spool
        if spool is None:
            if backlog.disk == "well" and not backlog.staged:
                return
            spool = self._spool = self._open(folder)
        self._read(spool)
        if backlog.disk == "ill":
            if time.monotonic() < self._retry:
                return
            self._probe(folder)
        self._write(spool)
        self._forget(spool)

    def _open(self, folder: Path) -> Spool:
        """Look what an earlier incarnation left."""
        queue, quarantine = self._edge.queue, folder.parent.parent / "quarantine"
        name = self._edge.name
        spool = Spool(folder, name, survives=queue.survives, bound=queue.spool, quarantine=quarantine)
        if spool.damaged:
            text = f"edge '{name}': its spool was damaged, {spool.lost} records are lost; kept in {quarantine}"
            board.raise_(f"{self._key}:damaged", text)
        self._released = spool.done
        board.settle(self._key)
        with self.changed:
            self.backlog.found(spool.records, spool.weight, spool.done, spool.lost, spool.tails)
            self.changed.notify_all()
        return spool

    def _read(self, spool: Spool) -> None:
        with self.changed:
            hungry, after = self.backlog.hungry, self.backlog.read
        if hungry:
            rows = spool.read(after, hungry, LOADED_BYTES)
            with self.changed:
                self.backlog.loaded(rows)
                self.changed.notify_all()

    def _probe(self, folder: Path) -> None:
        path = folder / "probe"
        path.write_bytes(PROBE)
        path.unlink()
        board.settle(self._key)
        with self.changed:
            self.backlog.settled()

    def _write(self, spool: Spool) -> None:
        while True:
            with self.changed:
                items = self.backlog.outgoing()
            if not items:
                return
            rows = spool.append(items)
            with self.changed:
                self.backlog.stored(rows)
                self.changed.notify_all()
                after = self.backlog.read
            gone = spool.shed(after)
            if gone.rows:
                with self.changed:
                    self.backlog.lost(*gone)
                text = f"edge '{self._edge.name}': its spool is full, the oldest go; is its consumer well?"
                board.raise_(f"{self._key}:full", text)

    def _forget(self, spool: Spool) -> None:
        released = self.backlog.released
        if released > self._released:
            spool.release(released)
            self._released = released
            board.settle(f"{self._key}:full")

    def _fail(self, error: OSError) -> None:
        self._retry = time.monotonic() + RETRY_S
        why = error.strerror or str(error)
        text = f"edge '{self._edge.name}' cannot spool to {self._folder}: {why}; its oldest are dropped until it can"
        board.raise_(self._key, text)
        with self.changed:
            self.backlog.failed()
            self.changed.notify_all()

    def _patience(self) -> float:
        """Seconds until there may be something to do; a spool that stayed empty for a while is closed."""
        now, spool = time.monotonic(), self._spool
        if self.backlog.disk == "ill":
            return RETRY_S
        if spool is None or not self.backlog.idle:
            self._idle = now
            return self.wish
        if now - self._idle >= KEPT_S:
            self._close(spool)
            return float("inf")
        return self._idle + KEPT_S - now

    def _close(self, spool: Spool) -> None:
        self._forget(spool)
        spool.close()
        self._spool, self._released = None, 0

    def _next(self, seconds: float) -> None:
        self.due = time.monotonic() + seconds


def digest(name: str) -> str:
    """A folder's name for an edge, whose own may be long and hold anything."""
    return blake2s(name.encode(), digest_size=10).hexdigest()
