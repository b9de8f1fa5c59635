"""docs/plant.md says what is so: members, methods, metrics and alerts are those of the product."""

from __future__ import annotations

import re

import yaml

from nodes.opcua.methods import ACKNOWLEDGE, SHELVES, VERBS
from nodes.opcua.naming import SEVERITY
from nodes.opcua.space import OURS, PLAIN, RESULT, TWOFOLD, URI
from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.numbers import FAMILIES
from pipeline.planner import plan
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "plant.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))


def first(head: str) -> set[str]:
    """Every word between back-ticks in the first column of the table that has this head."""
    table = PAGE.split(f"\n| {head} |")[1].split("\n\n")[0]
    cells = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


def test_the_example_checks_and_plans() -> None:
    """In every process that it needs."""
    topology = load(ROOT / "topologies" / "plant" / "plant.yaml")
    planned = plan(topology, catalog(), here=True)
    runs = {run.node for process in planned.processes for lane in process.lanes for run in lane.runs}
    assert runs == {*topology.nodes}
    assert "opcua" in runs


def test_every_member_is_explained() -> None:
    """Of results and of conditions."""
    assert first("member of a result") == {*RESULT}
    assert first("member of a condition") == {*PLAIN, *TWOFOLD, *OURS}
    assert URI in PAGE
    assert all(f"{priority} {severity}" in PAGE for priority, severity in SEVERITY.items())


def test_every_method_is_explained() -> None:
    """By its name on the type."""
    names = {name.rpartition("_")[2] for name in (*VERBS, ACKNOWLEDGE)} | {"TimedShelve", "OneShotShelve", "Unshelve"}
    assert SHELVES
    assert all(f"`{name}" in PAGE for name in names)


def test_every_metric_of_what_is_decided_is_explained() -> None:
    """With its labels."""
    told = first("metric")
    assert told == {f"{name}{'_total' * (one.kind == 'counter')}" for name, one in FAMILIES.items()} | {"kensa_notices"}
    for name, one in FAMILIES.items():
        (row,) = [row for row in PAGE.splitlines() if re.match(rf"\| .*`{name}(_total)?`", row)]
        assert all(f"`{label}`" in row for label in one.labels)


def test_every_alert_is_explained() -> None:
    """With its severity."""
    rules = {rule["alert"]: rule["labels"]["severity"] for group in RULES["groups"] for rule in group["rules"]}
    rows = [row.split(" | ") for row in PAGE.splitlines() if row.startswith("| `Kensa")]
    assert {row[0].strip("| `"): row[1] for row in rows} == rules
