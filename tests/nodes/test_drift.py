"""Drift: a network that sees what it was never judged by is told of, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.sinks.drift import Card, _judge, drift, read_card
from nodes.sinks.light import level_of
from pipeline.check import check
from pipeline.errors import NodeError
from pipeline.notices import board
from pipeline.records import Frame, Image, Reading, Roi, Stats, Summary
from tests.conftest import ROOT

PERCENTS = (1, 5, 25, 50, 75, 95, 99)
AREAS = (20.0, 100.0, 400.0, 900.0, 1500.0, 3000.0, 4000.0)
LIGHT = (30.0, 50.0, 90.0, 120.0, 150.0, 190.0, 220.0)
ROI = Roi(1000, 500, 960, 960)
ONES = (1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0)


@pytest.fixture
def card(tmp_path: Path) -> str:
    """The card of a network whose masks had mostly 100 to 3000 px, and mostly one piece."""
    path = tmp_path / "net.json"
    known = {"area_px": AREAS, "found": ONES, "brightness": LIGHT}
    told = {"name": "net", "reference": known, "percents": PERCENTS, "size": 3}
    path.write_bytes(msgspec.json.encode(told))
    return str(path)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Other tests' notices, and ours, are not there."""
    yield
    for notice in board.read():
        board.settle(notice.key)


def _stats(p50: float, n: int = 500, measure: str = "area_px", camera: str = "cam-1") -> Stats:
    label = "" if measure == "found" else "pit"
    summary = Summary(label, measure, n, p50, 1.0, 0, 1e6, p50, p50, p50)
    return Stats(camera=camera, session="s", seq=1, t_ns=1, since_ns=0, frames=n, missing=0, measures=(summary,))


def _told(card: str, *records: Stats | Frame | Image, **params: Any) -> list[str]:
    drift(iter(records), card=card, **params)
    return [notice.text for notice in board.read() if notice.key.startswith("drift ")]


def test_what_the_judges_had_is_no_news(card: str) -> None:
    """Nor is a measure that the card does not know, nor a stretch of few values."""
    assert _told(card, _stats(900), _stats(100), _stats(3000), _stats(1, measure="found")) == []
    assert _told(card, _stats(9, measure="length_px"), _stats(9, n=99)) == []
    assert len(_told(card, _stats(9, n=99), least=99)) == 1


def test_what_they_did_not_have_is_told_until_it_is_over(card: str) -> None:
    """With the numbers, camera by camera."""
    (text,) = _told(card, _stats(40))
    assert text == (
        "cam-1: pit area_px: half of 500 values are at most 40; 90 % of what net was judged by lay between 100 and "
        "3000, and only 5 % below 100; look at what the camera shows it: light, focus, crop, product"
    )
    assert len(_told(card, _stats(5000, camera="cam-2"))) == 2
    (other,) = _told(card, _stats(900))
    assert other.startswith("cam-2: pit area_px: half of 500 values are at least 5000;")


def test_many_pieces_are_told(card: str) -> None:
    """Frames have no label."""
    (text,) = _told(card, _stats(6, measure="found"))
    assert text.startswith("cam-1: found: half of 500 values are at least 6; 90 %")


@given(values=st.lists(st.floats(0, 1e6), min_size=7, max_size=7), live=st.floats(0, 1e6))
def test_only_what_is_out_of_the_usual_is_told(values: list[float], live: float) -> None:
    """Whatever a card says: the usual is from its 5th to its 95th percentile."""
    known = sorted(values)
    usual = Card("net", {"area_px": (*known,)}, PERCENTS).usual("area_px")
    assert usual == (known[1], known[5])
    _judge("cam-1", _stats(live).measures[0], usual, "net")
    assert bool(board.read()) == (not known[1] <= live <= known[5])


def test_what_is_no_card_is_refused(tmp_path: Path) -> None:
    """With its place, by the node as by `kensa check`."""
    path = tmp_path / "card.json"
    path.write_text('{"name": "net", "percents": [5, 95]}')
    assert "missing required field `reference`" in read_card(str(path)).show()
    with pytest.raises(NodeError, match="expected the card of a network, as `kensa-model export` writes it"):
        drift(iter(()), card=str(path))
    path.write_text('{"name": "net", "percents": [5, 95], "reference": {"found": [1]}}')
    with pytest.raises(NodeError, match=r"card\.json:1:\d+: expected 2 percentiles, one for each of `per"):
        drift(iter(()), card=str(path))
    with pytest.raises(NodeError, match=r"none\.json"):
        drift(iter(()), card=str(tmp_path / "none.json"))


