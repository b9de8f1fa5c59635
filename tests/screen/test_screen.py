"""What a screen shows of what comes to it: rejects with what was seen, cameras, and what stands above everything."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nodes.drawing.portrait import Shown
from nodes.screen.kept import Memory
from nodes.screen.picture import picture, sheet
from nodes.screen.rejects import Rejects
from nodes.screen.screen import Screen
from nodes.screen.sections import LARGEST, Alarms
from nodes.screen.shifts import zoned
from nodes.screen.tally import CAMERAS, Kept, Tally, open_tally
from nodes.sinks.dashboard import dashboard
from nodes.sinks.events import identity
from pipeline.masks import Mask
from pipeline.orders import Shown as ShownAlarm
from pipeline.records import Frame, Gap, Image, Layer, Record, Regions, View
from tests.conftest import ROOT
from tests.nodes.alarming import NOON
from tests.screen.scenes import HOLE, STARTS, head, names, part, region, tracks, verdict

pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")


CALLED = partial(
    ShownAlarm, alarm="bad@cam-1", state="unacknowledged", life="unacknowledged", priority="high", since_ns=0, count=1,
    occurrence="", text="", by="", reason="", until_ns=0, first=False, chattering=False, cause="", consequence="",
    action="", link="",
)  # fmt: skip


def screen(**said: Any) -> Screen:
    """A screen that nobody looks at."""
    return Screen(open_tally(Kept(), STARTS, zoned("UTC"), 10.0, lambda: NOON), Rejects(96), head(**said), 10.0)


def shown(*records: Record, **said: Any) -> dict[str, Any]:
    """Every section after these records."""
    found = screen(**said)
    for record in records:
        found.add(record)
    return {name: json.loads(body) for name, body in found.fresh(slow=True)}


def test_a_view_travels_as_its_masks() -> None:
    """Run lengths as they came; nothing is unpacked, and no pixel of a picture is in it."""
    look = shown(tracks(7))["live"]["cam-1"]["look"]
    (shape,) = look["shapes"]
    assert (look["seq"], look["size"], look["prompt"], look["epoch"]) == (7, [96, 96], "belt", "settled")
    mask = Mask.from_counts((96, 96), shape["counts"].encode())
    assert mask == tracks(7).tracks[0].region.mask
    assert tuple(shape["box"]) == mask.box


def test_a_mask_that_is_too_large_is_told_as_its_box() -> None:
    """A page is never sent more than it can draw."""
    import numpy as np

    noise = Mask.from_dense(np.random.default_rng(1).random((400, 400)) > 0.5)
    assert len(noise.counts) > LARGEST
    look = shown(Frame(**names(1), size=(400, 400), layers=(Layer("part", noise),)))["live"]["cam-1"]["look"]
    assert [shape["counts"] for shape in look["shapes"]] == [""]


def test_the_last_verdict_says_why() -> None:
    """With what was measured against which limit, and the way to its drawing."""
    last = shown(part(1), verdict(1))["live"]["cam-1"]["last"]
    assert (last["outcome"], last["reason"], last["measured"], last["allowed"]) == ("FAIL", "HOLE", "31 px²", "≤ 0 px²")
    assert last["id"] == identity(verdict(1))
    assert shown(verdict(1, "PASS"))["live"]["cam-1"]["last"]["id"] == ""


def test_frames_that_are_missing_are_told_beside_their_camera() -> None:
    """Loss is never silent."""
    gap = Gap(**names(5), last=9, reason="overflow", where="track→screen")
    assert shown(gap)["live"]["cam-1"]["missing"] == 5


@pytest.mark.parametrize("order", [1, -1], ids=["part first", "verdict first"])
def test_a_reject_and_what_was_seen_meet_in_either_order(order: int) -> None:
    """They come by different edges."""
    (found,) = shown(*[part(1), verdict(1)][::order])["rejects"]
    assert (found["id"], found["drawn"], found["part"]) == (identity(verdict(1)), True, 1)
    assert found["findings"][0]["measure"] == "hole area"


def test_rejects_are_fail_and_no_read_newest_first() -> None:
    """What passed is not among them; who was never seen has no drawing, and is there."""
    found = shown(verdict(1), verdict(2, "PASS"), verdict(3, "WARN"), verdict(4, "NO_READ"))["rejects"]
    assert [(each["part"], each["outcome"], each["drawn"]) for each in found] == [
        (4, "NO_READ", False),
        (1, "FAIL", False),
    ]


def test_frames_are_rejected_too() -> None:
    """Where a line judges frames, the whole view is drawn."""
    judged = replace(verdict(7), subject="frame", part=None)
    (found,) = shown(tracks(7), judged)["rejects"]
    assert (found["subject"], found["drawn"]) == ("frame", True)
    seen = Regions(**names(7), size=(96, 96), regions=(region(),))
    assert shown(judged, seen)["rejects"][0]["drawn"]


def test_a_verdict_on_several_views_shows_the_one_that_decided() -> None:
    """The camera that found it, whatever the order of the views."""
    views = (View("cam-1", "s", 1, "PASS", 1), View("cam-2", "s", 1, "FAIL", 1))
    joined = replace(verdict(1, camera="station"), views=views)
    rejects = Rejects(8)
    rejects.see(part(1, "cam-1"))
    rejects.see(part(1, "cam-2", HOLE))
    rejects.judge(joined)
    ((_, found),) = rejects
    assert found.record is not None
    assert found.record.camera == "cam-2"


def test_rejects_are_bounded_and_those_that_alarms_lead_to_stay() -> None:
    """An alarm that stands for an hour still leads to its verdict."""
    rejects = Rejects(3)
    rejects.judge(verdict(0))
    assert rejects.pin([identity(verdict(0))])
    assert not rejects.pin([identity(verdict(0))])
    for number in range(1, 2000):
        rejects.judge(verdict(number))
    assert [shown.verdict.part for _, shown in rejects if shown.verdict] == [1999, 1998, 1997, 0]


def recalled(path: Path, keep: int = 8) -> Rejects:
    """What hangs after a restart."""
    rejects, memory = Rejects(keep), Memory(path)
    memory.recall(rejects)
    memory.close()
    return rejects


def test_rejects_outlive_a_kill(tmp_path: Path) -> None:
    """Records as they were; a file that is torn is an empty gallery, and is kept."""
    rejects, memory = Rejects(8), Memory(tmp_path / "screen")
    for number in (1, 2):
        rejects.see(part(number, finding=HOLE))
        rejects.judge(verdict(number))
    rejects.judge(verdict(3, "NO_READ"))
    memory.keep(memory.changes(Tally(Kept(), STARTS, zoned("UTC"), 1), rejects))
    assert [*recalled(tmp_path / "screen")] == [*rejects]
    memory.close()
    (tmp_path / "screen").write_bytes(b"00000000\nnothing")
    assert [*recalled(tmp_path / "screen")] == []
    assert (tmp_path / "screen.damaged").read_bytes() == b"00000000\nnothing"


def test_what_alarms_lead_to_outlives_a_kill(tmp_path: Path) -> None:
    """An old reject that an alarm stands for, a WARN that one stands for, and a part that waits for its verdict."""
    rejects, memory, tally = Rejects(2), Memory(tmp_path / "screen"), Tally(Kept(), STARTS, zoned("UTC"), 1)
    called = [identity(verdict(0)), identity(verdict(1, "WARN"))]
    for number in range(7):
        rejects.judge(verdict(number, "WARN" if number % 2 else "FAIL"))
        rejects.pin(called)
        memory.keep(memory.changes(tally, rejects))
    rejects.see(part(7, finding=HOLE))
    memory.keep(memory.changes(tally, rejects))
    again = recalled(tmp_path / "screen", 2)
    assert [shown.verdict.part for _, shown in again if shown.verdict] == [6, 5, 4, 3, 1, 0]
    again.judge(verdict(7))
    found = again.find(identity(verdict(7)))
    assert found is not None
    assert found.record == part(7, finding=HOLE)


def test_a_warning_is_no_reject_unless_an_alarm_leads_to_it() -> None:
    """It takes no reject's place, and nobody is told of it."""
    found = screen()
    for number in range(3):
        found.add(verdict(number, "WARN"))
    found.add(verdict(3))
    assert [each["part"] for each in json.loads(dict(found.fresh())["rejects"])] == [3]
    called = CALLED(verdict=identity(verdict(1, "WARN")))
    found.hear(None, Alarms(known=True, silent=False, alarms=(called,)))
    assert [each["part"] for each in json.loads(dict(found.fresh())["rejects"])] == [3, 1]
    found.hear(None, Alarms(known=True, silent=True))  # a process that begins anew: nothing is let go
    assert "rejects" not in dict(found.fresh())


