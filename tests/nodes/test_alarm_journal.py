"""The journal of alarms over many files: bounded, one chain, and what is kept tells how alarms are."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodes.alarming.chain import files, recall
from pipeline.cli import main
from tests.nodes.alarming import BOOK, S, World, book, order, verdict

KEPT = 3


def grown(tmp_path: Path, kept: int = KEPT) -> World:
    """A journal that has gone on in many files, of which few are kept."""
    world = World(tmp_path, book(tmp_path, f"{BOOK}journal: {{megabytes: 0.003, files: {kept}}}\n"))
    world.keeper.hear([verdict(seq) for seq in (1, 2, 3)])
    for number in range(60):
        world.now += 60 * S
        world.keeper.answer(order("unshelve" if number % 2 else "shelve", "disk", seconds=3600.0))
        world.keeper.beat()
    return world


def test_a_journal_goes_on_in_a_new_file_and_few_are_kept(tmp_path: Path) -> None:
    """As large as the book says and no larger; whoever reads what is kept knows how all alarms are."""
    world = grown(tmp_path)
    *sealed, last = files(world.journal)
    assert (len(sealed), last) == (KEPT, world.journal)
    assert all(3000 <= file.stat().st_size < 8000 for file in sealed)
    past = recall(world.journal)
    assert (past.flaws, past.alarms) == ([], world.keeper.alarms)
    assert (past.first > 1, past.rows) == (True, past.first + len(world.rows()) - 1)
    assert past.alarms["bad@cam-1"].life == "unacknowledged"  # raised in a file that is gone
    assert [told["id"] for told in world.told()][-1] == world.steps()[-1].id


def test_a_new_process_goes_on_with_the_chain(tmp_path: Path) -> None:
    """Also one that died after the old file was put aside and before the new one was begun."""
    world = grown(tmp_path)
    before, alarms = recall(world.journal), world.keeper.alarms
    world.journal.rename(tmp_path / f"{world.journal.name}.999999")
    world.start()
    assert (world.keeper.alarms, recall(world.journal).flaws) == (alarms, [])
    (opening,) = [row for row in world.rows() if row.n == before.rows + 1]
    assert (opening.prev, opening.after, opening.alarms) == (before.hash, "events.jsonl.alarms.999999", alarms)


def test_what_was_done_to_a_full_file_is_told_in_that_file(tmp_path: Path) -> None:
    """A row that was changed, and a file that was taken out from between two."""
    world = grown(tmp_path)
    first, second, *_ = files(world.journal)
    whole = second.read_bytes()
    second.write_bytes(whole.replace(b'"by":"anna"', b'"by":"anne"', 1))
    assert [flaw.startswith(f"{second}:") for flaw in recall(world.journal).flaws] == [True, True]
    second.unlink()
    (flaw,) = recall(world.journal).flaws
    assert flaw.startswith(f"{files(world.journal)[1]}:1: expected row ")
    assert flaw.endswith("a row was taken out, put in or changed here")
    second.write_bytes(whole)
    assert recall(first).flaws == []


def test_the_journal_is_printed_over_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And it is said what is no longer kept."""
    world = grown(tmp_path)
    past = recall(world.journal)
    assert main(["journal", str(world.journal), "--orders"]) == 0
    *orders, last = capsys.readouterr().out.splitlines()
    assert len([line for line in orders if "shelve disk" in line]) == sum(row.order is not None for row in world.rows())
    assert last == (
        f"{world.journal} is as it was written: row {past.rows}, hash {past.hash}; "
        f"those before row {past.first} are no longer kept"
    )


def test_a_file_that_only_tells_how_alarms_are_is_not_full(tmp_path: Path) -> None:
    """Where there are many alarms, that row alone is longer than a file may be: it goes on all the same."""
    world = World(tmp_path, book(tmp_path, f"{BOOK}journal: {{megabytes: 0.003}}\n"))
    world.keeper.hear([verdict(seq, camera=f"c{number}") for number in range(50) for seq in (1, 2, 3)])
    for _ in range(5):
        world.now += S // 5
        world.keeper.beat()
        world.start()
    assert len(files(world.journal)) == 2


def test_figures_are_known_over_files(tmp_path: Path) -> None:
    """Of the last day, whatever file it is in."""
    world = grown(tmp_path, kept=100)
    for seq in range(10, 40, 5):
        world.keeper.hear([verdict(seq, "PASS"), *(verdict(seq + i) for i in (1, 2, 3))])
        world.now += 61 * S
        world.keeper.beat()
    before = world.keeper.answer(None).figures
    world.start()
    after = world.keeper.answer(None).figures
    assert before is not None
    assert after is not None
    assert (after.top, after.raised) == (before.top, before.raised)
