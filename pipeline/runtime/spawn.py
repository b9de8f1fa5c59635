"""How a process of the plan is started, and what all of them share."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

COMMAND = (sys.executable, "-m", "pipeline.runtime.process")
PIPE = 1 << 20  # the most that an unprivileged process may ask for on Linux


class Family(NamedTuple):
    """What all processes of a run share.

    Attributes:
        line: Name of the line.
        control: Address of the supervisor's socket.
        lock: The run folder's lock; each child holds it as long as it lives.
        drain: Seconds that a process may take to drain.
        state: Folder of what must outlive the line.
        log: Where a child's standard output and error go.
        command: What to run; it reads its `Launch` from standard input.
        env: Its environment.
        keys: Folder of the keys for edges to other hosts.
        insecure: Edges to other hosts may do without.
    """

    line: str
    control: str
    lock: int
    drain: float
    state: str
    log: int
    command: Sequence[str]
    env: Mapping[str, str]
    keys: str = ""
    insecure: bool = False


def spawn(family: Family, launch: bytes) -> subprocess.Popen[bytes]:
    """Start a process and hand it its launch; the pipe is made large enough first, so that this never waits."""
    child = subprocess.Popen(
        family.command,
        stdin=subprocess.PIPE,
        stdout=family.log,
        stderr=family.log,
        env=dict(family.env),
        bufsize=0,
        pass_fds=(family.lock,),
        start_new_session=True,
    )
    assert child.stdin
    _widen(child.stdin, len(launch) + 4)
    try:
        child.stdin.write(len(launch).to_bytes(4, "big") + launch)
    except BrokenPipeError:
        return child  # it died at once: the supervisor sees its exit at the next look
    return child


def _widen(pipe: IO[bytes], size: int) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ") and size > fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, min(size, PIPE))