def test_a_drawing_shows_what_was_measured() -> None:
    """Large with its figures, small without a letter; nothing where nothing was seen."""
    seen = Shown(verdict(1), part(1, finding=HOLE))
    large, small = picture(seen, small=False), picture(seen, small=True)
    assert large is not None
    assert small is not None
    assert b"31 px" in large
    assert b"<text" not in small
    assert picture(Shown(verdict(1)), small=True) is None
    assert b"--fail: rgb(248 81 73);" in sheet()


def test_words_stand_out_from_what_is_behind_them() -> None:
    """WCAG 2.2, 1.4.3: 4.5 : 1; 3 : 1 for what is large, or says nothing that is not said elsewhere."""
    styles = sheet().decode() + (ROOT / "nodes" / "screen" / "web" / "screen.css").read_text()
    found = {name: each.split() for name, each in re.findall(r"--(\w+): rgb\((\d+ \d+ \d+)\)", styles)}
    light = {name: _light([int(part) for part in parts]) for name, parts in found.items()}
    words = {"ink", "pale", "faint", "pass", "warn", "fail", "noread", "critical", "high", "medium", "low", "accent"}
    for word, behind in product(sorted(words), ("back", "panel", "well")):
        least = 3.0 if word == "faint" else 4.4 if behind == "well" else 4.5  # verdicts in a well are large
        assert (light[word] + 0.05) / (light[behind] + 0.05) >= least, f"{word} on {behind}"


