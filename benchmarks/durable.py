"""What a durable edge costs over a bare pair of sockets, a spool over a bare file, and a key over none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import zmq
from zmq.utils import z85

from benchmarks.faults.plant import ports
from benchmarks.figure import Figure, Limit, alternate, paired
from benchmarks.meter import ROOT
from benchmarks.peers.pushpull import HERE, edge
from benchmarks.peers.work import PAYLOAD, SIDE
from benchmarks.stages import LAYERS
from pipeline import codec
from pipeline.masks import Mask
from pipeline.provision import allow, make
from pipeline.records import Frame, Layer, Scores
from pipeline.transport.connect import Context, open_outbox
from pipeline.transport.item import Item
from pipeline.transport.spool import Spool

COUNT = 20_000
AHEAD = 1024  # records between the two ends: as many as ZeroMQ holds by default
SMALL = (Layer(label="part", mask=Mask.empty((SIDE, SIDE)), scores=Scores(size=(1, 1), data=PAYLOAD[:900], scale=1.0)),)
FLUSH_S = 0.1
BATCH = 256


def figures() -> Iterator[Figure]:
    """CPU of both ends in µs per record, encoding and decoding included; records/s of the disk."""
    out = ROOT / "out"  # a disk, where the temporary folder may be memory
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        for layers, what, most in ((LAYERS, "9 KB", 1.3), (SMALL, "1 KB", 2.0)):
            pairs = [*alternate(lambda a=layers: _ours(folder, a), lambda a=layers: _bare(folder, a))]  # type: ignore[misc]
            yield paired(f"durable edge, {what}: CPU, µs per record", pairs, "bare PUSH/PULL", Limit("≤", most))
        messages = [codec.encode(_frame(LAYERS, seq)) for seq in range(BATCH)]
        turns = [*alternate(lambda: _spooled(folder, messages), lambda: _appended(folder, messages))]
        yield paired("spool, 9 KB: written and read back, records/s", turns, "bare file, fdatasync", Limit("≥", 0.5))
        yield _locked(folder)


def _locked(folder: Path) -> Figure:
    keys = folder / "keys"
    public, secret = map(z85.decode, zmq.curve_keypair())
    allow(keys, str(make(keys, HERE, (public, secret))), HERE)
    port = f"tcp://127.0.0.1:{ports(1)[0]}"
    pairs = [*alternate(lambda: _ours(folder, LAYERS, port, keys), lambda: _ours(folder, LAYERS, port))]
    mine, others = zip(*pairs, strict=True)
    ratio = median(a / b for a, b in pairs)
    return Figure("tcp with keys, 9 KB: CPU, µs per record", median(mine), None, "tcp", median(others), ratio)


def _frame(layers: tuple[Layer, ...], seq: int) -> Frame:
    return Frame(camera="cam-1", session="b00t", seq=seq, t_ns=seq, size=(SIDE, SIDE), layers=layers, model="8c1f")


def _ours(folder: Path, layers: tuple[Layer, ...], address: str = "", keys: Path | None = None) -> float:
    address = address or f"ipc://{folder}/ours.sock"
    context = Context(keys=keys, host=HERE, state=folder)
    outbox, over = open_outbox(edge(address), "one", context), threading.Event()

    def pulse() -> None:
        while not over.wait(0.05):
            outbox.pump()

    beat = threading.Thread(target=pulse)
    beat.start()

    def send() -> None:
        for seq in range(COUNT):
            outbox.send(_frame(layers, seq))
            while not seq % 64 and outbox.ledger().in_flight > AHEAD:
                over.wait(0.001)
                outbox.pump()
        outbox.close(30.0)

    used = _measured(["ours", address, str(COUNT), *([str(keys)] if keys else [])], send)
    over.set()
    beat.join()
    context.close()
    return used


def _bare(folder: Path, layers: tuple[Layer, ...]) -> float:
    address, context = f"ipc://{folder}/bare.sock", zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect(address)

    def send() -> None:
        for seq in range(COUNT):
            socket.send(codec.encode(_frame(layers, seq)))

    used = _measured(["bare", address, str(COUNT)], send)
    context.destroy()
    return used


def _measured(words: list[str], send: Callable[[], None]) -> float:
    """CPU of both ends, µs per record."""
    command = [sys.executable, "-m", "benchmarks.peers.pushpull", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as taker:
        assert taker.stdout
        time.sleep(1.0)
        begin = time.process_time_ns()
        send()
        theirs = int(taker.stdout.read())
        return (time.process_time_ns() - begin + theirs) / 1e3 / COUNT


def _spooled(folder: Path, messages: list[bytes]) -> float:
    spool, begin, after = Spool(folder / "spool", "in→out"), time.perf_counter(), 0
    for first in range(0, COUNT, BATCH):
        spool.append([Item("cam-1", "b00t", first + i, 0, each, len(each), 0.0) for i, each in enumerate(messages)])
    while rows := spool.read(after, BATCH, 1 << 30):
        after = rows[-1].row
    spool.release(after)
    taken = time.perf_counter() - begin
    spool.close()
    return after / taken


def _appended(folder: Path, messages: list[bytes]) -> float:
    path, begin, count = folder / "bare", time.perf_counter(), 0
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    flushed = begin
    while count < COUNT:
        for message in messages:
            os.write(file, message)
        count += len(messages)
        if time.perf_counter() - flushed >= FLUSH_S:
            os.fdatasync(file)
            flushed = time.perf_counter()
    os.fdatasync(file)
    os.close(file)
    with path.open("rb") as again:
        for index in range(count):
            again.read(len(messages[index % len(messages)]))
    taken = time.perf_counter() - begin
    path.unlink()
    return count / taken
