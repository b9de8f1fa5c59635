"""modbus: what a real client reads is what the line said, at the addresses that the page tells."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from zlib import crc32

import msgspec
import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from nodes.delivery.following import PLACE
from nodes.delivery.outbox import Outbox
from nodes.gating.wiring import Push
from nodes.sinks import registers
from nodes.sinks.alarms import alarms
from nodes.sinks.calls import ALARMS, ALARMS_AT, GATE, GATE_AT, STATES, Calls
from nodes.sinks.entries import ACKNOWLEDGE, ACKNOWLEDGE_AT, ENTRIES_AT, ENTRY, LIST, LIST_AT, NO_CAMERA, SHOWN, Entries
from nodes.sinks.kept import keeping
from nodes.sinks.looking import Looking
from nodes.sinks.modbus import modbus
from nodes.sinks.polled import Polled
from nodes.sinks.pushed import LARGEST, Pushed
from nodes.sinks.registers import CAMERA, CAMERAS_AT, HEAD, HEAD_AT, RECENT_AT, RESULT, ROOM, Map
from nodes.sinks.words import WORDS, Field, length, packed
from pipeline.line import Standing
from pipeline.notices import board
from pipeline.numbers import Number
from pipeline.records import Finding, Gap, Outcome, Verdict
from tests.conftest import ROOT, Golden
from tests.nodes.alarming import BOOK
from tests.nodes.alarming import verdict as failing
from tests.nodes.plcs import free_port, until

S = 1_000_000_000
BEGIN, END = "<!-- map -->\n", "<!-- end -->\n"


def verdict(camera: str, part: int, outcome: Outcome = "PASS", reason: str = "") -> Verdict:
    """The verdict on a part."""
    findings = (Finding("hole", reason, "holes", 1.0, outcome=outcome),) if reason else ()
    return Verdict(
        camera=camera, session="s", seq=part, t_ns=0, outcome=outcome, subject="part", part=part, first_seq=0,
        findings=findings,
    )  # fmt: skip


def gap(camera: str, frames: int) -> Gap:
    """Frames that nobody saw."""
    return Gap(camera=camera, session="s", seq=1, t_ns=0, last=frames, reason="sensor", where="camera")


def read(words: Sequence[int], fields: Sequence[Field]) -> dict[str, int | str]:
    """Registers as the page explains them."""
    told: dict[str, int | str] = {}
    for field in fields:
        mine, words = words[: WORDS[field.kind]], words[WORDS[field.kind] :]
        if field.kind == "text":
            told[field.name] = b"".join(word.to_bytes(2, "big") for word in mine).rstrip(b"\0").decode("ascii")
        else:
            told[field.name] = sum(word << 16 * place for place, word in enumerate(reversed(mine)))
    return told


def told(*records: Verdict | Gap, cameras: Sequence[str] = ("a", "b")) -> Map:
    """What a map shows that heard something at 1 s."""
    shown = Map(cameras, 10 * S, 0)
    for record in records:
        shown.hear(record, S)
    return shown


def test_the_page_has_the_map(golden: Golden) -> None:
    """It is written from the one definition."""
    page = (ROOT / "docs" / "modbus.md").read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    golden("../../docs/modbus.md", before + BEGIN + "\n".join(registers.manual()) + "\n" + END + rest.split(END)[1])


def test_blocks_have_room_for_their_fields() -> None:
    """Nothing lies over anything else, whatever is added."""
    blocks = [
        (HEAD_AT, length(HEAD)), (RECENT_AT, registers.RECENT * length(RESULT)), (ALARMS_AT, length(ALARMS)),
        (GATE_AT, length(GATE)), (LIST_AT, length(LIST)), (ENTRIES_AT, SHOWN * length(ENTRY)),
        (ACKNOWLEDGE_AT, length(ACKNOWLEDGE)), (CAMERAS_AT, 0),
    ]  # fmt: skip
    assert all(at + words <= after for (at, words), (after, _) in pairwise(blocks))
    assert LARGEST % length(ENTRY) == 0
    assert LARGEST <= 123  # of the protocol
    assert len(registers.LINE_BITS) <= registers.BITS_ROOM
    assert length(CAMERA) <= ROOM
    assert CAMERAS_AT + registers.MOST * ROOM <= 65536
    assert len(registers.BITS) == len(registers.BITS_SAID) <= registers.BITS_ROOM


def test_the_last_verdict_and_the_counters_of_each_camera() -> None:
    """Words for people in two registers' characters, ids of 32 bits, ages in hundredths of a second."""
    shown = told(verdict("a", 3), verdict("a", 70000, "FAIL", "HOLE"), gap("a", 5), verdict("c", 1))
    blocks = shown.registers(3 * S)
    assert read(blocks[CAMERAS_AT], CAMERA) == {
        "name": "a", "outcome": 3, "age": 200, "results": 2, "part": 70000, "reason": "HOLE", "passed": 1,
        "warned": 0, "failed": 1, "not_read": 0, "missing": 5,
    }  # fmt: skip
    assert read(blocks[CAMERAS_AT + ROOM], CAMERA) == {
        "name": "b", "outcome": 0, "age": 65535, "results": 0, "part": 0xFFFFFFFF, "reason": "", "passed": 0,
        "warned": 0, "failed": 0, "not_read": 0, "missing": 0,
    }  # fmt: skip
    assert shown.bits(3 * S)[:5] == [True, False, False, True, False]
    assert shown.bits(3 * S)[8:13] == [False] * 5


