"""Alarms on the disk: nothing is lost and nothing made up, whenever the process is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nodes.alarming.chain import files, recall
from nodes.alarming.machine import Machine
from nodes.alarming.showing import MOST
from nodes.sinks.alarms import alarms
from nodes.sinks.events import decode
from nodes.sinks.journal import Journal
from pipeline.codec import MAX_BYTES
from pipeline.notices import board
from pipeline.records import Gap, Verdict
from tests.conftest import ROOT
from tests.nodes.alarming import BOOK, NOON, S, World, book, order, verdict
from tests.nodes.test_alarms import Receiver


def test_an_alarm_tells_all_that_somebody_needs_to_act_on_it(tmp_path: Path) -> None:
    """The event field by field: this is what other systems read."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    (told,) = world.told()
    (step,) = world.steps()
    assert told.pop("id") == step.id == told.pop("occurrence")
    assert len(told.pop("crc32")) == 8
    assert len(told.pop("verdict")) == 32
    assert told == {
        "time": "2026-11-22T16:00:00.000000Z", "t_ns": NOON, "camera": "cam-1", "session": "s", "seq": 3,
        "first_seq": 3, "subject": "alarm", "part": 3, "outcome": "FAIL", "findings": [], "book": "alarms",
        "version": world.ready.version, "cause": "The gripper is worn.", "alarm": "bad@cam-1", "change": "raised",
        "text": "alarm bad@cam-1 (high, first of its group) raised, now unacknowledged: 3 in a row: "
        "FAIL cam-1 part 3: HOLE (hole_area 31 px², at most 0 px²)",
        "was": "normal", "state": "unacknowledged", "life": "unacknowledged", "priority": "high", "occurrences": 1,
        "since": "2026-11-22T16:00:00.000000Z", "by": "", "reason": "", "until": "", "first_out": True,
        "chattering": False, "consequence": "Bad parts reach the customer.",
        "action": "Stop the feeder and look at the gripper.", "respond_s": None, "value": 3, "limit": 3, "unit": "",
        "link": "http://line/cam-1/s/3?part=3", "row": 1,
    }  # fmt: skip


def test_a_webhook_gets_alarms_as_it_gets_verdicts(tmp_path: Path) -> None:
    """In their order, each named by its id; an event of an alarm can be read as any other."""
    receiver, path = Receiver(), tmp_path / "events.jsonl"
    (tmp_path / "book.yaml").write_text(BOOK)
    batch: list[Verdict | Gap] = [verdict(seq) for seq in (1, 2, 3)]
    alarms(iter([batch]), path=str(path), book=str(tmp_path / "book.yaml"), url=receiver.url, patience=20)
    receiver.stop()
    assert [(one["subject"], one["seq"]) for one in receiver.got] == [
        ("part", 1),
        ("part", 2),
        ("part", 3),
        ("alarm", 3),
    ]
    assert (
        receiver.keys
        == [one["id"] for one in receiver.got]
        == [decode(line).id for line in path.read_bytes().splitlines()]
    )
    assert receiver.got[3]["verdict"] == receiver.got[2]["id"]


