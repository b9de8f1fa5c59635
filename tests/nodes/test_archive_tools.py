"""kensa archive: what it prints, what it leaves, and with which status it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from nodes.sinks.archive import archive
from nodes.sources.coco import shots
from pipeline.archive import read
from pipeline.cli import main
from pipeline.masks import Mask
from pipeline.pieces import pieces
from pipeline.records import Gap, Region, Regions
from tests.nodes.test_archive import MASK, REGION, everything, gap, named

pytest.importorskip("pyarrow", reason="pip install 'kensa[archive]'")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SPOT = Mask.from_dense(np.pad(np.ones((2, 3), bool), ((4, 2), (3, 2))))
PIT = Region("pit", 6, (3, 4, 3, 2), (4.0, 4.5), 0, 0, 1.0, True, 0.5, SPOT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive of three frames, one of them empty, and a gap."""
    frames: list[Any] = [
        Regions(**named(0), size=(8, 8), regions=(REGION, PIT), prompt="top"),
        Regions(**named(1), size=(8, 8)),
        Regions(**named(4), size=(8, 8), regions=(PIT,)),
    ]
    told = Gap(**named(2), last=3, reason="overflow", where="track→rules")
    archive(iter([[frames[0], told], frames[1:]]), path=str(tmp_path / "archive"))
    return tmp_path / "archive"


def kensa(capsys: pytest.CaptureFixture[str], *words: str | Path, status: int = 0) -> str:
    """What a command prints."""
    assert main(["archive", *map(str, words)]) == status
    out, err = capsys.readouterr()
    return out if status < 2 else err