def test_the_line_says_who_is_silent() -> None:
    """One camera of two has spoken; after ten seconds none has."""
    shown = told(verdict("a", 3))
    head = read(shown.registers(S)[HEAD_AT], HEAD)
    assert (head["version"], head["state"], head["cameras"], head["uptime"], head["results"]) == (2, 2, 2, 1, 1)
    assert read(shown.registers(12 * S)[HEAD_AT], HEAD)["state"] == 3
    shown.hear(verdict("a", 4), 12 * S)
    shown.hear(gap("b", 1), 12 * S)
    assert read(shown.registers(13 * S)[HEAD_AT], HEAD)["state"] == 1


def test_the_heart_beats_four_times_a_second() -> None:
    """For as long as the process answers."""
    shown = told()
    beats = [read(shown.registers(t)[HEAD_AT], HEAD)["heartbeat"] for t in range(0, S + 1, S // 4)]
    assert beats == [0, 1, 2, 3, 4]


def test_the_newest_results_can_be_fetched() -> None:
    """The newest first; a PLC that missed some knows from their numbers."""
    shown = told(*(verdict("ab"[part % 2], part, "WARN") for part in range(40)))
    words = shown.registers(S)[RECENT_AT]
    step = length(RESULT)
    results = [read(words[at : at + step], RESULT) for at in range(0, len(words), step)]
    assert [each["number"] for each in results] == [*range(40, 8, -1)]
    assert results[0] == {"number": 40, "camera": 1, "outcome": 2, "part": 39}


def test_a_gap_that_rules_have_judged_is_counted_as_frames() -> None:
    """And as a NO_READ."""
    unseen = msgspec.structs.replace(verdict("a", 0, "NO_READ"), subject="gap", part=None, first_seq=3, seq=7)
    said = read(told(unseen).registers(S)[CAMERAS_AT], CAMERA)
    assert (said["missing"], said["not_read"], said["part"]) == (5, 1, 0xFFFFFFFF)


@pytest.mark.slow
def test_a_plc_polls_a_running_sink() -> None:
    """With pymodbus as the PLC: what it reads, what it may not write, and another that finds the port taken."""
    given: SimpleQueue[list[Verdict | Gap] | None] = SimpleQueue()
    port = free_port()
    sink = threading.Thread(target=lambda: modbus(iter(given.get, None), cameras=("a", "b"), port=port))
    sink.start()
    with closing(ModbusTcpClient("127.0.0.1", port=port, timeout=10)) as plc:
        until(plc.connect)
        given.put([verdict("a", 9, "NO_READ")])

        def outcome() -> int | str:
            answer = plc.read_input_registers(CAMERAS_AT, count=length(CAMERA), device_id=7)
            return read(answer.registers, CAMERA)["outcome"]

        until(lambda: outcome() == 4)
        assert plc.read_discrete_inputs(0, count=16).bits[:5] == plc.read_coils(0, count=5).bits[:5]
        assert plc.read_discrete_inputs(0, count=16).bits[:5] == [True, False, False, False, True]
        assert plc.read_holding_registers(0, count=1).registers == [registers.VERSION]
        assert plc.write_register(0, 7).isError()
        assert plc.write_coil(0, True).isError()
        assert plc.read_holding_registers(50, count=1).isError()
        said = f"expected to listen at 127.0.0.1:{port}, found it taken or not ours: choose another `port`"
        with pytest.raises(OSError, match=said), Polled(told(), lambda: 0, "127.0.0.1", port):
            pass
    given.put(None)
    sink.join()


@contextmanager
def memory(port: int, words: int) -> Iterator[list[list[int]]]:
    """A PLC with holding registers that can be written."""
    held: list[list[int]] = []
    ready = threading.Event()
    ends: list[Any] = []

    async def keep(_code: int, _first: int, _at: int, _count: int, now: list[int], _values: Any) -> None:
        held[:] = [now]

    async def serve() -> None:
        block = [SimData(0, count=words, datatype=DataType.REGISTERS)]
        server = ModbusTcpServer(SimDevice(id=0, simdata=block, action=keep), address=("127.0.0.1", port))
        ends.extend((server, asyncio.get_running_loop()))
        assert await server.listen()
        ready.set()
        await server.serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    held.append([])
    try:
        yield held
    finally:
        asyncio.run_coroutine_threadsafe(ends[0].shutdown(), ends[1]).result()
        thread.join()


@pytest.mark.slow
def test_a_plc_that_does_not_poll_is_written_into() -> None:
    """It goes and comes back; one with too few registers refuses; each is told, and over when it is."""
    port = free_port()
    shown = told(verdict("a", 3, "FAIL", "HOLE"))
    one = Pushed(shown, lambda: S, Push(host="127.0.0.1", port=port, address=10, timeout=10_000))
    where = f"modbus: the PLC at 127.0.0.1:{port}"
    with memory(port, 2000) as held:
        one.write()
        (words,) = held
        assert read(words[10 + CAMERAS_AT :], CAMERA)["reason"] == "HOLE"
        assert read(words[10:], HEAD)["results"] == 1
    one.write()
    assert [notice.text for notice in board.read()] == [
        f"{where} does not answer; it is written again: look at its power, its cable, its registers"
    ]
    with memory(port, 20):
        one.write()
        assert board.read()[0].text.startswith(f"{where} refuses 32 registers from 1050: ")
    with memory(port, 2000):
        one.write()
    assert board.read() == ()
    with one:
        pass


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cameras": []}, "cameras: expected 1 to 100, found 0"),
        ({"cameras": ["a", "b", "a"]}, "cameras: expected each once, found a twice"),
        ({"serve": False}, "serve: expected to serve, or a PLC to `push` to, found neither"),
        ({"alarms": "a"}, "alarms: expected an `outbox` in which their steps wait for the PLC, found none"),
    ],
)
def test_what_cannot_be_is_told_before_the_line_runs(changed: dict[str, Any], said: str) -> None:
    """By `kensa check`."""
    spec = modbus.spec  # type: ignore[attr-defined]
    assert [flaw.text for flaw in spec.check(msgspec.convert({"cameras": ["a"]} | changed, spec.params))] == [said]


