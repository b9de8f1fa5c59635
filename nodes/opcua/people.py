"""Who speaks with the server, and who may act: anybody reads, whoever knows a token acts under the name it has."""

from __future__ import annotations

import hmac
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.notices import board

if TYPE_CHECKING:
    from asyncua.server.internal_server import InternalServer

SHORTEST = 8  # characters of a token
caller: ContextVar[str] = ContextVar("caller", default="")  # who calls a method now


class Tokens:
    """The user manager: names and passwords are the lines `NAME TOKEN` of a file that its owner alone may read.

    The file is read whenever somebody comes, so that a token that is taken out lets nobody in any more.

    Args:
        path: The file; None where nobody may act.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get_user(self, _: Any, username: str | None = None, password: str | None = None, **__: Any) -> Any:
        """Who it is; None where a token is wrong. As `asyncua.server.user_managers` asks."""
        from asyncua.crypto.permission_rules import User, UserRole

        if username is None:
            return User(role=UserRole.User)
        said = (password or "").encode()
        known = self._read().get(username, "")
        if not known or not hmac.compare_digest(known.encode(), said):
            return None
        return User(role=UserRole.User, name=username)

    def _read(self) -> dict[str, str]:
        if self._path is None:
            return {}
        key = f"opcua {self._path}"
        try:
            found = _tokens(self._path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            board.raise_(key, f"opcua: nobody can act, for {self._path} cannot be used: {why}")
            return {}
        board.settle(key)
        return found


def _tokens(path: Path) -> dict[str, str]:
    if path.stat().st_mode & 0o077:
        raise ValueError(f"others may read it; chmod 600 {path}")
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) < SHORTEST:
            raise ValueError(f"line {number}: expected NAME TOKEN, the token of {SHORTEST} characters or more")
        found[words[0]] = words[1]
    return found


def internal(people: Tokens) -> InternalServer:
    """A server whose sessions say who calls a method: the library does not tell a method that."""
    from asyncua.server.internal_server import InternalServer
    from asyncua.server.internal_session import InternalSession

    class Session(InternalSession):  # type: ignore[misc]  # half typed
        """One that a client has opened."""

        async def call(self, params: Any) -> Any:
            """Call methods as who has logged in."""
            token = caller.set(self.user.name or "")
            try:
                return await super().call(params)
            finally:
                caller.reset(token)

    class Internal(InternalServer):  # type: ignore[misc]  # half typed
        """With these sessions."""

        def create_session(self, name: str, user: Any = None, external: bool = False) -> InternalSession:
            """A session for a client."""
            known = {} if user is None else {"user": user}
            return Session(self, self.aspace, self.subscription_service, name, external=external, **known)

    made = Internal(user_manager=people)
    made.bind_condition_methods = True  # ConditionRefresh
    return made
