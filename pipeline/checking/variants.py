"""The parameters of a node, camera by camera."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.checking.draft import Draft
from pipeline.conversion import convert
from pipeline.located import Path


def params(draft: Draft, name: str) -> Iterator[tuple[str, Any]]:
    """The parameters of a node, camera by camera, that could be read."""
    spec = draft.specs[name]
    for camera, given in variants(draft, name):
        try:
            yield camera, convert(given, spec.params)
        except msgspec.ValidationError:
            continue  # something is missing, and that is told


def at(draft: Draft, name: str, camera: str, path: Path) -> Path:
    """Where the parameters of a camera stand that a path begins in."""
    inside = path[:1] and path[0] in draft.rows[name].get(camera, {})
    return ("cameras", camera, name) if inside else ("nodes", name, "with")


def variants(draft: Draft, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters of a node, camera by camera; once for all those that give it none of their own."""
    rows = draft.rows[name]
    others = [""] if not rows or draft.cameras.keys() - rows.keys() else []
    for camera in [*rows, *others]:
        paths: set[Path] = {("nodes", name, "with"), ("cameras", camera, name)}
        if not paths & draft.unread:
            yield camera, {**draft.params[name], **rows.get(camera, {})}
