"""Tests of `pipeline.runtime.careful`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.errors import KensaError
from pipeline.notices import board
from pipeline.plan import Lane, NodeRun
from pipeline.records import Gap, Record
from pipeline.runtime.careful import Careful, careful
from pipeline.transport.channel import Closed
from tests.toys import Inlet, frame

LANE = Lane(name="weak@cam-1", cameras=("cam-1",), runs=(NodeRun(node="weak", use="weak"),), addresses=("ipc://x",))


def live(state: Path, records: Iterable[Record | None], dies_on: int = -1) -> list[Record]:
    """One process: it works on what it is given, and dies on one number, with nothing closed in order."""
    inbox = Careful(Inlet("a→b", records), LANE, state)
    found: list[Record] = []
    try:
        while True:
            delivery = inbox.receive(0)
            if delivery is not None:
                if delivery.record.seq == dies_on and not isinstance(delivery.record, Gap):
                    return found
                found.append(delivery.record)
                inbox.done(delivery)
    except Closed:
        return found
    finally:
        inbox.close()


def test_a_record_that_kills_its_node_is_left_out_the_next_time(tmp_path: Path) -> None:
    """It is told as a gap, with a notice; what comes after it is worked on."""
    given = [frame(3), frame(4), frame(5)]
    assert [one.seq for one in live(tmp_path, given, dies_on=4)] == [3]
    again = live(tmp_path, given, dies_on=4)
    assert [type(one).__name__ for one in again] == ["Frame", "Gap", "Frame"]
    gap = again[1]
    assert isinstance(gap, Gap)
    assert (gap.seq, gap.last, gap.reason, gap.where) == (4, 4, "error", "weak")
    notice = next(notice for notice in board.read() if notice.key == "spared weak cam-1")
    board.settle(notice.key)
    assert notice.text == (
        "node 'weak' crashed twice on camera 'cam-1', session 's', seq 4: that record was left out and told as a gap"
    )


def test_what_was_done_is_no_culprit(tmp_path: Path) -> None:
    """A process that is killed between two records died of neither."""
    live(tmp_path, [frame(3), None])
    assert [type(one).__name__ for one in live(tmp_path, [frame(3)])] == ["Frame"]


def test_a_note_that_cannot_be_read_is_no_note(tmp_path: Path) -> None:
    """Rubbish accuses nobody."""
    live(tmp_path, [frame(3)], dies_on=3)
    (tmp_path / "work" / LANE.name).write_bytes(b"\0\0\0\x09rubbish")
    assert [type(one).__name__ for one in live(tmp_path, [frame(3)])] == ["Frame"]


def test_where_nothing_can_be_noted_the_lane_runs_all_the_same(tmp_path: Path) -> None:
    """People are told; nothing is held up."""
    (tmp_path / "work").write_text("a file")
    inlet = Inlet("a→b", [frame(1)])
    with pytest.raises(KensaError, match=r"cannot note what lane 'weak@cam-1' works on: \[Errno "):
        Careful(inlet, LANE, tmp_path)
    assert careful(inlet, LANE, str(tmp_path)) is inlet
    assert careful(inlet, LANE, "") is inlet
    board.settle("careful weak@cam-1")
