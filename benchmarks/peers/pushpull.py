"""One end of an edge in a process of its own: ours, or a bare PUSH/PULL pair that carries and reads the same records.

`python -m benchmarks.peers.pushpull (ours|bare) ADDRESS COUNT [KEYS]` takes so many records, then prints the CPU time
that it used from the first one on, ns.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

import zmq

from pipeline import codec
from pipeline.plan import Edge, Lane, Queue
from pipeline.transport.channel import Closed
from pipeline.transport.connect import Context, open_inbox

HERE = "here"


def edge(address: str) -> Edge:
    """The durable edge that is measured, as the plan has it, but for memory enough that nothing spills."""
    transport = "tcp" if address.startswith("tcp") else "ipc"
    hosts = (HERE, HERE) if transport == "tcp" else ("", "")
    return Edge(
        name="in→out",
        source=("in", "in"),
        target=("out", "out"),
        kinds=("frame",),
        transport="tcp" if transport == "tcp" else "ipc",
        address=address,
        hosts=hosts,
        queue=Queue(policy="spool", messages=8192, linger=0.02),
        why="a benchmark cuts here",
    )


def ours(address: str, keys: Path | None) -> int:
    """Take records as a lane does, until the edge has ended."""
    context = Context(keys=keys, host=HERE)
    inbox = open_inbox(Lane(name="out", cameras=(), runs=(), addresses=(address,)), (edge(address),), context)
    begin = 0
    with suppress(Closed):
        while True:
            if (delivery := inbox.receive(0.5)) is not None:
                begin = begin or time.process_time_ns()
                inbox.done(delivery)
    inbox.close()
    context.close()
    return time.process_time_ns() - begin


def bare(address: str, count: int) -> int:
    """Take records and read them."""
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.bind(address)
    begin = 0
    for _ in range(count):
        codec.decode(socket.recv())
        begin = begin or time.process_time_ns()
    context.destroy(linger=0)
    return time.process_time_ns() - begin


if __name__ == "__main__":
    kind, address, number, *rest = sys.argv[1:]
    used = bare(address, int(number)) if kind == "bare" else ours(address, Path(rest[0]) if rest else None)
    print(used, flush=True)
