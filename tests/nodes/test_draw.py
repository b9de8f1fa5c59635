"""draw: any verdict of an archive becomes a page; what is not there is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.records import Regions
from tests.nodes.archives import book, gap, judged, kept, part, region, who

cv2 = pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")
pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Parts 0 to 3, 28 to 31 px wide, a gap, and a frame; 30 px is the limit."""
    today = book(tmp_path, "today", 30)
    frame = Regions(**who(9), size=(40, 80), regions=(region(40), region(10)))
    return kept(tmp_path / "archive", judged([*(part(n, 28 + n) for n in range(4)), gap(5), frame], today))


def drawn(out: Path) -> list[str]:
    """Names of the files."""
    return sorted(path.name for path in out.iterdir())


def test_every_verdict_can_be_drawn(line: Path, tmp_path: Path) -> None:
    """Parts, frames and gaps: one page each, in order of exposure."""
    assert main(["draw", str(line), "-o", str(tmp_path / "out")]) == 0
    assert drawn(tmp_path / "out") == [
        "000-cam-1-part-0-PASS.png", "001-cam-1-part-1-PASS.png", "002-cam-1-part-2-PASS.png",
        "003-cam-1-part-3-FAIL.png", "004-cam-1-gap-5-NO_READ.png", "005-cam-1-frame-9-FAIL.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--part", "2"], ["000-cam-1-part-2-PASS.svg"]),
        (["--seq", "9"], ["000-cam-1-frame-9-FAIL.svg"]),
        (["--outcome", "NO_READ"], ["000-cam-1-gap-5-NO_READ.svg"]),
        (["--reason", "WIDE", "--most", "1"], ["000-cam-1-part-3-FAIL.svg"]),
        (["--camera", "cam-1", "--session", "s", "--most", "1"], ["000-cam-1-part-0-PASS.svg"]),
    ],
)
def test_what_is_asked_for_is_drawn(words: list[str], wanted: list[str], line: Path, tmp_path: Path) -> None:
    """By part, frame, outcome, reason, camera and session."""
    assert main(["draw", str(line), "--svg", "-o", str(tmp_path / "out"), *words]) == 0
    assert drawn(tmp_path / "out") == wanted


def test_as_another_book_judges(line: Path, tmp_path: Path) -> None:
    """The page says both: what it would be, and what it was."""
    page = tmp_path / "page.svg"
    other = book(tmp_path, "other", 20, "BROAD")
    assert main(["draw", str(line), "--part", "0", "--rules", other, "-o", str(page)]) == 0
    told = page.read_text(encoding="utf-8")
    assert ">FAIL<" in told
    assert ">was PASS<" in told
    assert ">BROAD<" in told
    assert ">28 px  (≤ 20 px)<" in told


@pytest.mark.parametrize(("often", "page"), [("1 of 2", "FAIL"), ("2 of 2", "NO_READ")])
def test_another_book_knows_what_came_before(often: str, page: str, line: Path, tmp_path: Path) -> None:
    """A rule on several frames: the one before this frame is hidden by a gap, and that is not forgotten."""
    path = tmp_path / "edge.yaml"
    rule = "{name: edge, measure: box_width, fail: {high: 30 px}, often: %s, reason: EDGE}"
    path.write_text(f"rules: [{rule % often}]\n", encoding="utf-8")
    earlier = Regions(**who(4), size=(40, 80), regions=(region(20),))
    later = Regions(**who(6), size=(40, 80), regions=(region(40),))
    archive = kept(tmp_path / "other", judged([earlier, gap(5), later], book(tmp_path, "now", 30)))
    assert main(["draw", str(archive), "--seq", "6", "--rules", str(path), "--svg", "-o", str(tmp_path / "out")]) == 0
    assert drawn(tmp_path / "out") == [f"000-cam-1-frame-6-{page}.svg"]


def test_the_same_verdict_gives_the_same_page(line: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    for name in ("a", "b"):
        main(["draw", str(line), "--part", "3", "--theme", "dark", "-o", str(tmp_path / f"{name}.png")])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert cv2.imread(str(tmp_path / "a.png")).shape == (640, 980, 3)


def test_what_is_not_there_is_told(line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1, and no file; damaged pieces are told."""
    assert main(["draw", str(line), "--part", "77", "-o", str(tmp_path / "out")]) == 1
    assert "no such verdict" in capsys.readouterr().out
    torn = min((line / "table=verdicts").rglob("*.parquet"))
    torn.write_bytes(b"torn")
    assert main(["draw", str(line), "-o", str(tmp_path / "out")]) == 1
    assert f"not read: {torn}: expected bytes with the digest" in capsys.readouterr().out
    assert main(["draw", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
