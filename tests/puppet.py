"""A process that speaks the control protocol and does nothing else; its first node's `act` says how it behaves.

`run`: report until told to stop. `crash`: report once and leave with status 7. `mute`: never report.
`silent`: report once, then nothing. `stuck`: report a node that does not come back. `deaf`: ignore `Stop`.
`leak`: end well, with a ledger that does not balance. `lossy`: end well, with two records dropped.
`losing`: the same, and the one that first comes back to tell drops what it tells.
`tap`: show a record as soon as somebody taps, and count 99 records taken when nobody does any more.
`noisy`: write to standard output and error. `consume`: end when told to finish.
One that only mends reports and ends, whatever else its act.
"""

from __future__ import annotations

import os
import sys
import time
from typing import BinaryIO

import zmq

from pipeline import codec
from pipeline.records import Gap
from pipeline.runtime.health import (
    Command,
    EdgeHealth,
    Finish,
    Launch,
    NodeHealth,
    Report,
    State,
    Stop,
    Tap,
    Tapped,
    decode_command,
    decode_launch,
    encode,
)
from pipeline.transport.channel import Ledger

SENT = 10
GAP = Gap(camera="cam-1", session="s", seq=1, t_ns=0, last=1, reason="overflow", where="test")


class Puppet:
    """One incarnation."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.run = launch.process.lanes[0].runs[0]
        self.act: str = self.run.params.get("act", "run")
        self.taken = 5
        self.socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.connect(launch.control)
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        self.poller.register(sys.stdin.fileno(), zmq.POLLIN)

    def report(self, state: State, *, delivered: int = 4) -> None:
        """Say how it is."""
        lane = self.launch.process.lanes[0].name
        mine = [edge.name for edge in self.launch.edges if edge.source[1] == lane]
        into = [edge.name for edge in self.launch.edges if edge.target[1] == lane]
        busy = 60_000_000_000 if self.act == "stuck" else 0
        sent = 1 if self.launch.mends else SENT
        ledger = Ledger(sent=sent, delivered=delivered, in_flight=4 if delivered == 4 else sent - delivered)
        if self.act in ("lossy", "losing") and state == "ended" and not self.launch.mends:
            ledger = Ledger(sent=sent, delivered=sent - 2, dropped={"shutdown": 2})
        if self.act == "losing" and self.launch.mends and self.launch.incarnation.split(".")[1] == "2":
            ledger = Ledger(sent=sent, dropped={"shutdown": sent})
        self.socket.send(
            encode(
                Report(
                    process=self.launch.process.name,
                    incarnation=self.launch.incarnation,
                    pid=os.getpid(),
                    state=state,
                    t_ns=time.time_ns(),
                    nodes=(NodeHealth(node=self.run.node, lane=lane, taken=self.taken, busy_ns=busy, waiting=1),),
                    edges=tuple(EdgeHealth(edge=name, ledger=ledger) for name in mine),
                    received=dict.fromkeys(into, SENT),
                )
            )
        )

    def heard(self, milliseconds: int = 50) -> Command | None:
        """A command, if one comes; leaves at once when the supervisor is gone."""
        ready = dict(self.poller.poll(milliseconds))
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1):
            sys.exit(0)
        return decode_command(self.socket.recv()) if self.socket in ready else None

    def serve(self) -> int:
        """Live; returns the exit status."""
        ends = (Finish,) if self.act == "consume" else (Stop, Finish)
        while True:
            if self.act != "mute":
                self.report("running")
            if self.launch.mends:
                self.report("ended", delivered=1)
                return 0
            if self.act == "crash":
                return 7
            self.act = "mute" if self.act == "silent" else self.act
            command = self.heard()
            if self.act == "tap" and isinstance(command, Tap):
                self.taken = 5 if command.on else 99
                self.socket.send(encode(Tapped(node=command.node, record=codec.encode(GAP), missed=3)))
            if isinstance(command, ends) and self.act != "deaf":
                self.report("ended", delivered=4 if self.act == "leak" else SENT)
                return 0


def _whole(stdin: BinaryIO, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += stdin.read(size - len(found))
    return found


def main() -> int:
    """Read the launch and live."""
    stdin = os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    puppet = Puppet(decode_launch(_whole(stdin, int.from_bytes(_whole(stdin, 4), "big"))))
    if puppet.act == "noisy":
        sys.stdout.write("said\n")
        sys.stderr.write("cried\n")
    try:
        return puppet.serve()
    finally:  # as a process does: what it has just said is on its way before it is gone
        puppet.socket.close(linger=1000)
        zmq.Context.instance().term()


if __name__ == "__main__":
    sys.exit(main())
