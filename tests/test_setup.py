"""What a fresh machine installs: locked, hashed, of one version, and light where only the line runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import bootstrap
from tests.conftest import ROOT

LOCKS = ROOT / "deploy" / "locks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
OPTIONAL: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
TRAINING = {"model", "sony", "sam2"}  # extras that bring torch
EXTRAS: list[str] = [*chain.from_iterable(wanted for extra, wanted in OPTIONAL.items() if extra not in TRAINING)]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]

locks = pytest.mark.parametrize("path", sorted(LOCKS.glob("*.txt")), ids=lambda path: path.stem)


@locks
def test_every_locked_file_has_a_hash(path: Path) -> None:
    """Nothing can be installed that was not there when the lock was made."""
    assert all(hashes for _, hashes in _locked(path))


@locks
def test_locks_name_no_host_and_no_machine(path: Path) -> None:
    """A lock says what, never where from: each machine uses its own registry."""
    told = re.compile(r"://|--(extra-)?index-url|--find-links|\s@\s|file:|^#", re.MULTILINE)
    assert not told.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("line", RUNTIME),
        ("all", RUNTIME + EXTRAS),
        ("dev", RUNTIME + EXTRAS + GROUPS["dev"]),
        ("build", GROUPS["build"]),
        ("peers", GROUPS["peers"]),
        ("model", RUNTIME + OPTIONAL["model"] + GROUPS["trial"] + GROUPS["cpu"]),
        ("model-gpu", RUNTIME + OPTIONAL["model"] + GROUPS["trial"]),
        ("sony", RUNTIME + OPTIONAL["model"] + OPTIONAL["sony"] + GROUPS["trial"]),
        ("sam2", OPTIONAL["sam2"]),
        ("converter", GROUPS["converter"]),
        ("store", GROUPS["store"]),
    ],
)
def test_locks_hold_what_pyproject_asks_for(lock: str, wanted: list[str]) -> None:
    """A dependency that was added or raised without `make locks` is found here."""
    found = {str(canonicalize_name(locked.name)): _version(locked) for locked, _ in _here(lock)}
    missing = [text for text in wanted if not _satisfied(Requirement(text), found)]
    assert not missing, f"deploy/locks/{lock}.txt lacks {missing}; rewrite it: make locks"


def test_locks_agree() -> None:
    """Tests run with the very versions that a line runs with."""
    agreed = {locked.name: str(locked.specifier) for locked, _ in _here("dev")}
    for lock in ("line", "all"):
        assert {locked.name: str(locked.specifier) for locked, _ in _here(lock)}.items() <= agreed.items()


@pytest.mark.parametrize("lock", ["model", "model-gpu"])
def test_networks_are_trained_beside_the_same_versions(lock: str) -> None:
    """What trains and what runs share every library that both have."""
    agreed = {locked.name: str(locked.specifier) for locked, _ in _here("dev")}
    trained = {locked.name: str(locked.specifier) for locked, _ in _here(lock)}
    assert {name: trained[name] for name in trained.keys() & agreed.keys()}.items() <= agreed.items()


def test_torch_is_in_no_lock_but_those_that_train() -> None:
    """Neither a line nor its tests wait for it."""
    held = {path.stem for path in LOCKS.glob("*.txt") if any(locked.name == "torch" for locked, _ in _here(path.stem))}
    assert held == TRAINING | {"model-gpu"}


def test_this_environment_is_the_locked_one() -> None:
    """What these tests run with is what the lock says."""
    wrong = [str(locked) for locked, _ in _here("dev") if version(locked.name) != _version(locked)]
    assert not wrong, f"not installed: {wrong}; install them: make install"


def test_the_line_locks_nothing_heavy() -> None:
    """The runtime alone carries no vision, archive or learning library."""
    heavy = {"apache-beam", "modlib", "opencv-python-headless", "picamera2", "pyarrow", "torch"}
    assert heavy.isdisjoint(locked.name for locked, _ in _here("line"))


def test_a_python_without_pip_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pip can be had at all, the text names Debian's package."""
    monkeypatch.setattr(bootstrap, "_pips", lambda python, scratch: iter(()))
    with pytest.raises(SystemExit, match=r"expected a pip.*found none.*apt-get install python3-venv"):
        bootstrap.main(tmp_path / "venv", LOCKS / "build.txt")


@pytest.mark.slow
def test_the_runtime_alone_installs_and_runs(tmp_path: Path) -> None:
    """A wheel and `line.txt` make a line host: it checks a topology and prints the manual with nothing else there."""
    kensa = _line_host(tmp_path)
    for command in (["nodes"], ["check", ROOT / "topologies" / "laptop.yaml"]):
        run = subprocess.run([kensa, *command], check=False, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr


def _line_host(folder: Path) -> Path:
    """The `kensa` of a virtual environment with the runtime alone, from what `make install` left in uv's cache."""
    bin_ = Path(sys.executable).parent
    _run(bin_ / "hatchling", "build", "--target", "wheel", "--directory", folder)
    _run(bin_ / "uv", "venv", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    install = (bin_ / "uv", "pip", "install", "--offline", "--python", python)
    try:
        _run(*install, "--require-hashes", "-r", LOCKS / "line.txt")
    except subprocess.CalledProcessError as error:
        if "cache" not in error.stderr:
            raise
        pytest.skip("uv's cache lacks the runtime's files; make install fills it")
    _run(*install, "--no-deps", *folder.glob("*.whl"))
    return python.with_name("kensa")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)


def _here(lock: str) -> list[tuple[Requirement, list[str]]]:
    """What a lock installs on this machine."""
    return [(locked, hashes) for locked, hashes in _locked(LOCKS / f"{lock}.txt") if _applies(locked.marker)]


def _locked(path: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes."""
    for line in path.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        requirement, *hashes = line.split("--hash=")
        yield Requirement(requirement.strip()), hashes


def _applies(marker: Marker | None) -> bool:
    return marker is None or marker.evaluate()


def _version(locked: Requirement) -> str:
    return str(locked.specifier).removeprefix("==")


def _satisfied(wanted: Requirement, found: dict[str, str]) -> bool:
    return wanted.specifier.contains(found.get(canonicalize_name(wanted.name), "0.dev0"), prereleases=False)
