"""Golden masks: made of what was seen, named by a digest, never changed by hand and never overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from msgspec.structs import replace

from nodes.sinks.archive import archive
from nodes.tools.golden import majority
from nodes.transforms.book import open_book
from nodes.transforms.judge import Judge
from pipeline.cli import main
from pipeline.golden import Golden, GoldenError, digest, made, open_golden, read_golden, text
from pipeline.located import parse
from pipeline.masks import Mask
from pipeline.recordings import Writer, header
from pipeline.records import Part, Roi
from tests.nodes.gauging import Dense, L, box, drawn, seen
from tests.nodes.scenes import SIZE, frame
from tests.strategies import masks


def recorded(path: Path, *shown: Dense, **fields: Any) -> Path:
    """A recording of these, a frame each."""
    with Writer(path, header("line", ["camera"])) as writer:
        for seq, pixels in enumerate(shown):
            writer.write("camera", frame(pixels, seq=seq, t_ns=seq, **fields))
    return path


def archived(folder: Path, *shown: Dense, judged: bool = True, **fields: Any) -> Path:
    """An archive of parts that look like these; with verdicts, by which less than 1,000 px² is no part."""
    book = folder / "book.yaml"
    book.write_text("rules: [{name: r, measure: area, fail: {low: 1000 px²}, reason: R}]", encoding="utf-8")
    judge, told = Judge(open_book(str(book))), list[Any]()
    for number, pixels in enumerate(shown):
        (best,) = seen(pixels).regions
        who: dict[str, Any] = {"camera": "cam-1", "session": "s1", "seq": number, "t_ns": number * 10**9} | fields
        part = Part(**who, id=number, first_seq=number, views=1, hidden=0, best=best, best_seq=number)
        told += [part, judge.judge(part)] if judged else [part]
    archive(iter([told]), path=str(folder / "kept"))
    return folder / "kept"


@given(masks().filter(lambda mask: mask.area > 0))
@example(Mask.from_dense(np.ones((5, 17), bool)))  # its run lengths look like a number, 0e2
def test_a_golden_mask_comes_back(mask: Mask) -> None:
    """Through YAML, whatever its run lengths look like; its digest holds."""
    golden = made(mask, id="it", date="2026-11-26", roi=(1, 2, 3, 4), masks=7, by="Ann")
    document = parse(text(golden))
    assert not document.faults
    found = msgspec.convert(document.data, Golden)
    assert found == golden
    assert found.mask == mask
    assert found.crop == Roi(1, 2, 3, 4)
    assert found.name == f"it {digest(found)}"


def test_a_digest_is_of_all_that_it_says_of_the_part() -> None:
    """Another pixel, prompt, crop or name is another digest; who made it of how many masks is not part of it."""
    golden = made(Mask.from_dense(drawn(L)), id="it", date="2026-11-26")
    other = made(Mask.from_dense(drawn(L, box(0, 0, 1, 1))), id="it", date="2026-11-26")
    changed = [replace(golden, **each) for each in ({"prompt": "rim"}, {"id": "that"}, {"roi": (1, 2, 3, 4)})]
    assert len({golden.digest, other.digest, *map(digest, changed)}) == 5
    assert digest(replace(golden, by="Ann", masks=3)) == golden.digest


@pytest.mark.parametrize(
    ("field", "value", "line", "said"),
    [
        ("date", "2026-02-30", 2, "date: expected a day such as 2026-11-22, got '2026-02-30': day is out of range"),
        ("digest", "0123456789ab", 3, "digest: expected "),
        ("counts", "", 5, "counts: expected run lengths that fill the view: "),
        ("label", "", 6, "label: expected"),
    ],
)
def test_a_fault_stands_at_its_place(field: str, value: str, line: int, said: str, tmp_path: Path) -> None:
    """A golden mask that was changed by hand is none any more."""
    golden = made(Mask.from_dense(drawn(L)), id="it", date="2026-11-26", label="plate")
    path = tmp_path / "it.yaml"
    path.write_text(text(replace(golden, **{field: value})), encoding="utf-8")
    first = read_golden(str(path)).faults[0]
    assert first.line >= line
    assert first.text.startswith(said)
    with pytest.raises(GoldenError, match=r"it\.yaml:"):
        open_golden(str(path))


def test_what_is_no_golden_mask_is_refused(tmp_path: Path) -> None:
    """Empty, something else, or a mask that shows nothing."""
    path = tmp_path / "it.yaml"
    for said, fault in (
        ("[1, 2]", "expected a mapping, got a list"),
        (text(made(Mask.empty(SIZE), id="it", date="2026-11-26")), "counts: expected a mask that shows something"),
    ):
        path.write_text(said, encoding="utf-8")
        assert read_golden(str(path)).faults[0].text.startswith(fault)


def test_of_a_recording_it_is_what_most_frames_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each moved onto the first; a speck in one of them, or what is missing in one, is not in it."""
    shown = [drawn(L), np.roll(drawn(L, box(40, 30, 2, 2)), 3, 1), np.roll(drawn(L) & ~drawn(box(60, 55, 2, 2)), 2, 0)]
    source = recorded(tmp_path / "belt.kensa", *shown, roi=Roi(100, 200, 192, 192), prompt="rim")
    file = tmp_path / "plate.golden.yaml"
    assert main(["golden", str(file), str(source), "--by", "Ann"]) == 0
    golden = open_golden(str(file))
    assert golden.mask == Mask.from_dense(drawn(L))
    assert (golden.id.partition("-")[0], golden.masks, golden.prompt, golden.roi, golden.by, golden.source) == (
        "plate", 3, "rim", (100, 200, 192, 192), "Ann", "belt.kensa cam-1"
    )  # fmt: skip
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{file}: golden mask '{golden.id}' {golden.digest}, 1,175 px² in 96×96"
    assert said[1] == "the majority of 3; the one that is least like it overlaps it by 99.7% (IoU)"
    assert main(["golden", str(file), str(source)]) == 2
    assert "expected a new file, found one; a golden mask is never overwritten" in capsys.readouterr().err


