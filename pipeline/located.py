"""YAML that remembers where each value stood, and refuses what surprises people.

Refused: a key set twice, anchors and aliases (so no alias bomb), tags, several documents, more
than 1 MiB, more than 32 levels, more than 100,000 values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any, Final, NoReturn

import yaml

from pipeline.faults import Fault, Mark, show
from pipeline.scalar import plain

SIZE = 1 << 20  # bytes
DEPTH = 32  # levels of mappings and lists
VALUES = 100_000

Path = tuple[str | int, ...]
Parser: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 counts as the end of a line


class Broken:
    """Stands where a value could not be read: the fault is told already."""


BROKEN: Final = Broken()
ASIDE = "\0"  # where a value is read for its faults alone


class Document:
    """A file as data, able to point at any value and key of it.

    Attributes:
        name: The file, as the user named it.
        data: Mappings, lists and scalars; `BROKEN` where a value could not be read.
        faults: Everything found wrong so far.
        values: Where each value stands, by its path of keys and indices.
        keys: Where the key of each value stands.
        lines: Text of each file that belongs to the document, for excerpts.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.data: Any = None
        self.faults: list[Fault] = []
        self._told: set[Fault] = set()
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.lines: dict[str, list[str]] = {name: []}

    def complain(self, path: Path, text: str, *, key: bool = False) -> None:
        """Note a fault at a value, or at its key; where neither is known, at what holds it."""
        self.complain_at(self.mark(path, key=key), text)

    def complain_at(self, mark: Mark, text: str) -> None:
        """Note a fault at a place; the same fault is noted once."""
        lines = self.lines.get(mark.file, [])
        self._tell(Fault(*mark, text, lines[mark.line - 1] if mark.line <= len(lines) else ""))

    def adopt(self, other: Document) -> None:
        """Tell the faults of another file together with those of this one."""
        self.lines |= other.lines
        for fault in other.faults:
            self._tell(fault)

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Where a value (or its key) stands."""
        marks = (self.keys, self.values) if key else (self.values, self.keys)
        while path:
            for known in marks:
                if path in known:
                    return known[path]
            path = path[:-1]
        return self.values.get((), Mark(self.name, 1, 1))

    def _tell(self, fault: Fault) -> None:
        if fault not in self._told:
            self._told.add(fault)
            self.faults.append(fault)

    def show(self) -> str:
        """Every fault, in the order of the files and their lines."""
        order = {name: place for place, name in enumerate(self.lines)}
        return show(sorted(self.faults, key=lambda f: (order.get(f.file, -1), f.line, f.column)))


def read(path: str | File) -> Document:
    """Read a YAML file; what is wrong with it is in `faults`, never raised."""
    document = Document(str(path))
    try:
        return _compose(document, _decoded(document, _bytes(document, File(path))))
    except _Refused:
        document.data = BROKEN
        return document


def parse(text: str, name: str = "<text>") -> Document:
    r"""Read YAML from a string, as `read` does from a file.

    Example:
        >>> parse("rate: 30\nwhen: 12:30").data
        {'rate': 30, 'when': '12:30'}
    """
    return _compose(Document(name), text)


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """Reading stops here; the fault is noted."""


def _refuse(document: Document, text: str, line: int = 1, column: int = 1) -> NoReturn:
    document.complain_at(Mark(document.name, line, column), text)
    raise _Refused


def _bytes(document: Document, path: File) -> bytes:
    """What the file holds; a file that is too large is not read."""
    try:
        if not path.is_file():
            _refuse(document, f"expected a YAML file, found {'a folder' if path.is_dir() else 'no such file'}")
        if (size := path.stat().st_size) > SIZE:
            _refuse(document, f"expected at most {SIZE:,} bytes, got {size:,}")
        return path.read_bytes()
    except OSError as error:
        _refuse(document, f"expected a YAML file, but it cannot be read: {error.strerror}")


def _decoded(document: Document, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode()
        document.lines[document.name] = BREAK.split(raw.decode(errors="replace"))
        _refuse(document, f"expected UTF-8 text, got the byte 0x{raw[error.start]:02x}", *_place(before))


def _place(before: str) -> tuple[int, int]:
    """Line and column of what follows a text."""
    lines = BREAK.split(before)
    return len(lines), len(lines[-1]) + 1


def _compose(document: Document, text: str) -> Document:
    document.lines[document.name] = BREAK.split(text)
    try:
        _Composer(document, text).document()
    except yaml.YAMLError as error:
        document.complain_at(*_unreadable(document, text, error))
        document.data = BROKEN
    except _Refused:
        document.data = BROKEN
    return document


def _unreadable(document: Document, text: str, error: yaml.YAMLError) -> tuple[Mark, str]:
    """Where YAML gave up, and why."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        line, column = _place(text[: getattr(error, "position", 0)])
        return Mark(document.name, line, column), f"not YAML: {getattr(error, 'reason', error)}"
    at, begun, lines = error.problem_mark, error.context_mark, [*BREAK.split(text), ""]
    problem = str(error.problem).replace("did not find expected", "expected")
    if begun and not "".join(lines[at.line :])[at.column :].strip():
        at, begun, problem = begun, None, f"{problem} before the end"
    shown = lines[at.line]
    if shown[max(at.column - 1, 0) : at.column + 1] == "${":
        problem = "`${…}` inside `{…}` or `[…]` needs quotes around it"
    elif "\t" in shown[: at.column + 1]:
        problem = "a tab; indent with spaces"
    elif begun:
        problem += f" ({error.context}, line {begun.line + 1})"
    return Mark(document.name, at.line + 1, at.column + 1), f"not YAML: {problem}"


