"""Hypothesis strategies for everything that travels, read off the records themselves: a new field is drawn at once."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import msgspec.inspect as kinds
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline import runs
from pipeline.masks import Mask, Rle
from pipeline.records import KINDS, AnyRecord, Frame, Gap, Layer, Region, Regions, Track, Tracks

S = TypeVar("S", bound=msgspec.Struct)
Size = tuple[int, int]
Box = tuple[int, int, int, int]

LARGEST = 2**63 - 1


def sizes(most: int = 40) -> st.SearchStrategy[Size]:
    """(height, width), px; single rows and columns are among them."""
    return st.tuples(st.integers(1, most), st.integers(1, most))


def pixels(size: Size) -> st.SearchStrategy[NDArray[np.bool_]]:
    """(H, W) bool, row-major: empty, full, a few boxes, noise of any density, or each pixel drawn by itself."""
    count = size[0] * size[1]
    packed = st.binary(min_size=-(-count // 8), max_size=-(-count // 8))
    return st.one_of(
        st.booleans().map(lambda value: np.full(size, value)),
        st.lists(_boxes(size), max_size=4).map(lambda boxes: _paint(size, boxes)),
        st.builds(_noise, st.just(size), st.integers(0, 2**32 - 1), st.floats(0, 1)),
        packed.map(lambda bits: np.unpackbits(np.frombuffer(bits, np.uint8), count=count).reshape(size).astype(bool)),
    )


def masks(size: Size | None = None) -> st.SearchStrategy[Mask]:
    """Masks of one size, or of any; some hold pixels, some hold run lengths."""
    drawn = sizes().flatmap(pixels) if size is None else pixels(size)
    dense = drawn.map(Mask.from_dense)
    return dense | dense.map(lambda mask: Mask.from_counts(mask.size, mask.counts))


def hostile() -> st.SearchStrategy[tuple[Size, bytes]]:
    """Sizes small, empty, huge and absurd, with strings that are random, nearly right, cut off or overflowing."""
    side = st.integers(0, 9) | st.sampled_from([-1, 4096, 1 << 24, 1 << 32, 1 << 63])
    near = st.lists(st.integers(-3, 9) | st.sampled_from([2**24, 2**31, 2**32, 2**63, -(2**31)]), max_size=9)
    spelled = st.builds(lambda told, cut, more: runs.compress(told)[cut:] + more, near, st.integers(0, 2), st.binary())
    text = st.binary(max_size=40) | st.text(alphabet=[*map(chr, range(48, 112))], max_size=40).map(str.encode)
    return st.tuples(st.tuples(side, side), text | spelled | near.map(runs.compress))


def frames(size: Size | None = None) -> st.SearchStrategy[Frame]:
    """Frames whose masks have the frame's size."""
    return _sized(size, lambda s: struct(Frame, size=st.just(s), layers=_few(struct(Layer, mask=masks(s)))))


def regions(size: Size | None = None) -> st.SearchStrategy[Regions]:
    """Regions whose masks have the frame's size; their numbers are any, not the masks' own."""
    return _sized(size, lambda s: struct(Regions, size=st.just(s), regions=_few(struct(Region, mask=masks(s)))))


def tracks(size: Size | None = None) -> st.SearchStrategy[Tracks]:
    """Tracks whose masks have the frame's size."""
    return _sized(size, lambda s: struct(Tracks, size=st.just(s), tracks=_few(_track(s))))


def gaps() -> st.SearchStrategy[Gap]:
    """Gaps of one frame or more: `last` is never before `seq`."""
    first = st.integers(0, 2**32)
    return first.flatmap(lambda seq: struct(Gap, seq=st.just(seq), last=st.integers(seq, seq + 1000)))


def records() -> st.SearchStrategy[AnyRecord]:
    """Every kind of record; frames, regions, tracks and gaps are consistent in themselves."""
    consistent = {Frame: frames(), Regions: regions(), Tracks: tracks(), Gap: gaps()}
    drawn: list[st.SearchStrategy[Any]] = [consistent[kind] if kind in consistent else struct(kind) for kind in KINDS]
    return st.one_of(drawn)


def struct(kind: type[S], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[S]:
    """Any value of a struct within the limits that its types state; `fields` replaces some of them."""
    drawn = {field.name: of(field.type) for field in _fields(kind) if field.name not in fields}
    return st.builds(kind, **drawn, **fields)


def of(kind: kinds.Type) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911, PLR0912 - one line for each form of type
    """Any value of a type within the limits it states; sequences hold at most three."""
    match kind:
        case kinds.NoneType():
            return st.none()
        case kinds.BoolType():
            return st.booleans()
        case kinds.IntType(ge=low, le=high):
            return st.integers(-LARGEST if low is None else low, LARGEST if high is None else high)
        case kinds.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case kinds.StrType(min_length=least):
            return st.text(st.characters(codec="utf-8"), min_size=least or 0, max_size=12)
        case kinds.BytesType():
            return st.binary(max_size=64)
        case kinds.LiteralType(values=values):
            return st.sampled_from(values)
        case kinds.UnionType(types=types):
            return st.one_of([of(each) for each in types])
        case kinds.TupleType(item_types=types):
            return st.tuples(*[of(each) for each in types])
        case kinds.VarTupleType(item_type=each):
            return _few(of(each))
        case kinds.DictType(key_type=key, value_type=value):
            return st.dictionaries(of(key), of(value), max_size=3)
        case kinds.StructType(cls=cls) if cls is Rle:
            return masks()
        case kinds.StructType(cls=cls):
            return struct(cls)
    raise TypeError(f"expected a type that records are made of, found {kind}; say here how to draw it")


def _fields(kind: type[msgspec.Struct]) -> tuple[kinds.Field, ...]:
    info = kinds.type_info(kind)
    assert isinstance(info, kinds.StructType)
    return info.fields


def _few(drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(drawn, max_size=3).map(tuple)


def _sized(size: Size | None, draw: Any) -> st.SearchStrategy[Any]:
    drawn: st.SearchStrategy[Any] = sizes(16).flatmap(draw) if size is None else draw(size)
    return drawn


def _track(size: Size) -> st.SearchStrategy[Track]:
    return struct(Track, region=struct(Region, mask=masks(size)))


def _boxes(size: Size) -> st.SearchStrategy[Box]:
    rows, columns = st.integers(0, size[0]), st.integers(0, size[1])
    return st.tuples(rows, rows, columns, columns)


def _paint(size: Size, boxes: list[Box]) -> NDArray[np.bool_]:
    painted = np.zeros(size, bool)
    for top, bottom, left, right in boxes:
        painted[top:bottom, left:right] = True
    return painted


def _noise(size: Size, seed: int, density: float) -> NDArray[np.bool_]:
    return np.asarray(np.random.default_rng(seed).random(size) < density)
