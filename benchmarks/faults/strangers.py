"""What anybody may send to a socket of the line: noise, bombs, words of the protocol out of place; and bad files."""

from __future__ import annotations

import time
from random import Random

import msgspec
import zmq

from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.plant import LINE, Setting
from pipeline.folders import run_folder
from pipeline.transport import wire

SENT = 400
pack = msgspec.msgpack.encode
BOMB = b"\xdd\xff\xff\xff\xff"  # an array that says it has 4 billion elements
DEEP = b"\x91" * 100_000  # arrays in arrays


def shouted(scene: Scene) -> Over:
    """A stranger sends several hundred messages to the sockets of the archive and of alarms."""
    folder = scene.plant.folder / "run" / run_folder(LINE, scene.plant.hosts[-1]).name
    context = zmq.Context()
    for name in ("archive", "alarms"):
        with context.socket(zmq.DEALER) as stranger:
            stranger.setsockopt(zmq.LINGER, 1000)
            stranger.connect(f"ipc://{folder / name}.sock")
            for _ in range(SENT):
                stranger.send_multipart(said(scene.random))
            time.sleep(0.2)
    context.term()
    return Over(time.time_ns())


def said(random: Random) -> list[bytes]:
    """Something that no producer of ours would say."""
    number = pack(2**63 + random.randrange(2**32))
    hello = wire.encode(wire.Hello("nobody", random.choice(("track@cam-1→archive", "x")), "stranger", 1))
    choices: tuple[list[bytes], ...] = (
        [random.randbytes(random.randrange(2048))],
        [BOMB + random.randbytes(64)],
        [DEEP],
        [number + pack([1, 0, {"kind": "frame"}])],
        [number + BOMB],
        [number],
        [hello],
        [wire.encode(wire.Ack("nobody", 2**40, 2**40))],
        [b"", b"several", b"parts"],
        [],
        [bytes(1 << 20)],
    )
    return random.choice(choices) or [b""]


def pushed(scene: Scene) -> Over:
    """A topology that is no YAML, and one that has a fault, are given to `kensa reload`: both are refused."""
    plant = scene.plant
    for number, change in enumerate(("line: {", "nodes: {camera: {use: nothing}}", "")):
        path = plant.folder / f"bad-{number}.yaml"
        path.write_text(change, encoding="utf-8")
        done = plant.kensa(plant.hosts[0], "reload", path)
        if done.returncode != 2 or not done.stderr:
            raise AssertionError(f"expected that a bad topology is refused, found: {done}")
    return Over(time.time_ns())


OF_NONE = "were of no edge of this line"
FAULTS = (
    Fault(
        "malformed messages of a stranger",
        shouted,
        Setting(),
        ("ipc",),
        times=10,
        row=5,
        short=True,
        whole=True,
        tells=OF_NONE,
    ),
    Fault("invalid YAML pushed live", pushed, Setting(), ("ipc",), times=3, row=3, short=True, whole=True),
)
