"""What docs/security.md says: every test it names exists, and what can be read off the code alone holds."""

from __future__ import annotations

import ast
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.folders import run_folder
from pipeline.runtime.folder import RunFolder
from pipeline.runtime.switchboard import CONTROL, Switchboard
from tests.conftest import ROOT
from tests.edges import Ends
from tests.test_layers import _loaded

PAGE = ROOT / "docs" / "security.md"
# Each turns bytes or text into code or arbitrary objects.
UNSAFE_MODULES = {"_pickle", "cloudpickle", "dill", "joblib", "marshal", "multiprocessing", "pickle", "shelve"}
UNSAFE_CALLS = {
    "eval",
    "exec",
    "compile",
    "recv_pyobj",
    "send_pyobj",
    "read_pickle",
    "to_pickle",
    "system",
    "popen",
    "unsafe_load",
    "full_load",
    "load_all",
}


def test_every_threat_has_tests_that_exist() -> None:
    """A row of the table names `file::test` for each promise; a test that is renamed must be renamed there."""
    rows = [row for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| ")][1:]
    named = {row: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row) for row in rows}
    assert len(rows) > 15
    assert [row for row, tests in named.items() if not tests] == []
    missing = {f"{file}::{name}" for tests in named.values() for file, name in tests if name not in _tests(file)}
    assert missing == set()


# Compiled from two lists of harmless syntax, with no names but measurements: see `tests/nodes/test_limits.py`.
CONDITIONS = "nodes/transforms/expression.py"


def test_nothing_unpickles_or_runs_what_it_is_given() -> None:
    """No pickle and nothing like it, no `eval`, no shell, no YAML that makes objects: anywhere in the product."""
    wrong = [f"{path.relative_to(ROOT)}:{line}: {what}" for path in _sources() for line, what in _unsafe(path)]
    conditions = [each for each in wrong if each.startswith(CONDITIONS) and each.endswith(": eval")]
    assert len(conditions) == 1
    assert wrong == conditions


def test_memory_of_arrays_is_never_read_as_objects() -> None:
    """NumPy reads pickled objects where it is asked to: it never is."""
    assert [path for path in _sources() if "allow_pickle" in path.read_text(encoding="utf-8")] == []


def test_sockets_are_their_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run folder is 0700 also where it was there before, and every socket in it is 0600."""
    run = Path("/tmp", f"ks-{tmp_path.name[-12:]}")
    monkeypatch.setenv("KENSA_RUN", str(run))
    run_folder("line-a", "edge-1").mkdir(parents=True)
    folder = RunFolder.take("line-a", "edge-1")
    board = Switchboard(folder.path)
    line = Ends("ipc", folder.path)
    line.inbox(line.edge())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder.path, *folder.path.iterdir())}
    line.close()
    board.close()
    folder.release()
    run.rmdir()
    assert modes.pop(folder.path.name) == 0o700
    assert {CONTROL, "watch", "out.sock"} <= modes.keys()
    assert {*modes.values()} == {0o600}


@pytest.mark.slow
def test_process_that_meets_no_other_host_loads_no_guard() -> None:
    """Keys cost a process nothing that has no edge to another host: no thread, no module."""
    code = (
        "from pathlib import Path; from tests.edges import Ends; import tempfile, threading\n"
        "with tempfile.TemporaryDirectory(prefix='k') as folder:\n"
        "    line = Ends('ipc', Path(folder)); line.context._keys = Path(folder)\n"
        "    line.outbox(line.edge()); line.inbox(line.edge())\n"
        "    assert {t.name for t in threading.enumerate()} & {'guard'} == set()\n"
        "    line.close()"
    )
    assert {name for name in _loaded(code) if name.startswith(("zmq.auth", "pipeline.transport.guard"))} == set()


def _tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8")) if (ROOT / file).is_file() else ast.parse("")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _sources() -> Iterator[Path]:
    for package in ("pipeline", "nodes", "model"):
        yield from sorted((ROOT / package).rglob("*.py"))


def _unsafe(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").split(".")[0]}
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, name) for name in {_called(node)} & UNSAFE_CALLS)
            yield from ((node.lineno, "shell=True") for word in node.keywords if word.arg == "shell")
            continue
        else:
            continue
        yield from ((node.lineno, name) for name in names & UNSAFE_MODULES)


def _called(node: ast.Call) -> str:
    """The name of what is called; `re.compile` and other methods of that name are not the builtin."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) and node.func.attr != "compile" else ""
