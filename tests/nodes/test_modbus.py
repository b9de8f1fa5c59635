"""modbus: what a real client reads is what the line said, at the addresses that the page tells."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import Any

import msgspec
import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from nodes.gating.wiring import Push
from nodes.sinks import registers
from nodes.sinks.modbus import modbus
from nodes.sinks.polled import Polled
from nodes.sinks.pushed import Pushed
from nodes.sinks.registers import CAMERA, CAMERAS_AT, HEAD, HEAD_AT, RECENT_AT, RESULT, ROOM, WORDS, Field, Map, length
from pipeline.notices import board
from pipeline.records import Finding, Gap, Outcome, Verdict
from tests.conftest import ROOT, Golden
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
    assert length(HEAD) <= RECENT_AT - HEAD_AT
    assert RECENT_AT + registers.RECENT * length(RESULT) <= CAMERAS_AT
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
    assert (head["version"], head["state"], head["cameras"], head["uptime"], head["results"]) == (1, 2, 2, 1, 1)
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
    given: SimpleQueue[Verdict | None] = SimpleQueue()
    port = free_port()
    sink = threading.Thread(target=lambda: modbus(iter(given.get, None), cameras=("a", "b"), port=port))
    sink.start()
    with closing(ModbusTcpClient("127.0.0.1", port=port, timeout=10)) as plc:
        until(plc.connect)
        given.put(verdict("a", 9, "NO_READ"))

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
    ],
)
def test_what_cannot_be_is_told_before_the_line_runs(changed: dict[str, Any], said: str) -> None:
    """By `kensa check`."""
    spec = modbus.spec  # type: ignore[attr-defined]
    assert [flaw.text for flaw in spec.check(msgspec.convert({"cameras": ["a"]} | changed, spec.params))] == [said]
