"""Who may import whom, and what a light process never loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Row by row from the nouns up: a module, or a folder of modules, and what of `pipeline` it may import beside itself.
# docs/design.md draws the same. A new module needs a row, a new arrow a reason.
ARROWS: dict[str, str] = {
    "pipeline.errors": "",
    "pipeline.digests": "",
    "pipeline.units": "",
    "pipeline.clock": "",
    "pipeline.conversion": "",
    "pipeline.runs": "errors",
    "pipeline.kernels": "runs",
    "pipeline.masks": "errors kernels runs",
    "pipeline.fields": "",
    "pipeline.shapes": "fields",
    "pipeline.findings": "fields",
    "pipeline.layers": "fields masks",
    "pipeline.gauges": "fields masks",
    "pipeline.regions": "fields gauges layers masks shapes",
    "pipeline.readings": "fields",
    "pipeline.records": "fields findings gauges layers masks readings regions",
    "pipeline.codec": "errors masks records",
    "pipeline.columns": "errors",
    "pipeline.tooling": "errors gauges masks",
    "pipeline.boxes": "errors masks runs",
    "pipeline.regionrows": "boxes errors masks records shapes tooling",
    "pipeline.table": "columns errors masks records regionrows tooling",
    "pipeline.encodings": "columns",
    "pipeline.evolution": "columns",
    "pipeline.places": "columns errors",
    "pipeline.leases": "errors places",
    "pipeline.pieces": "columns errors evolution places",
    "pipeline.archive": "columns errors pieces",
    "pipeline.completeness": "archive columns errors pieces places",
    "pipeline.batch": "archive columns errors evolution fields heap leases pieces places records",
    "pipeline.report": "batch columns errors",
    "pipeline.disk": "",
    "pipeline.heap": "",
    "pipeline.score": "",
    "pipeline.agreement": "score",
    "pipeline.node": "clock errors records",
    "pipeline.faults": "",
    "pipeline.words": "conversion faults",
    "pipeline.scalar": "",
    "pipeline.located": "faults scalar",
    "pipeline.conform": "faults located words",
    "pipeline.degenerate": "located",
    "pipeline.calibration": "conform conversion errors located records degenerate",
    "pipeline.calibrating": "calibration records wording",
    "pipeline.wording": "scalar",
    "pipeline.golden": "conform conversion digests errors located masks records wording",
    "pipeline.catalog": "errors faults node",
    "pipeline.manual": "catalog errors node records words",
    "pipeline.plan": "",
    "pipeline.keys": "errors",
    "pipeline.provision": "errors keys plan",
    "pipeline.notices": "",
    "pipeline.numbers": "",
    "pipeline.orders": "",
    "pipeline.gets": "",
    "pipeline.line": "numbers orders",
    "pipeline.folders": "",
    "pipeline.durations": "",
    "pipeline.topology": "plan",
    "pipeline.placement": "catalog errors node topology",
    "pipeline.checking": "catalog conform conversion errors faults located node placement records topology words",
    "pipeline.check": "catalog checking errors located topology",
    "pipeline.planner": "catalog folders placement plan records topology",
    "pipeline.outline": "catalog conversion plan",
    "pipeline.drawing": "outline plan",
    "pipeline.schema": "catalog node topology words",
    "pipeline.recordings": "codec errors records",
    "pipeline.replay": "catalog clock errors faults plan planner recordings records runtime topology transport",
    "pipeline.capture": "catalog clock plan planner recordings records runtime topology transport",
    "pipeline.sketch": "errors masks records",
    "pipeline.cases": "conform conversion located records",
    "pipeline.trial": (
        "cases catalog check clock errors faults located plan recordings records replay runtime sketch topology"
    ),
    "pipeline.appraisal": "archive errors pieces records score table topology",
    "pipeline.transport": "clock codec digests errors keys notices plan records",
    "pipeline.runtime": (
        "catalog clock codec conversion disk errors faults folders gets line masks node notices numbers orders "
        "plan readings records transport"
    ),
    "pipeline.commands": (
        "appraisal archive batch calibrating calibration capture cases catalog check clock codec drawing durations "
        "errors faults folders gets keys manual node notices orders outline places plan planner provision "
        "recordings records replay report runtime schema score topology trial"
    ),
    "pipeline.cli": "errors",
    "pipeline.__main__": "cli",
    "nodes": (
        "batch calibration clock codec conform conversion digests disk encodings errors faults folders gauges gets "
        "golden line located masks node notices numbers orders pieces places readings recordings records shapes "
        "table units"
    ),
    "nodes.upkeep": "archive columns errors evolution leases nodes pieces places tooling",
    "nodes.tools": (
        "agreement archive catalog check clock columns completeness conform conversion durations errors faults "
        "folders golden located masks nodes nodes.upkeep pieces places recordings records regionrows score table "
        "topology"
    ),
    # What trains networks reads what a line reads, and its crops; a line never imports it.
    "model": "cli conform digests errors faults heap located masks nodes records",
}

LINE = ("pipeline", "nodes")
PRODUCT = (*LINE, "model")
HEAVY = {"apache_beam", "cv2", "modlib", "numba", "onnxruntime", "picamera2", "pyarrow", "torch"}
# What the process of a node that touches no pixel does without: each would cost 5 to 20 MB of memory.
BULKY = HEAVY | {"asyncio", "hotcoco", "http.client", "numpy", "rich", "ssl", "typing_extensions"}
LOGGER = "import pipeline.runtime.process\nfrom pipeline.runtime import logs\nlogs.logger('line', 'process')\n"


def test_every_import_is_an_arrow_of_the_picture() -> None:
    """Nothing imports against the flow: no node knows transport or runtime, no noun knows the graph."""
    wrong = [
        f"{module} imports {other}: {_row(module)} may import only: {ARROWS.get(_row(module)) or 'nothing'}"
        for module, path in _modules().items()
        for other in _imports(path)
        if not _allowed(_row(module), _row(other))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_row() -> None:
    """A module that the picture does not show cannot come in unnoticed."""
    assert [module for module in _modules() if not _row(module)] == []


def test_no_module_imports_itself_over_a_circle() -> None:
    """Any module can be read, tested and imported first; imports inside functions count too."""
    graph = {module: _imports(path) for module, path in _modules().items()}
    try:
        [*TopologicalSorter(graph).static_order()]
    except CycleError as error:
        pytest.fail("circle: " + " → ".join(error.args[1]))


def test_packages_hold_no_code() -> None:
    """An empty `__init__` cannot become the hub that circles come from."""
    assert [str(path) for path in _sources() if path.name == "__init__.py" and path.read_text(encoding="utf-8")] == []


def test_heavy_modules_are_imported_where_used() -> None:
    """Vision, archive, camera and learning libraries are loaded by the function that needs them, not by an import."""
    files = _sources(LINE)
    wrong = [f"{path.relative_to(ROOT)} imports {name}" for path in files for name in _top(path) if name in HEAVY]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_importing_every_node_is_light() -> None:
    """`import nodes.…` of every node, and every command, loads none of the heavy libraries."""
    modules = [module for module in _modules() if not module.endswith(".__main__") and module.split(".")[0] in LINE]
    assert _loaded(f"import {', '.join(modules)}") & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["check", "topologies/laptop.yaml"], ["plan", "topologies/modlib.yaml"], ["nodes"]]
)
def test_asking_about_a_line_is_light(command: list[str]) -> None:
    """Whoever checks, plans or reads on a laptop waits for none of the heavy libraries."""
    assert _loaded(f"from pipeline.cli import main\nassert main({command}) == 0") & HEAVY == set()


@pytest.mark.slow
def test_the_command_that_trains_answers_without_torch() -> None:
    """Whoever asks what `kensa-model` can do, or mistypes, does not wait for torch."""
    assert _loaded("from model.cli import main\nassert main(['catalog']) == 2") & {"torch", "cv2"} == set()


@pytest.mark.slow
def test_a_process_that_judges_and_tells_is_light() -> None:
    """Where no pixel is looked at, nothing is loaded that only pixels, tables or terminals need."""
    code = f"{LOGGER}import pipeline.transport.router, nodes.transforms.rules, nodes.sinks.alarms"
    assert _loaded(code) & BULKY == set()


@pytest.mark.slow
def test_what_was_left_out_is_there_for_whoever_uses_it() -> None:
    """A node may await, also through structlog, and speak TLS."""
    code = f"""{LOGGER}
