"""Another host of the line, as the supervisor of this one knows it: what both say, and what is made of it; no I/O."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from pipeline import codec
from pipeline.plan import Plan, Post
from pipeline.runtime.offset import KEPT, Exchange, Offset, measured
from pipeline.runtime.state import PeerState, Phase, Reach, Snapshot
from pipeline.runtime.watch import Limits

MISSES = 3  # questions in a row without an answer, after which a peer is unreachable
PENDING = 4  # questions that an answer may still come to
CALMER = 0.8  # of the limit, below which a clock that was off is right again
STILL_S = 5.0  # without a new snapshot, after which a supervisor stands still
FAULTS, LETTERS = 8, 200  # faults that are told, and letters of each

Name = Annotated[str, Meta(min_length=1, max_length=LETTERS)]
Moment = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Number = Annotated[int, Meta(ge=0, lt=2**31)]


class Summary(Struct, frozen=True, kw_only=True):
    """What a host tells its peers about itself.

    Attributes:
        phase: What it does.
        since_ns: When it began, by its own time.
        faults: Why it is not healthy, in words.
        running: Processes that run.
        processes: Processes that it has.
        rate: Records a second at the first of its nodes.
        calls: Alarms of it that wait to be acknowledged.
    """

    phase: Phase
    since_ns: Moment = 0
    faults: Annotated[tuple[Annotated[str, Meta(max_length=LETTERS)], ...], Meta(max_length=FAULTS)] = ()
    running: Number = 0
    processes: Number = 0
    rate: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    calls: Number = 0


class Ask(Struct, frozen=True, kw_only=True, tag="ask"):
    """How are you, and how late is it? The nonce finds the question that an answer belongs to."""

    line: Name
    host: Name
    nonce: Moment


class Bye(Struct, frozen=True, kw_only=True, tag="bye"):
    """This host leaves in good order: nobody need look for it."""

    line: Name
    host: Name


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """So am I, and so late.

    Attributes:
        run: Names this run of the supervisor: another one may have another time.
        seams: A digest of what hosts must agree on; see `seams`.
        received_ns: When the question came, by the answering host's time.
        answered_ns: When this left.
    """

    line: Name
    host: Name
    run: Name
    seams: Annotated[str, Meta(max_length=64)]
    nonce: Moment
    received_ns: Moment
    answered_ns: Moment
    summary: Summary


encode = msgspec.msgpack.Encoder().encode
decode_question: Callable[[bytes | memoryview], Ask | Bye] = codec.reader(Ask | Bye)
decode_answer: Callable[[bytes], Answer] = codec.reader(Answer)


def seams(plan: Plan) -> str:
    """A digest of where hosts meet: two that differ in it were started with different files."""
    met = sorted((edge.name, edge.address, edge.kinds) for edge in plan.edges if edge.transport == "tcp")
    return hashlib.blake2s(msgspec.msgpack.encode(met), digest_size=8).hexdigest()


def summary(snapshot: Snapshot, rate: float, now_ns: int) -> Summary:
    """What to tell about this host; a snapshot that is old is a fault of its own."""
    still = (now_ns - snapshot.t_ns) / 1e9
    halted = (f"its supervisor stands still for {still:.0f} s",) if still > STILL_S else ()
    return Summary(
        phase=snapshot.phase,
        since_ns=snapshot.since_ns,
        faults=tuple(fault[:LETTERS] for fault in (*halted, *snapshot.faults)[:FAULTS]),
        running=sum(process.condition == "running" for process in snapshot.processes),
        processes=len(snapshot.processes),
        rate=min(1e9, max(0.0, rate)),
        calls=snapshot.calls,
    )


class Peer:
    """One other host. All times are those of the line on this host, ns; so they never jump.

    Args:
        line: Name of the line.
        post: The peer and where it is.
        began: When this host began to look for it.
    """

    def __init__(self, line: str, post: Post, began: int) -> None:
        self.post = post
        self._line = line
        self._reach: Reach = "awaited"
        self._since = began
        self._heard = 0
        self._missed = 0
        self._asked: dict[int, int] = {}
        self._exchanges: deque[Exchange] = deque(maxlen=KEPT)
        self._answer: Answer | None = None
        self._stranger = ""
        self._off = False

    def ask(self, nonce: int, now: int) -> None:
        """It is asked again, or would be if it could be reached."""
        self._asked[nonce] = now
        while len(self._asked) > PENDING:
            del self._asked[next(iter(self._asked))]
        self._missed += 1
        if self._missed > MISSES and self._reach == "reachable":
            self._reach, self._since = "unreachable", self._heard

    def hear(self, answer: Answer, now: int) -> None:
        """It answers; what was never asked is passed over."""
        asked = self._asked.pop(answer.nonce, None)
        if asked is None:
            return
        if (answer.line, answer.host) != (self._line, self.post.host):
            self._stranger = f"line '{answer.line}' on host '{answer.host}'"
            return
        if self._answer is None or self._answer.run != answer.run:
            self._exchanges.clear()
        self._exchanges.append(Exchange(asked, answer.received_ns, answer.answered_ns, now))
        self._answer, self._heard, self._missed, self._stranger = answer, now, 0, ""
        if self._reach != "reachable":
            self._reach, self._since = "reachable", now

    def leave(self, now: int) -> None:
        """It says goodbye."""
        self._reach, self._since = "left", now
        self._asked.clear()

    def offset(self, now: int) -> Offset | None:
        """How far its time is ahead of this host's."""
        return measured(self._exchanges, now)

    def state(self, now: int) -> PeerState:
        """What there is to say about it."""
        told = self._answer.summary if self._answer else Summary(phase="starting")
        offset = self.offset(now)
        return PeerState(
            host=self.post.host,
            address=self.post.address,
            reach=self._reach,
            since_ns=self._since,
            phase=told.phase,
            faults=told.faults,
            running=told.running,
            processes=told.processes,
            rate=told.rate,
            calls=told.calls,
            offset_ns=offset.ns if offset else None,
            doubt_ns=offset.doubt if offset else None,
        )

    def notices(self, now: int, seam: str, limits: Limits) -> Iterator[tuple[str, str]]:
        """What people should know about it now: a key, which names it, and a sentence; empty where it is not so."""
        yield f"host {self.post.host} away", self._absent(now, limits)
        yield f"host {self.post.host} stranger", self._mistaken()
        yield f"host {self.post.host} file", self._differing(seam)
        yield f"host {self.post.host} clock", self._parted(self.offset(now), limits.clock)

    def _absent(self, now: int, limits: Limits) -> str:
        host, address, ago = self.post.host, self.post.address, (now - self._since) / 1e9
        why = "it is off, the line does not run there, or the network between is cut"
        if self._reach == "unreachable":
            return f"host '{host}' at {address} does not answer any more: {why}"
        if self._reach == "awaited" and ago > limits.start:
            return f"host '{host}' at {address} has not answered since the line began: {why}"
        return ""

    def _mistaken(self) -> str:
        if not self._stranger:
            return ""
        return (
            f"at {self.post.address} answers {self._stranger}, expected line '{self._line}' on host "
            f"'{self.post.host}': give each a `port` of its own"
        )

    def _differing(self, seam: str) -> str:
        if self._reach != "reachable" or self._answer is None or self._answer.seams == seam:
            return ""
        return (
            f"host '{self.post.host}' runs another version of line '{self._line}': what travels between the hosts, or "
            "where, differs; give all hosts the same file"
        )

    def _parted(self, offset: Offset | None, limit: float) -> str:
        """A clock that is off for certain; once it is, it must come well within the limit again."""
        if self._reach != "reachable" or offset is None:
            return ""
        least = CALMER * limit * 1e9 if self._off else limit * 1e9 + offset.doubt
        self._off = abs(offset.ns) > least
        if not self._off:
            return ""
        by = f"{abs(offset.ns) / 1e6:,.1f} ms (± {offset.doubt / 1e6:,.1f} ms)"
        return (
            f"the time of host '{self.post.host}' is {by} {'ahead of' if offset.ns > 0 else 'behind'} this host's; "
            f"expected at most {limit * 1e3:g} ms: see that both hosts' clocks are synchronised, then start the line "
            "again on the one that was wrong"
        )
