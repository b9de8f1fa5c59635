"""Everything that reads bytes which somebody else has written: what it may raise, and good examples to begin with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline import codec, keys, recordings
from pipeline.errors import DecodeError
from pipeline.keys import KeysError
from pipeline.plan import Process
from pipeline.recordings import Recording, RecordingError
from pipeline.runtime import control, health, peer
from pipeline.runtime.health import Launch, Report, Stop, Tap, Tapped
from pipeline.transport import segment, wire
from pipeline.transport.channel import Ledger
from pipeline.transport.item import Item
from tests.test_codec import EVERY

Errors = tuple[type[Exception], ...]
CONTROL: Errors = (msgspec.DecodeError,)


class Target(NamedTuple):
    """One reader of strangers' bytes.

    Attributes:
        read: Reads them.
        errors: What it may raise; its callers catch these and no others.
        seeds: Bytes that it reads well.
    """

    read: Callable[[bytes], object]
    errors: Errors
    seeds: tuple[bytes, ...]


def _recording(data: bytes) -> object:
    with tempfile.NamedTemporaryFile(dir=Path("/dev/shm") if Path("/dev/shm").is_dir() else None) as file:
        Path(file.name).write_bytes(data)
        return sum(1 for _ in Recording(file.name))


def _rows(data: bytes) -> object:
    return [segment.row(data, found, "a→b") for found in segment.scan(data)]


def _key(data: bytes) -> object:
    return keys.public(Path("peer.public"), data.decode("ascii", "replace"))


RECORDS = tuple(map(codec.encode, EVERY))
HEADER = msgspec.msgpack.encode((codec.MAJOR, codec.MINOR, recordings.Header(line="a", sources=("camera",))))
ORIGIN = msgspec.msgpack.encode((codec.MAJOR, codec.MINOR, recordings.Origin(session="s", node="camera")))
ROW = b"".join(segment.written(1, Item("cam", "s", 1, 1, RECORDS[0], len(RECORDS[0]), 0.0)))
REPORT = Report(
    process="p",
    incarnation="i",
    pid=1,
    state="running",
    t_ns=1,
    nodes=(health.NodeHealth(node="n", lane="l", latency={1: 2}),),
    edges=(health.EdgeHealth(edge="e", ledger=Ledger(sent=1, dropped={"overflow": 1})),),
)
TAPPED = Tapped(node="n", record=b"")
REQUESTS = (control.Watch(), control.Follow("n"))
LAUNCH = Launch(process=Process(name="p", host="h", lanes=()), edges=(), control="c", incarnation="i", line="l")
ASK = peer.Ask(line="l", host="h", nonce=1)
WORDS = (wire.Hello("t", "e", "p", 1), wire.Bye("t"))
REPLIES = (wire.Who("t"), wire.Ack("t", 1, 1, {1: "error"}), wire.Bye("t"))

TARGETS: dict[str, Target] = {
    "record": Target(codec.decode, (DecodeError,), RECORDS),
    "generic": Target(codec.decode_generic, (DecodeError,), RECORDS),
    "version": Target(codec.version, (DecodeError,), RECORDS),
    "greeting": Target(wire.decode_greeting, CONTROL, tuple(map(wire.encode, WORDS))),
    "reply": Target(wire.decode_reply, CONTROL, tuple(map(wire.encode, REPLIES))),
    "report": Target(
        health.decode_report, CONTROL, (health.encode(REPORT), health.encode(Tapped(node="n", record=b"")))
    ),
    "command": Target(health.decode_command, CONTROL, (health.encode(Stop()), health.encode(Tap("n", on=True)))),
    "launch": Target(health.decode_launch, CONTROL, (health.encode(LAUNCH),)),
    "request": Target(
        control.decode_request, CONTROL, (control.encode(control.Watch()), control.encode(control.Follow("n")))
    ),
    "question": Target(peer.decode_question, CONTROL, (peer.encode(ASK),)),
    "answer": Target(peer.decode_answer, CONTROL, (peer.encode(ASK),)),
    "recording": Target(_recording, (RecordingError,), (HEADER + ORIGIN + b"".join(RECORDS),)),
    "spool": Target(_rows, (), (ROW, ROW + ROW, ROW + b"\0" + ROW)),
    "key": Target(_key, (KeysError,), (f"{keys.PUBLIC} edge-1 {'1' * 64}\n".encode(),)),
}


def attempt(target: Target, data: bytes) -> None:
    """Read, and let through only what its callers do not expect."""
    try:
        target.read(data)
    except target.errors:
        return
