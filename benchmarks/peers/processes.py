"""The chain by hand in five processes: PUSH and PULL over ipc, MessagePack, each stage decodes and encodes.

Usage: python -m benchmarks.peers.processes FOLDER; SIGINT or SIGTERM ends it. Nothing is counted, nothing is
acknowledged, nobody is restarted: the least that such a chain can cost.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import defaultdict
from threading import Event, Thread

import msgpack
import zmq

from benchmarks.peers.work import CAMERAS, RATE, STAGES, Arrivals, phase, record, save, touch

END = b""


def main(folder: str) -> None:
    """Start one process per stage, and stop them from the source on."""
    roles = [*STAGES[::-1], "source"]
    command = [sys.executable, "-m", "benchmarks.peers.processes", folder]
    children = [subprocess.Popen([*command, role]) for role in ("sink", *roles)]
    stop = Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    stop.wait()
    children[-1].terminate()
    for child in reversed(children):
        child.wait()


def source(folder: str) -> None:
    """Eight threads, a socket each."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [Thread(target=camera, args=(folder, name, stop)) for name in CAMERAS]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()


def camera(folder: str, name: str, stop: Event) -> None:
    """Send a record each 1/30 s."""
    out = _push(folder, STAGES[0])
    due = time.time() + phase(name) / RATE
    seq = 0
    while not stop.is_set():
        time.sleep(max(0.0, due - time.time()))
        out.send(msgpack.packb(record(name, seq)))
        seq, due = seq + 1, due + 1 / RATE
    out.send(END)
    out.close()


def stage(folder: str, word: str) -> None:
    """Decode, touch, encode, pass on; leave when all who send have left."""
    taken, out = _pull(folder, word), _push(folder, [*STAGES, "sink"][STAGES.index(word) + 1])
    left = len(CAMERAS) if word == STAGES[0] else 1
    while left:
        message = taken.recv()
        if message:
            out.send(msgpack.packb(touch(msgpack.unpackb(message), word)))
        else:
            left -= 1
    out.send(END)


def sink(folder: str) -> None:
    """Keep the times."""
    taken, seen = _pull(folder, "sink"), defaultdict[str, Arrivals](list)
    while message := taken.recv():
        found = msgpack.unpackb(message)
        now = time.time_ns()
        seen[found["camera"]].append((now, now - found["t_ns"], found["seq"]))
    for name, arrivals in seen.items():
        save(folder, name, arrivals)


def _push(folder: str, to: str) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
    socket.connect(f"ipc://{folder}/{to}")
    return socket


def _pull(folder: str, name: str) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.bind(f"ipc://{folder}/{name}")
    return socket


if __name__ == "__main__":
    match sys.argv[1:]:
        case [where]:
            main(where)
        case [where, "source"]:
            source(where)
        case [where, "sink"]:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sink(where)
        case [where, role]:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stage(where, role)
