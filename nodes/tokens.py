"""Tokens of people who may act: lines of a file that its owner alone may read."""

from __future__ import annotations

from pathlib import Path

from pipeline.notices import board

SHORTEST = 8  # characters of a token
LARGEST = 1 << 16  # bytes of the file


class Tokens:
    """The tokens of a file: on each line `NAME TOKEN`; what begins with `#` is passed over.

    The file is read whenever somebody acts, so that a token that is taken out holds no longer.

    Args:
        path: The file; None where nobody may act.
        node: The kind of node that goes by it, as its notices call it.
        named: Every token has a name; otherwise several people may share one without.
    """

    def __init__(self, path: Path | None, node: str, *, named: bool) -> None:
        self._path, self._node = path, node
        self._words = ("NAME TOKEN",) if named else ("TOKEN", "NAME TOKEN")

    def read(self) -> list[tuple[str, str]]:
        """Each name, empty where it has none, with its token; if the file cannot be used, a notice says why."""
        if self._path is None:
            return []
        key = f"{self._node} {self._path}"
        try:
            found = self._found(self._path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            board.raise_(key, f"{self._node}: nobody can act, for {self._path} cannot be used: {why}")
            return []
        board.settle(key)
        return found

    def _found(self, path: Path) -> list[tuple[str, str]]:
        if path.stat().st_mode & 0o077:
            raise ValueError(f"others may read it; chmod 600 {path}")
        wanted, found = " or ".join(self._words), list[tuple[str, str]]()
        for number, line in enumerate(path.read_text(encoding="utf-8")[:LARGEST].splitlines(), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) not in {len(each.split()) for each in self._words} or len(words[-1]) < SHORTEST:
                raise ValueError(f"line {number}: expected {wanted}, the token of {SHORTEST} characters or more")
            found.append((words[0] if len(words) > 1 else "", words[-1]))
        if not found:
            raise ValueError(f"expected lines of {wanted}, found none")
        return found
