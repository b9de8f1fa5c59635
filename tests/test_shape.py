"""How large a file and a function may grow before they are two."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

LONGEST_FILE = 300
LONGEST_BODY = 25
PACKAGES = ("pipeline", "nodes", "model", "deploy", "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_files_stay_short() -> None:
    """A file speaks of one noun."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _sources()}
    long = [f"{path.relative_to(ROOT)}: {lines} lines" for path, lines in lengths.items() if lines > LONGEST_FILE]
    assert not long, f"more than {LONGEST_FILE} lines; split by noun: {long}"


def test_functions_stay_short() -> None:
    """A function is read in one look, its docstring not counted."""
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {lines} lines"
        for path in _sources()
        for function in _functions(path)
        if (lines := _length(function)) > LONGEST_BODY
    ]
    assert not long, f"bodies of more than {LONGEST_BODY} lines: {long}"


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _length(function: Function) -> int:
    """Lines of the body; a docstring and what is blank after it left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
