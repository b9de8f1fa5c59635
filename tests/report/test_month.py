"""A month of 64 cameras: the report finds the five that are not as they should be, and nobody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.batch.aggregating import Request, aggregate
from pipeline.batch.measures import chosen
from pipeline.batch.observing import Asked
from pipeline.batch.studies import Study, Tolerance
from pipeline.batch.windows import Calendar
from pipeline.cli import main
from pipeline.report.findings import Story, stories
from pipeline.report.reading import results
from tests.batch.fleets import STILL, Fleet, name, written
from tests.report.browsers import SIZES, browser, visited

pytest.importorskip("apache_beam", reason="pip install 'kensa[batch]'")
pytest.importorskip("scipy", reason="pip install 'kensa[batch]'")

# Dask's and the browser's event loops leave sockets to the collector.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::ResourceWarning")]

MONTH = Fleet()
STUDY = Study(10, baseline=45, tolerances=(Tolerance("part", "area_px", 2700, 3300),))


def counted(folder: Path, fleet: Fleet, seed: int) -> Path:
    """The results of a fleet's month, shift by shift; one file was sent again, one is torn."""
    archive = written(folder / "archive", fleet, seed, masks=fleet is MONTH)
    sent = archive / "plant=Kyoto" / "line=weld" / "table=frames" / "date=2026-11-09" / "frames-8.parquet"
    shutil.copy(sent, sent.with_name("sent-again.parquet"))
    sent.with_name("torn.parquet").write_bytes(sent.read_bytes()[:2000])
    asked = Asked(chosen(["area_px", "score", "found", "brightness", "lux", "temperature_c"]), pixels=fleet is MONTH)
    aggregate(Request(archive, folder / "out", Calendar("Asia/Tokyo", "shift"), asked=asked, study=STUDY))
    return folder / "out"


def told(out: Path) -> dict[str, Story]:
    """What stands out, by camera."""
    found = results(out)
    return {story.camera[2]: story for story in stories(found.told, found.charts)}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the month in which five things are wrong."""
    return counted(tmp_path_factory.mktemp("month"), MONTH, 1)


@pytest.fixture(scope="module")
def page(month: Path) -> Path:
    """Its report."""
    assert main(["report", str(month)]) == 0
    return month / "report.html"


def test_the_five_are_found_and_nobody_else(month: Path) -> None:
    """Each for what it is."""
    found = told(month)
    cameras = {
        kind: name(getattr(MONTH, kind), MONTH) for kind in ("failing", "drifting", "dirty", "stricter", "swapped")
    }
    assert found.keys() == {*cameras.values()}
    kinds = {kind: found[camera].kind for kind, camera in cameras.items()}
    assert kinds == {"failing": "peers", "drifting": "drift", "dirty": "spot", "stricter": "recipe", "swapped": "model"}
    words = {kind: " ".join(each.words for each in found[camera].findings) for kind, camera in cameras.items()}
    assert "Frames with PIT: 1" in words["failing"]
    assert "Area of part: 3," in words["drifting"]
    assert "lie around 69 % from the left and 31 % from the top" in words["dirty"]
    assert "Score of part: 0.8" in words["dirty"]
    assert "Light of the scene: 3" in words["dirty"]
    assert "Brightness of the crop: 9" in words["dirty"]
    assert "Since 12 Nov 06:00" in words["stricter"]
    assert "judged by recipe b7d1, before by a4c0. Frames with FAIL: 16.9 %, before 8.5 %" in words["stricter"]
    assert "Since 20 Nov 06:00" in words["swapped"]
    assert "seen by network net-2, before by net-1" in words["swapped"]


def test_of_a_still_month_nothing_stands_out(tmp_path: Path) -> None:
    """The same fleet with nothing wrong; of such fleets at most one in twenty may have a false alarm of each search."""
    assert told(counted(tmp_path, STILL, 11)) == {}
    assert main(["report", str(tmp_path / "out")]) == 0
    assert "Nothing stands out." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(page: Path, month: Path, tmp_path: Path) -> None:
    """No script, nothing to fetch; made again, it is the same to the byte."""
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert html.count("http") == html.count('xmlns="http://www.w3.org/2000/svg"')
    assert "url(" not in html
    assert main(["report", str(month), "--output", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_people_can_read_it(page: Path) -> None:
    """In Chromium, on a desk and on a tablet: nothing on the console, nothing cut off, and every part is there."""
    with browser() as running:
        for size in SIZES.values():
            seen = visited(running, page, size)
            assert (seen.said, seen.asked) == ([], [])
            assert seen.width <= size[0]
            assert seen.height > 4 * size[1]
            for part in (
                "What stands out",
                "The fleet",
                "Cameras that fail the most",
                "Why",
                "Control charts",
                "Where",
            ):
                assert part in seen.words
            assert "press-06 sees otherwise than its peers" in seen.words
            assert "beyond the limits" in seen.words
            assert "torn.parquet" in seen.words
        sheet = running.new_page()
        sheet.goto(page.as_uri())
        assert sheet.pdf(format="A4").startswith(b"%PDF")


def test_what_its_data_is_worth_is_told(page: Path) -> None:
    """Rows that came twice, the torn file, and frames that are missing."""
    html = page.read_text(encoding="utf-8")
    seen, again = 64 * MONTH.days * MONTH.frames, 16 * MONTH.frames
    cells = "".join(f'<td class="n">{n:,}</td>' for n in (seen + again, seen, again, 0, 0))
    assert f"<tr><td>frames</td>{cells}</tr>" in html
    assert "24 of 64 cameras miss frames" in html


def test_charts_are_files_for_slides(month: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SVG that stands alone, and PNG."""
    pytest.importorskip("resvg_py", reason="pip install 'kensa[report]'")
    assert main(["report", str(month), "--output", str(tmp_path / "r.html"), "--charts", str(tmp_path / "svg")]) == 0
    drawn = sorted(path.name for path in (tmp_path / "svg").iterdir())
    assert "map-lid-pit.svg" in drawn
    assert any(name.startswith("control-01-paint-06") for name in drawn)
    assert f"{len(drawn)} charts" in capsys.readouterr().out
    assert main(["report", str(month), "--output", str(tmp_path / "r.html"), "--png"]) == 0
    pictures = [*(tmp_path / "r").iterdir()]
    assert len(pictures) == len(drawn)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