def test_ls_says_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per table, and with --days one per day."""
    rows = [line.split() for line in kensa(capsys, "ls", folder).splitlines()]
    assert ["frames", "2026-11-22", "2", "3"] in [row[:4] for row in rows]
    assert ["regions", "2026-11-22", "2", "3"] in [row[:4] for row in rows]
    archive(iter([[gap(9)], everything(2_600_000)]), path=str(folder))
    assert "2026-11-22 to 2026-11-23, 2 days" in kensa(capsys, "ls", folder)
    days = kensa(capsys, "ls", folder, "--days")
    assert "gaps" in days
    assert "2026-11-23" in days
    assert "found no folder" in kensa(capsys, "ls", folder / "none", status=2)


def test_show_prints_everything_about_a_frame(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, a row a line; a gap is about each of its frames; what is null is left out."""
    rows = [json.loads(line) for line in kensa(capsys, "show", folder, "--seq", "0").splitlines()]
    assert [row["table"] for row in rows] == ["frames", "regions", "regions"]
    assert rows[1]["label"] == "part"
    assert "counts" not in rows[1]
    assert coco.decode({"size": [8, 8], "counts": rows[1]["box_counts"]}).sum() == 8
    (told,) = kensa(capsys, "show", folder, "--seq", "3").splitlines()
    assert json.loads(told) | {"table": "gaps", "seq": 2, "last": 3, "reason": "overflow"} == json.loads(told)
    assert kensa(capsys, "show", folder, "--camera", "cam-9") == ""
    assert len(kensa(capsys, "show", folder, "--table", "regions", "--most", "2").splitlines()) == 2
    assert len(kensa(capsys, "show", folder, "--table", "frames", "--day", "2026-11-22").splitlines()) == 3
    assert kensa(capsys, "show", folder, "--table", "frames", "--day", "2026-11-23") == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "--seq", "9-7"], "expected a frame such as 7, or frames such as 7-12, found '9-7'"),
        (["show", "--day", "22.11."], "expected a day such as 2026-11-22, found '22.11.'"),
        (["prune", "--masks", "old"], "expected a number of days, or never, found 'old'"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was expected."""
    with pytest.raises(SystemExit):
        main(["archive", *words, str(folder)])
    assert said in capsys.readouterr().err


def test_the_archives_of_several_lines_are_not_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty answer would be a wrong one: the folder of one of them is named."""
    for action in ("ls", "show", "verify", "compact", "prune"):
        said = kensa(capsys, action, folder.parent, status=2)
        assert said == f"{folder.parent}: expected the archive of one line, found several below it, as {folder}\n"


def test_verify_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A complete archive is said to be so; a hole is told with its frames, and makes the status 1."""
    said = kensa(capsys, "verify", folder)
    assert said.splitlines()[-1] == "complete: 1 sessions in 5 files"
    assert "2 overflow" in said
    for path in pieces(folder, "gaps"):
        path.unlink()
    said = kensa(capsys, "verify", folder, status=1)
    assert "no word of 2 to 3" in said
    assert said.splitlines()[-1] == "not complete: 2 frames unexplained, 0 files damaged"
    (session,) = json.loads(kensa(capsys, "verify", folder, "--json", status=1))["sessions"]
    assert (session["frames"], session["holes"]) == (3, [[2, 3]])


def test_verify_and_show_say_which_file_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its path and the reason; the rest is shown."""
    path = pieces(folder, "frames")[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert f"damaged: {path}: expected bytes with the digest" in kensa(capsys, "verify", folder, status=1)
    said = kensa(capsys, "show", folder, "--table", "frames", status=1)
    assert f"left: {path}: expected bytes with the digest" in said
    assert len(said.splitlines()) == 3


def test_compact_and_prune_say_what_they_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Table by table; a second run has nothing to do."""
    said = kensa(capsys, "compact", folder)
    assert "frames 2026-11-22: 2 files are now 1, 3 rows" in said
    assert said.splitlines()[-1] == "4 files are now 2"
    assert kensa(capsys, "compact", folder) == "nothing to do: no files are small\n"
    said = kensa(capsys, "prune", folder, "--masks", "0", "--dry-run")
    if "regions" not in said:  # the clock of this machine stands before the day of the records
        pytest.skip("a day that is not over cannot be pruned")
    assert "regions 2026-11-22: 3 rows without masks" in said
    assert said.splitlines()[-1].startswith("would have pruned: 6 rows lost their masks, 0 rows went; 0.0 MB")
    kensa(capsys, "prune", folder, "--masks", "0")
    assert read(folder, "regions")["box_counts"].null_count == 3
    assert "left out: 3 regions whose masks the archive has no more" in kensa(
        capsys, "export", folder, folder.parent / "bare.json", status=1
    )
    kensa(capsys, "prune", folder, "--masks", "never", "--rows", "0")
    assert read(folder, "regions").num_rows == 0


def test_export_is_coco_that_others_read(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pycocotools and our own source find the same masks in it; the empty frame is a picture without annotations."""
    out = tmp_path / "masks.json"
    assert kensa(capsys, "export", folder, out) == f"3 frames with 3 masks: {out}\n"
    told = json.loads(out.read_text(encoding="utf-8"))
    assert [image["seq"] for image in told["images"]] == [0, 1, 4]
    assert {each["name"]: each["id"] for each in told["categories"]} == {"part": 1, "pit": 2}
    for each in told["annotations"]:
        dense = coco.decode(each["segmentation"])
        assert dense.sum() == each["area"]
        assert coco.toBbox(each["segmentation"]).tolist() == each["bbox"]
    layers = [shot.open().layers for shot in shots(out, "")]
    assert [[(layer.label, layer.mask) for layer in each] for each in layers] == [
        [("part", MASK), ("pit", SPOT)], [], [("pit", SPOT)],
    ]  # fmt: skip


def test_export_paints_png_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One per frame, the number of a label in each pixel; the smaller region is seen."""
    cv2 = pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")
    kensa(capsys, "export", folder, tmp_path / "png")
    labels = json.loads((tmp_path / "png" / "labels.json").read_text(encoding="utf-8"))
    files = sorted((tmp_path / "png").rglob("*.png"))
    assert [path.name for path in files] == ["000000000.png", "000000001.png", "000000004.png"]
    view = cv2.imread(str(files[0]), cv2.IMREAD_UNCHANGED)
    assert (view == labels["pit"]).tolist() == SPOT.dense.tolist()
    assert ((view == labels["part"]) | SPOT.dense).tolist() == (MASK.dense | SPOT.dense).tolist()
    assert not cv2.imread(str(files[1]), cv2.IMREAD_UNCHANGED).any()


def test_export_of_nothing_and_without_opencv(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are refused in words."""
    assert "no measured frame is meant" in kensa(capsys, "export", folder, tmp_path / "x", "--seq", "77", status=2)
    monkeypatch.setitem(sys.modules, "cv2", None)
    said = kensa(capsys, "export", folder, tmp_path / "y", "--label", "pit", status=2)
    assert said == "PNG files need OpenCV, which is not installed: pip install 'kensa[vision]'\n"