class _Composer:
    """Builds data from YAML events, one event at a time, so that a hostile file costs what was read of it."""

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        self._events: Iterator[Any] = yaml.parse(text, Loader=Parser)
        self._count = 0
        self._anchored = False

    def document(self) -> None:
        """Read the one document there should be."""
        next(self._events)
        begin = next(self._events)
        if isinstance(begin, yaml.StreamEndEvent):
            return
        self._document.data = self._value(next(self._events), (), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._complain(after, "expected one document, got a second one; remove this `---`")

    def _value(self, event: Any, path: Path, depth: int) -> Any:
        self._document.values[path] = self._mark(event)
        self._count += 1
        if self._count > VALUES:
            self._stop(event, f"expected at most {VALUES:,} values")
        if isinstance(event, yaml.AliasEvent):
            return self._anchor(event)
        value = self._read(event, path, depth)
        return self._anchor(event) if event.anchor else value

    def _read(self, event: Any, path: Path, depth: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth == DEPTH:
            self._stop(event, f"expected at most {DEPTH} levels of nesting")
        self._tagless(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path, depth + 1)
        return self._mapping(path, depth + 1)

    def _scalar(self, event: Any) -> Any:
        self._tagless(event)
        return plain(event.value) if event.implicit[0] else event.value

    def _list(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), depth))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path, depth)
            if key in found:
                first = self._document.keys[*path, key]
                self._complain(event, f"'{key}' is set twice; first at line {first.line}")
                key = ASIDE
            self._document.keys[*path, key] = self._mark(event)
            value = self._value(next(self._events), (*path, key), depth)
            if key != ASIDE:
                found[key] = value
        return found

    def _key(self, event: Any, path: Path, depth: int) -> str:
        """The word before the colon; `ASIDE`, with the reason noted, where it is something else."""
        if isinstance(event, yaml.ScalarEvent) and not event.anchor and event.value != "<<":
            self._tagless(event)
            return str(event.value)
        self._complain(event, "expected a plain word as key")
        self._value(event, (*path, ASIDE), depth)
        return ASIDE

    def _anchor(self, event: Any) -> Broken:
        if not self._anchored:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            self._complain(
                event, f"expected a value, got '{sign}{event.anchor}'; anchors and aliases are refused, use `vars`"
            )
        self._anchored = True
        return BROKEN

    def _tagless(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            self._complain(event, f"expected a value, got the tag '{event.tag}'; tags are refused")

    def _stop(self, event: Any, text: str) -> NoReturn:
        self._complain(event, text)
        raise _Refused

    def _complain(self, event: Any, text: str) -> None:
        self._document.complain_at(self._mark(event), text)

    def _mark(self, event: Any) -> Mark:
        return Mark(self._document.name, event.start_mark.line + 1, event.start_mark.column + 1)
