"""The alert rules of deploy/prometheus: played by promtool, told to people, about metrics that a line has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from pipeline.notices import Notice
from pipeline.numbers import FAMILIES, Number
from pipeline.runtime.metrics import LineCollector
from tests.conftest import ROOT
from tests.lines import snapshot

FOLDER = ROOT / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")
SAID = {"summary", "cause", "consequence", "action"}
pytestmark = pytest.mark.timeout(600)  # seconds of work, which on a busy machine take long
played = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt install prometheus")


def rules() -> list[dict[str, Any]]:
    """Every rule."""
    (group,) = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def promtool(*words: str, folder: Path = FOLDER) -> tuple[int, str]:
    """Exit status and what it says."""
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=500)
    return done.returncode, done.stdout + done.stderr


@played
@pytest.mark.parametrize(
    "words", [["check", "config", "prometheus.yaml"], ["check", "rules", "rules.yaml"], ["test", "rules", "tests.yaml"]]
)
def test_promtool_plays_every_rule(words: list[str]) -> None:
    """As Prometheus itself would."""
    status, said = promtool(*words)
    assert status == 0, said


@played
def test_the_play_can_fail(tmp_path: Path) -> None:
    """A rule that never fires is found."""
    for name in ("rules.yaml", "tests.yaml"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("kensa_line_healthy == 0", "kensa_line_healthy == 7"))
    status, said = promtool("test", "rules", "tests.yaml", folder=tmp_path)
    assert status != 0
    assert "KensaLineUnhealthy" in said


def test_every_rule_is_played() -> None:
    """It fires and, but for the watchdog, there is a time when it does not."""
    text = (FOLDER / "tests.yaml").read_text(encoding="utf-8")
    told = [part for test in yaml.safe_load(text)["tests"] for part in test.get("promql_expr_test", ())]
    fires = {name: [bool(one["exp_samples"]) for one in told if f'"{name}"' in one["expr"]] for name in names()}
    assert all(True in seen for seen in fires.values())
    assert [name for name, seen in fires.items() if False not in seen] == ["KensaWatchdog"]


def names() -> list[str]:
    """Of all rules."""
    return [rule["alert"] for rule in rules()]


@pytest.mark.parametrize("rule", rules(), ids=names())
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Cause, consequence and action; how grave it is."""
    assert {*rule["annotations"]} == SAID
    assert all(said.endswith((".", "?")) for said in rule["annotations"].values())
    assert rule["labels"]["severity"] in ("none", "critical", "high", "medium", "low")


@pytest.mark.parametrize("rule", rules(), ids=names())
def test_every_rule_goes_by_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    """A metric that was renamed would never fire again."""
    for name in re.findall(r"kensa_\w+", rule["expr"]):
        family = re.sub("_(total|bucket)$", "", name)
        assert family in labels(), name
        assert name.endswith("_total") == (family in counters()), name
    shown = {*re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))}
    found = [labels()[re.sub("_(total|bucket)$", "", name)] for name in re.findall(r"kensa_\w+", rule["expr"])]
    assert shown <= {"instance"}.union(*found)


def labels() -> dict[str, frozenset[str]]:
    """Metric → its labels, of a line that has one of everything."""
    found = {}
    for metric in _collector().collect():
        found[metric.name] = frozenset(label for sample in metric.samples for label in sample.labels)
    known = {"line", "host", "process", "node", "lane", "edge", "reason", "peer", "folder", "le"}
    return {name: each or frozenset(known) for name, each in found.items()}


def counters() -> set[str]:
    """Those that only grow."""
    return {metric.name for metric in _collector().collect() if metric.type == "counter"}


def _collector() -> Collector:
    told = [("alarms", Number(name, ("x",) * len(family.labels), 1.0)) for name, family in FAMILIES.items()]
    state = replace(snapshot(notices=[Notice("drift cam-1 hole area", "…", 0)]), numbers=tuple(told))
    collector = LineCollector(lambda: state)
    CollectorRegistry(auto_describe=False).register(collector)
    return collector
