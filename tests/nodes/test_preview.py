"""preview: the sheet shows what was seen beside what was decided, and is never half a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from nodes.sinks import canvas
from nodes.sinks.crops import HUES, said
from nodes.sinks.gallery import Gallery
from nodes.sinks.preview import preview
from nodes.sinks.sheet import which
from pipeline.errors import NodeError
from pipeline.masks import Mask
from pipeline.records import Finding, Frame, Gap, Image, Layer, Part, Region, Regions, Roi, Track, Tracks, Verdict

cv2 = pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

RED, GREEN = (248, 81, 73), (46, 160, 67)
Seen = Frame | Image | Regions | Tracks | Part | Verdict | Gap


def region() -> Region:
    """A block of 20 × 30 px in a view of 96 × 96."""
    pixels = np.zeros((96, 96), bool)
    pixels[10:40, 5:25] = True
    return Region("part", 600, (5, 10, 20, 30), (14.5, 24.5), 0, 0, 1.0, True, 1.0, Mask.from_dense(pixels))


def names(seq: int, camera: str = "cam-1") -> dict[str, Any]:
    """The fields that name a frame."""
    return {"camera": camera, "session": "s", "seq": seq, "t_ns": 1_795_363_200_000_000_000 + seq}


def part(number: int, camera: str = "cam-1") -> Part:
    """Part `number`, seen once."""
    return Part(**names(number, camera), id=number, first_seq=0, views=1, hidden=0, best=region(), best_seq=0)


def verdict(number: int, outcome: Any = "FAIL", camera: str = "cam-1") -> Verdict:
    """What was decided about part `number`."""
    found = (Finding(rule="no-hole", reason="HOLE", measure="hole_area_px", value=31.0, high=5.0),)
    return Verdict(
        **names(number, camera), outcome=outcome, subject="part", part=number, first_seq=0,
        findings=found if outcome == "FAIL" else (),
    )  # fmt: skip


def drawn(path: Path, *batches: list[Seen], **params: Any) -> np.ndarray[Any, Any]:
    """The sheet after these records: (H, W, 3), red first."""
    preview(iter(batches), path=str(path), **params)
    return cv2.imread(str(path))[:, :, ::-1]  # type: ignore[no-any-return]


def pixels(sheet: np.ndarray[Any, Any], colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this colour."""
    return int((sheet == colour).all(axis=2).sum())


def test_a_failed_part_is_red_and_a_good_one_green(tmp_path: Path) -> None:
    """The colour of a badge and an outline is the outcome's, and of no other."""
    failed = drawn(tmp_path / "a.png", [part(1), verdict(1)])
    passed = drawn(tmp_path / "b.png", [part(1), verdict(1, "PASS")])
    assert pixels(failed, RED) > 2 * pixels(passed, RED)
    assert pixels(passed, GREEN) > 2 * pixels(failed, GREEN)


def test_verdict_and_part_meet_in_either_order(tmp_path: Path) -> None:
    """They come by different edges: whichever is first waits for the other."""
    one = drawn(tmp_path / "a.png", [part(1), verdict(1)])
    other = drawn(tmp_path / "b.png", [verdict(1)], [part(1)])
    assert (one == other).all()


def test_parts_of_another_session_are_other_parts() -> None:
    """After a restart ids begin anew: an old verdict must not judge a new part."""
    gallery = Gallery(8)
    gallery.add(verdict(1))
    again = Part(**(names(1) | {"session": "t"}), id=1, first_seq=0, views=1, hidden=0, best=region(), best_seq=0)
    gallery.add(again)
    (shown,) = gallery.rows["cam-1"].recent()
    assert shown.view is not None
    assert shown.verdict is None


def test_a_verdict_told_twice_counts_once() -> None:
    """A resend after a crash must not change the counts."""
    gallery = Gallery(8)
    for record in (verdict(1), verdict(1), verdict(2, "PASS")):
        gallery.add(record)
    assert gallery.outcomes == {"FAIL": 1, "PASS": 1}
    assert gallery.rows["cam-1"].reasons == {"HOLE": 1}


@pytest.mark.parametrize("order", [1, -1], ids=["frame first", "verdict first"])
def test_frames_are_judged_too(order: int) -> None:
    """Where a line judges frames, the tile is the whole view of that frame; they too meet in either order."""
    gallery = Gallery(8)
    seen = Regions(**names(4), size=(96, 96), regions=(region(),))
    judged = Verdict(**names(4), outcome="PASS", subject="frame", first_seq=4)
    for record in [seen, judged][::order]:
        gallery.add(record)
    (shown,) = gallery.rows["cam-1"].recent()
    assert shown.name == "4"
    assert shown.view is not None
    assert shown.verdict is judged


def test_what_nobody_saw_has_a_tile(tmp_path: Path) -> None:
    """A gap is shown as NO READ, in its own colour: loss is never silent."""
    gap = Gap(**names(5), last=9, reason="overflow", where="track→rules")
    sheet = drawn(tmp_path / "a.png", [gap])
    assert pixels(sheet, (150, 120, 245)) > 2 * pixels(drawn(tmp_path / "b.png", [part(1)]), (150, 120, 245))


