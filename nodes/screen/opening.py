"""Open a screen as its parameters say."""

from __future__ import annotations

from pathlib import Path

from nodes.screen.kept import Memory
from nodes.screen.people import People
from nodes.screen.rejects import Rejects
from nodes.screen.screen import Screen
from nodes.screen.sections import Head
from nodes.screen.shifts import zoned
from nodes.screen.stage import Stage
from nodes.screen.tally import open_tally
from nodes.sinks.room import log
from pipeline.clock import line_time

KEEP = 96  # rejects


def opened(
    path: Path | None,
    tokens: Path | None,
    where: tuple[str, int],
    *,
    title: str,
    lang: str,
    shifts: tuple[str, ...],
    zone: str,
    every: float,
    images: bool,
) -> Stage:
    """A screen that goes on where it was; arguments as of the node `dashboard`.

    Raises:
        NodeError: If it cannot listen there.
    """
    memory, people = Memory(path), People(tokens)
    about = Head(
        title=title, line="", phase="", faults=(), notices=(), pictured=(), images=images, rules=[], models=[],
        moving=None, now=0.0, zone=zone, lang=lang, actions=people.open, viewers=0, skipped=0,
    )  # fmt: skip
    rejects = Rejects(KEEP)
    memory.recall(rejects)
    tally = open_tally(memory.counted(), shifts, zoned(zone), every, line_time.now_ns)
    stage = Stage(Screen(tally, rejects, about, every), memory, people, where)
    address = f"[{where[0]}]" if ":" in where[0] else where[0]
    log().info("screen", url=f"http://{address}:{stage.port}/")
    return stage
