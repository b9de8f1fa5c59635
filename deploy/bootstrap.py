"""Make a virtual environment and put the locked installer into it; needs a bare Python, not even pip.

Usage: python3 deploy/bootstrap.py VENV LOCK
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

NO_PIP = "expected a pip with this Python, found none and apt gave none; install it: apt-get install python3-venv"


def main(target: Path, lock: Path) -> None:
    """Install `lock`, every file checked against its hash, into `target`, which is made where it is missing."""
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 the host has
        sys.exit(f"expected Python 3.11 or newer, found {sys.version.split()[0]}; say which: make PYTHON=python3.11")
    python = target / "bin" / "python"
    if not python.exists():
        venv.create(target, symlinks=True)
    with tempfile.TemporaryDirectory() as scratch:
        pip = next(_pips(python, Path(scratch)), None) or sys.exit(NO_PIP)
        subprocess.run([*pip, "install", "--quiet", "--require-hashes", "-r", lock], check=True)


def _pips(python: Path, scratch: Path) -> Iterator[tuple[str | Path, ...]]:
    """Commands of every pip that can install into `python`, the cheapest first; a wheel runs without being unpacked."""
    for folder in (Path(_ensurepip()), Path("/usr/share/python-wheels")):
        yield from ((python, wheel / "pip") for wheel in folder.glob("pip-*.whl"))
    if importlib.util.find_spec("pip"):
        yield (sys.executable, "-m", "pip", "--python", python)
    yield from ((python, wheel / "pip") for wheel in _debian(scratch))


def _ensurepip() -> str:
    """Where Python keeps its own wheel of pip; Debian takes the wheel out."""
    spec = importlib.util.find_spec("ensurepip")
    return f"{(spec.submodule_search_locations or ['.'])[0]}/_bundled" if spec else "."


def _debian(scratch: Path) -> list[Path]:
    """Debian's wheel of pip, fetched by apt (which checks its signature) and not installed: no root needed."""
    try:
        subprocess.run(["apt-get", "download", "-qq", "python3-pip-whl"], cwd=scratch, check=True)
        subprocess.run(["dpkg-deb", "-x", *scratch.glob("*.deb"), scratch], check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [*scratch.glob("usr/share/python-wheels/pip-*.whl")]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