def _frame(**more: Any) -> Frame:
    known: dict[str, Any] = {"camera": "cam-1", "session": "s", "seq": 1, "t_ns": 1, "size": (96, 96), "roi": ROI}
    return Frame(**(known | more))


def _image(level: int, **more: Any) -> Image:
    """The whole array at a quarter of its size: so bright where the network looks, and 128 beside it."""
    pixels = np.full((760, 1014, 3), 128, np.uint8)
    pixels[125:365, 250:490] = level
    known: dict[str, Any] = {"camera": "cam-1", "session": "s", "seq": 1, "t_ns": 1, "size": pixels.shape[:2]}
    return Image(**(known | {"format": "png", "data": cv2.imencode(".png", pixels)[1].tobytes()} | more))


def test_pictures_tell_how_bright_a_crop_is() -> None:
    """Its own pixels alone, whatever the picture shows of the sensor; one that shows nothing of it says nothing."""
    assert level_of(_image(20), ROI) == 20
    assert level_of(_image(20, roi=Roi(0, 0, 4056, 3040)), ROI) == 20
    assert level_of(_image(20), Roi(0, 0, 400, 400)) == 128
    assert level_of(_image(20), Roi(1000, 500, 1920, 960)) == pytest.approx(74, abs=0.5)
    assert level_of(_image(20, roi=Roi(0, 0, 1000, 500)), ROI) is None


def test_light_that_no_judge_had_is_told(card: str) -> None:
    """By as many pictures as are asked for, camera by camera; until it is usual again."""
    dark, usual = [_image(20)] * 4, [_image(100)] * 4
    assert _told(card, _frame(), *dark[1:], least=4) == []
    (text,) = _told(card, _frame(), *dark, least=4)
    assert text == (
        "cam-1: brightness: half of 4 values are at most 20; 90 % of what net was judged by lay between 50 and 190, "
        "and only 5 % below 50; look at what the camera shows it: light, focus, crop, product"
    )
    assert _told(card, _frame(), *usual, least=4) == []


def test_what_frames_say_of_their_light_counts_and_pictures_no_more(card: str) -> None:
    """Half as many pictures are left to decode, and none counts twice; another session may say nothing itself."""
    dark, usual = _frame(reading=Reading(brightness=20.0)), [_image(100)] * 4
    (text,) = _told(card, dark, usual[0], dark, usual[1], dark, usual[2], dark, usual[3], least=4)
    assert text.startswith("cam-1: brightness: half of 4 values are at most 20; 90 %")
    assert len(_told(card, dark, *usual, least=4)) == 1
    assert _told(card, _frame(session="t"), *[_image(100, session="t")] * 4, least=4) == []


def test_pictures_of_an_unknown_crop_say_nothing(card: str) -> None:
    """One that is settling, one of another session or prompt, one that no frame has told."""
    for frame in (_frame(epoch="settling"), _frame(session="before"), _frame(prompt="other"), _frame(roi=None)):
        assert _told(card, frame, *[_image(20)] * 4, least=4) == []
    assert _told(card, *[_image(20)] * 4, least=4) == []


def test_a_picture_that_cannot_be_read_is_told(card: str) -> None:
    """And left out of what is compared."""
    torn = _image(20, data=b"torn", seq=7)
    (text,) = _told(card, _frame(), *[_image(100)] * 3, torn, least=4)
    assert text == (
        "cam-1: the picture of frame 7: expected png, found something else or a damaged one; its brightness is left out"
    )


def test_a_line_compares_pictures_where_they_may_leave(tmp_path: Path) -> None:
    """The line of what is shipped, with `images: true`, is in order as it stands."""
    text = (ROOT / "topologies" / "flaws.yaml").read_text()
    told = text.replace("{from: stats, ", "{from: [stats, camera], ")
    assert told != text
    told += "cameras: {surface: {camera: {images: true}}}\n"
    for name in ("flaws", "networks", "rules"):
        (tmp_path / name).symlink_to(ROOT / "topologies" / name)
    (tmp_path / "flaws.yaml").write_text(told)
    assert check(tmp_path / "flaws.yaml").document.show() == ""
