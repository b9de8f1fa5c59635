"""The wire: round trips, golden bytes, versions, and what a stranger can do to a decoder."""

from __future__ import annotations

import random
import re
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import codec
from pipeline.codec import MAX_BYTES, MAX_CONTAINERS, MAX_ITEMS, MAX_KEYS, decode, decode_generic, encode, version
from pipeline.errors import DecodeError
from pipeline.gauges import Fit, Gauge, Place, Pose
from pipeline.masks import Mask
from pipeline.records import (
    KINDS,
    AnyRecord,
    Finding,
    Frame,
    Gap,
    Image,
    Layer,
    Part,
    Reading,
    Region,
    Regions,
    Roi,
    Scores,
    Stats,
    Summary,
    Track,
    Tracks,
    Verdict,
)
from pipeline.shapes import Metric, Shape
from tests.conftest import GOLDEN, Golden
from tests.strategies import records

WHO: dict[str, Any] = {"camera": "cam-1", "session": "5d1c", "seq": 7, "t_ns": 1_700_000_000_123_456_789}
MASK = Mask.from_dense(np.array([[0, 1, 1], [0, 1, 0]]))
SHAPE = Shape(4.5, 2.0, 1.5, 45.0, 1.95, 0.8, 0.85)
METRIC = Metric(0.12, 0.0, (12.5, -3.0), 0.9, 0.4, 0.3, 44.5, 0.39, 0.2, "bench-7")
GAUGE = Gauge(
    "golden",
    "golden",
    template="plate 0a1b2c3d4e5f",
    calibration="bench-7",
    fit=Fit(1, 0, 1, 0.75, 0.04, 0.0, 0.04),
    pose=Pose(1.5, -0.25, 0.3),
    points=(Place(0.0, 0.5), Place(1.0, 0.5)),
    missing=MASK,
)
REGION = Region("part", 3, (1, 0, 2, 2), (4 / 3, 1 / 3), 0, 0, 0.75, True, 0.5, MASK, SHAPE, METRIC, -0.5, (GAUGE,))
READING = Reading(8000, 1.5, 41.25, 14_350, 1_200, 387.5, 97.0)
SCORES = Scores((2, 3), bytes((0, 255, 128, 127, 1, 2)), 0.125, -3)

SUMMARY = Summary("pit", "area_px", 2, 5.0, 1.4142135623730951, 4.0, 6.0, 3.98, 6.0, 6.0)
EVERY: tuple[AnyRecord, ...] = (
    Frame(
        **WHO,
        size=(2, 3),
        layers=(Layer("part", MASK, 0.5, SCORES),),
        prompt="rim",
        roi=Roi(8, 9, 10, 11),
        model="ab",
        epoch="settling",
        reading=READING,
    ),
    Regions(
        **WHO,
        size=(2, 3),
        regions=(REGION,),
        prompt="rim",
        model="ab",
        epoch="unknown",
        roi=Roi(8, 9, 10, 11),
        reading=Reading(exposure_us=8000),
        calibration="bench-7",
    ),
    Tracks(
        **WHO,
        size=(2, 3),
        tracks=(Track(4, REGION),),
        prompt="rim",
        model="ab",
        roi=Roi(8, 9, 10, 11),
        watermark=6,
        encoder=12,
        reading=READING,
        calibration="bench-7",
    ),
    Part(**WHO, id=4, first_seq=2, views=5, hidden=1, best=REGION, best_seq=6, watermark=8),
    Verdict(
        **WHO,
        outcome="FAIL",
        subject="part",
        part=4,
        first_seq=2,
        findings=(Finding("too-small", "D-101", "area_px", 3.0, low=10.0, tool="rim", template="plate 0a1b2c3d4e5f"),),
        book="plates",
        watermark=8,
    ),
    Gap(**WHO, last=9, reason="error", where="track", since=5),
    Stats(
        **WHO,
        since_ns=1_700_000_000_000_000_000,
        frames=6,
        missing=1,
        outcomes={"FAIL": 1},
        reasons={"D-101": 1},
        measures=(SUMMARY,),
    ),
    Image(**WHO, size=(2, 3), format="png", data=b"\x89PNG", roi=Roi(8, 9, 10, 11), prompt="rim"),
)

# As versions before 1.5 knew them, and before 1.4.
UNREAD: tuple[AnyRecord, ...] = (
    replace(EVERY[0], reading=None),
    *(replace(record, reading=None, calibration="") for record in EVERY[1:3]),
)
BELT = replace(UNREAD[2], encoder=None)

