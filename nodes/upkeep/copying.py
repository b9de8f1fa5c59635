"""Copy an archive from one place to another, folder or object store; what is there by its name is not sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from nodes.sinks.shelf import Shelf
from nodes.sinks.store import Store
from nodes.upkeep.rewriting import Left
from pipeline.archive import ERASED
from pipeline.errors import NodeError, TableError
from pipeline.pieces import SUFFIX, intact
from pipeline.places import remote


class Copied(Struct, frozen=True):
    """What a copy did.

    Attributes:
        files: That were copied.
        size: Their bytes.
        there: Files that were there already.
        removed: Files that the source has no more.
    """

    files: int = 0
    size: int = 0
    there: int = 0
    removed: int = 0


class Place(Protocol):
    """Where an archive lies, file by file; paths are relative to where it begins."""

    def files(self) -> dict[str, int]:
        """Every file of data with its bytes."""

    def read(self, path: str) -> bytes:
        """All of a file; empty where there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Put a file there, whole or not at all."""

    def remove(self, path: str) -> None:
        """Let a file go."""


def copy(source: str, target: str, left: list[Left], *, mirror: bool = False) -> Copied:
    """Copy whatever the target does not have, each file held against the digest in its name.

    Args:
        source: Folder or URL.
        target: Folder or URL; it is made where there is none.
        left: Damaged files are not copied, and told here.
        mirror: Also remove what the source has no more, after all was copied: what was compacted or pruned there.

    Raises:
        TableError: If there is no archive at the source.
        NodeError: If pyarrow knows no such store.
        OSError: If either refuses.
    """
    here, there = place(source), place(target)
    found, known = here.files(), there.files()
    if not found and not (mirror and here.read(ERASED)):
        raise TableError(f"expected an archive, found no table in {source}")
    fresh = [path for path, size in found.items() if known.get(path) != size]
    done = [size for path in sorted(fresh, key=_order) for size in _copied(here, there, path, left)]
    if log := here.read(ERASED):
        there.write(ERASED, log)
    gone = sorted({*known} - {*found}) if mirror else []
    for path in gone:
        there.remove(path)
    return Copied(len(done), sum(done), len(found) - len(fresh), len(gone))


def place(where: str) -> Place:
    """A place by its folder or URL.

    Raises:
        NodeError: If pyarrow knows no such store, or is not installed.
    """
    return _Objects(Store(where)) if remote(where) else _Folder(Path(where.removeprefix("file://")))


def _order(path: str) -> tuple[bool, str]:
    """Frames last: a frame that is there has its regions there, too."""
    return path.startswith("table=frames/"), path


def _copied(here: Place, there: Place, path: str, left: list[Left]) -> Iterator[int]:
    content = here.read(path)
    if not content:
        return  # made one with others meanwhile: the next copy has those
    if (reason := intact(path, content)) is not None:
        left.append(Left(Path(path), reason))
        return
    there.write(path, content)
    yield len(content)


def _data(path: str) -> bool:
    return path.startswith("table=") and path.endswith(SUFFIX) and "/." not in path


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder, self._shelf = folder, Shelf(folder)

    def files(self) -> dict[str, int]:
        found = self._folder.glob(f"table=*/**/*{SUFFIX}")
        return {str(path.relative_to(self._folder)): path.stat().st_size for path in sorted(found)}

    def read(self, path: str) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return b""

    def write(self, path: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._shelf.put(self._folder / path, content)

    def remove(self, path: str) -> None:
        (self._folder / path).unlink(missing_ok=True)


class _Objects:
    def __init__(self, store: Store) -> None:
        self._store = store

    def files(self) -> dict[str, int]:
        from pyarrow import fs

        chosen = fs.FileSelector(self._store.root, recursive=True, allow_not_found=True)
        found = [info for info in self._asked(lambda: self._store.files.get_file_info(chosen)) if info.is_file]
        sizes = {info.path.removeprefix(f"{self._store.root}/"): info.size for info in found}
        return {path: size for path, size in sorted(sizes.items()) if _data(path)}

    def read(self, path: str) -> bytes:
        try:
            with self._store.files.open_input_stream(f"{self._store.root}/{path}") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return b""

    def write(self, path: str, content: bytes) -> None:
        self._store.put(path, content)

    def remove(self, path: str) -> None:
        self._store.files.delete_file(f"{self._store.root}/{path}")

    def _asked(self, question: Any) -> Any:
        try:
            return question()
        except OSError as error:
            raise NodeError(f"{self._store.url}: expected an answer of the store, got: {error}") from error
