"""The JSON Schema of topology files, for completion and checks in an editor; made from the catalogue.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline import words
from pipeline.catalog import Catalog
from pipeline.node import Spec
from pipeline.topology import NAME, WORD, Bounds, Host, Line

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = rf"^(\${NAME}|\$\{{{NAME}(:-[\s\S]*)?\}})$"
TEXT: Schema = {"type": "string"}
ONE_OR_MORE: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
PARTS = {
    "include": "Files to read first; paths start at the folder of this one.",
    "line": "Which line it is: names the run folder, metrics and logs.",
    "vars": "Values for `$NAME`, before those of the environment.",
    "hosts": "The machines, and the cameras wired to each.",
    "cameras": "Parameters that differ for a camera: camera → node → parameters.",
    "nodes": "The nodes: what runs, and who feeds it.",
}
ENTRY = {
    "use": "Which node it is; its own name where this is left out.",
    "from": "Who feeds it: one node or a list of them.",
    "at": "The host it is pinned to; else it runs where its inputs run.",
    "with": "Its parameters.",
    "queue": "How the queues in front of it behave.",
    "isolate": "Give it a process of its own.",
}


def schema(catalog: Catalog) -> Schema:
    """The schema of every topology that can be written with the nodes of a catalogue."""
    specs = {name: catalog[name] for name in catalog}
    return {
        "$schema": DIALECT,
        "title": "Kensa topology",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["include"]}, {"required": ["hosts", "nodes"]}],
        "properties": {name: {"description": said} | _part(name, specs) for name, said in PARTS.items()},
        "$defs": _definitions(specs),
    }


def _part(name: str, specs: dict[str, Spec]) -> Schema:
    match name:
        case "include":
            return ONE_OR_MORE
        case "line":
            return _struct(Line)
        case "vars":
            return _mapping({"type": ["string", "number", "boolean"]}, f"^{NAME}$")
        case "hosts":
            return _mapping(_struct(Host), WORD) | {"minProperties": 1}
        case "cameras":
            return _mapping(_mapping({"type": "object"}, WORD), WORD)
    return _mapping(_other(), WORD) | {"minProperties": 1, "properties": {name: _named(name) for name in specs}}


def _definitions(specs: dict[str, Spec]) -> Schema:
    """A definition per node, one for what all entries have, and one for variables."""
    nodes = {f"node {name}": _node(spec) for name, spec in specs.items()}
    return {"variable": {"type": "string", "pattern": VARIABLE}, "entry": _entry(specs)} | nodes


def _entry(specs: dict[str, Spec]) -> Schema:
    """What every node may have, and what follows from its `use`."""
    said = [{"const": name, "description": _summary(spec)} for name, spec in specs.items()]
    kinds: Schema = {
        "use": {"anyOf": [*said, {"type": "string", "pattern": ":"}, _variable()]},
        "from": ONE_OR_MORE,
        "at": TEXT,
        "with": {"type": "object"},
        "queue": _struct(Bounds),
        "isolate": _open({"type": "boolean"}),
    }
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {name: {"description": ENTRY[name]} | kind for name, kind in kinds.items()},
        "allOf": [{"if": _uses(name), "then": _ref(f"node {name}")} for name in specs],
    }


def _node(spec: Spec) -> Schema:
    """What follows from a node's signature."""
    parameters = _struct(spec.params)
    for name, each in parameters["properties"].items():
        each["description"] = " ".join(filter(None, (spec.doc.get(name, ""), each.pop("description", ""))))
    parameters.pop("required", None)  # the camera table may give them
    properties = {"with": parameters}
    if spec.kind == "source":
        return {"properties": properties | {"from": False, "queue": False, "isolate": False}}
    return {"properties": properties, "required": ["from"], "type": "object"}


def _named(name: str) -> Schema:
    """An entry whose own name is that of a node."""
    own = {"if": {"not": {"required": ["use"], "type": "object"}}, "then": _ref(f"node {name}")}
    return {"allOf": [_ref("entry"), own]}


def _other() -> Schema:
    """An entry with a name of its own: it must say which node it is."""
    return {"allOf": [_ref("entry"), {"type": "object", "required": ["use"]}]}


def _struct(kind: type[msgspec.Struct]) -> Schema:
    """A struct with every struct inside it spelled out, and variables wherever a value stands."""
    fields = msgspec.structs.fields(kind)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.encode_name: _field(field) for field in fields},
    }


def _field(field: msgspec.structs.FieldInfo) -> Schema:
    found: Schema = _kind(field.type)
    unit = words.unit(field.type)
    default = {} if field.default is msgspec.NODEFAULT or field.default is None else {"default": _plain(field.default)}
    return _open(found) | ({"description": f"[{unit}]"} if unit else {}) | default


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _kind(kind: Any) -> Any:
    """A type as msgspec describes it; its structs are spelled out where they stand."""
    (found,), structs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return _inlined(found, structs)


def _inlined(found: Any, structs: dict[str, Any]) -> Any:
    if isinstance(found, list):
        return [_inlined(each, structs) for each in found]
    if not isinstance(found, dict):
        return found
    if "$ref" in found:
        return _inlined(structs[found["$ref"].removeprefix("#/$defs/")], structs)
    return {name: _inlined(each, structs) for name, each in found.items()}


def _open(found: Schema) -> Schema:
    """A value, or a variable in its place; text without a pattern takes variables as it is."""
    if found.get("type") == "string" and not found.keys() & {"pattern", "enum", "format"}:
        return found
    said = {name: found.pop(name) for name in ("description", "default") if name in found}
    return said | {"anyOf": [found, _variable()]}


def _mapping(values: Schema, names: str) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": names}, "additionalProperties": values}


def _uses(name: str) -> Schema:
    return {"type": "object", "properties": {"use": {"const": name}}, "required": ["use"]}


def _summary(spec: Spec) -> str:
    return spec.doc[""].partition("\n\n")[0].replace("\n", " ")


def _variable() -> Schema:
    return _ref("variable")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
