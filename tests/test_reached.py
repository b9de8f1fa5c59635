"""Tests of `pipeline.transport.reached`."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.notices import board
from pipeline.records import Gap
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


def first(reached: Reached, seq: int, producer: str) -> list[tuple[type, int]]:
    """What the first record of a producer is delivered as to a new consumer."""
    arrivals = Arrivals("a→b")
    reached.recall(arrivals)
    arrivals.meet(producer, 1)
    arrivals.accept(1)
    return [(type(one.record), one.record.seq) for one in arrivals.place(1, frame(seq))]


def test_when_both_ends_die_the_hole_between_them_is_told(tmp_path: Path) -> None:
    """The new consumer knows how far the old one was, and that this is not the producer it spoke with."""
    come(Reached(tmp_path), range(5))
    assert [kind for kind, _ in first(Reached(tmp_path), 9, "two")] == [Gap, type(frame())]


def test_when_the_consumer_alone_dies_nothing_is_missing(tmp_path: Path) -> None:
    """Its producer sends again what was not done, whatever numbers that has."""
    come(Reached(tmp_path), range(5))
    assert len(first(Reached(tmp_path), 9, "one")) == 1


def test_an_edge_that_ended_well_is_forgotten(tmp_path: Path) -> None:
    """The next run of the line begins with nothing missing."""
    reached = Reached(tmp_path)
    arrivals = come(reached, range(5))
    arrivals.accept(6)
    arrivals.end(6)
    reached.keep(arrivals)
    assert len(first(Reached(tmp_path), 9, "two")) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


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
    assert len(first(Reached(tmp_path), 9, "two")) == 1
    path.unlink()


def test_a_shorter_note_after_a_longer_one_is_whole(tmp_path: Path) -> None:
    """It is written over the old one, in place."""
    reached = Reached(tmp_path)
    come(reached, range(5), "a producer with a long name")
    come(reached, range(9), "b")
    reached.close()
    assert first(Reached(tmp_path), 12, "c")[0] == (Gap, 9)


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
    assert len(first(Reached(None), 9, "two")) == 1