def standing(calls: Calls) -> dict[str, int | str]:
    """What the words of alarms say; 0 and nothing left out."""
    return {name: value for name, value in read(calls.registers()[ALARMS_AT], ALARMS).items() if value}


def listed(entries: Entries) -> list[dict[str, int | str]]:
    """The entries of the list."""
    words, step = entries.registers()[ENTRIES_AT], length(ENTRY)
    found = [read(words[at : at + step], ENTRY) for at in range(0, len(words), step)]
    assert [each["number"] for each in found if not each["number"]] == [0] * sum(not each["number"] for each in found)
    return [each for each in found if each["number"]]


def head(entries: Entries) -> tuple[int | str, ...]:
    """The head of the list: its newest number, what is acknowledged, what waits, what was dropped, what is shown."""
    told = read(entries.registers()[LIST_AT], LIST)
    return tuple(told[name] for name in ("last", "through", "waiting", "dropped", "shown"))


def receipt(entries: Entries, through: int, stream: int | None = None) -> list[int]:
    """What a PLC writes."""
    return packed(ACKNOWLEDGE, {"stream": entries.stream if stream is None else stream, "through": through})


def test_what_is_not_acknowledged_stays_in_the_list(tmp_path: Path) -> None:
    """The oldest first; an acknowledgement of another list, or of what there is not, changes nothing."""
    path = str(tmp_path / "o")
    with keeping(("a", "b"), path, None, 100, Calls()) as kept:
        kept.put([verdict("ab"[part % 2], part, "FAIL", "HOLE") for part in range(1, 41)])
        one = kept.entries
        assert head(one) == (40, 0, 40, 0, SHOWN)
        assert [each["number"] for each in listed(one)] == [*range(1, SHOWN + 1)]
        assert listed(one)[2] == {
            "number": 3, "first": 3, "kind": 1, "camera": 1, "outcome": 3, "part": 3, "what": "HOLE", "state": 0,
            "priority": 0, "time": 0, "ms": 0,
        }  # fmt: skip
        for stream, through in ((one.stream ^ 1, 5), (one.stream, 41), (0, 0)):
            assert not one.acknowledge(receipt(one, through, stream))
        assert head(one)[1] == 0
        assert one.acknowledge(receipt(one, 7))
        assert one.acknowledge(receipt(one, 3))  # again, late
        assert (head(one), listed(one)[0]["number"]) == ((40, 7, 33, 0, SHOWN), 8)
    with keeping(("a", "b"), path, None, 100, Calls()) as kept:  # after a kill: nothing is lost, nothing told twice
        kept.put([verdict("ab"[part % 2], part, "FAIL", "HOLE") for part in range(39, 42)])
        assert head(kept.entries) == (41, 7, 34, 0, SHOWN)
        assert kept.entries.acknowledge(receipt(kept.entries, 41))
        assert (listed(kept.entries), kept.entries.waits) == ([], False)


