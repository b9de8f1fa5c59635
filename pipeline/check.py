"""Check a topology: every reason why it cannot run, in one go, and the topology itself where there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import NamedTuple

from pipeline.catalog import Catalog, catalog
from pipeline.checking import flow
from pipeline.checking.draft import Draft
from pipeline.checking.includes import gather
from pipeline.checking.requirements import GRAPH, WORDS
from pipeline.checking.variables import Variables, override
from pipeline.errors import TopologyError
from pipeline.located import BROKEN, Document
from pipeline.topology import Step, Topology


class Checked(NamedTuple):
    """What came of a check: a topology, or the faults of its document."""

    document: Document
    topology: Topology | None


def load(path: str | File, overrides: Iterable[str] = (), nodes: Catalog | None = None) -> Topology:
    """Read a topology that can run.

    Args:
        path: The file.
        overrides: `node.param=value`, `camera.node.param=value` or `NAME=value`, as `--set` has them.
        nodes: The catalogue to look nodes up in; the installed ones by default.

    Raises:
        TopologyError: If it cannot; the text holds every fault with its place.
    """
    checked = check(path, overrides, nodes)
    if checked.topology is None:
        raise TopologyError(checked.document.show())
    return checked.topology


def check(
    path: str | File,
    overrides: Iterable[str] = (),
    nodes: Catalog | None = None,
    environ: Mapping[str, str] | None = None,
) -> Checked:
    """Read a topology and note every fault; never raises for what a file says."""
    document = gather(path)
    if isinstance(document.data, dict):
        override(document, overrides)
        data = Variables(document, os.environ if environ is None else environ).replace(document.data)
        draft = Draft(document, data, catalog() if nodes is None else nodes)
        topology = _judged(draft)
        return Checked(document, None if document.faults else topology)
    if document.data is not BROKEN:
        said = "an empty file" if document.data is None else "something else"
        document.complain((), f"expected a topology with `hosts` and `nodes`, got {said}")
    return Checked(document, None)


def _judged(draft: Draft) -> Topology:
    """Apply every requirement; those on lanes need a graph without fault."""
    before = len(draft.document.faults)
    for kept in GRAPH:
        kept(draft)
    whole = len(draft.document.faults) == before and len(draft.specs) == len(draft.entries)
    for kept in WORDS:
        kept(draft)
    topology = Topology(name=_name(draft), hosts=draft.hosts, nodes={name: _step(draft, name) for name in draft.specs})
    if whole:
        flow.judge(draft, topology)
    return topology


def _step(draft: Draft, name: str) -> Step:
    entry = draft.entries[name]
    return Step(
        use=entry.use or name,
        inputs=tuple(draft.inputs(name)),
        at=entry.at,
        params=draft.params[name],
        overrides=draft.rows[name],
        queue=entry.queue,
        isolate=entry.isolate,
    )


def _name(draft: Draft) -> str:
    """Of the line: what the file says, else the file's own name."""
    said = draft.file.get("line", {})
    words = [said[word] for word in ("plant", "line") if said.get(word)]
    return "-".join(words) or re.sub(r"[^A-Za-z0-9_-]+", "-", File(draft.document.name).stem) or "line"
