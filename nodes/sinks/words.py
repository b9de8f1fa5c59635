"""Values as a PLC has them: registers of 16 bits, numbers of two words with the high word first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from pipeline.records import Outcome

WORD = 1 << 16
Kind = Literal["number", "long", "text"]
WORDS: dict[Kind, int] = {"number": 1, "long": 2, "text": 8}
NOBODY = 0xFFFFFFFF  # the part, where it is about none
CODES: dict[Outcome | Literal[""], int] = {"": 0, "PASS": 1, "WARN": 2, "FAIL": 3, "NO_READ": 4}
OUTCOMES = "0 none yet, 1 PASS, 2 WARN, 3 FAIL, 4 NO_READ"

Values = Mapping[str, int | str]


class Field(NamedTuple):
    """A value in a map of registers.

    Attributes:
        name: What it is called.
        kind: A number of one word or two, or text of 16 ASCII characters.
        said: What it means, for the manual.
    """

    name: str
    kind: Kind
    said: str


def length(fields: Sequence[Field]) -> int:
    """Registers that some fields take."""
    return sum(WORDS[field.kind] for field in fields)


def packed(fields: Sequence[Field], values: Values) -> list[int]:
    """Values as registers, in the order of their fields."""
    return [word for field in fields for word in _words(field.kind, values[field.name])]


def blank(fields: Sequence[Field]) -> list[int]:
    """As many registers, each 0."""
    return [0] * length(fields)


def _words(kind: Kind, value: int | str) -> list[int]:
    """A value as registers.

    >>> _words("long", 65537), _words("number", 70000), _words("text", "HOLE")[:3]
    ([1, 1], [65535], [18511, 19525, 0])
    """
    if isinstance(value, str):
        text = value.encode("ascii", "replace")[: 2 * WORDS["text"]].ljust(2 * WORDS["text"], b"\0")
        return [high << 8 | low for high, low in zip(text[::2], text[1::2], strict=True)]
    if kind == "number":
        return [min(value, WORD - 1)]
    return [*divmod(value % (WORD * WORD), WORD)]


def table(title: str, fields: Sequence[Field], at: int) -> Iterator[str]:
    """Fields for people, in Markdown."""
    yield from (f"\n### {title}\n", "| register | words | name | |", "|---:|---:|---|---|")
    for field in fields:
        yield f"| {at} | {WORDS[field.kind]} | `{field.name}` | {field.said} |"
        at += WORDS[field.kind]
