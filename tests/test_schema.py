"""The JSON Schema agrees with `kensa check` on what can be seen in the file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipeline.catalog import catalog
from pipeline.located import parse, read
from pipeline.schema import schema
from tests import specimens
from tests.conftest import ROOT

FAULTS = ROOT / "tests" / "faults"
# Faults of words, types and ranges; all others need names of the same file, the environment or the lanes.
STRUCTURAL = (
    "a_list",
    "bad_host",
    "bad_name",
    "empty",
    "isolated_source",
    "many",
    "missing_input",
    "no_hosts",
    "no_nodes",
    "on_key",
    "out_of_range",
    "source_input",
    "unknown_field",
    "unknown_node",
    "unknown_policy",
    "unknown_word",
    "wrong_type",
    "yaml_words",
)
GOOD = sorted((ROOT / "topologies").glob("*.yaml"))


def _refusals(data: Any, **nodes: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema(nodes.get("nodes") or specimens.catalog()))
    return [error.message for error in validator.iter_errors(data)]


def test_it_is_a_schema() -> None:
    """It follows the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(schema(specimens.catalog()))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_examples(path: Path) -> None:
    """Every example is accepted, as `kensa check` accepts it."""
    assert _refusals(read(path).data, nodes=catalog()) == []


@pytest.mark.parametrize("name", STRUCTURAL)
def test_faults(name: str) -> None:
    """A fault of words, types or ranges is refused while it is being written."""
    assert _refusals(read(FAULTS / f"{name}.yaml").data)


@pytest.mark.parametrize(
    "text",
    [
        "clean: {from: camera, with: {min_area: $AREA}}",
        "clean: {from: camera, with: {min_area: '${AREA:-3}'}}",
        "clean: {from: [camera], isolate: true}",
        "tidy: {use: clean, from: camera, at: edge-1, queue: {policy: latest, age: 0.5}}",
        "mine: {use: 'my.module:node', from: camera, with: {anything: [1, 2]}}",
        "mine: {use: $NODE, from: camera}",
    ],
)
def test_accepted(text: str) -> None:
    """Variables, lists and nodes that are not installed pass."""
    assert (
        _refusals(parse(f"hosts: {{edge-1: {{cameras: [c]}}}}\nnodes:\n  camera: {{use: sensor}}\n  {text}\n").data)
        == []
    )


def test_names_units_and_sentences() -> None:
    """An editor shows a parameter's sentence, unit, range and default."""
    area = schema(specimens.catalog())["$defs"]["node clean"]["properties"]["with"]["properties"]["min_area"]
    assert area["description"] == "Blobs with fewer pixels are noise. [px²]"
    assert area["default"] == 25
    assert {"type": "integer", "minimum": 0} in area["anyOf"]