one_of_each = pytest.mark.parametrize("record", EVERY, ids=lambda record: type(record).__name__)


@given(records())
def test_every_record_comes_back_equal(record: AnyRecord) -> None:
    """Decoding undoes encoding, for every kind and whatever its fields hold."""
    message = encode(record)
    assert decode(message) == decode(memoryview(message)) == record
    assert encode(decode(message)) == message


def test_there_is_an_example_of_every_kind() -> None:
    """A new kind of record cannot go without its golden bytes."""
    assert tuple(map(type, EVERY)) == KINDS


@one_of_each
def test_the_bytes_are_the_golden_ones_and_are_read_back(record: AnyRecord, golden: Golden) -> None:
    """What this version writes is what earlier builds of it wrote, and what they wrote is read."""
    name = f"wire/{type(record).__name__.lower()}.hex"
    golden(name, _lines(encode(record).hex()))
    kept = bytes.fromhex((GOLDEN / name).read_text(encoding="ascii"))
    assert decode(kept) == record
    assert encode(decode(kept)) == kept


def _lines(text: str) -> str:
    return "".join(f"{text[at : at + 96]}\n" for at in range(0, len(text), 96))


@one_of_each
def test_any_messagepack_library_reads_it(record: AnyRecord) -> None:
    """`msgpack` alone, told nothing, finds version, kind and fields; what it writes back is read here."""
    major, minor, plain = msgpack.unpackb(encode(record))
    assert (major, minor) == (codec.MAJOR, codec.MINOR) == version(encode(record))
    assert plain["kind"] == type(record).__name__.lower()
    assert (plain["camera"], plain["seq"], plain["t_ns"]) == ("cam-1", 7, 1_700_000_000_123_456_789)
    assert decode(msgpack.packb([major, minor, plain])) == record
    assert decode_generic(encode(record)) == plain


def test_what_version_1_0_wrote_is_read() -> None:
    """Sources of that version could not move their crop: their masks are settled."""
    kept = bytes.fromhex((GOLDEN / "wire" / "frame-1.0.hex").read_text(encoding="ascii"))
    assert version(kept) == (1, 0)
    assert decode(kept) == replace(UNREAD[0], epoch="settled")


@pytest.mark.parametrize("name", ["regions", "tracks", "part"])
def test_what_version_1_1_wrote_is_read(name: str) -> None:
    """It measured less, no outline and no mm, and a tracked frame did not say under which prompt."""
    kept = bytes.fromhex((GOLDEN / "wire" / f"{name}-1.1.hex").read_text(encoding="ascii"))
    bare = replace(REGION, shape=None, metric=None, mean_score=None, gauges=())
    told: dict[str, AnyRecord] = {
        "regions": replace(UNREAD[1], regions=(bare,), roi=None),
        "tracks": replace(BELT, tracks=(Track(4, bare),), prompt="", model="", roi=None, watermark=None),
        "part": replace(EVERY[3], best=bare, watermark=None),
    }
    assert version(kept) == (1, 1)
    assert decode(kept) == told[name]


@pytest.mark.parametrize("name", ["regions", "tracks", "part", "verdict", "gap"])
def test_what_version_1_2_wrote_is_read(name: str) -> None:
    """It had no tools, did not say of which parts all had been told, nor what a node had forgotten."""
    kept = bytes.fromhex((GOLDEN / "wire" / f"{name}-1.2.hex").read_text(encoding="ascii"))
    plain = replace(REGION, gauges=())
    limit = Finding("too-small", "D-101", "area_px", 3.0, low=10.0)
    told: dict[str, AnyRecord] = {
        "regions": replace(UNREAD[1], regions=(plain,)),
        "tracks": replace(BELT, tracks=(Track(4, plain),), watermark=None),
        "part": replace(EVERY[3], best=plain, watermark=None),
        "verdict": replace(EVERY[4], findings=(limit,), watermark=None),
        "gap": Gap(**WHO, last=9, reason="overflow", where="clean→archive"),
    }
    assert version(kept) == (1, 2)
    assert decode(kept) == told[name]


def test_what_version_1_3_wrote_is_read() -> None:
    """A tracked frame did not say what the belt's encoder had counted."""
    kept = bytes.fromhex((GOLDEN / "wire" / "tracks-1.3.hex").read_text(encoding="ascii"))
    assert version(kept) == (1, 3)
    assert decode(kept) == BELT


