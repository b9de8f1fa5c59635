"""An archive that is rewritten by one alone, on a disk or in an object store: what goes, what comes, what is noted."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nodes.sinks.journal import Journal, sync_folder
from nodes.sinks.shelf import Shelf, shelf
from nodes.sinks.store import Store
from pipeline.archive import ERASED
from pipeline.errors import TableError
from pipeline.leases import leased
from pipeline.pieces import archive_of
from pipeline.places import Stored, Where

if TYPE_CHECKING:
    import pyarrow as pa

ALONE = ".upkeep"
DOING = "compacts or prunes it"


class Kept(Protocol):
    """An archive that is rewritten."""

    @property
    def folder(self) -> Where:
        """Where it lies."""

    def commit(self, partition: str, table: pa.Table, t_ns: int, *, masks: bool) -> Where:
        """Put rows there as a file named by its content; when this returns, it is there to stay."""

    def remove(self, paths: Sequence[Where]) -> None:
        """Let files of one folder go."""

    def note(self, lines: Sequence[bytes]) -> None:
        """Add lines to what is told of rows that were erased; when this returns, they are there to stay."""


@contextmanager
def alone(folder: Where) -> Iterator[Kept]:
    """An archive, for the only one who rewrites it; lines may go on writing.

    Raises:
        TableError: If there is no such archive, or somebody else rewrites it.
        OSError: If the disk or the store refuses.
    """
    there = archive_of(folder)
    if isinstance(there, Stored):
        with leased(there, ALONE, DOING) as renew:
            yield _Objects(there, renew)
    else:
        with _locked(there), shelf(there) as kept:
            yield _Files(kept)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ALONE).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TableError(f"{folder}: somebody else {DOING} now; wait until that has ended") from None
        yield


class _Files:
    def __init__(self, kept: Shelf) -> None:
        self.folder, self._shelf = kept.folder, kept

    def commit(self, partition: str, table: pa.Table, t_ns: int, *, masks: bool) -> Path:
        return self._shelf.commit(partition, table, t_ns, masks=masks)

    def remove(self, paths: Sequence[Where]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in paths if isinstance(path, Path)}:
            sync_folder(folder)

    def note(self, lines: Sequence[bytes]) -> None:
        Journal(self.folder / ERASED).append(lines)


class _Objects:
    def __init__(self, folder: Stored, renew: Callable[[], None]) -> None:
        self.folder, self._store, self._renew = folder, Store(folder.url), renew

    def commit(self, partition: str, table: pa.Table, t_ns: int, *, masks: bool) -> Stored:
        self._renew()
        return self.folder / self._store.commit(partition, table, t_ns, masks=masks)

    def remove(self, paths: Sequence[Where]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    def note(self, lines: Sequence[bytes]) -> None:
        log = self.folder / ERASED
        told = log.read_bytes() if log.exists() else b""
        log.write_bytes(told + b"".join(line + b"\n" for line in lines))