import structlog
said = structlog.get_logger().ainfo("said")
import asyncio, ssl, typing_extensions
asyncio.run(said)
assert ssl.create_default_context() and typing_extensions.NotRequired
"""
    assert {"asyncio", "ssl", "typing_extensions"} <= _loaded(code)


@pytest.mark.slow
def test_a_process_that_measures_is_no_heavier_than_it_must_be() -> None:
    """Pixels need numpy, and OpenCV with the first mask; what else is heavy must not hold up a start."""
    code = f"{LOGGER}import pipeline.transport.router, nodes.transforms.clean, nodes.transforms.measure"
    assert _loaded(code) & BULKY == {"numpy"}


@cache
def _modules() -> dict[str, Path]:
    """Every module of the product by its dotted name, packages left out."""
    files = [path for path in _sources() if path.name != "__init__.py"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}


def _sources(packages: Iterable[str] = PRODUCT) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def _row(module: str) -> str:
    """The row of the table that speaks of a module: its own, or that of the folder around it."""
    return max((row for row in ARROWS if f"{module}.".startswith(f"{row}.")), key=len, default="")


def _allowed(importer: str, imported: str) -> bool:
    return importer == imported or imported.removeprefix("pipeline.") in ARROWS.get(importer, "").split()


def _imports(path: Path) -> set[str]:
    """Modules of the product that a file imports, anywhere in it; a package's own name where it imports that."""
    names = {name for node in ast.walk(_tree(path)) for name in _names(node) if name.split(".")[0] in PRODUCT}
    return {_module(name) for name in names}


def _module(name: str) -> str:
    """The module that `from module import thing` means by `module.thing`."""
    return name if name in _modules() else name.rpartition(".")[0] or name


def _top(path: Path) -> Iterator[str]:
    """Top-level packages that importing a file imports with it."""
    for node in _tree(path).body:
        yield from (name.split(".")[0] for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.module, "relative import: name the module in full"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _loaded(code: str) -> set[str]:
    """Names of all modules that a fresh interpreter has loaded after it ran some code."""
    told = f"{code}\nimport sys\nprint(*(name for name, module in sys.modules.items() if module), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", told], check=False, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return set(run.stderr.splitlines()[-1].split())
