"""Hold data against a type, field by field, and say all that is wrong in the words of a YAML author.

What is accepted is what msgspec accepts; only the text of a refusal is ours: *expected …, got …*.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from pathlib import Path as File
from typing import Any

import msgspec

from pipeline import words
from pipeline.faults import listed, meant, shown
from pipeline.located import BROKEN, Document, Path, parse

# Words that other tools use for ours.
SYNONYMS = {
    "on": "at",
    "host": "at",
    "type": "use",
    "node": "use",
    "kind": "use",
    "after": "from",
    "input": "from",
    "inputs": "from",
    "source": "from",
    "params": "with",
    "parameters": "with",
    "config": "with",
    "args": "with",
    "ip": "address",
    "includes": "include",
    "variables": "vars",
    "low": "fail",
    "high": "fail",
}


class Said(str):
    """Text given by a variable or on the command line: read as if it had been written in the file."""

    __slots__ = ()


class Conform:
    """Reads parts of a document as types; what does not fit is noted in the document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def __call__(self, value: Any, kind: Any, path: Path) -> Any:
        """The value as plain data of that type; parts that do not fit are `BROKEN`, unknown fields are left out.

        A relative path of a type whose `Meta.extra` has `beside` becomes absolute: it starts at the folder of the
        file that names it. Where the extra has `read` as well, a function from a path to a document, the faults of
        that file are told together with those of this one.
        """
        inner = words.inner(kind)
        if isinstance(value, Said):
            value = _read(value, inner)
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return self._struct(value, inner, path)
        if isinstance(value, dict) and typing.get_origin(inner) is dict:
            return self._mapping(value, inner, path)
        if isinstance(value, list) and (item := _item(inner)):
            found = [self(each, item, (*path, place)) for place, each in enumerate(value)]
            return self._leaf(found, kind, path) if whole(found) == found and _measured(kind) else found
        return BROKEN if value is BROKEN else self._leaf(value, kind, path)

    def fields(self, value: dict[str, Any], kind: type[msgspec.Struct], path: Path) -> dict[str, Any]:
        """Some fields of a struct; those that are missing are not asked for."""
        known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in value:
            if key not in known:
                self._document.complain((*path, key), f"unknown field '{key}'{hint(key, known)}", key=True)
        return {key: self(value[key], known[key].type, (*path, key)) for key in value if key in known}

    def _struct(self, value: dict[str, Any], kind: type[msgspec.Struct], path: Path) -> dict[str, Any]:
        for field in msgspec.structs.fields(kind):
            if field.required and field.encode_name not in value:
                text = f"missing field '{field.encode_name}': expected {words.wanted(field.type)}"
                self._document.complain(path, text)
        return self.fields(value, kind, path)

    def _mapping(self, value: dict[str, Any], inner: Any, path: Path) -> dict[str, Any]:
        keys, values = typing.get_args(inner)
        for key in value:
            if not words.fits(key, keys):
                self._document.complain((*path, key), f"expected {words.wanted(keys)}, got {shown(key)}", key=True)
        return {key: self(each, values, (*path, key)) for key, each in value.items()}

    def _leaf(self, value: Any, kind: Any, path: Path) -> Any:
        if not words.fits(value, kind):
            name = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
            near = meant(value, words.choices(kind)) if isinstance(value, str) else ""
            self._document.complain(path, f"{name}expected {words.expected(value, kind)}, got {shown(value)}{near}")
            return BROKEN
        return self._beside(value, kind, path) if isinstance(value, str) and words.asked(kind).get("beside") else value

    def _beside(self, value: str, kind: Any, path: Path) -> str:
        found = (File(self._document.mark(path).file).parent / value).absolute()
        if not found.exists():
            self._document.complain(path, f"{path[-1]}: expected a file, found nothing at '{value}'")
        elif read := words.asked(kind).get("read"):
            self._document.adopt(read(str(found)))
        return str(found)


def whole(value: Any) -> Any:
    """A value without its parts that could not be read."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items() if each is not BROKEN}
    return [whole(each) for each in value if each is not BROKEN] if isinstance(value, list) else value


def hint(key: str, known: Iterable[str]) -> str:
    """What an unknown field may have been meant to be."""
    names = [*known]
    return meant(key, names, SYNONYMS) or (f"; expected {listed(names)}" if 0 < len(names) <= 8 else "")


def _item(inner: Any) -> Any:
    """The type of each item of a list; None where it is no list of one type."""
    origin, args = typing.get_origin(inner), typing.get_args(inner)
    return args[0] if origin is list or (origin is tuple and args[1:] == (...,)) else None


def _measured(kind: Any) -> bool:
    """Whether a list must have some length."""
    return any(isinstance(one, msgspec.Meta) and (one.min_length or one.max_length) for one in typing.get_args(kind))


def _read(said: Said, inner: Any) -> Any:
    """Text where text is taken, else what the same words would be in the file."""
    if words.textual(inner):
        return str(said)
    document = parse(str(said))
    return str(said) if document.faults else document.data
