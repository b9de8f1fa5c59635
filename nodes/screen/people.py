"""Who may act at a screen: whoever knows one of the tokens in a file that only its owner can read."""

from __future__ import annotations

import hmac
import threading
import time
from pathlib import Path

from msgspec import Struct

from nodes.tokens import Tokens

REST_S = 1.0  # after a wrong token, in which nobody else can try one


class Person(Struct, frozen=True):
    """Somebody who may act; without a name where several people share a token."""

    name: str = ""


class People:
    """Those whose tokens, with a name or without, stand in a file.

    Args:
        path: The file; None where nobody may act.
        rest: Wait after a wrong token, s.
    """

    def __init__(self, path: Path | None, rest: float = REST_S) -> None:
        self._tokens, self._rest = Tokens(path, "screen", named=False), rest
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Whether anybody may act at all; if not, though a file is named, a notice says why."""
        return bool(self._tokens.read())

    def find(self, token: str) -> Person | None:
        """Whose token it is; None where it is nobody's, and then not at once."""
        with self._lock:  # one at a time: who guesses, guesses once a second
            given = token.encode()
            found = [name for name, known in self._tokens.read() if hmac.compare_digest(known.encode(), given)]
            if not found:
                time.sleep(self._rest)
            return Person(found[0]) if found else None
