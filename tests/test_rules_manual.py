"""Every example of docs/rules.md, run: books are read, parts are judged, and what is told is what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from nodes.sinks.events import event
from nodes.transforms.book import open_book, read_book
from nodes.transforms.judge import Judge
from pipeline.records import Region, Verdict
from tests.conftest import ROOT
from tests.nodes.metric import calibrated
from tests.nodes.scenes import regions

PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml( faulty)?\n(.*?)```\n+```text\n(.*?)```", PAGE, re.DOTALL)
SHOWN = re.compile(r"(\w+) (\d+)×(\d+)(?: at (\d+))?(?: with (\d+) holes?)?")


@pytest.mark.parametrize(("faulty", "book", "told"), EXAMPLES)
def test_an_example_does_what_it_says(faulty: str, book: str, told: str, tmp_path: Path) -> None:
    """Each line of results is a frame after the one before."""
    path = tmp_path / "example.yaml"
    path.write_text(book, encoding="utf-8")
    if faulty:
        assert [f"{each.line}:{each.column}: {each.text}" for each in read_book(str(path)).faults] == told.splitlines()
        return
    judge = Judge(open_book(str(path)))
    for seq, line in enumerate(told.splitlines(), 1):
        seen, _, _ = line.partition(" → ")
        verdict = judge.judge(replace(regions(seq, []), regions=shown(seen)))
        assert f"{seen} → {words(verdict)}" == line


def shown(text: str) -> tuple[Region, ...]:
    """What an example shows: regions, one below the other."""
    found = [] if text == "nothing" else [SHOWN.fullmatch(each) for each in text.split(" + ")]
    assert all(found), text
    places = ((each, y) for y, each in zip((2, 40, 60), found, strict=False) if each)
    return tuple(
        calibrated(
            (
                0 if int(each[2]) == 96 else int(each[4] or 2),
                0 if int(each[3]) == 96 else y,
                int(each[2]),
                int(each[3]),
            ),
            label=each[1],
            holes=int(each[5] or 0),
        )
        for each, y in places
    )


def words(verdict: Verdict) -> str:
    """The outcome and the findings, in the words of an alarm."""
    if verdict.outcome == "PASS":
        return "PASS"
    return f"{verdict.outcome} {event(verdict).text.partition(': ')[2]}"


def test_there_are_examples() -> None:
    """A page whose blocks are written in another way would run none; every block of it belongs to one."""
    assert len(EXAMPLES) == PAGE.count("```yaml") == PAGE.count("```text") == 8
