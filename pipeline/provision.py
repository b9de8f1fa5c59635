"""Make, allow and revoke keys: what `kensa keys` does to a keys folder, and what a line needs of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipeline.keys import (
    DIGITS,
    HOST,
    LARGEST,
    PUBLIC,
    SECRET,
    WRITERS,
    KeysError,
    brief,
    judge_folder,
    key_of,
    public,
    read,
)
from pipeline.plan import Plan


def make(folder: Path, host: str, pair: tuple[bytes, bytes], *, replace: bool = False) -> Path:
    """Write a host's own keys, (public, secret); returns the file to carry to its peers.

    Raises:
        KeysError: If it has keys already, and `replace` is not said.
    """
    _private(folder)
    secret, public = folder / f"{_host(host)}.secret", folder / f"{host}.public"
    if secret.exists() and not replace:
        raise KeysError(
            f"host '{host}' has a key already: {secret}; `--replace` makes another, which its peers must add"
        )
    _write(secret, f"# Never leaves this host.\n{SECRET} {host} {pair[0].hex()} {pair[1].hex()}\n", 0o600)
    _write(public, f"{PUBLIC} {host} {pair[0].hex()}\n", 0o644)
    return public


def allow(folder: Path, said: str, host: str) -> Path:
    """Allow a peer; its key is given as a file or as digits.

    Args:
        folder: The keys folder.
        said: The name of a file, or a public key.
        host: Which peer; what the file says where this is empty.

    Raises:
        KeysError: If it is no public key, belongs to another peer, or was revoked.
    """
    name, key = _carried(said, host)
    _private(folder)
    ring = read(folder, "")
    if key in ring.revoked:
        raise KeysError(
            f"key {brief(key)} was revoked here: make a new one on '{name}' with `kensa keys init --replace`, "
            f"or remove {folder / 'revoked' / key.hex()} to trust the old one again"
        )
    if (owner := ring.owner(key)) and owner != name:
        raise KeysError(f"key {brief(key)} belongs to host '{owner}' already; every host has a key of its own")
    _private(folder / "allowed")
    path = folder / "allowed" / f"{name}.public"
    _write(path, f"{PUBLIC} {name} {key.hex()}\n", 0o600)
    return path


def revoke(folder: Path, host: str) -> bytes:
    """Refuse a peer's key from now on, for good; returns it.

    Raises:
        KeysError: If no such peer is allowed.
    """
    ring = read(folder, "")
    if host not in ring.allowed:
        known = ", ".join(sorted(ring.allowed)) or "nobody"
        raise KeysError(f"no host '{host}' is allowed here; allowed: {known}")
    key = ring.allowed[host]
    _private(folder / "revoked")
    _write(folder / "revoked" / key.hex(), f"{PUBLIC} {host} {key.hex()}\n", 0o600)
    (folder / "allowed" / f"{host}.public").unlink()
    return key


def _carried(said: str, host: str) -> tuple[str, bytes]:
    """Host and key of what a person gives."""
    if re.fullmatch(rf"[0-9a-fA-F]{{{DIGITS}}}", said):
        if not host:
            raise KeysError("a key by itself does not say whose it is: add `--host NAME`")
        return _host(host), key_of(said, "key")
    path = Path(said)
    if not path.is_file():
        raise KeysError(f"{said}: expected the file of a public key or its {DIGITS} hexadecimal digits, found neither")
    name, key = public(path, path.read_bytes()[:LARGEST].decode("ascii", "replace"))
    if host and host != name:
        raise KeysError(f"{said}: expected the key of host '{host}', found that of '{name}'")
    return name, key


def _host(name: str) -> str:
    if not re.fullmatch(HOST, name):
        raise KeysError(f"expected a host's name of letters, digits, '-' and '_', got '{name}'")
    return name


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    judge_folder(folder, WRITERS)


def _write(path: Path, text: str, mode: int) -> None:
    """Put a whole file in place at once: never half of it, never open for a moment."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    aside.replace(path)


def peers(plan: Plan, host: str) -> list[str]:
    """The hosts that a host speaks with over tcp: its edges, and the posts of all supervisors."""
    ends = [edge.hosts for edge in plan.edges if edge.transport == "tcp" and host in edge.hosts]
    posts = [post.host for post in plan.posts]
    return sorted({end for pair in ends for end in pair}.union(posts) - {host})


def require(plan: Plan, host: str, folder: Path) -> None:
    """See that a host has every key that its share of a plan needs.

    Raises:
        KeysError: If one is missing; it says every command to type.
    """
    met = peers(plan, host)
    if not met:
        return
    ring = read(folder, host)
    wants = [] if ring.pair else [f"no key of its own: make one with `kensa keys init --host {host}`"]
    wants += [
        f"no key of host '{peer}': type `kensa keys init --host {peer}` there, carry {peer}.public here, "
        f"and type `kensa keys add {peer}.public`"
        for peer in met
        if peer not in ring.allowed
    ]
    if wants:
        told = "".join(f"\n  {want}" for want in wants)
        raise KeysError(
            f"line '{plan.line}' speaks with other hosts, encrypted, and host '{host}' lacks keys in {folder}:{told}\n"
            "in a lab, `--insecure` on every host runs it without encryption"
        )