@pytest.mark.parametrize("told", UNREAD, ids=lambda record: type(record).__name__)
def test_what_version_1_4_wrote_is_read(told: AnyRecord) -> None:
    """Nobody told what a camera had read off itself: that is unknown, and no zero; nor with what it was calibrated."""
    kept = bytes.fromhex((GOLDEN / "wire" / f"{type(told).__name__.lower()}-1.4.hex").read_text(encoding="ascii"))
    assert version(kept) == (1, 4)
    assert decode(kept) == told


def test_run_lengths_off_the_wire_are_passed_on_as_they_came() -> None:
    """A process that only passes a mask on never encodes it again: the very same bytes go out."""
    (layer,) = decode(encode(EVERY[0])).layers  # type: ignore[union-attr]
    assert isinstance(layer.mask, Mask)
    assert layer.mask._counts == MASK.counts  # noqa: SLF001 - that nothing was derived is the point
    assert layer.mask._dense is None  # noqa: SLF001


def test_fields_of_a_newer_minor_version_are_skipped() -> None:
    """A newer sender may add fields anywhere, deep ones too, and elements after the record."""
    plain = decode_generic(encode(EVERY[0]))
    plain["layers"][0]["mask"]["palette"] = [[1, {"a": None}]] * 3
    plain["lens"] = {"name": "wide", "of": [1.5] * 9}
    newer = msgpack.packb([codec.MAJOR, codec.MINOR + 1, plain, "more"])
    assert decode(newer) == EVERY[0]
    assert decode_generic(newer)["lens"]["name"] == "wide"


def test_another_major_version_is_refused_and_both_are_named() -> None:
    """The reason is its own, for a counter of its own; the text says what to do; a tap can still show the record."""
    foreign = msgpack.packb([2, 5, {"kind": "hologram", "camera": "cam-1"}])
    with pytest.raises(DecodeError) as caught:
        decode(foreign)
    assert caught.value.reason == "version"
    assert str(caught.value) == "expected a record of version 1.x, found version 2.5; update the older side"
    assert version(foreign) == (2, 5)
    assert decode_generic(foreign) == {"kind": "hologram", "camera": "cam-1"}


def test_a_version_spelled_at_length_is_the_same_version() -> None:
    """Another library may write small numbers and arrays in long form; they mean the same."""
    short = encode(EVERY[5])
    assert decode(b"\xdc\x00\x03\xcc\x01\xcd\x00\x00" + short[3:]) == EVERY[5]


def test_a_refused_message_leaves_its_reason_its_head_and_its_length() -> None:
    """What a receiver keeps is small, whatever was sent."""
    message = b"\xc1" * 5000
    with pytest.raises(DecodeError) as caught:
        decode(message)
    kept = codec.refuse(memoryview(message), caught.value)
    assert (kept.reason, kept.head, kept.length) == ("malformed", b"\xc1" * 64, 5000)
    assert kept.text == str(caught.value)


def _wire(**changed: Any) -> bytes:
    return bytes(msgpack.packb([codec.MAJOR, codec.MINOR, decode_generic(encode(EVERY[5])) | changed]))


@pytest.mark.parametrize(
    ("message", "reason", "said"),
    [
        (b"", "malformed", "expected [major, minor, record], found: Input data was truncated"),
        (b"\x93\x01", "malformed", "expected a record, found: Input data was truncated"),
        (b"\x80", "malformed", "expected [major, minor, record], found: Expected `array`, got `object`"),
        (
            b"\x93\x01\x00\x80",
            "malformed",
            "expected a record, found: Object missing required field `kind` - at `$[2]`",
        ),
        (_wire(kind="hole"), "malformed", "expected a record, found: Invalid value 'hole' - at `$[2].kind`"),
        (_wire(seq=-1), "malformed", "expected a record, found: Expected `int` >= 0 - at `$[2].seq`"),
        (_wire(t_ns=2**64 - 1), "malformed", None),
        (_wire(camera=""), "malformed", "expected a record, found: Expected `str` of length >= 1 - at `$[2].camera`"),
        (encode(EVERY[5]) + b"\x00", "malformed", None),
        (bytes(MAX_BYTES + 1), "oversized", "expected at most 4194304 bytes, found 4194305"),
        (
            bytes(msgpack.packb([1, 0, decode_generic(encode(EVERY[2]))])).replace(b"231", b"232"),
            "malformed",
            "expected a record, found: expected run lengths of 6 px in all for 2×3, found 7",
        ),
    ],
)
def test_what_is_no_record_is_refused_in_words(message: bytes, reason: str, said: str | None) -> None:
    """One word for the counter and one sentence with the place."""
    with pytest.raises(DecodeError, match=f"^{re.escape(said)}$" if said else None) as caught:
        decode(message)
    assert caught.value.reason == reason


