"""Who watches the line: answers `kensa top`, and carries what a node gives to whoever taps it."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from pipeline.faults import listed, meant
from pipeline.orders import Order
from pipeline.runtime.control import LEASE, Answer, Ask, Follow, Following, Give, Given, Heard, Refused, Reload
from pipeline.runtime.health import Answered, Asked, Tapped
from pipeline.runtime.state import Snapshot
from pipeline.runtime.switchboard import Switchboard

GIVERS = 256  # orders whose givers are remembered


class Follower(Struct):
    """A client that taps a node, until when, and how many records did not reach it since the last one that did."""

    node: str
    until: float
    missed: int = 0


class Clients:
    """Everybody who watches; they cost the line nothing when they are slow, and nothing at all when they are gone."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._followers: dict[bytes, Follower] = {}
        self._number = 0
        self._givers: dict[int, bytes] = {}  # who gave which order; the newest ones

    def serve(
        self,
        snapshot: Callable[[], Snapshot],
        change: Callable[[Reload | Ask], Answer],
        ask: Callable[[Asked], int],
    ) -> None:
        """Answer what was asked since the last call."""
        for peer, request in self._board.requests():
            if isinstance(request, Follow):
                self._follow(peer, request, snapshot().here)
            elif isinstance(request, Give):
                self._give(peer, request.order, ask)
            else:
                self._board.answer(peer, change(request) if isinstance(request, Reload | Ask) else snapshot())

    def tapped(self) -> frozenset[str]:
        """The nodes that somebody taps now."""
        now = time.monotonic()
        self._followers = {peer: one for peer, one in self._followers.items() if one.until > now}
        return frozenset(one.node for one in self._followers.values())

    def hear(self, said: Tapped | Answered) -> None:
        """Hand on what a process has for somebody who asked."""
        if isinstance(said, Tapped):
            self._forward(said)
        elif peer := self._givers.get(said.number):
            self._board.answer(peer, Heard(said.answers))

    def _forward(self, record: Tapped) -> None:
        """Hand a record to everybody who taps its node; who cannot keep up is told how many were missed."""
        for peer, one in self._followers.items():
            if one.node != record.node:
                continue
            told = self._board.answer(peer, replace(record, missed=record.missed + one.missed))
            one.missed = 0 if told else one.missed + record.missed + 1

    def _give(self, peer: bytes, order: Order | None, ask: Callable[[Asked], int]) -> None:
        self._number += 1
        self._givers[self._number] = peer
        self._givers.pop(self._number - GIVERS, None)
        self._board.answer(peer, Given(ask(Asked(number=self._number, order=order))))

    def _follow(self, peer: bytes, request: Follow, nodes: list[str]) -> None:
        if request.node not in nodes:
            hint = meant(request.node, nodes)
            self._board.answer(
                peer, Refused(f"no node called '{request.node}'{hint}; nodes here: {listed(nodes, 'and')}")
            )
        else:
            missed = self._followers[peer].missed if peer in self._followers else 0
            self._followers[peer] = Follower(request.node, time.monotonic() + LEASE, missed)
            self._board.answer(peer, Following())
