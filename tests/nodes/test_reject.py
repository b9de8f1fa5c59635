"""reject: what the gate decides reaches a PLC, a GPIO chip or a file; and what is in its way is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from nodes.gating.axis import Counts, Time
from nodes.gating.engine import Engine
from nodes.gating.gate import Gate, Policy, State
from nodes.gating.ledger import Ledger
from nodes.gating.outputs import GpioLines, ModbusPlc, Written
from nodes.gating.parts import Decision
from nodes.gating.place import Place
from nodes.gating.reading import ByClock, ByEncoder, ByFrames
from nodes.gating.simulator import Change
from nodes.gating.wiring import Gpio, Output, Plc, Simulated
from nodes.sinks.reject import reject
from nodes.tools.plc import shown
from pipeline.check import check
from pipeline.cli import main
from pipeline.clock import line_time
from pipeline.errors import NodeError
from pipeline.notices import board
from pipeline.numbers import FAMILIES, numbers
from pipeline.records import Tracks, Verdict
from tests.conftest import ROOT
from tests.nodes.plcs import KENSA, PlcProcess, free_port, until
from tests.nodes.test_gate import tracks, verdict, watched

S = 1_000_000_000


@pytest.fixture
def plc(tmp_path: Path) -> Iterator[PlcProcess]:
    """A PLC whose encoder counts 1000 in a second."""
    process = PlcProcess(tmp_path, 1000.0)
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """No notice is left by the test before."""
    yield
    for notice in board.read():
        board.settle(notice.key)


class Wires:
    """Outputs that remember, and can be torn off."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []
        self.torn = self.closed = False

    def write(self, output: Output, *, on: bool) -> None:
        """Remember it."""
        if self.torn:
            raise OSError("the cable is off")
        self.told.append((output, on))

    def close(self) -> None:
        """Remember that."""
        self.closed = True

    def last(self, output: str) -> bool:
        """What an output is."""
        return next(on for name, on in reversed(self.told) if name == output)


class Hand:
    """A belt that is where a test says."""

    asks, ready = False, True
    off: float | None = None
    at: float | None = None

    def note(self, *_: object) -> None:
        """Frames say nothing."""

    def position(self) -> float | None:
        """Where it is."""
        return self.at


def engine(gate: Gate, hand: Hand, wires: Wires, told: list[Decision] | None = None) -> Engine:
    """An engine that turns by hand."""
    tell = (told if told is not None else []).extend
    return Engine(gate, hand, wires, tell, every=0.001, beat=0.25, safe=State(reject=True))


def simple(**policy: Any) -> Gate:
    """As the gate of `test_gate`."""
    return Gate({"cam-1": Place(1.0, 100.0, 5.0)}, Policy(**policy), Counts())


