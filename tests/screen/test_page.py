"""The page in Chromium: five tasks by touch and by keyboard, on a panel of 10 inches and on one of 7.

Pictures of what was seen are kept in `out/screens`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nodes.screen.screen import SHOWN
from nodes.screen.stage import Stage
from nodes.sinks.events import identity
from pipeline.masks import Mask
from pipeline.records import Image, Outcome
from tests.conftest import ROOT
from tests.nodes.alarming import NOON, World, book
from tests.report.browsers import browser
from tests.screen.scenes import HOLE, SHARED, SHORT, TOKEN, Line, Onlooker, names, part, staged, tokens, tracks, verdict

pytest.importorskip("cv2", reason="pip install 'kensa[vision]'")

SIZES = [(1280, 800), (800, 480)]
SHOTS = ROOT / "out" / "screens"
VIEWS = ("Line", "Rejects", "Reasons", "Trend", "Alarms")
FINGER = 40  # px: the least that is hit with one
CAMERAS = ("cam-1", "cam-2", "cam-3", "cam-4")
MARKUP = "<img src=x onerror=alert(1)>"
BOOK = """
alarms:
  three-in-a-row:
    when: {row: 3}
    priority: high
    cause: The punch is worn, or a plate is stuck in front of it.
    consequence: Every plate from now on is bad.
    action: Stop the feeder, look at the punch, and let ten plates through by hand.
  many-short:
    when: {rate: 0.5, of: 4, reason: HOLE}
    priority: medium
    cause: The stop of the shear has moved.
    consequence: One plate in five is scrap.
    action: Set the stop anew at the next break.
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all of them."""
    with browser() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A line on which cam-2 has failed three times."""
    (tmp_path / "alarms").mkdir()
    world = World(tmp_path / "alarms", book(tmp_path, BOOK))
    with world.keeper:
        world.keeper.hear([verdict(number, "FAIL", "cam-2") for number in range(100, 104)])
        yield world