def test_every_action_of_an_operator_is_attributed(tmp_path: Path) -> None:
    """Also one that was refused: who, what, when, and why not."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    assert world.keeper.answer(order("acknowledge", login="kensa")).refused == ""
    assert (
        world.keeper.answer(order("reset", by="ben")).refused == "alarm 'bad@cam-1' stays as it is: it is not latched"
    )
    for unknown in ("none", "bad", "bad@cam-7"):
        assert not world.keeper.answer(order("shelve", unknown, seconds=60)).knows
    said = [(row.order.by, row.order.login, row.order.verb, row.refused) for row in world.rows() if row.order]
    assert said == [
        ("anna", "kensa", "acknowledge", ""),
        ("ben", "", "reset", "alarm 'bad@cam-1' stays as it is: it is not latched"),
    ]
    assert [(told["change"], told["by"], told["reason"]) for told in world.told()] == [
        ("raised", "", ""),
        ("acknowledged", "anna", "trial"),
    ]


def test_two_operators_who_acknowledge_at_once(tmp_path: Path) -> None:
    """One of them did it; the other hears who; the journal has both, and the alarm changed once."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    occurrence = world.keeper.alarms["bad@cam-1"].occurrence
    gate, said = threading.Barrier(2), dict[str, str]()

    def acknowledge(by: str) -> None:
        gate.wait(20)
        said[by] = world.keeper.answer(order("acknowledge", by=by, occurrence=occurrence)).refused

    both = [threading.Thread(target=acknowledge, args=(by,)) for by in ("anna", "ben")]
    for one in both:
        one.start()
    for one in both:
        one.join(20)
    (first,) = [by for by, refused in said.items() if not refused]
    (second,) = said.keys() - {first}
    assert said[second] == f"alarm 'bad@cam-1' stays as it is: already acknowledged by {first}"
    assert world.story().count(("bad@cam-1", "acknowledged")) == 1
    assert [row.order.by for row in world.rows() if row.order] == [first, second]