def test_a_list_that_runs_over_says_so(tmp_path: Path) -> None:
    """One entry stands for those that are no more; the PLC knows which, and people are told."""
    with keeping(("a",), str(tmp_path / "o"), None, 4, Calls()) as kept:
        kept.put([verdict("a", part) for part in range(1, 11)])
        first, *rest = listed(kept.entries)
        assert (first["kind"], first["first"], first["number"], first["camera"]) == (3, 1, 6, NO_CAMERA)
        assert [each["part"] for each in rest] == [7, 8, 9, 10]
        assert head(kept.entries) == (10, 0, 4, 6, 5)
        kept.entries.acknowledge(receipt(kept.entries, 6))
        assert head(kept.entries) == (10, 6, 4, 6, 4)
    assert [notice.text for notice in board.read()] == [
        (
            f"modbus: 6 entries of {tmp_path / 'o'} were dropped before the PLC acknowledged them: look whether it "
            "does; it is told which"
        )
    ]


def test_alarms_are_words_and_their_steps_entries(tmp_path: Path) -> None:
    """How many stand, of which priority, how many nobody has acknowledged, and the newest; also after a restart."""
    events, book, calls = tmp_path / "events.jsonl", tmp_path / "book.yaml", Calls()
    book.write_text(BOOK)
    batches: list[list[Verdict | Gap]] = [[failing(seq) for seq in (1, 2, 3)], [failing(4, "PASS")]]
    with keeping(("cam-1",), str(tmp_path / "o"), str(events), 100, calls) as kept:
        assert standing(calls) == {}
        with closing(Outbox(tmp_path / "o", 100)) as box:
            until(lambda: bool(box.fact(PLACE, "")))  # from then on it is told every step
        alarms(iter(batches), path=str(events), book=str(book))
        until(lambda: standing(calls).get("newest") == "many@cam-1")
    assert standing(calls) == {
        "standing": 2, "high": 1, "medium": 1, "unacknowledged": 2, "unacknowledged_high": 1,
        "unacknowledged_medium": 1, "newest": "many@cam-1", "newest_code": crc32(b"many@cam-1"), "newest_state": 1,
        "newest_priority": 3, "newest_number": 3,
    }  # fmt: skip
    told_ = [(each["kind"], each["camera"], each["what"], STATES[int(each["state"])]) for each in listed(kept.entries)]
    assert (2, 0, "bad@cam-1", "unacknowledged") in told_
    assert calls.bits() == [True, True, False]
    again = Calls()
    with keeping(("cam-1",), str(tmp_path / "o"), str(events), 100, again):
        assert standing(again) == standing(calls)


