"""Where a line keeps its sockets while it runs, and what it must not forget. Names only; nothing is made here."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

VARIABLE = "KENSA_RUN"
STATE = "KENSA_STATE"
KEYS = "KENSA_KEYS"
HERE = "here"  # stands for all hosts, where one machine plays them all
SOCKET = 107  # longest path of a Unix socket, bytes; sun_path holds one more for its end
READABLE = 12  # characters of a line's name that its folder shows; a digest tells the rest apart


def root() -> Path:
    """The folder of all run folders: `$KENSA_RUN`, else in the user's runtime folder, else the user's own in /tmp."""
    if said := os.environ.get(VARIABLE):
        return Path(said)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "kensa") if runtime else Path(f"/tmp/kensa-{os.getuid()}")  # noqa: S108 - a name per user


def run_folder(line: str, host: str) -> Path:
    """The folder of one line on one host; its name is short, for the path of a socket must fit 107 bytes."""
    return root() / _name(line, host)


def state_folder(line: str, host: str) -> Path:
    """Where one line on one host keeps what outlives it and a reboot: `$KENSA_STATE`, else the user's state folder."""
    return _lasting() / _name(line, host)


def cameras_folder() -> Path:
    """Where this host keeps what it knows of its cameras, whatever line they serve; beside the states of lines."""
    return _lasting() / "cameras"


def keys_folder() -> Path:
    """Where this user's keys are: `$KENSA_KEYS`, else in the user's folder of settings."""
    said, home = os.environ.get(KEYS), os.environ.get("XDG_CONFIG_HOME")
    return Path(said) if said else Path(home, "kensa", "keys") if home else Path.home() / ".config" / "kensa" / "keys"


def socket_path(folder: Path, lane: str) -> Path:
    """The socket of a lane; a name that would be too long for the system becomes a short digest."""
    path = folder / f"{lane}.sock"
    if len(os.fsencode(path)) <= SOCKET:
        return path
    return folder / f"{hashlib.blake2s(lane.encode(), digest_size=6).hexdigest()}.sock"


def _lasting() -> Path:
    said, home = os.environ.get(STATE), os.environ.get("XDG_STATE_HOME")
    return Path(said) if said else Path(home, "kensa") if home else Path.home() / ".local" / "state" / "kensa"


def _name(line: str, host: str) -> str:
    digest = hashlib.sha256(f"{line}\0{host}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^a-zA-Z0-9-]+', '-', line)[:READABLE]}-{digest}"
