"""The link between the supervisors of a line's hosts: each asks every other once a second how it is and how late.

It has ports of its own, a thread of its own and carries nothing else. Whoever is away costs one small question a
second; whoever floods it is read at the pace of one thread and refused by size. Without it a line runs all the same.
"""

from __future__ import annotations

import math
import os
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import zmq

from pipeline.clock import line_time
from pipeline.notices import board
from pipeline.plan import Plan, Post
from pipeline.runtime.calls import Call, Door
from pipeline.runtime.peer import Answer, Ask, Bye, encode, seams, summary
from pipeline.runtime.rows import Rates
from pipeline.runtime.state import PeerState, Snapshot
from pipeline.runtime.watch import Limits
from pipeline.transport.context import Context

EVERY_S = 1.0  # between two questions to a peer


class Peers(threading.Thread):
    """Every other host of the line; nobody, where the plan knows of none.

    Use it as a context: leaving it says goodbye.

    Args:
        plan: The whole plan.
        host: Which host this is; empty where one machine plays them all.
        now: The newest snapshot of this host; called by the link's own thread.
        context: Makes and guards the sockets; closed on leaving.
        limits: How patient to be.

    Attributes:
        states: What is known of each; may be read from any thread.
    """

    def __init__(self, plan: Plan, host: str, now: Callable[[], Snapshot], context: Context, limits: Limits) -> None:
        super().__init__(name="peers", daemon=True)
        self.states: tuple[PeerState, ...] = ()
        self._host, self._now, self._context, self._limits = host, now, context, limits
        self._run, self._rates, self._rate, self._rated = secrets.token_hex(8), Rates(), 0.0, 0
        self._calls: dict[Post, Call] = {}
        self._door = Door(context)
        self._nudge = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._over = self._begun = False
        self._plan, self._seams = plan, seams(plan)

    def follow(self, plan: Plan) -> None:
        """From now on the line is this plan."""
        self._plan, self._seams = plan, seams(plan)
        if plan.posts and not self._begun:
            self._begun = True
            self.start()

    def __enter__(self) -> Self:
        self.follow(self._plan)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        os.eventfd_write(self._nudge, 1)
        if self._begun:
            self.join()
        self._context.close()
        os.close(self._nudge)

    def run(self) -> None:
        """Ask and answer until the end."""
        due = 0.0
        while not self._over:
            if time.monotonic() >= due:
                due = time.monotonic() + EVERY_S
                self._look()
            self._wait(due - time.monotonic())
            self._answer()
            for call in self._calls.values():
                call.listen()
        bye = encode(Bye(line=self._plan.line, host=self._host))
        for call in self._calls.values():
            call.leave(bye)
        self._door.close()
        self._tell()

    def _look(self) -> None:
        """Ask everybody again, and say what became of it."""
        posts = {post.host: post for post in self._plan.posts} if self._host else {}
        self._door.open(posts.pop(self._host, None))
        for gone in self._calls.keys() - {*posts.values()}:
            self._calls.pop(gone).leave(b"")
        for post in posts.values():
            if post not in self._calls:
                self._calls[post] = Call(self._plan.line, post, self._context)
            self._calls[post].ask(self._plan.line, self._host)
        self._tell()

    def _tell(self) -> None:
        now = line_time.now_ns()
        self.states = tuple(call.peer.state(now) for call in self._calls.values())
        for call in self._calls.values():
            for key, text in () if self._over else call.peer.notices(now, self._seams, self._limits):
                board.raise_(key, text) if text else board.settle(key)

    def _wait(self, seconds: float) -> None:
        """Until somebody says something."""
        poller = zmq.Poller()
        for socket in (self._door.socket, *(call.socket for call in self._calls.values()), self._nudge):
            if socket is not None:
                poller.register(socket, zmq.POLLIN)
        poller.poll(max(0, math.ceil(seconds * 1000)))

    def _answer(self) -> None:
        """Answer who asks; who says goodbye need not be looked for."""
        for sender, question, received in self._door.heard(self._plan.line):
            if isinstance(question, Ask):
                self._door.say(sender, self._told(question.nonce, received))
            for call in self._calls.values():
                if isinstance(question, Bye) and call.peer.post.host == question.host:
                    call.peer.leave(received)

    def _told(self, nonce: int, received: int) -> Answer:
        snapshot = self._now()
        if snapshot.t_ns != self._rated:
            self._rated, rows = snapshot.t_ns, self._rates.rows(snapshot)
            self._rate = rows[0].rate if rows else 0.0
        told = summary(snapshot, self._rate, received)
        return Answer(
            line=self._plan.line,
            host=self._host,
            run=self._run,
            seams=self._seams,
            nonce=nonce,
            received_ns=received,
            answered_ns=line_time.now_ns(),
            summary=told,
        )