class Asked:
    """A line that stands as a test says."""

    def __init__(self, *numbers: Number) -> None:
        self.standing: Standing | None = Standing(line="l", host="h", phase="running", since_ns=0, numbers=numbers)

    def stands(self) -> Standing | None:
        """How it is."""
        return self.standing

    def give(self, _: object) -> list[Any]:
        """No order is given here."""
        raise NotImplementedError


def test_the_gate_is_shown_as_its_process_counts() -> None:
    """All gates of the host together; where the line does not answer nothing is claimed."""
    parts = {"pass": 900.0, "reject": 70000.0}
    line = Asked(
        *(Number("kensa_gate_parts", ("plc/0", action), count) for action, count in parts.items()),
        Number("kensa_gate_parts", ("plc/1", "pass"), 5.0),
        Number("kensa_gate_ignored", ("plc/0", "late"), 3.0),
        Number("kensa_gate_stopped", ("plc/1",), 1.0),
        Number("kensa_gate_away", ("plc/0",), 0.0),
        Number("kensa_verdicts", ("cam-1", "PASS"), 4.0),
    )
    calls = Calls()
    looking = Looking(calls, lambda: None)
    looking.look(line)
    gate = read(calls.registers()[GATE_AT], GATE)
    assert {name: value for name, value in gate.items() if value} == {
        "gates": 2, "stopped": 1, "passed": 905, "rejected": 70000, "late": 3,
    }  # fmt: skip
    assert calls.bits() == [False, False, True]
    line.standing = None
    looking.look(line)
    assert set(read(calls.registers()[GATE_AT], GATE).values()) == {0}
    with looking:
        pass


class Plc:
    """A PLC that polls the list and acknowledges what it has read, as its page says."""

    def __init__(self, port: int) -> None:
        self.took: list[int] = []
        self.client = ModbusTcpClient("127.0.0.1", port=port, timeout=10, retries=0)

    def scan(self) -> int:
        """Read what is shown, keep it, then say so; how many there were."""
        step = length(ENTRY)
        stream = self.client.read_holding_registers(LIST_AT, count=2)
        answer = self.client.read_holding_registers(ENTRIES_AT, count=5 * step)
        if stream.isError() or answer.isError():
            return 0
        words = answer.registers
        numbers = [int(read(words[at : at + step], ENTRY)["number"]) for at in range(0, len(words), step)]
        self.took += [number for number in numbers if number > max(self.took, default=0)]
        if not any(numbers):
            return 0
        told_ = [*stream.registers, *divmod(max(numbers), 1 << 16)]
        return 0 if self.client.write_registers(ACKNOWLEDGE_AT, told_).isError() else len(numbers)