def test_outputs_follow_the_belt_and_the_heart_beats() -> None:
    """Before anybody knows where it is all is rejected; what changes is written at once, and all with each beat."""
    gate, hand, wires = watched(simple(), marks={7: 95.0}), Hand(), Wires()
    one = engine(gate, hand, wires)
    one.hear(verdict(7, "FAIL"))
    for tick, position in enumerate([None, 150, 151, 190, 195, 201, 210]):
        hand.at = position
        one.turn(tick * S // 10)
    assert [on for name, on in wires.told if name == "reject"] == [True, False, True, True, False]
    assert [on for name, on in wires.told if name == "heartbeat"] == [False, True, False]
    assert wires.told.count(("stop", False)) == 2


def test_a_plc_that_was_away_is_told_everything_and_what_it_missed_is_counted() -> None:
    """Nothing is rejected meanwhile: people are told, and the part is noted as skipped."""
    told: list[Decision] = []
    gate, hand, wires = watched(simple(), marks={7: 95.0, 8: 125.0}), Hand(), Wires()
    one = engine(gate, hand, wires, told)
    one.hear(verdict(7, "FAIL"))
    one.hear(verdict(8, "PASS"))
    hand.at = 150
    one.turn(0)
    wires.torn, hand.at = True, 192
    one.turn(S)
    notice, skipped = board.read()
    assert skipped.text == (
        "gate: 1 parts that were to be rejected or diverted went on, the last is part 7 of 'cam-1': look for them "
        "behind the gate"
    )
    assert notice.text == (
        "gate: the cable is off; nothing is rejected until it is back: look at its power and its cable"
    )
    wires.told.clear()
    wires.torn, hand.at = False, 222
    one.turn(S + S // 10)  # too soon to try again
    assert wires.told == []
    one.turn(2 * S)
    assert {*wires.told} >= {("reject", False), ("divert", False), ("stop", False)}
    assert board.read() == (skipped,)
    assert [(each.number, each.skipped) for each in told] == [(7, True), (8, False)]
    assert gate.counts["skipped"] == 1


def test_a_line_that_is_to_stop_is_told() -> None:
    """The output is on, and a notice says why, until a verdict comes in time."""
    gate, hand, wires = watched(simple(misses=1), marks={7: 95.0, 8: 125.0}), Hand(), Wires()
    one = engine(gate, hand, wires)
    one.hear(verdict(8))
    for position in (150, 192):
        hand.at = position
        one.turn(0)
    assert wires.last("stop")
    assert [notice.text for notice in board.read()] == [
        "gate: 1 in a row came without a verdict in time, the line is to stop: see the camera"
    ]
    hand.at = 222
    one.turn(0)
    assert not wires.last("stop")
    assert board.read() == ()


def test_records_without_a_place_and_another_encoder_are_told() -> None:
    """A camera that is not in `distance`, a source without an encoder, and two encoders that are not one."""
    hand, wires = Hand(), Wires()
    one = engine(simple(), hand, wires)
    one.hear(replace(tracks(0, {}), encoder=None))
    hand.off = 1e6
    one.hear(tracks(1, {}))
    placed, encoder = (notice.text for notice in board.read())
    assert placed == (
        "gate: 1 records did not say where on the belt, 'cam-1' too: expected an encoder count where `pulse` is given, "
        "and its camera in `distance`"
    )
    assert encoder == (
        "gate: its own encoder is 1,000,000 counts from that of 'cam-1', the actuator 100: nothing is found where it "
        "is; let both read the same encoder"
    )


def test_before_its_own_encoder_was_read_no_record_is_placed() -> None:
    """A frame's count and a register of 16 bits are the same only once one is near the other."""
    axis = Counts(wrap=65536)
    gate = Gate({"cam-1": Place(1.0, 100.0, 5.0)}, Policy(), axis)
    one = Engine(gate, ByEncoder(axis, lambda: 3), Wires(), lambda _: None, every=1, beat=1, safe=State(reject=True))
    one.hear(tracks(0, {}, encoder=65536 * 9))
    one.turn(0)
    for seq in range(30):
        one.hear(tracks(seq, {}, encoder=65536 * 9 + 10 * seq))
    assert [position for position in range(400) if not gate.at(position, 0).reject] == [*range(105, 345)]


def test_verdicts_without_tracks_are_told() -> None:
    """Somebody has connected `rules` alone: every part is placed, and all belt between parts is rejected."""
    one = engine(simple(), Hand(), Wires())
    one.hear(verdict(7, mark=95.0))
    (notice,) = board.read()
    assert notice.text == (
        "gate: verdicts on parts of 'cam-1' came, and no frames in which they are tracked: nobody vouches for the belt "
        "between them; connect `track` as well: `from: [track, rules]`"
    )


def counted() -> dict[tuple[str, ...], float]:
    """What monitoring is told of the gate at `lever`: without its name, and what is 0 left out."""
    found = [one for one in numbers.read() if one.labels[0] == "lever"]
    return {(one.name, *one.labels[1:]): one.value for one in found if one.value}


def test_what_a_gate_does_is_counted_for_monitoring() -> None:
    """From 0 on, so that the first one is an increase; gauges say how it is now; a gate that begins anew adds."""
    gate, hand, wires = watched(simple(misses=1), marks={7: 95.0, 8: 125.0}), Hand(), Wires()
    one = Engine(gate, hand, wires, lambda _: None, every=0.001, beat=0.25, safe=State(reject=True), actuator="lever")
    one.turn(0)
    assert counted() == {}
    shown = {(each.name, *each.labels[1:]) for each in numbers.read() if each.labels[0] == "lever"}
    assert {name for name, *_ in shown} == {name for name in FAMILIES if name.startswith("kensa_gate_")}
    one.hear(verdict(7, "FAIL"))
    one.hear(replace(tracks(0, {}), encoder=None))
    for tick, position in enumerate((150, 192, 222), 1):
        hand.at = position
        one.turn(tick * S)
    done = {
        ("kensa_gate_parts", "reject"): 2.0,
        ("kensa_gate_missing",): 1.0,
        ("kensa_gate_ignored", "unplaced"): 1.0,
    }
    assert counted() == done | {("kensa_gate_stopped",): 1.0}
    one.hear(verdict(8, "PASS"))
    wires.torn, hand.at = True, 230
    one.turn(9 * S)
    one.turn(10 * S)
    late = {("kensa_gate_ignored", "late"): 1.0}
    assert counted() == done | late | {("kensa_gate_stopped",): 1.0, ("kensa_gate_away",): 1.0}
    again = Engine(
        simple(), hand, Wires(), lambda _: None, every=0.001, beat=0.25, safe=State(reject=True), actuator="lever"
    )
    again.turn(0)
    assert counted() == done | late


def test_a_gate_that_leaves_rejects() -> None:
    """Nobody looks any more; and a thread that dies ends the heartbeat and is raised by whoever brings a record."""
    hand, wires = Hand(), Wires()
    gate = watched(simple())
    with engine(gate, hand, wires) as one:
        hand.at = 150
        until(lambda: ("reject", False) in wires.told)
    assert wires.last("reject")
    assert wires.closed
    wires = Wires()
    with engine(gate, hand, wires) as one:
        hand.at = "nowhere"  # type: ignore[assignment]
        until(lambda: wires.closed)
        with pytest.raises(NodeError, match="the gate's own thread has died: TypeError"):
            one.hear(verdict(1))
    assert wires.last("reject")
    assert board.read()[0].text.startswith("gate: its own thread has died: TypeError(")


def test_a_belt_without_an_encoder_of_the_gate_is_followed_by_its_frames() -> None:
    """At the speed of the last ones; one frame says nothing of speed."""
    now = [0]
    reader = ByFrames(Counts(), lambda: now[0])
    reader.note(50, 0)
    assert reader.position() is None
    for seq in range(1, 12):
        reader.note(50 + 10 * seq, seq * S)
    reader.note(80, 3 * S)  # another camera's, late
    now[0] = 12 * S + S // 2
    assert reader.position() == pytest.approx(175.0)
    for seq in range(12, 22):
        reader.note(160, seq * S)
    assert reader.position() == 160.0


def test_frames_that_are_judged_say_where_the_belt_is() -> None:
    """Where nothing is tracked: by the count that their verdict has."""
    axis = Counts()
    reader = ByFrames(axis, lambda: 2 * S)
    gate = Gate({"cam-1": Place(1.0, 100.0, 5.0)}, Policy(), axis)
    one = Engine(gate, reader, Wires(), lambda _: None, every=1, beat=1, safe=State(reject=True))
    for seq in range(2):
        one.hear(verdict(None, subject="frame", seq=seq, t_ns=seq * S, mark=20.0 * seq))
    assert reader.position() == 40.0


def test_the_encoder_that_the_gate_reads_is_held_against_that_of_frames() -> None:
    """Where it begins anew is no difference."""
    reader = ByEncoder(Counts(wrap=65536), lambda: 3)
    assert not reader.ready
    assert (reader.position(), reader.off, reader.ready) == (3, None, True)
    reader.note(65530, 0)
    assert reader.off == 9.0


@pytest.mark.slow
def test_a_plc_gets_its_coils_and_tells_its_count(plc: PlcProcess) -> None:
    """With pymodbus on both ends; its encoder's words are read in the order in which they are."""
    where = Plc(host="127.0.0.1", port=plc.port, reject=4, heartbeat=63, encoder=0)
    with closing(ModbusPlc(where)) as one:
        one.write("reject", on=True)
        one.write("divert", on=True)
        one.write("reject", on=False)
        one.write("heartbeat", on=True)
        assert [(each.coil, each.on) for each in plc.changes()] == [(4, True), (4, False), (63, True)]
        expected = int(1000 * time.time()) % 2**32
        assert expected <= one.count() < expected + 5000
        high = one.count() >> 16
    with closing(ModbusPlc(replace(where, encoder=1, words=1, registers="input"))) as low:
        assert low.count() < 2**16
    with closing(ModbusPlc(replace(where, swapped=True))) as swapped:
        assert swapped.count() & 0xFFFF == high
    said = r"the PLC at 127.0.0.1:\d+ refuses coil 200 \(reject\) of unit 1: .*exception_code=2"
    with closing(ModbusPlc(replace(where, reject=200))) as other, pytest.raises(OSError, match=said):
        other.write("reject", on=True)


@pytest.mark.slow
def test_a_plc_that_goes_and_comes_back_is_told_what_is(plc: PlcProcess, tmp_path: Path) -> None:
    """A kill -9 of the PLC while a bad part is there: told at once, and right again half a second after it is back."""
    one = ModbusPlc(Plc(host="127.0.0.1", port=plc.port, reject=0, heartbeat=3, timeout=1000))
    hand = Hand()
    hand.at = 150
    gate = watched(simple(), marks={7: 95.0})
    with Engine(gate, hand, one, lambda _: None, every=0.002, beat=0.1, safe=State(reject=True)) as each:
        each.hear(verdict(7, "FAIL"))
        until(lambda: len(plc.changes(3)) > 4)
        plc.kill()
        until(lambda: bool(board.read()))
        assert board.read()[0].text.startswith(f"gate: the PLC at 127.0.0.1:{plc.port} does not answer about coil ")
        hand.at = 195
        plc.path.write_bytes(b"")
        plc.start()
        until(lambda: plc.on(0))
        until(lambda: {notice.key for notice in board.read()} <= {"gate skipped"})
    assert plc.on(0)


def test_a_plc_that_is_not_there_is_told() -> None:
    """With what was to be written, and where."""
    one = ModbusPlc(Plc(host="127.0.0.1", port=free_port(), reject=4, encoder=0))
    with pytest.raises(OSError, match=r"the PLC at 127.0.0.1:\d+ does not answer about coil 4 \(reject\)"):
        one.write("reject", on=True)
    with pytest.raises(OSError, match=r"does not answer about register 0 \(encoder\)"):
        one.count()


class FakeRequest:
    """Lines of a chip that is not there; what they are asked for with is gpiod's own."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.set: list[tuple[int, str]] = []
        self.released = False

    def __call__(self, chip: str, **asked: Any) -> FakeRequest:
        """As `gpiod.request_lines`."""
        self.asked = {"chip": chip, **asked}
        return self

    def set_value(self, line: int, value: Any) -> None:
        """As a request's."""
        self.set.append((line, value.name))

    def release(self) -> None:
        """As a request's."""
        self.released = True


def test_lines_of_a_chip_are_outputs_that_reject_from_the_start() -> None:
    """With the settings, names and values of gpiod; there is no chip in this machine."""
    fake = FakeRequest()
    one = GpioLines(Gpio(chip="/dev/gpiochip4", reject=17, heartbeat=27, low=("reject",)), fake)
    one.write("reject", on=False)
    one.write("stop", on=True)
    one.write("heartbeat", on=True)
    one.close()
    settings = {
        line: (each.direction.name, each.active_low, each.output_value.name)
        for line, each in fake.asked["config"].items()
    }
    assert settings == {17: ("OUTPUT", True, "ACTIVE"), 27: ("OUTPUT", False, "INACTIVE")}
    assert (fake.asked["chip"], fake.asked["consumer"]) == ("/dev/gpiochip4", "kensa reject")
    assert fake.set == [(17, "INACTIVE"), (27, "ACTIVE")]
    assert fake.released


BY_GPIOD = """
from nodes.gating.outputs import GpioLines
from nodes.gating.wiring import Gpio
one = GpioLines(Gpio(reject=17, heartbeat=27, low=("reject",)))
one.write("reject", on=False)
one.write("stop", on=True)
one.write("heartbeat", on=True)
one.write("reject", on=True)
one.close()
"""


@pytest.mark.slow
def test_gpiod_asks_the_kernel_for_these_lines_and_values(tmp_path: Path) -> None:
    """The library itself; what it asks a kernel for is answered and noted where this one has no GPIO."""
    compiler, library, told = shutil.which("cc") or shutil.which("gcc"), tmp_path / "gpioshim.so", tmp_path / "told"
    if compiler is None or not Path("/usr/include/linux/gpio.h").exists():
        pytest.skip("a C compiler and the kernel's headers are needed to be a GPIO chip: apt-get install gcc libc6-dev")
    shim = ROOT / "tests" / "gpioshim.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, shim, "-ldl"], check=True)
    chip = {"LD_PRELOAD": str(library), "GPIO_TOLD": str(told)}
    subprocess.run([sys.executable, "-c", BY_GPIOD], env=os.environ | chip, cwd=ROOT, check=True)
    assert told.read_text().splitlines() == [
        "line 17 of 'kensa reject' output 1 low 1 active 1",  # rejects from the start
        "line 27 of 'kensa reject' output 1 low 0 active 0",
        "set 0 of 1",
        "set 2 of 2",
        "set 1 of 1",
    ]


def test_a_chip_that_is_not_there_is_told() -> None:
    """By gpiod itself."""
    with pytest.raises(
        OSError, match=r"the GPIO chip /dev/gpiochip99 does not give lines 17: No such file or directory"
    ):
        GpioLines(Gpio(chip="/dev/gpiochip99", reject=17))


@pytest.mark.parametrize(("outputs", "extra"), [(ModbusPlc, "plc"), (GpioLines, "gpio")])
def test_a_library_that_is_missing_is_told(outputs: Any, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    library = {"plc": "pymodbus", "gpio": "gpiod"}[extra]
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, "pymodbus.client", None)
    where = Plc(host="x", reject=0) if extra == "plc" else Gpio(reject=1)
    with pytest.raises(
        NodeError, match=rf"expected {library} for `{extra}`, found none: pip install 'kensa\[{extra}\]'"
    ):
        outputs(where)


def test_decisions_are_written_by_another_thread(tmp_path: Path) -> None:
    """A line for each part; a disk that refuses holds up nobody, and gets them later."""
    told = Decision("cam-1", "s", "part", 7, 195.0, "reject", "FAIL", "verdict", False, 190.0, 5)
    folder = tmp_path / "out"
    folder.touch()
    with Ledger(folder / "parts.jsonl") as ledger:
        ledger.tell([told])
        until(lambda: bool(board.read()))
        assert "1 decisions wait, 0 are lost: make room" in board.read()[0].text
        folder.unlink()
    (line,) = (folder / "parts.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "camera": "cam-1", "session": "s", "subject": "part", "number": 7, "at": 195.0, "action": "reject",
        "outcome": "FAIL", "why": "verdict", "skipped": False, "position": 190.0, "t_ns": 5,
    }  # fmt: skip


def test_a_simulated_plc_is_a_file(tmp_path: Path) -> None:
    """Every change, with its time."""
    one = Written(Simulated(path=str(tmp_path / "new" / "gate.jsonl")), lambda: 7)
    one.write("reject", on=True)
    one.write("reject", on=True)
    one.close()
    assert json.loads((tmp_path / "new" / "gate.jsonl").read_text()) == {"t_ns": 7, "output": "reject", "on": True}


def live(frames: int, bad: int) -> Iterator[Tracks | Verdict]:
    """A camera at 50 Hz by the line's own time, on a belt of 500 px/s: a part every 0.3 s, one of them bad."""
    begun = line_time.now_ns()
    for seq in range(frames):
        due = begun + seq * S // 50
        while line_time.now_ns() < due:
            time.sleep(0.001)
        marks = {part: 20.0 + 150.0 * part for part in range(50)}
        in_view = {part: mark for part, mark in marks.items() if mark < 10 * seq < mark + 40}
        yield replace(tracks(seq, in_view, t_ns=due), encoder=None)
        for part, mark in marks.items():
            if mark + 40 <= 10 * seq < mark + 50:
                yield verdict(part, "FAIL" if part == bad else "PASS")


@pytest.mark.slow
@pytest.mark.parametrize("jump_s", [0, 3600, -3600])
def test_a_bad_part_of_a_live_belt_is_rejected_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    """By time, with real threads: a pulse for the bad part, none missing; also where somebody sets the host's clock."""
    out, parts = tmp_path / "gate.jsonl", tmp_path / "parts.jsonl"
    given: dict[str, Any] = {"distance": {"cam-1": 3000.0}, "window": 50.0, "speed": 500.0}
    wall, wall_ns = time.time, time.time_ns

    def jumping() -> Iterator[Tracks | Verdict]:
        for number, record in enumerate(live(250, bad=5)):
            if number == 100:
                monkeypatch.setattr(time, "time", lambda: wall() + jump_s)
                monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + jump_s * S)
            yield record

    reject(jumping(), **given, simulated=Simulated(path=str(out)), path=str(parts))
    told = [json.loads(line) for line in parts.read_text().splitlines()]
    (bad,) = (each for each in told if each["outcome"] == "FAIL")
    assert bad["number"] == 5
    assert {each["why"] for each in told} == {"verdict"}
    pulses = [json.loads(line) for line in out.read_text().splitlines()]
    ons = [each["t_ns"] for each in pulses if (each["output"], each["on"]) == ("reject", True)]
    assert any(0 <= on - (bad["at"] - 50e6) < S for on in ons)


SCRIPT = """
from tests.nodes.test_reject import live
from nodes.gating.wiring import Plc
from nodes.sinks.reject import reject
plc = Plc(host="127.0.0.1", port={port}, reject=0, heartbeat=3, timeout=1000)
way = {{"cam-1": 3000.0}}
reject(live(100_000, bad=-1), distance=way, window=50.0, speed=500.0, every=10.0, plc=plc)
"""


@contextmanager
def gate_process(port: int) -> Iterator[None]:
    """A gate in a process of its own; at the end it gets a kill -9."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT.format(port=port)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_gate_that_is_killed_is_missed_and_begins_on_the_safe_side(plc: PlcProcess) -> None:
    """Its heartbeat ends with it; begun anew it rejects all that nobody has seen, then lets good parts pass."""
    with gate_process(plc.port):
        until(lambda: len(plc.changes(3)) > 8 and not plc.on(0))
    before = len(plc.changes())
    with gate_process(plc.port):
        until(lambda: len(plc.changes(0)) > 0 and len(plc.changes()) > before)
        assert next(each.on for each in plc.changes()[before:] if each.coil == 0)
        until(lambda: not plc.on(0))


def test_a_change_is_shown_to_people() -> None:
    """Time, coil, state, count."""
    assert shown(Change(3, True, 1200, 1_795_363_200_123_456_789)) == "16:00:00.123  coil 3 on   at count 1,200"


@pytest.mark.slow
def test_what_a_plc_cannot_be_is_told(plc: PlcProcess, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A port that is taken, one that there is not, a file in a folder that there is not."""
    assert main(["plc", "--port", str(plc.port)]) != 0
    said = f"expected a free port, found 127.0.0.1:{plc.port} taken: choose another one with --port"
    assert said in capsys.readouterr().err
    assert main(["plc", "--write", str(tmp_path / "no" / "file")]) != 0
    assert "expected a file that can be written, found " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["plc", "--port", "80000"])
    assert "expected a port from 1 to 65535, found 80000" in capsys.readouterr().err


