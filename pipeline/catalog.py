"""Find nodes by name, Kensa's own and third parties' alike, through the entry point group `kensa.nodes`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from pipeline.errors import NodeError
from pipeline.node import Spec

GROUP = "kensa.nodes"
Catalog = Mapping[str, Spec]


def catalog() -> dict[str, Spec]:
    """Every installed node under its name, in alphabetical order.

    Raises:
        NodeError: If an entry point cannot be loaded or is not a node.
    """
    return {point.name: _load(point) for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def _load(point: object) -> Spec:
    from importlib.metadata import EntryPoint

    assert isinstance(point, EntryPoint)
    spec = getattr(point.load(), "spec", None)
    if not isinstance(spec, Spec):
        raise NodeError(f"entry point '{point.name}' = '{point.value}': expected a function marked with @node()")
    return spec