@pytest.fixture
def stage(tmp_path: Path, world: World) -> Iterator[Stage]:
    """A screen of that line, after some minutes."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with staged(tmp_path, people=tokens(tmp_path)) as stage:
        for number in range(1, 104):
            for place, camera in enumerate(CAMERAS):
                bad = number % (12 - 3 * place if camera != "cam-2" else 3) == 0 or (camera == "cam-2" and number > 99)
                finding = HOLE if number % 2 or number > 99 else SHORT
                stage.add([part(number, camera, finding if bad else None)])
                stage.add([verdict(number, "FAIL" if bad else "PASS", camera, finding), tracks(number, camera)])
        yield stage


class Eyes:
    """A page that somebody looks at.

    Attributes:
        page: Playwright's.
        said: What its console said, errors of scripts and of loading among it.
    """

    def __init__(self, running: Any, stage: Stage, size: tuple[int, int], path: str = "/") -> None:
        self.size = size
        self.page = running.new_page(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
        self.page.set_default_timeout(60_000)
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(f"http://127.0.0.1:{stage.port}{path}")
        self.page.locator(".tile .word", has_text="FAIL").first.wait_for()

    def shot(self, name: str) -> None:
        """Keep a picture."""
        self.page.screenshot(path=SHOTS / f"{self.size[0]}x{self.size[1]}-{name}.png")

    def sees(self, selector: str, text: str = "") -> Any:
        """Wait until it is to be seen."""
        found = self.page.locator(selector, has_text=text).first
        found.wait_for()
        return found

    def close(self) -> None:
        """Look away; nothing went wrong meanwhile."""
        self.page.close()
        assert self.said == []


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_five_tasks_by_touch(chromium: Any, stage: Stage, world: World, size: tuple[int, int]) -> None:
    """What somebody does who stands before the panel for the first time."""
    eyes = Eyes(chromium, stage, size)
    page = eyes.page

    # Which camera fails most?
    assert "cam-2" in eyes.sees(".tile", "fails most").inner_text()
    eyes.shot("1-line")
    page.get_by_role("tab", name="Reasons").click()
    assert "cam-2" in page.locator(".camera").first.inner_text()
    eyes.shot("2-reasons")

    # Why was the last part rejected?
    page.get_by_role("tab", name="Rejects").click()
    page.locator(".card").first.click()
    told = eyes.sees("dialog.reject").inner_text()
    assert all(word in told for word in ("FAIL", "cam-", "HOLE", "31 px²", "≤ 0 px²", "no hole", "plate 5d1c0ffee123"))
    page.locator("dialog img").evaluate("image => image.decode()")
    eyes.shot("3-reject")
    page.get_by_role("button", name="Close").click()

    # Acknowledge an alarm.
    page.get_by_role("tab", name="Alarms").click()
    told = eyes.sees(".alarm.three-in-a-row, .alarm").inner_text()
    assert "Every plate from now on is bad." in told
    assert "Stop the feeder" in told
    page.get_by_role("button", name="Acknowledge").first.click()
    page.get_by_label("Token").fill(TOKEN)
    eyes.shot("4-sign-in")
    page.get_by_role("button", name="OK").click()
    eyes.sees(".alarm.acknowledged", "anna")

    # Shelve one for ten minutes.
    page.locator(".alarm", has_text="many short").get_by_role("button", name="Shelve").click()
    page.get_by_text("10 min").click()
    page.get_by_text("Maintenance").click()
    eyes.shot("5-shelve")
    page.get_by_role("button", name="OK").click()
    assert "Maintenance" in eyes.sees(".alarm.shelved", "anna").inner_text()
    eyes.shot("6-alarms")
    shelved = world.keeper.alarms["many-short@cam-2"].shelved
    assert shelved is not None
    assert (shelved.by, shelved.reason, shelved.until_ns - NOON) == ("anna", "Maintenance", 600 * 10**9)
    assert world.keeper.alarms["three-in-a-row@cam-2"].acknowledged_by == "anna"

    # Change the language; it stays changed.
    page.get_by_role("button", name="日本語").click()
    page.reload()
    eyes.sees(".tab", "不良品")
    eyes.sees(".alarm .state, .word", "不良")
    assert page.evaluate("document.documentElement.lang") == "ja"
    eyes.shot("7-japanese")
    page.get_by_role("tab", name="推移").click()
    eyes.sees(".chart svg")
    eyes.shot("8-trend")
    eyes.close()


def test_five_tasks_by_keyboard(chromium: Any, stage: Stage, world: World) -> None:
    """Without a pointer, and always seeing where one is."""
    eyes = Eyes(chromium, stage, SIZES[0])
    page = eyes.page

    def reach(text: str) -> None:
        """Tab until what has this text has the focus; the focus can be seen."""
        for _ in range(80):
            page.keyboard.press("Tab")
            if text in page.evaluate(
                "document.activeElement.matches('button') ? document.activeElement.innerText : ''"
            ):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"no way to '{text}' by keyboard")

    page.keyboard.press("3")
    eyes.sees(".camera", "cam-2")
    page.keyboard.press("2")
    reach("HOLE")
    page.keyboard.press("Enter")
    assert "31 px²" in eyes.sees("dialog.reject").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("5")
    eyes.sees(".alarm", "three in a row")
    reach("Acknowledge")
    page.keyboard.press("Enter")
    eyes.sees("dialog.asking")
    page.keyboard.type(SHARED)
    page.keyboard.press("Enter")
    eyes.sees("dialog.asking", "Your name")
    page.keyboard.type("ben")
    page.keyboard.press("Enter")
    eyes.sees(".alarm.acknowledged", "ben")
    reach("Shelve")
    page.keyboard.press("Enter")
    eyes.sees("dialog.asking", "10 min")
    page.keyboard.type("new steel")
    page.keyboard.press("Enter")
    eyes.sees(".alarm.shelved", "new steel")
    page.keyboard.press("l")
    eyes.sees(".tab", "不良品")
    shelved = [alarm.shelved for alarm in world.keeper.alarms.values() if alarm.shelved]
    assert [(one.by, one.reason, one.until_ns - NOON) for one in shelved] == [("ben", "new steel", 600 * 10**9)]
    eyes.close()


def test_a_wrong_token_changes_nothing(chromium: Any, stage: Stage, world: World) -> None:
    """It is told, and can be tried again."""
    eyes = Eyes(chromium, stage, SIZES[0])
    eyes.page.keyboard.press("5")
    eyes.sees(".alarm", "three in a row")
    eyes.page.get_by_role("button", name="Acknowledge").first.click()
    eyes.page.get_by_label("Token").fill("a-wrong-one")
    eyes.page.get_by_role("button", name="OK").click()
    eyes.sees(".wrong", "The token is not known.")
    eyes.page.keyboard.press("Escape")
    assert not [row for row in world.rows() if row.order]
    eyes.page.close()
    assert [text for text in eyes.said if "401" not in text] == []  # the browser itself tells of the refusal


def test_a_panel_signs_in_by_its_address(chromium: Any, stage: Stage) -> None:
    """And the token does not stay there to be read."""
    eyes = Eyes(chromium, stage, SIZES[0], f"/#token={TOKEN}")
    eyes.sees(".tools button", "anna")
    assert TOKEN not in eyes.page.url
    eyes.close()


def test_without_tokens_the_page_is_read_only(chromium: Any, tmp_path: Path, world: World) -> None:
    """It says so, and shows no button that would be refused."""
    with staged(tmp_path) as stage:
        stage.add([part(1, finding=HOLE), verdict(1), tracks(1)])
        eyes = Eyes(chromium, stage, SIZES[0])
        eyes.sees(".tools button", "View only")
        eyes.page.keyboard.press("5")
        eyes.sees(".alarm", "three in a row")
        assert eyes.page.get_by_role("button", name="Acknowledge").count() == 0
        assert eyes.page.get_by_role("button", name="Shelve").count() == 0
        eyes.close()


def test_an_alarms_link_leads_to_the_drawn_verdict(chromium: Any, stage: Stage, world: World) -> None:
    """From a notification elsewhere as from the list; one that is long gone says so."""
    event = world.keeper.alarms["three-in-a-row@cam-2"].because.event
    eyes = Eyes(chromium, stage, SIZES[0], f"/verdict/{event}")
    assert "cam-2" in eyes.sees("dialog.reject").inner_text()
    eyes.close()
    eyes = Eyes(chromium, stage, SIZES[0], f"/verdict/{'0' * 32}")
    eyes.sees("dialog.reject", "no longer kept")
    eyes.shot("10-gone")
    eyes.close()


def test_a_link_leads_to_whatever_the_screen_still_has(chromium: Any, stage: Stage) -> None:
    """Also to what is too old for the gallery of the page."""
    page = Onlooker(stage.port)
    listed = {each["id"] for each in page.until("rejects")}
    page.close()
    first = identity(verdict(3, "FAIL", "cam-2"))
    assert len(listed) == SHOWN
    assert first not in listed
    eyes = Eyes(chromium, stage, SIZES[0], f"/verdict/{first}")
    told = eyes.sees("dialog.reject").inner_text()
    assert "Part 3" in told
    eyes.page.locator("dialog img").evaluate("image => image.decode()")
    eyes.close()


def test_a_link_leads_to_a_warning_too(chromium: Any, stage: Stage) -> None:
    """An alarm may be about WARN, which is no reject: the gallery has it not, its address has."""
    warned = verdict(500, "WARN", "cam-3", SHORT)
    stage.add([part(500, "cam-3", SHORT), warned])
    eyes = Eyes(chromium, stage, SIZES[0], f"/verdict/{identity(warned)}")
    told = eyes.sees("dialog.reject").inner_text()
    assert all(word in told for word in ("WARN", "cam-3", "Part 500", "SHORT"))
    eyes.page.locator("dialog img").evaluate("image => image.decode()")
    eyes.page.keyboard.press("Escape")
    eyes.page.keyboard.press("2")
    assert eyes.page.locator(f"#reject-{identity(warned)}").count() == 0
    eyes.close()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_everything_fits_and_can_be_hit_with_a_finger(chromium: Any, stage: Stage, size: tuple[int, int]) -> None:
    """In both languages, on every view: nothing scrolls that should not, no word of a verdict is cut off."""
    eyes = Eyes(chromium, stage, size)
    for _ in ("en", "ja"):
        for place, _ in enumerate(VIEWS, start=1):
            eyes.page.keyboard.press(str(place))
            eyes.page.evaluate(DRAWN)
            extent = eyes.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
            assert extent == list(size)
            assert eyes.page.evaluate(SMALL, FINGER) == []
            assert eyes.page.evaluate(CUT) == []
        eyes.page.keyboard.press("l")
    eyes.close()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_verdict_is_whole_however_many_cameras_there_are(
    chromium: Any, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The longest word, in both languages, while something is wrong with the line."""
    outcomes: tuple[Outcome, ...] = ("FAIL", "NO_READ", "WARN", "PASS")
    line = Line()
    assert line.standing
    line.standing = replace(line.standing, faults=tuple(f"process track@cam-{n} is stalled" for n in range(5)))
    with staged(tmp_path, line=line) as stage:
        stage.add([verdict(0, camera="cam-1")])
        eyes = Eyes(chromium, stage, size)
        eyes.sees(".fault", "+2")
        for cameras in (1, 4, 6, 12, 24):
            for number in range(cameras):
                camera = f"cam-{number + 1}"
                decided = verdict(cameras, outcomes[number % 4], camera)
                stage.add([part(cameras, camera), decided, tracks(cameras, camera)])
            eyes.page.wait_for_function("many => document.querySelectorAll('.tile').length === many", arg=cameras)
            called = eyes.page.locator(".tile .name").all_inner_texts()
            assert called == [f"cam-{number + 1}" for number in range(cameras)]
            for lang in ("en", "ja"):
                eyes.page.evaluate(DRAWN)
                eyes.page.evaluate(LONGEST)
                assert eyes.page.evaluate(CUT) == []
                assert eyes.page.evaluate(OUTSIDE) == []
                eyes.shot(f"13-{cameras}-cameras-{lang}")
                eyes.page.keyboard.press("l")
        eyes.close()


