from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import codec
from pipeline.catalog import catalog
from pipeline.check import load
from pipeline.errors import KensaError
from pipeline.recordings import Given, Recording, Writer, header
from pipeline.records import Record, Stats
from pipeline.replay import Replay, replay
from pipeline.topology import Topology
from pipeline.trial import live
from tests import toys
from tests.conftest import ROOT
from tests.toys import TOYS, frame, gap

LINE = """
hosts:
  left: {cameras: [cam-1, cam-2]}
  right: {address: 10.0.0.2}
nodes:
  source: {}
  fragile: {from: source, with: {bad: [2]}}
  count: {from: fragile}
  tally: {from: fragile, at: right}
  keep: {from: [count, tally], at: right}
"""


@pytest.fixture
def line(tmp_path: Path) -> Topology:
    """Toys over two hosts, with a node that fails on frame 2."""
    toys.seen.clear()
    (tmp_path / "line.yaml").write_text(LINE)
    return load(tmp_path / "line.yaml", nodes=TOYS)


def _story(frames: int = 4) -> list[Given]:
    return [Given("source", frame(seq, camera)) for seq in range(frames) for camera in ("cam-1", "cam-2")]


def _fail(node: str, record: Record | None, error: Exception) -> None:
    raise AssertionError(f"{node} failed") from error


def test_a_line_over_two_hosts_replays_in_one_thread(line: Topology) -> None:
    """Every record goes through every lane of every host; a failure is told, counted, and becomes a gap."""
    failures: list[tuple[str, int]] = []
    told = replay(
        line, TOYS, _story(), failure=lambda node, record, _: failures.append((node, record.seq if record else -1))
    )
    assert failures == [("fragile", 2), ("fragile", 2)]
    assert (told["fragile"].taken, told["fragile"].given, told["fragile"].failed) == (8, 6, 2)
    assert (told["count"].taken, told["count"].given) == (6, 8)
    last = [record for record in toys.seen if isinstance(record, Stats)][-1]
    assert (last.frames, last.missing) == (6, 2)


def test_sinks_can_be_left_out(line: Topology) -> None:
    """Without sinks the same is given, and nothing reaches a sink."""
    told = replay(line, TOYS, _story(), failure=lambda *_: None, sinks=False)
    assert "keep" not in told
    assert told["tally"].given == 8
    assert toys.seen == []


def test_the_only_source_may_have_another_name(line: Topology) -> None:
    """A recording of another topology fits where there is only one source."""
    assert replay(line, TOYS, [Given("camera", frame())], failure=_fail)["source"].given == 1


def test_records_of_an_unknown_camera_are_refused(line: Topology) -> None:
    """A recording of other cameras is not passed over in silence."""
    with pytest.raises(KensaError, match="node 'source' serves 'cam-1' and 'cam-2', got a record of camera 'cam-9'"):
        replay(line, TOYS, [Given("source", frame(0, "cam-9"))], failure=_fail)


def test_records_may_enter_at_any_node(line: Topology) -> None:
    """`enter` is as if an input had given the record; an unknown node is told with the nearest name."""
    shown: list[tuple[str, str]] = []
    run = Replay(line, TOYS, failure=_fail, watch=lambda node, record: shown.append((node, type(record).__name__)))
    run.enter("tally", gap(0))
    assert shown == [("tally", "Stats")]
    with pytest.raises(KensaError, match="expected a node of the topology, got 'tall'; did you mean 'tally'"):
        run.enter("tall", gap(0))


def test_batches_close_by_the_time_of_the_records(tmp_path: Path) -> None:
    """Time is that of the exposures: a batch closes a second of them after its first record."""
    toys.batches.clear()
    (tmp_path / "l.yaml").write_text("hosts: {h: {cameras: [cam-1]}}\nnodes: {source: {}, store: {from: source}}\n")
    line = load(tmp_path / "l.yaml", nodes=TOYS)
    seconds = [0.0, 0.5, 1.5, 1.6]
    replay(line, TOYS, [Given("source", frame(i, t_ns=int(s * 1e9))) for i, s in enumerate(seconds)], failure=_fail)
    assert toys.batches == [[0, 1], [2, 3], []]


def _replayed(folder: Path, story: list[Given]) -> tuple[list[bytes], dict[str, bytes]]:
    """All bytes that the laptop line gives and writes."""
    given: list[bytes] = []
    settings = [f"archive.path={folder}/archive", f"alarms.path={folder}/alarms.jsonl", f"preview.path={folder}/p.png"]
    line = load(ROOT / "topologies" / "laptop.yaml", settings)
    replay(line, catalog(), story, failure=_fail, watch=lambda node, record: given.append(codec.encode(record)))
    return given, {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.mark.slow
def test_two_replays_give_identical_bytes(tmp_path: Path) -> None:
    """The whole laptop line over the same records gives, and its alarms write, the same bytes twice."""
    line = load(ROOT / "topologies" / "laptop.yaml")
    story = [*live(line, catalog(), frames=60)]
    one, other = _replayed(tmp_path / "1", story), _replayed(tmp_path / "2", story)
    assert one[0] == other[0]
    assert len(one[0]) > 4 * 60 * 3
    assert one[1]["alarms.jsonl"] == other[1]["alarms.jsonl"]
    assert all(json.loads(row) for row in one[1]["alarms.jsonl"].splitlines())


def test_a_recording_replays_as_its_records(tmp_path: Path, line: Topology) -> None:
    """Through a file or not, what the nodes give is the same."""
    with Writer(tmp_path / "r", header("line", ["source"])) as writer:
        for node, record in _story():
            writer.write(node, record)
    counts = [
        {node: (h.taken, h.given, h.failed) for node, h in replay(line, TOYS, story, failure=lambda *_: None).items()}
        for story in (_story(), Recording(tmp_path / "r"))
    ]
    assert counts[0] == counts[1]
