"""The manual of nodes, written from their signatures and docstrings, for a terminal and as Markdown."""

from __future__ import annotations

import textwrap
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from pipeline import words
from pipeline.catalog import Catalog
from pipeline.errors import NodeError
from pipeline.node import Spec, sentences
from pipeline.records import Record

WIDTH = 100  # columns of a page in a terminal
KINDS = ("source", "transform", "sink")
PREFACE = """# Nodes

What a topology can be made of. Written by `kensa nodes --markdown` from the nodes themselves; `kensa nodes NAME`
prints one of them. A relative path starts where the command is run, or, where it says so, at the folder of the file.
"""


class Parameter(NamedTuple):
    """One thing that a node can be told.

    Attributes:
        name: As in the topology, under `with`; with dots where it stands inside another one.
        kind: Its type, unit and range in words.
        default: What it is where nothing is said; `required` where something must be.
        said: Its sentence; empty where its author wrote none.
    """

    name: str
    kind: str
    default: str
    said: str


def parameters(spec: Spec) -> list[Parameter]:
    """What a node can be told, in the order of its signature; what a mapping may hold follows it."""
    return [*_fields(spec.params, spec.doc, "")]


def _fields(kind: type[msgspec.Struct], said: dict[str, str], prefix: str) -> Iterator[Parameter]:
    for field in msgspec.structs.fields(kind):
        name = prefix + field.encode_name
        yield Parameter(name, _kind(field.type), _default(field), said.get(field.encode_name, ""))
        held, inside = _held(field.type, name)
        if held is not None:
            yield from _fields(held, sentences(held, "Attributes"), f"{inside}.")


def _held(kind: Any, name: str) -> tuple[type[msgspec.Struct] | None, str]:
    """The struct that a parameter is, or that each value of it is, and how its fields are reached."""
    inner = words.inner(kind)
    if typing.get_origin(inner) is dict:
        inner, name = words.inner(typing.get_args(inner)[1]), f"{name}.NAME"
    return (inner, name) if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else (None, name)


def summary(spec: Spec) -> str:
    """The first sentence of a node's docstring."""
    return spec.doc[""].partition("\n\n")[0].replace("\n", " ")


def where(spec: Spec) -> str:
    """How often a node runs: for each camera, for each record, or once for all."""
    if spec.kind == "source":
        return "one per camera, live: it cannot wait" if spec.live else "one per camera"
    if spec.per or (spec.shape == "map" and spec.kind == "transform"):
        return "in its camera's lane"
    batch = spec.batch and f", in batches of {spec.batch.records:,} records or {spec.batch.seconds:g} s"
    return f"one for all cameras of its host{batch or ''}"


def flow(spec: Spec) -> str:
    """What a node takes and gives: `Frame → Frame`."""
    return " ".join(filter(None, (kinds(spec.takes), "→", kinds(spec.gives))))


def kinds(records: frozenset[type[Record]]) -> str:
    """Record types as a signature has them."""
    return " | ".join(sorted(record.__name__ for record in records))


def index(catalog: Catalog) -> Iterator[str]:
    """One line per node, sources first; a node that cannot be loaded says why."""
    specs, broken = _loaded(catalog)
    width = max((len(name) for name in catalog), default=0)
    for kind in KINDS:
        yield f"{kind}s"
        for name, spec in specs.items():
            if spec.kind == kind:
                yield f"  {name:{width}}  {summary(spec)}"
                yield f"  {'':{width}}  {flow(spec)}"
    if broken:
        yield "cannot be loaded"
        yield from (f"  {name:{width}}  {why}" for name, why in broken.items())


def page(name: str, spec: Spec) -> Iterator[str]:
    """One node's page for a terminal."""
    yield f"{name}: {spec.kind}, {where(spec)}"
    yield f"{flow(spec)}\n"
    yield from (f"{_filled(paragraph)}\n" for paragraph in spec.doc[""].split("\n\n"))
    told = parameters(spec)
    yield "with:" if told else "It has no parameters."
    for each in told:
        yield f"  {each.name}: {each.kind}; {each.default if each.default == 'required' else f'default {each.default}'}"
        yield _filled(each.said, "      ")


def markdown(catalog: Catalog) -> Iterator[str]:
    """The manual of all nodes of a catalogue, kind by kind.

    Raises:
        NodeError: If one of them cannot be loaded.
    """
    yield PREFACE
    specs = {name: catalog[name] for name in catalog}
    for kind in KINDS:
        yield f"## {kind.capitalize()}s\n"
        for name, spec in specs.items():
            if spec.kind == kind:
                yield from _section(name, spec)


def _section(name: str, spec: Spec) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"`{flow(spec)}`, {where(spec)}.\n"
    yield f"{spec.doc['']}\n"
    told = parameters(spec)
    if told:
        yield "| parameter | what it is | default | |\n|---|---|---|---|"
        yield "\n".join(
            f"| `{each.name}` | {_cell(each.kind)} | {_cell(each.default)} | {_cell(each.said)} |" for each in told
        )
        yield ""


def _loaded(catalog: Catalog) -> tuple[dict[str, Spec], dict[str, str]]:
    specs: dict[str, Spec] = {}
    broken: dict[str, str] = {}
    for name in catalog:
        try:
            specs[name] = catalog[name]
        except NodeError as error:
            broken[name] = str(error)
    return specs, broken


def _kind(kind: Any) -> str:
    return words.wanted(kind).removeprefix("a ")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "none"
    return f"'{value}'" if isinstance(value, str) else msgspec.json.encode(value).decode()


def _filled(text: str, indent: str = "") -> str:
    """Text in lines of the page's width; lines that are laid out, such as a list, stay as they are."""
    if any(line.startswith((" ", "-", "|", "*")) for line in text.splitlines()):
        return text
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