OUTSIDE = """() => [...document.querySelectorAll(".tile")].flatMap((tile) => {
  const outer = tile.getBoundingClientRect();
  return [...tile.querySelectorAll(".verdict .sign, .verdict .word, .name, canvas")].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.left < outer.left || box.right > outer.right || box.top < outer.top || box.bottom > outer.bottom
      || !box.width || !box.height;
  }).map((each) => `${each.tagName} ${each.innerText}`); })"""
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
LONGEST = """() => document.querySelectorAll(".counter .part").forEach(each => { each.textContent = "100%"; })"""
SMALL = """least => [...document.querySelectorAll("button")].filter(each => each.offsetParent !== null)
  .map(each => [each.innerText, each.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.width, box.height) < least).map(([text, box]) => `${text} ${box.height}`)"""
CUT = """() => [...document.querySelectorAll(
  ".word, .label, .count, .counter, .standing b, .head time, .tab span, .name, h3")]
  .filter(each => each.offsetParent !== null && each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
  .map(each => each.innerText)"""


@pytest.mark.parametrize("shown", [False, True], ids=["masks alone", "images shown"])
def test_a_page_says_when_images_leave_a_camera_and_when_it_shows_them(
    chromium: Any, tmp_path: Path, shown: bool
) -> None:
    """Above everything and at the camera; a picture is behind the masks only where the topology says so twice."""
    line = Line()
    assert line.standing
    line.standing = replace(line.standing, pictured=("cam-1",))
    with staged(tmp_path, line=line, images=shown) as stage:
        picture = Image(**names(7), size=(96, 96), format="png", data=red(96))
        stage.add([picture, part(1, finding=HOLE), verdict(1), tracks(7)])
        eyes = Eyes(chromium, stage, SIZES[0])
        said = "CAMERA IMAGES SHOWN" if shown else "IMAGES LEAVE THIS CAMERA"
        eyes.sees(".notes", said)
        eyes.sees(".info", f"{said}: cam-1")
        stage.add([tracks(8)])  # it is drawn behind the next masks
        eyes.page.wait_for_function(f"wanted => ({CORNER})() === wanted", arg="255,0,0" if shown else "0,0,0")
        eyes.shot(f"11-images-{'shown' if shown else 'leave'}")
        eyes.close()


