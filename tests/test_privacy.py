"""Privacy: no record but one can hold a picture, and no door lets that one out unless the topology asks for it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec.inspect as kinds
import pytest
from rich.console import Console

from pipeline import node as nodes
from pipeline.catalog import own
from pipeline.check import check, load
from pipeline.errors import NodeError
from pipeline.outline import text
from pipeline.plan import Lane as Layout
from pipeline.plan import NodeRun, Plan
from pipeline.planner import plan
from pipeline.records import KINDS, AnyRecord, Frame, Gap, Image, Record
from pipeline.runtime.kin import kin
from pipeline.runtime.lane import Exit, Lane
from pipeline.runtime.live import picture
from pipeline.runtime.rows import Rates
from pipeline.runtime.split import ALL
from pipeline.runtime.turn import Turn
from pipeline.runtime.views import summary
from tests.lines import health, node, snapshot
from tests.specimens import catalog
from tests.toys import Outlet, edge

LINE = """
hosts:
  edge-1: {cameras: [cam-1, cam-2]}
cameras:
  cam-2:
    camera: {images: true, prompts: {rim: {point: [2028, 1520], size: 640}}}
nodes:
  camera:  {use: eye}
  measure: {from: camera}
  track:   {from: measure}
  archive: {from: [camera, track]}
