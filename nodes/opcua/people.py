"""Who speaks with the server, and who may act: anybody reads, whoever knows a token acts under the name it has."""

from __future__ import annotations

import hmac
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.tokens import Tokens

if TYPE_CHECKING:
    from asyncua.server.internal_server import InternalServer

caller: ContextVar[str] = ContextVar("caller", default="")  # who calls a method now


class Users:
    """The user manager: names and passwords are the lines `NAME TOKEN` of a file.

    Args:
        path: The file; None where nobody may act.
    """

    def __init__(self, path: Path | None) -> None:
        self._tokens = Tokens(path, "opcua", named=True)

    def get_user(self, _: Any, username: str | None = None, password: str | None = None, **__: Any) -> Any:
        """Who it is; None where a token is wrong. As `asyncua.server.user_managers` asks."""
        from asyncua.crypto.permission_rules import User, UserRole

        if username is None:
            return User(role=UserRole.User)
        said = (password or "").encode()
        known = dict(self._tokens.read()).get(username, "")
        if not known or not hmac.compare_digest(known.encode(), said):
            return None
        return User(role=UserRole.User, name=username)


def internal(people: Users) -> InternalServer:
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
