"""Plain words of YAML, read as YAML 1.2 reads them less its oddities: `on`, `no`, `12:30`, `010` and `1_000` are text.

Source: YAML 1.2.2, chapter 10.3 (core schema); PyYAML's resolver for what YAML 1.1 does.
"""

from __future__ import annotations

import re
from typing import Any

INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,2})?")
WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}


def plain(text: str) -> Any:
    """A plain word as a value: nothing, true or false, a number, or text.

    Example:
        >>> [plain(word) for word in ("30", "3e-2", "true", "on", "010", "12:30", "1_000")]
        [30, 0.03, True, 'on', '010', '12:30', '1_000']
    """
    if text in WORDS:
        return WORDS[text]
    if len(text) <= 64:
        if INTEGER.fullmatch(text):
            return int(text)
        if NUMBER.fullmatch(text):
            return float(text)
    return text
