"""Read a topology file together with those it includes, as one document with every place in the right file."""

from __future__ import annotations

import os
from pathlib import Path as File
from typing import Any

from pipeline.conform import Conform, whole
from pipeline.located import BROKEN, Document, read

Names = str | tuple[str, ...]


def gather(path: str | File) -> Document:
    """The file and what it includes; each file is read once, however often it is included.

    A name may be set in one file only, but for `vars`: there the including file wins.
    """
    document = read(path)
    _include(document, document, (os.path.realpath(path),), set())
    return document


def _include(whole_file: Document, part: Document, trail: tuple[str, ...], seen: set[str]) -> None:
    """Add to the whole what one part of it includes."""
    for place, name in _included(part):
        path = File(part.name).parent / name
        real = os.path.realpath(path)
        if real in trail:
            circle = " → ".join(os.path.basename(each) for each in (*trail[trail.index(real) :], real))  # noqa: PTH119
            whole_file.complain_at(part.mark(place), f"expected files that do not include each other, got {circle}")
        elif not path.is_file():
            whole_file.complain_at(part.mark(place), f"expected a file to include, found nothing at '{name}'")
        elif real not in seen:
            seen.add(real)
            other = read(path)
            whole_file.adopt(other)
            _merge(whole_file, other)
            _include(whole_file, other, (*trail, real), seen)


def _included(part: Document) -> list[tuple[tuple[str | int, ...], str]]:
    """What a file includes, and where it says so."""
    if not isinstance(part.data, dict) or "include" not in part.data:
        return []
    said = whole(Conform(part)(part.data["include"], Names, ("include",)))
    if isinstance(said, str):
        return [(("include",), said)]
    return [(("include", place), name) for place, name in enumerate(said)] if isinstance(said, list) else []


def _merge(document: Document, other: Document) -> None:
    """Add the sections of an included file, name by name."""
    if other.data is None or other.data is BROKEN:
        return
    if not isinstance(other.data, dict) or not isinstance(document.data, dict):
        document.complain_at(other.mark(()), "expected a mapping of sections such as `nodes:`")
        return
    for section, value in other.data.items():
        if section == "include":
            continue
        mine = document.data.setdefault(section, {} if isinstance(value, dict) else value)
        _adopt(document, other, (section,))
        if isinstance(value, dict) and isinstance(mine, dict):
            _add(document, other, section, mine)


def _add(document: Document, other: Document, section: str, mine: dict[str, Any]) -> None:
    for name, value in other.data[section].items():
        if name not in mine:
            mine[name] = value
            _adopt(document, other, (section, name))
        elif section != "vars":
            first = document.mark((section, name), key=True)
            at = other.mark((section, name), key=True)
            document.complain_at(at, f"'{name}' is set twice; also at {first.file}:{first.line}")


def _adopt(document: Document, other: Document, path: tuple[str, ...]) -> None:
    """Take over the places of a section's name and all that is in it, where none is known yet."""
    for known, theirs in ((document.values, other.values), (document.keys, other.keys)):
        for place, mark in theirs.items():
            if place[: len(path)] == path and (len(place) == len(path) or len(path) > 1):
                known.setdefault(place, mark)