def _light(colour: list[int]) -> float:
    """Relative luminance of sRGB, WCAG 2.2."""
    shares = [part / 255 for part in colour]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_pictures_are_shown_only_where_the_topology_says_so() -> None:
    """And wherever they leave a camera, the page says it."""
    image = Image(**names(1), size=(2, 2), format="png", data=b"png")
    hidden, told = screen(), screen(images=True)
    for each in (hidden, told):
        each.add(image)
    eyes = [json.loads(dict(each.fresh())["live"])["cam-1"] for each in (hidden, told)]
    assert [(eye["pictured"], eye["picture"]) for eye in eyes] == [(True, None), (True, 1)]
    assert (hidden.pictures, told.pictures) == ({}, {"cam-1": image})


def test_names_that_somebody_makes_up_fill_no_memory() -> None:
    """A stranger's cameras are bounded."""
    found = screen()
    for number in range(CAMERAS + 50):
        found.add(verdict(1, camera=f"made-up-{number}"))
    assert len(json.loads(dict(found.fresh())["live"])) == CAMERAS


def test_only_what_changed_is_told() -> None:
    """A frame changes what is live, and nothing else; the trend, which is long, is told with the second."""
    found = screen()
    assert {*dict(found.fresh(slow=True))} == {"live", "counts", "rejects", "trend", "alarms"}
    found.add(tracks(1))
    assert [*dict(found.fresh())] == ["live"]
    found.add(verdict(1))
    assert [*dict(found.fresh())] == ["counts", "live", "rejects"]
    assert [*dict(found.fresh(slow=True))] == ["trend"]
    found.hear(None, Alarms(known=True, silent=False))
    assert [*dict(found.fresh())] == ["alarms"]


def test_parameters_that_cannot_be_are_faults_of_the_topology() -> None:
    """A zone that nobody knows, or no shift at all, is told where it stands."""
    spec = dashboard.spec  # type: ignore[attr-defined]
    assert [(flaw.path, flaw.text) for flaw in spec.check(spec.params(zone="Mars", shifts=()))] == [
        (("shifts",), "expected at least one time of day, got none"),
        (("zone",), "expected a time zone such as Europe/Berlin or Asia/Tokyo, got 'Mars'"),
    ]