@given(records().map(encode), st.data())
def test_a_truncated_message_is_one_error(message: bytes, data: st.DataObject) -> None:
    """Cut anywhere, nothing but `DecodeError` comes out of either decoder."""
    cut = message[: data.draw(st.integers(0, len(message) - 1))]
    for reader in (decode, decode_generic):
        with pytest.raises(DecodeError):
            reader(cut)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"\x93\x01\x00" + tail))
def test_random_bytes_are_one_error(message: bytes) -> None:
    """With and without a good beginning, random bytes are refused by every reader."""
    for reader in (decode, decode_generic, version):
        _outcome(reader, message)


def test_mutilated_records_are_read_or_refused() -> None:
    """Ten thousand messages with a byte changed give a record or a `DecodeError`, never anything else."""
    chance = random.Random(5)
    for _ in range(10_000):
        message = bytearray(encode(chance.choice(EVERY)))
        message[chance.randrange(len(message))] = chance.randrange(256)
        _outcome(decode, bytes(message))
        _outcome(decode_generic, bytes(message))


def _outcome(reader: Callable[[bytes], Any], message: bytes) -> str:
    try:
        reader(message)
    except DecodeError as error:
        return error.reason
    return "read"


HEAD = bytes((0x93, codec.MAJOR, codec.MINOR))
ROOM = MAX_BYTES - 512
LAYER = b"\x82\xa5label\xa1a\xa4mask"


def _array(count: int) -> bytes:
    return b"\xdd" + struct.pack(">I", count)


def _map(count: int) -> bytes:
    return b"\xdf" + struct.pack(">I", count)


def _record(kind: str, **fields: bytes) -> bytes:
    """A record of this kind that is right but for `fields`, which are bytes as they stand."""
    example = {type(record).__name__.lower(): record for record in EVERY}[kind]
    told = {name: bytes(msgpack.packb(value)) for name, value in decode_generic(encode(example)).items()} | fields
    return HEAD + _map(len(told)) + b"".join(bytes(msgpack.packb(name)) + value for name, value in told.items())


