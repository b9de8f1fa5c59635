"""A fault in a file: where it stands, what was expected, what was found; shown the way a compiler would."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import Struct

INDENT = "    "
WIDTH = 116  # longest excerpt that is shown whole
BEFORE = 60  # characters kept before the caret of a longer one
SHOWN = 200  # faults shown before the rest is only counted


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, in characters."""

    file: str
    line: int
    column: int


class Fault(Struct, frozen=True):
    """One reason why a file is refused.

    Attributes:
        file: The file, as the user named it.
        line: Line, counting from 1.
        column: Column, counting characters from 1.
        text: What was expected and what was found.
        excerpt: The line itself; empty where there is none to show.
    """

    file: str
    line: int
    column: int
    text: str
    excerpt: str = ""

    def __str__(self) -> str:
        """`file:line:col: text`, then the line and a caret under the place."""
        head = f"{self.file}:{self.line}:{self.column}: {self.text}"
        if not self.excerpt.strip():
            return head
        line, column = _window(self.excerpt, self.column - 1)
        return f"{head}\n{INDENT}{line}\n{INDENT}{' ' * _cells(line[:column])}^"


def show(faults: Iterable[Fault]) -> str:
    """Every fault, one below the other; after 200 of them the rest is counted."""
    found = [*faults]
    more = len(found) - SHOWN
    return "\n".join([*map(str, found[:SHOWN]), *([f"… and {more:,} faults more"] if more > 0 else [])])


def meant(word: str, known: Iterable[str], synonyms: dict[str, str] | None = None) -> str:
    """A hint for a name that is nearly right, or right elsewhere; empty where there is none.

    Example:
        >>> meant("max_gab", ["max_gap", "overlap"])
        "; did you mean 'max_gap'?"
    """
    names = [*known]
    near = difflib.get_close_matches(word[:64], names, n=1) or [n for n in [(synonyms or {}).get(word)] if n in names]
    return f"; did you mean '{near[0]}'?" if near else ""


def listed(words: Iterable[str], last: str = "or") -> str:
    """Quoted words as a sentence has them: `'a', 'b' or 'c'`."""
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}" if quoted else "nothing"


def shown(value: Any) -> str:
    """A value as a YAML author knows it: `'text'`, `true`, `a list`, `nothing`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return f"'{value}'" if len(value) <= 60 else f"'{value[:57]}…'"
    return str(value)


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around a column, and the column in that part."""
    line = "".join(c if c.isprintable() else " " for c in line)
    if len(line) <= WIDTH:
        return line, column
    start = max(0, column - BEFORE)
    cut = line[start : start + WIDTH]
    return ("…" + cut[1:] if start else cut) + ("…" if start + WIDTH < len(line) else ""), column - start


def _cells(text: str) -> int:
    """Columns a terminal needs; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)