"""
# Every field of a record that is bytes, and why it is no picture. Another one needs a reason here.
BYTES = {
    "Image.data": "the picture itself: the one kind that asks for `images: true`",
    "Rle.counts": "run lengths: whether a pixel belongs to a mask, nothing of how it looks",
    "Scores.data": "what the network said of each pixel of its mask, not what it saw",
}
LONGEST = 1024  # characters of a text
PICTURE = Image(camera="cam-1", session="s", seq=1, t_ns=1, size=(2, 2), format="png", data=b"\x89PNG")


def _leaves(kind: kinds.Type, name: str) -> Iterator[tuple[str, kinds.Type]]:
    """Everything a type is made of that is not made of anything else, by the field that holds it."""
    match kind:
        case kinds.StructType(cls=cls, fields=fields):
            for field in fields:
                yield from _leaves(field.type, f"{cls.__name__}.{field.name}")
        case kinds.UnionType(types=types) | kinds.TupleType(item_types=types):
            for each in types:
                yield from _leaves(each, name)
        case kinds.VarTupleType(item_type=item):
            yield from _leaves(item, f"{name}[]")
        case kinds.DictType(key_type=key, value_type=value):
            yield from _leaves(key, f"{name}[]")
            yield from _leaves(value, f"{name}[]")
        case kinds.Metadata(type=inner):
            yield from _leaves(inner, name)
        case _:
            yield name, kind


def test_one_kind_of_record_alone_can_hold_a_picture() -> None:
    """A picture is bytes, a list of numbers, a long text, or anything at all: no other record has room for one."""
    leaves = [*_leaves(kinds.type_info(AnyRecord), "")]
    assert {name for name, kind in leaves if isinstance(kind, kinds.BytesType)} == BYTES.keys()
    plain = kinds.IntType | kinds.FloatType | kinds.BoolType | kinds.NoneType | kinds.LiteralType
    for name, kind in leaves:
        assert isinstance(kind, plain | kinds.StrType | kinds.BytesType), f"{name} may be anything"
        if isinstance(kind, kinds.StrType):
            assert (kind.max_length or 2**31) <= LONGEST, f"{name} is a text without end"
        numbers = name.endswith("[]") and isinstance(kind, kinds.IntType | kinds.FloatType)
        assert not numbers or name in ("Stats.outcomes[]", "Stats.reasons[]"), f"{name} is a list of numbers"


def test_pictures_are_of_their_own_kind() -> None:
    """No other record holds one inside it, so that to stop one kind at the door is to stop all pictures."""
    for kind in KINDS:
        held = {name.split(".")[0] for name, _ in _leaves(kinds.type_info(kind), "")}
        assert ("Image" in held) == (kind is Image)


def test_a_source_of_pictures_has_the_switch() -> None:
    """Whoever writes a source that gives pictures must let the topology say no, and no is what it says by itself."""

    def bold(camera: str) -> Iterator[Frame | Image]:
        yield from ()

    def eager(camera: str, *, images: bool = True) -> Iterator[Frame | Image]:
        yield from ()

    def painter(frame: Frame) -> Image:
        return PICTURE

    said = r"gives Image, so expected the parameter `images: bool = False` after the star$"
    for source in (bold, eager):
        with pytest.raises(NodeError, match=said):
            nodes.read(source)
    with pytest.raises(
        NodeError, match=r"^painter: gives Image and takes none: expected pictures from a source alone$"
    ):
        nodes.read(painter)


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    """A line with two cameras, one of which may show what it sees."""
    file = tmp_path / "line.yaml"
    file.write_text(LINE)
    return plan(load(file, nodes=catalog()), catalog(), folder=tmp_path)


def test_the_plan_says_whose_pictures_travel(planned: Plan) -> None:
    """The edge of the camera that may carries them, that of the other one does not; people read it in the plan."""
    edges = {edge.source: edge.kinds for edge in planned.edges if edge.target[0] == "archive"}
    assert "image" in edges["camera", "cam-2"]
    assert all("image" not in carried for begin, carried in edges.items() if begin != ("camera", "cam-2"))
    told = [line.strip() for line in text(planned, catalog())]
    assert "cam-2: IMAGES leave the process of this camera: `images: true`" in told
    assert "cam-2: prompt rim: 640 × 640 px at (1708, 1200), 30 masks/s" in told
    assert "cam-1: whole view: 3040 × 3040 px at (508, 0), 30 masks/s" in told
    assert not [line for line in told if re.search("cam-1.*IMAGES", line)]


def test_the_screen_says_whose_pictures_travel(planned: Plan) -> None:
    """As long as the line runs, in the table and in its one line; a line without pictures says nothing of them."""
    assert kin(planned).pictured == ("cam-2",)
    for names, wanted in ((("cam-2",), 1), ((), 0)):
        state = snapshot(nodes=[node(health("camera", "cam-2"))], pictured=names)
        rows, out = Rates().rows(state), io.StringIO()
        Console(file=out, width=80).print(picture(state, rows))
        for shown in (out.getvalue(), summary(state, rows)):
            assert shown.count("IMAGES leave cam-2") == wanted


def test_nobody_asks_for_all_pictures_at_once(tmp_path: Path) -> None:
    """Under `with`, the switch would open for cameras that its author does not know of; so would `--set`."""
    file = tmp_path / "line.yaml"
    file.write_text(LINE)
    assert "serves every camera" in check(file, ["camera.images=true"], catalog()).document.show()
    assert check(file, ["cam-1.camera.images=true"], catalog()).topology


class _Bench:
    """The lane of one camera, whose source gives pictures whether it may or not."""

    def __init__(self, camera: str, **words: Any) -> None:
        run = NodeRun(node="camera", use="eye", params={"images": True}, overrides={"cam-2": words})
        self.out, self.failures, self.tapped = Outlet(), list[str](), list[Record]()
        self.lane = Lane(
            Layout(
                name=camera, cameras=(camera,), runs=(run, NodeRun(node="measure", use="measure", inputs=("camera",)))
            ),
            catalog(),
            entries=(),
            exits=[Exit(edge(f"camera@{camera}", "x", *ALL), self.out)],
            turn=Turn(lambda: 0),
            failure=lambda name, record, error: self.failures.append(str(error)),
        )
        self.lane.tap("camera", lambda _, record: self.tapped.append(record))
        for record in (PICTURE, PICTURE, Gap(camera=camera, session="s", seq=2, t_ns=2, last=2, reason="x", where="x")):
            self.lane.cells["camera"].give(record)


@pytest.mark.parametrize(("camera", "words"), [("cam-1", {}), ("cam-2", {}), ("cam-2", {"images": False})])
def test_a_picture_that_nobody_asked_for_goes_nowhere(camera: str, words: dict[str, Any]) -> None:
    """Even if its node gives it and an edge would carry it: no node, no edge, no tap; it is counted, and told once."""
    bench = _Bench(camera, **words)
    assert [type(record) for record in (*bench.out.records, *bench.tapped)] == [Gap, Gap]
    why = "no picture leaves a source unless the topology says `images: true` at its camera"
    assert bench.failures == [f"node 'camera' gave Image, expected Frame or Gap: {why}"]
    assert bench.lane.health()[0].failed == 2


def test_a_picture_that_was_asked_for_goes_out() -> None:
    """At the camera that says so, and to those who take pictures alone."""
    bench = _Bench("cam-2", images=True)
    assert bench.out.records[:2] == [PICTURE, PICTURE]
    assert bench.failures == []


def test_who_takes_pictures() -> None:
    """Of our own nodes those that are there to keep them, to show them, or to say how bright they are."""
    installed = own()
    assert {name for name in installed if Image in installed[name].takes} == {
        "archive",
        "dashboard",
        "drift",
        "preview",
    }
