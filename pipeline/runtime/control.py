"""How `kensa top` and `kensa tap` speak with a running line: a client asks, the supervisor answers with what it has.

A client that is slow or dies costs the line nothing: answers are bounded, what does not fit is
counted, and a tap ends by itself when nobody asks for it any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import msgspec
import zmq
from msgspec import Struct

from pipeline import codec, orders
from pipeline.errors import KensaError
from pipeline.faults import meant
from pipeline.plan import Plan
from pipeline.runtime.folder import Running, running
from pipeline.runtime.health import LARGEST, Tapped
from pipeline.runtime.state import Snapshot

WATCH = "watch"  # the socket's name in the run folder
LEASE = 3.0  # seconds that a tap lives after it was last asked for
PATIENCE = 2.0  # seconds that a client waits for an answer


class Watch(Struct, frozen=True, tag="watch"):
    """Tell me the state of the line."""


class Follow(Struct, frozen=True, tag="follow"):
    """Send me what a node gives; ask again within `LEASE` seconds to keep it coming."""

    node: str


class Following(Struct, frozen=True, tag="following"):
    """Yes: it comes; said even when the node gives nothing."""


class Refused(Struct, frozen=True, tag="refused"):
    """No, and why, for people."""

    text: str


class Reload(Struct, frozen=True, kw_only=True, tag="reload"):
    """Become this; where it is dry, only say what would change."""

    plan: Plan
    dry: bool = False


class Ask(Struct, frozen=True, tag="ask"):
    """How far has the change come?"""


class Reloading(Struct, frozen=True, kw_only=True, tag="reloading"):
    """How far a change has come.

    Attributes:
        said: What changes, in words; empty where nothing does.
        waiting: What it waits for.
        over: It goes on no longer.
        failures: What did not go well.
        refused: Nothing was changed.
    """

    said: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    over: bool = False
    failures: tuple[str, ...] = ()
    refused: bool = False


class Give(Struct, frozen=True, tag="give"):
    """An order to the nodes of the line that take any; without one, the question how alarms are."""

    order: orders.Order | None = None


class Given(Struct, frozen=True, tag="given"):
    """It was handed to so many processes, and each of them will say something."""

    processes: int


class Heard(Struct, frozen=True, tag="heard"):
    """What one of them said."""

    answers: tuple[orders.Answer, ...]


Request = Watch | Follow | Reload | Ask | Give
Answer = Snapshot | Tapped | Following | Refused | Reloading | Given | Heard

decode_request: Callable[[bytes], Request] = codec.reader(Request)
decode_answer: Callable[[bytes], Answer] = codec.reader(Answer)
encode = msgspec.msgpack.Encoder().encode


class Client:
    """One end of a conversation with a line's supervisor."""

    def __init__(self, line: Running) -> None:
        self.about = line.about
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LARGEST)
        self._socket.connect(f"ipc://{line.folder / WATCH}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.destroy(linger=0)

    def watch(self) -> Snapshot | None:
        """The state of the line; None when it has ended."""
        self._socket.send(encode(Watch()))
        deadline = time.monotonic() + PATIENCE
        while (answer := self._receive(deadline - time.monotonic())) is not None:
            if isinstance(answer, Snapshot):
                return answer
        return None

    def reload(self, request: Reload | Ask) -> Reloading:
        """Let the line become another, or ask how far it has come.

        Raises:
            KensaError: If it does not, and why.
        """
        self._socket.send(encode(request))
        deadline = time.monotonic() + PATIENCE
        while (answer := self._receive(deadline - time.monotonic())) is not None:
            if isinstance(answer, Refused):
                raise KensaError(answer.text)
            if isinstance(answer, Reloading):
                return answer
        raise KensaError(f"line '{self.about.line}' does not answer; has it ended?")

    def give(self, order: orders.Order | None) -> list[orders.Answer]:
        """Give an order to the line's nodes, or ask how alarms are; returns what those say that take orders.

        Raises:
            KensaError: If not all processes answer in time, and none that knows the alarm is among those that do.
        """
        self._socket.send(encode(Give(order)))
        deadline, waits = time.monotonic() + PATIENCE, -1
        found: list[orders.Answer] = []
        while waits and (answer := self._receive(deadline - time.monotonic())) is not None:
            if isinstance(answer, Given):
                waits = answer.processes
            elif isinstance(answer, Heard):
                waits -= 1
                found += answer.answers
        if waits and not any(answer.knows for answer in found):
            raise KensaError(
                f"line '{self.about.line}' does not answer in time; look whether it was done, and try again"
            )
        return found

    def follow(self, node: str) -> Iterator[Tapped | None]:
        """What a node gives, as it comes; None about once a second where nothing came. Ends with the line.

        Raises:
            KensaError: If the line has no such node.
        """
        asked, heard = 0.0, time.monotonic()
        while (now := time.monotonic()) - heard < LEASE + PATIENCE:
            if now - asked > LEASE / 3:
                self._socket.send(encode(Follow(node)))
                asked = now
            answer = self._receive(LEASE / 3)
            heard = time.monotonic() if answer else heard
            if isinstance(answer, Refused):
                raise KensaError(answer.text)
            yield answer if isinstance(answer, Tapped) else None

    def _receive(self, seconds: float) -> Answer | None:
        if not self._socket.poll(max(0, round(seconds * 1000))):
            return None
        try:
            return decode_answer(self._socket.recv())
        except msgspec.DecodeError as error:
            raise KensaError(f"line '{self.about.line}' answers what this Kensa does not know: {error}") from error


def find(line: str | None) -> Running:
    """The running line of that name, or the only one that runs.

    Args:
        line: `line` or, where it runs under several host names, `line@host`.

    Raises:
        KensaError: If there is none, or more than one.
    """
    lines = running()
    if not lines:
        raise KensaError("no line runs on this host under this user; start one with `kensa run FILE`")
    fitting = [one for one in lines if line in (None, one.about.line, _full(one))]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(_full(one) for one in fitting or lines)
    if fitting:
        raise KensaError(f"several lines run here: {names}; say which")
    hint = meant(line or "", [one.about.line for one in lines])
    raise KensaError(f"no line called '{line}' runs here{hint}; running: {names}")


def _full(one: Running) -> str:
    return f"{one.about.line}@{one.about.host}"
