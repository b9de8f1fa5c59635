"""Replace `$NAME` and `${NAME:-default}`, each a whole value, and set what `--set` says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.conform import Conform, Said, whole
from pipeline.faults import Mark, meant
from pipeline.located import BROKEN, Document, Path
from pipeline.topology import NAME, Scalar

VARIABLE = re.compile(rf"\$({NAME})|\$\{{({NAME})(?::-(.*))?\}}", re.DOTALL)
INSIDE = re.compile(rf"\$\{{{NAME}")
SETTING = re.compile(r"(?:(?P<camera>[\w-]+)\.)?(?P<node>[\w-]+)\.(?P<param>\w+)=(?P<text>.*)", re.DOTALL)
VALUE = re.compile(rf"(?P<name>{NAME})=(?P<text>.*)", re.DOTALL)
SET = "--set"


class Variables:
    """Looks values up in `vars`, then in the environment."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._vars: dict[str, str] = {}
        for name, value in self._said().items():
            given = self._scalar(value, ("vars", name))
            if given is not BROKEN:
                self._vars[name] = given if isinstance(given, str) else str(given).lower()

    def replace(self, value: Any, path: Path = ()) -> Any:
        """A value with every variable in it replaced; `BROKEN` where one is not set."""
        if isinstance(value, dict):
            skip = ("vars", "include") if path == () else ()
            return {key: each if key in skip else self.replace(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.replace(each, (*path, place)) for place, each in enumerate(value)]
        return self._scalar(value, path)

    def _said(self) -> dict[str, Scalar]:
        data = self._document.data
        said = data.get("vars", {}) if isinstance(data, dict) else {}
        found = whole(Conform(self._document)(said, dict[str, Scalar], ("vars",)))
        return found if isinstance(found, dict) else {}

    def _scalar(self, value: Any, path: Path) -> Any:
        if not isinstance(value, str) or "$" not in value:
            return value
        if value.startswith("$$"):
            return value[1:]
        if found := VARIABLE.fullmatch(value):
            return self._found(found[1] or found[2], found[3], path)
        if INSIDE.search(value) or value.startswith("${"):
            self._document.complain(path, f"expected `$NAME` or `${{NAME:-default}}` as the whole value, got '{value}'")
            return BROKEN
        return value

    def _found(self, name: str, default: str | None, path: Path) -> Any:
        given = self._vars.get(name, self._environ.get(name))
        if given is None and default is None:
            advice = meant(name, {*self._vars, *self._environ}) or UNSET.format(name=name)
            self._document.complain(path, f"variable '{name}' is not set{advice}")
            return BROKEN
        return Said(given or default or "")


UNSET = "; set it under `vars` or in the environment, or give a default: ${{{name}:-…}}"


def override(document: Document, settings: Iterable[str]) -> None:
    """Put each `node.param=value`, `camera.node.param=value` and `NAME=value` where the file would have it."""
    document.lines[SET] = [*settings]
    for line, setting in enumerate(document.lines[SET], 1):
        mark = Mark(SET, line, 1)
        if isinstance(document.data, dict):
            _set(document, setting, mark)


def _set(document: Document, setting: str, mark: Mark) -> None:
    if value := VALUE.fullmatch(setting):
        _put(document, ("vars", value["name"]), value["text"], mark._replace(column=value.start("text") + 1))
        return
    found = SETTING.fullmatch(setting)
    if not found:
        document.complain_at(mark, "expected node.param=value, camera.node.param=value or NAME=value")
        return
    nodes = document.data.get("nodes")
    if isinstance(nodes, dict) and found["node"] not in nodes:
        at = mark._replace(column=found.start("node") + 1)
        document.complain_at(at, f"no node called '{found['node']}' in this topology{meant(found['node'], nodes)}")
        return
    camera, node, param = found["camera"], found["node"], found["param"]
    path: Path = ("cameras", camera, node, param) if camera else ("nodes", node, "with", param)
    document.keys[path] = mark._replace(column=found.start("param") + 1)
    _put(document, path, Said(found["text"]), mark._replace(column=found.start("text") + 1))


def _put(document: Document, path: Path, value: str, mark: Mark) -> None:
    """Set a value, making the mappings on its way; what is no mapping is left for `check` to tell."""
    at = document.data
    for step in path[:-1]:
        if at.get(step) is None:
            at[step] = {}
        at = at[step]
        if not isinstance(at, dict):
            return
    at[path[-1]] = value
    document.values[path] = mark
