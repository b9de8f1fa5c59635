"""Where an archive lies: a folder, or below the URL of an object store; whoever uses one uses the other alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, total_ordering
from itertools import takewhile
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, NamedTuple

from pipeline.columns import arrow
from pipeline.errors import TableError

MARK = "://"
KNOWN = "s3://bucket/folder, gs://bucket/folder, abfss://container@account/folder"


class Told(NamedTuple):
    """What a store says of an object, by the names that `os.stat` has for it."""

    st_size: int
    st_mtime_ns: int


@total_ordering
class Stored:
    """A place in an object store, with those methods of a `Path` that whoever works on an archive uses.

    Attributes:
        inside: Where it is in the store, from its bucket on.
        url: Of the archive, with how the store is spoken to.
        root: Where the archive is in the store.
    """

    def __init__(self, inside: PurePosixPath, url: str, root: PurePosixPath) -> None:
        self.inside, self.url, self.root = inside, url, root

    def __eq__(self, other: object) -> bool:
        """Whether both are the same place."""
        return isinstance(other, Stored) and self.inside == other.inside

    def __lt__(self, other: Stored) -> bool:
        """In the order of their names."""
        return self.inside < other.inside

    def __hash__(self) -> int:
        """Of where it is."""
        return hash(self.inside)

    def __truediv__(self, name: str | PurePath) -> Stored:
        """A place below it."""
        return self._at(self.inside / name)

    def __str__(self) -> str:
        """Its URL."""
        before, mark, query = self.url.partition("?")
        way = self.inside.relative_to(self.root) if self.inside.is_relative_to(self.root) else PurePosixPath()
        return "/".join([before.rstrip("/"), *way.parts]) + mark + query

    @property
    def name(self) -> str:
        """The last part of it."""
        return self.inside.name

    @property
    def parent(self) -> Stored:
        """The place that it is in."""
        return self._at(self.inside.parent)

    def relative_to(self, other: Stored) -> PurePosixPath:
        """The way from another place to it."""
        return self.inside.relative_to(other.inside)

    def is_dir(self) -> bool:
        """Whether anything is below it."""
        return next(self.glob("*"), None) is not None

    def exists(self) -> bool:
        """Whether it is an object."""
        return bool(self._info().is_file)

    def stat(self) -> Told:
        """How large it is, and since when.

        Raises:
            FileNotFoundError: If it is no object.
        """
        info = self._info()
        if not info.is_file:
            raise FileNotFoundError(f"no object {self.inside}")
        return Told(info.size, info.mtime_ns or 0)

    def read_bytes(self) -> bytes:
        """All of it.

        Raises:
            OSError: If it cannot be read; `FileNotFoundError` where it is none.
        """
        with self.opened() as file:
            return bytes(file.read())

    def write_bytes(self, content: bytes) -> None:
        """Put an object there: it is there when all of it is.

        Raises:
            OSError: If the store refuses.
        """
        with self._files().open_output_stream(str(self.inside)) as file:
            file.write(content)

    def replace(self, target: Stored) -> None:
        """Put it somewhere else: it is there before it goes from here.

        Raises:
            OSError: If the store refuses.
        """
        self._files().copy_file(str(self.inside), str(target.inside))
        self.unlink()

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Let it go.

        Raises:
            OSError: If the store refuses; `FileNotFoundError` where there is none.
        """
        try:
            self._files().delete_file(str(self.inside))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def opened(self) -> Any:
        """The object as a file that Arrow reads from."""
        return self._files().open_input_file(str(self.inside))

    def glob(self, pattern: str) -> Iterator[Stored]:
        """The places below it whose way from here a pattern tells: `*` of one part, `**` any number of parts."""
        from pyarrow import fs

        fixed = [*takewhile(lambda part: "*" not in part, pattern.split("/"))]
        rest, begin = pattern.split("/")[len(fixed) :], self.inside.joinpath(*fixed)
        chosen = fs.FileSelector(str(begin), recursive=len(rest) > 1, allow_not_found=True)
        wanted = re.compile(_spelled(rest))
        for found in sorted(PurePosixPath(info.path) for info in self._files().get_file_info(chosen)):
            if wanted.fullmatch(str(found.relative_to(begin))):
                yield self._at(found)

    def rglob(self, pattern: str) -> Iterator[Stored]:
        """The same anywhere below it."""
        return self.glob(f"**/{pattern}")

    def _at(self, inside: PurePosixPath) -> Stored:
        return Stored(inside, self.url, self.root)

    def _info(self) -> Any:
        (info,) = self._files().get_file_info([str(self.inside)])
        return info

    def _files(self) -> Any:
        return _connected(self.url)[0]


Where = Path | Stored


def place(text: str) -> Where:
    """The place that a folder or a URL names.

    Raises:
        TableError: If pyarrow knows no such store, or is not installed.
    """
    if not remote(text):
        return Path(text.removeprefix("file://"))
    inside = PurePosixPath(_connected(text)[1])
    return Stored(inside, text, inside)


def remote(path: str) -> bool:
    """Whether a path is the URL of a store."""
    return MARK in path and not path.startswith("file://")


def connected(url: str) -> tuple[Any, str]:
    """The file system that pyarrow has for a URL, and where that is in it.

    Raises:
        TableError: If pyarrow is not installed, or knows no such store.
    """
    arrow()
    from pyarrow import ArrowException, fs

    try:
        files, inside = fs.FileSystem.from_uri(url)
    except (ArrowException, OSError) as error:
        raise TableError(f"{url}: expected the URL of an object store, such as {KNOWN}; {error}") from error
    return files, inside


def source(where: Where) -> Any:
    """What pyarrow reads a file from.

    Raises:
        OSError: If a store refuses.
    """
    return where if isinstance(where, Path) else where.opened()


@lru_cache(64)
def _connected(url: str) -> tuple[Any, str]:
    return connected(url)


def _spelled(pattern: Sequence[str]) -> str:
    """The parts of a pattern of places as a regular expression."""
    said = ("(?:[^/]+/)*" if part == "**" else "[^/]*".join(map(re.escape, part.split("*"))) + "/" for part in pattern)
    return "".join(said).removesuffix("/")
