"""Who may speak with a host: its own key pair, the public keys of its peers, and the ones that were revoked.

A folder of small text files, one per key, that people carry between hosts by hand: `HOST.secret` and `HOST.public`
for this host, `allowed/HOST.public` for its peers, `revoked/KEY` for keys that are refused for good. Public keys are
written in hexadecimal digits, so that a shell, a form and a voice can carry them.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import KensaError

SIZE = 32  # bytes of a Curve25519 key
DIGITS = 2 * SIZE
SHOWN = 16  # digits that stand for a key where people read; as hard to imitate as any 64 bits
LARGEST = 4096  # bytes of a key file
HOST = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"  # as topologies name hosts
PUBLIC, SECRET = "kensa-public-key", "kensa-secret-key"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
WRITERS = stat.S_IWGRP | stat.S_IWOTH


class KeysError(KensaError):
    """A key that is missing, broken, or open to others."""


class Secret:
    """A secret key; nothing that prints, logs or encodes it by accident shows it."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> str:
        raise TypeError("a secret key is never copied out of its process")


class Pair(NamedTuple):
    """A host's own keys."""

    public: bytes
    secret: Secret


class Ring(NamedTuple):
    """What a host knows: itself, its peers, and whom it refuses for good.

    Attributes:
        host: Its name.
        pair: Its own keys; None where there are none (yet).
        allowed: Peer → its public key.
        revoked: Public keys that are refused, whatever else is said.
    """

    host: str
    pair: Pair | None = None
    allowed: Mapping[str, bytes] = {}
    revoked: frozenset[bytes] = frozenset()

    def owner(self, public: bytes) -> str:
        """Which peer a key belongs to; empty for nobody's."""
        return next((host for host, key in self.allowed.items() if key == public), "")


def brief(public: bytes) -> str:
    """A key as people are shown it."""
    return public.hex()[:SHOWN]


def read(folder: Path, host: str) -> Ring:
    """Everything a host knows.

    Raises:
        KeysError: If a file is broken, or somebody else may read a secret or change whom this host trusts.
    """
    if not folder.is_dir():
        return Ring(host)
    judge_folder(folder, WRITERS)
    own = folder / f"{host}.secret"
    pair = _pair(own) if host and own.exists() else None
    revoked = frozenset(key for _, key in _publics(folder / "revoked"))
    allowed = {name: key for name, key in _publics(folder / "allowed") if key not in revoked}
    return Ring(host, pair, allowed, revoked)


def own(folder: Path) -> list[str]:
    """The hosts that have a key of their own in a folder."""
    return sorted(path.stem for path in folder.glob("*.secret"))


def stamp(folder: Path) -> tuple[object, ...]:
    """Differs as soon as anything in the folder was added, removed, changed or opened to others."""
    return tuple(_stamp(path) for place in (folder, folder / "allowed", folder / "revoked") for path in _listed(place))


def _stamp(path: Path) -> tuple[object, ...]:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return (str(path),)
    return (str(path), found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode, found.st_uid)


def _listed(folder: Path) -> list[Path]:
    return [folder, *sorted(folder.iterdir())] if folder.is_dir() else []


def _publics(folder: Path) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    judge_folder(folder, WRITERS)
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            yield public(path, _text(path, WRITERS))


def _pair(path: Path) -> Pair:
    words = _words(path, _text(path, OTHERS), SECRET)
    return Pair(key_of(words[2], str(path)), Secret(key_of(words[3], str(path))))


def public(path: Path, text: str) -> tuple[str, bytes]:
    """Host and key of a public key's file."""
    words = _words(path, text, PUBLIC)
    return words[1], key_of(words[2], str(path))


def _words(path: Path, text: str, kind: str) -> list[str]:
    """The one line of a key file that is no comment."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if kind == PUBLIC and lines and lines[0][:1] == [SECRET]:
        raise KeysError(
            f"{path}: expected a public key, found a secret one; it must never leave its host: {path.stem}.public may"
        )
    length = 3 if kind == PUBLIC else 4
    if len(lines) != 1 or len(lines[0]) != length or lines[0][0] != kind or not re.fullmatch(HOST, lines[0][1]):
        raise KeysError(f"{path}: expected `{kind} HOST` and {DIGITS} hexadecimal digits, found something else")
    return lines[0]


def key_of(digits: str, where: str) -> bytes:
    """A key from its digits."""
    if not re.fullmatch(rf"[0-9a-fA-F]{{{DIGITS}}}", digits) or not int(digits, 16):
        raise KeysError(f"{where}: expected {DIGITS} hexadecimal digits, found {len(digits)} characters")
    return bytes.fromhex(digits)


def _text(path: Path, forbidden: int) -> str:
    """What a key file holds, looked at once: the file whose mode was judged is the file that is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeysError(
            f"{path}: expected a key file of this user's own, but it cannot be read: {error.strerror}"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        judged(path, os.fstat(descriptor), forbidden)
        return file.read(LARGEST).decode("ascii", "replace")


def judge_folder(path: Path, forbidden: int) -> None:
    """Refuse a folder that is open to others."""
    judged(path, path.stat(), forbidden)


def judged(path: Path, found: os.stat_result, forbidden: int) -> None:
    """Refuse what is open to others, or theirs."""
    if found.st_uid != os.getuid():
        raise KeysError(
            f"{path}: expected this user's own, found user {found.st_uid}'s; what others own is not trusted"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & forbidden:
        right = mode & ~forbidden
        verb = "read" if forbidden == OTHERS else "change"
        raise KeysError(
            f"{path}: expected mode {right:04o}, found {mode:04o}: others on this machine may {verb} it; "
            f"`chmod {right:o} {path}`" + ("; if somebody may have, make a new key" if forbidden == OTHERS else "")
        )
