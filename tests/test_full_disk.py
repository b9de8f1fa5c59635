"""A running line whose archive has no disk any more, and gets it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.appraisal import coverage
from pipeline.archive import read
from pipeline.disk import measure
from pipeline.runtime.state import Snapshot
from tests.disks import Disk, disk
from tests.test_run import ROOT, Started, column, start  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow
LINE = f"""
hosts: {{edge-1: {{cameras: [cam-1, cam-2]}}}}
nodes:
  camera: {{use: synthetic, with: {{rate: 30}}}}
  measure: {{from: camera}}
  track: {{from: measure}}
  rules: {{from: track, with: {{book: {ROOT}/topologies/rules/plate.yaml}}}}
  archive: {{from: [track, rules], with: {{path: DISK/archive}}}}
  alarms: {{from: rules, with: {{path: SEEN, least: WARN}}}}
"""
SINKS = ("archive", "alarms")
TABLES = ("frames", "parts", "verdicts", "gaps")


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What spools keep from one run to the next is this test's alone."""
    monkeypatch.setenv("KENSA_STATE", str(tmp_path / "state"))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 4 MB."""
    (tmp_path / "disk").mkdir()
    with disk(tmp_path / "disk", "4m") as one:
        yield one


def delivered(snapshot: Snapshot, sink: str) -> int:
    """Records that a sink is done with."""
    return sum(edge.account.total.delivered for edge in snapshot.edges if edge.target[0] == sink)


def told(snapshot: Snapshot) -> str:
    """All alarms."""
    return "\n".join(alarm.text for alarm in snapshot.alarms)


def test_the_line_goes_on_without_its_archive(start: Started, small: Disk) -> None:  # noqa: F811 - the fixture
    """Full, read-only, and back, without a restart: verdicts are decided all the time, and nothing is missing."""
    run = start(LINE.replace("DISK", str(small.path)))
    run.until(lambda s: all(delivered(s, sink) for sink in SINKS), seconds=30)
    small.fill(0.99)
    full = run.until(lambda s: "% full, 0 MB free: nothing is kept; records wait at their producers" in told(s))
    later = run.until(lambda s: delivered(s, "alarms") >= delivered(full, "alarms") + 10)
    assert delivered(later, "archive") == delivered(full, "archive")
    assert measure(small.path).used > 0.95
    small.writable(False)
    stuck = run.until(lambda s: "archive: Read-only file system; what waits is written when" in told(s))
    run.until(lambda s: delivered(s, "alarms") >= delivered(stuck, "alarms") + 10)
    small.writable(True)
    small.fill(0.5)
    run.until(lambda s: delivered(s, "archive") > delivered(full, "archive") and not s.faults, seconds=30)
    text = run.stop()
    archive = small.path / "archive"
    held = sum(read(archive, table).num_rows for table in TABLES)
    into = re.findall(r"^\w+@cam-\d→archive .*$", text, re.MULTILINE)
    assert held == sum(int(row.split()[2].replace(",", "")) for row in into)
    assert [seen.lost for seen in coverage(archive).values()] == [0, 0]
    assert column(text, "all edges", "dropped") == column(text, "all edges", "unaccounted") == "0"


def test_what_a_full_disk_refused_to_the_end_is_archived_by_the_next_run(
    start: Started,  # noqa: F811 - the fixture
    small: Disk,
) -> None:
    """A line that is stopped meanwhile drops nothing: its spools keep what the archive could not take."""
    run = start(LINE.replace("DISK", str(small.path)))
    run.until(lambda s: delivered(s, "archive") > 0, seconds=30)
    small.fill(0.99)
    run.until(lambda s: "nothing is kept" in told(s) and "node archive in archive is degraded" in s.faults)
    run.process.terminate()
    text = run.end(status=4)
    assert column(text, "all edges", "dropped") == column(text, "all edges", "unaccounted") == "0"
    kept = int(column(text, "all edges", "spilled").replace(",", ""))
    assert kept > 0
    before = sum(read(small.path / "archive", table).num_rows for table in TABLES)
    small.fill(0.1)
    again = start(LINE.replace("DISK", str(small.path)))
    again.until(lambda s: delivered(s, "archive") > kept, seconds=30)
    again.stop()
    archive = small.path / "archive"
    assert sum(read(archive, table).num_rows for table in TABLES) > before + kept
    assert [seen.lost for seen in coverage(archive).values()] == [0, 0, 0, 0]


def test_on_a_nearly_full_disk_masks_are_left_out(start: Started, small: Disk) -> None:  # noqa: F811 - the fixture
    """Every row is there; people are told, and the archive says itself which files have no masks."""
    small.fill(0.88)
    run = start(LINE.replace("DISK", str(small.path)))
    run.until(lambda s: "masks are left out, measurements are kept" in told(s), seconds=30)
    run.stop()
    parts = read(small.path / "archive", "parts")
    assert parts.num_rows == parts["counts"].null_count > 0
    assert parts["area_px"].null_count == 0
    assert [*(small.path / "archive").rglob("*.lean.parquet")]
