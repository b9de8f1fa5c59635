"""The outbox: numbers without a hole, bounded, on the disk, and nothing of it lost without a word."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nodes.delivery.envelope import Entry
from nodes.delivery.following import Follower
from nodes.delivery.line import entry
from nodes.delivery.outbox import Outbox
from nodes.sinks.alarms import alarms
from pipeline.notices import board
from pipeline.records import Gap, Verdict
from tests.nodes.alarming import BOOK
from tests.nodes.alarming import verdict as failing
from tests.nodes.test_alarms import verdict

MOST = 7


def test_a_message_is_found_by_its_id(tmp_path: Path) -> None:
    """As long as it is held; one that had to make room, or never was, is not."""
    box = Outbox(tmp_path / "outbox", MOST, durable=False)
    box.append([told(number) for number in range(MOST + 2)])
    found = box.find("id-5")
    assert found is not None
    assert (found.sequence, found.entry) == (6, told(5))
    assert [box.find(name) for name in ("id-1", "id-99", "")] == [None] * 3
    box.close()


def told(number: int) -> Entry:
    """An event of one of three cameras."""
    return Entry(f"id-{number}", "verdict", f"cam-{number % 3}", "2026-11-22T16:00:00Z", b'{"n":%d}' % number)


class Model(RuleBasedStateMachine):
    """An outbox beside a list of all that was ever told."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "outbox"
        self.box = Outbox(self._path, MOST, durable=False)
        self.all: list[Entry] = []
        self.place = self.lost = self.floor = 0

    @rule(count=st.integers(0, 10))
    def append(self, count: int) -> None:
        """New ones, with some that were there already."""
        new = [told(len(self.all) + i) for i in range(count)]
        known = self.all[self.floor :][-2:]
        assert self.box.append([*known, *new]) == count
        self.all += new
        floor = max(self.floor, len(self.all) - MOST)
        self.lost += max(0, floor - max(self.place, self.floor))
        self.floor = floor

    @rule(back=st.integers(-2, 9))
    def confirm(self, back: int) -> None:
        """Whoever says less than before, or more than there is, changes nothing."""
        through = len(self.all) - back
        self.box.confirm(through)
        if self.place < through <= len(self.all):
            self.place = through

    @rule()
    def kill(self) -> None:
        """It is as it was, under the same name."""
        stream = self.box.stream
        self.box.close()
        self.box = Outbox(self._path, MOST, durable=False)
        assert self.box.stream == stream

    @invariant()
    def agrees(self) -> None:
        """Everything after any place is there, or told as dropped; the newest of each camera is known."""
        box = self.box
        assert (box.last, box.confirmed, box.dropped) == (len(self.all), self.place, self.lost)
        assert box.waiting == len(self.all) - max(self.place, self.floor)
        for after in (0, self.place, self.floor, len(self.all)):
            found = box.read(after, 100)
            if after < self.floor:
                gap = found.pop(0)
                assert (gap.entry.kind, gap.first, gap.sequence) == ("dropped", after + 1, self.floor)
            assert [(one.sequence, one.entry) for one in found] == [
                (i + 1, self.all[i]) for i in range(max(after, self.floor), len(self.all))
            ]
        newest = {one.subject: one for one in self.all}
        assert {one.entry.subject: one.entry for one in box.current()} == newest

    def teardown(self) -> None:
        """Leave nothing."""
        self.box.close()
        self._folder.cleanup()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_what_confirms_least_decides(tmp_path: Path) -> None:
    """With two consumers a message is delivered when both have it."""
    box = Outbox(tmp_path / "o", 10, ("mes", "scada"))
    box.append([told(n) for n in range(5)])
    box.confirm(4, "mes")
    assert (box.confirmed, box.waiting) == (0, 5)
    box.confirm(2, "scada")
    assert (box.confirmed, box.waiting) == (2, 3)
    box.close()


def test_a_flipped_bit_costs_its_message_alone(tmp_path: Path) -> None:
    """It is told in its place, as one that is no more."""
    box = Outbox(tmp_path / "o", 10)
    box.append([told(n) for n in range(3)])
    with sqlite3.connect(tmp_path / "o") as db:
        db.execute("UPDATE messages SET body = ? WHERE sequence = 2", (b'{"n":9}',))
    db.close()
    found = box.read(0, 10)
    assert [(one.sequence, one.entry.kind) for one in found] == [(1, "verdict"), (2, "dropped"), (3, "verdict")]
    assert b'"reason":"damaged"' in found[1].entry.body
    box.close()


def test_what_is_no_outbox_any_more_is_kept_and_a_new_stream_begun(tmp_path: Path) -> None:
    """A consumer sees by its name that its numbers begin anew."""
    first = Outbox(tmp_path / "o", 10)
    first.close()
    (tmp_path / "o").write_bytes(b"rot" * 10_000)
    second = Outbox(tmp_path / "o", 10)
    assert second.append([told(1)]) == 1
    assert second.stream != first.stream
    assert (tmp_path / "o.damaged").read_bytes() == b"rot" * 10_000
    second.close()


def test_a_full_disk_is_told_as_one_and_takes_nothing(tmp_path: Path) -> None:
    """The sink's lane then keeps its records and tries again: see `Room`."""
    box = Outbox(tmp_path / "o", 100_000)
    box.append([told(1)])
    box._db.execute(f"PRAGMA max_page_count = {box._db.execute('PRAGMA page_count').fetchone()[0]}")  # noqa: SLF001
    with pytest.raises(OSError, match="database or disk is full") as caught:
        box.append([Entry(f"x{n}", "verdict", "cam", "", bytes(2000)) for n in range(50)])
    assert caught.value.errno == 28
    assert (box.last, len(box.read(0, 100))) == (1, 1)
    box.close()


def test_alarms_are_followed_without_a_loss_or_a_repetition(tmp_path: Path) -> None:
    """A consumer that comes later hears how they are; then each step once, also across a restart and a new file."""
    events, book = tmp_path / "events.jsonl", tmp_path / "book.yaml"
    book.write_text(BOOK)

    def told_now() -> list[tuple[str, str]]:
        with closing(Outbox(tmp_path / "o", 100)) as box:
            Follower(events, box, lambda: None).look()
            return [(one.entry.subject, json.loads(one.entry.body)["change"]) for one in box.read(0, 100)]

    def shift(*seqs: int) -> None:
        batches: list[list[Verdict | Gap]] = [[failing(seq) for seq in seqs], [failing(seqs[-1] + 1, "PASS")]]
        alarms(iter(batches), path=str(events), book=str(book))

    shift(1, 2, 3)
    before = told_now()
    assert sorted(subject for subject, _ in before) == ["bad@cam-1", "many@cam-1"]  # each once: how it is
    assert told_now() == before
    shift(10, 11, 12)
    after = told_now()
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert told_now() == after
    events.unlink()
    shift(20, 21, 22)
    assert len(told_now()) > len(after)


def test_a_rotten_line_of_alarms_is_told_to_people(tmp_path: Path) -> None:
    """And no consumer hears of it."""
    events = tmp_path / "events.jsonl"
    line = entry(verdict(1)).body
    events.write_bytes(line.replace(b"HOLE", b"HOLD") + b"\n" + line + b"\n" + line[:20])
    box = Outbox(tmp_path / "o", 100)
    follower = Follower(events, box, lambda: None)
    assert follower.look() == 0
    assert [one.text for one in board.read()] == [
        (
            f"alarms: 1 rotten lines in {events} were not told to consumers: expected an event and its crc32, found "
            f"{len(line)} bytes that are not as they were written"
        )
    ]
    box.close()