CORNER = """() => { const canvas = document.querySelector("canvas"); const [rows, columns] = [96, 96];
  const scale = Math.min(canvas.width / columns, canvas.height / rows);
  const [x, y] = [(canvas.width - columns * scale) / 2 + 6 * scale, (canvas.height - rows * scale) / 2 + 6 * scale];
  return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3).join(); }"""


def red(side: int) -> bytes:
    """A picture of nothing but red, PNG."""
    import cv2
    import numpy as np

    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[:] = (0, 0, 255)
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_recipe_and_model_versions_are_shown(chromium: Any, tmp_path: Path) -> None:
    """Those that decide now: another version of the rules, or another network, is there with its first record."""
    with staged(tmp_path) as stage:
        stage.add([part(1, finding=HOLE), verdict(1), tracks(1)])
        eyes = Eyes(chromium, stage, SIZES[0])
        eyes.sees(".info", "Rules: plate 5d1c0ffee123")
        eyes.sees(".info", "Network: b5ae03c883c2")
        stage.add([verdict(2, version="0ddba11c0de5"), tracks(2, model="22f907e003f1")])
        eyes.sees(".info", "Rules: plate 0ddba11c0de5")
        eyes.sees(".info", "Network: 22f907e003f1")
        eyes.close()


def test_what_is_wrong_on_another_host_is_told_in_large_letters(chromium: Any, tmp_path: Path) -> None:
    """A line of which half does not answer is not one that runs."""
    line = Line()
    assert line.standing
    line.standing = replace(line.standing, faults=("host 'edge-2' at 10.0.0.2 does not answer any more",))
    with staged(tmp_path, line=line) as stage:
        stage.add([part(1, finding=HOLE), verdict(1), tracks(1)])
        eyes = Eyes(chromium, stage, SIZES[1])
        eyes.sees(".standing", "FAULT")
        eyes.sees(".fault", "host 'edge-2' at 10.0.0.2 does not answer any more")
        eyes.shot("12-fault")
        eyes.close()


