"""What a network does: partitions of both ways and of one, slow links, resets, frames that change on their way."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

from benchmarks.faults.cable import Cable
from benchmarks.faults.fault import Fault, Over, Scene
from benchmarks.faults.plant import NAMESPACES, PLAIN, Setting
from benchmarks.faults.proxy import Change, Proxy

PROXIED = Setting(proxied=True)
SLOW = 125_000.0  # bytes per second: a link of 1 Mbit/s
BRIEF, LONG, HINT = 1.0, 60.0, 5.0  # seconds of a partition; HINT is the long one of the short form
SPOILT = 2.0  # seconds in which frames are changed
ONE_IN = 20  # frames of which one is changed


@contextmanager
def broken(scene: Scene) -> Iterator[Proxy]:
    """The network while it is broken; whole again afterwards."""
    proxy = scene.plant.proxy
    assert proxy, "only a line over tcp has a network"
    try:
        yield proxy
    finally:
        proxy.heal()


def cut(scene: Scene, seconds: float, harm: Callable[[Proxy], None]) -> Over:
    """The network is harmed for some seconds."""
    with broken(scene) as proxy:
        harm(proxy)
        time.sleep(min(seconds, HINT) if scene.short else seconds)
    return Over(time.time_ns())


def spoilt(scene: Scene, make: Callable[[Random], Change], *, answers: bool = False) -> Over:
    """One message of so many is changed for some seconds, towards the sinks or on the way back."""
    with broken(scene) as proxy:
        way = proxy.back if answers else proxy.there
        way.change = partial(make, scene.random)
        time.sleep(SPOILT)
    return Over(time.time_ns())


def slowed(proxy: Proxy) -> None:
    """A link that is narrower than what has to pass."""
    proxy.there.rate = SLOW


def torn(scene: Scene) -> Over:
    """Connections are reset in the middle of a message, each of the next few."""
    with broken(scene) as proxy:
        proxy.there.torn = 3
        time.sleep(SPOILT)
    return Over(time.time_ns())


def unplugged(scene: Scene, seconds: float) -> Over:
    """The cable between two hosts is out for some seconds."""
    cable = cabled(scene)
    cable.cut()
    time.sleep(seconds)
    cable.mend()
    return Over(time.time_ns())


def narrowed(scene: Scene, seconds: float) -> Over:
    """The kernel lets no more than 1 Mbit/s through for some seconds."""
    cable = cabled(scene)
    cable.narrow("1mbit")
    time.sleep(seconds)
    cable.widen()
    return Over(time.time_ns())


def cabled(scene: Scene) -> Cable:
    """The cable of a plant that has one."""
    assert scene.plant.cable, "only hosts in namespaces have a cable"
    return scene.plant.cable


def sometimes(harm: Callable[[bytes, Random], Iterable[bytes]]) -> Callable[[Random], Change]:
    """Harm one body of so many that carry a record."""

    def make(random: Random) -> Change:
        turns = itertools.count(random.randrange(ONE_IN))

        def change(body: bytes) -> Iterable[bytes]:
            return (body,) if len(body) < 64 or next(turns) % ONE_IN else harm(body, random)

        return change

    return make


def flipped(body: bytes, random: Random) -> list[bytes]:
    """One bit is another."""
    spoilt = bytearray(body)
    spoilt[random.randrange(len(body))] ^= 1 << random.randrange(8)
    return [bytes(spoilt)]


def truncated(body: bytes, random: Random) -> list[bytes]:
    """Only the beginning arrives."""
    return [body[: random.randrange(len(body))]]


def doubled(body: bytes, _: Random) -> list[bytes]:
    """It arrives twice."""
    return [body, body]


def noise(body: bytes, random: Random) -> list[bytes]:
    """Something else arrives before it."""
    return [random.randbytes(random.randrange(1, 512)), body]


def huge(body: bytes, _: Random) -> list[bytes]:
    """Something far beyond every limit arrives before it."""
    return [os.urandom(1 << 20) * 64, body]


def swapped(random: Random) -> Change:
    """Two neighbours of a connection change places; one that waits for its neighbour at the end never arrives."""
    turns, held = itertools.count(random.randrange(ONE_IN)), list[bytes]()

    def change(body: bytes) -> Iterable[bytes]:
        if len(body) < 64:
            return (body,)
        if held:
            return (body, held.pop())
        if next(turns) % ONE_IN:
            return (body,)
        held.append(body)
        return ()

    return change


def versioned(major: int, minor: int) -> Callable[[bytes, Random], list[bytes]]:
    """A record as another version of Kensa would write it: the two numbers behind the head of nine bytes."""

    def changed(body: bytes, _: Random) -> list[bytes]:
        head = body[9:12]
        known = body[:1] == b"\xcf" and head[:1] == b"\x93" and max(head[1:]) < 0x80
        return [body[:10] + bytes((major, minor)) + body[12:]] if known else [body]

    return changed


def _cut(name: str, seconds: float, harm: Callable[[Proxy], None], *, times: int = 3, short: bool = False) -> Fault:
    tells = "does not answer any more" if seconds == LONG else ""
    strike = lambda scene: cut(scene, seconds, harm)  # noqa: E731 - it is one
    return Fault(name, strike, PROXIED, ("tcp",), times=times, short=short, tells=tells)


def _real(name: str, harm: Callable[[Scene, float], Over], seconds: float) -> Fault:
    tells = "has been away for" if seconds == LONG else ""
    return Fault(name, lambda scene: harm(scene, seconds), transports=(NAMESPACES,), times=3, tells=tells)


def _spoil(name: str, make: Callable[[Random], Change], *edges: str, answers: bool = False) -> Fault:
    short = make is FLIPPED and not answers
    strike = lambda scene: spoilt(scene, make, answers=answers)  # noqa: E731 - it is one
    tells = "could not be read" if "major" in name else ""
    return Fault(name, strike, PROXIED, edges, times=5, row=5, short=short, tells=tells)


FLIPPED = sometimes(flipped)
FAULTS = (
    _cut("partition, 1 s", BRIEF, Proxy.cut, times=10, short=True),
    _cut("partition, 60 s", LONG, Proxy.cut),
    _cut("partition of the way there, 5 s", HINT, lambda proxy: proxy.there.open.clear()),
    _cut("partition of the way back, 5 s", HINT, lambda proxy: proxy.back.open.clear()),
    _cut("connections refused, 5 s", HINT, Proxy.refuse),
    _cut("slow link, 1 Mbit/s, 10 s", 2 * HINT, slowed),
    _real("cable out, 1 s", unplugged, BRIEF),
    _real("cable out, 60 s", unplugged, LONG),
    _real("slow link, tbf 1 Mbit/s, 30 s", narrowed, 30.0),
    Fault("reset in the middle of a message", torn, PROXIED, ("tcp",), times=10, row=5, short=True),
    _spoil("bit flips", FLIPPED, "tcp"),
    _spoil("bit flips in answers", FLIPPED, "tcp", answers=True),
    _spoil("truncated messages", sometimes(truncated), "tcp", PLAIN),
    _spoil("noise between messages", sometimes(noise), "tcp", PLAIN),
    _spoil("huge messages", sometimes(huge), "tcp", PLAIN),
    _spoil("messages twice", sometimes(doubled), "tcp", PLAIN),
    _spoil("messages in another order", swapped, "tcp", PLAIN),
    _spoil("messages of a newer minor version", sometimes(versioned(1, 7)), PLAIN),
    _spoil("messages of an older major version", sometimes(versioned(0, 9)), PLAIN),
    _spoil("messages of a newer major version", sometimes(versioned(9, 0)), PLAIN),
)