def test_an_acknowledgement_means_the_occurrence_that_was_seen(tmp_path: Path) -> None:
    """Who looked away while it returned and came again does not acknowledge what they have not seen."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    seen = world.keeper.alarms["bad@cam-1"].occurrence
    world.keeper.hear([verdict(4, "PASS"), *(verdict(seq) for seq in (5, 6, 7))])
    world.wait(1)
    refused = world.keeper.answer(order("acknowledge", occurrence=seen)).refused
    now = world.keeper.alarms["bad@cam-1"].occurrence
    assert refused == (
        f"alarm 'bad@cam-1' stays as it is: occurrence {seen} is over or never was; the last one is {now}"
    )


def test_a_clock_that_is_set_while_nobody_looks(tmp_path: Path) -> None:
    """An hour forth or back between two runs: alarms stand as they were, delays begin anew, a shelf ends too early."""
    world = World(tmp_path, book(tmp_path, BOOK.replace("row: 3}", "row: 3}\n    on_delay: 10\n    off_delay: 10")))
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    world.wait(10)
    world.keeper.answer(order("shelve", seconds=1800))
    before = world.keeper.alarms
    for jump in (-3600, 3600):
        world.now += jump * S
        world.start()
        assert world.keeper.alarms == before
    world.now -= 3600 * S
    world.start().beat()
    assert world.story()[-1] == ("bad@cam-1", "shelf_ended")
    world.keeper.hear([verdict(9, "PASS")])
    world.wait(9.8)
    assert world.keeper.alarms["bad@cam-1"].active
    world.wait(0.2)
    assert not world.keeper.alarms["bad@cam-1"].active


def test_a_row_that_a_crash_interrupts_is_counted_on(tmp_path: Path) -> None:
    """Two rejects before it and one after it are three in a row; a batch that comes again is not counted twice."""
    world = World(tmp_path)
    world.keeper.hear([verdict(1), verdict(2)])
    world.start().hear([verdict(1), verdict(2)])
    assert world.story() == []
    world.start().hear([verdict(3)])
    assert world.story() == [("bad@cam-1", "raised")]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_kill_at_any_write_loses_nothing_and_makes_nothing_up(tmp_path: Path, share: float) -> None:
    """SIGKILL amid and after each write: alarms went through the same, and people heard all of it, once."""
    command = [sys.executable, "-m", "tests.nodes.killing", str(tmp_path), str(share)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    whole, *killed = sorted(tmp_path.iterdir())
    assert len(killed) > 30
    story = World(whole).story()
    assert len(files(World(whole).journal)) > 2
    assert {what for _, what in story} >= {"raised", "returned", "acknowledged", "shelved", "shelf_ended", "reset"}
    for folder in killed:
        world = World(folder)
        assert world.story() == story, folder.name
        assert [told["id"] for told in world.told()] == [step.id for step in world.steps() if not step.quiet]
        past = recall(world.journal)
        assert (past.flaws, past.alarms) == ([], world.keeper.alarms)
        text = world.events.path.read_bytes()
        assert all(b'{"id": "%d", "subject": "part"}\n' % n in text for n in (*range(1, 8), *range(10, 19)))


def test_a_disk_that_refuses_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written has not happened; when there is room again it does, once."""
    world = World(tmp_path)
    world.keeper.hear([verdict(1), verdict(2)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(OSError, match="No space left on device"):
            world.keeper.hear([verdict(3)])
        said = world.keeper.answer(order("shelve", seconds=60)).refused
        assert said == f"the disk of {world.journal} refuses: No space left on device; nothing was done"
    world.keeper.hear([verdict(3)])
    assert world.story() == [("bad@cam-1", "raised")]


def test_what_is_in_the_journal_is_done_also_where_it_cannot_be_told_yet(tmp_path: Path) -> None:
    """Whoever acknowledged hears that they did; the others as soon as the disk lets."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    real = world.put

    def full(_: list[bytes]) -> None:
        raise OSError(28, "No space left on device")

    world.put = full
    assert world.keeper.answer(order("acknowledge")).refused == ""
    assert [told["change"] for told in world.told()] == ["raised"]
    world.put = real
    world.keeper.beat()
    assert [told["change"] for told in world.told()] == ["raised", "acknowledged"]


def test_a_journal_that_somebody_changed_says_where(tmp_path: Path) -> None:
    """A row that is changed, taken out, or put elsewhere is told at its line; the line runs on."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    for by in ("anna", "ben", "carl"):
        world.keeper.answer(order("acknowledge", by=by))
    lines = world.journal.read_bytes().splitlines(keepends=True)
    changed = lines[2].replace(b'"ben"', b'"bob"')
    for wrong, flaws in (
        ([lines[0], lines[1], changed, lines[3]], {3: "not as they were written", 4: "taken out, put in or changed"}),
        ([lines[0], lines[1], lines[3]], {3: "taken out, put in or changed"}),
        ([lines[0], lines[2], lines[1], lines[3]], {2: "taken out", 3: "taken out", 4: "taken out"}),
    ):
        world.journal.write_bytes(b"".join(wrong))
        found = recall(world.journal).flaws
        assert len(found) == len(flaws)
        for said, (line, why) in zip(found, flaws.items(), strict=True):
            assert said.startswith(f"{world.journal}:{line}: expected ")
            assert why in said
        world.start()
        (notice,) = board.read()
        assert notice.text == (
            f"alarms: the journal is not as it was written, {len(flaws)} places: {found[0]}; keep a copy of it, and "
            "find out who changed it: `kensa journal` lists all"
        )
    world.journal.write_bytes(b"".join(lines))
    world.start()
    assert board.read() == ()


@pytest.mark.parametrize(("before", "after"), [("  bad:\n", "  worse:\n"), ("row: 3}\n", "row: 3}\n    per: line\n")])
def test_an_alarm_that_the_book_has_no_more_goes(tmp_path: Path, before: str, after: str) -> None:
    """Nobody would ever see its condition end; so it is where all cameras have one now."""
    world = World(tmp_path)
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    world.ready = book(tmp_path, BOOK.replace(before, after))
    world.start()
    assert world.story()[-1] == ("bad@cam-1", "returned")


def test_time_passes_for_alarms_without_records(tmp_path: Path) -> None:
    """The keeper's own thread finds a camera silent, and an order reaches it by the desk."""
    world = World(tmp_path)
    world.keeper.hear([verdict(1)])
    world.now += 3 * S
    raised = threading.Event()
    real = world.put

    def put(lines: list[bytes]) -> None:
        real(lines)
        raised.set()

    world.put = put
    with world.keeper:
        assert raised.wait(20)
    assert world.story() == [("silent@cam-1", "raised")]


@pytest.mark.slow
def test_ten_thousand_alarms_in_ten_seconds(tmp_path: Path) -> None:
    """All are in the journal and none is lost; people hear of ten, and of the flood."""
    world = World(tmp_path, book(tmp_path, BOOK[: BOOK.index("  many:")]))
    for tick in range(50):
        world.now = NOON + tick * S // 5
        cameras = [f"c{number}" for number in range(tick * 200, tick * 200 + 200)]
        for at in range(0, 200, 64):
            world.keeper.hear([verdict(seq, camera=camera) for camera in cameras[at : at + 64] for seq in (1, 2, 3)])
        world.keeper.beat()
    raised = [alarm for alarm, what in world.story() if what == "raised" and alarm.startswith("bad@")]
    assert sorted(raised) == sorted(f"bad@c{number}" for number in range(10_000))
    told = [(one["alarm"], one["change"]) for one in world.told()]
    assert len([one for one in told if one[0].startswith("bad")]) == 10
    assert told.count(("flood", "raised")) == 1
    assert recall(world.journal).alarms == world.keeper.alarms
    answer = world.keeper.answer(None)
    assert (len(answer.alarms), answer.more) == (MOST, 10_001 - MOST)
    assert answer.alarms[0].alarm == "flood"
    assert len(msgspec.msgpack.encode(answer)) < MAX_BYTES


class Shift(RuleBasedStateMachine):
    """Anything, in any order: parts, time, operators, a full disk, kills. What is on the disk is what is so."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.room = tempfile.TemporaryDirectory()
        folder = Path(self.room.name)
        self.world = World(folder, book(folder, BOOK + "journal: {megabytes: 0.01}\n"))
        self.seq = 0
        self.batch: list[Any] = []

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.room.cleanup()

    @rule(
        outcomes=st.lists(st.sampled_from(("PASS", "FAIL", "NO_READ")), min_size=1, max_size=6),
        camera=st.sampled_from(("cam-1", "cam-2")),
    )
    def parts(self, outcomes: list[Any], camera: str) -> None:
        """A batch of parts."""
        first, self.seq = self.seq, self.seq + len(outcomes)
        self.batch = [verdict(first + i, outcome, camera) for i, outcome in enumerate(outcomes)]
        self.world.keeper.hear(self.batch)

    @rule(seconds=st.sampled_from((0.2, 1.0, 2.5, 61.0)))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.now += round(seconds * S)
        self.world.keeper.beat()

    @rule(used=st.sampled_from((0.5, 0.87, 0.95)))
    def fill(self, used: float) -> None:
        """The disk fills up, or empties."""
        self.world.machine = Machine(used={str(self.world.folder): used})

    @rule(
        verb=st.sampled_from(
            ("acknowledge", "reset", "shelve", "unshelve", "suppress", "unsuppress", "remove", "restore")
        ),
        alarm=st.sampled_from(("bad@cam-1", "many@cam-1", "silent@cam-2", "disk", "flood", "nothing")),
    )
    def orders(self, verb: str, alarm: str) -> None:
        """An operator does something, and it is noted."""
        before = len(self.world.rows())
        answer = self.world.keeper.answer(order(verb, alarm, seconds=30))
        assert len(self.world.rows()) == before + answer.knows

    @rule()
    def killed(self) -> None:
        """The process dies, and its last batch comes again."""
        before = self.world.keeper.alarms
        self.world.start()
        assert self.world.keeper.alarms == before
        self.world.keeper.hear(self.batch)
        assert self.world.keeper.alarms == before

    @invariant()
    def the_disk_says_what_is_so(self) -> None:
        """The journal, read from its beginning, is the state; every step was told, or is quiet."""
        past = recall(self.world.journal)
        assert past.flaws == []
        assert past.alarms == {key: alarm for key, alarm in self.world.keeper.alarms.items() if key in past.alarms}
        raised = [step for step in self.world.steps() if step.what == "raised"]
        assert {key: alarm.count for key, alarm in past.alarms.items() if alarm.count} == {
            key: sum(step.alarm == key for step in raised) for key in {step.alarm for step in raised}
        }

    @invariant()
    def people_heard_it(self) -> None:
        """Once each, in order."""
        if self.world.events.size:
            assert [told["id"] for told in self.world.told()] == [
                step.id for step in self.world.steps() if not step.quiet
            ]


TestShift = Shift.TestCase
TestShift.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestShift.pytestmark = [pytest.mark.slow]  # type: ignore[attr-defined]
