"""Find nodes by name, Kensa's own and third parties' alike, through the entry point group `kensa.nodes`.

A node is loaded when it is asked for: a broken package costs only those who use it. A name of the
form `module:function` needs no installation: it is imported from where Python runs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import NodeError
from pipeline.faults import listed
from pipeline.node import Spec

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "kensa.nodes"
DISTRIBUTION = "kensa"
Catalog = Mapping[str, Spec]


class Installed(Catalog):
    """Every installed node under its name, in alphabetical order, and any `module:function` on demand.

    Iteration names the installed ones alone. Asking for a node that cannot be loaded raises
    `NodeError`; asking for a name that nobody gives raises `KeyError`.
    """

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        """Know the entry points of what is installed, or those that are given."""
        self._points: dict[str, list[EntryPoint]] = {}
        found = _points() if points is None else points
        for point in sorted(found, key=lambda p: p.name):
            self._points.setdefault(point.name, []).append(point)
        self._loaded: dict[str, Spec] = {}

    def __getitem__(self, name: str) -> Spec:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points or (isinstance(name, str) and ":" in name)

    def _load(self, name: str) -> Spec:
        if name not in self._points and ":" in name:
            return _spec(f"'{name}'", *name.split(":", 1))
        points = self._points[name]
        values = {point.value for point in points}
        if len(values) > 1:
            raise NodeError(
                f"node '{name}': expected one package that provides it, got {listed(sorted(values), 'and')}"
            )
        return _spec(f"node '{name}' ({points[0].value})", points[0].module, points[0].attr)


def catalog() -> Catalog:
    """Every installed node under its name, in alphabetical order, and any `module:function` on demand."""
    return Installed()


def own() -> Catalog:
    """The nodes that Kensa itself brings."""
    return Installed(point for point in _points() if point.dist and point.dist.name == DISTRIBUTION)


class Targets(dict[str, Spec]):
    """The nodes that a plan names, each by the `module:function` its name stands for.

    A process of a line needs no more: what is installed is not looked up again, which costs 4 MB.
    """

    def __init__(self, targets: Mapping[str, str]) -> None:
        super().__init__({use: _spec(f"node '{use}'", *target.split(":", 1)) for use, target in targets.items()})


def where(spec: Spec) -> str:
    """Where a node is found: `module:function`."""
    return f"{spec.fn.__module__}:{spec.fn.__qualname__}"


def _points() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _spec(what: str, module: str, attribute: str) -> Spec:
    """The spec of a function, imported from what is installed, else from the folder Python runs in."""
    if not module or not attribute:
        raise NodeError(f"{what}: expected module:function")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise NodeError(f"{what}: expected a module that can be imported, got: {error}") from error
    spec = getattr(getattr(found, attribute, None), "spec", None)
    if not isinstance(spec, Spec):
        raise NodeError(
            f"{what}: expected a function marked with @node(), found none called '{attribute}' in '{module}'"
        )
    return spec
