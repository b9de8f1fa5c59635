"""What a sensor may be doing, and what may follow: pure, so that both kinds of sensor obey the same table."""

from __future__ import annotations

from enum import StrEnum

from pipeline.errors import KensaError


class State(StrEnum):
    """Where a sensor is between closed and giving frames."""

    CLOSED = "closed"
    OPEN = "open"
    UPLOADING = "uploading"
    STREAMING = "streaming"
    STALLED = "stalled"
    NEEDS_REOPEN = "needs_reopen"
    NEEDS_REBOOT = "needs_reboot"

    @property
    def failed(self) -> bool:
        """Whether only closing it may follow."""
        return self in FAILED


FAILED = frozenset({State.NEEDS_REOPEN, State.NEEDS_REBOOT})

# `uploading` is every start: the network goes up inside stream-on, and only the first frame proves that it is over.
NEXT: dict[State, frozenset[State]] = {
    State.CLOSED: frozenset({State.OPEN}) | FAILED,
    State.OPEN: frozenset({State.UPLOADING, State.CLOSED}) | FAILED,
    State.UPLOADING: frozenset({State.STREAMING, State.OPEN, State.CLOSED}) | FAILED,
    State.STREAMING: frozenset({State.STALLED, State.OPEN, State.CLOSED}) | FAILED,
    State.STALLED: frozenset({State.STREAMING, State.OPEN, State.CLOSED}) | FAILED,
    State.NEEDS_REOPEN: frozenset({State.CLOSED, State.NEEDS_REBOOT}),
    State.NEEDS_REBOOT: frozenset({State.CLOSED}),
}


class SensorError(KensaError):
    """A sensor that cannot do what it was asked.

    Attributes:
        state: The state it is in now.
    """

    def __init__(self, text: str, state: State) -> None:
        super().__init__(text)
        self.state = state


def follow(now: State, then: State) -> State:
    """The state after a change; to stay is always legal.

    Raises:
        SensorError: If nothing leads from one to the other.
    """
    if then is now or then in NEXT[now]:
        return then
    allowed = ", ".join(sorted(NEXT[now]))
    raise SensorError(f"sensor is {now}: expected one of {allowed} to follow, found {then}", now)
