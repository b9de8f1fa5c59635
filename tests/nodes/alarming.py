"""What tests of alarms share: a book, a keeper whose time and machine they set, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nodes.alarming.book import Ready, open_alarms
from nodes.alarming.chain import Row, files, read
from nodes.alarming.engine import Step
from nodes.alarming.keeper import Keeper
from nodes.alarming.machine import Machine
from nodes.sinks.journal import Journal
from pipeline.orders import Order
from pipeline.records import Finding, Outcome, Verdict

S = 1_000_000_000
NOON = 1_795_363_200 * S
BOOK = """
flood: {alarms: 10, within: 600}
alarms:
  bad:
    when: {row: 3}
    cause: The gripper is worn.
    consequence: Bad parts reach the customer.
    action: Stop the feeder and look at the gripper.
    priority: high
    group: parts
    link: "http://line/{camera}/{session}/{seq}?part={part}"
  many:
    when: {rate: 0.5, of: 4, deadband: 0.3}
    cause: c
    consequence: q
    action: a
    priority: medium
    group: parts
    suppressed_by: [silent]
  silent:
    when: {stalled: 2}
    cause: c
    consequence: q
    action: a
    priority: critical
    latched: true
  disk:
    when: {disk: 0.9, deadband: 0.05}
    cause: c
    consequence: q
    action: a
    priority: low
"""


def book(tmp_path: Path, text: str = BOOK, name: str = "alarms.yaml") -> Ready:
    """An alarm book of this text."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return open_alarms(str(path))


def verdict(seq: int, outcome: Outcome = "FAIL", camera: str = "cam-1", reason: str = "HOLE") -> Verdict:
    """A verdict on part `seq`."""
    findings = () if outcome == "PASS" else (Finding("no-hole", reason, "hole_area", 31.0, high=0.0, unit="px²"),)
    return Verdict(
        camera=camera, session="s", seq=seq, t_ns=NOON + seq * S, outcome=outcome, subject="part", part=seq,
        first_seq=seq, findings=findings, book="brackets", version="5d1c0ffee123",
    )  # fmt: skip


def order(verb: str, alarm: str = "bad@cam-1", by: str = "anna", **said: Any) -> Order:
    """What an operator wants."""
    return Order(verb=verb, alarm=alarm, by=by, **{"reason": "trial", **said})  # type: ignore[arg-type]


class World:
    """A keeper, and the world around it: time, disk and clock are what the test says.

    Attributes:
        now: The time, ns.
        machine: What the host says.
    """

    def __init__(self, folder: Path, ready: Ready | None = None, *, now: int = NOON) -> None:
        self.folder, self.ready = folder, ready or book(folder)
        self.now, self.machine = now, Machine()
        self.put: Callable[[list[bytes]], None] = self._put
        self.keeper = self.start()

    def start(self) -> Keeper:
        """Begin, or begin anew after a crash: nothing but the files is left."""
        self.events = Journal(self.folder / "events.jsonl")
        self.keeper = Keeper(
            self.ready, self.journal, self._putting, now=lambda: self.now,
            machine=lambda folders: self.machine,
        )  # fmt: skip
        return self.keeper

    @property
    def journal(self) -> Path:
        """The journal of alarms."""
        return self.folder / "events.jsonl.alarms"

    def _putting(self, lines: list[bytes]) -> None:
        self.put(lines)

    def _put(self, lines: list[bytes]) -> None:
        self.events.append(lines)

    def wait(self, seconds: float) -> None:
        """Let time pass, a beat at a time."""
        end = self.now + round(seconds * S)
        while self.now < end:
            self.now = min(end, self.now + S // 5)
            self.keeper.beat()

    def rows(self) -> list[Row]:
        """The journal, over all its files."""
        found = [row for file in files(self.journal) for _, row in read(file)]
        assert not [row for row in found if isinstance(row, str)]
        return [row[0] for row in found if not isinstance(row, str)]

    def steps(self) -> list[Step]:
        """Everything that alarms went through."""
        return [step for row in self.rows() for step in row.steps]

    def story(self) -> list[tuple[str, str]]:
        """The same in short: (alarm, what)."""
        return [(step.alarm, step.what) for step in self.steps()]

    def told(self) -> list[dict[str, Any]]:
        """Events of alarms that people were told, each once."""
        lines = [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]
        return [*{line["id"]: line for line in lines if line["subject"] == "alarm"}.values()]