def test_of_some_frames_or_of_a_view_as_a_whole(tmp_path: Path) -> None:
    """Frames by their numbers; of a region cut off by the view no golden mask is made; a view is not moved."""
    cut = drawn(box(0, 20, 20, 20))
    source = recorded(tmp_path / "belt.kensa", cut, drawn(L), drawn(box(20, 20, 9, 9), box(50, 50, 9, 9)))
    for args, wanted in (
        (["--seq", "0-1"], drawn(L)),
        (["--seq", "1", "--seq", "0"], drawn(L)),
        (["--seq", "2"], drawn(box(20, 20, 9, 9))),
        (["--seq", "2", "--view"], drawn(box(20, 20, 9, 9), box(50, 50, 9, 9))),
        (["--seq", "0", "--view"], cut),
    ):
        file = tmp_path / f"{len([*tmp_path.iterdir()])}.yaml"
        assert main(["golden", str(file), str(source), *args]) == 0
        assert open_golden(str(file)).mask == Mask.from_dense(wanted)


def test_of_an_archive_it_is_what_passed(tmp_path: Path) -> None:
    """Parts that the line judged good, or those that are named."""
    kept = archived(tmp_path, drawn(L), drawn(box(20, 20, 9, 9)), np.roll(drawn(L), 4, 0))
    for args, wanted, many in (([], drawn(L), 2), (["--part", "1"], drawn(box(20, 20, 9, 9)), 1)):
        file = tmp_path / f"{many}.yaml"
        assert main(["golden", str(file), str(kept), *args]) == 0
        golden = open_golden(str(file))
        assert (golden.mask, golden.masks) == (Mask.from_dense(wanted), many)


REFUSED: dict[str, tuple[list[str], str]] = {
    "nothing": (
        ["--label", "pit"],
        "expected whole regions with the label 'pit', found none; say which",
    ),
    "cameras": (["--seq", "0-1"], "expected masks of one camera, found cam-1 and cam-2; choose one with --camera"),
    "parts": (["--part", "3"], "--part: expected an archive, which has parts, got the recording"),
    "a name": (["--camera", "cam-1", "--id", "x" * 200], "id: expected"),
    "a word": (["--seq", "first"], "--seq: expected a frame or a range such as 40-60, got 'first'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_made_says_why(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And writes nothing."""
    args, said = REFUSED[name]
    source = tmp_path / "belt.kensa"
    with Writer(source, header("line", ["camera"])) as writer:
        for seq in range(2):
            writer.write("camera", frame(drawn(L), seq=seq, camera=f"cam-{seq + 1}"))
    assert main(["golden", str(tmp_path / "it.yaml"), str(source), *args]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "it.yaml").exists()


def test_an_archive_without_good_parts_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has judged them: then somebody must say which are good."""
    kept = archived(tmp_path, drawn(L), judged=False)
    assert main(["golden", str(tmp_path / "it.yaml"), str(kept)]) == 2
    assert "expected parts that were judged PASS with the label 'part', found none" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_majority_is_more_than_half(count: int) -> None:
    """Half of two is none."""
    one, other = (Mask.from_dense(drawn(box(x, 0, 4, 4))) for x in (0, 2))
    found = majority([one] * (count // 2) + [other] * (count - count // 2))
    wanted = drawn(box(2, 0, 2, 4)) if count % 2 == 0 else other.dense
    assert found == Mask.from_dense(wanted)
