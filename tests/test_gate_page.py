"""docs/gate.md says what is so: its example is a node, its words are those of the product."""

from __future__ import annotations

import re

import msgspec
import yaml

from nodes.gating.gate import Policy
from nodes.gating.parts import Decision
from nodes.gating.wiring import OUTPUTS
from nodes.sinks.reject import reject
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
TOPOLOGY = yaml.safe_load((ROOT / "topologies" / "gate.yaml").read_text(encoding="utf-8"))["nodes"]["gate"]


def test_the_example_is_that_of_the_topology_with_a_plc() -> None:
    """It can be read, has no flaw, and is the gate that everybody can run."""
    (example,) = (yaml.safe_load(block)["gate"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    spec = reject.spec  # type: ignore[attr-defined]
    shown, run = (msgspec.convert(node["with"], spec.params) for node in (example, TOPOLOGY))
    assert [*spec.check(shown), *spec.check(run)] == []
    assert example["from"] == TOPOLOGY["from"]
    same = ("pulse", "distance", "window", "misses")
    assert [getattr(shown, name) for name in same] == [getattr(run, name) for name in same]


def test_every_output_policy_and_field_is_explained() -> None:
    """By the names that they have."""
    words = {*re.findall(r"`(\w+)`", PAGE)} | {*re.findall(r"`(\w+):", PAGE)}
    assert words >= {*OUTPUTS, *(field.name for field in msgspec.structs.fields(Policy))}
    assert words >= {field.name for field in msgspec.structs.fields(Decision)}
    assert words >= {"passed", "rejected", "diverted", "missing", "late", "repeated", "skipped"}
