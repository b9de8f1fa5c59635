"""Keys folders for tests: hosts that know each other, or do not."""

from __future__ import annotations

from pathlib import Path

import zmq
from zmq.utils import z85

from pipeline.keys import brief, read
from pipeline.provision import allow, make


def pair() -> tuple[bytes, bytes]:
    """A new key pair: public, secret."""
    public, secret = zmq.curve_keypair()
    return z85.decode(public), z85.decode(secret)


def keyed(folder: Path, host: str, *peers: Path) -> Path:
    """A host with a key of its own, that allows the hosts whose public files are given; returns its folder."""
    make(folder, host, pair())
    for peer in peers:
        allow(folder, str(peer), "")
    return folder


def two(folder: Path, *hosts: str) -> tuple[Path, ...]:
    """Hosts that all allow each other, each with a folder of its own."""
    folders = tuple(keyed(folder / host, host) for host in hosts)
    for mine in folders:
        for other, host in zip(folders, hosts, strict=True):
            if mine != other:
                allow(mine, str(other / f"{host}.public"), host)
    return folders


def one(folder: Path, *hosts: str) -> Path:
    """Hosts that one user plays all on one machine, out of one folder."""
    for host in hosts:
        keyed(folder, host)
        allow(folder, str(folder / f"{host}.public"), host)
    return folder


def shown(folder: Path, host: str) -> str:
    """A host's own key as people are shown it."""
    own = read(folder, host).pair
    assert own
    return brief(own.public)
