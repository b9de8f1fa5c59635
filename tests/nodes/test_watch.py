"""A rule book that is edited while the line runs: whole or not at all, between two parts, with its version told."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from nodes.transforms.book import BookError, open_book
from nodes.transforms.rules import rules
from nodes.transforms.watch import Watch
from pipeline.notices import Notice, board
from pipeline.records import Part
from tests.nodes.scenes import region, regions

RULE = "rules: [{{name: r, reason: R, measure: box_width, fail: {{high: {} px}}}}]\n"
BROKEN = "rules: [{name: r, reason: R, measure: box_widht, fail: {high: 3 px}}]\n"
_times = count(1_700_000_000_000_000_000, 1_000_000)


def write(path: Path, text: str) -> None:
    """Write in one go, with a time that no other write had."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    now = next(_times)
    os.utime(fresh, ns=(now, now))
    fresh.replace(path)


def told(path: Path) -> Notice | None:
    """What people are told of this book."""
    return next((notice for notice in board.read() if notice.key == f"rules {path} refused"), None)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A book that allows 30 px."""
    found = tmp_path / "book.yaml"
    write(found, RULE.format(30))
    yield found
    board.settle(f"rules {found} refused")


def test_it_is_taken_up_once_it_was_left_alone(path: Path) -> None:
    """Half a book may be a book: while it is being written nothing is read."""
    now = [0.0]
    watch = Watch(str(path), 1.0, lambda: now[0])
    first = watch.book.version
    write(path, RULE.format(10))
    assert not watch.look()
    now[0] = 1.0
    assert not watch.look()
    write(path, RULE.format(20))
    now[0] = 2.0
    assert not watch.look()
    now[0] = 3.0
    assert watch.look()
    assert watch.book.version == open_book(str(path)).version != first
    now[0] = 9.0
    assert not watch.look()


def test_the_same_words_are_the_same_version(path: Path) -> None:
    """Saved without a change, or with other ends of lines: nothing begins anew."""
    watch = Watch(str(path), 0.0)
    write(path, RULE.format(30).replace("\n", "\r\n"))
    assert not watch.look()


def test_a_bad_file_is_refused_and_the_old_book_stays(path: Path) -> None:
    """A notice tells every fault at its place until the file is good; then it is over by itself."""
    watch = Watch(str(path), 0.0)
    before = watch.book
    write(path, BROKEN)
    assert not watch.look()
    assert watch.book is before
    notice = told(path)
    assert notice is not None
    assert notice.text == (
        f"rule book refused, the book 'book', version {before.version}, still holds; correct the file:\n"
        f"{path}:1:39: measure: unknown measurement 'box_widht'; did you mean 'box_width'?\n"
        f"    {BROKEN.rstrip()}\n"
        f"    {' ' * 38}^"
    )
    assert not watch.look()
    path.unlink()
    assert not watch.look()
    notice = told(path)
    assert notice is not None
    assert "expected a YAML file, found no such file" in notice.text
    write(path, RULE.format(20))
    assert watch.look()
    assert told(path) is None


def test_a_run_that_begins_anew_goes_on_by_the_book_that_held(path: Path) -> None:
    """Whatever made it stumble, a bad file must not stop the line; a process that never knew it says what is wrong."""
    held = Watch(str(path), 0.0).book
    write(path, BROKEN)
    assert Watch(str(path), 0.0).book is held
    assert told(path) is not None
    other = path.with_name("other.yaml")
    write(other, BROKEN)
    with pytest.raises(BookError, match="unknown measurement 'box_widht'"):
        Watch(str(other), 0.0)


def part(number: int, width: int) -> Part:
    """A part so wide."""
    best = region((5, 5, width, 9))
    assert best is not None
    return Part(camera="cam-1", session="s1", seq=number, t_ns=number, id=number, first_seq=number, views=3, hidden=0,
                best=best, best_seq=number)  # fmt: skip


def test_every_verdict_is_of_one_version_and_none_is_missing(path: Path) -> None:
    """Each part is judged by the whole of the book that its verdict names; edits come between parts, bad ones not."""
    texts = [RULE.format(30), RULE.format(10), BROKEN, RULE.format(20), "", RULE.format(30)]
    limits: dict[str, int] = {}

    def parts() -> Iterator[Part]:
        for number in range(60):
            if number % 10 == 0:
                write(path, texts[number // 10])
                if (document := texts[number // 10]) not in ("", BROKEN):
                    limits[open_book(str(path)).version] = int(document.split("high: ")[1].split()[0])
            yield part(number, 15 + number % 10)

    verdicts = [*rules(parts(), book=str(path), look=0.0)]
    assert [verdict.part for verdict in verdicts] == [*range(60)]
    assert len(limits) == 3
    for verdict in verdicts:
        assert verdict.part is not None
        width = 15 + verdict.part % 10
        assert verdict.outcome == ("FAIL" if width > limits[verdict.version] else "PASS")
    used = [limits[verdict.version] for verdict in verdicts]
    assert used == [30] * 10 + [10] * 20 + [20] * 20 + [30] * 10


def test_a_new_version_remembers_nothing_of_frames_that_the_old_one_judged(path: Path) -> None:
    """Broken in two of two frames: both by the same version."""
    often = "rules: [{{name: r, reason: R, measure: box_width, fail: {{high: {} px}}, often: 2 of 2}}]\n"
    wide = region((5, 5, 40, 9))
    assert wide is not None

    def frames() -> Iterator[object]:
        for seq in range(6):
            if seq in (0, 3):
                write(path, often.format(20 + seq))
            yield replace(regions(seq, []), regions=(replace(wide, centroid=(25.0 + seq, 9.0)),))

    verdicts = [*rules(frames(), book=str(path), look=0.0)]  # type: ignore[arg-type]  # they are Regions
    assert [verdict.outcome for verdict in verdicts] == ["PASS", "FAIL", "FAIL", "PASS", "FAIL", "FAIL"]
    assert len({verdict.version for verdict in verdicts}) == 2


@pytest.mark.slow
def test_edits_from_another_thread_under_load(path: Path) -> None:
    """The file is replaced as fast as a disk can, parts come as fast as they are judged: no verdict is of a mixture."""
    stop, limits = threading.Event(), {}
    for width in (10, 20, 30):
        write(path, RULE.format(width))
        limits[open_book(str(path)).version] = width

    def edit() -> None:
        for number in count():
            if stop.is_set():
                return
            write(path, [RULE.format(10), RULE.format(20), BROKEN, RULE.format(30)][number % 4])

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        verdicts = [*rules((part(n, 5 + n % 30) for n in range(6000)), book=str(path), look=0.0)]
    finally:
        stop.set()
        editor.join()
    assert [verdict.part for verdict in verdicts] == [*range(6000)]
    assert len({verdict.version for verdict in verdicts}) > 1
    for verdict in verdicts:
        assert verdict.part is not None
        assert verdict.outcome == ("FAIL" if 5 + verdict.part % 30 > limits[verdict.version] else "PASS")
