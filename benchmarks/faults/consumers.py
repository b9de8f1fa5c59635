"""Consumers of a plant: one at a broker, a webhook, a PLC; each keeps what it got and knows what is missing.

A sink that is killed loses them nothing and makes nothing up: at the end each has every verdict that the archive has,
under numbers without a hole, and none that neither the archive nor another consumer has.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.broker import mosquitto
from nodes.delivery.envelope import Message
from nodes.delivery.outbox import Outbox
from nodes.sinks.entries import ACKNOWLEDGE, ACKNOWLEDGE_AT, ENTRIES_AT, ENTRY, LIST_AT
from nodes.sinks.events import event
from nodes.sinks.words import length, packed
from nodes.tools.hearing import Mqtt, Posts
from nodes.tools.listen import Consumer
from pipeline.archive import read
from pipeline.table import verdicts

NODES = """\
  mqtt: {{from: rules, at: {at}, with: {{url: '{url}', topic: faults, outbox: {folder}/mqtt.box}}}}
  post: {{use: webhook, from: rules, at: {at}, with: {{url: '{post}', outbox: {folder}/post.box}}}}
  plc:  {{use: modbus, from: rules, at: {at}, with: {{{cameras}, port: {port}, outbox: {folder}/plc.box}}}}
  gate:
    use: reject
    from: [track, rules]
    at: {at}
    with: {{pulse: 1.0, {ways}, window: 12, simulated: {{path: {folder}/gate}}, path: {folder}/parts}}
