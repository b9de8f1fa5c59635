"""A folder of Parquet files that a crash, at any moment, leaves readable: a file is there whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.sinks.journal import sync_folder
from pipeline.encodings import options
from pipeline.errors import NodeError
from pipeline.pieces import name

if TYPE_CHECKING:
    import pyarrow as pa

UNFINISHED = ".unfinished"  # one folder for all: what a crash left is found without a look at every day of the archive


class Shelf:
    """Commits Arrow tables as files `<partition>/<first time>-<digest>.parquet`.

    A file is named by its content, so committing the same rows again changes nothing, writers in
    other processes never collide, and a replay gives the same names. Names sort by exposure time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def commit(self, partition: str, table: pa.Table, t_ns: int, *, masks: bool = True) -> Path:
        """Put a table on the disk; when this returns, it is there to stay.

        Args:
            partition: Folder below this one, `key=value/key=value`.
            table: At least one row.
            t_ns: Earliest exposure in it, UTC nanoseconds.
            masks: False where masks were left out of it; its name and its metadata then say so.

        Raises:
            OSError: If the disk refuses; nothing of the table is then there.
        """
        content = packed(table, masks=masks)
        path = self.folder / partition / name(content, t_ns, masks=masks)
        try:
            self.put(path, content)
        except OSError as error:
            said = f"archive cannot write {path}: {error.strerror or error}; free space, or give another 'path'"
            raise OSError(error.errno, said) from error
        return path

    def put(self, path: Path, content: memoryview | bytes) -> None:
        """Write a file below this folder, whole or not at all; one that is there already stays.

        Raises:
            OSError: If the disk refuses.
        """
        if path.exists() and path.read_bytes() == content:
            sync_folder(path.parent)
            return
        _make(path.parent, self.folder)
        _make(self.folder / UNFINISHED, self.folder)
        begun = self.folder / UNFINISHED / f"{path.name}.{os.getpid()}"
        try:
            with begun.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            begun.rename(path)
        finally:
            begun.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def shelf(folder: Path) -> Iterator[Shelf]:
    """Use a folder as a shelf; what a crashed writer left half-written goes, unless another writer is at work here.

    Raises:
        OSError: If the folder cannot be made.
        NodeError: If pyarrow is not installed.
    """
    parquet()
    _frugal()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        else:
            _sweep(folder)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield Shelf(folder)


def parquet() -> Any:
    """`pyarrow.parquet`.

    Raises:
        NodeError: If it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise NodeError("archive writes with pyarrow, which is not installed: pip install 'kensa[archive]'") from error
    return pyarrow.parquet


def _frugal() -> None:
    """Let Arrow give back what a batch took: its own pools keep it, some megabytes more with each large batch."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def packed(table: pa.Table, *, masks: bool) -> memoryview:
    """The table as a file, which says where masks were left out of it."""
    import pyarrow as pa

    if not masks:
        table = table.replace_schema_metadata({**_said(table), "kensa.masks": "left out"})
    sink = pa.BufferOutputStream()
    parquet().write_table(table, sink, **_options(table.schema))
    return memoryview(sink.getvalue())


@lru_cache(maxsize=64)
def _options(schema: pa.Schema) -> dict[str, Any]:
    return options(schema)


def _said(table: pa.Table) -> dict[bytes | str, bytes | str]:
    return dict(table.schema.metadata or {})


def _make(folder: Path, top: Path) -> None:
    """Make a folder below `top`, and wait until the disk knows its name and those of its new parents."""
    if folder.exists():
        return
    if folder != top:
        _make(folder.parent, top)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _sweep(folder: Path) -> None:
    for left in (folder / UNFINISHED).glob("*"):
        left.unlink(missing_ok=True)
