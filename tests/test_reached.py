"""Tests of `pipeline.transport.reached`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.notices import board
from pipeline.records import Frame, Gap, Record
from pipeline.transport.arrivals import Arrivals
from pipeline.transport.reached import Reached
from tests.toys import frame


def come(reached: Reached, seqs: range, producer: str = "one") -> Arrivals:
    """A consumer's edge on which these frames came and were done with."""
    arrivals = Arrivals("a→b")
    reached.recall(arrivals)
    arrivals.meet(producer, 1)
    for number, seq in enumerate(seqs, 1):
        arrivals.accept(number)
        arrivals.place(number, frame(seq))
        arrivals.finish(number)
    reached.keep(arrivals)
    return arrivals


def recalled(reached: Reached) -> Arrivals:
    """A new consumer's edge."""
    return reached.recall(Arrivals("a→b"))


def first(reached: Reached, record: Record, producer: str) -> list[tuple[type, int, int]]:
    """What the first record of a producer is delivered as to a new consumer: kind, first and last frame."""
    arrivals = recalled(reached)
    arrivals.meet(producer, 1)
    arrivals.accept(1)
    found = [one.record for one in arrivals.place(1, record)]
    return [(type(one), one.seq, one.last if isinstance(one, Gap) else one.seq) for one in found]


def test_when_both_ends_die_the_hole_between_them_is_told(tmp_path: Path) -> None:
    """The new consumer knows how far the old one was, and that this is not the producer it spoke with."""
    come(Reached(tmp_path), range(5))
    assert [kind for kind, _, _ in first(Reached(tmp_path), frame(9), "two")] == [Gap, type(frame())]


def test_when_the_consumer_alone_dies_nothing_is_missing(tmp_path: Path) -> None:
    """Its producer sends again what was not done, whatever numbers that has."""
    come(Reached(tmp_path), range(5))
    assert len(first(Reached(tmp_path), frame(9), "one")) == 1


def test_what_was_received_and_not_finished_with_is_no_part_of_a_note(tmp_path: Path) -> None:
    """It is sent again after a kill, and must not be taken for what came twice."""
    reached = Reached(tmp_path)
    arrivals = recalled(reached)
    arrivals.meet("one", 1)
    for seq in range(3):
        arrivals.accept(seq + 1)
        arrivals.place(seq + 1, frame(seq))
    reached.keep(arrivals)
    assert first(Reached(tmp_path), frame(0), "two") == [(Frame, 0, 0)]


def test_who_was_there_and_had_finished_with_nothing_is_known(tmp_path: Path) -> None:
    """What the first producer had told is gone with it and with the consumer, and there is no more to say than that."""
    reached = Reached(tmp_path)
    arrivals = recalled(reached)
    arrivals.meet("one", 1)
    reached.keep(arrivals)
    assert first(Reached(tmp_path), frame(4), "two") == [(Gap, 0, 3), (Frame, 4, 4)]


def test_after_an_edge_that_ended_well_nothing_is_missing(tmp_path: Path) -> None:
    """The next run begins another session; a source that had given more of the last one tells where that ended."""
    reached = Reached(tmp_path)
    arrivals = come(reached, range(5))
    arrivals.accept(6)
    arrivals.end(6)
    reached.keep(arrivals)
    assert first(Reached(tmp_path), frame(9, session="another"), "two") == [(Frame, 9, 9)]
    end = Gap(camera="cam-1", session="s", seq=9, last=9, t_ns=0, reason="restart", where="camera")
    assert first(Reached(tmp_path), end, "two") == [(Gap, 5, 8), (Gap, 9, 9)]
    assert not recalled(Reached(tmp_path)).ended


def test_an_edge_that_is_no_more_is_forgotten(tmp_path: Path) -> None:
    """Nothing of it stays on the disk."""
    reached = Reached(tmp_path)
    come(reached, range(5))
    reached.done("a→b", frame(4))
    reached.forget("a→b")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("noted", [False, True])
def test_what_was_done_since_the_last_note_is_known(tmp_path: Path, *, noted: bool) -> None:
    """A kill comes at any moment: the hole begins with the frame after the last one that was finished with."""
    reached = Reached(tmp_path)
    if noted:
        come(reached, range(3))
    for seq in range(5):
        reached.done("a→b", frame(seq))
    assert first(Reached(tmp_path), frame(9), "two") == [(Gap, 5, 8), (Frame, 9, 9)]


def test_whose_records_a_page_counts_is_known_before_the_first_note(tmp_path: Path) -> None:
    """A consumer that is killed in its first moments left a page alone: its producer, which runs on, has lost nothing,
    and what that tells of an earlier session is no end of the one on the page.
    """
    reached = Reached(tmp_path)
    reached.meet(recalled(reached), "one", 1)
    for seq in range(5):
        reached.done("a→b", frame(seq))
    before = Gap(camera="cam-1", session="before", seq=0, last=9, t_ns=0, reason="restart", where="camera")
    assert first(Reached(tmp_path), before, "one") == [(Gap, 0, 9)]
    assert first(Reached(tmp_path), frame(9), "two") == [(Gap, 5, 8), (Frame, 9, 9)]


def test_a_session_that_nobody_noted_follows_those_that_were(tmp_path: Path) -> None:
    """It had begun when everything was killed."""
    reached = Reached(tmp_path)
    come(reached, range(3))
    for seq in range(4):
        reached.done("a→b", frame(seq, session="later"))
    reached.done("a→b", Gap(camera="cam-1", session="later", seq=4, last=6, t_ns=0, reason="sensor", where="x"))
    assert first(Reached(tmp_path), frame(9, session="later"), "two") == [(Gap, 7, 8), (Frame, 9, 9)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_note_that_is_torn_is_no_note(tmp_path: Path, data: st.DataObject) -> None:
    """A byte less or another byte: nothing is claimed, nothing is raised."""
    reached = Reached(tmp_path)
    come(reached, range(5))
    reached.close()
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    torn = data.draw(st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :]]))
    path.write_bytes(torn)
    assert len(first(Reached(tmp_path), frame(9), "two")) == 1
    path.unlink()


def test_a_shorter_note_after_a_longer_one_is_whole(tmp_path: Path) -> None:
    """It is written over the old one, in place."""
    reached = Reached(tmp_path)
    come(reached, range(5), "a producer with a long name")
    come(reached, range(9), "b")
    reached.close()
    assert first(Reached(tmp_path), frame(12), "c")[0] == (Gap, 9, 11)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The edge works on, and people know what that means."""
    (tmp_path / "reached").write_text("a file")
    come(Reached(tmp_path), range(5))
    notice = next(notice for notice in board.read() if notice.key == "reached a→b")
    board.settle(notice.key)
    assert notice.text.startswith("cannot keep how far edge 'a→b' has come: [Errno ")
    assert notice.text.endswith("; if both its ends are killed at once, what is between them is missing without a word")


def test_without_a_folder_nothing_is_kept() -> None:
    """A process under test has no state."""
    come(Reached(None), range(5))
    assert len(first(Reached(None), frame(9), "two")) == 1
