"""An archive in an object store, by its URL: `s3://bucket/line-a`, or whatever else pyarrow speaks with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nodes.sinks.shelf import packed, parquet
from pipeline.errors import NodeError, TableError
from pipeline.notices import board
from pipeline.pieces import name
from pipeline.places import connected

if TYPE_CHECKING:
    import pyarrow as pa


class Store:
    """Commits Arrow tables as objects `<partition>/<first time>-<digest>.parquet`, as a `Shelf` does files.

    An object is there when all of it is, and not before: stores promise so. Its name is its content, so committing
    the same rows again changes nothing.

    Args:
        url: Where it begins.

    Attributes:
        files: The file system that pyarrow has for it.
        root: Where the archive begins in that.

    Raises:
        NodeError: If pyarrow is not installed, or knows no such store.
    """

    def __init__(self, url: str) -> None:
        parquet()
        try:
            self.files, self.root = connected(url)
        except TableError as error:
            raise NodeError(str(error)) from error
        self.url = url.partition("?")[0]

    def commit(self, partition: str, table: pa.Table, t_ns: int, *, masks: bool = True) -> str:
        """Put a table into the store; when this returns, it is there to stay.

        Args:
            partition: Folder below the root, `key=value/key=value`.
            table: At least one row.
            t_ns: Earliest exposure in it, UTC nanoseconds.
            masks: False where masks were left out of it.

        Raises:
            OSError: If the store refuses, or is out of reach; nothing of the table is then there.
        """
        content = packed(table, masks=masks)
        path = f"{partition}/{name(content, t_ns, masks=masks)}"
        self.put(path, content)
        return path

    def put(self, path: str, content: memoryview | bytes) -> None:
        """Write an object, unless one of this name and length is there.

        Raises:
            OSError: If the store refuses, or is out of reach.
        """
        whole = f"{self.root}/{path}"
        try:
            if self.files.get_file_info(whole).size != len(content):
                with self.files.open_output_stream(whole) as out:
                    out.write(content)
        except OSError as error:
            raise OSError(error.errno, f"archive cannot write {self.url}/{path}: {_short(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around whatever writes: while it is refused, a notice says so.

        Raises:
            OSError: The store refuses.
        """
        key = f"archive {self.url} cannot write"
        try:
            yield
        except OSError as error:
            board.raise_(key, f"{error}; what waits is written when that is possible again")
            raise
        board.settle(key)


def _short(error: Any) -> str:
    """What a store's client says, without what it says about itself."""
    return str(error).splitlines()[0].strip()