FILLINGS = {
    "empty arrays": _array(ROOM) + b"\x90" * ROOM,
    "empty maps": _array(ROOM) + b"\x80" * ROOM,
    "nothings": _array(ROOM) + b"\xc0" * ROOM,
    "arrays of empty arrays": _array(ROOM // 2048) + (_array(2043) + b"\x90" * 2043) * (ROOM // 2048),
    "nested arrays": b"\x91" * ROOM,
    "nested maps": b"\x81\xa0" * (ROOM // 2),
    "one long array promised": _array(2**32 - 1),
    "one long map promised": _map(2**32 - 1),
    "one long text promised": b"\xdb\xff\xff\xff\xff",
    "one long binary promised": b"\xc6\xff\xff\xff\xff",
    "a giant extension promised": b"\xc9\xff\xff\xff\xff\x01",
    "a giant extension": b"\xc9" + struct.pack(">I", ROOM) + b"\x01" + bytes(ROOM),
    "timestamps": _array(ROOM // 6) + b"\xd6\xff\x00\x00\x00\x00" * (ROOM // 6),
    "a map of many keys": _map(ROOM // 6) + b"".join(b"\xa4%04x\xc0" % (at % 65536) for at in range(ROOM // 6)),
    "equal keys": _map(ROOM // 2) + b"\xa0\xc0" * (ROOM // 2),
    "short texts": _array(ROOM // 3) + b"\xa2ab" * (ROOM // 3),
}
PLACES: dict[str, Callable[[bytes], bytes]] = {
    "the whole message": lambda filling: filling[:MAX_BYTES],
    "the record": lambda filling: HEAD + filling,
    "an unknown field": lambda filling: _record("gap", lens=filling),
    "a text": lambda filling: _record("gap", reason=filling),
    "layers": lambda filling: _record("frame", layers=filling),
    "a mask": lambda filling: _record("frame", layers=b"\x91" + LAYER + filling),
    "a mask's size": lambda filling: _record("frame", layers=b"\x91" + LAYER + b"\x81\xa4size" + filling),
    "run lengths": lambda filling: _record(
        "frame", layers=b"\x91" + LAYER + b"\x82\xa4size\x92\x01\x01\xa6counts" + filling
    ),
    "regions": lambda filling: _record("regions", regions=filling),
    "findings": lambda filling: _record("verdict", findings=filling),
    "a tally": lambda filling: _record("stats", reasons=filling),
    "another version": lambda filling: b"\x93\x02\x00" + filling,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("filling", FILLINGS)
def test_bombs_cost_little_memory_and_time(filling: str, place: str) -> None:
    """Four megabytes of containers anywhere in a record cost no more than ten times their bytes, and half a second."""
    bomb = PLACES[place](FILLINGS[filling])
    assert len(bomb) <= MAX_BYTES
    cost = _cost(decode, bomb)
    assert cost.outcome in {"malformed", "version", "read"}
    assert cost.outcome != "read" or place == "an unknown field"
    assert cost.memory < 10 * MAX_BYTES
    assert cost.seconds < 0.5


@pytest.mark.parametrize("filling", FILLINGS)
def test_bombs_cost_a_tap_little_memory_and_time(filling: str) -> None:
    """Untyped values are limited in depth and in number, so that a tap may look at anything."""
    cost = _cost(decode_generic, PLACES["an unknown field"](FILLINGS[filling]))
    assert cost.outcome == "malformed"
    assert cost.memory < 10 * MAX_BYTES
    assert cost.seconds < 1


def test_ten_megabytes_are_refused_unread() -> None:
    """Size is looked at first: a larger message costs nothing, whatever it holds."""
    bomb = HEAD + _array(10_000_000) + b"\x90" * 10_000_000
    for reader in (decode, decode_generic, version):
        cost = _cost(reader, bomb)
        assert (cost.outcome, cost.memory < 10_000) == ("oversized", True)


class _Cost:
    """What reading a message took: its outcome, peak bytes and seconds of CPU time."""

    def __init__(self, outcome: str, memory: int, seconds: float) -> None:
        self.outcome = outcome
        self.memory = memory
        self.seconds = seconds


def _cost(reader: Callable[[bytes], Any], message: bytes) -> _Cost:
    start = time.process_time()
    outcome = _outcome(reader, message)
    seconds = time.process_time() - start
    tracemalloc.start()
    try:
        _outcome(reader, message)
        return _Cost(outcome, tracemalloc.get_traced_memory()[1], seconds)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([0] * (MAX_ITEMS + 1), r"65537 exceeds max_array_len\(65536\)"),
        ({str(key): 0 for key in range(MAX_KEYS + 1)}, r"4097 exceeds max_map_len\(4096\)"),
        ([[]] * MAX_ITEMS, f"more than {MAX_CONTAINERS} arrays and maps"),
        ({1: 2}, "int is not allowed for map key when strict_map_key=True"),
        (msgpack.ExtType(1, b"x"), r"exceeds max_ext_len\(0\)"),
    ],
)
def test_a_tap_says_which_limit_was_met(value: Any, said: str) -> None:
    """Each limit on untyped values has its own words."""
    message = msgpack.packb([1, 0, {"field": value}])
    with pytest.raises(DecodeError, match=f"^expected \\[major, minor, record\\], found: .*{said}"):
        decode_generic(message)


@pytest.mark.parametrize("value", [7, [1, 0], [1, 0, []], ["1", 0, {}], {}])
def test_a_tap_refuses_what_is_no_message(value: Any) -> None:
    """Plain values that are not `[major, minor, map]` are no record of any version."""
    with pytest.raises(DecodeError, match=r"^expected \[major, minor, record\], found: "):
        decode_generic(msgpack.packb(value))


def test_a_deep_message_leaves_the_recursion_limit_alone() -> None:
    """Nesting is refused by the decoder, not by exhausting the interpreter."""
    limit = sys.getrecursionlimit()
    assert _outcome(decode, _record("gap", lens=b"\x91" * 900 + b"\xc0")) in {"read", "malformed"}
    assert _outcome(decode, _record("gap", lens=b"\x91" * 100_000)) == "malformed"
    assert sys.getrecursionlimit() == limit


def test_only_plain_values_and_masks_can_be_encoded() -> None:
    """A record that holds something else is a mistake in a node, and is named."""
    said = "expected a record of plain values and masks, found object in it"
    with pytest.raises(TypeError, match=said):
        encode(Gap(**WHO, last=9, reason=object(), where=""))  # type: ignore[arg-type]