@pytest.mark.slow
def test_a_sink_that_is_killed_loses_no_entry(tmp_path: Path) -> None:
    """SIGKILL amid a flood, whenever the PLC has so many: it gets each once, in order, and what it has said stands."""
    port = free_port()
    command = [sys.executable, "-m", "tests.nodes.flood", "modbus", str(port), str(tmp_path / "o"), "300"]
    plc = Plc(port)
    with closing(plc.client):
        for share in (0.2, 0.5, 0.8, 1.0):
            sink = subprocess.Popen(command, stdin=subprocess.PIPE)
            until(plc.client.connect)

            def far(share: float = share) -> bool:
                plc.scan()
                return len(plc.took) >= 300 * share

            until(far)
            sink.send_signal(signal.SIGKILL)
            sink.wait()
            assert sink.stdin
            sink.stdin.close()
            plc.client.close()  # type: ignore[no-untyped-call]
    assert plc.took == [*range(1, 301)]
    with closing(Outbox(tmp_path / "o", 1000)) as box:
        assert (box.last, box.dropped) == (300, 0)
        assert box.confirmed >= 295


@pytest.mark.slow
def test_a_plc_writes_what_it_has_and_nothing_else(tmp_path: Path) -> None:
    """With pymodbus as the PLC: the one place, whole, of this list, of what there is."""
    port = free_port()
    with keeping(("a",), str(tmp_path / "o"), None, 100, Calls()) as kept:
        shown = Map(("a",), S, 0, entries=kept.entries)
        kept.put([verdict("a", part) for part in range(1, 4)])
        with Polled(shown, lambda: S, "127.0.0.1", port), closing(ModbusTcpClient("127.0.0.1", port=port)) as plc:
            until(plc.connect)
            good = receipt(kept.entries, 2)
            refused = [
                (ACKNOWLEDGE_AT, good[:2]), (ACKNOWLEDGE_AT + 1, good[1:]), (ACKNOWLEDGE_AT, receipt(kept.entries, 4)),
                (ACKNOWLEDGE_AT, [0, 0, 0, 2]), (LIST_AT, good), (HEAD_AT, [1]),
            ]  # fmt: skip
            for at, words in refused:
                assert plc.write_registers(at, words).isError(), (at, words)
            assert plc.read_discrete_inputs(registers.LINE_BITS_AT, count=4).bits[:4] == [False, False, False, True]
            assert not plc.write_registers(ACKNOWLEDGE_AT, good).isError()
            assert plc.read_input_registers(ACKNOWLEDGE_AT, count=4).registers == good
            assert head(kept.entries) == (3, 2, 1, 0, 1)


@pytest.mark.slow
def test_a_plc_that_is_written_into_says_what_it_has_by_its_own_registers(tmp_path: Path) -> None:
    """They are read after each write, and never written."""
    port = free_port()
    with keeping(("a",), str(tmp_path / "o"), None, 100, Calls()) as kept, memory(port, 2000) as held:
        kept.put([verdict("a", part) for part in range(1, 4)])
        shown = Map(("a",), S, 0, entries=kept.entries)
        one = Pushed(shown, lambda: S, Push(host="127.0.0.1", port=port, timeout=10_000))
        one.write()
        held[0][ACKNOWLEDGE_AT : ACKNOWLEDGE_AT + 4] = receipt(kept.entries, 2)
        one.write()
        one.write()
        assert read(held[0][LIST_AT:], LIST)["through"] == 2
        assert read(held[0][ENTRIES_AT:], ENTRY)["part"] == 3
        assert held[0][ACKNOWLEDGE_AT : ACKNOWLEDGE_AT + 4] == receipt(kept.entries, 2)
        with one:
            pass
    assert board.read() == ()