"""
SCAN_S = 0.02  # between two scans of the PLC
SETTLES = 20.0  # seconds in which what is delivered has to arrive
WHO = Namespace(user="", password_file="", ca="")
DOES = {"PASS": "pass", "WARN": "pass", "FAIL": "reject", "NO_READ": "reject", None: "reject"}


class Heard:
    """What one consumer got.

    Attributes:
        ids: Events, each as often as it came as new; those of gaps 0 times, for they are merged on their ways.
        newest_ns: When the last one came, ns UTC.
    """

    def __init__(self) -> None:
        self.consumer, self.ids, self.newest_ns = Consumer(None, None), Counter[str](), 0

    def take(self, envelope: bytes) -> object:
        """Keep a message."""
        what = self.consumer.take(envelope)
        if what and what[0] == "new":
            told = json.loads(envelope)["data"]
            self.ids[told["id"]] += told["subject"] != "gap"
            self.newest_ns = time.time_ns()
        return what


class Plc:
    """Polls a list and acknowledges what it has taken; it remembers, as a real one does where a power cut leaves it.

    Attributes:
        took: Numbers of entries, in the order in which it took them.
        newest_ns: When it took the last one, ns UTC.
    """

    def __init__(self, port: int) -> None:
        from pymodbus.client import ModbusTcpClient

        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # a server that was killed is no news
        self.took, self.newest_ns = list[int](), 0
        self._client: Any = ModbusTcpClient("127.0.0.1", port=port, timeout=2, retries=0)

    def scan(self) -> None:
        """Read what is shown, keep what is new, and say so."""
        if not self._client.connect():
            return
        step = length(ENTRY)
        stream = self._client.read_holding_registers(LIST_AT, count=2)
        answer = self._client.read_holding_registers(ENTRIES_AT, count=5 * step)
        if stream.isError() or answer.isError():
            return
        words = answer.registers
        shown = [words[at] << 16 | words[at + 1] for at in range(0, len(words), step)]
        if fresh := [number for number in shown if number > max(self.took[-1:], default=0)]:
            self.took += fresh
            self.newest_ns = time.time_ns()
        if any(shown):
            said = {"stream": stream.registers[0] << 16 | stream.registers[1], "through": max(shown)}
            self._client.write_registers(ACKNOWLEDGE_AT, packed(ACKNOWLEDGE, said))


class Consumers:
    """All of them, with a broker of their own, until they are closed.

    Args:
        folder: That of the plant.
        port: Where the PLC polls.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port, self._over = folder / "told", port, threading.Event()
        self._folder.mkdir()
        self.mqtt, self.post, self.plc = Heard(), Heard(), Plc(port)
        self._stack = ExitStack()
        self._url = self._stack.enter_context(mosquitto(folder))
        self._posts = self._stack.enter_context(Posts("http://127.0.0.1:0", self.post.take, ""))
        ledger = self.mqtt.consumer.ledger
        ear = self._stack.enter_context(Mqtt(f"{self._url}/faults", "faults", self.mqtt.take, ledger, WHO))
        self._threads = [
            threading.Thread(target=self._again, args=(lambda: ear.turn(SCAN_S), 0.0)),
            threading.Thread(target=self._again, args=(self.plc.scan, SCAN_S)),
        ]
        for thread in self._threads:
            thread.start()

    def nodes(self, at: str, cameras: tuple[str, ...]) -> str:
        """Their sinks, and a gate, on a host."""
        said = f"cameras: [{', '.join(cameras)}]"
        ways = f"distance: {{{', '.join(f'{camera}: 400' for camera in cameras)}}}"
        post = f"http://127.0.0.1:{self._posts.port}/"
        return NODES.format(
            at=at, url=self._url, post=post, folder=self._folder, cameras=said, ways=ways, port=self._port
        )

    def newest_ns(self, sink: str) -> int:
        """When a sink told something last; of the gate, when it turned an output."""
        if sink == "gate":
            path = self._folder / "gate"
            return path.stat().st_mtime_ns if path.exists() else 0
        return int(getattr(self, sink).newest_ns)

    def judge(self, archive: Path) -> Iterator[str]:
        """What is wrong, once the plant has ended: for each consumer against the verdicts of the archive."""
        kept = verdicts(read(archive, "verdicts"))
        wanted = {event(verdict).id for verdict in kept if verdict.subject != "gap"}
        for name, heard in (("mqtt", self.mqtt), ("post", self.post)):
            with closing(Outbox(self._folder / f"{name}.box", 100_000)) as box:
                self._settle(lambda heard=heard, last=box.last: heard.consumer.came >= last)  # type: ignore[misc]
                told = [*heard.consumer.ledger.told()]
                if not heard.consumer.ledger.whole or heard.consumer.came != box.last:
                    yield f"{name}: expected {box.last} messages without a hole, heard {told}"
        with closing(Outbox(self._folder / "plc.box", 100_000)) as box:
            entries = box.read(0, 100_000)
        yield from self._judge_plc(entries)
        told_ = ((one.entry.id, json.loads(one.entry.body)["subject"] != "gap") for one in entries)
        plc = Counter(name for name, real in told_ if real)
        yield from differ(wanted, {"mqtt": self.mqtt.ids, "post": self.post.ids, "plc": plc})
        yield from judge_gate(self._folder / "parts")

    def _judge_plc(self, entries: Sequence[Message]) -> Iterator[str]:
        """What it took, and what still waits for it, is everything, in order."""
        if self.plc.took != [*range(1, len(self.plc.took) + 1)] or len(self.plc.took) > len(entries):
            yield f"plc: expected entries 1 to {len(entries)} in order, took {self.plc.took[-20:]}"

    def close(self) -> None:
        """Listen no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def _again(self, do: Callable[[], object], pause: float) -> None:
        from pymodbus.exceptions import ModbusException

        while not self._over.wait(pause):
            with suppress(OSError, ModbusException):
                do()

    def _settle(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + SETTLES
        while not holds() and time.monotonic() < until:
            time.sleep(SCAN_S)


def differ(wanted: set[str], got: Mapping[str, Counter[str]]) -> Iterator[str]:
    """Verdicts of the archive that never came, those that only one consumer has, and those that came twice."""
    had = Counter(each for ids in got.values() for each, times in ids.items() if times)
    known = wanted | {each for each, times in had.items() if times > 1}
    for name, ids in got.items():
        real = {each for each, times in ids.items() if times}
        twice = {each for each, times in ids.items() if times > 1}
        whats = {"never came": wanted - real, "nobody gave": real - known, "came under two numbers": twice}
        for what, found in whats.items():
            if found:
                yield f"{name}: {len(found)} verdicts {what}: {', '.join(sorted(found)[:3])}"


def judge_gate(path: Path) -> Iterator[str]:
    """Each part got what its verdict asks for, and what had none was rejected."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    told = [msgspec.json.decode(line) for line in lines]
    wrong = [one for one in told if one["action"] != DOES[one["outcome"]]]
    if wrong or not told:
        yield f"gate: {len(told)} parts, of which these got what they should not: {wrong[:3]}"