def test_a_page_goes_on_when_its_screen_is_there_again(chromium: Any, tmp_path: Path) -> None:
    """Nobody stands before it to load it anew."""
    with staged(tmp_path) as stage:
        stage.add([part(1, finding=HOLE), verdict(1), tracks(1)])
        port, eyes = stage.port, Eyes(chromium, stage, SIZES[0])
    eyes.sees(".lost", "NO CONNECTION")
    with staged(tmp_path, port=port) as again:
        again.add([part(2, "cam-9", HOLE), verdict(2, camera="cam-9"), tracks(2, "cam-9")])
        eyes.sees(".tile .name", "cam-9")
        eyes.page.locator(".lost").wait_for(state="hidden")
        eyes.page.close()


def test_what_a_line_says_never_becomes_markup(chromium: Any, tmp_path: Path) -> None:
    """A camera, a reason or a note may hold anything."""
    finding = replace(HOLE, reason=MARKUP, note=MARKUP, rule=MARKUP)
    with staged(tmp_path, title=MARKUP) as stage:
        stage.add([part(1, MARKUP, HOLE), verdict(1, "FAIL", MARKUP, finding), tracks(1, MARKUP)])
        eyes = Eyes(chromium, stage, SIZES[0])
        assert eyes.page.locator("h1").inner_text() == MARKUP
        assert eyes.page.locator(".tile .name").inner_text() == MARKUP
        eyes.page.locator(".tile").click()
        assert MARKUP in eyes.sees("dialog.reject").inner_text()
        assert eyes.page.locator("img[src=x]").count() == 0
        eyes.close()


def test_a_page_that_hears_nothing_says_so(chromium: Any, tmp_path: Path) -> None:
    """What is old must not look like what is."""
    with staged(tmp_path) as stage:
        stage.add([part(1, finding=HOLE), verdict(1), tracks(1)])
        eyes = Eyes(chromium, stage, SIZES[0])
    eyes.sees(".lost", "NO CONNECTION. Nothing heard since")
    eyes.sees(".standing", "NO CONNECTION")
    eyes.shot("9-lost")
    eyes.page.close()


def test_both_languages_have_the_same_words(chromium: Any, stage: Stage) -> None:
    """No word is left in the other one."""
    eyes = Eyes(chromium, stage, SIZES[0])
    assert eyes.page.evaluate("import('/web/words.js').then(words => words.gaps())") == []
    eyes.close()


def test_a_page_reads_run_lengths_as_everybody_does(chromium: Any, stage: Stage) -> None:
    """Runs, and the pixels that they set, of masks of many kinds."""
    import numpy as np

    eyes = Eyes(chromium, stage, SIZES[0])
    random = np.random.default_rng(3)
    masks = [Mask.from_dense(random.random((40, 31)) > share) for share in (0.0, 0.3, 0.99, 1.0)]
    masks += [Mask.from_dense(np.pad(np.ones((200, 300), bool), 7)), tracks(1).tracks[0].region.mask]
    for mask in masks:
        counts = mask.counts.decode()
        assert eyes.page.evaluate("async counts => (await import('/web/masks.js')).runs(counts)", counts) == mask.runs
        found = np.zeros(mask.size, bool)
        asked = "async ([counts, height]) => (await import('/web/masks.js')).stretches(counts, height)"
        for x, top, bottom in eyes.page.evaluate(asked, [counts, mask.size[0]]):
            found[top:bottom, x] = True
        assert (found == mask.dense).all()
    eyes.close()