def test_every_view_can_be_drawn(tmp_path: Path) -> None:
    """Frames, measured frames and tracked frames all appear; an empty one of no size does no harm."""
    size = (96, 96)
    records: list[Seen] = [
        Frame(**names(1, "a"), size=size, layers=(Layer("part", region().mask),)),
        Regions(**names(1, "b"), size=size, regions=(region(),)),
        Tracks(**names(1, "c"), size=size, tracks=(Track(7, region()),)),
        Frame(**names(1, "d"), size=(0, 0)),
    ]
    sheet = drawn(tmp_path / "a.png", records)
    assert sheet.shape[0] > drawn(tmp_path / "b.png", records[:1]).shape[0]


def test_the_sheet_is_a_function_of_what_was_seen(tmp_path: Path) -> None:
    """Two runs over the same records give the same bytes, whatever the batches were."""
    records: list[Seen] = [part(1), verdict(1), part(2), verdict(2, "PASS"), part(3, "cam-2")]
    drawn(tmp_path / "a.png", records)
    drawn(tmp_path / "b.png", records[:2], records[2:])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_last_parts_are_kept(tmp_path: Path) -> None:
    """The sheet shows the newest `parts`, newest first, and does not grow with the run."""
    gallery = Gallery(3)
    for number in range(200):
        gallery.add(part(number))
        gallery.add(verdict(number, "PASS"))
    assert [e.name for e in gallery.rows["cam-1"].recent()] == ["#199", "#198", "#197"]
    assert gallery.outcomes["PASS"] == 200


def test_a_viewer_never_meets_half_a_picture(tmp_path: Path) -> None:
    """Every rewrite is one step: whenever one looks, the file is a whole PNG, and nothing else lies beside it."""
    path = tmp_path / "deep" / "sheet.png"

    def batches() -> Iterator[list[Seen]]:
        for number in range(3):
            yield [part(number), verdict(number)]
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
            assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]

    preview(batches(), path=str(path))


def test_long_words_stay_in_their_place() -> None:
    """A name that is too wide is cut with an ellipsis and fits."""
    sheet = canvas.Canvas(100, 20, (0, 0, 0))
    cut = sheet.fit("a camera with a very long name", 15, 80)
    assert cut.endswith("…")
    assert sheet.width(cut, 15) <= 80
    assert sheet.fit("short", 15, 80) == "short"


def test_without_opencv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one thing a user must know is the command."""
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    canvas.vision.cache_clear()
    with pytest.raises(NodeError, match=r"preview draws with OpenCV, .*: pip install 'kensa\[vision\]'"):
        canvas.Canvas(10, 10, (0, 0, 0))


def frame(**words: Any) -> Frame:
    """A frame with a block in it, of a crop of the sensor."""
    layers = (Layer("part", region().mask),)
    return Frame(**names(0), size=(96, 96), layers=layers, prompt="rim", roi=Roi(1708, 1200, 640, 640), **words)


@pytest.mark.parametrize("turned", [False, True])
def test_a_view_says_where_the_camera_looked(*, turned: bool) -> None:
    """The crop comes with the frame, outlines with ids from its tracks: both are shown, whichever came first."""
    gallery = Gallery(4)
    tracks = Tracks(**names(0), size=(96, 96), tracks=(Track(7, region()),))
    for record in (tracks, frame(epoch="unknown")) if turned else (frame(epoch="unknown"), tracks):
        gallery.add(record)
    view = gallery.rows["cam-1"].view
    assert view is not None
    assert (view.prompt, view.roi, view.epoch) == ("rim", Roi(1708, 1200, 640, 640), "unknown")
    assert [shape.id for shape in view.shapes] == [7]
    assert view.roi is not None
    assert said(view.roi) == "640 × 640 at (1708, 1200)"
    assert which(view) == "frame 0 · rim · UNKNOWN"


def test_each_prompt_has_its_place_on_the_sensor(tmp_path: Path) -> None:
    """Crops are drawn in the colours of their prompts where they lie; those of an earlier session are gone."""
    other = replace(frame(), seq=1, prompt="lid", roi=Roi(0, 0, 400, 400))
    one, two = drawn(tmp_path / "one.png", [frame()]), drawn(tmp_path / "two.png", [frame(), other])
    assert one.shape == two.shape
    assert (pixels(one, HUES[1]), pixels(two, HUES[1]) > 60) == (0, True)
    rim, lid = (np.argwhere((two[:, :460] == hue).all(axis=2)).min(axis=0) for hue in HUES[:2])
    assert np.abs(rim - lid - (59, 84)).max() <= 1  # 1200 and 1708 sensor pixels apart, where 4056 are 200
    gallery = Gallery(4)
    for record in (frame(), other, replace(other, session="next")):
        gallery.add(record)
    assert [*gallery.rows["cam-1"].crops] == ["lid"]


def test_without_crops_there_is_no_place_for_them(tmp_path: Path) -> None:
    """A line whose masks are of no sensor has the sheet to itself."""
    bare = Frame(**names(0), size=(96, 96), layers=(Layer("part", region().mask),))
    assert drawn(tmp_path / "a.png", [bare]).shape[1] < drawn(tmp_path / "b.png", [frame()]).shape[1]


def test_a_camera_whose_images_leave_is_marked(tmp_path: Path) -> None:
    """Whoever looks at the sheet sees which cameras show more than masks."""
    picture = Image(**names(0, "cam-2"), size=(2, 2), format="png", data=b"")
    bare = drawn(tmp_path / "bare.png", [frame()])
    marked = drawn(tmp_path / "marked.png", [frame(), picture])
    amber = pixels(bare, (210, 153, 34))
    assert pixels(marked, (210, 153, 34)) > amber + 100
