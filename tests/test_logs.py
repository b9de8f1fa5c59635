from __future__ import annotations

import errno
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pipeline.runtime import logs
from pipeline.runtime.turn import Turn, here
from tests.toys import frame


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """Where log lines go during a test."""
    yield io.StringIO()
    here.turn = None
    structlog.reset_defaults()


def _rows(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(row) for row in out.getvalue().splitlines()]


def test_a_line_says_where_it_comes_from(out: io.StringIO) -> None:
    """Each line is one JSON object with line, process, level, time and what was said."""
    logs.logger("line-a", "box", out).info("hello", count=3)
    (row,) = _rows(out)
    assert row.pop("time").endswith("Z")
    assert row == {"line": "line-a", "process": "box", "level": "info", "event": "hello", "count": 3}


def test_a_node_need_not_say_what_it_works_on(out: io.StringIO) -> None:
    """What is logged while a lane works names node, camera, session and seq by itself; said by hand, that wins."""
    logs.logger("line-a", "box", out)
    log = structlog.get_logger()
    here.turn = Turn(lambda: 0)
    log.info("idle")
    here.turn.node, here.turn.record = "clean", frame(7, "cam-3", "boot")
    log.info("odd")
    log.info("other", camera="cam-9")
    idle, odd, other = _rows(out)
    assert "node" not in idle
    assert (odd["line"], odd["process"]) == ("line-a", "box")
    assert (odd["node"], odd["camera"], odd["session"], odd["seq"]) == ("clean", "cam-3", "boot", 7)
    assert (other["camera"], other["seq"]) == ("cam-9", 7)


def test_an_exception_is_told_with_its_notes(out: io.StringIO) -> None:
    """The traceback is part of the line, and so is the note that says which record it was."""
    error = ValueError("no")
    error.add_note("in node 'x', camera 'cam-1'")
    logs.logger("line-a", "box", out).error("node failed", exc_info=error)
    assert _rows(out)[0]["exception"].endswith("ValueError: no\nin node 'x', camera 'cam-1'")


class Full(io.StringIO):
    """A log whose disk is full for a while."""

    full = False

    def write(self, text: str) -> int:
        """Take it, or refuse."""
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_full_disk_costs_lines_and_nothing_else(out: io.StringIO) -> None:
    """Whoever logs goes on; what could not be written is counted by the first line that can."""
    file = Full()
    log = logs.logger("line-a", "box", file)
    log.info("before")
    file.full = True
    log.info("lost")
    log.error("lost too")
    file.full = False
    log.info("after")
    assert [row["event"] for row in _rows(file)] == ["before", "log lines were lost", "after"]
    assert _rows(file)[1]["lines"] == 2
