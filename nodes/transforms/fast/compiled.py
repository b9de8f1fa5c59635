"""The kernels, compiled by numba where it is installed: loaded beside the line, which works without them until then.

Compiling takes half a minute: that is done once for each text of the kernels, by one process that yields to all others.
What it made is kept in `KENSA_CACHE`, else in the user's cache folder, under a digest of that text, its place and time:
numba itself does not see that a function changed which another file calls; and the same text in another folder, or
written anew, is another one to it, which the line would then have to compile itself.

Loading takes a second of one core, and the thread that does it holds the interpreter that the line needs. So it begins
some seconds after the first mask, when a process that took the place of one that died has caught up, and takes a breath
before each module. Both ways to count give the same, so a line changes over between any two masks.
"""

from __future__ import annotations

import fcntl
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

MODULES = ("spelling", "bits", "discs", "joins", "outlines", "figures", "tidying", "counting")
PLAIN = "plain"  # KENSA_KERNELS=plain does without them
MADE = "made"  # stands in the folder once everything in it is there
HUMBLE = 19  # niceness of the process that compiles
REST_S = 5.0  # seconds from the first mask until they are loaded
BREATH_S = 0.002  # seconds before each module in which nobody but the line has the interpreter

_first, _alone = threading.Lock(), threading.Lock()


class Kernels(NamedTuple):
    """What is called from outside.

    Attributes:
        tidied: See `tidying`.
        trimmed: The same.
        counted: See `counting`.
    """

    tidied: Callable[..., Any]
    trimmed: Callable[..., Any]
    counted: Callable[..., Any]


class Loader:
    """Loads the kernels once, in a thread of its own, and has them compiled before where nobody has.

    Attributes:
        kernels: None until they are loaded.
        due: Set by whoever does not want to wait until it begins.
        thread: Where it works.
    """

    def __init__(self) -> None:
        self.kernels: Kernels | None = None
        self.due = threading.Event()
        self.thread = threading.Thread(target=self._load, name="kernels", daemon=True)
        self.thread.start()

    def _load(self) -> None:
        self.due.wait(REST_S)
        try:
            make()
            with breathing():
                self.kernels = compiled()
        except Exception as error:  # noqa: BLE001 - whatever numba or the disk says: the line does without
            import structlog  # only where there is something to say: by itself it brings rich along

            structlog.get_logger().warning("kernels", text=f"masks are cleaned and measured without numba: {error}")


class Breath:
    """Finds no module, but lets other threads work before this one loads another: importing leaves them little."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, *_: object) -> None:
        """Asked for a module that is not loaded yet."""
        if threading.get_ident() == self._thread:
            time.sleep(BREATH_S)


@contextmanager
def breathing() -> Iterator[None]:
    """What this thread imports meanwhile takes longer and disturbs others less."""
    breath: Any = Breath()
    sys.meta_path = [breath, *sys.meta_path]  # another list each time: other threads may be at one of its items
    try:
        yield
    finally:
        sys.meta_path = [finder for finder in sys.meta_path if finder is not breath]


@cache
def loader() -> Loader | None:
    """What loads the kernels of this process; None where they cannot be, or shall not be, had."""
    wanted = os.environ.get("KENSA_KERNELS") != PLAIN and find_spec("numba") is not None
    return Loader() if wanted else None


def ready() -> Kernels | None:
    """The kernels, once they are loaded; nothing is waited for, and some seconds after the first call they are."""
    with _first:  # two lanes may have their first masks at once
        found = loader()
    return found.kernels if found else None


def make() -> None:
    """Have the kernels compiled in a process of its own, unless they are; who comes second waits for the first.

    Raises:
        OSError: If they cannot be kept.
        subprocess.CalledProcessError: If it failed.
    """
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / MADE).exists():
            command = ["nice", "-n", str(HUMBLE), sys.executable, "-m", __name__]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
            (place / MADE).touch()


@cache
def compiled() -> Kernels:
    """The kernels, loaded now; compiled where they never were."""
    import numba

    config: Any = numba.config
    with _alone:  # that folder is meant for these functions alone
        kept, config.CACHE_DIR = config.CACHE_DIR, str(folder())
        try:
            functions = _bound(numba.njit)
        finally:
            config.CACHE_DIR = kept
    kernels = Kernels(*(functions[name] for name in Kernels._fields))
    _call(kernels)
    return kernels


def folder() -> Path:
    """Where compiled kernels of this text are kept."""
    base = os.environ.get("KENSA_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kensa"
    text = b"".join(map(_stamped, _modules()))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}".encode()
    return Path(base) / f"kernels-{blake2b(version + text, digest_size=8).hexdigest()}"


def _stamped(module: ModuleType) -> bytes:
    """What a module says, and by what numba knows its file."""
    path = Path(str(module.__file__))
    return f"{path}\0{path.stat().st_mtime_ns}\0".encode() + path.read_bytes()


def _modules() -> list[ModuleType]:
    return [import_module(f"nodes.transforms.fast.{name}") for name in MODULES]


def _bound(njit: Callable[..., Any]) -> dict[str, Any]:
    """Every function of the modules, compiled, in one namespace of their own: the plain ones stay as they are.

    What is called from outside has all others in it: it alone is kept.
    """
    import numpy as np

    space: dict[str, Any] = {"__name__": __name__, "np": np, "math": math}
    for module in _modules():
        for name, thing in vars(module).items():
            if isinstance(thing, FunctionType) and thing.__module__ == module.__name__:
                own = FunctionType(thing.__code__, space, name, thing.__defaults__)
                space[name] = njit(own, cache=name in Kernels._fields, nogil=True, error_model="numpy")
            elif name.isupper():
                space[name] = thing
    return space


def _call(kernels: Kernels) -> None:
    """Call each as a line does: numba loads, or compiles, for the types that it is called with."""
    import numpy as np

    counts, values = np.frombuffer(b"4", np.uint8), np.frombuffer(bytes(4), np.int8).reshape(2, 2)
    kernels.tidied(counts, (2, 2), (0, 0), (0, 0, 0))
    kernels.trimmed(values, 0, (0, 0), (0, 0, 0))
    kernels.counted(counts, (2, 2), values)


if __name__ == "__main__":
    compiled()
