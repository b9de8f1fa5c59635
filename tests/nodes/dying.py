"""A sink that is killed at each of its writes: `python -m tests.nodes.dying FOLDER SINK WHERE FIRST STEP`.

Each process is forked, hands a few records to the sink, and is killed by SIGKILL before or amid the write that it was
told: a statement of its outbox, or a line of a file. Who comes next is given the same records, as a line does that has
heard of none that it was done with. The first folder whose process is not killed holds a run without one.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from nodes.delivery import line
from nodes.sinks import kept
from nodes.sinks.calls import Calls
from nodes.sinks.entries import ACKNOWLEDGE, ENTRIES_AT, ENTRY
from nodes.sinks.jsonl import jsonl
from nodes.sinks.kept import keeping
from nodes.sinks.mqtt import mqtt
from nodes.sinks.opcua import opcua
from nodes.sinks.sparkplug import sparkplug
from nodes.sinks.webhook import webhook
from nodes.sinks.words import length, packed
from pipeline.records import Gap, Verdict
from tests.nodes.killing import Saw
from tests.nodes.test_alarms import verdict

PARTS = ((1, 2), (3,))
SHARE = 0.5  # of a line that is written before the kill
LINE, CONSUMER, TOKEN = "dying", "mes", "all-or-nothing"
Batches = Iterator[list[Verdict | Gap]]


class Hasty(sqlite3.Connection):
    """A connection that waits for no disk: a killed process leaves to the system what it has written."""

    def execute(self, statement: str, /, *more: Any) -> sqlite3.Cursor:
        """As the real one."""
        return super().execute(statement.replace("synchronous = FULL", "synchronous = OFF"), *more)


class SawAll(Saw):
    """Counts statements of outboxes as well, and kills before one."""

    def __init__(self, at: int) -> None:
        super().__init__(at, SHARE)
        self._connect = sqlite3.connect
        sqlite3.connect = self.connect  # type: ignore[assignment]
        vars(line)["BALLAST"] = vars(kept)["BALLAST"] = 1 << 10  # a megabyte each would be most of the work

    def connect(self, *args: Any, **more: Any) -> sqlite3.Connection:
        """As the real one, and it is watched."""
        made = self._connect(*args, **more, factory=Hasty)
        made.set_trace_callback(self._before)
        return made

    def _before(self, statement: str) -> None:
        if not statement.startswith("SELECT") and self._due():
            os.kill(os.getpid(), signal.SIGKILL)


def polled(batches: Batches, folder: Path) -> None:
    """What the sink `modbus` does with records and a PLC, which remembers across kills what it took."""
    memory = folder / "took"
    with keeping(("cam-1",), str(folder / "o"), None, 100, Calls()) as one:
        for batch in batches:
            one.put(batch)
            words, step = one.entries.registers()[ENTRIES_AT], length(ENTRY)
            shown = [words[at] << 16 | words[at + 1] for at in range(0, len(words), step)]
            took = [*map(int, memory.read_text().split())] if memory.exists() else [0]
            with memory.open("a", encoding="utf-8") as file:
                file.writelines(f"{number}\n" for number in shown if number > max(took))
            assert one.entries.acknowledge(packed(ACKNOWLEDGE, {"stream": one.entries.stream, "through": max(shown)}))


def work(use: str, where: str, folder: Path) -> None:
    """Hand the records to the sink."""
    batches: Batches = ([verdict(part) for part in batch] for batch in PARTS)
    told: dict[str, Any] = {"outbox": str(folder / "o"), "patience": 60.0}
    match use:
        case "jsonl":
            jsonl(batches, path=str(folder / "told.jsonl"), **told)
        case "webhook":
            webhook(batches, url=where, **told)
        case "mqtt":
            mqtt(batches, url=where, topic="kensa/dying", **told)
        case "sparkplug":
            sparkplug(batches, url=where, group="plant", node="line", **told)
        case "opcua":
            tokens = folder / "tokens"
            tokens.touch(0o600)
            tokens.write_text(f"{CONSUMER} {TOKEN}\n")
            opcua(batches, endpoint=where, line=LINE, tokens=str(tokens), confirm=(CONSUMER,), **told)
        case "modbus":
            polled(batches, folder)


def furnish() -> None:
    """Make the standard address space of OPC UA once, for the servers of all that are forked."""
    from asyncua.server.internal_server import InternalServer

    async def made() -> InternalServer:
        server = InternalServer()
        await server.load_standard_address_space()
        return server

    space = vars(asyncio.run(made()).aspace)

    async def load(server: InternalServer, _: Path | None = None) -> None:
        vars(server.aspace).update(space)
        server.disabled_clock = True  # the end of a server waits for its next second

    InternalServer.load_standard_address_space = load
    gc.freeze()  # who is forked need not look through it


def forked(use: str, where: str, folder: Path, kill: int) -> int:
    """Work in a process of its own; returns how it ended, as `os.waitpid` says."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    try:
        SawAll(kill)
        work(use, where, folder)
    except BaseException:  # noqa: BLE001 - a forked process must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(folder: Path, use: str, where: str, first: int, step: int) -> int:
    """With a kill at one write, at another so many further on, until there is none left; then the rest without one."""
    for name in ("structlog", "rich", "paho.mqtt.client", "nodes.delivery.dispatcher", "nodes.delivery.posting"):
        importlib.import_module(name)  # once, for all that are forked
    if use == "opcua":
        furnish()
    for kill in count(first, step):
        place = folder / f"{kill:04}"
        place.mkdir()
        ended = forked(use, where, place, kill)
        if ended not in (0, signal.SIGKILL) or (ended and forked(use, where, place, -1)):
            return 1
        if not ended:
            return 0
    raise AssertionError


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
