"""Who may act at a screen: whoever knows one of the tokens in a file that only its owner can read."""

from __future__ import annotations

import hmac
import threading
import time
from pathlib import Path

from msgspec import Struct

from pipeline.notices import board

SHORTEST = 8  # characters of a token
LARGEST = 1 << 16  # bytes of the file
WORDS = ("TOKEN", "NAME TOKEN")
REST_S = 1.0  # after a wrong token, in which nobody else can try one


class Person(Struct, frozen=True):
    """Somebody who may act; without a name where several people share a token."""

    name: str = ""


class People:
    """The tokens of a file: on each line `NAME TOKEN`, or `TOKEN` alone; what begins with `#` is passed over.

    The file is read whenever somebody acts, so that a token that is taken out holds no longer.

    Args:
        path: The file; None where nobody may act.
        rest: Wait after a wrong token, s.
    """

    def __init__(self, path: Path | None, rest: float = REST_S) -> None:
        self._path, self._rest = path, rest
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Whether anybody may act at all; if not, though a file is named, a notice says why."""
        return bool(self._read())

    def find(self, token: str) -> Person | None:
        """Whose token it is; None where it is nobody's, and then not at once."""
        with self._lock:  # one at a time: who guesses, guesses once a second
            given = token.encode()
            found = [person for known, person in self._read() if hmac.compare_digest(known.encode(), given)]
            if not found:
                time.sleep(self._rest)
            return found[0] if found else None

    def _read(self) -> list[tuple[str, Person]]:
        if self._path is None:
            return []
        key = f"screen {self._path}"
        try:
            found = _people(self._path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            board.raise_(key, f"screen: nobody can act, for {self._path} cannot be used: {why}")
            return []
        board.settle(key)
        return found


def _people(path: Path) -> list[tuple[str, Person]]:
    if path.stat().st_mode & 0o077:
        raise ValueError(f"others may read it; chmod 600 {path}")
    lines = path.read_text(encoding="utf-8")[:LARGEST].splitlines()
    found: list[tuple[str, Person]] = []
    for number, line in enumerate(lines, start=1):
        *name, token = line.split() or [""]
        if not token or line.lstrip().startswith("#"):
            continue
        if len(name) > 1 or len(token) < SHORTEST:
            wanted = f"{' or '.join(WORDS)}, the token of {SHORTEST} characters or more"
            raise ValueError(f"line {number}: expected {wanted}")
        found.append((token, Person(*name)))
    if not found:
        raise ValueError(f"expected lines of {' or '.join(WORDS)}, found none")
    return found