def test_a_belt_by_time_is_where_the_clock_is() -> None:
    """A frame at its exposure, whatever an encoder says; frames say nothing more."""
    reader = ByClock(lambda: 5)
    reader.note(3, 0)
    assert reader.position() == 5
    assert Time().seen(3, 7) == 7


WAY = "speed: expected `pulse`, where the belt has an encoder, or `speed`, where it moves evenly"
ONE = "plc: expected one of `plc`, `gpio` and `simulated` for the outputs"
DOWN, DOWNS = "only counts of an encoder may go down", "where the encoder counts down"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pulse": None}, f"{WAY}; found neither"),
        ({"speed": 3.0}, f"{WAY}; found both"),
        ({"pulse": 0.0}, "pulse: expected how far the belt moves, found 0"),
        ({"distance": {}}, "distance: expected how far it is from each camera to the actuator, found no camera"),
        ({"distance": {"a": 0}}, f"distance: expected a way from 'a' to the actuator, found 0; {DOWN}"),
        ({"distance": {"a": 5, "b": -5}}, f"distance: expected all ways above 0, or all below, {DOWNS}; found -5"),
        ({"plc": None}, f"{ONE}, found none"),
        ({"gpio": {"reject": 1}}, f"{ONE}, found plc and gpio"),
        ({"no_read": "divert"}, "plc: expected an output `divert`, for something is to be diverted; found none"),
        ({"misses": 2}, "misses: expected an output `stop` of `plc`, which stops the line; found none"),
        (
            {"pulse": None, "speed": 3.0, "plc": {"host": "x", "reject": 0, "encoder": 1}},
            "plc.encoder: expected `pulse` with an encoder, found `speed`",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_before_the_line_runs(changed: dict[str, Any], said: str) -> None:
    """By `kensa check`, at its place."""
    spec = reject.spec  # type: ignore[attr-defined]
    given = {"pulse": 0.5, "distance": {"a": 500}, "window": 40, "plc": {"host": "x", "reject": 0}} | changed
    assert [flaw.text for flaw in spec.check(msgspec.convert(given, spec.params))] == [said]


def test_a_camera_that_there_is_not_is_told_before_the_line_runs(tmp_path: Path) -> None:
    """A way from a camera that never speaks would reject everything."""
    text = (
        (ROOT / "topologies" / "gate.yaml").read_text(encoding="utf-8").replace("{belt: 500}", "{belt: 500, bolt: 9}")
    )
    (tmp_path / "gate.yaml").write_text(text.replace("rules/", f"{ROOT}/topologies/rules/"), encoding="utf-8")
    (fault,) = check(tmp_path / "gate.yaml").document.faults
    assert fault.text == "no camera called 'bolt' on any host; did you mean 'belt'?"


def test_verdicts_without_tracks_are_told_before_the_line_runs(tmp_path: Path) -> None:
    """By `kensa check`, at its place, with what to write; where nothing is tracked nothing is missing."""
    text = (ROOT / "topologies" / "gate.yaml").read_text(encoding="utf-8")
    text = text.replace("rules/", f"{ROOT}/topologies/rules/")
    alone, untracked = tmp_path / "alone.yaml", tmp_path / "untracked.yaml"
    alone.write_text(text.replace("from: [track, rules]", "from: rules"), encoding="utf-8")
    (fault,) = check(alone).document.faults
    assert fault.text == (
        "'gate' hears only from 'rules' what 'track' gives, Tracks: nobody vouches for the belt between the parts; "
        "expected `from: [track, rules]`"
    )
    line = alone.read_text(encoding="utf-8").splitlines()[fault.line - 1]
    assert line[fault.column - 1 :].startswith("rules")
    untracked.write_text(
        alone.read_text(encoding="utf-8").replace("from: track,", "from: measure,").replace("  track:", "  # track:"),
        encoding="utf-8",
    )
    assert "Tracks" not in check(untracked).document.show()


@pytest.mark.slow
def test_the_topology_that_shows_it_runs(tmp_path: Path) -> None:
    """A virtual camera, a whole line, a gate in a process of its own: each part gets what its verdict asks for."""
    names = {"GATE": "gate.jsonl", "PARTS": "parts.jsonl", "ALARMS": "alarms.jsonl"}
    files = {name: str(tmp_path / file) for name, file in names.items()}
    told = [str(KENSA), "run", str(ROOT / "topologies" / "gate.yaml"), "--for", "10s"]
    run = subprocess.run(told, cwd=tmp_path, env=os.environ | files, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    parts = [json.loads(line) for line in Path(files["PARTS"]).read_text().splitlines()]
    asked = {"PASS": "pass", "WARN": "pass", "FAIL": "reject", "NO_READ": "reject", None: "reject"}
    assert parts
    assert [part["action"] for part in parts] == [asked[part["outcome"]] for part in parts]
    outputs = [json.loads(line) for line in Path(files["GATE"]).read_text().splitlines()]
    assert {line["output"] for line in outputs} == {"reject", "divert", "stop", "heartbeat"}
    assert outputs[0]["on"]  # nothing was seen yet
